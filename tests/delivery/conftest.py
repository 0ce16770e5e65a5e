"""Delivery on fakes: a store in memory, functions that do what a test says, targets that take what they are sent, and a
clock that jumps.

Time is the event loop's own and stands still while there is anything to do; it jumps to the next timer when there is
not. So a retry after two minutes takes no time, and what a test reads of times is exact.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

import pytest

from lambent.core.arn import LATEST, FunctionRef
from lambent.core.function import Code, Version
from lambent.core.invocation import Invocation, Outcome, Result, Status, Throttled
from lambent.core.lineage import descended
from lambent.delivery.counters import Counters
from lambent.delivery.event import queue_of
from lambent.delivery.intake import Intake
from lambent.delivery.lane import Parts
from lambent.delivery.settle import Settler
from lambent.delivery.targets import Errand, Undelivered
from lambent.delivery.worker import Worker
from lambent.invoke.resolve import FunctionMissing, NotActive
from lambent.invoke.settings import FunctionSettings
from lambent.invoke.starts import Starts
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.store.base import Put, StoreUnavailable
from lambent.store.memory import MemoryQueues, memory_store

ACCOUNT, REGION = "000000000000", "us-east-1"
EPOCH = 1_700_000_000.0
ERROR = b'{"errorMessage":"no","errorType":"E"}'
T = TypeVar("T")

VERSION = Version(
    account=ACCOUNT,
    region=REGION,
    name="f",
    function_id="id-1",
    role=f"arn:aws:iam::{ACCOUNT}:role/runner",
    runtime="python3.11",
    handler="app.handler",
    code=Code("d" * 64, "digest", 3),
    revision_id="r1",
    last_modified="2026-01-01T00:00:00.000+0000",
)


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
    """The event loop's time; with `ahead_s`, that of a machine whose clock was set forward."""

    ahead_s = 0.0

    def monotonic(self) -> float:
        return round(asyncio.get_running_loop().time(), 3)

    def now(self) -> float:
        return EPOCH + self.monotonic() + self.ahead_s


@dataclass
class Run:
    """One run of a function."""

    at: float
    name: str
    invocation: Invocation
    end: Callable[[Result | None], None]

    def succeeds(self, took_s: float = 0.0) -> None:
        self.end(Result(Outcome(Status.SUCCESS, b'"ok"'), LATEST, took_s=took_s))

    def times_out(self, took_s: float) -> None:
        self.end(Result(Outcome(Status.TIMEOUT, ERROR), LATEST, took_s=took_s))

    def fails(self) -> None:
        self.end(Result(Outcome(Status.FAILURE, ERROR), LATEST))

    def breaks(self) -> None:
        """The platform failed."""
        self.end(None)


Does = Callable[[Run], None]


