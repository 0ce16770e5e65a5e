"""The data plane on fakes: sandboxes with real pipes whose runtime is the test itself, and a clock that jumps.

Time is the event loop's own and stands still while there is anything to do; it jumps to the next timer when there is
not. So a test of a ten seconds' timeout takes no time, and what it writes about times is exact.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from lambent.core.function import Code, Function, Logging, Version
from lambent.core.invocation import Invocation, Result
from lambent.invoke.allotments import AllotmentRecords
from lambent.invoke.billing import Billing
from lambent.invoke.door import Door
from lambent.invoke.environment import Environment
from lambent.invoke.freezer import Freezer
from lambent.invoke.gate import Account, Gate, Share
from lambent.invoke.invoker import Invoker
from lambent.invoke.pool import Pool
from lambent.invoke.prepare import Keys, Preparation
from lambent.invoke.records import FunctionRecords
from lambent.invoke.resolve import Resolver
from lambent.invoke.starts import Starts
from lambent.invoke.stems import Stem, Stems
from lambent.kit.http_stream import Incoming
from lambent.kit.log import Log
from lambent.kit.seal import Seal
from lambent.kit.tasks import Tasks
from lambent.runtimes.api.session import NextEvent, Refusal
from lambent.runtimes.base import Runtime, always_tried
from lambent.runtimes.catalogue import Catalogue
from lambent.sandbox.base import Assignment, Deferred, Exit, Forked, SandboxDied, Template
from lambent.store.memory import MemoryRecords

MIB = 1024 * 1024
EPOCH = 1_700_000_000
A_MOMENT = 1e-6


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
    """The event loop's time, to the millisecond; with `ahead_s`, that of a loop whose timers are late."""

    ahead_s = 0.0

    def monotonic(self) -> float:
        return round(asyncio.get_running_loop().time() + self.ahead_s, 3)

    def now(self) -> float:
        return EPOCH + self.monotonic()


class FakeSandbox:
    """Implements Sandbox: nothing is in it but what a test does in its place."""

    def __init__(self, name: str) -> None:
        self.id = name
        self.listeners: Mapping[int, Any] = {}
        self.on_exit: Callable[[Exit], None] | None = None
        self.output, self._output_end = self._pipe()
        self.records, self._records_end = self._pipe()
        self.assignment: Assignment | None = None
        self.assignable: Exception | None = None
        self.restartable: Exception | None = None
        self.may_assign = asyncio.Event()
        self.may_assign.set()
        self.may_restart = asyncio.Event()
        self.may_restart.set()
        self.restarts = 0
        self.slowed = 0
        self.is_frozen = False
        self.closed = 0
        self.memory = 40 * MIB

    @staticmethod
    def _pipe() -> tuple[int, int]:
        read, write = os.pipe()
        os.set_blocking(read, False)
        os.set_blocking(write, False)
        return read, write

    # -- what its owner calls

    def here(self, text: str) -> str:
        return text

    async def assign(self, assignment: Assignment) -> None:
        await self.may_assign.wait()
        if self.assignable is not None:
            raise self.assignable
        self.assignment = assignment

    async def restart(self) -> None:
        await self.may_restart.wait()
        if self.closed:
            raise SandboxDied("closed")
        if self.restartable is not None:
            raise self.restartable
        self.restarts += 1

    def limit_cpu(self) -> None:
        self.slowed += 1

    def max_memory_bytes(self) -> int:
        return self.memory

    async def freeze(self) -> None:
        self.is_frozen = True

    def thaw(self) -> None:
        self.is_frozen = False

    async def close(self) -> None:
        self.closed += 1
        if self.closed == 1:
            self.hang_up()
            os.close(self.output)
            os.close(self.records)

    # -- what its program does

    def prints(self, text: str) -> None:
        os.write(self._output_end, text.encode())

    def logs(self, text: str, at_ms: int = EPOCH * 1000, kind: int = 0xA55A0003) -> None:
        data = text.encode()
        head = kind.to_bytes(4, "big") + len(data).to_bytes(4, "big") + (at_ms * 1000).to_bytes(8, "big")
        os.write(self._records_end, head + data)

    def hang_up(self) -> None:
        """Every process that could write is gone."""
        for name in ("_output_end", "_records_end"):
            if (end := getattr(self, name)) >= 0:
                os.close(end)
                setattr(self, name, -1)

    def exits(
        self,
        status: int | None = 0,
        signal: int | None = None,
        *,
        out_of_memory: bool = False,
        unstarted: str | None = None,
    ) -> None:
        if self.on_exit is not None:
            self.on_exit(Exit(status if signal is None else None, signal, out_of_memory, unstarted))


