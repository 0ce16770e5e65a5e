"""A message: how it is stored, its attributes and their checks, its MD5s, its receipt handles. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from lambent.neighbours.sqs.errors import InvalidParameterValue
from lambent.neighbours.sqs.shapes import InvalidAttributeName, InvalidMessageContents, UnsupportedOperation
from lambent.values import frozen
from lambent.wire.errors import MissingParameter

MOST_ATTRIBUTES = 10
TRACE = "AWSTraceHeader"
SYSTEM = frozenset(
    (
        "SenderId",
        "SentTimestamp",
        "ApproximateReceiveCount",
        "ApproximateFirstReceiveTimestamp",
        "SequenceNumber",
        "MessageDeduplicationId",
        "MessageGroupId",
        TRACE,
        "DeadLetterQueueSourceArn",
    )
)
"""What may be asked for of a message beside its own attributes."""

_NOT_ALLOWED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# The documentation names A-Z, a-z and 0-9 alone; AWS takes the letters of every script.
_ATTRIBUTE_NAME = re.compile(r"(?!\.)(?!.*\.\.)(?!.*\.$)[\w.-]+")
_OURS = re.compile(r"(aws|amazon)\.", re.I)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")

Attributes = Mapping[str, Mapping[str, Any]]
"""Name → DataType with StringValue, or with BinaryValue as bytes."""


@frozen
class Message:
    """A message as it was sent, and what became of it in other queues."""

    id: str
    body: str
    md5: str
    """Of the body."""
    system: Mapping[str, str]
    """The system attributes that stay the same."""
    attributes: Attributes
    received: int = 0
    """How often it was received from queues that it was in before."""
    first_received_ms: int | None = None
    """When it was first received from one of them."""

    def stored(self) -> bytes:
        """What is kept of it."""
        kept = {
            name: {**value, "BinaryValue": _text(value["BinaryValue"])} if "BinaryValue" in value else value
            for name, value in self.attributes.items()
        }
        return orjson.dumps((self.id, self.body, self.md5, self.system, kept, self.received, self.first_received_ms))

    @classmethod
    def load(cls, stored: bytes) -> Message:
        """What `stored` returned."""
        message = cls(*orjson.loads(stored))
        for value in message.attributes.values():
            if "BinaryValue" in value:
                value["BinaryValue"] = base64.b64decode(value["BinaryValue"])  # type: ignore[index]  # fresh from JSON
        return message


@frozen
class Wanted:
    """Which attributes of messages a receiver wants: system attributes, and its own by name and by prefix."""

    system: frozenset[str]
    names: frozenset[str]
    prefixes: tuple[str, ...]

    @classmethod
    def of(cls, system: Sequence[str], names: Sequence[str]) -> Wanted:
        """From a request. Raises InvalidAttributeName for a system attribute that there is not."""
        if not system and not names:
            return NOTHING
        for name in system:
            if name != "All" and name not in SYSTEM:
                raise InvalidAttributeName(f"Unknown Attribute {name}.")
        prefixes = tuple("" if name in _EVERY else name[:-2] for name in names if name in _EVERY or name.endswith(".*"))
        return cls(SYSTEM if "All" in system else frozenset(system), frozenset(names), prefixes)

    def among(self, attributes: Attributes) -> Attributes:
        """Those that are wanted."""
        if not self.names or not attributes:
            return {}
        return {n: v for n, v in attributes.items() if n in self.names or n.startswith(self.prefixes)}


_EVERY = ("All", "*")

NOTHING = Wanted(frozenset(), frozenset(), ())


def checked_body(text: str) -> str:
    """Raises MissingParameter for an empty body, InvalidMessageContents for one with characters that may not be."""
    if not text:
        raise MissingParameter("The request must contain the parameter MessageBody.")
    if not text.isalnum() and _NOT_ALLOWED.search(text):
        raise InvalidMessageContents(
            "Invalid characters were found in the message body. Valid unicode characters are #x9 | #xA | #xD | "
            "#x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF."
        )
    return text


def check_attributes(attributes: Attributes) -> None:
    """Raises InvalidParameterValue and UnsupportedOperation."""
    if len(attributes) > MOST_ATTRIBUTES:
        raise InvalidParameterValue(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [{MOST_ATTRIBUTES}]."
        )
    for name, value in attributes.items():
        if value.get("StringListValues") or value.get("BinaryListValues"):
            raise UnsupportedOperation("Message attribute list values in SendMessage operation are not supported.")
        _check_name(name)
        _check_value(f"Message (user) attribute '{name}'", value)


def checked_system(attributes: Attributes) -> Attributes:
    """Message system attributes. Raises InvalidParameterValue for any but a trace header."""
    for name, value in attributes.items():
        if name != TRACE:
            raise InvalidParameterValue(f"Message system attribute name '{name}' is invalid.")
        if value["DataType"] != "String" or not value.get("StringValue"):
            raise InvalidParameterValue(
                f"Message system attribute '{name}' must contain a non-empty value of type 'String'."
            )
    return attributes


def md5_of_body(text: str) -> str:
    """What clients compare with what they sent."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def md5_of(attributes: Attributes) -> str:
    """The MD5 of message attributes, in the encoding that every SDK checks."""
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        value = attributes[name]
        is_binary = value["DataType"].startswith("Binary")
        content = value["BinaryValue"] if is_binary else value["StringValue"].encode()
        for part in (name.encode(), value["DataType"].encode()):
            digest.update(len(part).to_bytes(4, "big") + part)
        digest.update((b"\2" if is_binary else b"\1") + len(content).to_bytes(4, "big") + content)
    return digest.hexdigest()


