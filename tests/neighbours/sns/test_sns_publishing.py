"""Publishing: which messages are taken, and what is refused, in AWS's words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.neighbours.sns.names import SubscriptionRef

QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"


@pytest.mark.parametrize(
    ("members", "refusal"),
    [
        ({"Message": ""}, "Invalid parameter: Empty message"),
        ({"Message": "x" * 262_145}, "Invalid parameter: Message too long"),
        ({"Message": "é" * 131_073}, "Invalid parameter: Message too long"),
        ({"Message": "m", "Subject": ""}, "Invalid parameter: Subject"),
        ({"Message": "m", "Subject": "a\nb"}, "Invalid parameter: Subject"),
        ({"Message": "m", "Subject": "x" * 101}, "Invalid parameter: Subject"),
        ({"Message": "m", "MessageStructure": "xml"}, "Invalid parameter: MessageStructure"),
        (
            {"Message": '{"sqs": "x"}', "MessageStructure": "json"},
            "Invalid parameter: Message Structure - No default entry in JSON message body",
        ),
        (
            {"Message": '{"default": 1}', "MessageStructure": "json"},
            "Invalid parameter: Message Structure - No default entry in JSON message body",
        ),
        (
            {"Message": "{", "MessageStructure": "json"},
            "Invalid parameter: Message Structure - JSON message body failed to parse",
        ),
        (
            {"Message": "m", "MessageDeduplicationId": "d"},
            "Invalid parameter: MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter "
            "that is not valid for this topic type",
        ),
        ({"Message": "m", "MessageGroupId": "a b"}, "Invalid parameter: MessageGroupId"),
    ],
)  # fmt: skip
async def test_messages_are_checked(sns: Any, members: dict[str, Any], refusal: str) -> None:
    topic = await sns.topic()
    await sns.subscribed(topic)
    assert await sns.refusal("Publish", TopicArn=topic, **members) == f"InvalidParameter: {refusal}"
    assert await sns.waiting() == 0


@pytest.mark.parametrize(
    ("name", "value", "refusal"),
    [
        (
            "attr1",
            {"DataType": "String", "StringValue": ""},
            "The message attribute 'attr1' must contain non-empty message attribute value "
            "for message attribute type 'String'.",
        ),
        (
            "attr1",
            {"DataType": "Binary"},
            "The message attribute 'attr1' must contain non-empty message attribute value "
            "for message attribute type 'Binary'.",
        ),
        (
            "attr1",
            {"DataType": "Number", "BinaryValue": b"1"},
            "The message attribute 'attr1' with type 'Number' must use field 'String'.",
        ),
        (
            "attr1",
            {"DataType": "Binary", "StringValue": "1"},
            "The message attribute 'attr1' with type 'Binary' must use field 'Binary'.",
        ),
        (
            "attr1",
            {"DataType": "Number.int", "StringValue": "five"},
            "Could not cast message attribute 'attr1' value to number.",
        ),
        (
            "attr1",
            {"DataType": "Stringprefixed", "StringValue": "1"},
            "The message attribute 'attr1' has an invalid message attribute type, "
            "the set of supported type prefixes is Binary, Number, and String.",
        ),
        (
            "a" * 257,
            {"DataType": "String", "StringValue": "1"},
            "Length of message attribute name must be less than 256 bytes.",
        ),
        (
            "a^b",
            {"DataType": "String", "StringValue": "1"},
            "Invalid non-alphanumeric character '#x5E' was found in the message attribute name. "
            "Can only include alphanumeric characters, hyphens, underscores, or dots.",
        ),
        (
            ".a",
            {"DataType": "String", "StringValue": "1"},
            "Invalid message attribute name starting with character '.' was found.",
        ),
        (
            "a.",
            {"DataType": "String", "StringValue": "1"},
            "Invalid message attribute name ending with character '.' was found.",
        ),
        (
            "a..b",
            {"DataType": "String", "StringValue": "1"},
            "Message attribute name can not have successive '.' character.",
        ),
    ],
)
async def test_message_attributes_are_checked_alone_and_in_batches(
    sns: Any, name: str, value: dict[str, Any], refusal: str
) -> None:
    topic = await sns.topic()
    members = {"Message": "m", "MessageAttributes": {name: value}}
    expected = f"ParameterValueInvalid: {refusal}"
    assert await sns.refusal("Publish", TopicArn=topic, **members) == expected
    entries = [{"Id": "1", **members}]
    assert await sns.refusal("PublishBatch", TopicArn=topic, PublishBatchRequestEntries=entries) == expected


async def test_what_a_type_lacks_the_model_says(sns: Any) -> None:
    topic = await sns.topic()
    refusal = await sns.refusal(
        "Publish", TopicArn=topic, Message="m", MessageAttributes={"attr1": {"StringValue": "x"}}
    )
    assert refusal == (
        "ValidationError: 1 validation error detected: Value null at 'messageAttributes.attr1.member.dataType' "
        "failed to satisfy constraint: Member must not be null"
    )


async def test_targets_that_are_not_here_are_refused(sns: Any) -> None:
    topic = await sns.topic()
    endpoint = "arn:aws:sns:us-east-1:000000000000:endpoint/APNS/app/1"
    for members, text in (
        ({}, "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter"),
        ({"PhoneNumber": "+123"}, "Invalid parameter: PhoneNumber Reason: Lambent sends no text messages"),
        (
            {"TargetArn": endpoint},
            "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified",
        ),
        ({"TargetArn": "x"}, "Invalid parameter: TargetArn Reason: An ARN must have at least 6 elements, not 1"),
    ):
        assert await sns.refusal("Publish", Message="m", **members) == f"InvalidParameter: {text}"
    assert "MessageId" in await sns("Publish", Message="m", TargetArn=topic)


async def test_a_message_may_have_a_text_for_each_protocol(sns: Any) -> None:
    topic = await sns.topic()
    await sns.subscribed(topic, RawMessageDelivery="true")
    await sns.subscribed(topic, "arn:aws:lambda:us-east-1:000000000000:function:f", "lambda")
    texts = {"default": "for all", "sqs": "for queues", "lambda": 5}
    await sns("Publish", TopicArn=topic, Message=json.dumps(texts), MessageStructure="json")
    sns.deliver()
    await sns.settled()
    requests = {name: request for _, name, request in sns.aws.calls}
    assert requests["sqs.SendMessage"]["MessageBody"] == "for queues"
    (record,) = json.loads(requests["lambda.Invoke"]["Payload"])["Records"]
    assert record["Sns"]["Message"] == "for all"


@pytest.mark.parametrize(
    ("entries", "refusal"),
    [
        ([], "EmptyBatchRequest: The batch request doesn't contain any entries."),
        (
            [{"Id": str(n), "Message": "m"} for n in range(11)],
            "TooManyEntriesInBatchRequest: The batch request contains more entries than permissible.",
        ),
        (
            [{"Id": "1", "Message": "m"}] * 2,
            "BatchEntryIdsNotDistinct: Two or more batch entries in the request have the same Id.",
        ),
        (
            [{"Id": "a b", "Message": "m"}],
            "InvalidBatchEntryId: The Id of a batch entry in a batch request doesn't abide by the specification.",
        ),
        (
            [{"Id": str(n), "Message": "x" * 100_000} for n in range(3)],
            "BatchRequestTooLong: The length of all the messages put together is more than the limit.",
        ),
        (
            [{"Id": "1", "Message": "m"}, {"Id": "2", "Message": "{}", "MessageStructure": "json"}],
            "InvalidParameter: Invalid parameter: Message Structure - No default entry in JSON message body",
        ),
    ],
)
async def test_batches_are_checked_before_anything_is_published(
    sns: Any, entries: list[dict[str, str]], refusal: str
) -> None:
    topic = await sns.topic()
    await sns.subscribed(topic)
    assert await sns.refusal("PublishBatch", TopicArn=topic, PublishBatchRequestEntries=entries) == refusal
    assert await sns.waiting() == 0


async def test_fifo_topics_want_a_group_and_something_to_tell_messages_apart(sns: Any) -> None:
    topic = await sns.topic("t.fifo", Attributes={"FifoTopic": "true"})
    assert await sns.refusal("Publish", TopicArn=topic, Message="m") == (
        "InvalidParameter: Invalid parameter: The MessageGroupId parameter is required for FIFO topics"
    )
    assert await sns.refusal("Publish", TopicArn=topic, Message="m", MessageGroupId="g") == (
        "InvalidParameter: Invalid parameter: The topic should either have ContentBasedDeduplication enabled "
        "or MessageDeduplicationId provided explicitly"
    )


async def test_a_fifo_message_is_unsigned_numbered_and_told_apart_by_its_content(sns: Any) -> None:
    topic = await sns.topic("t.fifo", Attributes={"FifoTopic": "true", "ContentBasedDeduplication": "true"})
    await sns.subscribed(topic, QUEUE + ".fifo")
    sent = await sns("Publish", TopicArn=topic, Message="Test", MessageGroupId="g")
    sns.deliver()
    (body,) = await sns.bodies(1)
    assert list(body) == [
        *("Type", "MessageId", "SequenceNumber", "TopicArn", "Message", "Timestamp", "UnsubscribeURL"),
    ]
    assert (body["MessageId"], body["SequenceNumber"]) == (sent["MessageId"], sent["SequenceNumber"])
    assert len(sent["SequenceNumber"]) == 20
    ((_, _, request),) = sns.aws.calls
    assert request["MessageGroupId"] == "g"
    expected = "532eaabd9574880dbf76b9b8cc00832c20a6ec113d682299550d7a6e0f345e25"
    assert request["MessageDeduplicationId"] == expected


async def test_the_same_message_is_published_anew_after_five_minutes(sns: Any) -> None:
    topic = await sns.topic("t.fifo", Attributes={"FifoTopic": "true", "ContentBasedDeduplication": "true"})
    arn = await sns.subscribed(topic, QUEUE + ".fifo")
    message = {"TopicArn": topic, "Message": "m", "MessageGroupId": "g"}
    queue = SubscriptionRef.parse(arn).queue
    first = await sns("Publish", **message)
    sns.clock.advance(299)
    assert await sns("Publish", **message) == first
    sns.clock.advance(2)
    assert await sns("Publish", **message) != first
    assert await sns.store.queues.depth(queue) == 2
