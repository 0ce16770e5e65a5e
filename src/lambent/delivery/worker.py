"""Runs accepted events: a lane for each function that has some, so that no function waits for another's."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable

from lambent.delivery.event import PREFIX, function_of
from lambent.delivery.lane import LEASE_S, Lane, Line, Parts
from lambent.store.base import StoreUnavailable

_KEEP_S = LEASE_S / 3
_AFTER_FAULT_S = 5.0


class Worker:
    """Looks after the lanes. There is one in the whole server: it takes all leases for its own."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lanes: dict[str, Lane] = {}
        self._lines: defaultdict[tuple[str, str], Line] = defaultdict(Line)
        self._stop_watching: Callable[[], None] | None = None
        self._stopping = False
        self._over = asyncio.Event()

    async def start(self) -> None:
        """Go on where the last server stopped, however it ended, and run what comes. Raises StoreUnavailable."""
        queues = self._parts.queues
        self._stop_watching = queues.watch(self._heard)
        released = await queues.release(PREFIX)
        names = await queues.names(PREFIX)
        if names:
            self._parts.log.info("events_waiting", functions=len(names), under_way_before=released)
        for queue in names:
            self._heard(queue)
        self._parts.tasks.start("async:leases", self._keep())

    async def stop(self) -> None:
        """Begin no more; return when what runs has ended and is settled."""
        self._stopping = True
        if self._stop_watching is not None:
            self._stop_watching()
        for lane in tuple(self._lanes.values()):
            lane.stop()
        if self._lanes:
            await self._over.wait()

    def _heard(self, queue: str) -> None:
        if self._stopping or not queue.startswith(PREFIX):
            return
        lane = self._lanes.get(queue)
        if lane is None:
            function = function_of(queue)
            line = self._lines[function.account, function.region]
            lane = self._lanes[queue] = Lane(queue, line, self._parts)
            self._parts.tasks.start(queue, self._run(lane))
        lane.wake()

    async def _run(self, lane: Lane) -> None:
        try:
            await self._ran(lane)
        finally:
            del self._lanes[lane.queue]
            if self._stopping and not self._lanes:
                self._over.set()

    async def _ran(self, lane: Lane) -> None:
        """Return when it has come to its end. One that fails goes on later, and keeps what it holds until then."""
        while True:
            try:
                await lane.run()
                return
            except Exception as error:  # the boundary of delivery: a fault must not end a function's events for good
                self._parts.log.error("lane_failed", error=error, queue=lane.queue)
            await asyncio.sleep(_AFTER_FAULT_S)

    async def _keep(self) -> None:
        """Extend the leases of what takes long."""
        while True:
            await asyncio.sleep(_KEEP_S)
            soon = self._parts.clock.monotonic() + 2 * _KEEP_S
            await asyncio.gather(*(self._extend(lane, soon) for lane in self._lanes.values()))

    async def _extend(self, lane: Lane, before: float) -> None:
        try:
            await lane.extend(before=before)
        except StoreUnavailable as error:
            self._parts.log.warning("leases_not_extended", queue=lane.queue, reason=error)
