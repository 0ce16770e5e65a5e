"""Reserved concurrency and the account's limit as boto3 sees them, on a running server."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

LIMIT = 400
HERE = "arn:aws:lambda:us-east-1:000000000000:function"
NO_VERSIONS = (
    "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
    "Please specify either a function name or an unqualified function ARN."
)
WAITING = {
    "app.py": """
import time

def handler(event, context):
    import boto3
    logs = boto3.client("logs")
    print("begun")
    while not logs.describe_log_groups(logGroupNamePrefix=event["until"])["logGroups"]:
        time.sleep(0.05)
    return "done"
"""
}
HELLO = {"app.py": "def handler(event, context):\n    return 'hello'\n"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tools: Any) -> Iterator[Any]:
    server = tools.Server(tmp_path_factory.mktemp("concurrency") / "data", "--concurrency", str(LIMIT)).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def aws(server: Any) -> Any:
    return server.client("lambda")


@pytest.fixture
def function(server: Any, aws: Any) -> Iterator[Callable[..., str]]:
    made: list[str] = []

    def make(files: dict[str, str] = HELLO, **members: Any) -> str:
        name = f"f-{uuid4().hex[:12]}"
        server.function(name, files, **members)
        made.append(name)
        return name

    yield make
    for name in made:
        try:
            aws.delete_function(FunctionName=name)
        except ClientError:
            pass


def refused(call: Callable[..., Any], **request: Any) -> tuple[int, str, str]:
    """(status, code, text) of the error that a call is answered with."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def unreserved(aws: Any) -> int:
    settings = aws.get_account_settings()["AccountLimit"]
    assert settings["ConcurrentExecutions"] == LIMIT
    return int(settings["UnreservedConcurrentExecutions"])


class Callers:
    """Invocations of a function that run until they are let go."""

    def __init__(self, server: Any, name: str) -> None:
        self.server = server
        self.name = name
        self.group = f"go-{uuid4().hex}"
        self.answers: list[Any] = []
        self.threads: list[threading.Thread] = []

    def start(self) -> None:
        """One more."""
        thread = threading.Thread(target=self._invoke)
        self.threads.append(thread)
        thread.start()

    def begun(self) -> int:
        logs = self.server.client("logs")
        try:
            found = logs.filter_log_events(logGroupName=f"/aws/lambda/{self.name}", filterPattern="begun")
        except logs.exceptions.ResourceNotFoundException:
            return 0
        return len(found["events"])

    def let_go(self) -> list[Any]:
        """What they were answered."""
        self.server.client("logs").create_log_group(logGroupName=self.group)
        for thread in self.threads:
            thread.join()
        return self.answers

    def _invoke(self) -> None:
        payload = json.dumps({"until": self.group})
        answer = self.server.client("lambda").invoke(FunctionName=self.name, Payload=payload)
        self.answers.append(json.load(answer["Payload"]))


def test_what_is_reserved_is_shown_kept_and_taken_back(server: Any, aws: Any, function: Any) -> None:
    name = function()
    assert "Concurrency" not in aws.get_function(FunctionName=name)
    assert "ReservedConcurrentExecutions" not in aws.get_function_concurrency(FunctionName=name)
    before = unreserved(aws)
    answer = aws.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=7)
    assert answer["ReservedConcurrentExecutions"] == 7
    assert unreserved(aws) == before - 7
    server.kill()
    server.start()
    assert aws.get_function_concurrency(FunctionName=f"{HERE}:{name}")["ReservedConcurrentExecutions"] == 7
    assert aws.get_function(FunctionName=name)["Concurrency"] == {"ReservedConcurrentExecutions": 7}
    deleted = aws.delete_function_concurrency(FunctionName=name)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    aws.delete_function_concurrency(FunctionName=name)
    assert "ReservedConcurrentExecutions" not in aws.get_function_concurrency(FunctionName=name)
    assert unreserved(aws) == before


def test_a_deleted_function_gives_back_what_was_reserved(aws: Any, function: Any) -> None:
    name = function()
    before = unreserved(aws)
    aws.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=7)
    aws.delete_function(FunctionName=name)
    assert unreserved(aws) == before


def test_reservations_are_refused_in_aws_s_words(aws: Any, function: Any) -> None:
    name = function()
    spare = unreserved(aws) - 100
    operations = (
        (aws.put_function_concurrency, {"ReservedConcurrentExecutions": 1}),
        (aws.get_function_concurrency, {}),
        (aws.delete_function_concurrency, {}),
    )
    for operation, members in operations:
        for qualified in (f"{name}:1", f"{HERE}:{name}:live"):
            answer = refused(operation, FunctionName=qualified, **members)
            assert answer == (400, "InvalidParameterValueException", NO_VERSIONS)
    put, get, delete = (operation for operation, _ in operations)
    assert refused(put, FunctionName=name, ReservedConcurrentExecutions=spare + 1) == (
        400,
        "InvalidParameterValueException",
        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below "
        "its minimum value of [100].",
    )
    missing = f"Function not found: {HERE}:nobody"
    assert refused(put, FunctionName="nobody", ReservedConcurrentExecutions=1) == (
        404,
        "ResourceNotFoundException",
        f"{missing}:$LATEST",
    )
    for operation in (get, delete):
        assert refused(operation, FunctionName="nobody") == (404, "ResourceNotFoundException", missing)


def test_zero_stops_a_function_until_it_is_taken_back(server: Any, aws: Any, function: Any) -> None:
    name = function()
    aws.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    large = json.dumps("x" * 300_000)  # both ways in answer the same
    for payload in ("{}", large):
        with pytest.raises(aws.exceptions.TooManyRequestsException) as caught:
            aws.invoke(FunctionName=name, Payload=payload)
        answer = caught.value.response
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
        assert answer["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
        assert (answer["Type"], answer["message"]) == ("User", "Rate Exceeded.")
    aws.delete_function_concurrency(FunctionName=name)
    assert json.load(aws.invoke(FunctionName=name)["Payload"]) == "hello"


def test_of_three_calls_at_once_to_a_function_with_two_executions_one_is_throttled(
    server: Any, aws: Any, function: Any, tools: Any
) -> None:
    name = function(WAITING, Timeout=60, MemorySize=1024)
    aws.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=2)
    callers = Callers(server, name)
    callers.start()
    callers.start()
    tools.wait_for(lambda: callers.begun() == 2)
    with pytest.raises(aws.exceptions.TooManyRequestsException) as caught:
        aws.invoke(FunctionName=name, Payload="{}")
    assert caught.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert callers.let_go() == ["done", "done"]
    assert aws.invoke(FunctionName=name, Payload=json.dumps({"until": callers.group}))["StatusCode"] == 200


def test_the_account_s_limit_is_what_the_server_was_told(make_server: Any, tools: Any) -> None:
    server = make_server("--concurrency", "1")
    server.start()
    aws = server.client("lambda")
    server.function("slow", WAITING, Timeout=60, MemorySize=1024)
    server.function("quick", HELLO)
    callers = Callers(server, "slow")
    callers.start()
    tools.wait_for(lambda: callers.begun() == 1)
    with pytest.raises(aws.exceptions.TooManyRequestsException) as caught:
        aws.invoke(FunctionName="quick")
    assert caught.value.response["Reason"] == "ConcurrentInvocationLimitExceeded"
    assert callers.let_go() == ["done"]
    assert json.load(aws.invoke(FunctionName="quick")["Payload"]) == "hello"
