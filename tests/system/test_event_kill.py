"""kill -9 of the server at any moment: every event that was accepted is executed, or ends where its failures go.

LAMBENT_TEST_KILLS sets how often it is killed; what is said of fifty kills was seen so.
"""

from __future__ import annotations

import json
import os
import random
import threading
from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

KILLS = int(os.environ.get("LAMBENT_TEST_KILLS", "4"))
KINDS = ("succeeds", "succeeds", "succeeds", "succeeds", "fails", "exits", "sleeps")
SOURCE = """
import os, time

def handler(event, context):
    if event["kind"] == "fails":
        raise ValueError("as it was told")
    if event["kind"] == "exits":
        os._exit(3)
    if event["kind"] == "sleeps":
        time.sleep(60)
    return event["number"]
"""


class Sender(threading.Thread):
    """Sends events without end, and remembers those that were accepted."""

    def __init__(self, server: Any, name: str, generator: random.Random) -> None:
        super().__init__()
        self._aws = server.client("lambda")
        self._name = name
        self._generator = generator
        self.accepted: dict[str, str] = {}
        """Kind by request id."""
        self.trouble: list[str] = []

    def run(self) -> None:
        try:
            for number in range(1_000_000):
                # Each failure of these kinds holds a place for a while, so that there are few of them.
                kind = self._generator.choice(KINDS) if number % 5 == 0 else KINDS[0]
                event = json.dumps({"number": number, "kind": kind})
                answer = self._aws.invoke(FunctionName=self._name, InvocationType="Event", Payload=event)
                self.accepted[answer["ResponseMetadata"]["RequestId"]] = kind
        except (BotoCoreError, OSError):
            return  # it was killed
        except ClientError as error:
            self.trouble.append(str(error))


@pytest.mark.timeout(120 + 20 * KILLS)
def test_every_accepted_event_is_executed_or_told_of_whenever_the_server_is_killed(
    make_server: Any, tools: Any
) -> None:
    server = make_server("--async-retry-delays", "0.1,0.2", "--concurrency", "20").start()
    told, dead = deployed(server)
    accepted: dict[str, str] = {}
    generator = random.Random(5)
    for _ in range(KILLS):
        senders = [Sender(server, "f", random.Random(generator.random())) for _ in range(2)]
        for sender in senders:
            sender.start()
        threading.Event().wait(0.3 + 2 * generator.random())  # any moment will do
        server.kill()
        for sender in senders:
            sender.join()
            assert sender.trouble == []
            accepted |= sender.accepted
        server.start()
    aws = server.client("lambda")
    tools.wait_for(lambda: all_settled(server), seconds=60 + 15 * KILLS)
    records = [json.loads(message["Body"]) for message in everything(server, told)]
    conditions: dict[str, set[str]] = {}
    for record in records:
        context = record["requestContext"]
        conditions.setdefault(context["requestId"], set()).add(context["condition"])
    letters = {message["MessageAttributes"]["RequestID"]["StringValue"] for message in everything(server, dead)}
    wanted = {"succeeds": {"Success"}}
    books = Counter(
        (kind, "told" if conditions.get(id) == wanted.get(kind, {"RetriesExhausted"}) else "not told")
        for id, kind in accepted.items()
    )
    assert {outcome for _, outcome in books} == {"told"}, books
    assert {id for id, kind in accepted.items() if kind != "succeeds"} <= letters
    assert not {id for id, kind in accepted.items() if kind == "succeeds"} & letters
    assert len(accepted) >= 20 * KILLS, "too little was sent to prove anything"
    print(f"{KILLS} kills, {len(accepted)} events, {len(records)} records, {len(letters)} dead letters, {dict(books)}")
    aws.delete_function(FunctionName="f")


def deployed(server: Any) -> tuple[str, str]:
    """A function whose ends go to two queues: their addresses."""
    sqs = server.client("sqs")
    told, dead = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("told", "dead"))
    queue = "arn:aws:sqs:us-east-1:000000000000:"
    server.function("f", {"app.py": SOURCE}, Timeout=1, DeadLetterConfig={"TargetArn": queue + "dead"})
    server.client("lambda").put_function_event_invoke_config(
        FunctionName="f",
        DestinationConfig={
            "OnSuccess": {"Destination": queue + "told"},
            "OnFailure": {"Destination": queue + "told"},
        },
    )
    return told, dead


def all_settled(server: Any) -> bool:
    import sqlite3

    with sqlite3.connect(f"file:{server.data}/queues.db?mode=ro", uri=True) as database:
        return database.execute("SELECT count(*) FROM messages WHERE queue LIKE 'async/%'").fetchone() == (0,)


def everything(server: Any, url: str) -> list[Any]:
    """All messages of a queue."""
    sqs = server.client("sqs")
    found: list[Any] = []
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=3600, MessageAttributeNames=["All"]
    ).get("Messages"):
        found += messages
    return found
