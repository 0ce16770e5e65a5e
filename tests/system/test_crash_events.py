"""kill -9 of the server again and again while events are accepted and run: the books add up.

A short form by default; `make crash` kills fifty times while ten thousand events come in. An event that is not in the
books may be late, stuck or lost. The server's own counts tell which: nobody waits for what it does not have any more,
nor for what has not moved for longer than any event has to wait; and there is no other deadline.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from lambent.cli.access import Access
from lambent.cli.client import ask

KILLS = int(os.environ.get("LAMBENT_CRASH_KILLS", "5"))
EVENTS = int(os.environ.get("LAMBENT_CRASH_EVENTS", "300"))
SEED = int(os.environ.get("LAMBENT_CRASH_SEED", "1"))
SENDERS = 4
TIMEOUT_S = 2 if EVENTS < 1000 else 3
LONGEST_LIFE_S = 1.5
PATIENCE_S = 400.0
"""For anything at all to happen: events of functions that could not be started back off for up to five minutes."""

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.timeout(3 * PATIENCE_S + EVENTS + 20 * KILLS),  # against a test that hangs; what is late has PATIENCE_S
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
FUNCTIONS = {"wide": None, "narrow": 1, "closed": 0, "impatient": 1}
"""Names and reserved concurrency: one that has room, one that is throttled all the time, one that runs nothing, and one
whose events are soon too old."""
WEIGHTS = (85, 5, 5, 5)
DELAYS_S = "0.1,100"
"""Before the first retry and the second. Only events of `impatient` have a second one, and it would come too late."""
LIVES = {
    "impatient": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 60},
}
"""How long the server is to try, where not once more."""
CONDITIONS = {
    "wide": {"RetriesExhausted"},
    "narrow": {"RetriesExhausted"},
    "closed": {"ZeroReservedConcurrency"},
    "impatient": {"EventAgeExceeded"},
}
"""How events of each function may be given up."""


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


def live_and_die(
    server: Any, books: Books, chance: random.Random, sends: list[Callable[[Books, random.Random], None]]
) -> None:
    """Kill the server at random moments while all of `sends` are called again and again."""
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


def send(aws: Any, books: Books, function: str, kind: str, pad: int = 0) -> None:
    """One event."""
    number = books.number()
    payload = json.dumps({"n": number, "kind": kind, "pad": "x" * pad})
    books.unsure.add(number)
    answer = aws.invoke(FunctionName=function, InvocationType="Event", Payload=payload)
    assert answer["StatusCode"] == 202
    books.accepted[number] = function, kind
    books.unsure.discard(number)


def event_sender(aws: Any) -> Callable[[Books, random.Random], None]:
    """What sends one event of any kind by this client."""

    def send_any(books: Books, chance: random.Random) -> None:
        function = chance.choices(list(FUNCTIONS), weights=WEIGHTS)[0]
        send(aws, books, function, chance.choice(KINDS), chance.randrange(500))

    return send_any


def deploy(server: Any) -> dict[str, str]:
    """The functions, which tell three queues of every end; the queues' URLs."""
    sqs, aws = server.client("sqs"), server.client("lambda")
    urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("succeeded", "failed", "dead")}
    arns = {name: f"arn:aws:sqs:us-east-1:000000000000:{name}" for name in urls}
    for name, reserved in FUNCTIONS.items():
        server.function(name, {"app.py": SOURCE}, Timeout=TIMEOUT_S, DeadLetterConfig={"TargetArn": arns["dead"]})
        destinations = {"OnSuccess": {"Destination": arns["succeeded"]}, "OnFailure": {"Destination": arns["failed"]}}
        life = LIVES.get(name, {"MaximumRetryAttempts": 1})
        aws.put_function_event_invoke_config(FunctionName=name, DestinationConfig=destinations, **life)
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
    make_server: Callable[..., Any],
) -> None:
    server = make_server("--async-retry-delays", DELAYS_S).start()
    urls = deploy(server)
    clients = [server.client("lambda") for _ in range(SENDERS)]
    books = Books()
    for function in FUNCTIONS:
        for kind in ("ok", "error", "exit"):  # so that each has something to show
            send(clients[0], books, function, kind)
    live_and_die(server, books, random.Random(SEED), [event_sender(client) for client in clients])

    ends = Ends(server, urls)
    wait_for_ends(ends, books)
    assert ends.everything <= set(books.accepted) | books.unsure, "what nobody sent"
    for function, conditions in CONDITIONS.items():
        assert ends.conditions[function].keys() <= conditions | {"EventAgeExceeded"}
        assert ends.conditions[function].keys() >= conditions
    print(
        f"{len(books.accepted)} accepted, {len(books.unsure)} unsure over {KILLS} kills: "
        f"{len(ends.told['succeeded'])} succeeded, {len(ends.told['failed'])} failed, "
        f"{len(ends.told['dead'])} dead letters; {ends.twice} told more than once; "
        f"{ends.overrun(books)} timed out that need not have; given up: "
        + ", ".join(f"{sum(counts.values())} of {name} {dict(counts)}" for name, counts in ends.conditions.items())
    )