class FakeDriver:
    """Implements Driver."""

    level = "none"
    notes: Sequence[str] = ()

    def __init__(self) -> None:
        self.made: list[FakeSandbox] = []
        self.asked = 0
        self.broken: Exception | None = None
        self.on_made: Callable[[FakeSandbox], None] = lambda sandbox: None
        self.may_make = asyncio.Event()
        self.may_make.set()

    async def start(self) -> None:
        return None

    async def sandbox(self, template: Template) -> FakeSandbox:
        self.asked += 1
        await self.may_make.wait()
        if self.broken is not None:
            raise self.broken
        sandbox = FakeSandbox(f"{template.name}-{len(self.made) + 1}")
        self.made.append(sandbox)
        self.on_made(sandbox)
        return sandbox

    async def close(self) -> None:
        for sandbox in self.made:
            await sandbox.close()

    @property
    def open(self) -> list[FakeSandbox]:
        """Those that nobody has closed."""
        return [sandbox for sandbox in self.made if not sandbox.closed]


class FakeDoors:
    """Doors without sockets."""

    def __init__(self) -> None:
        self.reached = True
        """Whether programs connect as soon as they can."""
        self.of: dict[FakeSandbox, Door] = {}
        self.broken: Exception | None = None

    async def open(self, sandbox: FakeSandbox) -> Door:
        if self.broken is not None:
            raise self.broken
        door = self.of[sandbox] = Door()
        if self.reached:
            door.reached.set()
        return self.of[sandbox]


class FakeRuntime:
    """The runtime in a sandbox: every act goes to the Runtime API's session of the moment."""

    def __init__(self, sandbox: FakeSandbox, door: Door) -> None:
        self.sandbox = sandbox
        self.door = door
        self.events: list[NextEvent] = []

    def next(self) -> Refusal | None:
        return self.door.session.next(self.events.append)

    def responds(self, payload: bytes = b'"ok"', request_id: str | None = None) -> Refusal | None:
        return self.door.session.respond(request_id or self.events[-1].request_id, payload)

    def fails(self, error_type: str = "ValueError", payload: bytes = b'{"errorMessage":"no"}') -> Refusal | None:
        return self.door.session.error(self.events[-1].request_id, error_type, payload)

    def responds_too_largely(self) -> Refusal | None:
        return self.door.session.respond_too_large(self.events[-1].request_id, self.events[-1].response_limit)

    def begins_to_stream(self, flow: Any = None, content_type: str = "text/plain") -> Refusal | None:
        return self.door.session.begin_response(self.events[-1].request_id, content_type, flow or Incoming())

    def streams(self, piece: bytes) -> None:
        self.door.session.piece(self.events[-1].request_id, piece)

    def ends_its_stream(self, error_type: str | None = None, payload: bytes = b"") -> None:
        self.door.session.end_response(self.events[-1].request_id, error_type, payload)

    def breaks_its_stream(self, limit: int | None = None) -> None:
        self.door.session.break_response(self.events[-1].request_id, limit)

    def cannot_begin(self, error_type: str = "Runtime.ImportModuleError") -> Refusal | None:
        return self.door.session.init_error(error_type, b'{"errorMessage":"no module"}')


class Recorder:
    """LogSink and the streams of it."""

    def __init__(self) -> None:
        self.streams: dict[str, list[tuple[int, str]]] = {}

    def stream(self, *, account: str, region: str, group: str, stream: str) -> Any:
        entries = self.streams.setdefault(f"{group}:{stream}", [])

        class Stream:
            def write(self, more: Sequence[tuple[int, str]]) -> None:
                entries.extend(more)

        return Stream()

    @property
    def texts(self) -> list[str]:
        """Every line of every stream, stream by stream."""
        return [text for entries in self.streams.values() for _, text in entries]

    def of(self, number: int) -> list[str]:
        """The lines of the stream that was opened as the `number`th, from 0."""
        return [text for _, text in list(self.streams.values())[number]]


