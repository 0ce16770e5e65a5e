"""What is published: checked in AWS's own words, and as it waits in the queues to be delivered. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any, Final

import orjson

from lambent.neighbours.sns.shapes import (
    InvalidParameterException,
    InvalidParameterValueException,
    MessageAttributeValue,
)
from lambent.values import frozen

BYTES: Final = 262_144
"""A message with its attributes; all messages of a batch."""
SUBJECT: Final = 100
NAME: Final = 256
NOTIFICATION: Final = "Notification"
SUBSCRIPTION: Final = "SubscriptionConfirmation"
UNSUBSCRIPTION: Final = "UnsubscribeConfirmation"

_NAME_CHARACTER = re.compile(r"[A-Za-z0-9_.-]")
_TYPE = re.compile(r"(String|Number|Binary)(\..+)?", re.S)
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_SUBJECT = re.compile(r"[^\x00-\x1f\x7f]+")
_DEDUPLICATION = re.compile(r"[a-zA-Z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")


@frozen
class Attribute:
    """A message attribute: its type, and its value as text, in Base64 if it is binary."""

    type: str
    value: str

    @property
    def is_binary(self) -> bool:
        return self.type.split(".")[0] == "Binary"


@frozen(kw_only=True)
class Message:
    """One message on its way to one subscription."""

    id: str
    at_ms: int
    text: str
    kind: str = NOTIFICATION
    subject: str | None = None
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    signature_version: str = "1"
    trace: str = ""
    """The X-Ray header that it came with."""
    group: str = ""
    deduplication: str = ""
    sequence: str = ""
    """Of a FIFO topic: where it stands among what was published."""
    token: str = ""
    """Of a confirmation: what proves that it was received."""
    failures: int = 0
    """How often it could not be delivered."""
    given_up: str = ""
    """Why it goes to the dead-letter queue; empty while it is to be delivered."""

    def stored(self) -> bytes:
        """The body of a queue's message."""
        return orjson.dumps(self)

    @classmethod
    def restored(cls, body: bytes) -> Message:
        """What `stored` made."""
        values = orjson.loads(body)
        attributes = {name: Attribute(**members) for name, members in values.pop("attributes").items()}
        return cls(**values, attributes=attributes)

    def failed(self) -> Message:
        """The same after one more failure."""
        return replace(self, failures=self.failures + 1)


@frozen
class Texts:
    """The text of a message by protocol."""

    default: str
    by_protocol: Mapping[str, str] = field(default_factory=dict)

    def for_protocol(self, protocol: str) -> str:
        """The text that a subscription of this protocol gets."""
        return self.by_protocol.get(protocol, self.default)


def texts(message: str, structure: str | None) -> Texts:
    """The texts of a request's Message. Raises InvalidParameterException."""
    if not message:
        raise InvalidParameterException("Invalid parameter: Empty message")
    if structure is None:
        return Texts(message)
    if structure != "json":
        raise InvalidParameterException("Invalid parameter: MessageStructure")
    try:
        parsed = orjson.loads(message)
    except orjson.JSONDecodeError:
        raise InvalidParameterException(
            "Invalid parameter: Message Structure - JSON message body failed to parse"
        ) from None
    if not isinstance(parsed, dict) or not isinstance(parsed.get("default"), str):
        raise InvalidParameterException("Invalid parameter: Message Structure - No default entry in JSON message body")
    return Texts(parsed["default"], {name: text for name, text in parsed.items() if isinstance(text, str)})


def checked_subject(subject: str | None) -> str | None:
    """The subject. Raises InvalidParameterException for an empty or long one, or one with a line break."""
    if subject is not None and not (len(subject) <= SUBJECT and _SUBJECT.fullmatch(subject)):
        raise InvalidParameterException("Invalid parameter: Subject")
    return subject


def attributes(request: Mapping[str, MessageAttributeValue]) -> Mapping[str, Attribute]:
    """A request's message attributes. Raises InvalidParameterValueException."""
    found = {}
    for name, value in request.items():
        _check_name(name)
        found[name] = _attribute(name, value)
    return found


def size(message: str, attributes: Mapping[str, Attribute]) -> int:
    """Bytes that count towards the limit."""
    return len(message.encode()) + sum(
        len(name.encode()) + len(attribute.type.encode()) + _length(attribute) for name, attribute in attributes.items()
    )


def is_deduplication_id(text: str) -> bool:
    """Whether it may be a MessageDeduplicationId or a MessageGroupId."""
    return _DEDUPLICATION.fullmatch(text) is not None


def digest(text: str) -> str:
    """The deduplication id that a message's content makes."""
    return hashlib.sha256(text.encode()).hexdigest()


def _length(attribute: Attribute) -> int:
    return len(base64.b64decode(attribute.value)) if attribute.is_binary else len(attribute.value.encode())


def _attribute(name: str, given: Mapping[str, Any]) -> Attribute:
    kind = given["DataType"]
    found = _TYPE.fullmatch(kind)
    if found is None:
        raise InvalidParameterValueException(
            f"The message attribute '{name}' has an invalid message attribute type, "
            "the set of supported type prefixes is Binary, Number, and String."
        )
    member = "Binary" if found[1] == "Binary" else "String"
    other = "StringValue" if member == "Binary" else "BinaryValue"
    value = given.get(f"{member}Value")
    if value is None and given.get(other):
        raise InvalidParameterValueException(
            f"The message attribute '{name}' with type '{kind}' must use field '{member}'."
        )
    if not value:
        raise InvalidParameterValueException(
            f"The message attribute '{name}' must contain non-empty message attribute value "
            f"for message attribute type '{kind}'."
        )
    if found[1] == "Number" and _NUMBER.fullmatch(value) is None:
        raise InvalidParameterValueException(f"Could not cast message attribute '{name}' value to number.")
    return Attribute(kind, base64.b64encode(value).decode() if member == "Binary" else value)


def _check_name(name: str) -> None:
    if len(name.encode()) > NAME:
        raise InvalidParameterValueException(f"Length of message attribute name must be less than {NAME} bytes.")
    if not name:
        raise InvalidParameterValueException("The message attribute name must not be empty.")
    for character in name:
        if not _NAME_CHARACTER.fullmatch(character):
            raise InvalidParameterValueException(
                f"Invalid non-alphanumeric character '#x{ord(character):X}' was found in the message attribute name. "
                "Can only include alphanumeric characters, hyphens, underscores, or dots."
            )
    for end, which in ((name[0], "starting"), (name[-1], "ending")):
        if end == ".":
            raise InvalidParameterValueException(
                f"Invalid message attribute name {which} with character '.' was found."
            )
    if ".." in name:
        raise InvalidParameterValueException("Message attribute name can not have successive '.' character.")
