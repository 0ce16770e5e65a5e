"""An event is the same after it has been written down."""

from __future__ import annotations

import pytest

from lambent.core.invocationrecord import Answer
from lambent.core.retry import Condition
from lambent.delivery.event import DEAD_LETTER, RECORD, Event, Target, decode, encode, function_of, queue_of

ANSWER = Answer(200, b'{"errorMessage":\n"no"}', version="7", has_failed=True)
EVENTS = {
    "fresh": Event("id", None, "Root=1-a", b'{"a":\n1}'),
    "without a payload": Event("id", None, "", b""),
    "qualified": Event("id", "$LATEST", "Root=1-a", b"1"),
    "with odd bytes": Event("id", "live", "caf\xe9\n", b"\n\xff\x00\n"),
    "throttled": Event("id", None, "t", b"1", refusals=3, last=Answer(429, b"{}")),
    "run": Event("id", None, "t", b"\n1\n", runs=1, last=ANSWER),
    "run, and answered nothing": Event("id", None, "t", b"1", runs=1, last=Answer(200, b"", version="$LATEST")),
    "ended": Event(
        "id",
        "live",
        "t",
        b"1",
        runs=3,
        last=ANSWER,
        ended=Condition.RETRIES_EXHAUSTED,
        attempts=2,
        targets=(Target(RECORD, "arn:a"), Target(DEAD_LETTER, "arn:b")),
        is_told=True,
    ),
}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_an_event_is_read_as_it_was_written(event: Event) -> None:
    assert decode(encode(event)) == event


@pytest.mark.parametrize(
    "body", [b"", b"\n", b"x", b"[]\n1", b"{}\n1", b'{"id":"a"}\n1', b'{"id":"a","trace":"","begun":{}}\n1', b"5\n"]
)
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        decode(body)


def test_a_queue_belongs_to_a_function() -> None:
    function = function_of(queue_of("000000000000", "us-east-1", "f"))
    assert (function.account, function.region, function.name) == ("000000000000", "us-east-1", "f")
