"""Messages: what is sent, what comes out again and when, and what is refused."""
# ruff: noqa: E501  (tables are read by row)

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from lambent.kit.clock import FakeClock
from lambent.neighbours.sqs.background import Closing
from lambent.neighbours.sqs.message import Message, Receipt, md5_of
from lambent.neighbours.sqs.receiving import IN_FLIGHT

ARN = "arn:aws:sqs:us-east-1:000000000000:"


def text(value: str) -> Mapping[str, Any]:
    return {"DataType": "String", "StringValue": value}


@pytest.mark.parametrize(
    ("attributes", "md5"),
    [
        ({"Foo": text("Bar")}, "ae7155c6026991b6d54b11589678bf9c"),
        ({"Hello": text("There")}, "a311262e065454b75da111d535b8dacd"),
        ({"Hello": text("There"), "Help.Me": text("Me")}, "83fee93c1bcd8b9a5a923ffacdc636c7"),
        ({"attr1": {"DataType": "Binary", "BinaryValue": b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01"}}, "8cbe4db156db8a94db8b801b7addb984"),
    ],
)  # fmt: skip
def test_md5s_of_attributes_are_those_of_aws(attributes: Any, md5: str) -> None:
    assert md5_of(attributes) == md5


def test_a_message_is_kept_as_it_was() -> None:
    attributes = {"t": text("ü\n"), "b": {"DataType": "Binary.x", "BinaryValue": b"\0\xff"}}
    message = Message("id", "body\u2028", "md5", {"SenderId": "me"}, attributes, 3, 17)
    assert Message.load(message.stored()) == message


@pytest.mark.parametrize("handle", ["", "x", "%", "AAAA", Receipt(1, 2, "r").handle("other"), "é"])
def test_what_is_no_receipt_handle_of_a_queue_is_none(handle: str) -> None:
    assert Receipt.parse(handle, "queue") is None
    assert Receipt.parse(Receipt(1, 2, "r").handle("queue"), "queue") == Receipt(1, 2, "r")


async def test_a_message_comes_out_as_it_was_sent(sqs: Any, clock: FakeClock) -> None:
    url = await sqs.queue("q")
    sent_ms = str(int(clock.now() * 1000))
    sent = await sqs("SendMessage", QueueUrl=url, MessageBody="msg", MessageAttributes={"Foo": text("Bar")})
    assert sent == {
        "MessageId": sent["MessageId"],
        "MD5OfMessageBody": "6e2baaf3b97dbeef01c0043275f9a0e7",
        "MD5OfMessageAttributes": "ae7155c6026991b6d54b11589678bf9c",
    }
    clock.advance(5)
    (message,) = await sqs.receive(url, MessageAttributeNames=["All"])
    assert message == {
        "MessageId": sent["MessageId"],
        "ReceiptHandle": message["ReceiptHandle"],
        "Body": "msg",
        "MD5OfBody": "6e2baaf3b97dbeef01c0043275f9a0e7",
        "MD5OfMessageAttributes": "ae7155c6026991b6d54b11589678bf9c",
        "MessageAttributes": {"Foo": text("Bar")},
        "Attributes": {
            "SenderId": "000000000000",
            "SentTimestamp": sent_ms,
            "ApproximateReceiveCount": "1",
            "ApproximateFirstReceiveTimestamp": str(int(clock.now() * 1000)),
        },
    }


@pytest.mark.parametrize(
    ("asked", "names", "md5"),
    [
        ([], [], None),
        (["All"], ["General", "Hello", "Help.Me"], "4c360f3fdafd970e05fae2f149d997f5"),
        ([".*"], ["General", "Hello", "Help.Me"], "4c360f3fdafd970e05fae2f149d997f5"),
        (["Foo"], [], None),
        (["General", "Hello"], ["General", "Hello"], "fca026605781cb4126a1e9044df24232"),
        (["Foo", "Hello"], ["Hello"], "a311262e065454b75da111d535b8dacd"),
        (["Hel.*"], ["Hello", "Help.Me"], "83fee93c1bcd8b9a5a923ffacdc636c7"),
        (["*"], ["General", "Hello", "Help.Me"], "4c360f3fdafd970e05fae2f149d997f5"),
        (["AWS."], [], None),
    ],
)
async def test_attributes_are_shown_by_name_and_by_prefix(
    sqs: Any, asked: list[str], names: list[str], md5: str
) -> None:
    url = await sqs.queue("q")
    attributes = {"General": text("Kenobi"), "Hello": text("There"), "Help.Me": text("Me")}
    await sqs.send(url, "msg", MessageAttributes=attributes)
    (message,) = await sqs.receive(url, MessageAttributeNames=asked)
    assert sorted(message.get("MessageAttributes", ())) == names
    assert message.get("MD5OfMessageAttributes") == md5


async def test_system_attributes_are_shown_by_name_by_the_old_parameter_and_the_new(sqs: Any) -> None:
    url = await sqs.queue("q", VisibilityTimeout="0")
    await sqs.send(url, "msg")
    for parameter in ("AttributeNames", "MessageSystemAttributeNames"):
        answer = await sqs("ReceiveMessage", QueueUrl=url, **{parameter: ["SenderId", "SequenceNumber"]})
        assert answer["Messages"][0]["Attributes"] == {"SenderId": "000000000000"}
    refusal = await sqs.refusal("ReceiveMessage", QueueUrl=url, AttributeNames=["Colour"])
    assert refusal == "InvalidAttributeName: Unknown Attribute Colour."


async def test_traces_come_with_the_header_or_as_a_system_attribute(sqs: Any) -> None:
    url = await sqs.queue("q")
    await sqs("SendMessage", QueueUrl=url, MessageBody="a", headers={b"x-amzn-trace-id": b"Root=1-2-3"})
    system = {"AWSTraceHeader": text("Root=4-5-6")}
    sent = await sqs("SendMessage", QueueUrl=url, MessageBody="b", MessageSystemAttributes=system)
    assert sent["MD5OfMessageSystemAttributes"] == md5_of(system)
    traces = {m["Body"]: m["Attributes"]["AWSTraceHeader"] for m in await sqs.receive(url)}
    assert traces == {"a": "Root=1-2-3", "b": "Root=4-5-6"}


@pytest.mark.parametrize(
    ("queue", "members", "refusal"),
    [
        ("q", {"MessageBody": ""}, "MissingParameter: The request must contain the parameter MessageBody."),
        ("q", {}, "MissingParameter: The request must contain the parameter MessageBody."),
        ("q", {"MessageBody": "a\0"}, "InvalidMessageContents: Invalid characters were found in the message body. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF."),
        ("q", {"MessageBody": "\uffff"}, "InvalidMessageContents: Invalid characters"),
        ("q", {"MessageBody": "a" * 1025}, "InvalidParameterValue: One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes."),
        ("q", {"MessageBody": "ü" * 513}, "InvalidParameterValue: One or more parameters are invalid."),
        ("q", {"MessageBody": "a" * 1016, "MessageAttributes": {"a": text("x")}}, None),
        ("q", {"MessageBody": "a" * 1017, "MessageAttributes": {"a": text("x")}}, "InvalidParameterValue: One or more parameters are invalid."),
        ("q", {"MessageBody": "a", "DelaySeconds": 901}, "InvalidParameterValue: Value 901 for parameter DelaySeconds is invalid."),
        ("q", {"MessageBody": "a", "DelaySeconds": -1}, "InvalidParameterValue: Value -1 for parameter DelaySeconds is invalid."),
        ("q", {"MessageBody": "a", "MessageDeduplicationId": "d"}, "InvalidParameterValue: Value d for parameter MessageDeduplicationId is invalid. Reason: The request include parameter that is not valid for this queue type."),
        ("q", {"MessageBody": "a", "MessageGroupId": "g"}, None),
        ("q", {"MessageBody": "a", "MessageAttributes": {f"a{n}": text("x") for n in range(11)}}, "InvalidParameterValue: Number of message attributes [11] exceeds the allowed maximum [10]."),
        ("q", {"MessageBody": "a", "MessageAttributes": {"ErrorDetails": text("")}}, "InvalidParameterValue: Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'."),
        ("q", {"MessageBody": "a", "MessageAttributes": {"a": {"DataType": "Text", "StringValue": "x"}}}, "InvalidParameterValue: Message (user) attribute 'a' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."),
        ("q", {"MessageBody": "a", "MessageAttributes": {"a": {"DataType": "Number", "StringValue": "x"}}}, "InvalidParameterValue: Can't cast the value of message (user) attribute 'a' to a number."),
        ("q", {"MessageBody": "a", "MessageAttributes": {"a": {"DataType": "Number", "StringValue": "-1.5E+3"}}}, None),
        ("q", {"MessageBody": "a", "MessageAttributes": {"a": {"DataType": "Binary", "StringValue": "x"}}}, "InvalidParameterValue: Message (user) attribute 'a'"),
        ("q", {"MessageBody": "a", "MessageAttributes": {"aws.a": text("x")}}, "InvalidParameterValue: You can't use message attribute names beginning with 'AWS.' or 'Amazon.'."),
        ("q", {"MessageBody": "a", "MessageAttributes": {"a..b": text("x")}}, "InvalidParameterValue: Message (user) attribute name 'a..b' is invalid."),
        ("q", {"MessageBody": "a", "MessageAttributes": {"a": {"DataType": "", "StringValue": "x"}}}, "InvalidParameterValue: Message (user) attribute 'a' must contain a non-empty attribute type."),
        ("q", {"MessageBody": "a", "MessageAttributes": {"a": {"DataType": "String"}}}, "InvalidParameterValue: Message (user) attribute 'a' must contain a non-empty value of type 'String'."),
        ("q", {"MessageBody": "a", "MessageAttributes": {"a": {"DataType": "String", "StringListValues": ["x"]}}}, "UnsupportedOperation: Message attribute list values in SendMessage operation are not supported."),
        ("q", {"MessageBody": "a", "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": ""}}}, "InvalidParameterValue: Message system attribute 'AWSTraceHeader' must contain a non-empty value of type 'String'."),
        ("q", {"MessageBody": "a", "MessageAttributes": {"ä1": text("x")}}, None),
        ("q", {"MessageBody": "a", "MessageAttributes": {"a§": text("x")}}, "InvalidParameterValue: Message (user) attribute name 'a§' is invalid."),
        ("q", {"MessageBody": "a", "MessageSystemAttributes": {"Other": text("x")}}, "InvalidParameterValue: Message system attribute name 'Other' is invalid."),
        ("q.fifo", {"MessageBody": "a", "MessageDeduplicationId": "d"}, "MissingParameter: The request must contain the parameter MessageGroupId."),
        ("q.fifo", {"MessageBody": "a", "MessageGroupId": "g"}, "InvalidParameterValue: The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"),
        ("q.fifo", {"MessageBody": "a", "MessageGroupId": "g", "MessageDeduplicationId": "d", "DelaySeconds": 2}, "InvalidParameterValue: Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type."),
        ("q.fifo", {"MessageBody": "a", "MessageGroupId": "g h", "MessageDeduplicationId": "d"}, "InvalidParameterValue: Value g h for parameter MessageGroupId is invalid."),
        ("q.fifo", {"MessageBody": "a", "MessageGroupId": "g", "MessageDeduplicationId": "d" * 129}, "InvalidParameterValue: Value ddd"),
    ],
)  # fmt: skip
async def test_messages_that_cannot_be_sent_are_refused(
    sqs: Any, queue: str, members: dict[str, Any], refusal: str | None
) -> None:
    url = await sqs.queue(queue, MaximumMessageSize="1024")
    if refusal is None:
        await sqs("SendMessage", QueueUrl=url, **members)
        return
    assert (await sqs.refusal("SendMessage", QueueUrl=url, **members)).startswith(refusal)
    assert await sqs.counts(url) == (0, 0, 0)


@pytest.mark.parametrize(
    ("members", "refusal"),
    [
        ({"MaxNumberOfMessages": 11}, "InvalidParameterValue: Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."),
        ({"MaxNumberOfMessages": 0}, "InvalidParameterValue: Value 0 for parameter MaxNumberOfMessages is invalid."),
        ({"WaitTimeSeconds": 21}, "InvalidParameterValue: Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."),
        ({"VisibilityTimeout": 43201}, "InvalidParameterValue: Value 43201 for parameter VisibilityTimeout is invalid."),
        ({"ReceiveRequestAttemptId": "a"}, "InvalidParameterValue: Value a for parameter ReceiveRequestAttemptId is invalid."),
    ],
)  # fmt: skip
async def test_receivers_are_told_what_they_cannot_have(sqs: Any, members: dict[str, Any], refusal: str) -> None:
    url = await sqs.queue("q")
    assert (await sqs.refusal("ReceiveMessage", QueueUrl=url, **members)).startswith(refusal)


async def test_delays_are_the_messages_or_the_queues(sqs: Any, clock: FakeClock) -> None:
    url = await sqs.queue("q", DelaySeconds="10")
    await sqs.send(url, "later")
    await sqs.send(url, "now", DelaySeconds=0)
    assert await sqs.counts(url) == (1, 0, 1)
    assert await sqs.bodies(url) == ["now"]
    clock.advance(10)
    assert await sqs.bodies(url) == ["later"]


async def test_a_message_that_is_not_deleted_comes_again(sqs: Any, clock: FakeClock) -> None:
    url = await sqs.queue("q", VisibilityTimeout="30")
    await sqs.send(url, "a")
    (first,) = await sqs.receive(url)
    assert await sqs.counts(url) == (0, 1, 0)
    clock.advance(29)
    assert await sqs.receive(url) == []
    clock.advance(1)
    (second,) = await sqs.receive(url, VisibilityTimeout=5)
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"
    assert (
        second["Attributes"]["ApproximateFirstReceiveTimestamp"]
        == first["Attributes"]["ApproximateFirstReceiveTimestamp"]
    )
    await sqs.delete(url, [first])
    clock.advance(5)
    (third,) = await sqs.receive(url)
    await sqs.delete(url, [third, third])
    clock.advance(60)
    assert await sqs.counts(url) == (0, 0, 0)


async def test_visibility_is_changed_up_to_twelve_hours(sqs: Any, clock: FakeClock) -> None:
    url = await sqs.queue("q", VisibilityTimeout="30")
    await sqs.send(url, "a")
    (message,) = await sqs.receive(url)
    change = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
    await sqs("ChangeMessageVisibility", **change, VisibilityTimeout=100)
    clock.advance(99)
    assert await sqs.receive(url) == []
    beyond = await sqs.refusal("ChangeMessageVisibility", **change, VisibilityTimeout=43200)
    assert "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]" in beyond
    await sqs("ChangeMessageVisibility", **change, VisibilityTimeout=0)
    (again,) = await sqs.receive(url)
    refusal = await sqs.refusal("ChangeMessageVisibility", **change, VisibilityTimeout=1)
    assert refusal == "MessageNotInflight: The specified message isn't in flight."
    await sqs.delete(url, [again])
    gone = await sqs.refusal("ChangeMessageVisibility", **change, VisibilityTimeout=1)
    assert gone.endswith("Message does not exist or is not available for visibility timeout change.")
    refusal = await sqs.refusal("ChangeMessageVisibility", QueueUrl=url, ReceiptHandle="x", VisibilityTimeout=1)
    assert refusal == 'ReceiptHandleIsInvalid: The input receipt handle "x" is not a valid receipt handle.'
    refusal = await sqs.refusal("ChangeMessageVisibility", **change, VisibilityTimeout=43201)
    assert refusal.startswith("InvalidParameterValue: Value 43201 for parameter VisibilityTimeout is invalid.")


async def test_visibility_can_be_changed_when_its_time_is_over(sqs: Any, clock: FakeClock) -> None:
    url = await sqs.queue("q", VisibilityTimeout="1")
    await sqs.send(url, "a")
    (message,) = await sqs.receive(url)
    clock.advance(2)
    await sqs("ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=2)
    assert await sqs.receive(url) == []


async def test_messages_grow_too_old(sqs: Any, clock: FakeClock) -> None:
    url = await sqs.queue("q", MessageRetentionPeriod="60")
    await sqs.send(url, "old")
    clock.advance(40)
    await sqs.send(url, "new")
    clock.advance(21)
    assert await sqs.bodies(url) == ["new"]
    assert await sqs.counts(url) == (0, 1, 0)
    await sqs.send(url, "newest")
    clock.advance(50)
    await sqs.housekeeping.round()
    assert await sqs.counts(url) == (1, 0, 0)


async def test_a_message_received_too_often_goes_to_the_dead_letter_queue(sqs: Any, clock: FakeClock) -> None:
    url, dead = await sqs.with_dead_letters(2, VisibilityTimeout="1")
    await sqs.send(url, "a", MessageAttributes={"Foo": text("Bar")})
    for count in ("1", "2"):
        (message,) = await sqs.receive(url)
        assert message["Attributes"]["ApproximateReceiveCount"] == count
        clock.advance(1)
    assert await sqs.receive(url) == []
    (buried,) = await sqs.receive(dead, MessageAttributeNames=["All"])
    assert (buried["MessageId"], buried["Body"]) == (message["MessageId"], "a")
    assert buried["MessageAttributes"] == {"Foo": text("Bar")}
    assert buried["Attributes"] == {
        **message["Attributes"],
        "ApproximateReceiveCount": "3",
        "DeadLetterQueueSourceArn": f"{ARN}q",
    }


async def test_dead_letters_make_room_for_those_behind_them(sqs: Any, clock: FakeClock) -> None:
    url, dead = await sqs.with_dead_letters(1, VisibilityTimeout="1")
    await sqs.send(url, "a", "b")
    assert await sqs.bodies(url, 2) == ["a", "b"]
    clock.advance(1)
    await sqs.send(url, "c")
    assert await sqs.bodies(url, 1) == ["c"]
    assert sorted(await sqs.bodies(dead)) == ["a", "b"]


async def test_a_dead_letter_keeps_its_age_and_without_its_queue_it_stays(sqs: Any, clock: FakeClock) -> None:
    url, dead = await sqs.with_dead_letters(1, VisibilityTimeout="1")
    await sqs("SetQueueAttributes", QueueUrl=dead, Attributes={"MessageRetentionPeriod": "60"})
    await sqs.send(url, "a")
    await sqs.receive(url)
    clock.advance(59)
    assert await sqs.receive(url) == []
    clock.advance(2)
    assert await sqs.receive(dead) == []
    await sqs("DeleteQueue", QueueUrl=dead)
    await sqs.send(url, "b")
    for _ in range(3):
        assert await sqs.bodies(url) == ["b"]
        clock.advance(1)


async def test_no_more_than_so_many_messages_are_in_flight(sqs: Any) -> None:
    url = await sqs.queue("q")
    await sqs.send(url, "a", "b")
    await sqs.receive(url, 1)
    counts = sqs.store.queues.counts
    full = type(await counts("q"))(1, IN_FLIGHT, 0)
    sqs.store.queues.counts = lambda _queue: _now(full)
    receiving = next(each for kind, each in sqs.ports._shared.items() if kind.__name__ == "Receiving")
    receiving._in_flight.clear()
    assert (await sqs.refusal("ReceiveMessage", QueueUrl=url)).startswith("OverLimit: ")
    sqs.store.queues.counts = counts
    assert await sqs.bodies(url) == ["b"]


async def _now(value: Any) -> Any:
    return value


# --- waiting ----------------------------------------------------------------------------------------------


async def waiting(sqs: Any, url: str, count: int = 1, **members: Any) -> list[asyncio.Task[list[str]]]:
    """So many receivers, all asleep."""
    tasks = [asyncio.ensure_future(sqs.bodies(url, 1, WaitTimeSeconds=20, **members)) for _ in range(count)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)
    return tasks


async def test_every_message_wakes_one_of_those_who_wait(sqs: Any) -> None:
    url = await sqs.queue("q")
    tasks = await waiting(sqs, url, 5)
    await sqs.send(url, *"abcde")
    assert sorted(body for bodies in await asyncio.gather(*tasks) for body in bodies) == [*"abcde"]


async def test_who_waits_is_woken_when_a_message_is_shown_again(sqs: Any) -> None:
    url = await sqs.queue("q")
    await sqs.send(url, "a")
    (message,) = await sqs.receive(url)
    (task,) = await waiting(sqs, url)
    await sqs("ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    assert await task == ["a"]


async def test_who_goes_away_leaves_its_message_to_the_next(sqs: Any) -> None:
    url = await sqs.queue("q")
    first, second = await waiting(sqs, url, 2)
    sending = asyncio.ensure_future(sqs.send(url, "a"))
    await asyncio.sleep(0)
    first.cancel()
    await sending
    assert await second == ["a"]


async def test_who_has_hung_up_gets_nothing(sqs: Any) -> None:
    url = await sqs.queue("q")
    caller = Caller()
    first = asyncio.ensure_future(sqs("ReceiveMessage", QueueUrl=url, WaitTimeSeconds=20, caller=caller))
    (second,) = await waiting(sqs, url)
    caller.hang_up()
    assert await first == {}
    await sqs.send(url, "a")
    assert await second == ["a"]


async def test_what_was_found_for_somebody_who_hung_up_is_there_for_others(sqs: Any) -> None:
    url = await sqs.queue("q")
    caller = Caller()
    lease = sqs.store.queues.lease

    async def slow(*names: Any, **members: Any) -> Any:
        leases = await lease(*names, **members)
        caller.hang_up()
        return leases

    await sqs.send(url, "a")
    sqs.store.queues.lease = slow
    assert await sqs("ReceiveMessage", QueueUrl=url, WaitTimeSeconds=20, caller=caller) == {}
    sqs.store.queues.lease = lease
    assert await sqs.bodies(url) == ["a"]


class Caller:
    """Somebody who waits for an answer, until they hang up."""

    def on_leave(self, leave: Callable[[], None]) -> None:
        self.hang_up = leave


async def test_who_waits_at_a_fifo_queue_is_woken_when_the_group_is_free(sqs: Any) -> None:
    url = await sqs.queue("q.fifo", ContentBasedDeduplication="true")
    await sqs.send(url, "a", "b", MessageGroupId="g")
    first = await sqs.receive(url, 1)
    (task,) = await waiting(sqs, url)
    await sqs.delete(url, first)
    assert await task == ["b"]


async def test_who_waits_is_let_go_when_the_queue_is_deleted(sqs: Any) -> None:
    url = await sqs.queue("q")
    (task,) = await waiting(sqs, url)
    await sqs("DeleteQueue", QueueUrl=url)
    assert await task == []


async def test_who_waits_is_let_go_when_the_server_stops(sqs: Any) -> None:
    url = await sqs.queue("q")
    tasks = await waiting(sqs, url, 3)
    closing = asyncio.ensure_future(Closing(sqs.ports).run())
    sqs.ports.stopping.set()
    assert await asyncio.gather(*tasks) == [[], [], []]
    await closing


# --- FIFO -------------------------------------------------------------------------------------------------


async def test_a_fifo_message_shows_where_it_stands(sqs: Any) -> None:
    url = await sqs.queue("q.fifo")
    sent = await sqs(
        "SendMessage", QueueUrl=url, MessageBody="a", MessageGroupId="group-1", MessageDeduplicationId="dedup-1"
    )
    (message,) = await sqs.receive(url)
    shown = message["Attributes"]
    assert (shown["MessageGroupId"], shown["MessageDeduplicationId"]) == ("group-1", "dedup-1")
    assert shown["SequenceNumber"] == sent["SequenceNumber"]
    assert len(sent["SequenceNumber"]) == 20


@pytest.mark.parametrize("by_content", [True, False])
async def test_a_duplicate_is_answered_and_not_delivered(sqs: Any, clock: FakeClock, by_content: bool) -> None:
    url = await sqs.queue("q.fifo", ContentBasedDeduplication=str(by_content).lower())
    members = {} if by_content else {"MessageDeduplicationId": "d"}
    sent = [
        await sqs("SendMessage", QueueUrl=url, MessageBody="a", MessageGroupId=group, **members) for group in ("g", "h")
    ]
    assert sent[0] == sent[1]
    await sqs.delete(url, await sqs.receive(url))
    clock.advance(299)
    await sqs.send(url, "a", MessageGroupId="g", **members)
    assert await sqs.receive(url) == []
    clock.advance(1)
    await sqs.send(url, "a", MessageGroupId="g", **members)
    assert await sqs.bodies(url) == ["a"]


async def test_duplicates_may_be_looked_for_in_their_group_only(sqs: Any) -> None:
    url = await sqs.queue("q.fifo", DeduplicationScope="messageGroup", ContentBasedDeduplication="true")
    for group in ("g", "h", "g"):
        await sqs.send(url, "a", MessageGroupId=group)
    assert await sqs.bodies(url) == ["a", "a"]


async def test_a_fifo_queue_takes_no_receipt_whose_time_is_over(sqs: Any, clock: FakeClock) -> None:
    url = await sqs.queue("q.fifo", VisibilityTimeout="1", ContentBasedDeduplication="true")
    await sqs.send(url, "g1-m1", MessageGroupId="g")
    (message,) = await sqs.receive(url)
    handle = message["ReceiptHandle"]
    clock.advance(2)
    text = f"InvalidParameterValue: Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
    assert await sqs.refusal("DeleteMessage", QueueUrl=url, ReceiptHandle=handle) == text
    (again,) = await sqs.receive(url)
    assert await sqs.refusal("DeleteMessage", QueueUrl=url, ReceiptHandle=handle) == text
    await sqs.delete(url, [again, again])
    await sqs("DeleteMessage", QueueUrl=url, ReceiptHandle=handle)


async def test_an_attempt_that_is_repeated_gets_the_same(sqs: Any, clock: FakeClock) -> None:
    url = await sqs.queue("q.fifo", ContentBasedDeduplication="true")
    await sqs.send(url, "a", "b", MessageGroupId="g")
    first = await sqs.receive(url, 1, ReceiveRequestAttemptId="one")
    clock.advance(20)
    assert await sqs.receive(url, 1, ReceiveRequestAttemptId="one") == first
    assert await sqs.receive(url, 1, ReceiveRequestAttemptId="two") == []
    clock.advance(20)
    assert await sqs.counts(url) == (1, 1, 0)
    await sqs.delete(url, first)
    assert await sqs.bodies(url, 1, ReceiveRequestAttemptId="one") == ["b"]


async def test_a_dead_letter_of_a_fifo_queue_frees_its_group(sqs: Any, clock: FakeClock) -> None:
    await sqs.queue("dead.fifo")
    policy = json.dumps({"deadLetterTargetArn": f"{ARN}dead.fifo", "maxReceiveCount": 1})
    url = await sqs.queue("q.fifo", RedrivePolicy=policy, VisibilityTimeout="1", ContentBasedDeduplication="true")
    await sqs.send(url, "a", "b", MessageGroupId="g")
    await sqs.receive(url, 1)
    clock.advance(1)
    assert await sqs.bodies(url, 1) == ["b"]
    (buried,) = await sqs.receive(url.replace("q.fifo", "dead.fifo"))
    assert (buried["Body"], buried["Attributes"]["MessageGroupId"]) == ("a", "g")
    assert int(buried["Attributes"]["SequenceNumber"]) > 0


# --- batches ----------------------------------------------------------------------------------------------


def entries(*ids: str, **members: Any) -> list[dict[str, Any]]:
    return [{"Id": id_, **members} for id_ in ids]


@pytest.mark.parametrize("operation", ["SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"])
@pytest.mark.parametrize(
    ("ids", "refusal"),
    [
        ([], "EmptyBatchRequest: There should be at least one {}RequestEntry in the request."),
        (["a", "b", "a"], "BatchEntryIdsNotDistinct: Id a repeated."),
        ([str(n) for n in range(20)], "TooManyEntriesInBatchRequest: Maximum number of entries per request are 10. You have sent 20."),
        ([""], "InvalidBatchEntryId: A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long."),
        (["a:b"], "InvalidBatchEntryId: A batch entry id"),
        (["a" * 81], "InvalidBatchEntryId: A batch entry id"),
    ],
)  # fmt: skip
async def test_what_is_no_batch_is_refused(sqs: Any, operation: str, ids: list[str], refusal: str) -> None:
    url = await sqs.queue("q")
    batch = entries(*ids, MessageBody="x", ReceiptHandle="x")
    found = await sqs.refusal(operation, QueueUrl=url, Entries=batch)
    assert found.startswith(refusal.format(operation))


async def test_entries_of_a_batch_fail_alone(sqs: Any) -> None:
    url = await sqs.queue("q")
    batch = [*entries("a", "b", MessageBody="x"), {"Id": "c", "MessageBody": "\0"}]
    sent = await sqs("SendMessageBatch", QueueUrl=url, Entries=batch)
    assert [entry["Id"] for entry in sent["Successful"]] == ["a", "b"]
    (failed,) = sent["Failed"]
    assert (failed["Id"], failed["SenderFault"], failed["Code"]) == ("c", True, "InvalidMessageContents")
    handles = [message["ReceiptHandle"] for message in await sqs.receive(url)]
    batch = [{"Id": "a", "ReceiptHandle": handles[0], "VisibilityTimeout": 0}, {"Id": "b", "ReceiptHandle": "x"}]
    changed = await sqs("ChangeMessageVisibilityBatch", QueueUrl=url, Entries=batch)
    assert changed["Successful"] == [{"Id": "a"}]
    assert [(entry["Id"], entry["Code"]) for entry in changed["Failed"]] == [("b", "ReceiptHandleIsInvalid")]
    batch = [{"Id": str(n), "ReceiptHandle": handle} for n, handle in enumerate(handles)]
    deleted = await sqs("DeleteMessageBatch", QueueUrl=url, Entries=batch)
    assert deleted == {"Successful": [{"Id": "0"}, {"Id": "1"}]}
    assert await sqs.counts(url) == (0, 0, 0)


async def test_a_batch_may_be_as_large_as_one_message(sqs: Any) -> None:
    url = await sqs.queue("q")
    half = "a" * 524_288
    assert "Failed" not in await sqs("SendMessageBatch", QueueUrl=url, Entries=entries("a", "b", MessageBody=half))
    batch = [*entries("a", "b", MessageBody=half), {"Id": "c", "MessageBody": "x"}]
    text = "BatchRequestTooLong: Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes."
    assert await sqs.refusal("SendMessageBatch", QueueUrl=url, Entries=batch) == text


async def test_a_batch_without_what_order_needs_is_refused_whole(sqs: Any) -> None:
    url = await sqs.queue("q.fifo")
    good = {"Id": "a", "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "d"}
    texts = {
        "MessageGroupId": "The request must contain the parameter MessageGroupId.",
        "MessageDeduplicationId": "The queue should either have ContentBasedDeduplication enabled or "
        "MessageDeduplicationId provided explicitly",
    }
    for missing, text in texts.items():
        bad = {**{name: value for name, value in good.items() if name != missing}, "Id": "b"}
        refusal = await sqs.refusal("SendMessageBatch", QueueUrl=url, Entries=[good, bad])
        assert refusal == f"InvalidParameterValue: {text}"
    assert await sqs.counts(url) == (0, 0, 0)


@pytest.mark.parametrize("attribute", [{"DataType": "String"}, {"DataType": ""}, {"DataType": "", "StringValue": "x"}])
async def test_an_entry_whose_attribute_lacks_something_fails_alone(sqs: Any, attribute: dict[str, str]) -> None:
    url = await sqs.queue("q")
    batch = [*entries("a", MessageBody="x"), {"Id": "b", "MessageBody": "x", "MessageAttributes": {"n": attribute}}]
    sent = await sqs("SendMessageBatch", QueueUrl=url, Entries=batch)
    assert [entry["Id"] for entry in sent["Successful"]] == ["a"]
    assert [(entry["Id"], entry["Code"]) for entry in sent["Failed"]] == [("b", "InvalidParameterValue")]


async def test_an_entry_that_is_longer_than_the_queue_takes_fails_alone(sqs: Any) -> None:
    url = await sqs.queue("q", MaximumMessageSize="1024")
    batch = [{"Id": "a", "MessageBody": "a" * 1024}, {"Id": "b", "MessageBody": "a" * 1025}]
    sent = await sqs("SendMessageBatch", QueueUrl=url, Entries=batch)
    text = "One or more parameters cannot be validated. Reason: Message must be shorter than 1024 bytes."
    assert [entry["Id"] for entry in sent["Successful"]] == ["a"]
    assert sent["Failed"] == [{"Id": "b", "SenderFault": True, "Code": "InvalidParameterValue", "Message": text}]


async def test_a_batch_keeps_its_order(sqs: Any) -> None:
    url = await sqs.queue("q.fifo", ContentBasedDeduplication="true")
    batch = [{"Id": f"e{n}", "MessageBody": str(n), "MessageGroupId": "g"} for n in range(10)]
    sent = await sqs("SendMessageBatch", QueueUrl=url, Entries=batch)
    numbers = [entry["SequenceNumber"] for entry in sent["Successful"]]
    assert numbers == sorted(numbers)
    assert await sqs.bodies(url) == [str(n) for n in range(10)]


@pytest.mark.parametrize(("hidden", "seen"), [(0, []), (1, ["a"]), (2, ["a", "b"])])
async def test_a_hidden_message_holds_up_those_of_its_group_that_come_after_it(
    sqs: Any, clock: FakeClock, hidden: int, seen: list[str]
) -> None:
    url = await sqs.queue("q.fifo", ContentBasedDeduplication="true", VisibilityTimeout="1")
    await sqs.send(url, "a", "b", "c", MessageGroupId="g")
    handle = (await sqs.receive(url))[hidden]["ReceiptHandle"]
    await sqs("ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=4)
    clock.advance(2)
    assert await sqs.bodies(url) == seen


async def test_a_message_that_is_shown_again_does_not_wait_for_those_after_it(sqs: Any) -> None:
    url = await sqs.queue("q.fifo", ContentBasedDeduplication="true")
    await sqs.send(url, "a1", "a2", MessageGroupId="a")
    await sqs.send(url, "b1", MessageGroupId="b")
    handle = (await sqs.receive(url, 2))[0]["ReceiptHandle"]
    await sqs("ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    assert await sqs.bodies(url) == ["a1", "b1"]


async def test_as_many_messages_of_a_group_are_given_as_there_are(sqs: Any) -> None:
    url = await sqs.queue("q.fifo", ContentBasedDeduplication="true")
    for text in ("a1", "b1", "a2", "a3"):
        await sqs.send(url, text, MessageGroupId=text[0])
    assert await sqs.bodies(url) == ["a1", "a2", "a3", "b1"]


async def test_messages_are_there_after_a_restart_with_their_receipts(sqs: Any, make_sqs: Callable[..., Any]) -> None:
    url = await sqs.queue("q")
    await sqs.send(url, "a", "b")
    first = await sqs.receive(url, 1)
    again = make_sqs(sqs.store)
    await again.delete(url, first)
    assert await again.bodies(url) == ["b"]
    assert await again.counts(url) == (0, 1, 0)


async def test_a_message_that_becomes_visible_while_it_is_looked_for_is_not_waited_for(
    sqs: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = (await sqs("CreateQueue", QueueName="q"))["QueueUrl"]
    await sqs("SendMessage", QueueUrl=url, MessageBody="late", DelaySeconds=1)
    lease = sqs.ports.queues.lease
    looks = 0

    async def takes_a_second(*args: Any, **options: Any) -> Any:
        nonlocal looks
        looks += 1
        found = await lease(*args, **options)
        if looks == 1:
            clock.advance(1.001)
        return found

    monkeypatch.setattr(sqs.ports.queues, "lease", takes_a_second)
    async with asyncio.timeout(60):
        answer = await sqs("ReceiveMessage", QueueUrl=url, WaitTimeSeconds=20)
    assert [each["Body"] for each in answer["Messages"]] == ["late"]
    assert looks == 2
