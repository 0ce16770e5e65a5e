"""Stops environments that have nothing to do: what a function left running in the background stands still until the
next invocation, as on Lambda.

One timer for all: an environment that is invoked again at once is never frozen, and an invocation pays a dictionary
entry for it.
"""

from __future__ import annotations

import asyncio

from lambent.invoke.environment import Environment
from lambent.kit.clock import Clock
from lambent.kit.tasks import Tasks

GRACE_S = 0.01
"""How long an environment stays idle before it is frozen; a runtime that waits at the Runtime API needs none."""


class Freezer:
    """Freezes idle environments. They thaw by themselves when they are given an invocation."""

    def __init__(self, tasks: Tasks, clock: Clock) -> None:
        self._tasks = tasks
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._candidates: dict[Environment, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def idle(self, environment: Environment) -> None:
        """It has finished an invocation, or a reset."""
        self._candidates[environment] = None
        if self._timer is None:
            self._timer = self._loop.call_later(GRACE_S, self._look)

    def close(self) -> None:
        """Freeze no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        now = self._clock.monotonic()
        ripe: list[Environment] = []
        still: dict[Environment, None] = {}
        for each in self._candidates:
            if each.may_freeze(now - GRACE_S, now):
                ripe.append(each)
            elif each.is_restless:
                still[each] = None
        self._candidates = still
        self._timer = self._loop.call_later(GRACE_S, self._look) if self._candidates else None
        if ripe:
            self._tasks.start("freeze", _freeze(ripe))


async def _freeze(environments: list[Environment]) -> None:
    for environment in environments:
        await environment.freeze()
