"""Queues and their attributes: what is taken, refused and shown."""
# ruff: noqa: E501  (tables are read by row)

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambent.kit.clock import FakeClock

ARN = "arn:aws:sqs:us-east-1:000000000000:"
NO_QUEUE = "QueueDoesNotExist: The specified queue does not exist."
BAD_NAME = "InvalidParameterValue: Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
BAD_FIFO_NAME = "InvalidParameterValue: The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length."


def redrive(most: Any = 3, target: str = f"{ARN}dead") -> str:
    return json.dumps({"deadLetterTargetArn": target, "maxReceiveCount": most})


async def test_a_queue_has_the_defaults_of_aws(sqs: Any, clock: FakeClock) -> None:
    url = await sqs.queue("q")
    now = str(int(clock.now()))
    assert url == "http://aws.test/000000000000/q"
    assert await sqs.attributes(url) == {
        "QueueArn": f"{ARN}q",
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
        "CreatedTimestamp": now,
        "LastModifiedTimestamp": now,
        "VisibilityTimeout": "30",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "DelaySeconds": "0",
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true",
    }
    assert await sqs.attributes(url, "QueueArn", "Policy") == {"QueueArn": f"{ARN}q"}
    assert await sqs("GetQueueAttributes", QueueUrl=url) == {}


async def test_a_fifo_queue_says_how_it_keeps_order(sqs: Any) -> None:
    shown = await sqs.attributes(await sqs.queue("q.fifo", ContentBasedDeduplication="true"))
    names = ("FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit")
    assert [shown[name] for name in names] == ["true", "true", "queue", "perQueue"]


