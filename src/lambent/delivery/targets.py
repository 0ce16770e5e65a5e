"""Telling others of an event's end: which call of AWS's APIs tells a target what. What a call goes through is a `Post`,
which app.py provides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from lambent.core import limits
from lambent.core.destination import Destination
from lambent.core.invocationrecord import Ended, dead_letter_attributes, object_key, record
from lambent.core.retry import Condition
from lambent.values import frozen

_MOST = {"sns": 262_144, "sqs": 1_048_576, "lambda": limits.ASYNC_PAYLOAD, "events": 262_144}
"""Bytes that a target takes; a record is sent without its payloads where it would be longer."""
_DETAIL = "Lambda Function Invocation Result - "


class Undelivered(Exception):
    """A target did not take what it was told; `may_pass`: it might another time."""

    def __init__(self, reason: str, *, may_pass: bool) -> None:
        super().__init__(reason)
        self.may_pass = may_pass


@frozen
class Errand:
    """A call to be made in a function's name: members as the service's model has them."""

    account: str
    region: str
    """The target's."""
    trace: str
    """For the request's X-Amzn-Trace-Id."""
    service: str
    operation: str
    members: Mapping[str, Any]


class Post(Protocol):
    """Makes calls to AWS services, wherever they are."""

    async def send(self, errand: Errand) -> Mapping[str, Any]:
        """The answer, in model member names. Raises Undelivered."""


@frozen
class Told:
    """Whom it is about, and what is common to all that is told of it."""

    account: str
    region: str
    function: str
    ended: Ended
    trace: str


async def send_record(post: Post, told: Told, arn: str, *, now: float, unique: str) -> None:
    """Send the invocation record to a destination. Raises Undelivered."""
    target = _parsed(arn)
    body = record(told.ended, now=now, at_most=_MOST.get(target.service))
    match target.service:
        case "sqs":
            await _to_queue(post, told, target, body, {})
        case "sns":
            await _call(post, told, target, "Publish", {"TopicArn": arn, "Message": body.decode()})
        case "lambda":
            request = {"FunctionName": arn, "InvocationType": "Event", "Payload": body}
            await _call(post, told, target, "Invoke", request)
        case "events":
            answer = await _call(post, told, target, "PutEvents", {"Entries": [_entry(told, arn, body)]})
            if answer.get("FailedEntryCount"):
                failed = answer["Entries"][0]
                raise Undelivered(f"{failed.get('ErrorCode')}: {failed.get('ErrorMessage')}", may_pass=True)
        case "s3":
            key = object_key(told.ended, told.function, now=now, unique=unique)
            request = {"Bucket": arn.rpartition(":")[2], "Key": key, "Body": body, "ContentType": "application/json"}
            await _call(post, told, target, "PutObject", request)
        case _:
            raise Undelivered(f"{arn} is no destination", may_pass=False)


async def send_dead_letter(post: Post, told: Told, arn: str) -> None:
    """Send the event itself to a dead-letter queue or topic. Raises Undelivered."""
    target = _parsed(arn)
    attributes = dead_letter_attributes(told.ended)
    if target.service == "sqs":
        await _to_queue(post, told, target, told.ended.payload, attributes)
        return
    request = {"TopicArn": arn, "Message": told.ended.payload.decode(), "MessageAttributes": attributes}
    await _call(post, told, target, "Publish", request)


async def _to_queue(
    post: Post, told: Told, target: Destination, body: bytes, attributes: Mapping[str, Mapping[str, str]]
) -> None:
    name = target.arn.rpartition(":")[2]
    owner = {"QueueName": name, "QueueOwnerAWSAccountId": target.account}
    url = (await _call(post, told, target, "GetQueueUrl", owner))["QueueUrl"]
    request: dict[str, Any] = {"QueueUrl": url, "MessageBody": body.decode()}
    if attributes:
        request["MessageAttributes"] = attributes
    if told.trace:
        request["MessageSystemAttributes"] = {"AWSTraceHeader": {"DataType": "String", "StringValue": told.trace}}
    await _call(post, told, target, "SendMessage", request)


async def _call(
    post: Post, told: Told, target: Destination, operation: str, members: Mapping[str, Any]
) -> Mapping[str, Any]:
    region = target.region or told.region
    return await post.send(Errand(told.account, region, told.trace, target.service, operation, members))


def _entry(told: Told, arn: str, body: bytes) -> dict[str, Any]:
    kind = "Success" if told.ended.condition is Condition.SUCCESS else "Failure"
    return {
        "Source": "lambda",
        "DetailType": _DETAIL + kind,
        "Resources": [arn, told.ended.arn],
        "Detail": body.decode(),
        "EventBusName": arn,
    }


def _parsed(arn: str) -> Destination:
    target = Destination.parse(arn)
    if target is None:
        raise Undelivered(f"{arn} is no ARN", may_pass=False)
    return target