class FakeInvoker:
    """Functions by name. Each does something at once, or takes its time."""

    def __init__(self, clock: LoopClock) -> None:
        self._clock = clock
        self.versions: dict[str, Version] = {}
        self.does: dict[str, Does] = {}
        self.takes_s: defaultdict[str, float] = defaultdict(float)
        self.reservations: dict[str, int] = {}
        self.busy: defaultdict[str, int] = defaultdict(int)
        self.most: defaultdict[str, int] = defaultdict(int)
        self.limit = 1000
        self.others = 0
        """Places that others hold."""
        self.inactive: set[str] = set()
        self.unseen: set[str] = set()
        """In the store, and not known yet."""
        self.runs: list[Run] = []
        self.refused = 0
        self.rate_is_exceeded = False
        self.starts = Starts(clock)
        self._life = 0

    # -- what delivery calls

    def resolve(self, ref: FunctionRef) -> Version:
        if ref.name in self.inactive:
            raise NotActive(ref.arn, replace(self.versions[ref.name], state="Pending"))
        if ref.name not in self.versions or ref.name in self.unseen:
            raise FunctionMissing(ref)
        return self.versions[ref.name]

    def is_ready(self, version: Version, arn: str) -> bool:
        return False

    async def look_again(self, ref: FunctionRef) -> None:
        await asyncio.sleep(0)
        self.unseen.discard(ref.name)

    def reserved(self, ref: FunctionRef) -> int | None:
        return self.reservations.get(ref.name)

    def room(self, ref: FunctionRef) -> int:
        reserved = self.reservations.get(ref.name)
        if reserved is not None:
            return max(0, reserved - self.busy[ref.name])
        unreserved = sum(busy for name, busy in self.busy.items() if name not in self.reservations)
        return max(0, self.limit - self.others - unreserved)

    def run(
        self, version: Version, invocation: Invocation, done: Callable[[Result | None], None], *, is_event: bool
    ) -> None:
        assert is_event
        name = version.name
        if self.rate_is_exceeded or self.room(FunctionRef(ACCOUNT, REGION, name)) < 1:
            self.refused += 1
            raise Throttled("ConcurrentInvocationLimitExceeded")
        self.busy[name] += 1
        self.most[name] = max(self.most[name], self.busy[name])
        life = self._life

        def end(result: Result | None) -> None:
            if life == self._life:
                self.busy[name] -= 1
                done(result)

        run = Run(self._clock.monotonic(), name, invocation, end)
        self.runs.append(run)
        if self.takes_s[name]:
            asyncio.get_running_loop().call_later(self.takes_s[name], self.does[name], run)
        else:
            self.does[name](run)

    def crash(self) -> None:
        """What runs ends, and nobody hears of it."""
        self._life += 1
        self.busy.clear()

    # -- what tests ask

    def times(self, name: str = "f") -> list[float]:
        return [run.at for run in self.runs if run.name == name]

    def events(self, name: str = "f") -> list[bytes]:
        return [run.invocation.payload for run in self.runs if run.name == name]


class FakePost:
    """Takes what it is sent; each failure in `failures` goes before."""

    def __init__(self) -> None:
        self.sent: list[Errand] = []
        self.tries = 0
        self.failures: list[Exception] = []
        self.answers: dict[str, Mapping[str, Any]] = {}
        self.gate: asyncio.Event | None = None

    async def send(self, errand: Errand) -> Mapping[str, Any]:
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(0)
        if errand.operation == "GetQueueUrl":
            return {"QueueUrl": f"http://localhost/{ACCOUNT}/{errand.members['QueueName']}"}
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(errand)
        return self.answers.get(errand.operation, {})

    def fails(self, times: int, *, may_pass: bool = True) -> None:
        self.failures += [Undelivered("unreachable", may_pass=may_pass)] * times

    def records(self) -> list[Any]:
        """The invocation records that were sent to queues or functions."""
        texts = [errand.members.get("MessageBody") or errand.members.get("Payload") for errand in self.sent]
        return [json.loads(text) for text in texts if text is not None]


async def _nothing() -> None:
    pass


