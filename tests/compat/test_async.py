"""Asynchronous invocation as a client sees it, on a real server whose retries wait a moment only."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

SOURCE = """
import json
import time

def handler(event, context):
    print("RUN", json.dumps({"id": context.aws_request_id, "event": event, "arn": context.invoked_function_arn}))
    if isinstance(event, dict) and "until" in event:
        time.sleep(max(0, event["until"] - time.time()))
        print("RUN", json.dumps({"id": context.aws_request_id, "event": "awake"}))
    if event == "fail":
        raise ValueError("as it was told")
    return {"saw": event}
"""


class Deployed:
    """Functions of one test."""

    def __init__(self, server: Any, tools: Any) -> None:
        self.aws = server.client("lambda")
        self._logs = server.client("logs")
        self._server = server
        self._tools = tools
        self.made: list[str] = []

    def function(self, **members: Any) -> str:
        name = f"async-{uuid4().hex[:12]}"
        self._server.function(name, {"app.py": SOURCE}, **members)
        self.made.append(name)
        return name

    def send(self, name: str, event: Any, **members: Any) -> str:
        """Its request id."""
        payload = json.dumps(event).encode()
        answer = self.aws.invoke(FunctionName=name, InvocationType="Event", Payload=payload, **members)
        assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
        assert "ExecutedVersion" not in answer
        return str(answer["ResponseMetadata"]["RequestId"])

    def runs(self, name: str) -> list[dict[str, Any]]:
        """What the function printed on each run."""
        try:
            found = self._logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="RUN")["events"]
        except self._logs.exceptions.ResourceNotFoundException:
            return []
        return [json.loads(event["message"].removeprefix("RUN ")) for event in found]

    def ran(self, name: str, times: int) -> list[dict[str, Any]]:
        """The same, when there are so many."""
        return self._tools.wait_for(lambda: runs if len(runs := self.runs(name)) >= times else None)


@pytest.fixture
def deployed(shared_server: Any, tools: Any) -> Iterator[Deployed]:
    made = Deployed(shared_server, tools)
    yield made
    for name in made.made:
        made.aws.delete_function(FunctionName=name)


def arn_of(name: str) -> str:
    return f"arn:aws:lambda:us-east-1:000000000000:function:{name}"


def test_an_event_is_accepted_and_runs(deployed: Deployed) -> None:
    name = deployed.function()
    request_id = deployed.send(name, {"n": 1})
    [run] = deployed.ran(name, 1)
    assert run == {"id": request_id, "event": {"n": 1}, "arn": arn_of(name)}


def test_the_old_operation_is_accepted_too(deployed: Deployed) -> None:
    name = deployed.function()
    assert deployed.aws.invoke_async(FunctionName=name, InvokeArgs=b'"old"')["Status"] == 202
    assert [run["event"] for run in deployed.ran(name, 1)] == ["old"]


def test_a_failing_function_runs_three_times_with_one_request_id_and_its_destination_is_told(
    deployed: Deployed,
) -> None:
    name, sink = deployed.function(), deployed.function()
    deployed.aws.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnFailure": {"Destination": arn_of(sink)}}
    )
    request_id = deployed.send(name, "fail")
    [told] = deployed.ran(sink, 1)
    assert [run["id"] for run in deployed.runs(name)] == [request_id] * 3
    record = told["event"]
    assert told["id"] != request_id
    assert record["requestContext"] == {
        "requestId": request_id,
        "functionArn": arn_of(name) + ":$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    }
    assert record["requestPayload"] == "fail"
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert record["responsePayload"]["errorMessage"] == "as it was told"


def test_each_qualifier_goes_by_its_own_settings_and_runs_what_it_stands_for(deployed: Deployed) -> None:
    name, sink = deployed.function(), deployed.function()
    deployed.aws.publish_version(FunctionName=name)
    deployed.aws.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    deployed.aws.put_function_event_invoke_config(
        FunctionName=name,
        Qualifier="live",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnSuccess": {"Destination": arn_of(sink)}, "OnFailure": {"Destination": arn_of(sink)}},
    )
    deployed.send(name, "not told of")
    request_id = deployed.send(f"{name}:live", "told of")
    [told] = deployed.ran(sink, 1)
    assert told["event"]["requestContext"]["requestId"] == request_id
    assert told["event"]["requestContext"]["functionArn"] == arn_of(name) + ":live"
    assert told["event"]["responseContext"] == {"statusCode": 200, "executedVersion": "1"}
    failed = deployed.send(name, "fail", Qualifier="live")
    told = deployed.ran(sink, 2)[1]
    assert told["event"]["requestContext"] == {
        "requestId": failed,
        "functionArn": arn_of(name) + ":live",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 1,
    }


def test_without_reserved_concurrency_an_event_is_given_up_at_once(deployed: Deployed) -> None:
    name, sink = deployed.function(), deployed.function()
    deployed.aws.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    deployed.aws.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnFailure": {"Destination": arn_of(sink)}}
    )
    deployed.send(name, "never")
    [told] = deployed.ran(sink, 1)
    assert told["event"]["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert told["event"]["requestContext"]["approximateInvokeCount"] == 0
    assert "responseContext" not in told["event"]


def test_a_failure_reaches_the_dead_letter_queue_and_the_destination_in_sqs(
    deployed: Deployed, shared_server: Any
) -> None:
    sqs = shared_server.client("sqs")
    urls = {
        kind: sqs.create_queue(QueueName=f"async-{kind}-{uuid4().hex[:8]}")["QueueUrl"] for kind in ("dead", "told")
    }
    arns = {
        kind: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        for kind, url in urls.items()
    }
    name = deployed.function(DeadLetterConfig={"TargetArn": arns["dead"]})
    deployed.aws.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnFailure": {"Destination": arns["told"]}}
    )
    request_id = deployed.send(name, "fail")
    letter, told = (_received(sqs, urls[kind]) for kind in ("dead", "told"))
    assert [run["id"] for run in deployed.ran(name, 3)] == [request_id] * 3
    assert letter["Body"] == '"fail"'
    assert {key: (each["DataType"], each["StringValue"]) for key, each in letter["MessageAttributes"].items()} == {
        "RequestID": ("String", request_id),
        "ErrorCode": ("Number", "200"),
        "ErrorMessage": ("String", "as it was told"),
    }
    record = json.loads(told["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["requestId"] == request_id
    assert "Lineage=1:" in told["Attributes"]["AWSTraceHeader"]
    for url in urls.values():
        sqs.delete_queue(QueueUrl=url)


def test_a_dead_letter_topic_hands_it_to_its_subscribers(deployed: Deployed, shared_server: Any) -> None:
    sns = shared_server.client("sns")
    topic = sns.create_topic(Name=f"async-{uuid4().hex[:8]}")["TopicArn"]
    sink = deployed.function()
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn_of(sink))
    name = deployed.function(DeadLetterConfig={"TargetArn": topic})
    deployed.aws.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    request_id = deployed.send(name, "fail")
    [run] = deployed.ran(sink, 1)
    message = run["event"]["Records"][0]["Sns"]
    assert message["Message"] == '"fail"'
    assert message["MessageAttributes"]["RequestID"] == {"Type": "String", "Value": request_id}
    sns.delete_topic(TopicArn=topic)


def _received(sqs: Any, url: str) -> Any:
    for _ in range(6):
        answer = sqs.receive_message(
            QueueUrl=url, WaitTimeSeconds=10, MessageAttributeNames=["All"], AttributeNames=["All"]
        )
        if messages := answer.get("Messages"):
            return messages[0]
    raise AssertionError(f"nothing came to {url}")


def test_a_function_that_invokes_itself_is_ended(deployed: Deployed, shared_server: Any, tools: Any) -> None:
    name = f"async-{uuid4().hex[:12]}"
    shared_server.function(name, {"app.py": LOOP}, Timeout=60, MemorySize=1769)
    deployed.made.append(name)
    deployed.send(name, {})
    assert len(deployed.ran(name, 16)) == 16
    with pytest.raises(deployed.aws.exceptions.RecursiveInvocationException):
        _invoke_with(deployed.aws, name, "Root=1-a;" + deployed.runs(name)[-1]["trace"].rpartition(";")[2])
    assert len(deployed.runs(name)) == 16


LOOP = """
import boto3, json, os

