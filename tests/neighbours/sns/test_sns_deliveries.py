"""Delivering: forms, retries, giving up, and going on after a crash; with a store in memory and services that are told
what to answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from lambent.wire.errors import ApiError

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f:live"
TRACE = "Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent=7fa8c0f79203be72;Sampled=1"
DEAD = "arn:aws:sqs:us-east-1:000000000000:dead"
REDRIVE = json.dumps({"deadLetterTargetArn": DEAD})


def gone() -> ApiError:
    return ApiError("The specified queue does not exist.", code="AWS.SimpleQueueService.NonExistentQueue", status=400)


def busy() -> ApiError:
    return ApiError("Rate Exceeded.", code="TooManyRequestsException", status=429)


async def test_a_queue_gets_the_envelope_as_aws_lays_it_out(sns: Any) -> None:
    topic = await sns.topic()
    arn = await sns.subscribed(topic)
    attributes = {"a": {"DataType": "String", "StringValue": 'say "x"'}}
    sent = await sns("Publish", TopicArn=topic, Subject="s", Message="a\nb", MessageAttributes=attributes)
    sns.deliver()
    request = await sns.aws.nth(1)
    assert request["QueueUrl"].endswith("/000000000000/q")
    lines = request["MessageBody"].split("\n")
    assert lines[:6] == [
        "{",
        '  "Type" : "Notification",',
        f'  "MessageId" : "{sent["MessageId"]}",',
        f'  "TopicArn" : "{topic}",',
        '  "Subject" : "s",',
        '  "Message" : "a\\nb",',
    ]
    assert lines[6].startswith('  "Timestamp" : "2023-11-14T22:13:20.000Z"')
    assert lines[7] == '  "SignatureVersion" : "1",'
    assert lines[8].startswith('  "Signature" : "')
    assert lines[9].startswith('  "SigningCertURL" : "http://localhost:4566/_lambent/sns/SimpleNotificationService-')
    unsubscribe = f"http://localhost:4566/?Action=Unsubscribe&SubscriptionArn={arn}"
    assert lines[10:] == [
        f'  "UnsubscribeURL" : "{unsubscribe}",',
        '  "MessageAttributes" : {',
        '    "a" : {"Type":"String","Value":"say \\"x\\""}',
        "  }",
        "}",
    ]


async def test_a_function_gets_an_event_with_one_record_in_the_account_and_region_that_it_is_in(sns: Any) -> None:
    topic = await sns.topic()
    arn = await sns.subscribed(topic, FUNCTION, "lambda")
    await sns("Publish", TopicArn=topic, Message="m", headers={b"x-amzn-trace-id": TRACE.encode()})
    sns.deliver()
    request = await sns.aws.nth(1)
    assert (request["FunctionName"], request["InvocationType"]) == (FUNCTION, "Event")
    (record,) = json.loads(request["Payload"])["Records"]
    assert list(record) == ["EventSource", "EventVersion", "EventSubscriptionArn", "Sns"]
    assert (record["EventSource"], record["EventVersion"], record["EventSubscriptionArn"]) == ("aws:sns", "1.0", arn)
    message = record["Sns"]
    assert list(message) == [
        *("Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion", "Signature"),
        *("SigningCertUrl", "UnsubscribeUrl", "MessageAttributes"),
    ]
    assert (message["Subject"], message["Message"], message["MessageAttributes"]) == (None, "m", {})
    call, name, _ = sns.aws.calls[0]
    assert (name, call.account, call.region) == ("lambda.Invoke", "000000000000", "us-east-1")
    assert call.headers[b"x-amzn-trace-id"].decode() == TRACE


async def test_publish_answers_once_every_copy_waits_in_its_queue(sns: Any) -> None:
    topic = await sns.topic()
    for number in range(3):
        await sns.subscribed(topic, f"arn:aws:sqs:us-east-1:000000000000:q{number}")
    await sns("Publish", TopicArn=topic, Message="m")
    assert await sns.waiting() == 3
    sns.deliver()
    await sns.settled()
    assert len(sns.aws.calls) == 3


@pytest.mark.parametrize(
    "error", [busy(), ApiError("x", code="ServiceException", status=500), OSError("x"), KeyError()]
)
async def test_what_may_pass_is_tried_again_at_once_then_later_and_later(sns: Any, error: Exception) -> None:
    await sns.subscribed(await sns.topic(), RedrivePolicy=REDRIVE)
    sns.aws.errors += [error] * 8
    await sns("Publish", TopicArn=await sns.topic(), Message="m")
    delays = []
    for _ in range(5):
        sns.deliver()
        delays.append(await sns.postponed())
        await sns.crash()
        sns.clock.advance(delays[-1])
    # Four failures come at once: the first attempt and three retries.
    assert delays == [1, 1, 1, 2, 4]
    sns.deliver()
    await sns.settled()
    assert [request["QueueUrl"].rpartition("/")[2] for _, _, request in sns.aws.calls] == ["q"] * 9


async def test_what_becomes_due_while_it_is_looked_for_is_not_waited_for(sns: Any) -> None:
    topic = await sns.topic()
    await sns.subscribed(topic)
    sns.aws.errors += [busy()] * 4
    lease = sns.store.queues.lease

    async def takes_a_second(*args: Any, **keys: Any) -> Any:
        found = await lease(*args, **keys)
        if not found:
            sns.clock.advance(1.001)
        return found

    sns.store.queues.lease = takes_a_second
    await sns("Publish", TopicArn=topic, Message="m")
    sns.deliver()
    await sns.settled()
    assert len(sns.aws.calls) == 5


async def test_what_never_will_do_goes_to_the_dead_letter_queue_at_once(sns: Any) -> None:
    topic = await sns.topic()
    await sns.subscribed(topic, FUNCTION, "lambda", RedrivePolicy=REDRIVE)
    sns.aws.errors.append(ApiError("Function not found", code="ResourceNotFoundException", status=404))
    sent = await sns("Publish", TopicArn=topic, Message="m")
    sns.deliver()
    await sns.settled()
    _, dead = sns.aws.calls
    assert dead[1] == "sqs.SendMessage"
    assert dead[2]["QueueUrl"].endswith("/dead")
    assert json.loads(dead[2]["MessageBody"])["MessageId"] == sent["MessageId"]


async def test_a_dead_letter_waits_until_its_queue_takes_it(sns: Any) -> None:
    topic = await sns.topic()
    await sns.subscribed(topic, RedrivePolicy=REDRIVE)
    sns.aws.errors += [gone(), busy(), busy()]
    await sns("Publish", TopicArn=topic, Message="m")
    for _ in range(2):
        sns.deliver()
        assert await sns.postponed() == 20
        await sns.crash()
        sns.clock.advance(20)
    sns.deliver()
    await sns.settled()
    names = [request["QueueUrl"].rpartition("/")[2] for _, _, request in sns.aws.calls]
    assert names == ["q", "dead", "dead", "dead"]


async def test_without_a_dead_letter_queue_it_is_discarded_and_the_log_says_so(sns: Any) -> None:
    topic = await sns.topic()
    arn = await sns.subscribed(topic)
    sns.aws.errors.append(gone())
    await sns("Publish", TopicArn=topic, Message="m")
    sns.deliver()
    await sns.settled()
    assert len(sns.aws.calls) == 1
    assert "sns_message_discarded" in sns.report.getvalue()
    assert arn in sns.report.getvalue()


async def test_a_delivery_that_a_crash_broke_off_is_made_again(sns: Any) -> None:
    topic = await sns.topic()
    await sns.subscribed(topic)
    await sns("Publish", TopicArn=topic, Message="m")
    never = asyncio.Event()

    async def hang(*args: Any) -> dict[str, Any]:
        sns.aws.calls.append(args)
        never_begun.set()
        await never.wait()
        return {}

    never_begun = asyncio.Event()
    call, sns.aws.call = sns.aws.call, hang
    sns.deliver()
    await never_begun.wait()
    await sns.crash()
    sns.aws.call = call
    sns.deliver()
    await sns.settled()
    assert len(sns.aws.calls) == 2


async def test_an_endpoint_that_hangs_holds_up_no_other(sns: Any) -> None:
    topic = await sns.topic()
    never = asyncio.Event()
    call = sns.aws.call

    async def hang_for_functions(*args: Any) -> dict[str, Any]:
        if args[1] == "lambda":
            await never.wait()
        return await call(*args)

    sns.aws.call = hang_for_functions
    await sns.subscribed(topic, FUNCTION, "lambda")
    await sns.subscribed(topic)
    sns.deliver()
    for number in range(30):
        await sns("Publish", TopicArn=topic, Message=str(number))
    bodies = await sns.bodies(30)
    assert {body["Message"] for body in bodies} == {str(number) for number in range(30)}


async def test_what_waits_for_a_subscription_that_ends_is_dropped(sns: Any) -> None:
    topic = await sns.topic()
    arn = await sns.subscribed(topic)
    await sns("Publish", TopicArn=topic, Message="m")
    await sns("Unsubscribe", SubscriptionArn=arn)
    sns.deliver()
    await sns.settled()
    assert sns.aws.calls == []


async def test_a_group_waits_behind_its_first_message_and_others_go_on(sns: Any) -> None:
    topic = await sns.topic("t.fifo", Attributes={"FifoTopic": "true", "ContentBasedDeduplication": "true"})
    await sns.subscribed(topic, "arn:aws:sqs:us-east-1:000000000000:q.fifo", RawMessageDelivery="true")
    for text in ("a1", "b1", "a2", "b2"):
        await sns("Publish", TopicArn=topic, Message=text, MessageGroupId=text[0])
    call = sns.aws.call
    refused = []

    async def refuse_first(*args: Any) -> dict[str, Any]:
        if args[3]["MessageBody"] == "a1" and len(refused) < 4:
            refused.append(args)
            raise busy()
        return await call(*args)

    sns.aws.call = refuse_first
    sns.deliver()
    assert await sns.bodies(2) == ["b1", "b2"]
    assert await sns.postponed() == 1
    await sns.crash()
    sns.clock.advance(1)
    sns.deliver()
    assert await sns.bodies(4) == ["b1", "b2", "a1", "a2"]
    await sns.settled()


async def test_a_fifo_publication_that_a_crash_broke_off_is_completed_by_the_next_try(sns: Any) -> None:
    topic = await sns.topic("t.fifo", Attributes={"FifoTopic": "true"})
    queue = "arn:aws:sqs:us-east-1:000000000000:q.fifo"
    await sns.subscribed(topic, queue, RawMessageDelivery="true")
    message = {"TopicArn": topic, "Message": "m", "MessageGroupId": "g", "MessageDeduplicationId": "d"}
    queues = sns.store.queues
    put_once = queues.put_once

    async def break_off(name: str, *args: Any, **keys: Any) -> Any:
        if name.count("/") == 4:
            raise asyncio.CancelledError
        return await put_once(name, *args, **keys)

    queues.put_once = break_off
    with pytest.raises(asyncio.CancelledError):
        await sns("Publish", **message)
    queues.put_once = put_once
    await sns("Publish", **message)
    await sns("Publish", **message)
    sns.deliver()
    await sns.settled()
    assert await sns.bodies(1) == ["m"]
    assert len(sns.aws.calls) == 1


async def test_an_endpoint_gets_no_more_at_once_than_its_policy_allows(
    sns: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await sns.topic()
    policy = json.dumps({"throttlePolicy": {"maxReceivesPerSecond": 2}})
    await sns(
        "Subscribe",
        TopicArn=topic,
        Protocol="http",
        Endpoint="http://127.0.0.1:9/",
        Attributes={"DeliveryPolicy": policy},
    )
    (queue,) = await sns.store.queues.names("sns/")
    (lease,) = await sns.store.queues.lease(queue, limit=1, for_s=60)
    await sns.store.queues.ack(lease.receipt)
    await sns("ConfirmSubscription", TopicArn=topic, Token=json.loads(lease.body)["token"])
    for number in range(5):
        await sns("Publish", TopicArn=topic, Message=str(number))
    pauses: list[float] = []
    posted: list[int] = []

    async def post(*_: object) -> int:
        posted.append(len(pauses))
        return 200

    passes = asyncio.sleep

    async def sleep(delay: float) -> None:
        if delay >= 0.5:
            pauses.append(delay)
        await passes(0)

    monkeypatch.setattr("lambent.neighbours.sns.sending.post", post)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    sns.deliver()
    await sns.settled()
    assert posted == [0, 0, 1, 1, 2]
    assert pauses[:2] == [1, 1]