class FakeArtifacts:
    """Unpacked packages, all of them the same empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broken: Exception | None = None

    async def path(self, digest: str) -> Path:
        if self.broken is not None:
            raise self.broken
        return self.folder


class FakeCredentials:
    async def for_function(self, role: str, function_name: str) -> Keys:
        return Keys("ASIA", "secret", "token")


def runtime(refusal: tuple[str, str] | None = None, *, exact: bool = True) -> Runtime:
    return Runtime(
        name="python3.11",
        family="python",
        version="3.11.7",
        note="python3.11 is not on this host: Python 3.12.1 stands in for it",
        exact=exact,
        pooled=Template("pooled", Forked("/bin/python", "boot", ()), ()),
        plain=Template("plain", Deferred(), ()),
        variables={"TZ": ":UTC"},
        needs_plain=lambda facts: None,
        command=lambda facts: ("/bin/true",),
        refusal=always_tried if refusal is None else lambda facts: refusal,
    )


VERSION = Version(
    account="000000000000",
    region="us-east-1",
    name="thumbs",
    function_id="id-1",
    role="arn:aws:iam::000000000000:role/runner",
    runtime="python3.11",
    handler="app.handler",
    code=Code("d" * 64, "digest", 3),
    revision_id="r1",
    last_modified="2026-01-01T00:00:00.000+0000",
    state="Active",
    state_reason=None,
    state_reason_code=None,
)


class Told(list[Result | None]):
    """What a caller was told; `heard` is its Done."""

    def heard(self, result: Result | None) -> None:
        self.append(result)

    @property
    def only(self) -> Result:
        """The one result there is."""
        assert len(self) == 1, self
        assert self[0] is not None
        return self[0]


class World:
    """The parts of a data plane, on fakes. Nothing is made before it is asked for but those."""

    Died = SandboxDied

    def __init__(self, folder: Path) -> None:
        self.clock = LoopClock()
        self.report = io.StringIO()
        self.log = Log("warning", self.report)
        self.tasks = Tasks(self.log)
        self.driver = FakeDriver()
        self.doors = FakeDoors()
        self.sink = Recorder()
        self.artifacts = FakeArtifacts(folder)
        self.runtime_value = runtime()
        self.seal = Seal(bytes(32))
        self.records = MemoryRecords()
        self.functions = FunctionRecords(self.records, self.seal)
        self.billing = Billing(self.records, self.tasks, self.clock, self.log)
        self.stems = Stems(self.driver, self.doors, self.tasks, self.log, scale=0.01)  # type: ignore[arg-type]
        self.runtimes: dict[FakeSandbox, FakeRuntime] = {}
        self.starts = Starts(self.clock, 2)
        self.count = 0

    async def quiet(self) -> None:
        """Return when nothing is left to do but to wait for time to pass."""
        await asyncio.sleep(A_MOMENT)

    async def passes(self, seconds: float) -> None:
        """Let time pass, and what is due at its end be done."""
        await asyncio.sleep(seconds)
        for _ in range(3):
            await asyncio.sleep(0)

    async def close(self) -> None:
        await self.stems.close()
        await self.driver.close()
        await self.tasks.close()

    # -- values

    def version(self, **members: Any) -> Version:
        logging = members.pop("logging", None)
        version = replace(VERSION, **members)
        return version if logging is None else replace(version, logging=Logging(**logging))

    def function(self, **members: Any) -> Function:
        version = self.version(**members)
        return Function(version, version)

    def invocation(self, *, tail: bool = False, payload: bytes = b"{}") -> Invocation:
        self.count += 1
        return Invocation(f"id-{self.count}", VERSION.arn, payload, "Root=1", want_tail=tail)

    def told(self) -> Told:
        return Told()

    def refuses(self, error_type: str, text: str) -> None:
        """From now on the runtime knows beforehand that it cannot start functions."""
        self.runtime_value = runtime((error_type, text))

    def stands_in(self) -> None:
        """From now on the runtime is another version than its name says."""
        self.runtime_value = runtime(exact=False)

    # -- parts

    def preparation(self) -> Preparation:
        catalogue = Catalogue({"python3.11": self.runtime_value})
        return Preparation(self.artifacts, catalogue, FakeCredentials(), self.sink, self.billing, self.clock)  # type: ignore[arg-type]

    def pool(self, **members: Any) -> Pool:
        return Pool(
            self.version(**members),
            Share(Account(1000), None, 10_000.0),
            self.preparation(),
            self.stems,
            Freezer(self.tasks, self.clock),
            self.starts,
            self.tasks,
            self.log,
        )

    def invoker(self, *, limit: int = 1000, idle_s: float = 300.0) -> Invoker:
        return Invoker(
            Resolver(self.functions),
            Gate(limit, AllotmentRecords(self.records), self.clock),
            self.preparation(),
            self.stems,
            self.tasks,
            self.clock,
            self.log,
            idle_s=idle_s,
        )

    def runtime_of(self, sandbox: FakeSandbox) -> FakeRuntime:
        """The runtime of a sandbox whose door is open."""
        if sandbox not in self.runtimes:
            self.runtimes[sandbox] = FakeRuntime(sandbox, self.doors.of[sandbox])
        return self.runtimes[sandbox]

    def assigned(self) -> list[FakeRuntime]:
        """The runtimes of the sandboxes that have been assigned and not closed, in the order of their making."""
        return [self.runtime_of(sandbox) for sandbox in self.driver.open if sandbox.assignment is not None]

    async def started(self, owner: Owner | None = None, *, tail: bool = False, **members: Any) -> Start:
        """An environment that begins with a first invocation."""
        preparation = self.preparation()
        plan = await preparation.plan(self.version(**members))
        sandbox = await self.driver.sandbox(plan.template)
        stem = Stem(sandbox, await self.doors.open(sandbox))
        owner = owner or Owner()
        environment = preparation.environment(plan, stem, owner)
        start = Start(self, environment, owner, self.runtime_of(sandbox))
        start.begin(tail=tail)
        return start


class Owner:
    """Whom an environment tells; it answers when the test says so."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def idle(self, environment: Environment) -> None:
        self.told.append("idle")

    def initialised(self, environment: Environment) -> None:
        pass

    def dead(self, environment: Environment) -> None:
        self.told.append("dead")

    def reset(self, environment: Environment) -> None:
        self.told.append("reset")


