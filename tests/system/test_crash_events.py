"""kill -9 of the server again and again while events are accepted and run: the books add up.

A short form by default; `make crash` kills fifty times while ten thousand events come in.
"""

from __future__ import annotations

import json
import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

KILLS = int(os.environ.get("LAMBENT_CRASH_KILLS", "5"))
EVENTS = int(os.environ.get("LAMBENT_CRASH_EVENTS", "300"))
SEED = int(os.environ.get("LAMBENT_CRASH_SEED", "1"))
SENDERS = 4
TIMEOUT_S = 2 if EVENTS < 1000 else 3
LONGEST_LIFE_S = 1.5
PATIENCE_S = 330.0
"""For the next event to come to its end: throttled ones back off for up to five minutes."""

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.timeout(2 * PATIENCE_S + EVENTS / 5 + 10 * KILLS),
]

SOURCE = """
import os, random, time

def handler(event, context):
    kind = event["kind"]
    if kind == "error" or (kind == "flaky" and random.random() < 0.5):
        raise ValueError("as it was told")
    if kind == "exit":
        os._exit(3)
    if kind == "slow":
        time.sleep(30)
    return {"ran": event["n"]}
"""
# Of each twenty events.
KINDS = ["ok"] * 12 + ["flaky"] * 3 + ["error"] * 3 + ["exit", "slow"]
FAILING = ("error", "exit", "slow")
FUNCTIONS = {"wide": None, "narrow": 1, "closed": 0}
"""Names and reserved concurrency: one that has room, one that is throttled all the time, one that runs nothing."""


@dataclass
class Books:
    """What the senders know."""

    accepted: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Function and kind, by number: the client has seen the 202."""
    unsure: set[int] = field(default_factory=set)
    """Sent without an answer: they may run or not."""
    sent: Iterator[int] = field(default_factory=lambda: iter(range(10**9)))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def number(self) -> int:
        with self.lock:
            return next(self.sent)


class Sender(threading.Thread):
    """Sends while the server is up, until so many are accepted."""

    def __init__(self, send: Callable[[Books, random.Random], None], books: Books, enough: int, seed: float) -> None:
        super().__init__()
        self._send = send
        self._books = books
        self._enough = enough
        self._chance = random.Random(seed)
        self.trouble: list[str] = []

    def run(self) -> None:
        while len(self._books.accepted) < self._enough:
            try:
                self._send(self._books, self._chance)
            except (BotoCoreError, OSError):
                return
            except ClientError as error:
                self.trouble.append(str(error))
                return


def live_and_die(server: Any, chance: random.Random, sends: list[Callable[[Books, random.Random], None]]) -> Books:
    """Kill the server at random moments while all of `sends` are called again and again; what they know at the end."""
    books = Books()
    for life in range(KILLS + 1):
        is_last = life == KILLS
        enough = EVENTS if is_last else EVENTS * (life + 1) // (KILLS + 1)
        senders = [Sender(send, books, enough, chance.random()) for send in sends]
        for sender in senders:
            sender.start()
        if not is_last:
            threading.Event().wait(chance.uniform(0, LONGEST_LIFE_S))  # a random moment, not for anything
            server.kill()
        for sender in senders:
            sender.join()
            assert sender.trouble == []
        if not is_last:
            server.start()
    assert len(books.accepted) >= EVENTS
    return books


def event_sender(aws: Any) -> Callable[[Books, random.Random], None]:
    """What sends one event by this client."""

    def send(books: Books, chance: random.Random) -> None:
        number, kind = books.number(), chance.choice(KINDS)
        function = chance.choices(list(FUNCTIONS), weights=(90, 5, 5))[0]
        payload = json.dumps({"n": number, "kind": kind, "pad": "x" * chance.randrange(500)})
        books.unsure.add(number)
        answer = aws.invoke(FunctionName=function, InvocationType="Event", Payload=payload)
        assert answer["StatusCode"] == 202
        books.accepted[number] = function, kind
        books.unsure.discard(number)

    return send


def deploy(server: Any) -> dict[str, str]:
    """Three functions that tell three queues of every end; the queues' URLs."""
    sqs, aws = server.client("sqs"), server.client("lambda")
    urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("succeeded", "failed", "dead")}
    arns = {name: f"arn:aws:sqs:us-east-1:000000000000:{name}" for name in urls}
    for name, reserved in FUNCTIONS.items():
        server.function(name, {"app.py": SOURCE}, Timeout=TIMEOUT_S, DeadLetterConfig={"TargetArn": arns["dead"]})
        destinations = {"OnSuccess": {"Destination": arns["succeeded"]}, "OnFailure": {"Destination": arns["failed"]}}
        aws.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1, DestinationConfig=destinations)
        if reserved is not None:
            aws.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
    return urls


def received(sqs: Any, url: str) -> list[Any]:
    """Some bodies of a queue, removed from it."""
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    if messages:
        entries = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(messages)]
        assert not sqs.delete_message_batch(QueueUrl=url, Entries=entries).get("Failed")
    return [json.loads(each["Body"]) for each in messages]


def test_every_accepted_event_runs_or_is_told_to_its_destination_however_often_the_server_is_killed(
    make_server: Callable[..., Any], tools: Any
) -> None:
    server = make_server("--async-retry-delays", "0.1,0.2").start()
    urls = deploy(server)
    sends = [event_sender(server.client("lambda")) for _ in range(SENDERS)]
    books = live_and_die(server, random.Random(SEED), sends)

    sqs = server.client("sqs")
    told: dict[str, Counter[int]] = {name: Counter() for name in urls}

    def missing() -> Counter[tuple[str, str]]:
        return Counter(each for number, each in books.accepted.items() if not settled(told, number, *each))

    while missing():
        # As long as there is progress nothing is lost, however slow the machine is.
        tools.wait_for(lambda: any(collect(sqs, urls, told, name) for name in urls), PATIENCE_S, lambda: f"{missing()}")
        while any(collect(sqs, urls, told, name) for name in urls):
            pass
    everything = set().union(*told.values())
    assert everything <= set(books.accepted) | books.unsure, "what nobody sent"
    twice = sum(count - 1 for name in ("succeeded", "failed") for count in told[name].values())
    print(
        f"{len(books.accepted)} accepted, {len(books.unsure)} unsure over {KILLS} kills: "
        f"{len(told['succeeded'])} succeeded, {len(told['failed'])} failed, {len(told['dead'])} dead letters; "
        f"{twice} told more than once"
    )


def collect(sqs: Any, urls: dict[str, str], told: dict[str, Counter[int]], name: str) -> bool:
    """Read some of a queue; whether there was anything."""
    bodies = received(sqs, urls[name])
    told[name].update([(body if name == "dead" else body["requestPayload"])["n"] for body in bodies])
    for body in bodies:
        if name == "succeeded":
            assert body["responsePayload"] == {"ran": body["requestPayload"]["n"]}
        elif name == "failed":
            told_of = body["requestContext"]["condition"]
            assert told_of in ("RetriesExhausted", "ZeroReservedConcurrency", "EventAgeExceeded")
    return bool(bodies)


def settled(told: dict[str, Counter[int]], number: int, function: str, kind: str) -> bool:
    """Whether an event has come to an end that it may have. On a machine that is busy enough every run times out."""
    has_failed = number in told["failed"] and number in told["dead"]
    return has_failed or (number in told["succeeded"] and function != "closed" and kind not in FAILING)
