"""A trigger that polls: what it must offer, and the loop that runs it.

The loop keeps one batch being received while there is room, more while they come back full, and hands each on as soon
as it is there. How many may be under way is core/polling.py's; what a batch is, and how it is received and run, is the
trigger's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from lambent.core.backoff import backoff_s
from lambent.core.polling import Crew, Growth
from lambent.delivery.mapping import Source
from lambent.invoke.settings import FunctionSettings
from lambent.kit.clock import Clock
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.kit.waiting import comes
from lambent.values import frozen

B = TypeVar("B")

RECEIVERS = 5
"""Batches being received at once, at most."""
GROW_S = 0.2
"""How often to ask for more room while there is none."""
GRACE_S = 0.2
"""How long whoever stops waits for what is being received at that moment: a call that is broken off may have taken
messages, which nobody sees again before their time."""
FIRST_WAIT_S, MOST_WAIT_S = 1.0, 30.0
"""Between attempts to read a source that cannot be read."""


class SourceGone(Exception):
    """The source does not exist, or cannot be read as the mapping says; the text is AWS's."""


class SourceUnreachable(Exception):
    """It could not be read now; the text says why. `may_pass`: it may be otherwise another time."""

    def __init__(self, reason: str, *, may_pass: bool = True) -> None:
        super().__init__(reason)
        self.may_pass = may_pass


@frozen
class Received(Generic[B]):
    """A batch; `is_full` when the source had as much as it gives at once, so that it may well have more."""

    batch: B
    is_full: bool


class Poller(Protocol[B]):
    """Reads one source for one function."""

    async def receive(self) -> Received[B] | None:
        """Wait for a batch; None when there was none for some time. Raises SourceGone and SourceUnreachable. Cancelled
        after `stop`, it answers with what it has."""

    async def handle(self, batch: B) -> None:
        """Run the function with a batch, and settle it."""

    def stop(self) -> None:
        """Nothing new is to be begun."""

    @property
    def is_refused(self) -> bool:
        """Whether a batch waits because the function cannot be started."""


class PollerTrigger(Protocol):
    """Reads sources of one kind. Found in a neighbour's `trigger.py`."""

    async def check(self, source: Source, *, timeout_s: int) -> None:
        """Whether it can be read for a function that may run so long. Raises SourceGone, and SourceUnreachable for
        what may pass."""

    def poller(self, source: Source, settings: FunctionSettings) -> Poller[Any]:
        """Whoever reads it; `settings`: those of all functions."""


Report = Callable[[str | None], None]
"""Told why the source cannot be read, once, and None when it can be again."""


class Polling(Generic[B]):
    """One poller, run until it is stopped."""

    def __init__(
        self, name: str, poller: Poller[B], growth: Growth, report: Report, tasks: Tasks, clock: Clock, log: Log
    ) -> None:
        self._name = name
        self._poller = poller
        self._crew = Crew(growth)
        self._report = report
        self._tasks = tasks
        self._clock = clock
        self._log = log
        self._receiving: set[asyncio.Task[None]] = set()
        self._working: set[asyncio.Task[None]] = set()
        """Those too that receive."""
        self._receivers = 1
        """How many are wanted."""
        self._failures = 0
        self._is_gone = False
        self._stopping = False
        self._changed = asyncio.Event()
        self._nobody_receives = asyncio.Event()
        self._nobody_receives.set()

    async def run(self) -> None:
        """Return when it is stopped and the last batch is settled."""
        while not self._stopping:
            self._changed.clear()
            full = not self._begin()
            await comes(self._changed, within_s=GROW_S if full else None)
        if self._working:
            await asyncio.wait(self._working)

    async def stop(self) -> None:
        """Return when nothing is received any more. What has been received is still run."""
        self._stopping = True
        self._poller.stop()
        self._changed.set()
        if not await comes(self._nobody_receives, within_s=GRACE_S):
            for task in self._receiving:
                task.cancel()
            await self._nobody_receives.wait()

    def _begin(self) -> bool:
        """Let as many receive as are wanted; False when there is no room for one of them."""
        while len(self._receiving) < self._receivers:
            now, refused = self._clock.monotonic(), self._poller.is_refused
            if not self._crew.has_room(len(self._working), now, refused=refused):
                return False
            task = self._tasks.start(self._name, self._work())
            self._receiving.add(task)
            self._nobody_receives.clear()
            self._working.add(task)
            task.add_done_callback(self._ended)
        return True

    async def _work(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            received = await self._receive()
        finally:
            self._received(task)
        if received is not None:
            await self._poller.handle(received.batch)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._working.discard(task)
        self._received(task)

    def _received(self, task: asyncio.Task[None]) -> None:
        """It receives no more."""
        self._receiving.discard(task)
        if not self._receiving:
            self._nobody_receives.set()
        self._changed.set()

    async def _receive(self) -> Received[B] | None:
        try:
            received = await self._poller.receive()
        except SourceGone as error:
            await self._failed(str(error), is_gone=True)
            return None
        except SourceUnreachable as error:
            await self._failed(str(error), is_gone=False)
            return None
        except Exception as error:  # one of the few boundaries: whatever is wrong, the source is read again
            self._log.error("poller_failed", error=error, mapping=self._name)
            await self._failed(repr(error), is_gone=False)
            return None
        self._failures = 0
        if self._is_gone:
            self._is_gone = False
            self._report(None)
        self._receivers = min(RECEIVERS, self._receivers + 1) if received is not None and received.is_full else 1
        if received is None:
            self._crew.rested(len(self._working))
        return received

    async def _failed(self, text: str, *, is_gone: bool) -> None:
        """Say so, and wait before the next attempt."""
        self._failures += 1
        self._receivers = 1
        if self._failures == 1:
            self._log.warning("source_cannot_be_read", mapping=self._name, reason=text)
        if is_gone and not self._is_gone:
            self._is_gone = True
            self._report(text)
        await asyncio.sleep(backoff_s(self._failures, first_s=FIRST_WAIT_S, most_s=MOST_WAIT_S))
