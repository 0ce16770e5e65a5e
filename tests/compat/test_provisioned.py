"""Provisioned concurrency as boto3 sees it, on a running server."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

HERE = "arn:aws:lambda:us-east-1:000000000000:function"
UNPUBLISHED = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
KIND = {
    "app.py": """
import os, uuid
ME = str(uuid.uuid4())

def handler(event, context):
    return [os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], context.function_version, ME]
"""
}
BROKEN = {"app.py": "raise RuntimeError('not today')\n"}
NUMBERS = ("Requested", "Allocated", "Available")


@pytest.fixture
def aws(shared_server: Any) -> Any:
    return shared_server.client("lambda")


@pytest.fixture
def name(shared_server: Any, aws: Any) -> Iterator[str]:
    """A function with version 1 and the alias `live` of it."""
    name = f"f-{uuid4().hex[:12]}"
    shared_server.function(name, KIND)
    aws.publish_version(FunctionName=name)
    aws.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    yield name
    try:
        aws.delete_function(FunctionName=name)
    except ClientError:
        pass


@pytest.fixture
def publish(aws: Any, name: str, tools: Any) -> Callable[[dict[str, str]], str]:
    def publish(files: dict[str, str]) -> str:
        """Another version, with this code."""
        aws.update_function_code(FunctionName=name, ZipFile=tools.zipped(files))
        aws.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        return str(aws.publish_version(FunctionName=name)["Version"])

    return publish


@pytest.fixture
def settled(aws: Any, name: str, tools: Any) -> Callable[..., Any]:
    def settled(qualifier: str = "live") -> Any:
        """How it ends: (status, reason, requested, allocated, available)."""
        config: dict[str, Any] = {}

        def is_over() -> bool:
            config.update(aws.get_provisioned_concurrency_config(FunctionName=name, Qualifier=qualifier))
            return config["Status"] != "IN_PROGRESS"

        tools.wait_for(is_over, 60)
        numbers = [config[f"{each}ProvisionedConcurrentExecutions"] for each in NUMBERS]
        return config["Status"], config.get("StatusReason"), *numbers

    return settled


def refused(call: Callable[..., Any], **request: Any) -> tuple[int, str, str]:
    """(status, code, text) of the error that a call is answered with."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def test_environments_are_ready_before_they_are_called(
    shared_server: Any, aws: Any, name: str, settled: Any, tools: Any
) -> None:
    before = aws.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    put = aws.put_provisioned_concurrency_config(FunctionName=name, Qualifier="live", ProvisionedConcurrentExecutions=2)
    assert put["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert [put[f"{each}ProvisionedConcurrentExecutions"] for each in NUMBERS] == [2, 0, 0]
    assert put["Status"] == "IN_PROGRESS"
    assert put["LastModified"].endswith("+0000")
    assert settled() == ("READY", None, 2, 2, 2)
    assert aws.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == before - 2

    answer = aws.invoke(FunctionName=name, Qualifier="live", LogType="Tail")
    kind, version, _ = json.load(answer["Payload"])
    assert (kind, version) == ("provisioned-concurrency", "1")
    assert "Init Duration" not in base64.b64decode(answer["LogResult"]).decode()
    for other in ("1", "$LATEST"):
        assert json.load(aws.invoke(FunctionName=name, Qualifier=other)["Payload"])[0] == "on-demand"
    logs = shared_server.client("logs")
    reports = {"logGroupName": f"/aws/lambda/{name}", "filterPattern": "INIT_REPORT"}
    tools.wait_for(lambda: len(logs.filter_log_events(**reports)["events"]) == 2)

    (listed,) = aws.list_provisioned_concurrency_configs(FunctionName=name)["ProvisionedConcurrencyConfigs"]
    assert (listed["FunctionArn"], listed["Status"]) == (f"{HERE}:{name}:live", "READY")
    deleted = aws.delete_provisioned_concurrency_config(FunctionName=name, Qualifier="live")
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    aws.delete_provisioned_concurrency_config(FunctionName=name, Qualifier="live")
    assert aws.list_provisioned_concurrency_configs(FunctionName=name)["ProvisionedConcurrencyConfigs"] == []
    assert json.load(aws.invoke(FunctionName=name, Qualifier="live")["Payload"])[0] == "on-demand"


def test_they_follow_their_alias_and_say_when_a_version_cannot_initialise(
    aws: Any, name: str, settled: Any, publish: Any
) -> None:
    aws.put_provisioned_concurrency_config(FunctionName=name, Qualifier="live", ProvisionedConcurrentExecutions=1)
    assert settled()[0] == "READY"
    broken = publish(BROKEN)
    aws.update_alias(FunctionName=name, Name="live", FunctionVersion=broken)
    assert settled() == ("FAILED", "FUNCTION_ERROR_INIT_FAILURE", 1, 0, 0)
    mended = publish({**KIND, "more.py": ""})
    aws.update_alias(FunctionName=name, Name="live", FunctionVersion=mended)
    assert settled() == ("READY", None, 1, 1, 1)
    kind, version, _ = json.load(aws.invoke(FunctionName=name, Qualifier="live")["Payload"])
    assert (kind, version) == ("provisioned-concurrency", mended)
    aws.delete_alias(FunctionName=name, Name="live")
    assert refused(aws.get_provisioned_concurrency_config, FunctionName=name, Qualifier="live") == (
        404,
        "ResourceNotFoundException",
        f"Cannot find alias arn: {HERE}:{name}:live",
    )


def test_a_reservation_that_is_all_provisioned_leaves_nothing_to_latest(aws: Any, name: str, settled: Any) -> None:
    aws.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    put = {"FunctionName": name, "Qualifier": "1"}
    assert refused(aws.put_provisioned_concurrency_config, **put, ProvisionedConcurrentExecutions=2) == (
        400,
        "InvalidParameterValueException",
        "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function",
    )
    aws.put_provisioned_concurrency_config(**put, ProvisionedConcurrentExecutions=1)
    assert settled("1")[0] == "READY"
    with pytest.raises(aws.exceptions.TooManyRequestsException) as caught:
        aws.invoke(FunctionName=name)
    assert caught.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert json.load(aws.invoke(FunctionName=name, Qualifier="1")["Payload"])[0] == "provisioned-concurrency"
    assert refused(aws.put_function_concurrency, FunctionName=name, ReservedConcurrentExecutions=0) == (
        400,
        "InvalidParameterValueException",
        " ReservedConcurrentExecutions  0 should not be lower than function's total provisioned concurrency [1].",
    )


def test_what_cannot_be_provisioned_is_refused_in_aws_s_words(aws: Any, name: str) -> None:
    put, get = aws.put_provisioned_concurrency_config, aws.get_provisioned_concurrency_config
    delete = aws.delete_provisioned_concurrency_config
    bad = "InvalidParameterValueException"
    one = {"ProvisionedConcurrentExecutions": 1}
    spare = aws.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    assert refused(put, FunctionName=name, Qualifier="$LATEST", **one) == (400, bad, UNPUBLISHED)
    not_published = "The function resource provided must be an alias or a published version."
    for operation in (get, delete):
        assert refused(operation, FunctionName=name, Qualifier="$LATEST") == (400, bad, not_published)
    assert refused(get, FunctionName=name, Qualifier="1") == (
        404,
        "ProvisionedConcurrencyConfigNotFoundException",
        "No Provisioned Concurrency Config found for this function",
    )
    assert refused(put, FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=spare + 1) == (
        400,
        bad,
        f"Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [{spare}].",
    )
    assert refused(put, FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=spare - 99) == (
        400,
        bad,
        "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its "
        "minimum value of [100].",
    )
    missing = "ResourceNotFoundException"
    assert refused(put, FunctionName=name, Qualifier="9", **one) == (
        404,
        missing,
        f"Function not found: {HERE}:{name}:9",
    )
    assert refused(put, FunctionName=name, Qualifier="dead", **one) == (
        404,
        missing,
        f"Cannot find alias arn: {HERE}:{name}:dead",
    )
    for operation, members in ((put, one), (get, {}), (delete, {})):
        answer = refused(operation, FunctionName="nobody", Qualifier="live", **members)
        assert answer == (404, missing, f"Cannot find alias arn: {HERE}:nobody:live")


def test_a_version_has_them_once_and_an_alias_cannot_take_them_to_latest(aws: Any, name: str, publish: Any) -> None:
    put, one = aws.put_provisioned_concurrency_config, {"ProvisionedConcurrentExecutions": 1}
    conflict = (409, "ResourceConflictException")
    put(FunctionName=name, Qualifier="live", **one)
    assert refused(put, FunctionName=name, Qualifier="1", **one) == (
        *conflict,
        "Version is pointed by a Provisioned Concurrency alias",
    )
    already = "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
    second = publish({**KIND, "more.py": ""})
    put(FunctionName=name, Qualifier=second, **one)
    aws.create_alias(FunctionName=name, Name="next", FunctionVersion=second)
    assert refused(put, FunctionName=name, Qualifier="next", **one) == (*conflict, already)
    move = {"FunctionName": name, "Name": "live"}
    assert refused(aws.update_alias, **move, FunctionVersion=second) == (*conflict, already)
    assert refused(aws.update_alias, **move, FunctionVersion="$LATEST") == (
        400,
        "InvalidParameterValueException",
        UNPUBLISHED,
    )
    assert aws.get_alias(**move)["FunctionVersion"] == "1"
    aws.create_alias(FunctionName=name, Name="draft", FunctionVersion="$LATEST")
    assert refused(put, FunctionName=name, Qualifier="draft", **one)[2] == UNPUBLISHED
    pages = aws.get_paginator("list_provisioned_concurrency_configs").paginate(
        FunctionName=name, PaginationConfig={"PageSize": 1}
    )
    found = [config["FunctionArn"] for page in pages for config in page["ProvisionedConcurrencyConfigs"]]
    assert found == [f"{HERE}:{name}:{qualifier}" for qualifier in (second, "live")]
    before = aws.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    aws.delete_function(FunctionName=name)
    assert aws.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == before + 2


def test_they_are_there_again_after_a_server_was_killed(make_server: Any, tools: Any) -> None:
    server = make_server().start()
    server.function("f", KIND)
    aws = server.client("lambda")
    aws.publish_version(FunctionName="f")
    aws.put_provisioned_concurrency_config(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=2)
    server.kill()
    server.start()

    def status() -> Any:
        return aws.get_provisioned_concurrency_config(FunctionName="f", Qualifier="1")["Status"]

    tools.wait_for(lambda: status() == "READY")
    assert json.load(aws.invoke(FunctionName="f", Qualifier="1")["Payload"])[0] == "provisioned-concurrency"
    assert server.stop() == 0
