"""An asynchronous event, and how it is written into its function's queue: a line of JSON, then the payload as it came,
then what the last run answered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from lambent.core.arn import FunctionRef
from lambent.core.invocationrecord import Answer
from lambent.core.retry import Condition
from lambent.values import frozen

PREFIX = "async/"


class Target(NamedTuple):
    """Somebody who is to be told of an event's end."""

    kind: str
    """RECORD or DEAD_LETTER: what is sent."""
    arn: str


RECORD, DEAD_LETTER = "record", "dead-letter"


@frozen
class Event:
    """One event for one function, with what has become of it so far. Nobody changes it."""

    id: str
    """The request id, the same on every run."""
    qualifier: str | None
    """As the caller named the function; what it stands for is looked up at each run."""
    trace: str
    """The trace header that its runs get."""
    payload: bytes
    runs: int = 0
    refusals: int = 0
    """Times in a row that it could not run."""
    last: Answer | None = None
    """What the last run, or the last refusal, came to."""
    ended: Condition | None = None
    """It runs no more; somebody is still to be told."""
    attempts: int = 0
    """To tell them."""
    targets: tuple[Target, ...] = ()
    """Those who are still to be told."""
    is_told: bool = False
    """Somebody has been told."""


def queue_of(account: str, region: str, function: str) -> str:
    """The name of a function's queue."""
    return f"{PREFIX}{account}/{region}/{function}"


def function_of(queue: str) -> FunctionRef:
    """The function that a queue belongs to."""
    account, region, function = queue.removeprefix(PREFIX).split("/", 2)
    return FunctionRef(account, region, function)


def encode(event: Event) -> bytes:
    """The message's body."""
    if event.runs or event.refusals or event.ended is not None:
        return _encode_begun(event)
    return encode_new(event.id, event.qualifier, event.trace, event.payload)


def encode_new(id_: str, qualifier: str | None, trace: str, payload: bytes) -> bytes:
    """The same of an event that has not run."""
    return orjson.dumps(_head(id_, qualifier, trace)) + b"\n" + payload


def decode(body: bytes) -> Event:
    """The event in a message's body. Raises ValueError for what is none."""
    line, _, rest = body.partition(b"\n")
    try:
        head = orjson.loads(line)
        event = Event(head["id"], head.get("qualifier"), head["trace"], rest)
        return _decode_begun(event, head["begun"]) if "begun" in head else event
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no event: {error!r}") from error


def _head(id_: str, qualifier: str | None, trace: str) -> dict[str, Any]:
    head = {"id": id_, "trace": trace}
    if qualifier is not None:
        head["qualifier"] = qualifier
    return head


def _encode_begun(event: Event) -> bytes:
    last = event.last
    head = _head(event.id, event.qualifier, event.trace)
    head["begun"] = {
        "runs": event.runs,
        "refusals": event.refusals,
        "ended": event.ended,
        "attempts": event.attempts,
        "targets": [list(target) for target in event.targets],
        "told": event.is_told,
        "payload": len(event.payload),
        "last": None if last is None else {"status": last.status, "version": last.version, "failed": last.has_failed},
    }
    return b"".join((orjson.dumps(head), b"\n", event.payload, b"" if last is None else last.payload))


def _decode_begun(event: Event, begun: dict[str, Any]) -> Event:
    size, last = begun["payload"], begun["last"]
    return replace(
        event,
        payload=event.payload[:size],
        runs=begun["runs"],
        refusals=begun["refusals"],
        ended=None if begun["ended"] is None else Condition(begun["ended"]),
        attempts=begun["attempts"],
        targets=tuple(Target(*each) for each in begun["targets"]),
        is_told=begun["told"],
        last=None
        if last is None
        else Answer(last["status"], event.payload[size:], version=last["version"], has_failed=last["failed"]),
    )
