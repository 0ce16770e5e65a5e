"""Events and messages: how many a server accepts, how fast SQS's own operations are, how soon a message is run.

Each figure is taken on servers of their own that were started for it, one after the other: what they have accepted goes
on running.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import load
from client import API, BenchError, Connection, Lambda, NotOffered, Signed, invocation, signed
from figures import ONE_VCPU_MB, Plan
from functions import STAYS, python
from machine import Watch
from servers import Kind, Server
from shelf import Stocked
from table import Row, cells, middle, milliseconds, percentile
from turns import Sample, in_turns, talking

ACCEPT_AIM, START_AIM_MS = 20_000.0, 15.0
_AIMED_CONNECTIONS = 64
_BUSY_S = 0.05
_SENDERS = 8
_BATCH = 10
_JSON = "application/x-amz-json-1.0"
_ATTRIBUTES = {"VisibilityTimeout": "120"}
"""No less than the time-out of the function that a queue is mapped to."""
_ENABLED_WITHIN_S = 30.0
_RUN_WITHIN_S = 20.0
_PAUSE_S = 0.07
"""Between two messages whose way is timed: longer than a fast server takes, and no multiple of anybody's period."""
TIMES = python(
    """import time

def handler(event, context):
    began = time.time()
    for record in event["Records"]:
        print("TOOK", began - float(record["body"]))
"""
)
"""Prints how long before its handler began each message was sent."""


def accepted(kinds: Sequence[Kind], plan: Plan) -> list[Row]:
    """Asynchronous invocations accepted a second. One at a time runs meanwhile, where the server can be told so."""

    def once(kind: Kind) -> Sample[list[float]]:
        with _started(kind, [Stocked(STAYS, ONE_VCPU_MB, len(plan.connections))]) as server, Watch() as watch:
            rates = [_accepting(server, plan, connections) for connections in plan.connections]
        return Sample(rates, watch.noise)

    taken = in_turns(kinds, plan.rounds, once)
    rows = []
    for place, connections in enumerate(plan.connections):
        rates = {name: each.part(itemgetter(place)) for name, each in taken.items()}
        title = f"asynchronous invocations accepted, {_many(connections)}, one runs at a time, per s"
        aim = ACCEPT_AIM if connections == _AIMED_CONNECTIONS else None
        rows.append(Row(title, cells(rates, _whole), ONE_VCPU_MB, aim, more_is_better=True))
    return rows


def _accepting(server: Server, plan: Plan, connections: int) -> float:
    with talking(server) as client:
        name = client.create(STAYS, ONE_VCPU_MB).name
        _reserve_one(client, name)
        request = invocation(server.target(), name, {"seconds": _BUSY_S}, X_Amz_Invocation_Type="Event")
        if (status := client.connection.exchange(request.wire()).status) != 202:
            raise BenchError(f"an event was answered with {status}")
    return load.press(server.target(), request, connections, plan.seconds, client=plan.client).per_s


def sqs(kinds: Sequence[Kind], plan: Plan) -> list[Row]:
    """Messages a second that one caller sends, receives and deletes; and that several send."""
    rows = []
    for batch, how in ((1, "one by one"), (_BATCH, f"in batches of {_BATCH}")):
        taken = in_turns(kinds, plan.rounds, lambda kind, batch=batch: _went_through(kind, plan.messages, batch))
        title = f"SQS, one caller, {how}: sent / received / deleted, messages/s"
        rows.append(Row(title, cells(taken, _three), more_is_better=True))
        pressed = in_turns(kinds, plan.rounds, lambda kind, batch=batch: _sent(kind, plan, batch))
        title = f"SQS, {_many(_SENDERS)}, {how}: sent, messages/s"
        rows.append(Row(title, cells(pressed, _whole), more_is_better=True))
    return rows


