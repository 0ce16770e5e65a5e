"""From SNS to SQS on a running server, as unmodified boto3 uses both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest


class Pair:
    """A topic, and queues that subscribe to it."""

    def __init__(self, server: Any, suffix: str = "", **attributes: str) -> None:
        self.sns, self.sqs = server.client("sns"), server.client("sqs")
        self._suffix = suffix
        name = f"t-{uuid4().hex[:12]}{suffix}"
        self.topic = self.sns.create_topic(Name=name, Attributes=attributes)["TopicArn"]
        self.queues: list[str] = []

    def queue(self, **attributes: str) -> tuple[str, str]:
        """(URL, ARN) of a new queue."""
        attributes |= {"FifoQueue": "true"} if self._suffix else {}
        name = f"q-{uuid4().hex[:12]}{self._suffix}"
        url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.queues.append(url)
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, found["Attributes"]["QueueArn"]

    def subscribed(self, **attributes: str) -> str:
        """The URL of a new queue that subscribes."""
        url, arn = self.queue()
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
        return url

    def received(self, url: str, count: int = 1) -> list[dict[str, Any]]:
        """So many messages, once they have come."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            wanted = {"MessageAttributeNames": ["All"], "MessageSystemAttributeNames": ["All"]}
            answer = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=20, **wanted)
            assert answer.get("Messages"), f"{len(found)} of {count} messages came"
            found += answer["Messages"]
            for message in answer["Messages"]:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def close(self) -> None:
        self.sns.delete_topic(TopicArn=self.topic)
        for url in self.queues:
            try:
                self.sqs.delete_queue(QueueUrl=url)
            except self.sqs.exceptions.QueueDoesNotExist:
                pass


@pytest.fixture
def pair(shared_server: Any) -> Iterator[Pair]:
    made = Pair(shared_server)
    yield made
    made.close()


@pytest.fixture
def ordered(shared_server: Any) -> Iterator[Pair]:
    made = Pair(shared_server, ".fifo", FifoTopic="true", ContentBasedDeduplication="true")
    yield made
    made.close()


def test_queues_get_what_their_filters_let_through_in_an_envelope_or_raw(pair: Pair) -> None:
    everything, raw = pair.subscribed(), pair.subscribed(RawMessageDelivery="true")
    red = pair.subscribed(FilterPolicy=json.dumps({"color": ["red"]}))
    large = pair.subscribed(FilterPolicy=json.dumps({"size": [{"numeric": [">", 5]}]}), FilterPolicyScope="MessageBody")
    attributes = {
        "color": {"DataType": "String", "StringValue": "red"},
        "data": {"DataType": "Binary", "BinaryValue": b"\x02\x03\x04"},
    }
    pair.sns.publish(TopicArn=pair.topic, Message='{"size": 9}')
    sent = pair.sns.publish(TopicArn=pair.topic, Message="plain", Subject="s", MessageAttributes=attributes)
    bodies = [json.loads(message["Body"]) for message in pair.received(everything, 2)]
    assert {body["Message"] for body in bodies} == {'{"size": 9}', "plain"}
    (body,) = (body for body in bodies if body["Message"] == "plain")
    assert (body["Type"], body["MessageId"], body["Subject"]) == ("Notification", sent["MessageId"], "s")
    assert body["MessageAttributes"] == {
        "color": {"Type": "String", "Value": "red"},
        "data": {"Type": "Binary", "Value": "AgME"},
    }
    plain = {message["Body"]: message for message in pair.received(raw, 2)}["plain"]
    assert plain["MessageAttributes"] == attributes
    assert [json.loads(message["Body"])["Message"] for message in pair.received(red)] == ["plain"]
    assert [json.loads(message["Body"])["Message"] for message in pair.received(large)] == ['{"size": 9}']


def test_a_trace_and_a_group_go_along_to_the_queue(pair: Pair) -> None:
    url = pair.subscribed()
    trace = "Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent=7fa8c0f79203be72;Sampled=1"

    def add_trace(request: Any, **_: object) -> None:
        request.headers["X-Amzn-Trace-Id"] = trace

    pair.sns.meta.events.register("before-send.sns.Publish", add_trace)
    pair.sns.publish(TopicArn=pair.topic, Message="traced", MessageGroupId="g")
    (message,) = pair.received(url)
    assert message["Attributes"]["AWSTraceHeader"] == trace
    assert message["Attributes"]["MessageGroupId"] == "g"


def test_what_no_longer_has_a_queue_goes_to_the_dead_letter_queue(pair: Pair) -> None:
    dead, dead_arn = pair.queue()
    url = pair.subscribed(RedrivePolicy=json.dumps({"deadLetterTargetArn": dead_arn}))
    pair.sqs.delete_queue(QueueUrl=url)
    pair.sns.publish(TopicArn=pair.topic, Message="nobody is there")
    (message,) = pair.received(dead)
    assert json.loads(message["Body"])["Message"] == "nobody is there"


def test_a_batch_is_published_as_its_messages_are(pair: Pair) -> None:
    url = pair.subscribed(RawMessageDelivery="true")
    entries = [{"Id": str(number), "Message": f"m{number}"} for number in range(10)]
    answer = pair.sns.publish_batch(TopicArn=pair.topic, PublishBatchRequestEntries=entries)
    assert [entry["Id"] for entry in answer["Successful"]] == [str(number) for number in range(10)]
    assert sorted(message["Body"] for message in pair.received(url, 10)) == [f"m{number}" for number in range(10)]


def test_a_fifo_topic_keeps_the_order_of_each_group_and_drops_what_comes_twice(ordered: Pair) -> None:
    url = ordered.subscribed(RawMessageDelivery="true")
    numbers = []
    for number in range(10):
        message = {"Message": f"m{number}", "MessageGroupId": f"g{number % 2}"}
        first = ordered.sns.publish(TopicArn=ordered.topic, **message)
        again = ordered.sns.publish(TopicArn=ordered.topic, **message)
        assert (first["MessageId"], first["SequenceNumber"]) == (again["MessageId"], again["SequenceNumber"])
        numbers.append(first["SequenceNumber"])
    assert numbers == sorted(set(numbers))
    found: list[dict[str, Any]] = ordered.received(url, 10)
    for group in ("g0", "g1"):
        bodies = [message["Body"] for message in found if message["Attributes"]["MessageGroupId"] == group]
        assert bodies == [f"m{number}" for number in range(10) if f"g{number % 2}" == group]
