"""CloudWatch Logs through the wire: the classes fit the model, and clients get errors with their text."""

from __future__ import annotations

import io
from typing import Any

import orjson
import pytest

from lambent.kit.clock import FakeClock
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.neighbours.logs.operations.events import LogEvents
from lambent.neighbours.logs.operations.groups import LogGroups
from lambent.neighbours.logs.operations.streams import LogStreams
from lambent.neighbours.logs.operations.tags import LogTags
from lambent.ports import Ports
from lambent.store.memory import memory_store
from lambent.wire.call import Call, Principal
from lambent.wire.message import PlainRequest
from lambent.wire.model import load
from lambent.wire.service import Api, Registry


def served() -> Registry:
    clock, log = FakeClock(), Log(stream=io.StringIO())
    store = memory_store(clock)
    nothing: Any = None
    ports = Ports(
        records=store.records,
        queues=store.queues,
        blobs=store.blobs,
        journals=store.journals,
        seal=nothing,
        clock=clock,
        tasks=Tasks(log),
        log=log,
        trust=nothing,
        aws=nothing,
        invoker=nothing,
        catalogue=nothing,
    )
    return Registry([Api(load("logs"), *(kind(ports) for kind in (LogEvents, LogGroups, LogStreams, LogTags)))])


async def answer(registry: Registry, operation: str, body: object) -> tuple[int, Any]:
    headers = {b"x-amz-target": f"Logs_20140328.{operation}".encode()}
    request = PlainRequest("POST", b"/", b"", headers, orjson.dumps(body))
    route = registry.route(request, "logs")
    assert route is not None
    caller = Principal("000000000000", "arn:aws:iam::000000000000:root", "000000000000", "AKIA", is_root=True)
    response = await registry.handle(route, Call(caller, "us-east-1", "id", "logs", operation), request)
    return response.status, orjson.loads(response.body) if response.body else None


async def test_a_group_goes_through_the_wire_and_back() -> None:
    registry = served()
    assert await answer(registry, "CreateLogGroup", {"logGroupName": "/g", "tags": {"a": "b"}}) == (200, None)
    status, found = await answer(registry, "DescribeLogGroups", {"logGroupNamePrefix": "/"})
    assert (status, found["logGroups"][0]["logGroupName"]) == (200, "/g")
    arn = found["logGroups"][0]["logGroupArn"]
    assert await answer(registry, "ListTagsForResource", {"resourceArn": arn}) == (200, {"tags": {"a": "b"}})


@pytest.mark.parametrize(
    ("operation", "body", "code", "message"),
    [
        (
            "FilterLogEvents",
            {"logGroupName": "no"},
            "ResourceNotFoundException",
            "The specified log group does not exist.",
        ),
        (
            "TestMetricFilter",
            {"filterPattern": "a:", "logEventMessages": ["x"]},
            "InvalidParameterException",
            "Invalid character(s) in term ':'",
        ),
        (
            "CreateLogStream",
            {"logGroupName": "g", "logStreamName": "a:b"},
            "InvalidParameterException",
            "1 validation error detected: Value 'a:b' at 'logStreamName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [^:*]*",
        ),
    ],
)
async def test_an_error_reaches_the_client_with_its_text(operation: str, body: object, code: str, message: str) -> None:
    status, error = await answer(served(), operation, body)
    assert (status, error) == (400, {"__type": code, "message": message})
