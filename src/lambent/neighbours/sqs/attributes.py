"""The attributes of queues: which there are, what they may be, what they are when nobody said. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import orjson

from lambent.neighbours.sqs.errors import InvalidParameterValue, invalid_value
from lambent.neighbours.sqs.names import QueueRef
from lambent.neighbours.sqs.shapes import InvalidAttributeName, InvalidAttributeValue
from lambent.values import frozen

LARGEST_MESSAGE = 1_048_576
"""Bytes of a message with its attributes, and of all messages of a batch."""

_RANGES = {
    "DelaySeconds": (0, 900),
    "MaximumMessageSize": (1024, LARGEST_MESSAGE),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
}
_DEFAULTS = {
    "VisibilityTimeout": "30",
    "MaximumMessageSize": str(LARGEST_MESSAGE),
    "MessageRetentionPeriod": "345600",
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
}
_HIGH_THROUGHPUT = ("DeduplicationScope", "FifoThroughputLimit")
_FIFO_DEFAULTS = {
    "FifoQueue": "true",
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
}
_FLAGS = ("true", "false")
_CHOICES = {
    "SqsManagedSseEnabled": _FLAGS,
    "FifoQueue": _FLAGS,
    "ContentBasedDeduplication": _FLAGS,
    "DeduplicationScope": ("queue", "messageGroup"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
}
_REMOVABLE = ("Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId")
"""Texts; an empty one takes the attribute away."""
COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")
_COMPUTED = frozenset((*COUNTS, "CreatedTimestamp", "LastModifiedTimestamp", "QueueArn"))
SETTABLE = frozenset((*_RANGES, *_CHOICES, *_REMOVABLE))
KNOWN = SETTABLE | _COMPUTED
_ALLOWED_SOURCES = 10


@frozen
class Redrive:
    """Where messages go that were received more often than `most` times."""

    dead: QueueRef
    most: int


@frozen
class Rules:
    """What the attributes of a queue mean; times in seconds, sizes in bytes."""

    visibility_s: int
    delay_s: int
    retention_s: int
    wait_s: int
    largest: int
    is_fifo: bool
    by_content: bool
    """Without an id of its own a message is a duplicate of one with the same body."""
    by_group: bool
    """Duplicates are looked for in the message's group only."""
    redrive: Redrive | None

    @classmethod
    def of(cls, attributes: Mapping[str, str], *, is_fifo: bool) -> Rules:
        """From attributes that were checked."""
        said = {**_DEFAULTS, **attributes}
        redrive = attributes.get("RedrivePolicy")
        return cls(
            visibility_s=int(said["VisibilityTimeout"]),
            delay_s=int(said["DelaySeconds"]),
            retention_s=int(said["MessageRetentionPeriod"]),
            wait_s=int(said["ReceiveMessageWaitTimeSeconds"]),
            largest=int(said["MaximumMessageSize"]),
            is_fifo=is_fifo,
            by_content=said.get("ContentBasedDeduplication") == "true",
            by_group=said.get("DeduplicationScope") == "messageGroup",
            redrive=None if redrive is None else redrive_of(redrive),
        )


def check_names(names: Iterable[str]) -> None:
    """Raises InvalidAttributeName for a name, among those that are asked for, that no queue has."""
    for name in names:
        if name != "All" and name not in KNOWN:
            raise _unknown(name)


def checked(given: Mapping[str, str | None], ref: QueueRef) -> dict[str, str]:
    """The attributes of a request for the queue `ref`, all valid; empty texts where one is to be taken away.

    Whether other queues fit is not looked at. Raises InvalidAttributeName, InvalidAttributeValue and
    InvalidParameterValue.
    """
    attributes = {}
    for name, value in given.items():
        if name in _HIGH_THROUGHPUT and not ref.is_fifo:
            raise InvalidAttributeName(f"You can specify the {name} only when FifoQueue is set to true.")
        if name not in SETTABLE or (name in _FIFO_DEFAULTS and not ref.is_fifo):
            raise _unknown(name)
        attributes[name] = _normal(name, value or "")
        _check(name, attributes[name], ref)
    if attributes.get("KmsMasterKeyId") and attributes.get("SqsManagedSseEnabled") == "true":
        raise InvalidAttributeName(
            "You can use one type of server-side encryption (SSE) at one time. "
            "You can either enable KMS SSE or SQS SSE."
        )
    return attributes


