"""One running poller for every event source mapping that is enabled, begun, changed and ended as the records say, which
a watch tells of. What the pollers find goes back into the records: that a change has been followed, and why a source
cannot be read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lambent.core.eventsource import State, settled
from lambent.core.polling import Growth
from lambent.delivery.mapping import KIND, USER, Source, source_of
from lambent.delivery.trigger import PollerTrigger, Polling
from lambent.invoke.regional import Held, Place, Regional, Value
from lambent.invoke.settings import FunctionSettings
from lambent.kit.clock import Clock
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.store.base import Records, RevisionMismatch, StoreUnavailable

STORE_WAIT_S = 1.0
"""Before what could not be written is tried again."""


@dataclass(slots=True)
class _Mapping:
    """A mapping that there is, or was a moment ago."""

    place: Place
    held: Held | None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    polling: Polling[Any] | None = None
    source: Source | None = None
    """What the poller goes by."""
    problem: str | None = None
    """Why the source cannot be read."""


class Supervisor:
    """Keeps the pollers. `triggers`: those that there are, by the kind of source."""

    def __init__(
        self,
        records: Records,
        triggers: Mapping[str, PollerTrigger],
        settings: FunctionSettings,
        tasks: Tasks,
        clock: Clock,
        log: Log,
    ) -> None:
        self._mappings = Regional(records, KIND)
        self._triggers = triggers
        self._settings = settings
        self._tasks = tasks
        self._clock = clock
        self._log = log
        self._known: dict[Place, _Mapping] = {}
        self._running: set[asyncio.Task[None]] = set()
        """Pollers, those too that only finish what they have received."""
        self._stop_watch: Callable[[], None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Poll for all mappings that are enabled, and follow every change from now on."""
        meanwhile: set[Place] = set()
        stop = self._mappings.watch(lambda place, _: meanwhile.add(place))
        self._stop_watch = self._mappings.watch(self._seen)
        async for place, held in self._mappings.everywhere():
            if place not in meanwhile:  # it may be gone by now
                self._seen(place, held)
        stop()

    async def stop(self) -> None:
        """Receive nothing more, and return when all that had been received is settled."""
        self._stopping = True
        if self._stop_watch is not None:
            self._stop_watch()
        for mapping in self._known.values():
            mapping.changed.set()
        await asyncio.gather(*(self._end(mapping) for mapping in self._known.values()))
        if self._running:
            await asyncio.wait(self._running)

    # -- following the records ------------------------------------------------------------------------------------

    def _seen(self, place: Place, held: Held | None) -> None:
        mapping = self._known.get(place)
        if mapping is not None:
            mapping.held = held
            mapping.changed.set()
        elif held is not None:
            mapping = self._known[place] = _Mapping(place, held)
            self._tasks.start(f"mapping:{place.name}", self._follow(mapping))

    async def _follow(self, mapping: _Mapping) -> None:
        while (held := mapping.held) is not None and not self._stopping:
            mapping.changed.clear()
            try:
                await self._fit(mapping, held.value)
                await self._settle(mapping, held)
            except RevisionMismatch:
                continue  # somebody else has changed it, which the watch tells of
            except StoreUnavailable as error:
                self._log.warning("mapping_not_settled", mapping=mapping.place.name, reason=error)
                await asyncio.sleep(STORE_WAIT_S)
                continue
            except Exception as error:  # one of the few boundaries: a mapping that nobody follows would stay as it is
                self._log.error("mapping_not_followed", mapping=mapping.place.name, error=error)
                mapping.source = None
                await asyncio.sleep(STORE_WAIT_S)
                continue
            await mapping.changed.wait()
        await self._end(mapping)
        if not self._stopping:
            self._known.pop(mapping.place, None)

    async def _fit(self, mapping: _Mapping, value: Value) -> None:
        """Let what polls be what the record says."""
        source = source_of(mapping.place, value) if value["Enabled"] else None
        if source == mapping.source:
            return
        await self._end(mapping)
        if source is not None and not self._stopping:
            self._begin(mapping, source)

    def _begin(self, mapping: _Mapping, source: Source) -> None:
        mapping.source = source
        trigger = self._triggers.get(source.kind)
        if trigger is None:
            mapping.problem = f"Lambent polls no event source of this kind: {source.kind}."
            return

        def report(problem: str | None) -> None:
            if mapping.polling is polling:
                mapping.problem = problem
                mapping.changed.set()

        polling: Polling[Any] = Polling(
            source.uuid,
            trigger.poller(source, self._settings),
            Growth.of(source.settings),
            report,
            self._tasks,
            self._clock,
            self._log,
        )
        mapping.polling = polling
        task = self._tasks.start(f"poll:{source.uuid}", polling.run())
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _end(self, mapping: _Mapping) -> None:
        """Return when nothing is received for it any more."""
        polling = mapping.polling
        mapping.polling, mapping.source, mapping.problem = None, None, None
        if polling is not None:
            await polling.stop()

    async def _settle(self, mapping: _Mapping, held: Held) -> None:
        """Write into the record that it is followed. Raises RevisionMismatch and StoreUnavailable."""
        place, value = mapping.place, held.value
        if value.get("State") == State.DELETING:
            await self._mappings.remove(*place, held.revision)
            return
        state = settled(enabled=value["Enabled"] and mapping.problem is None)
        now = {"State": state, "StateTransitionReason": mapping.problem or USER}
        if now != {name: value.get(name) for name in now}:
            await self._mappings.replace(*place, {**value, **now}, held.revision)
