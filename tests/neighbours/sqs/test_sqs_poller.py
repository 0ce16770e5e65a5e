"""The poller on a queue and a function that a test plays, in a time that jumps when nothing else is to be done."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lambent.core.arn import FunctionRef
from lambent.core.invocation import Invocation, Outcome, Result, Status, Throttled
from lambent.core.lineage import descended
from lambent.core.polling import Growth
from lambent.delivery.mapping import Source
from lambent.delivery.trigger import Polling, SourceGone, SourceUnreachable
from lambent.invoke.resolve import NotActive
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.neighbours.sqs.door import MISSING
from lambent.neighbours.sqs.trigger import SqsTrigger
from lambent.ports import Ports, Trust
from lambent.runtimes.catalogue import Catalogue
from lambent.wire.call import Call
from lambent.wire.errors import ApiError

ARN = "arn:aws:sqs:us-east-1:000000000000:orders"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f:live"
NOBODY = cast(Any, None)


def let_time_jump() -> None:
    """From now on the running loop never waits for a timer: when nothing else is ready, its time has passed."""
    loop = cast(Any, asyncio.get_running_loop())
    wait = loop._selector.select
    now = 0.0

    def select(timeout: float | None = None) -> list[Any]:
        nonlocal now
        if timeout is None or timeout <= 0:
            return list(wait(timeout))
        events = list(wait(0))
        if not events:
            now += timeout
        return events

    loop._selector.select = select
    loop.time = lambda: now


class LoopClock:
    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    now = monotonic


@dataclass(eq=False)
class Held:
    """A message in the queue."""

    id: str
    body: str
    group: str | None
    trace: str = ""
    visible_at: float = 0.0
    receives: int = 0
    receipt: str = ""


class Queue:
    """Answers for SQS."""

    def __init__(self, arn: str = ARN, visibility_s: int = 30) -> None:
        self.arn = arn
        self.visibility_s = visibility_s
        self.exists = True
        self.fault: ApiError | None = None
        self.messages: list[Held] = []
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self.dead: str | None = None
        self.buried: list[Mapping[str, Any]] = []
        self.waiting = 0
        self.most_waiting = 0
        self._sent = asyncio.Event()

    def send(self, *bodies: str, group: str | None = None, trace: str = "") -> None:
        for body in bodies:
            self.messages.append(Held(f"m{len(self.calls)}-{secrets.token_hex(4)}", body, group, trace))
        self._sent.set()

    @property
    def bodies(self) -> list[str]:
        return [each.body for each in self.messages]

    def named(self, operation: str) -> list[Mapping[str, Any]]:
        return [request for name, request in self.calls if name == operation]

    async def call(self, call: Call, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        assert (service, call.account, call.region) == ("sqs", "000000000000", "us-east-1")
        self.calls.append((operation, request))
        if not self.exists:
            raise ApiError("The specified queue does not exist.", code="QueueDoesNotExist")
        if self.fault is not None:
            raise self.fault
        if operation == "GetQueueUrl":
            assert request["QueueOwnerAWSAccountId"] == "000000000000"
            return {"QueueUrl": f"http://{request['QueueName']}"}
        if operation == "SendMessage":
            self.buried.append(request)
            return {}
        assert request["QueueUrl"] == f"http://{self.arn.split(':')[5]}"
        answer: Any = getattr(self, f"_{operation}")(request)
        return cast(dict[str, Any], await answer)

    async def _GetQueueAttributes(self, request: Mapping[str, Any]) -> dict[str, Any]:
        redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": self.dead})} if self.dead else {}
        return {"Attributes": {"VisibilityTimeout": str(self.visibility_s), **redrive}}

    async def _ReceiveMessage(self, request: Mapping[str, Any]) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        end = loop.time() + request["WaitTimeSeconds"]
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        try:
            while not (found := self._visible(loop.time())) and loop.time() < end:
                self._sent.clear()
                soonest = min([end, *(each.visible_at for each in self.messages if each.visible_at > loop.time())])
                try:
                    async with asyncio.timeout_at(soonest):
                        await self._sent.wait()
                except TimeoutError:
                    pass
        finally:
            self.waiting -= 1
        taken = found[: request["MaxNumberOfMessages"]]
        for each in taken:
            each.visible_at = loop.time() + self.visibility_s
            each.receives += 1
            each.receipt = secrets.token_hex(4)
        return {"Messages": [self._shown(each) for each in taken]} if taken else {}

    def _visible(self, now: float) -> list[Held]:
        blocked = {each.group for each in self.messages if each.group is not None and each.visible_at > now}
        return [each for each in self.messages if each.visible_at <= now and each.group not in blocked]

    def _shown(self, each: Held) -> dict[str, Any]:
        attributes = {"ApproximateReceiveCount": str(each.receives)}
        if each.group is not None:
            attributes["MessageGroupId"] = each.group
        if each.trace:
            attributes["AWSTraceHeader"] = each.trace
        return {
            "MessageId": each.id,
            "ReceiptHandle": each.receipt,
            "Body": each.body,
            "MD5OfBody": "d",
            "Attributes": attributes,
        }

    async def _DeleteMessageBatch(self, request: Mapping[str, Any]) -> dict[str, Any]:
        assert 1 <= len(request["Entries"]) <= 10
        gone = {each["ReceiptHandle"] for each in request["Entries"]}
        self.messages = [each for each in self.messages if each.receipt not in gone]
        self._sent.set()
        return {}

    async def _ChangeMessageVisibilityBatch(self, request: Mapping[str, Any]) -> dict[str, Any]:
        now = asyncio.get_running_loop().time()
        for entry in request["Entries"]:
            for each in self.messages:
                if each.receipt == entry["ReceiptHandle"]:
                    each.visible_at = now + entry["VisibilityTimeout"]
        return {}


Handler = Callable[[list[dict[str, Any]]], Awaitable[Any]]


class Function:
    """Stands for the invoker: `handler` gets the records; `refusals` are raised first."""

    def __init__(self) -> None:
        self.timeout_s = 3
        self.refusals: list[Exception] = []
        self.batches: list[list[str]] = []
        self.receives: list[list[int]] = []
        self.times: list[float] = []
        self.invocations: list[Invocation] = []
        self.running = 0
        self.most_running = 0
        self.handler: Handler = self.answers(None)

    @staticmethod
    def answers(value: object) -> Handler:
        async def handler(records: list[dict[str, Any]]) -> object:
            return value

        return handler

    def resolve(self, ref: Any) -> Any:
        assert ref.arn == FUNCTION
        if self.refusals and not isinstance(self.refusals[0], Throttled):
            raise self.refusals.pop(0)
        return SimpleNamespace(timeout_s=self.timeout_s, tracing="PassThrough")

    async def invoke(self, version: Any, invocation: Invocation) -> Result | None:
        if self.refusals:
            raise self.refusals.pop(0)
        records = json.loads(invocation.payload)["Records"]
        self.invocations.append(invocation)
        self.batches.append([each["body"] for each in records])
        self.receives.append([int(each["attributes"]["ApproximateReceiveCount"]) for each in records])
        self.times.append(asyncio.get_running_loop().time())
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            value = await self.handler(records)
        except ZeroDivisionError:
            return Result(Outcome(Status.FAILURE, b"{}", "ZeroDivisionError"), "$LATEST")
        finally:
            self.running -= 1
        return Result(Outcome(Status.SUCCESS, json.dumps(value).encode()), "$LATEST")


@dataclass
class World:
    """A queue, a function, and what polls between them."""

    queue: Queue
    function: Function
    tasks: Tasks
    ports: Ports
    problems: list[str | None] = field(default_factory=list)
    loops_allowed: bool = False
    polling: Polling[Any] = NOBODY
    running: asyncio.Task[None] = NOBODY

    def poll(self, **settings: Any) -> None:
        source = self.source(**settings)
        poller = SqsTrigger(self.ports).poller(source, cast(Any, self))
        growth = Growth.of(source.settings)
        clock, log = self.ports.clock, self.ports.log
        self.polling = Polling("u", poller, growth, self.problems.append, self.tasks, clock, log)
        self.running = self.tasks.start("polling", self.polling.run())

    def source(self, **settings: Any) -> Source:
        settings = {
            "BatchSize": 10,
            "MaximumBatchingWindowInSeconds": 0,
            "FunctionResponseTypes": [],
            **settings,
        }
        return Source("u", "000000000000", "us-east-1", self.queue.arn, FUNCTION, settings)

    def allows_loops(self, ref: Any) -> bool:
        return self.loops_allowed

    async def passes(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def stop(self) -> None:
        await self.polling.stop()
        await self.running


@asynccontextmanager
async def world(arn: str = ARN, **options: Any) -> AsyncIterator[World]:
    let_time_jump()
    log = Log("error")
    tasks, queue, function = Tasks(log), Queue(arn, **options), Function()
    ports = Ports(
        records=NOBODY,
        queues=NOBODY,
        blobs=NOBODY,
        journals=NOBODY,
        seal=NOBODY,
        clock=LoopClock(),
        tasks=tasks,
        log=log,
        trust=Trust(dev=True),
        aws=queue,
        invoker=cast(Any, function),
        catalogue=Catalogue({}),
    )
    try:
        yield World(queue, function, tasks, ports)
    finally:
        await tasks.close()


async def fails(records: list[dict[str, Any]]) -> object:
    raise ZeroDivisionError


async def test_messages_are_given_to_the_function_and_deleted() -> None:
    async with world() as w:
        w.poll()
        await w.passes(1)
        w.queue.send("a", "b")
        await w.passes(1)
        assert (w.function.batches, w.queue.bodies) == ([["a", "b"]], [])
        (invocation,) = w.function.invocations
        assert invocation.arn == FUNCTION
        assert (await w.stop()) is None


async def test_one_long_poll_waits_while_there_is_nothing() -> None:
    async with world() as w:
        w.poll()
        await w.passes(101)
        requests = w.queue.named("ReceiveMessage")
        assert (len(requests), w.queue.most_waiting) == (6, 1)
        assert {each["WaitTimeSeconds"] for each in requests} == {20}
        assert requests[0]["MessageSystemAttributeNames"] == requests[0]["MessageAttributeNames"] == ["All"]


async def test_a_batch_is_not_larger_than_asked_for() -> None:
    async with world() as w:
        w.queue.send(*"abcde")
        w.poll(BatchSize=2)
        await w.passes(1)
        assert sorted(map(len, w.function.batches)) == [1, 2, 2]
        assert w.queue.bodies == []


async def test_a_window_gathers_what_comes_within_it() -> None:
    async with world() as w:
        w.poll(BatchSize=100, MaximumBatchingWindowInSeconds=5)
        for number in range(8):
            w.queue.send(str(number))
            await w.passes(1.1)
        await w.passes(10)
        assert w.function.batches == [["0", "1", "2", "3", "4"], ["5", "6", "7"]]
        assert w.function.times[0] == pytest.approx(5)


async def test_a_short_window_takes_all_that_is_there() -> None:
    async with world() as w:
        w.queue.send(*map(str, range(95)))
        w.poll(BatchSize=100, MaximumBatchingWindowInSeconds=1)
        await w.passes(0.5)
        w.queue.send("late")
        await w.passes(1)
        assert [len(batch) for batch in w.function.batches] == [96]


async def test_a_full_batch_does_not_wait_for_its_window() -> None:
    async with world() as w:
        w.poll(BatchSize=25, MaximumBatchingWindowInSeconds=60)
        await w.passes(1)
        w.queue.send(*map(str, range(30)))
        await w.passes(1)
        assert [len(batch) for batch in w.function.batches] == [25]
        await w.passes(61)
        assert [len(batch) for batch in w.function.batches] == [25, 5]


async def test_messages_that_wait_for_a_long_window_stay_hidden() -> None:
    async with world(visibility_s=10) as w:
        w.poll(BatchSize=100, MaximumBatchingWindowInSeconds=60)
        w.queue.send("a")
        await w.passes(70)
        assert (w.function.batches, w.function.receives, w.queue.bodies) == ([["a"]], [[1]], [])


async def test_a_batch_too_large_for_one_event_is_run_in_parts() -> None:
    async with world() as w:
        w.queue.send(*("x" * 1_000_000 for _ in range(9)))
        w.poll()
        await w.passes(1)
        assert [len(batch) for batch in w.function.batches] == [6, 3]
        assert w.queue.bodies == []


async def test_parts_that_wait_for_others_stay_hidden() -> None:
    async def slow(records: list[dict[str, Any]]) -> object:
        await asyncio.sleep(8)
        return None

    async with world(visibility_s=10) as w:
        w.function.timeout_s = 9
        w.function.handler = slow
        w.poll(BatchSize=20, MaximumBatchingWindowInSeconds=1)
        w.queue.send(*("x" * 1_000_000 for _ in range(5)))
        await w.passes(0.1)
        w.queue.send(*("x" * 1_000_000 for _ in range(10)))
        await w.passes(40)
        assert [len(batch) for batch in w.function.batches] == [6, 6, 3]
        assert w.queue.bodies == []


async def test_failed_messages_come_again_after_the_visibility_timeout() -> None:
    async with world() as w:
        w.function.handler = fails
        w.queue.send("a")
        w.poll()
        await w.passes(1)
        assert w.queue.bodies == ["a"]
        w.function.handler = Function.answers(None)
        await w.passes(30)
        assert (w.function.times, w.function.receives) == ([0, 30], [[1], [2]])
        assert w.queue.bodies == []


async def test_only_the_messages_that_are_named_come_again() -> None:
    async def names_b(records: list[dict[str, Any]]) -> object:
        return {"batchItemFailures": [{"itemIdentifier": each["messageId"]} for each in records if each["body"] == "b"]}

    async with world() as w:
        w.function.handler = names_b
        w.queue.send(*"abc")
        w.poll(FunctionResponseTypes=["ReportBatchItemFailures"])
        await w.passes(1)
        assert w.queue.bodies == ["b"]
        w.function.handler = fails
        await w.passes(30)
        assert w.function.batches == [["a", "b", "c"], ["b"]]
        assert w.queue.bodies == ["b"]


async def test_names_of_failures_count_only_when_the_mapping_says_so() -> None:
    async with world() as w:
        w.function.handler = Function.answers({"batchItemFailures": [{"itemIdentifier": "x"}]})
        w.queue.send("a")
        w.poll()
        await w.passes(1)
        assert w.queue.bodies == []


async def test_what_the_filters_leave_out_is_deleted_unseen() -> None:
    async with world() as w:
        criteria = {"Filters": [{"Pattern": '{"body": {"kind": ["x"]}}'}]}
        w.poll(FilterCriteria=criteria, BatchSize=2, MaximumBatchingWindowInSeconds=10)
        w.queue.send('{"kind": "y"}', "plain", '{"kind": "x"}', '{"kind": "z"}')
        await w.passes(1)
        assert (w.function.batches, w.queue.bodies) == ([], ['{"kind": "x"}'])
        w.queue.send('{"kind": "x", "n": 2}')
        await w.passes(1)
        assert w.function.batches == [['{"kind": "x"}', '{"kind": "x", "n": 2}']]
        assert w.queue.bodies == []


async def test_a_throttled_batch_is_tried_again_with_longer_and_longer_waits() -> None:
    async with world() as w:
        w.function.refusals = [Throttled("ConcurrentInvocationLimitExceeded")] * 5
        w.queue.send("a")
        w.poll()
        await w.passes(10)
        assert w.function.times == [pytest.approx(0.1 + 0.2 + 0.4 + 0.8 + 1.6)]
        assert (w.function.receives, w.queue.bodies) == ([[1]], [])


async def test_a_function_that_is_not_active_is_waited_for() -> None:
    async with world() as w:
        w.function.refusals = [NotActive(FUNCTION, cast(Any, SimpleNamespace(state="Pending")))] * 2
        w.queue.send("a")
        w.poll()
        await w.passes(1)
        assert w.queue.bodies == []


async def test_a_batch_that_cannot_start_is_left_before_its_visibility_ends() -> None:
    async with world() as w:
        w.function.refusals = [Throttled("x")] * 13
        w.queue.send("a")
        w.poll()
        await w.passes(29)
        assert (w.function.batches, w.queue.bodies) == ([], ["a"])
        await w.passes(31)
        assert (w.function.receives, w.queue.bodies) == ([[2]], [])


async def test_messages_that_waited_for_a_place_are_hidden_for_the_whole_run() -> None:
    async def slow(records: list[dict[str, Any]]) -> object:
        await asyncio.sleep(19)
        return None

    async with world() as w:
        w.function.timeout_s = 20
        w.function.refusals = [Throttled("x")] * 9
        w.function.handler = slow
        w.queue.send("a")
        w.poll()
        await w.passes(60)
        assert w.function.times[0] > 15
        assert (w.function.batches, w.queue.bodies) == ([["a"]], [])
        assert w.queue.named("ChangeMessageVisibilityBatch") != []


async def test_an_ordinary_run_asks_for_nothing_but_messages_and_their_end() -> None:
    async with world(visibility_s=3) as w:
        w.queue.send("a")
        w.poll()
        await w.passes(1)
        names = [name for name, _ in w.queue.calls]
        assert sorted(names) == [
            "DeleteMessageBatch",
            "GetQueueAttributes",
            "GetQueueUrl",
            "ReceiveMessage",
            "ReceiveMessage",
        ]


async def test_five_batches_run_at_once_and_more_while_that_is_not_enough() -> None:
    release = asyncio.Event()

    async def waits(records: list[dict[str, Any]]) -> object:
        await release.wait()
        return None

    async with world(visibility_s=1000) as w:
        w.function.handler = waits
        w.queue.send(*map(str, range(100)))
        w.poll(BatchSize=1)
        await w.passes(0.1)
        assert w.function.running == 5
        await w.passes(2)
        assert 12 <= w.function.running <= 16
        release.set()
        await w.passes(20)
        assert w.queue.bodies == []


async def test_a_function_that_is_throttled_gets_no_more_batches_than_at_the_start() -> None:
    async with world(visibility_s=1000) as w:
        w.function.refusals = [Throttled("x") for _ in range(10_000)]
        w.queue.send(*map(str, range(100)))
        w.poll(BatchSize=1)
        await w.passes(60)
        assert sum(each.receives for each in w.queue.messages) == 5


async def test_no_more_batches_run_at_once_than_the_mapping_allows() -> None:
    async def slow(records: list[dict[str, Any]]) -> object:
        await asyncio.sleep(1)
        return None

    async with world() as w:
        w.function.handler = slow
        w.queue.send(*map(str, range(20)))
        w.poll(BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
        await w.passes(15)
        assert (w.function.most_running, w.queue.bodies) == (2, [])
        assert all(count == [1] for count in w.function.receives)


async def test_a_group_is_handled_in_order_whatever_fails() -> None:
    failures = {"a2": 1, "b1": 2}
    seen: list[str] = []

    async def sometimes_fails(records: list[dict[str, Any]]) -> object:
        failed = False
        answer: list[dict[str, str]] = []
        for each in records:
            body = each["body"]
            left = failures.get(body, 0)
            if failed or left:
                failures[body] = max(0, left - 1) if not failed else left
                failed = True
                answer.append({"itemIdentifier": each["messageId"]})
            else:
                seen.append(body)
        return {"batchItemFailures": answer}

    async with world(f"{ARN}.fifo") as w:
        w.function.handler = sometimes_fails
        for body in ("a1", "b1", "a2", "b2", "a3"):
            w.queue.send(body, group=body[0])
        w.poll(FunctionResponseTypes=["ReportBatchItemFailures"])
        await w.passes(200)
        assert [each for each in seen if each[0] == "a"] == ["a1", "a2", "a3"]
        assert [each for each in seen if each[0] == "b"] == ["b1", "b2"]
        assert w.queue.bodies == []


async def test_a_part_after_a_failed_one_is_not_run_where_order_is_kept() -> None:
    async with world(f"{ARN}.fifo") as w:
        w.function.handler = fails
        for number in range(9):
            w.queue.send(str(number) * 1_000_000, group="g")
        w.poll()
        await w.passes(1)
        assert [len(batch) for batch in w.function.batches] == [6]
        assert len(w.queue.bodies) == 9


async def test_a_queue_that_is_gone_is_reported_once_and_found_again() -> None:
    async with world() as w:
        w.poll()
        await w.passes(1)
        w.queue.exists = False
        await w.passes(100)
        assert w.problems == [MISSING]
        w.queue.exists = True
        w.queue.send("a")
        await w.passes(40)
        assert (w.problems, w.queue.bodies) == ([MISSING, None], [])


async def test_what_was_handled_is_deleted_although_the_queue_does_not_answer_at_first() -> None:
    async with world() as w:
        w.queue.send("a")

        async def handler(records: list[dict[str, Any]]) -> None:
            w.queue.fault = ApiError("no route", code="ServiceUnavailable")

        w.function.handler = handler
        w.poll()
        await w.passes(1)
        w.queue.fault = None
        await w.passes(60)
        assert (w.function.batches, w.queue.bodies) == ([["a"]], [])


async def test_a_queue_that_does_not_answer_is_asked_again_and_again_but_slowly() -> None:
    async with world() as w:
        w.queue.fault = ApiError("no route", code="ServiceUnavailable")
        w.poll()
        await w.passes(100)
        assert w.problems == []
        assert 5 < len(w.queue.calls) < 12
        w.queue.fault = None
        w.queue.send("a")
        await w.passes(40)
        assert w.queue.bodies == []


def lineage(runs: int) -> str:
    """The trace header of what the function sends in its run of that number for one event."""
    trace = "Root=1-5e3d83c1-e6a0db584850d61342823d4c"
    for _ in range(runs):
        trace = descended(trace, FunctionRef("000000000000", "us-east-1", "f"))
    return trace


async def test_runs_are_counted_in_the_trace_header_of_the_message() -> None:
    async with world() as w:
        w.queue.send("a")
        w.poll()
        await w.passes(1)
        w.queue.send("b", trace=lineage(3))
        await w.passes(1)
        first, second = (each.trace for each in w.function.invocations)
        assert first.startswith("Root=1-")
        assert first.endswith(lineage(1).partition(";")[2])
        assert second == lineage(4)


async def test_a_batch_goes_on_with_the_longest_lineage_of_its_messages() -> None:
    async with world() as w:
        for runs in (1, 5, 2):
            w.queue.send(str(runs), trace=lineage(runs))
        w.queue.send("none")
        w.poll()
        await w.passes(1)
        assert [each.trace for each in w.function.invocations] == [lineage(6)]


async def test_a_message_of_a_loop_goes_to_the_dead_letters_of_the_queue() -> None:
    async with world() as w:
        w.queue.dead = f"{ARN}-dead"
        w.queue.send("goes round", trace=lineage(16))
        w.queue.send("does not", trace=lineage(15))
        w.poll()
        await w.passes(1)
        assert (w.function.batches, w.queue.bodies) == ([["does not"]], [])
        assert w.queue.buried == [{"QueueUrl": "http://orders-dead", "MessageBody": "goes round"}]


async def test_a_message_of_a_loop_keeps_its_group_in_the_dead_letters() -> None:
    async with world(f"{ARN}.fifo") as w:
        w.queue.dead = f"{ARN}-dead.fifo"
        w.queue.send("goes round", group="g", trace=lineage(16))
        (sent,) = w.queue.messages
        w.poll()
        await w.passes(1)
        more = {"MessageGroupId": "g", "MessageDeduplicationId": sent.id}
        assert w.queue.buried == [{"QueueUrl": "http://orders-dead.fifo", "MessageBody": "goes round", **more}]


async def test_without_dead_letters_a_message_of_a_loop_is_dropped() -> None:
    async with world() as w:
        w.queue.send("goes round", trace=lineage(16))
        w.poll()
        await w.passes(1)
        assert (w.function.batches, w.queue.bodies, w.queue.buried) == ([], [], [])


async def test_a_function_may_be_allowed_to_loop() -> None:
    async with world() as w:
        w.loops_allowed = True
        w.queue.send("goes round", trace=lineage(20))
        w.poll()
        await w.passes(1)
        assert w.function.batches == [["goes round"]]


async def test_stopping_ends_the_long_poll_and_lets_a_running_batch_end() -> None:
    async def slow(records: list[dict[str, Any]]) -> object:
        await asyncio.sleep(2)
        return None

    async with world() as w:
        w.function.handler = slow
        w.poll()
        w.queue.send("a")
        await w.passes(1)
        await w.polling.stop()
        w.queue.send("b")
        await w.running
        assert (w.function.batches, w.queue.bodies, w.queue.waiting) == ([["a"]], ["b"], 0)
        assert asyncio.get_running_loop().time() == pytest.approx(2)


async def test_stopping_runs_what_is_being_received_at_that_moment() -> None:
    async with world(visibility_s=1000) as w:
        w.poll()
        await w.passes(1)
        stopping = w.tasks.start("stop", w.polling.stop())
        await w.passes(0.1)
        w.queue.send("a")
        await stopping
        w.queue.send("b")
        await w.running
        assert (w.function.batches, w.queue.bodies) == ([["a"]], ["b"])


async def test_stopping_runs_what_a_window_has_gathered() -> None:
    async with world() as w:
        w.poll(BatchSize=100, MaximumBatchingWindowInSeconds=60)
        w.queue.send("a")
        await w.passes(5)
        await w.stop()
        assert (w.function.batches, w.queue.bodies) == ([["a"]], [])
        assert asyncio.get_running_loop().time() == pytest.approx(5.2)


async def test_stopping_leaves_a_throttled_batch_to_its_visibility() -> None:
    async with world() as w:
        w.function.refusals = [Throttled("x")] * 99
        w.queue.send("a")
        w.poll()
        await w.passes(5)
        await w.stop()
        assert (w.function.batches, w.queue.bodies) == ([], ["a"])
        assert asyncio.get_running_loop().time() == pytest.approx(5.2)


async def test_a_queue_is_checked_before_a_mapping_is_made() -> None:
    async with world() as w:
        trigger = SqsTrigger(w.ports)
        await trigger.check(w.source(), timeout_s=30)
        with pytest.raises(SourceGone) as caught:
            await trigger.check(w.source(), timeout_s=60)
        assert str(caught.value) == ("Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds")
        w.queue.exists = False
        with pytest.raises(SourceGone) as caught:
            await trigger.check(w.source(), timeout_s=30)
        assert str(caught.value) == MISSING


async def test_a_queue_that_cannot_be_checked_now_is_not_taken_for_one_that_may_not_be_read() -> None:
    async with world() as w:
        trigger = SqsTrigger(w.ports)
        for status, kind in ((503, SourceUnreachable), (403, SourceGone)):
            w.queue.fault = ApiError("why", code="Code", status=status)
            told = "Error occurred while GetQueueUrl. SQS Error Code: Code. SQS Error Message: why"
            with pytest.raises(kind, match=told):
                await trigger.check(w.source(), timeout_s=30)
