"""What others are told of an asynchronous event: the invocation record that a destination gets, and the attributes of a
dead letter. Pure. Payloads stay the bytes that they are."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from lambent.core.retry import Condition
from lambent.values import frozen

_MESSAGE_BYTES = 1024
"""Of a function's error message, in a dead letter."""


@frozen
class Answer:
    """What a run came to, or a refusal to run."""

    status: int
    """As HTTP has it: 200 for every run, also for one that failed."""
    payload: bytes
    version: str = ""
    """That ran; empty if none did."""
    has_failed: bool = False


@frozen
class Ended:
    """An event that runs no more."""

    id: str
    arn: str
    """The function's, always qualified."""
    condition: Condition
    runs: int
    payload: bytes
    answer: Answer | None


def record(ended: Ended, *, now: float, at_most: int | None = None) -> bytes:
    """The invocation record as JSON; without its payloads where it would be longer than `at_most` bytes."""
    answer = ended.answer if ended.runs else None
    context: dict[str, object] = {
        "requestId": ended.id,
        "functionArn": ended.arn,
        "condition": ended.condition,
        "approximateInvokeCount": ended.runs,
    }
    parts = [
        b'{"version":"1.0","timestamp":"',
        _stamp(now).encode(),
        b'","requestContext":',
        _dumps(context),
    ]
    bare = list(parts)
    parts += [b',"requestPayload":', ended.payload]
    if answer is not None:
        response: dict[str, object] = {"statusCode": answer.status, "executedVersion": answer.version}
        if answer.has_failed:
            response["functionError"] = "Unhandled"
        told = [b',"responseContext":', _dumps(response)]
        parts += [*told, b',"responsePayload":', _json_of(answer.payload)]
        bare += told
    whole = b"".join((*parts, b"}"))
    return whole if at_most is None or len(whole) <= at_most else b"".join((*bare, b"}"))


def dead_letter_attributes(ended: Ended) -> dict[str, dict[str, str]]:
    """The message attributes of a dead letter, as SQS and SNS take them; they have no empty ones."""
    attributes = {"RequestID": {"DataType": "String", "StringValue": ended.id}}
    if ended.answer is not None:
        attributes["ErrorCode"] = {"DataType": "Number", "StringValue": str(ended.answer.status)}
        if message := _message(ended.answer):
            attributes["ErrorMessage"] = {"DataType": "String", "StringValue": message}
    return attributes


def object_key(ended: Ended, function: str, *, now: float, unique: str) -> str:
    """Under which a record is put into a bucket."""
    at = datetime.fromtimestamp(now, UTC)
    return f"aws/lambda/async/{function}/{at:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{unique}"


def _message(answer: Answer) -> str:
    """The function's error message, cut to 1 KB."""
    try:
        document = json.loads(answer.payload)
    except ValueError:
        document = None
    message = document.get("errorMessage") if isinstance(document, dict) else None
    text = message if isinstance(message, str) else answer.payload.decode("utf-8", "replace")
    return text.encode("utf-8", "replace")[:_MESSAGE_BYTES].decode("utf-8", "ignore")


def _json_of(payload: bytes) -> bytes:
    """A function's answer as it is, if it is JSON; else as a string."""
    if not payload:
        return b"null"
    try:
        payload.decode()
        json.loads(payload)
    except (ValueError, RecursionError):
        return _dumps(payload.decode("utf-8", "replace"))
    return payload


def _dumps(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _stamp(now: float) -> str:
    at = datetime.fromtimestamp(round(now, 3), UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
