"""Whatever a request holds, in JSON or as a form, the answer is an answer: never a fault of ours."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambent.kit.clock import FakeClock
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.store.memory import memory_store
from lambent.wire.call import Call, Principal
from lambent.wire.message import PlainRequest
from lambent.wire.model import Shape, load
from lambent.wire.service import Registry

URLS = ("http://aws.test/000000000000/q", "http://aws.test/000000000000/q.fifo", "http://x/111111111111/q", "q", "//")
ARNS = tuple(f"arn:aws:sqs:us-east-1:000000000000:{name}" for name in ("q", "dead", "q.fifo", "none"))
WORDS = (
    *URLS, *ARNS, "", "q", "q.fifo", "All", ".*", "true", "30", "VisibilityTimeout", "RedrivePolicy", "Policy",
    "FifoQueue", "RedriveAllowPolicy", "KmsMasterKeyId", "DelaySeconds", "AWSTraceHeader", "String", "Number", "Binary",
    "AAAA", "=", "{}", "[]", '{"Statement":[]}', '{"Statement":[1]}', '{"deadLetterTargetArn":[],"maxReceiveCount":{}}',
    '{"redrivePermission":"byQueue","sourceQueueArns":[1]}', "SendMessage", "111111111111", "eyJ0YXNrSWQiOjF9",
    "\ud800", "\0",
)  # fmt: skip
TEXTS = st.sampled_from(WORDS)
NUMBERS = st.sampled_from([-1, 0, 1, 10, 900, 43_200, 2**31, 2**70])
ODD = st.none() | st.booleans() | NUMBERS | st.floats(allow_nan=False) | st.text(max_size=6) | TEXTS
QUICKLY = settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=40)
OPERATIONS = sorted(load("sqs").operations)


def close_to(shape: Shape, name: str = "") -> st.SearchStrategy[Any]:
    """Values that are mostly of a shape's type, and now and then odd."""
    if name == "WaitTimeSeconds":
        return st.sampled_from([0, -1, 21, None, "1"])
    if name == "QueueUrl":
        return st.sampled_from(URLS[:2]) | ODD
    if shape.type == "structure":
        members = {n: close_to(m, n) for n, m in shape.members.items()}
        wanted = {n: members.pop(n) for n in list(members) if n in shape.required}
        return st.fixed_dictionaries(wanted, optional=members)
    if shape.type == "list":
        return st.lists(close_to(shape.member) | ODD, max_size=3)
    if shape.type == "map":
        return st.dictionaries(TEXTS, close_to(shape.value) | ODD, max_size=3)
    return (NUMBERS | ODD) if shape.type in ("integer", "long") else (TEXTS | ODD)


def as_form(value: Any, name: str, fields: dict[str, str]) -> dict[str, str]:
    """A request as the fields of a form."""
    if isinstance(value, dict):
        for number, (key, below) in enumerate(value.items(), 1):
            as_form(below, f"{name}.{key}".lstrip("."), fields)
            as_form(key, f"{name}.{number}.Name", fields)
            as_form(below, f"{name}.{number}.Value", fields)
    elif isinstance(value, list):
        for number, below in enumerate(value, 1):
            as_form(below, f"{name.rstrip('s')}.{number}", fields)
    elif value is not None:
        fields[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return fields


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_malformed_request_is_never_a_fault_of_ours(sqs_class: Any, operation: str) -> None:
    shape = load("sqs").operations[operation].input
    assert shape is not None

    async def ask(request: Any) -> None:
        clock = FakeClock()
        tasks = Tasks(Log(stream=io.StringIO()))
        sqs = sqs_class(memory_store(clock), clock, tasks)
        await sqs.with_dead_letters(1)
        await sqs.send(await sqs.queue("q.fifo"), "a", MessageGroupId="g", MessageDeduplicationId="d")
        registry = Registry([sqs._api])
        call = Call(Principal("000000000000", "arn", "me", "AK"), "us-east-1", "id", "sqs", operation)
        target = {b"x-amz-target": f"AmazonSQS.{operation}".encode()}
        form = {"Action": operation, "Version": "2012-11-05", **as_form(request, "", {})}
        encoded = urlencode(form, errors="replace").encode()
        kind = {b"content-type": b"application/x-www-form-urlencoded"}
        for sent in (
            PlainRequest("POST", b"/", b"", target, json.dumps(request).encode()),
            PlainRequest("POST", b"/000000000000/q", b"", kind, encoded),
        ):
            route = registry.route(sent, "sqs")
            assert route is not None
            answer = await registry.handle(route, call, sent)
            assert answer.status < 500, answer
        await tasks.close()

    @QUICKLY
    @given(request=close_to(shape))
    def answers(request: Any) -> None:
        asyncio.run(asyncio.wait_for(ask(request), 30))

    answers()
