"""How many environments are becoming ready at this moment, of all functions: each wants a core to itself meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable

from lambent.kit.clock import Clock

LONGEST_S = 0.25
"""For how long a start counts: one that takes longer waits for something else, or the machine is so full that fewer
starts would not help."""


class Starts:
    """Counts cold starts and resets under way. Callers that somebody waits for start as many as they need; whoever has
    time (asynchronous events) asks whether there is room."""

    def __init__(self, clock: Clock, most: int | None = None) -> None:
        """`most`: how many may be under way before there is no room; by default as many as there are cores, and two at
        least."""
        self._most = max(2, os.cpu_count() or 1) if most is None else most
        self._monotonic = clock.monotonic
        self._under_way: dict[object, float] = {}
        """When each began; the first comes first."""
        self._waiting: dict[Callable[[], None], None] = {}

    @property
    def has_room(self) -> bool:
        """Whether one more would have a core."""
        while self._under_way and self._monotonic() - next(iter(self._under_way.values())) >= LONGEST_S:
            del self._under_way[next(iter(self._under_way))]
        return len(self._under_way) < self._most

    def call_when_room(self, call: Callable[[], None]) -> None:
        """Call once, as soon as there may be room; the same call is kept only once."""
        self._waiting[call] = None

    def forget(self, call: Callable[[], None]) -> None:
        """Do not call it any more."""
        self._waiting.pop(call, None)

    def begin(self, what: object) -> None:
        """`what` is under way from now on."""
        self._under_way.pop(what, None)
        self._under_way[what] = self._monotonic()

    def end(self, what: object) -> None:
        """It is no more, if it was."""
        if self._under_way.pop(what, None) is not None and self._waiting and self.has_room:
            waiting, self._waiting = self._waiting, {}
            for call in waiting:
                call()