def mapped(kinds: Sequence[Kind], plan: Plan) -> Row:
    """From sending a message until a handler begins that an event source mapping calls with it."""

    def once(kind: Kind) -> Sample[list[float]]:
        with _started(kind) as server, talking(server) as client:
            queue = Queue(client)
            name = client.create(TIMES, ONE_VCPU_MB).name
            _map(client, queue, name)
            with Watch() as watch:
                for _ in range(plan.mapped + 1):
                    queue.send([repr(time.time())])
                    time.sleep(_PAUSE_S)
                took = _lines(client, name, plan.mapped + 1)
        return Sample(took[1:], watch.noise)  # the first one is a cold start

    taken = in_turns(kinds, 1, once)

    def show(rounds: Sequence[Sequence[float]]) -> tuple[str, float]:
        both = [percentile(rounds[0], part) * 1000 for part in (0.5, 0.99)]
        return " / ".join(map(milliseconds, both)), both[0]

    title = f"SQS, event source mapping: from SendMessage until the handler begins, p50 / p99, n={plan.mapped}, ms"
    return Row(title, cells(taken, show), ONE_VCPU_MB, START_AIM_MS)


class Queue:
    """A queue of its own on a server, and requests about it."""

    def __init__(self, client: Lambda) -> None:
        self.target = client.target
        self.connection = client.connection
        self.url: str = self.call("CreateQueue", QueueName="bench", Attributes=_ATTRIBUTES)["QueueUrl"]

    def request(self, operation: str, **members: Any) -> Signed:
        """A signed request. Of the queue, but for CreateQueue."""
        body = members if operation == "CreateQueue" else {"QueueUrl": self.url, **members}
        told = {"X_Amz_Target": f"AmazonSQS.{operation}", "Content_Type": _JSON, "service": "sqs"}
        return signed(self.target, "POST", "/", json.dumps(body).encode(), **told)

    def call(self, operation: str, **members: Any) -> Any:
        """Its answer. Raises BenchError; NotOffered where there is no SQS."""
        answer = self.connection.exchange(self.request(operation, **members).wire())
        if operation == "CreateQueue" and answer.status in (404, 501):
            raise NotOffered("there is no SQS")
        return answer.json()

    def sending(self, bodies: Sequence[str]) -> Signed:
        """The request that sends them: a batch if there are several."""
        if len(bodies) == 1:
            return self.request("SendMessage", MessageBody=bodies[0])
        return self.request(
            "SendMessageBatch", Entries=[{"Id": str(n), "MessageBody": b} for n, b in enumerate(bodies)]
        )

    def send(self, bodies: Sequence[str]) -> None:
        """Send them."""
        _whole_batch(self.connection.exchange(self.sending(bodies).wire()).json())

    def deleting(self, receipts: Sequence[str]) -> Signed:
        """The request that deletes them."""
        if len(receipts) == 1:
            return self.request("DeleteMessage", ReceiptHandle=receipts[0])
        entries = [{"Id": str(n), "ReceiptHandle": receipt} for n, receipt in enumerate(receipts)]
        return self.request("DeleteMessageBatch", Entries=entries)


@dataclass(frozen=True, slots=True)
class Passage:
    """Messages a second."""

    sent: float
    received: float
    deleted: float


def _went_through(kind: Kind, count: int, batch: int) -> Sample[Passage]:
    """`count` messages through a queue by one caller on one connection, one phase after the other."""
    with _started(kind) as server, talking(server) as client:
        queue = Queue(client)
        bodies = [f"message {number}" for number in range(count)]
        sends = [queue.sending(bodies[at : at + batch]).wire() for at in range(0, count, batch)]
        receive = queue.request("ReceiveMessage", MaxNumberOfMessages=batch, VisibilityTimeout=300).wire()
        with Watch() as watch:
            sending_s = _timed(queue.connection, sends, [])
            answers: list[Any] = []
            receiving_s = _timed(queue.connection, [receive] * len(sends), answers)
            got = [[each["ReceiptHandle"] for each in answer.get("Messages") or ()] for answer in answers]
            deletes = [queue.deleting(receipts).wire() for receipts in got if receipts]
            deleting_s = _timed(queue.connection, deletes, [])
        received = sum(map(len, got))
        if not received:
            raise BenchError("nothing was received")
        return Sample(Passage(count / sending_s, received / receiving_s, received / deleting_s), watch.noise)


