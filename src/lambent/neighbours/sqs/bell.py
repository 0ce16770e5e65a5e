"""Who waits for messages, and who wakes them: a message wakes one, and whoever found something wakes the next."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from lambent.kit.clock import Clock
from lambent.kit.waiting import comes
from lambent.store.base import Queues

_LEAST_S = 0.001


class Waiter:
    """One who waits at a queue. What rings while it is busy is kept for it."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self.is_let_go = False
        """It shall wait no longer, whether there is anything or not."""
        self.has_left = False
        """Nobody would get what it finds."""

    @property
    def is_rung(self) -> bool:
        """Something came that it has not looked for yet."""
        return self._rung.is_set()

    def ring(self) -> None:
        """Wake it."""
        self._rung.set()

    def leave(self) -> None:
        """Whoever it waits for has gone."""
        self.has_left = True
        self.ring()

    def look(self) -> None:
        """It looks for messages now: what came until now needs no ring."""
        self._rung.clear()

    async def rung(self, at_most_s: float) -> None:
        """Return when it is rung, or after that time."""
        await comes(self._rung, within_s=at_most_s)


class Bell:
    """Wakes waiters when a message comes, and at times when one becomes visible."""

    def __init__(self, queues: Queues, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[str, dict[Waiter, None]] = {}
        self._alarms: dict[str, tuple[float, asyncio.TimerHandle]] = {}
        queues.watch(self.ring)

    @contextlib.contextmanager
    def waiter(self, queue: str) -> Iterator[Waiter]:
        """Somebody who waits at `queue` as long as the context lasts."""
        waiter = Waiter()
        self._waiting.setdefault(queue, {})[waiter] = None
        try:
            yield waiter
        finally:
            others = self._waiting[queue]
            del others[waiter]
            if not others:
                del self._waiting[queue]
                self._silence(queue)
            elif waiter.is_rung:
                # It leaves without having looked.
                self.ring(queue)

    def ring(self, queue: str) -> None:
        """Wake the first who sleeps at `queue`. Whoever is awake already has yet to look."""
        for waiter in self._waiting.get(queue, ()):
            if not waiter.is_rung:
                waiter.ring()
                return

    def let_go(self, queue: str | None = None) -> None:
        """Wake all who wait at a queue, or anywhere, and let them go."""
        for name in tuple(self._waiting) if queue is None else (queue,):
            for waiter in self._waiting.get(name, ()):
                waiter.is_let_go = True
                waiter.ring()

    def ring_at(self, queue: str, at: float) -> None:
        """Ring at a time, in epoch seconds, unless it rings earlier anyway."""
        known = self._alarms.get(queue)
        if known is not None:
            if known[0] <= at:
                return
            known[1].cancel()
        delay = max(at - self._clock.now(), _LEAST_S)
        self._alarms[queue] = at, asyncio.get_running_loop().call_later(delay, self._alarm, queue)

    def _alarm(self, queue: str) -> None:
        del self._alarms[queue]
        self.ring(queue)

    def _silence(self, queue: str) -> None:
        alarm = self._alarms.pop(queue, None)
        if alarm is not None:
            alarm[1].cancel()
