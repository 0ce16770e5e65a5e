"""Messages of a queue as the event that a function gets, which of them it wants, and what its answer says of them.
Pure.

Messages are as ReceiveMessage answers with them, in the model's member names.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import orjson

from lambent.core.eventpattern import Pattern, parse
from lambent.core.eventsource import Queue
from lambent.values import frozen

Message = Mapping[str, Any]
Record = Mapping[str, Any]

_FRAME = len(b'{"Records":[]}')
_ORDER = (
    "ApproximateReceiveCount",
    "AWSTraceHeader",
    "SentTimestamp",
    "SequenceNumber",
    "MessageGroupId",
    "SenderId",
    "MessageDeduplicationId",
    "ApproximateFirstReceiveTimestamp",
    "DeadLetterQueueSourceArn",
)
"""Attributes, as AWS writes them."""


@frozen
class Item:
    """One message, and its record in an event."""

    id: str
    receipt: str
    record: Record
    text: bytes
    """The record as JSON."""
    message: Message
    """As it was received."""

    @property
    def trace(self) -> str:
        """The trace header of whoever sent it; empty when there was none."""
        return str(self.record["attributes"].get("AWSTraceHeader", ""))


def item(message: Message, queue: Queue, *, window_s: int = 0) -> Item:
    """A message of `queue`, ready to be put into an event; `window_s`: the mapping's batching window."""
    record = _record(message, queue, window_s)
    return Item(message["MessageId"], message["ReceiptHandle"], record, orjson.dumps(record), message)


def _record(message: Message, queue: Queue, window_s: int) -> dict[str, Any]:
    attributes = message.get("Attributes") or {}
    own = message.get("MessageAttributes") or {}
    record: dict[str, Any] = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {name: attributes[name] for name in _ORDER if name in attributes},
        "messageAttributes": {name: _attribute(value) for name, value in own.items()},
    }
    if own and message.get("MD5OfMessageAttributes"):
        record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    elif window_s:
        record["md5OfMessageAttributes"] = None  # AWS says so of the messages of a mapping that has a window
    return record | {
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.arn,
        "awsRegion": queue.region,
    }


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    given = (
        {"binaryValue": b64encode(value["BinaryValue"]).decode()}
        if value.get("BinaryValue") is not None
        else {"stringValue": value.get("StringValue")}
    )
    return {**given, "stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}


def payload(items: Sequence[Item]) -> bytes:
    """The function's event."""
    return b'{"Records":[' + b",".join(each.text for each in items) + b"]}"


def size(items: Sequence[Item]) -> int:
    """The bytes of the event that they would make."""
    return _FRAME + sum(len(each.text) + 1 for each in items)


def cut(items: Sequence[Item], *, most_items: int, most_bytes: int) -> Iterator[Sequence[Item]]:
    """The items in their order, in parts that make events of at most so many and so large."""
    part: list[Item] = []
    used = _FRAME
    for each in items:
        if part and (len(part) == most_items or used + len(each.text) + 1 > most_bytes):
            yield part
            part, used = [], _FRAME
        part.append(each)
        used += len(each.text) + 1
    if part:
        yield part


# -- which messages a function wants ----------------------------------------------------------------------------------


class Filters:
    """The FilterCriteria of a mapping: one filter that takes a message is enough."""

    def __init__(self, criteria: Mapping[str, Any] | None) -> None:
        """`criteria` have been checked when the mapping was made."""
        texts = [each.get("Pattern") or "" for each in (criteria or {}).get("Filters") or ()]
        self._filters = [(parse(text), _body_kind(text)) for text in texts]

    def take(self, record: Record) -> bool:
        """Whether the function is to get it."""
        return not self._filters or any(_takes(pattern, kind, record) for pattern, kind in self._filters)


def _body_kind(pattern: str) -> type | None:
    """What a pattern takes the body for: JSON (dict) or plain text (list); None when it does not ask."""
    return type(body) if (body := orjson.loads(pattern).get("body")) is not None else None


def _takes(pattern: Pattern, kind: type | None, record: Record) -> bool:
    body = _json_in(record["body"])
    # A body of the other kind than the filter's is left out, even if the filter asks only for what is not there.
    if kind is not None and (kind is dict) != (body is not None):
        return False
    return pattern.matches(record if body is None else {**record, "body": body})


def _json_in(body: str) -> object | None:
    """The object or array that a body is; None for plain text, which a lone number or word is, too."""
    if body[:1] not in ("{", "[", " ", "\t", "\r", "\n"):
        return None
    try:
        value: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict | list) else None


# -- what the function's answer says ----------------------------------------------------------------------------------


def failed_ids(answer: bytes, ids: Collection[str]) -> frozenset[str] | None:
    """Which of the messages `ids` a function could not handle, if it reports failures of single ones; empty when its
    answer names none. None when the answer is not of the form, which fails all of them."""
    if not answer:
        return frozenset()
    try:
        document = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return None
    if document in (None, "", [], {}):
        return frozenset()
    failures = document.get("batchItemFailures") if isinstance(document, dict) else False
    if failures is None:
        return frozenset()
    if not isinstance(failures, list):
        return None
    named: set[str] = set()
    for each in failures:
        name = each.get("itemIdentifier") if isinstance(each, dict) else None
        if not isinstance(name, str) or name not in ids:
            return None
        named.add(name)
    return frozenset(named)