def _timed(connection: Connection, wires: Sequence[bytes], answers: list[Any]) -> float:
    """Seconds for all; what they answered. Raises BenchError."""
    seconds = 0.0
    for wire in wires:
        begin = time.perf_counter()
        answer = connection.exchange(wire)
        seconds += time.perf_counter() - begin
        answers.append(_whole_batch(json.loads(answer.body or b"{}") if answer.status == 200 else answer.json()))
    return seconds


def _whole_batch(answer: Any) -> Any:
    if answer and answer.get("Failed"):
        raise BenchError(f"part of a batch failed: {answer['Failed'][0]}")
    return answer


def _sent(kind: Kind, plan: Plan, batch: int) -> Sample[float]:
    with _started(kind) as server, talking(server) as client:
        queue = Queue(client)
        request = queue.sending([f"message {number}" for number in range(batch)])
        with Watch() as watch:
            done = load.press(server.target(), request, _SENDERS, plan.seconds, client=plan.client)
        return Sample(done.per_s * batch, watch.noise)


@contextmanager
def _started(kind: Kind, stock: Sequence[Stocked] = ()) -> Iterator[Server]:
    """A server with a role for functions, ended at the end. Raises NotOffered where there is more to ask for than the
    functions in stock, and nobody answers that."""
    if kind.project is not None and not stock:
        raise NotOffered("only its functions can be called")
    server = Server(kind, stock)
    try:
        server.start()
        with talking(server) as client:
            client.make_role()
        yield server
    finally:
        server.stop()


def _reserve_one(client: Lambda, name: str) -> None:
    """Where that cannot be had, as many run as the server lets."""
    path = f"/2017-10-31/functions/{name}/concurrency"
    body = json.dumps({"ReservedConcurrentExecutions": 1}).encode()
    with suppress(BenchError):
        client.connection.exchange(signed(client.target, "PUT", path, body, Content_Type="application/json").wire())


def _map(client: Lambda, queue: Queue, name: str) -> None:
    """Map the queue to the function, and return when it is polled."""
    path = API.removesuffix("functions") + "event-source-mappings"
    arn = queue.call("GetQueueAttributes", AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    body = json.dumps({"EventSourceArn": arn, "FunctionName": name}).encode()
    made = client.connection.exchange(signed(client.target, "POST", path, body, Content_Type="application/json").wire())
    state, mapping = made.json(), made.json()["UUID"]
    end = time.monotonic() + _ENABLED_WITHIN_S
    while state.get("State") != "Enabled":
        if time.monotonic() > end:
            raise BenchError(f"the mapping is {state.get('State')}: {state.get('StateTransitionReason', '')}")
        time.sleep(0.05)
        state = client.connection.exchange(signed(client.target, "GET", f"{path}/{mapping}").wire()).json()


def _lines(client: Lambda, name: str, count: int) -> list[float]:
    """What the function has printed of each message, in seconds. Raises BenchError when some are missing."""
    end = time.monotonic() + _RUN_WITHIN_S
    while True:
        with suppress(BenchError):  # there is no log before the first line
            lines = [line for line in client.log_lines(name, "TOOK") if line.startswith("TOOK ")]
            if len(lines) >= count:
                return [float(line.split()[1]) for line in lines]
        if time.monotonic() > end:
            raise BenchError("not all messages have reached the function")
        time.sleep(0.2)


def _many(connections: int) -> str:
    return f"{connections} connection" + ("s" if connections > 1 else "")


_whole = middle(lambda value: f"{value:,.0f}")


def _three(passages: Sequence[Passage]) -> tuple[str, float]:
    """The medians of the rounds; the value is what a message costs on its whole way."""
    each = [
        statistics.median(rates)
        for rates in (
            [passage.sent for passage in passages],
            [passage.received for passage in passages],
            [passage.deleted for passage in passages],
        )
    ]
    return " / ".join(f"{rate:,.0f}" for rate in each), 1 / sum(1 / rate for rate in each)
