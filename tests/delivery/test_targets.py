"""Which call tells which target what."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lambent.core.invocationrecord import Answer, Ended, record
from lambent.core.retry import Condition
from lambent.delivery.targets import Errand, Told, Undelivered, send_dead_letter, send_record

NOW = 1_735_689_600.0
ARN = "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST"
ENDED = Ended("id", ARN, Condition.RETRIES_EXHAUSTED, 3, b'{"a":1}', Answer(200, b'{"errorMessage":"no"}', "1", True))
TOLD = Told("000000000000", "us-east-1", "f", ENDED, "Root=1-a;Lineage=1:aaaaaaaa:0")
RECORD = record(ENDED, now=NOW)


async def errands(post: Any, arn: str, told: Told = TOLD) -> list[Errand]:
    await send_record(post, told, arn, now=NOW, unique="unique")
    return list(post.sent)


async def test_a_record_to_a_queue(world: Any) -> None:
    [errand] = await errands(world.post, "arn:aws:sqs:eu-west-1:111111111111:q")
    assert (errand.account, errand.region, errand.service) == ("000000000000", "eu-west-1", "sqs")
    assert errand.operation == "SendMessage"
    assert errand.trace == TOLD.trace
    assert errand.members == {
        "QueueUrl": "http://localhost/000000000000/q",
        "MessageBody": RECORD.decode(),
        "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": TOLD.trace}},
    }


async def test_a_record_to_a_topic(world: Any) -> None:
    [errand] = await errands(world.post, "arn:aws:sns:us-east-1:000000000000:t")
    assert (errand.service, errand.operation) == ("sns", "Publish")
    assert errand.members == {"TopicArn": "arn:aws:sns:us-east-1:000000000000:t", "Message": RECORD.decode()}


async def test_a_record_to_a_function(world: Any) -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:function:sink:live"
    [errand] = await errands(world.post, arn)
    assert (errand.service, errand.operation) == ("lambda", "Invoke")
    assert errand.members == {"FunctionName": arn, "InvocationType": "Event", "Payload": RECORD}


@pytest.mark.parametrize(
    ("condition", "kind"), [(Condition.SUCCESS, "Success"), (Condition.EVENT_AGE_EXCEEDED, "Failure")]
)
async def test_a_record_to_an_event_bus(world: Any, condition: Condition, kind: str) -> None:
    bus = "arn:aws:events:us-east-1:000000000000:event-bus/default"
    ended = replace(ENDED, condition=condition)
    [errand] = await errands(world.post, bus, replace(TOLD, ended=ended))
    assert (errand.service, errand.operation) == ("events", "PutEvents")
    assert errand.members == {
        "Entries": [
            {
                "Source": "lambda",
                "DetailType": f"Lambda Function Invocation Result - {kind}",
                "Resources": [bus, ARN],
                "Detail": record(ended, now=NOW).decode(),
                "EventBusName": bus,
            }
        ]
    }


async def test_an_entry_that_the_bus_refuses_is_undelivered(world: Any) -> None:
    world.post.answers["PutEvents"] = {
        "FailedEntryCount": 1,
        "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "later"}],
    }
    with pytest.raises(Undelivered, match="InternalFailure: later"):
        await errands(world.post, "arn:aws:events:us-east-1:000000000000:event-bus/default")


async def test_a_record_to_a_bucket(world: Any) -> None:
    [errand] = await errands(world.post, "arn:aws:s3:::bucket")
    assert (errand.service, errand.operation, errand.region) == ("s3", "PutObject", "us-east-1")
    assert errand.members == {
        "Bucket": "bucket",
        "Key": "aws/lambda/async/f/2025/01/01/2025-01-01T00.00.00-unique",
        "Body": RECORD,
        "ContentType": "application/json",
    }


@pytest.mark.parametrize(
    ("arn", "size", "has_payload"),
    [
        ("arn:aws:sns:us-east-1:000000000000:t", 250_000, True),
        ("arn:aws:sns:us-east-1:000000000000:t", 263_000, False),
        ("arn:aws:sqs:us-east-1:000000000000:q", 263_000, True),
        ("arn:aws:sqs:us-east-1:000000000000:q", 1_048_576, False),
        ("arn:aws:lambda:us-east-1:000000000000:function:sink", 1_048_576, False),
        ("arn:aws:s3:::bucket", 6_000_000, True),
    ],
)
async def test_payloads_are_left_out_where_they_are_too_large_for_the_target(
    world: Any, arn: str, size: int, has_payload: bool
) -> None:
    ended = replace(ENDED, payload=b'"' + b"x" * (size - 2) + b'"')
    [errand] = await errands(world.post, arn, replace(TOLD, ended=ended))
    members = errand.members
    body = next(members[name] for name in ("Message", "MessageBody", "Payload", "Body") if name in members)
    assert ("requestPayload" in json.loads(body)) is has_payload


async def test_a_dead_letter_is_the_event_as_it_was_sent(world: Any) -> None:
    await send_dead_letter(world.post, TOLD, "arn:aws:sns:us-east-1:000000000000:t")
    await send_dead_letter(world.post, TOLD, "arn:aws:sqs:us-east-1:000000000000:q")
    published, sent = world.post.sent
    assert (published.operation, published.members["Message"]) == ("Publish", '{"a":1}')
    assert (sent.operation, sent.members["MessageBody"]) == ("SendMessage", '{"a":1}')
    for errand in (published, sent):
        attributes = {name: each["StringValue"] for name, each in errand.members["MessageAttributes"].items()}
        assert attributes == {"RequestID": "id", "ErrorCode": "200", "ErrorMessage": "no"}


@pytest.mark.parametrize("arn", ["nonsense", "arn:aws:dynamodb:us-east-1:000000000000:table/t"])
async def test_what_is_no_target_is_never_tried_again(world: Any, arn: str) -> None:
    with pytest.raises(Undelivered) as refusal:
        await errands(world.post, arn)
    assert not refusal.value.may_pass
