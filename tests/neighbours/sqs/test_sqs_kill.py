"""kill -9 at any moment: what was sent is there, what was deleted does not come back, groups stay in order."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

ROUNDS = 2


class Sender(threading.Thread):
    """Sends numbers without end, in order, and remembers which were answered."""

    def __init__(self, aws: Any, url: str, group: str, first: int) -> None:
        super().__init__()
        self._aws, self._url, self._group = aws, url, group
        self._members = {"MessageGroupId": group} if url.endswith(".fifo") else {}
        self.answered: list[str] = []
        self.next = first

    def run(self) -> None:
        try:
            while True:
                body = f"{self._group}{self.next:06d}"
                self.next += 1
                self._aws.send_message(QueueUrl=self._url, MessageBody=body, **self._members)
                self.answered.append(body)
        except (BotoCoreError, ClientError, OSError):
            pass


class Receiver(threading.Thread):
    """Receives and deletes without end."""

    def __init__(self, aws: Any, url: str) -> None:
        super().__init__()
        self._aws, self._url = aws, url
        self.deleted: list[str] = []
        self.unsure: list[str] = []
        """Asked to be deleted, and perhaps not answered."""

    def run(self) -> None:
        try:
            while True:
                self._step()
        except (BotoCoreError, ClientError, OSError):
            pass

    def _step(self) -> None:
        answer = self._aws.receive_message(QueueUrl=self._url, MaxNumberOfMessages=5, WaitTimeSeconds=1)
        for message in answer.get("Messages", ()):
            self.unsure.append(message["Body"])
            self._aws.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            self.deleted.append(self.unsure.pop())


def test_messages_that_were_answered_survive_kill_9(make_server: Callable[..., Any]) -> None:
    server = make_server().start()
    aws = server.client("sqs")
    aws.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "1"})
    fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "1"}
    aws.create_queue(QueueName="q.fifo", Attributes=fifo)
    generator = random.Random(7)
    sent: dict[str, list[str]] = {"q": [], "q.fifo": []}
    deleted: dict[str, list[str]] = {"q": [], "q.fifo": []}
    unsure: set[str] = set()
    following = {("q", "a"): 0, ("q.fifo", "a"): 0, ("q.fifo", "b"): 0}
    for _ in range(ROUNDS):
        urls = {name: aws.get_queue_url(QueueName=name)["QueueUrl"] for name in sent}
        senders = {key: Sender(aws, urls[key[0]], key[1], first) for key, first in following.items()}
        receivers = {name: Receiver(aws, url) for name, url in urls.items()}
        threads = [*senders.values(), *receivers.values()]
        for thread in threads:
            thread.start()
        threading.Event().wait(0.3 + generator.random())  # any moment will do
        server.kill()
        for thread in threads:
            thread.join()
        for (name, group), sender in senders.items():
            sent[name] += sender.answered
            following[name, group] = sender.next
        for name, receiver in receivers.items():
            deleted[name] += receiver.deleted
            unsure.update(f"{name} {body}" for body in receiver.unsure)
        aws = server.start().client("sqs")
    for name in sent:
        url = aws.get_queue_url(QueueName=name)["QueueUrl"]
        left = drained(aws, url)
        assert not set(left) & set(deleted[name])
        missing = set(sent[name]) - set(left) - set(deleted[name])
        assert {f"{name} {body}" for body in missing} <= unsure
        if name == "q.fifo":
            for group in "ab":
                bodies = [body for body in left if body[0] == group]
                assert bodies == sorted(bodies)
    assert len(sent["q"]) > ROUNDS


def drained(aws: Any, url: str) -> list[str]:
    """All messages of a queue, in the order in which they come."""
    bodies = []
    names = ["All"]
    while True:
        answer = aws.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=2, VisibilityTimeout=60)
        for message in answer.get("Messages", ()):
            bodies.append(message["Body"])
            aws.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        shown = aws.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        counts = [int(value) for name, value in shown.items() if name.startswith("ApproximateNumber")]
        if sum(counts) == 0:
            return bodies