def handler(event, context):
    print("RUN", json.dumps({"trace": os.environ["_X_AMZN_TRACE_ID"]}))
    boto3.client("lambda").invoke(FunctionName=context.function_name, InvocationType="Event", Payload=b"{}")
"""


def _invoke_with(aws: Any, name: str, trace: str) -> None:
    def add(request: Any, **_: Any) -> None:
        request.headers["X-Amzn-Trace-Id"] = trace

    aws.meta.events.register_first("before-sign.lambda.Invoke", add)
    try:
        aws.invoke(FunctionName=name)
    finally:
        aws.meta.events.unregister("before-sign.lambda.Invoke", add)


def test_a_server_that_is_stopped_ends_what_runs_and_leaves_the_rest_to_the_next(
    make_server: Callable[..., Any], tools: Any
) -> None:
    server = make_server().start()
    deployed = Deployed(server, tools)
    name = deployed.function(Timeout=30)
    deployed.aws.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    sent = [deployed.send(name, {"until": time.time() + 2}) for _ in range(5)]
    first = deployed.ran(name, 1)[0]
    assert server.stop() == 0
    server.start()
    deployed = Deployed(server, tools)
    awake = [run["id"] for run in deployed.ran(name, 10) if run["event"] == "awake"]
    assert sorted(awake) == sorted(sent)
    assert awake[0] == first["id"]


def test_what_was_accepted_runs_after_kill_9(make_server: Callable[..., Any], tools: Any) -> None:
    server = make_server().start()
    deployed = Deployed(server, tools)
    name = deployed.function(Timeout=30)
    until = time.time() + 6  # nothing has ended when the server is killed
    sent = {deployed.send(name, {"until": until}) for _ in range(8)}
    tools.wait_for(lambda: deployed.runs(name))
    server.kill()
    server.start()
    deployed = Deployed(server, tools)
    tools.wait_for(lambda: {run["id"] for run in deployed.runs(name) if run["event"] == "awake"} == sent)