class Queues(MemoryQueues):
    """Queues that may be slow, and break."""

    def __init__(self, clock: LoopClock) -> None:
        super().__init__(clock)
        self.is_broken = False
        self.may_lease = asyncio.Event()
        self.may_lease.set()
        self.before: Callable[[], Awaitable[None]] = _nothing
        """Awaited before each call; it may raise."""
        self.after: Callable[[], Awaitable[None]] = _nothing
        """Awaited when a call has been done, before its caller hears of it."""

    async def lease(self, queue: str, **how: Any) -> Any:
        await self.may_lease.wait()
        return await self._done(super().lease(queue, **how))

    async def ack(self, *receipts: str) -> int:
        return await self._done(super().ack(*receipts))

    async def give_back(self, receipt: str, **how: Any) -> bool:
        return await self._done(super().give_back(receipt, **how))

    async def extend(self, receipt: str, *, for_s: float) -> bool:
        return await self._done(super().extend(receipt, for_s=for_s))

    async def next_due(self, queue: str, *, after: float = 0.0) -> float | None:
        return await self._done(super().next_due(queue, after=after))

    async def _done(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            if self.is_broken:
                raise StoreUnavailable("disk full")
            await self.before()
        except BaseException:
            work.close()
            raise
        result = await work
        await self.after()
        return result


class World:
    """A worker and all that it meets."""

    ERROR = ERROR
    Undelivered = Undelivered

    def __init__(self) -> None:
        self.clock = LoopClock()
        self.report = io.StringIO()
        self.log = Log("debug", self.report)
        self.tasks = Tasks(self.log)
        self.store = replace(memory_store(self.clock), queues=Queues(self.clock))
        self.settings = FunctionSettings(self.store.records)
        self.invoker = FakeInvoker(self.clock)
        self.post = FakePost()
        self.counters = Counters()
        self.is_crowded = False
        self.delays_s: tuple[float, ...] = (60.0, 120.0)
        self.worker = self.new_worker()
        self.intake = Intake(self.store.queues, self.counters)
        self.function("f")

    def new_worker(self) -> Worker:
        queues, invoker = self.store.queues, cast(Any, self.invoker)
        settler = Settler(queues, self.settings, self.post, self.counters, self.clock, self.tasks, self.log)
        return Worker(
            Parts(
                queues,
                invoker,
                self.settings,
                settler,
                self.clock,
                self.tasks,
                self.log,
                self.delays_s,
                lambda: self.is_crowded,
            )
        )

    async def start(self) -> None:
        await self.settings.start()
        await self.worker.start()

    async def crash(self) -> None:
        """The server is gone with everything that it held; another one starts."""
        if self.worker._stop_watching is not None:
            self.worker._stop_watching()
        self.invoker.crash()
        await self.tasks.close()
        self.tasks = Tasks(self.log)
        self.worker = self.new_worker()
        await self.worker.start()

    def function(self, name: str, does: Does = Run.succeeds, *, takes_s: float = 0.0, **members: Any) -> None:
        self.invoker.versions[name] = replace(VERSION, name=name, **members)
        self.invoker.does[name] = does
        self.invoker.takes_s[name] = takes_s

    async def configure(self, name: str = "f", qualifier: str = LATEST, **members: Any) -> None:
        """PutFunctionEventInvokeConfig."""
        key = f"lambda/{ACCOUNT}/{REGION}/event-invoke/{name}/{qualifier}"
        await self.store.records.write(Put(key, json.dumps(members).encode()))

    async def allow_loops(self, name: str) -> None:
        """PutFunctionRecursionConfig."""
        key = f"lambda/{ACCOUNT}/{REGION}/recursion/{name}/"
        await self.store.records.write(Put(key, b'{"RecursiveLoop":"Allow"}'))

    async def send(
        self,
        name: str = "f",
        payload: bytes = b"1",
        *,
        id: str = "id-1",
        qualifier: str | None = None,
        trace: str = "Root=1-a",
    ) -> None:
        ref = FunctionRef(ACCOUNT, REGION, name, qualifier)
        await self.intake.accept(ref, Invocation(id, ref.arn, payload, descended(trace, ref)))

    async def left(self, name: str = "f") -> int:
        return await self.store.queues.depth(queue_of(ACCOUNT, REGION, name))

    def counted(self, name: str = "f") -> dict[str, int]:
        return dict(self.counters.of(ACCOUNT, REGION).get(name, {}))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    let_time_jump()
    world = World()
    yield world
    world.settings.close()
    await world.tasks.close()
    assert "task_failed" not in world.report.getvalue(), world.report.getvalue()
    assert "Traceback" not in world.report.getvalue() or "wanted" in world.report.getvalue(), world.report.getvalue()


@pytest.fixture(scope="session")
def worlds() -> Callable[[], World]:
    """Makes a world on a loop of one's own."""

    def make() -> World:
        let_time_jump()
        return World()

    return make


@pytest.fixture(scope="session")
def runs() -> type[Run]:
    return Run