def size(body: str, attributes: Attributes) -> int:
    """Bytes that count towards the limits: the body, and its attributes with names and types."""
    return len(body.encode()) + sum(_size(name, value) for name, value in attributes.items())


@frozen
class Receipt:
    """What a receipt handle says: which lease, from when, of the message with which sequence."""

    leased_ms: int
    sequence: int
    receipt: str

    def handle(self, queue_id: str) -> str:
        """The text that a receiver gets for it."""
        return base64.b64encode(f"{queue_id} {self.leased_ms} {self.sequence} {self.receipt}".encode()).decode()

    @classmethod
    def parse(cls, text: str, queue_id: str) -> Receipt | None:
        """None for what is no receipt handle of the queue."""
        try:
            parts = base64.b64decode(text, validate=True).decode().split(" ")
        except ValueError:
            return None
        if len(parts) != 4 or parts[0] != queue_id or not (_is_number(parts[1]) and _is_number(parts[2])):
            return None
        return cls(int(parts[1]), int(parts[2]), parts[3])


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _check_name(name: str) -> None:
    if not name:
        raise InvalidParameterValue("Message (user) attribute name can not be empty.")
    if len(name) > 256:
        raise InvalidParameterValue("Message (user) attribute name must be shorter than 256 bytes.")
    if _OURS.match(name):
        raise InvalidParameterValue(
            f"You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. "
            f"These strings are reserved for internal use: '{name}'."
        )
    if not _ATTRIBUTE_NAME.fullmatch(name):
        raise InvalidParameterValue(
            f"Message (user) attribute name '{name}' is invalid. Attribute name can contain A-Z, a-z, 0-9, "
            "underscore (_), hyphen (-), and period (.) characters; it must not start or end with a period, and it "
            "should not have successive periods."
        )


def _check_value(what: str, value: Mapping[str, Any]) -> None:
    kind = value["DataType"]
    base = kind.partition(".")[0]
    if not kind:
        raise InvalidParameterValue(f"{what} must contain a non-empty attribute type.")
    if len(kind.encode()) > 256:
        raise InvalidParameterValue(f"{what} type must be shorter than 256 bytes.")
    if base not in ("String", "Number", "Binary"):
        raise InvalidParameterValue(
            f"{what} has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and "
            "String."
        )
    wanted, other = ("BinaryValue", "StringValue") if base == "Binary" else ("StringValue", "BinaryValue")
    if value.get(other):
        raise InvalidParameterValue(f"{what} has a {other}, which does not go with the type '{kind}'.")
    content = value.get(wanted)
    if not content:
        raise InvalidParameterValue(f"{what} must contain a non-empty value of type '{kind}'.")
    if base == "Number" and not (_NUMBER.fullmatch(content) and len(content) <= 256):
        raise InvalidParameterValue(f"Can't cast the value of message (user) attribute {what.split()[-1]} to a number.")
    if base == "String" and _NOT_ALLOWED.search(content):
        raise InvalidParameterValue(f"{what} has characters that are not allowed.")


def _size(name: str, value: Mapping[str, Any]) -> int:
    content = value["BinaryValue"] if "BinaryValue" in value else value.get("StringValue", "").encode()
    return len(name.encode()) + len(value["DataType"].encode()) + len(content)


def plain(attributes: Attributes) -> Attributes:
    """Without the empty members that some clients send."""
    return {n: {k: v for k, v in value.items() if v or k == "DataType"} for n, value in attributes.items()}


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def unique(items: Iterable[str]) -> str | None:
    """The first item that is there twice, or None."""
    seen = set()
    for item in items:
        if item in seen:
            return item
        seen.add(item)
    return None