@pytest.mark.parametrize(
    ("name", "attributes", "refusal"),
    [
        ("a b", {}, BAD_NAME),
        ("", {}, BAD_NAME),
        ("q" * 81, {}, BAD_NAME),
        ("q.fifo", {}, BAD_NAME),
        ("q", {"FifoQueue": "true"}, BAD_FIFO_NAME),
        ("q" * 76 + ".fifo", {"FifoQueue": "true"}, BAD_FIFO_NAME),
        ("q", {"FifoQueue": "false"}, "InvalidAttributeName: Unknown Attribute FifoQueue."),
        ("q", {"Colour": "red"}, "InvalidAttributeName: Unknown Attribute Colour."),
        ("q", {"QueueArn": "x"}, "InvalidAttributeName: Unknown Attribute QueueArn."),
        ("q", {"ContentBasedDeduplication": "true"}, "InvalidAttributeName: Unknown Attribute ContentBasedDeduplication."),
        ("q", {"DeduplicationScope": "queue"}, "InvalidAttributeName: You can specify the DeduplicationScope only when FifoQueue is set to true."),
        ("q", {"FifoThroughputLimit": "perQueue"}, "InvalidAttributeName: You can specify the FifoThroughputLimit only when FifoQueue is set to true."),
        ("q.fifo", {"FifoQueue": "true", "ContentBasedDeduplication": "yes"}, "InvalidAttributeValue: Invalid value for the parameter ContentBasedDeduplication."),
        ("q", {"DelaySeconds": "901"}, "InvalidAttributeValue: Invalid value for the parameter DelaySeconds."),
        ("q", {"DelaySeconds": "-1"}, "InvalidAttributeValue: Invalid value for the parameter DelaySeconds."),
        ("q", {"VisibilityTimeout": "43201"}, "InvalidAttributeValue: Invalid value for the parameter VisibilityTimeout."),
        ("q", {"VisibilityTimeout": "x"}, "InvalidAttributeValue: Invalid value for the parameter VisibilityTimeout."),
        ("q", {"VisibilityTimeout": ""}, "InvalidAttributeValue: Invalid value for the parameter VisibilityTimeout."),
        ("q", {"VisibilityTimeout": "٣"}, "InvalidAttributeValue: Invalid value for the parameter VisibilityTimeout."),
        ("q", {"MaximumMessageSize": "1023"}, "InvalidAttributeValue: Invalid value for the parameter MaximumMessageSize."),
        ("q", {"MaximumMessageSize": "1048577"}, "InvalidAttributeValue: Invalid value for the parameter MaximumMessageSize."),
        ("q", {"MessageRetentionPeriod": "59"}, "InvalidAttributeValue: Invalid value for the parameter MessageRetentionPeriod."),
        ("q", {"ReceiveMessageWaitTimeSeconds": "21"}, "InvalidAttributeValue: Invalid value for the parameter ReceiveMessageWaitTimeSeconds."),
        ("q", {"Policy": "{"}, "InvalidAttributeValue: Invalid value for the parameter Policy."),
        ("q", {"Policy": '{"Statement":[{"a":NaN}]}'}, "InvalidAttributeValue: Invalid value for the parameter Policy."),
        ("q", {"Policy": '{"Statement":[' + '{"a":' * 900 + "1" + "}" * 900 + "]}"}, "InvalidAttributeValue: Invalid value for the parameter Policy."),
        ("q", {"Policy": '{"Statement":[1]}'}, "InvalidAttributeValue: Invalid value for the parameter Policy."),
        ("q", {"KmsMasterKeyId": "k", "SqsManagedSseEnabled": "true"}, "InvalidAttributeName: You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE."),
        ("q", {"RedrivePolicy": "{}"}, "InvalidParameterValue: Value {} for parameter RedrivePolicy is invalid. Reason: Redrive policy does not contain mandatory attribute: maxReceiveCount."),
        ("q", {"RedrivePolicy": "x"}, "InvalidParameterValue: Value x for parameter RedrivePolicy is invalid. Reason: Redrive policy is not a valid JSON map."),
        ("q", {"RedrivePolicy": redrive(0)}, f"InvalidParameterValue: Value {redrive(0)} for parameter RedrivePolicy is invalid. Reason: Invalid value for maxReceiveCount: 0, valid values are from 1 to 1000 both inclusive."),
        ("q", {"RedrivePolicy": redrive(42, "dummy")}, f"InvalidParameterValue: Value {redrive(42, 'dummy')} for parameter RedrivePolicy is invalid. Reason: Invalid value for deadLetterTargetArn."),
        ("q", {"RedrivePolicy": redrive()}, f"InvalidParameterValue: Value {redrive()} for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist."),
        ("q", {"RedrivePolicy": redrive(3, f"{ARN}dead.fifo")}, f"InvalidParameterValue: Value {redrive(3, f'{ARN}dead.fifo')} for parameter RedrivePolicy is invalid. Reason: Dead-letter queue must be same type of queue as the source."),
        ("q", {"RedriveAllowPolicy": '{"redrivePermission":"some"}'}, 'InvalidParameterValue: Value {"redrivePermission":"some"} for parameter RedriveAllowPolicy is invalid. Reason: redrivePermission must be one of allowAll, denyAll, byQueue.'),
        ("q.fifo", {"FifoQueue": "true", "FifoThroughputLimit": "perMessageGroupId"}, "InvalidAttributeValue: Invalid value for the parameter FifoThroughputLimit. Reason: The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup."),
    ],
)  # fmt: skip
async def test_what_no_queue_can_be_is_refused(sqs: Any, name: str, attributes: dict[str, str], refusal: str) -> None:
    assert await sqs.refusal("CreateQueue", QueueName=name, Attributes=attributes) == refusal
    assert await sqs("ListQueues") == {}


async def test_making_a_queue_again_is_no_error_unless_it_shall_be_another(sqs: Any) -> None:
    url = await sqs.queue("q", DelaySeconds="1")
    assert await sqs.queue("q", DelaySeconds="1") == url
    assert await sqs.queue("q") == url
    text = "QueueNameExists: A queue already exists with the same name and a different value for attribute DelaySeconds"
    assert await sqs.refusal("CreateQueue", QueueName="q", Attributes={"DelaySeconds": "2"}) == text