class Start:
    """An environment under test, with all that is around it."""

    def __init__(self, world: World, environment: Environment, owner: Owner, runtime: FakeRuntime) -> None:
        self.world = world
        self.environment = environment
        self.owner = owner
        self.runtime = runtime
        self.sandbox = runtime.sandbox

    def begin(self, *, tail: bool) -> None:
        self.told = Told()
        self.environment.begin(self.world.invocation(tail=tail), self.told.heard)

    def run(self, **members: Any) -> Told:
        """The environment's next invocation."""
        told = Told()
        self.environment.run(self.world.invocation(**members), told.heard)
        return told

    def texts(self) -> list[str]:
        return self.world.sink.texts

    def answered(self, payload: bytes = b'"ok"') -> Start:
        """The first invocation is over, and its lines are forgotten."""
        assert self.runtime.next() is None
        assert self.runtime.responds(payload) is None
        assert self.runtime.next() is None
        self.forget()
        return self

    def forget(self) -> None:
        for entries in self.world.sink.streams.values():
            entries.clear()
        self.owner.told.clear()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    let_time_jump()
    world = World(tmp_path)
    yield world
    await world.close()


@pytest.fixture(scope="session")
def in_a_world(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Callable[[World], Awaitable[None]]], None]:
    """Runs a coroutine function in a world of its own: for properties, which have many examples to one test."""
    folder = tmp_path_factory.mktemp("package")

    async def lived(life: Callable[[World], Awaitable[None]]) -> None:
        let_time_jump()
        world = World(folder)
        try:
            await life(world)
        finally:
            await world.close()

    def run(life: Callable[[World], Awaitable[None]]) -> None:
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(lived(life))

    return run
