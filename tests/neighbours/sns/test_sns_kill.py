"""kill -9 while messages are published and delivered: what was answered arrives, in order where there is one."""

from __future__ import annotations

import random
import threading
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

LIVES = 3
ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30)


class Publisher(threading.Thread):
    """Publishes numbered messages until it is stopped, each again and again until it is answered."""

    def __init__(self, server: Any, topic: str, name: str, **members: str) -> None:
        super().__init__()
        self.answered: list[str] = []
        self.may_stop = threading.Event()
        self._sns = server.client("sns", config=ONCE)
        self._request = {"TopicArn": topic, **members}
        self._name = name

    def run(self) -> None:
        while not self.may_stop.is_set():
            text = f"{self._name}-{len(self.answered)}"
            try:
                self._sns.publish(Message=text, **self._request)
            except (BotoCoreError, ClientError):
                self.may_stop.wait(0.02)
            else:
                self.answered.append(text)


def drained(sqs: Any, url: str, wanted: set[str]) -> list[str]:
    """What is in a queue, in the order of arrival, at least until all that is wanted has come."""
    found: list[str] = []
    while True:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=10)
        messages = answer.get("Messages", [])
        found += [message["Body"] for message in messages]
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        if wanted <= set(found):
            return found
        assert messages, f"missing: {sorted(wanted - set(found))[:10]}"


def test_servers_that_are_killed_lose_nothing_that_was_published(make_server: Any, tools: Any) -> None:
    server = make_server().start()
    sns, sqs = server.client("sns"), server.client("sqs")
    topics, urls = [], []
    for suffix, more in (("", {}), (".fifo", {"FifoTopic": "true", "ContentBasedDeduplication": "true"})):
        topics.append(sns.create_topic(Name=f"t{suffix}", Attributes=more)["TopicArn"])
        kind = {"FifoQueue": "true"} if suffix else {}
        urls.append(sqs.create_queue(QueueName=f"q{suffix}", Attributes=kind)["QueueUrl"])
        queue = f"arn:aws:sqs:us-east-1:000000000000:q{suffix}"
        raw = {"RawMessageDelivery": "true"}
        sns.subscribe(TopicArn=topics[-1], Protocol="sqs", Endpoint=queue, Attributes=raw)
    plain = [Publisher(server, topics[0], name) for name in ("a", "b")]
    ordered = Publisher(server, topics[1], "o", MessageGroupId="g")
    publishers = [*plain, ordered]
    for publisher in publishers:
        publisher.start()
    chance = random.Random(7)
    for life in range(LIVES):
        least = [len(publisher.answered) + chance.randrange(5, 30) for publisher in publishers]
        tools.wait_for(
            lambda least=least: all(len(p.answered) >= n for p, n in zip(publishers, least, strict=True)), 60
        )
        if life < LIVES - 1:
            server.kill()
            server.start()
    for publisher in publishers:
        publisher.may_stop.set()
        publisher.join()
    drained(sqs, urls[0], {text for publisher in plain for text in publisher.answered})
    found = drained(sqs, urls[1], set(ordered.answered))
    assert found[: len(ordered.answered)] == ordered.answered