async def test_attributes_are_changed_and_taken_away(sqs: Any) -> None:
    await sqs.queue("dead")
    url = await sqs.queue("q", KmsMasterKeyId="alias/aws/sqs")
    assert (await sqs.attributes(url))["SqsManagedSseEnabled"] == "false"
    assert (await sqs.attributes(url))["KmsDataKeyReusePeriodSeconds"] == "300"
    attributes = {"VisibilityTimeout": "69", "RedrivePolicy": redrive("3"), "SqsManagedSseEnabled": "true"}
    await sqs("SetQueueAttributes", QueueUrl=url, Attributes=attributes)
    shown = await sqs.attributes(url)
    kept = f'{{"deadLetterTargetArn":"{ARN}dead","maxReceiveCount":3}}'
    assert {name: shown[name] for name in attributes} == {**attributes, "RedrivePolicy": kept}
    assert await sqs.queue("q", RedrivePolicy=redrive("3")) == url
    assert "KmsMasterKeyId" not in shown
    await sqs("SetQueueAttributes", QueueUrl=url, Attributes={"RedrivePolicy": ""})
    assert "RedrivePolicy" not in await sqs.attributes(url)


async def test_a_queue_whose_key_is_taken_away_is_not_encrypted_otherwise(sqs: Any) -> None:
    url = await sqs.queue("q")
    key = {"KmsMasterKeyId": "testKeyId", "KmsDataKeyReusePeriodSeconds": "6000"}
    await sqs("SetQueueAttributes", QueueUrl=url, Attributes=key)
    assert await sqs.attributes(url, *key, "SqsManagedSseEnabled") == {**key, "SqsManagedSseEnabled": "false"}
    gone = {"KmsMasterKeyId": "", "KmsDataKeyReusePeriodSeconds": "300"}
    await sqs("SetQueueAttributes", QueueUrl=url, Attributes=gone)
    assert await sqs.attributes(url, *key, "SqsManagedSseEnabled") == {"SqsManagedSseEnabled": "false"}


async def test_flags_may_be_written_with_a_capital(sqs: Any) -> None:
    url = await sqs.queue("q.fifo", FifoQueue="True", ContentBasedDeduplication="False")
    names = ("FifoQueue", "ContentBasedDeduplication")
    assert await sqs.attributes(url, *names) == {"FifoQueue": "true", "ContentBasedDeduplication": "false"}
    await sqs("SetQueueAttributes", QueueUrl=url, Attributes={"FifoQueue": "True"})


async def test_a_name_does_for_a_url(sqs: Any) -> None:
    url = await sqs.queue("q")
    await sqs.send("q", "by name")
    assert await sqs.bodies(url) == ["by name"]


async def test_the_kind_of_a_queue_is_for_ever(sqs: Any) -> None:
    standard, fifo = await sqs.queue("q"), await sqs.queue("q.fifo")
    unknown = await sqs.refusal("SetQueueAttributes", QueueUrl=standard, Attributes={"FifoQueue": "true"})
    assert unknown == "InvalidAttributeName: Unknown Attribute FifoQueue."
    fixed = await sqs.refusal("SetQueueAttributes", QueueUrl=fifo, Attributes={"FifoQueue": "false"})
    text = "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported."
    assert fixed == f"InvalidAttributeValue: {text}"
    await sqs("SetQueueAttributes", QueueUrl=fifo, Attributes={"FifoQueue": "true"})


