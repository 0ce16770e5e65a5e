"""The execution environments of one generation of one version: an idle one, or a new one."""

from __future__ import annotations

import asyncio

from lambent.core.function import Version
from lambent.core.invocation import Invocation
from lambent.core.lifecycle import State
from lambent.invoke.environment import Done, Environment
from lambent.invoke.prepare import Plan, Preparation
from lambent.invoke.stems import Stem, Stems
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.sandbox.base import SandboxDied

ATTEMPTS = 3
"""Sandboxes that a cold start may use up before the platform gives up on it."""


class Pool:
    """Environments of one `Version`. The warmest idle one is used first, so that the others age out."""

    def __init__(self, version: Version, preparation: Preparation, stems: Stems, tasks: Tasks, log: Log) -> None:
        self.version = version
        self._preparation = preparation
        self._stems = stems
        self._tasks = tasks
        self._log = log
        self._idle: list[Environment] = []
        self._all: set[Environment] = set()
        self._plan: Plan | None = None
        self._resets: dict[Environment, asyncio.Task[None]] = {}
        self._retired = False

    @property
    def size(self) -> int:
        """Environments that exist."""
        return len(self._all)

    def run(self, invocation: Invocation, done: Done) -> None:
        """Run it in the warmest idle environment, or in a new one."""
        if self._idle:
            self._idle.pop().run(invocation, done)
        else:
            self._tasks.start(f"cold:{self.version.name}", self._cold(invocation, done))

    def retire(self) -> None:
        """Take no more invocations: idle environments end now, busy ones when they have finished."""
        self._retired = True
        for environment in tuple(self._idle):
            environment.retire()

    def retire_idle(self, before: float) -> None:
        """End environments that have been idle since before `before` (monotonic seconds)."""
        for environment in tuple(self._idle):
            if environment.idle_since < before:
                environment.retire()

    # -- what environments tell their owner -----------------------------------------------------------------------

    def idle(self, environment: Environment) -> None:
        """It has finished."""
        if self._retired:
            environment.retire()
        else:
            self._idle.append(environment)

    def dead(self, environment: Environment) -> None:
        """It has ended: close what it held."""
        if environment in self._idle:
            self._idle.remove(environment)
        self._all.discard(environment)
        self._resets.pop(environment, None)
        self._tasks.start(f"close:{environment.sandbox.id}", environment.stem.close())

    def reset(self, environment: Environment) -> None:
        """Its runtime is to be started again; one reset after the other."""
        before = self._resets.get(environment)
        task = self._tasks.start(f"reset:{environment.sandbox.id}", self._reset(environment, before))
        self._resets[environment] = task

    # -- cold starts ----------------------------------------------------------------------------------------------

    async def _cold(self, invocation: Invocation, done: Done) -> None:
        for attempt in range(ATTEMPTS):
            try:
                if self._plan is None or not self._preparation.is_fresh(self._plan):
                    self._plan = await self._preparation.plan(self.version)
                stem = await self._stems.take(self._plan.template)
            except SandboxDied as error:
                self._log.warning("cold_start_failed", function=self.version.arn, attempt=attempt, reason=error)
                continue
            if self._idle:
                # One became free while the sandbox was made: the waiting invocation is served sooner by it.
                self._tasks.start(f"close:{stem.sandbox.id}", stem.close())
                self._idle.pop().run(invocation, done)
                return
            if await self._start(stem, self._plan, invocation, done):
                return
        self._log.error("cold_start_gave_up", function=self.version.arn)
        done(None)

    async def _start(self, stem: Stem, plan: Plan, invocation: Invocation, done: Done) -> bool:
        environment = self._preparation.environment(plan, stem, self)
        self._all.add(environment)
        environment.begin(invocation, done)
        try:
            await stem.sandbox.assign(self._preparation.assignment(plan, environment))
        except SandboxDied as error:
            self._log.warning("assignment_failed", function=self.version.arn, reason=error)
            return environment.forsake() is None
        return True

    async def _reset(self, environment: Environment, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await before
        if environment.state is State.DEAD:
            return
        try:
            await environment.sandbox.restart()
        except SandboxDied as error:
            self._log.warning("reset_failed", function=self.version.arn, reason=error)
            if (waiting := environment.forsake()) is not None:
                self.run(*waiting)
            return
        environment.restarted()