def changed(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """The attributes of a queue after `new`, which was checked, was set. Raises InvalidAttributeValue."""
    merged = {name: value for name, value in {**old, **_as_stored(new)}.items() if value}
    if new.get("KmsMasterKeyId"):
        # It stays so when the key is taken away.
        merged["SqsManagedSseEnabled"] = "false"
    if new.get("SqsManagedSseEnabled") == "true" or "KmsMasterKeyId" not in merged:
        merged.pop("KmsMasterKeyId", None)
        merged.pop("KmsDataKeyReusePeriodSeconds", None)
    if merged.get("FifoThroughputLimit") == "perMessageGroupId" and merged.get("DeduplicationScope") != "messageGroup":
        raise InvalidAttributeValue(
            "Invalid value for the parameter FifoThroughputLimit. Reason: The perMessageGroupId value is allowed only "
            "when the value for DeduplicationScope is messageGroup."
        )
    return merged


def effective(attributes: Mapping[str, str], *, is_fifo: bool) -> dict[str, str]:
    """All attributes that are not computed, with their defaults."""
    said = {**_DEFAULTS, **(_FIFO_DEFAULTS if is_fifo else {}), **attributes}
    if "KmsMasterKeyId" in said:
        said.setdefault("KmsDataKeyReusePeriodSeconds", "300")
        said["SqsManagedSseEnabled"] = "false"
    said.setdefault("SqsManagedSseEnabled", "true")
    return said


def difference(held: Mapping[str, str], asked: Mapping[str, str], *, is_fifo: bool) -> str | None:
    """The first attribute that a CreateQueue asks for and the queue of that name has otherwise."""
    now = effective(held, is_fifo=is_fifo)
    for name, value in _as_stored(asked).items():
        if not _same(now.get(name, ""), value):
            return name
    return None


def redrive_of(text: str) -> Redrive:
    """A RedrivePolicy that was checked."""
    policy = json.loads(text)
    dead = QueueRef.parse(policy["deadLetterTargetArn"])
    assert dead is not None
    return Redrive(dead, int(policy["maxReceiveCount"]))


def allows(text: str | None, source: QueueRef) -> bool:
    """Whether a RedriveAllowPolicy, or none, lets `source` send its dead letters."""
    if not text:
        return True
    policy = json.loads(text)
    if policy["redrivePermission"] == "byQueue":
        return source.arn in policy["sourceQueueArns"]
    return bool(policy["redrivePermission"] == "allowAll")


def _as_stored(attributes: Mapping[str, str]) -> dict[str, str]:
    """Attributes that were checked, as AWS keeps and shows them."""
    redrive = attributes.get("RedrivePolicy")
    if not redrive:
        return dict(attributes)
    policy = json.loads(redrive)
    most = int(policy["maxReceiveCount"])
    kept = {"deadLetterTargetArn": policy["deadLetterTargetArn"], "maxReceiveCount": most}
    return {**attributes, "RedrivePolicy": json.dumps(kept, separators=(",", ":"))}


def _normal(name: str, value: str) -> str:
    """Flags may be written `True`."""
    return value.lower() if _CHOICES.get(name) is _FLAGS else value


def _same(one: str, other: str) -> bool:
    """Equal as texts, or as JSON documents."""
    if one == other:
        return True
    try:
        return one[:1] == "{" and bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


def _unknown(name: str) -> InvalidAttributeName:
    return InvalidAttributeName(f"Unknown Attribute {name}.")


def _check(name: str, value: str, ref: QueueRef) -> None:
    if name in _RANGES:
        least, most = _RANGES[name]
        if not (value.isascii() and value.isdigit() and len(value) <= 9 and least <= int(value) <= most):
            raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
    elif name in _CHOICES:
        if value not in _CHOICES[name]:
            raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
    elif value and name == "Policy":
        _check_policy(value)
    elif value and name == "RedrivePolicy":
        _check_redrive(value, ref)
    elif value and name == "RedriveAllowPolicy":
        _check_allowance(value)


def _check_policy(text: str) -> None:
    statements = (_document(text) or {}).get("Statement")
    statements = statements if isinstance(statements, list) else [statements]
    if not all(isinstance(statement, dict) for statement in statements):
        raise InvalidAttributeValue("Invalid value for the parameter Policy.")


def _check_redrive(text: str, ref: QueueRef) -> None:
    def refused(reason: str) -> InvalidParameterValue:
        return invalid_value("RedrivePolicy", text, reason)

    policy = _document(text)
    if policy is None:
        raise refused("Redrive policy is not a valid JSON map.")
    for member in ("maxReceiveCount", "deadLetterTargetArn"):
        if member not in policy:
            raise refused(f"Redrive policy does not contain mandatory attribute: {member}.")
    for member in policy:
        if member not in ("maxReceiveCount", "deadLetterTargetArn"):
            raise refused("Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount].")
    most = str(policy["maxReceiveCount"])
    if not (most.isascii() and most.isdigit() and len(most) <= 9 and 1 <= int(most) <= 1000):
        raise refused(f"Invalid value for maxReceiveCount: {most}, valid values are from 1 to 1000 both inclusive.")
    arn = policy["deadLetterTargetArn"]
    dead = QueueRef.parse(arn) if isinstance(arn, str) else None
    if dead is None:
        raise refused("Invalid value for deadLetterTargetArn.")
    if (dead.account, dead.region) != (ref.account, ref.region):
        raise refused("Dead letter target owner should be same as the source.")
    if dead.is_fifo != ref.is_fifo:
        raise refused("Dead-letter queue must be same type of queue as the source.")


def _check_allowance(text: str) -> None:
    def refused(reason: str) -> InvalidParameterValue:
        return invalid_value("RedriveAllowPolicy", text, reason)

    policy = _document(text)
    if policy is None:
        raise refused("RedriveAllowPolicy is not a valid JSON map.")
    for member in policy:
        if member not in ("redrivePermission", "sourceQueueArns"):
            raise refused(f"Unknown attribute: {member}.")
    permission, sources = policy.get("redrivePermission"), policy.get("sourceQueueArns")
    if permission not in ("allowAll", "denyAll", "byQueue"):
        raise refused("redrivePermission must be one of allowAll, denyAll, byQueue.")
    if permission != "byQueue":
        if sources is not None:
            raise refused("sourceQueueArns can be specified only when redrivePermission is byQueue.")
        return
    if not isinstance(sources, list) or not 1 <= len(sources) <= _ALLOWED_SOURCES:
        raise refused(f"sourceQueueArns must have 1 to {_ALLOWED_SOURCES} queue ARNs.")
    if not all(isinstance(arn, str) and QueueRef.parse(arn) for arn in sources):
        raise refused("sourceQueueArns must be ARNs of queues.")


def _document(text: str) -> dict[str, object] | None:
    """A JSON object, or None."""
    try:
        document = orjson.loads(text)
        orjson.dumps(document)  # it must also be written again, which fails where it nests too deep
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    return document if isinstance(document, dict) else None
