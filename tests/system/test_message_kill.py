"""kill -9 of the server at any moment: every message that a queue accepted is handled, or ends in its dead letters; and
messages of one group are handled in their order.

LAMBENT_TEST_KILLS sets how often it is killed; what is said of fifty kills was seen so.
"""

from __future__ import annotations

import json
import os
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

KILLS = int(os.environ.get("LAMBENT_TEST_KILLS", "2"))
ENOUGH = 20
"""Accepted messages of each life: fewer would prove nothing."""
KINDS = ("succeeds", "fails", "exits", "sleeps")
GROUPS = ("a", "b", "c")
ARN = "arn:aws:sqs:us-east-1:000000000000:"
VISIBILITY_S = 2
SOURCE = """
import json, os, time
import boto3

sqs = boto3.client("sqs")

def handler(event, context):
    failed = []
    for record in event["Records"]:
        kind = json.loads(record["body"])["kind"]
        if kind == "exits":
            os._exit(3)
        if kind == "sleeps":
            time.sleep(60)
        if kind == "fails":
            failed.append({"itemIdentifier": record["messageId"]})
            continue
        group = record["attributes"].get("MessageGroupId")
        order = {"MessageGroupId": group, "MessageDeduplicationId": record["body"]} if group else {}
        queue = os.environ["TOLD_IN_ORDER" if group else "TOLD"]
        sqs.send_message(QueueUrl=queue, MessageBody=record["body"], **order)
    return {"batchItemFailures": failed}
"""


class Sender(threading.Thread):
    """Sends numbered messages without end, and remembers those that were accepted."""

    def __init__(self, server: Any, url: str, message: Callable[[int], dict[str, str]], start: int) -> None:
        super().__init__()
        self._sqs = server.client("sqs")
        self._url = url
        self._message = message
        self.number = start
        self.accepted: list[str] = []
        self.trouble: list[str] = []

    def run(self) -> None:
        try:
            while True:
                message = self._message(self.number)
                self.number += 1
                self._sqs.send_message(QueueUrl=self._url, **message)
                self.accepted.append(message["MessageBody"])
        except (BotoCoreError, OSError):
            return  # it was killed
        except ClientError as error:
            self.trouble.append(str(error))


def plain(number: int) -> dict[str, str]:
    """Few fail, as each that does takes others of its batch with it."""
    kind = KINDS[number // 40 % len(KINDS)] if number % 40 == 0 else "succeeds"
    return {"MessageBody": json.dumps({"number": number, "kind": kind})}


def in_order(group: str) -> Callable[[int], dict[str, str]]:
    def message(number: int) -> dict[str, str]:
        body = json.dumps({"group": group, "number": number, "kind": "succeeds"}, separators=(",", ":"))
        return {"MessageBody": body, "MessageGroupId": group, "MessageDeduplicationId": body}

    return message


@pytest.mark.timeout(180 + 20 * KILLS)
def test_every_accepted_message_is_handled_or_a_dead_letter_and_in_order_whenever_the_server_is_killed(
    make_server: Any, tools: Any
) -> None:
    server = make_server().start()
    queues = deployed(server)
    generator = random.Random(5)
    accepted: list[str] = []
    started: dict[str, int] = {}
    for _ in range(KILLS):
        senders = {"plain": Sender(server, queues["work"], plain, started.get("plain", 0))}
        for group in GROUPS:
            senders[group] = Sender(server, queues["work.fifo"], in_order(group), started.get(group, 0))
        for sender in senders.values():
            sender.start()
        threading.Event().wait(0.3 + 2 * generator.random())  # any moment will do
        tools.wait_for(lambda senders=senders: sum(len(each.accepted) for each in senders.values()) >= ENOUGH)
        server.kill()
        for name, sender in senders.items():
            sender.join()
            assert sender.trouble == []
            accepted += sender.accepted
            started[name] = sender.number
        server.start()
    tools.wait_for(lambda: all(is_empty(server, queues[name]) for name in ("work", "work.fifo")), 90 + 15 * KILLS)

    told = set(everything(server, queues["told"]))
    dead = set(everything(server, queues["dead"]))
    ordered = everything(server, queues["told.fifo"])
    handled = told | dead | set(ordered)
    assert [body for body in accepted if body not in handled] == []
    failing = {body for body in accepted if json.loads(body)["kind"] != "succeeds"}
    assert failing <= dead
    assert not failing & told
    for group in GROUPS:
        numbers = [message["number"] for message in map(json.loads, ordered) if message["group"] == group]
        assert numbers == sorted(set(numbers))
    assert len(accepted) >= ENOUGH * KILLS
    print(f"{KILLS} kills, {len(accepted)} messages, {len(told)} + {len(ordered)} handled, {len(dead)} dead letters")


def deployed(server: Any) -> dict[str, str]:
    """A function that two queues are mapped to; all queues' addresses."""
    sqs, aws = server.client("sqs"), server.client("lambda")
    ordered = {"FifoQueue": "true"}
    urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("told", "dead")}
    urls["told.fifo"] = sqs.create_queue(QueueName="told.fifo", Attributes=ordered)["QueueUrl"]
    redrive = json.dumps({"deadLetterTargetArn": f"{ARN}dead", "maxReceiveCount": 2 + KILLS})
    hides = {"VisibilityTimeout": str(VISIBILITY_S)}
    urls["work"] = sqs.create_queue(QueueName="work", Attributes={**hides, "RedrivePolicy": redrive})["QueueUrl"]
    urls["work.fifo"] = sqs.create_queue(QueueName="work.fifo", Attributes={**hides, **ordered})["QueueUrl"]
    variables = {"TOLD": urls["told"], "TOLD_IN_ORDER": urls["told.fifo"]}
    server.function("f", {"app.py": SOURCE}, Timeout=VISIBILITY_S, Environment={"Variables": variables})
    for name in ("work", "work.fifo"):
        aws.create_event_source_mapping(
            FunctionName="f",
            EventSourceArn=ARN + name,
            BatchSize=5,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )
    return urls


def is_empty(server: Any, url: str) -> bool:
    """Whether nothing is left, hidden or not."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = server.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return all(counts[name] == "0" for name in names)


def everything(server: Any, url: str) -> list[str]:
    """The bodies of all messages of a queue, in its order."""
    sqs = server.client("sqs")
    found: list[str] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [message["Body"] for message in messages]
        entries = [{"Id": str(at), "ReceiptHandle": each["ReceiptHandle"]} for at, each in enumerate(messages)]
        sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    return found
