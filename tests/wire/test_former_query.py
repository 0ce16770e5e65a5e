"""A service that spoke query before it spoke JSON: the same operation in both, with each one's own names and errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from lambent.wire.call import Call, Principal
from lambent.wire.message import PlainRequest, Response
from lambent.wire.model import Service
from lambent.wire.service import Api, Registry

CALL = Call(Principal("000000000000", "arn", "me", "AK"), "us-east-1", "id", "sqs", "")


class Queues:
    def __init__(self) -> None:
        self.seen: list[Any] = []

    async def send_message(self, call: Call, request: Any) -> Any:
        self.seen.append(request)
        return {"MessageId": "m"}

    async def get_queue_attributes(self, call: Call, request: Any) -> Any:
        self.seen.append(request)
        return {"Attributes": {"DelaySeconds": "1"}}

    async def list_queues(self, call: Call, request: Any) -> Any:
        self.seen.append(request)
        return {"QueueUrls": ["u", "v"]}


@pytest.fixture
def queues() -> Queues:
    return Queues()


@pytest.fixture
def registry(service: Callable[[str], Service], queues: Queues) -> Registry:
    return Registry([Api(service("sqs"), queues)])


async def answered(registry: Registry, request: PlainRequest) -> Response:
    route = registry.route(request, "sqs")
    assert route is not None
    return await registry.handle(route, CALL, request)


async def by_json(registry: Registry, operation: str, path: str = "/", **members: Any) -> Response:
    headers = {b"x-amz-target": f"AmazonSQS.{operation}".encode()}
    return await answered(registry, PlainRequest("POST", path.encode(), b"", headers, json.dumps(members).encode()))


async def by_form(registry: Registry, operation: str | None, path: str = "/", **fields: str) -> Response:
    action = {} if operation is None else {"Action": operation}
    form = urlencode({**action, "Version": "2012-11-05", **fields}).encode()
    headers = {b"content-type": b"application/x-www-form-urlencoded"}
    return await answered(registry, PlainRequest("POST", path.encode(), b"", headers, form))


async def test_names_are_those_of_the_protocol(registry: Registry, queues: Queues) -> None:
    await by_json(registry, "GetQueueAttributes", QueueUrl="u", AttributeNames=["All"], AttributeName=["no"])
    answer = await by_form(registry, "GetQueueAttributes", **{"QueueUrl": "u", "AttributeName.1": "All"})
    assert queues.seen == [{"QueueUrl": "u", "AttributeNames": ["All"]}] * 2
    assert b"<Attribute><Name>DelaySeconds</Name><Value>1</Value></Attribute>" in answer.body
    assert b'xmlns="http://queue.amazonaws.com/doc/2012-11-05/"' in answer.body
    answer = await by_json(registry, "GetQueueAttributes", QueueUrl="u")
    assert json.loads(answer.body) == {"Attributes": {"DelaySeconds": "1"}}


async def test_the_path_of_a_form_may_say_which_resource_is_meant(registry: Registry, queues: Queues) -> None:
    await by_form(registry, "SendMessage", "/000000000000/q", MessageBody="x")
    await by_form(registry, "SendMessage", "/000000000000/q", MessageBody="x", QueueUrl="u")
    assert queues.seen == [
        {"QueueUrl": "/000000000000/q", "MessageBody": "x"},
        {"QueueUrl": "u", "MessageBody": "x"},
    ]


@pytest.mark.parametrize("operation", ["CreateQueue", "ListQueues", "Fly"])
async def test_what_is_no_operation_on_a_resource_is_not_valid_at_its_path(registry: Registry, operation: str) -> None:
    answer = await by_form(registry, operation, "/000000000000/q", QueueName="p")
    text = f"<Code>InvalidAction</Code><Message>The action {operation} is not valid for this endpoint.</Message>"
    assert answer.status == 400
    assert f"{text}<Detail/></Error>".encode() in answer.body


async def test_a_form_without_an_action_is_no_operation(registry: Registry) -> None:
    answer = await by_form(registry, None, "/000000000000/q")
    assert (answer.status, answer.body) == (404, b"<UnknownOperationException/>\n")


async def test_a_missing_parameter_is_named(registry: Registry) -> None:
    text = "The request must contain the parameter MessageBody."
    answer = await by_json(registry, "SendMessage", "/000000000000/q", QueueUrl="u")
    assert (answer.status, json.loads(answer.body)["message"]) == (400, text)
    assert json.loads(answer.body)["__type"].endswith("#MissingRequiredParameterException")
    assert (b"x-amzn-query-error", b"MissingParameter;Sender") in answer.headers
    answer = await by_form(registry, "SendMessage", QueueUrl="u")
    assert answer.status == 400
    assert f"<Code>MissingParameter</Code><Message>{text}</Message>".encode() in answer.body