@pytest.mark.parametrize(
    ("policy", "allowed"),
    [
        ('{"redrivePermission":"allowAll"}', True),
        ('{"redrivePermission":"denyAll"}', False),
        (f'{{"redrivePermission":"byQueue","sourceQueueArns":["{ARN}q"]}}', True),
        (f'{{"redrivePermission":"byQueue","sourceQueueArns":["{ARN}other"]}}', False),
    ],
)
async def test_a_dead_letter_queue_says_who_may_use_it(sqs: Any, policy: str, allowed: bool) -> None:
    dead = await sqs.queue("dead", RedriveAllowPolicy=policy)
    if not allowed:
        refusal = await sqs.refusal("CreateQueue", QueueName="q", Attributes={"RedrivePolicy": redrive()})
        assert "does not allow" in refusal
        return
    url = await sqs.queue("q", RedrivePolicy=redrive())
    assert await sqs("ListDeadLetterSourceQueues", QueueUrl=dead) == {"queueUrls": [url]}


async def test_queues_are_listed_by_prefix_and_in_pages(sqs: Any) -> None:
    urls = [await sqs.queue(f"a{number}") for number in range(5)]
    await sqs.queue("b")
    assert (await sqs("ListQueues", QueueNamePrefix="a"))["QueueUrls"] == urls
    first = await sqs("ListQueues", QueueNamePrefix="a", MaxResults=3)
    assert first["QueueUrls"] == urls[:3]
    rest = await sqs("ListQueues", QueueNamePrefix="a", MaxResults=3, NextToken=first["NextToken"])
    assert rest == {"QueueUrls": urls[3:]}
    refusal = await sqs.refusal("ListQueues", MaxResults=1001)
    assert refusal.startswith("InvalidParameterValue: Value for parameter MaxResults is invalid.")
    assert await sqs.refusal("ListQueues", NextToken="%") == "InvalidParameterValue: Invalid or expired next token."


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("GetQueueAttributes", {}),
        ("SetQueueAttributes", {"Attributes": {}}),
        ("SendMessage", {"MessageBody": "x"}),
        ("ReceiveMessage", {}),
        ("DeleteMessage", {"ReceiptHandle": "x"}),
        ("PurgeQueue", {}),
        ("DeleteQueue", {}),
        ("ListQueueTags", {}),
        ("RemovePermission", {"Label": "x"}),
        ("SendMessageBatch", {"Entries": []}),
    ],
)
async def test_a_queue_that_is_not_there_is_said_so(sqs: Any, operation: str, request_: dict[str, Any]) -> None:
    url = await sqs.queue("q")
    for other in (f"{url}x", url.replace("000000000000", "111111111111")):
        assert await sqs.refusal(operation, QueueUrl=other, **request_) == NO_QUEUE
    assert await sqs.refusal(operation, QueueUrl="p", **request_) == NO_QUEUE
    refusal = await sqs.refusal(operation, QueueUrl="a/q", **request_)
    assert refusal == "InvalidAddress: The address a/q is not valid for this endpoint."
    missing = await sqs.refusal(operation, **request_)
    assert missing == "MissingParameter: The request must contain the parameter QueueUrl."


async def test_a_url_is_had_by_the_name(sqs: Any) -> None:
    url = await sqs.queue("q")
    assert await sqs("GetQueueUrl", QueueName="q") == {"QueueUrl": url}
    assert await sqs.refusal("GetQueueUrl", QueueName="q", QueueOwnerAWSAccountId="111111111111") == NO_QUEUE
    assert await sqs.refusal("GetQueueUrl", QueueName="p") == NO_QUEUE


