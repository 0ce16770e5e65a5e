"""Starting runtimes again, after a timeout or an exit, in the sandboxes that they were in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lambent.core.invocation import Invocation
from lambent.invoke.environment import Done, Environment
from lambent.invoke.freezer import Freezer
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.sandbox.base import SandboxDied


class Resets:
    """The resets that are under way, for an owner of environments. `run` takes invocations whose environment could not
    be reset."""

    def __init__(self, run: Callable[[Invocation, Done], None], freezer: Freezer, tasks: Tasks, log: Log) -> None:
        self._run = run
        self._freezer = freezer
        self._tasks = tasks
        self._log = log
        self._under_way: dict[Environment, asyncio.Task[None]] = {}

    def begin(self, environment: Environment) -> None:
        """Its runtime is to be started again; one reset after the other."""
        before = self._under_way.get(environment)
        task = self._tasks.start(f"reset:{environment.sandbox.id}", self._reset(environment, before))
        self._under_way[environment] = task

    def forget(self, environment: Environment) -> None:
        """It has ended."""
        self._under_way.pop(environment, None)

    async def _reset(self, environment: Environment, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        if environment.is_dead:
            return
        try:
            await environment.sandbox.restart()
        except SandboxDied as error:
            if environment.is_dead:  # retired meanwhile, as it should be
                return
            self._log.warning("reset_failed", function=environment.version.arn, reason=error)
            if (waiting := environment.not_restarted()) is not None:
                self._run(*waiting)
            return
        if self._under_way.get(environment) is asyncio.current_task():
            environment.restarted()
            self._freezer.idle(environment)