class Ends:
    """What the three queues have told, and what the server still has to do."""

    def __init__(self, server: Any, urls: dict[str, str]) -> None:
        self._access = Access(server.endpoint, "us-east-1", *server.credentials().values(), None)
        self._sqs = server.client("sqs")
        self._urls = urls
        self.told: dict[str, Counter[int]] = {name: Counter() for name in urls}
        """Numbers of events by queue."""
        self.conditions: dict[str, Counter[str]] = {name: Counter() for name in FUNCTIONS}
        """Of those that were given up, by function."""

    def under_way(self) -> dict[str, tuple[int, int]]:
        """Events that wait and run, by function; none of functions that have neither."""
        counts = {each["function"]: (each["waiting"], each["running"]) for each in self._events()}
        return {function: count for function, count in counts.items() if any(count)}

    def _events(self) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = ask(self._access, "/_lambent/stats", {})["events"]
        return events

    def read(self) -> int:
        """Read all that there is in the queues now; how much it was."""
        return sum(iter(lambda: sum(self._read(name) for name in self._urls), 0))

    def _read(self, name: str) -> int:
        bodies = received(self._sqs, self._urls[name])
        self.told[name].update([(body if name == "dead" else body["requestPayload"])["n"] for body in bodies])
        for body in bodies:
            if name == "succeeded":
                assert body["responsePayload"] == {"ran": body["requestPayload"]["n"]}
            elif name == "failed":
                context = body["requestContext"]
                self.conditions[context["functionArn"].split(":")[6]][context["condition"]] += 1
        return len(bodies)

    def missing(self, books: Books) -> Counter[tuple[str, ...]]:
        """Events that have not come to an end that they may have, by function, kind and where they are told of."""
        found: Counter[tuple[str, ...]] = Counter()
        for number, (function, kind) in books.accepted.items():
            queues = [name for name, told in self.told.items() if number in told]
            if not is_settled(queues, function, kind):
                found[(function, kind, *queues)] += 1
        return found

    def overrun(self, books: Books) -> int:
        """Events that would have succeeded, and have failed: the machine was too busy for them."""
        good = {number for number, (function, kind) in books.accepted.items() if (function, kind) == ("wide", "ok")}
        return len(good & self.told["failed"].keys())

    @property
    def everything(self) -> set[int]:
        return set().union(*self.told.values())

    @property
    def twice(self) -> int:
        return sum(count - 1 for name in ("succeeded", "failed") for count in self.told[name].values())


def wait_for_ends(ends: Ends, books: Books) -> None:
    """Return when every accepted event is in the books. Fails as soon as one is missing that the server has no more,
    and when nothing has moved for a long time."""
    before, moved_at = None, time.monotonic()
    while True:
        under_way = ends.under_way()  # first: who is told of an event is told before it is removed
        is_read = ends.read() > 0
        missing = ends.missing(books)
        if not missing:
            return
        assert under_way, f"lost: {dict(missing)}"
        if is_read or under_way != before:
            before, moved_at = under_way, time.monotonic()
        assert time.monotonic() - moved_at < PATIENCE_S, f"stuck: {dict(missing)}; the server has {under_way}"
        time.sleep(0.1)  # between two questions; what is waited for is up to the server


def is_settled(queues: list[str], function: str, kind: str) -> bool:
    """Whether an event that these queues tell of has come to an end that it may have. On a machine that is busy enough
    every run times out."""
    has_failed = "failed" in queues and "dead" in queues
    return has_failed or ("succeeded" in queues and function != "closed" and kind not in FAILING)