async def test_a_queue_made_again_has_nothing_of_the_one_before(sqs: Any, clock: FakeClock) -> None:
    url = await sqs.queue("q.fifo")
    await sqs.send(url, "old", MessageGroupId="g", MessageDeduplicationId="1")
    (message,) = await sqs.receive(url)
    await sqs("DeleteQueue", QueueUrl=url)
    text = "You must wait 60 seconds after deleting a queue before you can create another with the same name."
    fifo = {"FifoQueue": "true"}
    assert await sqs.refusal("CreateQueue", QueueName="q.fifo", Attributes=fifo) == f"QueueDeletedRecently: {text}"
    clock.advance(60)
    assert await sqs.queue("q.fifo") == url
    clock.advance(60)
    assert await sqs.bodies(url) == []
    await sqs.send(url, "new", MessageGroupId="g", MessageDeduplicationId="1")
    refusal = await sqs.refusal("DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert refusal.startswith("ReceiptHandleIsInvalid: The input receipt handle")
    assert await sqs.bodies(url) == ["new"]


async def test_with_dev_nobody_waits_a_minute(make_sqs: Callable[..., Any]) -> None:
    sqs = make_sqs(dev=True)
    url = await sqs.queue("q")
    for _ in range(2):
        await sqs.send(url, "old")
        await sqs("PurgeQueue", QueueUrl=url)
    await sqs.send(url, "old")
    await sqs("DeleteQueue", QueueUrl=url)
    await sqs.queue("q")
    assert await sqs.counts(url) == (0, 0, 0)


async def test_a_deletion_that_was_cut_off_is_finished(
    sqs: Any, make_sqs: Callable[..., Any], clock: FakeClock
) -> None:
    url = await sqs.queue("q")
    await sqs.send(url, "old")
    messages = f"sqs/{ARN.split(':')[4]}/us-east-1/q"
    purge = sqs.store.queues.purge
    sqs.store.queues.purge = lambda *_, **__: _cut_off()
    with pytest.raises(RuntimeError):
        await sqs("DeleteQueue", QueueUrl=url)
    sqs.store.queues.purge = purge
    assert await sqs.store.queues.depth(messages) == 1
    again = make_sqs(sqs.store)
    assert await again.refusal("GetQueueAttributes", QueueUrl=url) == NO_QUEUE
    await again.housekeeping.round()
    assert await sqs.store.queues.depth(messages) == 0
    clock.advance(61)
    await again.housekeeping.round()
    assert list(await sqs.store.records.list("sqs/")) == []


async def _cut_off() -> int:
    raise RuntimeError("killed")


async def test_what_was_purged_may_be_sent_again(sqs: Any) -> None:
    url = await sqs.queue("q.fifo")
    same = {"MessageGroupId": "g", "MessageDeduplicationId": "d"}
    await sqs.send(url, "old", **same)
    await sqs("PurgeQueue", QueueUrl=url)
    await sqs.send(url, "new", **same)
    assert await sqs.bodies(url) == ["new"]


async def test_a_purge_empties_the_queue_once_a_minute(sqs: Any, clock: FakeClock) -> None:
    url = await sqs.queue("q")
    await sqs.send(url, "a", "b", "c")
    await sqs.receive(url, 1)
    await sqs("PurgeQueue", QueueUrl=url)
    assert await sqs.counts(url) == (0, 0, 0)
    text = "PurgeQueueInProgress: Only one PurgeQueue operation on q is allowed every 60 seconds."
    assert await sqs.refusal("PurgeQueue", QueueUrl=url) == text
    clock.advance(60)
    await sqs("PurgeQueue", QueueUrl=url)


async def test_tags_are_added_shown_and_removed(sqs: Any) -> None:
    url = await sqs.queue("q", tags={"a": "1"})
    await sqs("TagQueue", QueueUrl=url, Tags={"b": "2", "c": ""})
    assert await sqs("ListQueueTags", QueueUrl=url) == {"Tags": {"a": "1", "b": "2", "c": ""}}
    await sqs("UntagQueue", QueueUrl=url, TagKeys=["a", "b", "c", "d"])
    assert await sqs("ListQueueTags", QueueUrl=url) == {}
    many = {f"k{number}": "v" for number in range(51)}
    assert await sqs.refusal("TagQueue", QueueUrl=url, Tags=many) == (
        "InvalidParameterValue: Too many tags added for queue q."
    )
    refusal = await sqs.refusal("TagQueue", QueueUrl=url, Tags={"aws:x": "1"})
    assert refusal.startswith("InvalidParameterValue: Tag keys can't start with")


async def test_permissions_are_statements_of_the_policy(sqs: Any) -> None:
    url = await sqs.queue("q")
    add = {"QueueUrl": url, "AWSAccountIds": ["111111111111", "222222222222"], "Actions": ["ReceiveMessage"]}
    await sqs("AddPermission", Label="one", **add)
    assert json.loads((await sqs.attributes(url))["Policy"]) == {
        "Version": "2008-10-17",
        "Id": f"{ARN}q/SQSDefaultPolicy",
        "Statement": [
            {
                "Sid": "one",
                "Effect": "Allow",
                "Principal": {"AWS": ["arn:aws:iam::111111111111:root", "arn:aws:iam::222222222222:root"]},
                "Action": "SQS:ReceiveMessage",
                "Resource": f"{ARN}q",
            }
        ],
    }
    text = "InvalidParameterValue: Value one for parameter Label is invalid. Reason: Already exists."
    assert await sqs.refusal("AddPermission", Label="one", **add) == text
    await sqs("AddPermission", Label="two", **{**add, "Actions": ["*"]})
    await sqs("RemovePermission", QueueUrl=url, Label="one")
    assert [s["Sid"] for s in json.loads((await sqs.attributes(url))["Policy"])["Statement"]] == ["two"]
    await sqs("RemovePermission", QueueUrl=url, Label="two")
    assert await sqs.attributes(url, "Policy") == {}
    text = "InvalidParameterValue: Value two for parameter Label is invalid. Reason: can't find label."
    assert await sqs.refusal("RemovePermission", QueueUrl=url, Label="two") == text


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"Label": "a b"}, "InvalidParameterValue: Value a b for parameter Label is invalid."),
        ({"AWSAccountIds": ["x"]}, "InvalidParameterValue: Value x for parameter PrincipalId is invalid."),
        ({"AWSAccountIds": []}, "MissingParameter"),
        ({"Actions": ["DeleteQueue"]}, "InvalidParameterValue: Value SQS:DeleteQueue for parameter ActionName is invalid. Reason: Only the queue owner is allowed to invoke this action."),
        ({"Actions": ["Fly"]}, "InvalidParameterValue: Value SQS:Fly for parameter ActionName is invalid."),
        ({"Actions": ["SendMessage"] * 8}, "OverLimit: 8 Actions were found, maximum allowed is 7."),
    ],
)  # fmt: skip
async def test_permissions_that_cannot_be_are_refused(sqs: Any, changes: dict[str, Any], refusal: str) -> None:
    url = await sqs.queue("q")
    asked = {"QueueUrl": url, "Label": "l", "AWSAccountIds": ["111111111111"], "Actions": ["SendMessage"], **changes}
    assert (await sqs.refusal("AddPermission", **asked)).startswith(refusal)


async def test_queues_are_there_after_a_restart(sqs: Any, make_sqs: Callable[..., Any]) -> None:
    url = await sqs.queue("q", tags={"a": "b"}, VisibilityTimeout="7")
    before = await sqs.attributes(url)
    again = make_sqs(sqs.store)
    assert await again.attributes(url) == before
    assert await again("ListQueueTags", QueueUrl=url) == {"Tags": {"a": "b"}}


@pytest.mark.parametrize("word", ["queues", "deleted", "moves"])
async def test_regions_and_queues_may_have_any_name(make_sqs: Callable[..., Any], clock: FakeClock, word: str) -> None:
    sqs = make_sqs()
    for name in (word, "other"):
        await sqs("CreateQueue", QueueName=name, region=word)
    await sqs("DeleteQueue", QueueUrl=f"http://x/000000000000/{word}", region=word)
    again = make_sqs(sqs.store)
    assert (await again("ListQueues", region=word))["QueueUrls"] == ["http://aws.test/000000000000/other"]
    assert await again("ListQueues") == {}
    clock.advance(61)
    await again.housekeeping.round()
    await again("CreateQueue", QueueName=word, region=word)
