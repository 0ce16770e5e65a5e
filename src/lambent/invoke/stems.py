"""Sandboxes waiting to be assigned, a few per template, made in the background."""

from __future__ import annotations

import asyncio
from collections import deque

from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.sandbox.base import Deferred, Driver, Forked, Sandbox, SandboxDied, Template


class Stems:
    """Keeps some sandboxes ready for every template that has been asked for."""

    def __init__(self, driver: Driver, tasks: Tasks, log: Log, *, scale: float = 1.0) -> None:
        self._driver = driver
        self._tasks = tasks
        self._log = log
        self._scale = scale
        self._ready: dict[str, deque[Sandbox]] = {}
        self._templates: dict[str, Template] = {}
        self._refilling: dict[str, asyncio.Task[None]] = {}
        self._failed: dict[str, str] = {}
        self._closed = False

    async def take(self, template: Template) -> Sandbox:
        """A waiting sandbox, made now if none is ready. Raises SandboxDied."""
        ready = self._queue(template)
        if ready:
            sandbox = ready.popleft()
            self._refill(template)
            return sandbox
        sandbox = await self._driver.sandbox(template)
        self._refill(template)
        return sandbox

    async def prepare(self, template: Template) -> None:
        """Return when at least one sandbox of `template` waits. Raises SandboxDied."""
        ready = self._queue(template)
        if not ready:
            ready.append(await self._driver.sandbox(template))
        self._refill(template)

    async def close(self) -> None:
        """End every waiting sandbox, and make no more."""
        self._closed = True
        for task in tuple(self._refilling.values()):
            task.cancel()
        await asyncio.gather(*self._refilling.values(), return_exceptions=True)
        waiting = [sandbox for ready in self._ready.values() for sandbox in ready]
        self._ready.clear()
        await asyncio.gather(*(sandbox.close() for sandbox in waiting))

    def _queue(self, template: Template) -> deque[Sandbox]:
        self._templates[template.name] = template
        return self._ready.setdefault(template.name, deque())

    def _refill(self, template: Template) -> None:
        if template.name not in self._refilling and not self._closed:
            task = self._tasks.start(f"refill:{template.name}", self._refill_now(template))
            self._refilling[template.name] = task
            task.add_done_callback(lambda _: self._refilling.pop(template.name, None))

    async def _refill_now(self, template: Template) -> None:
        ready = self._queue(template)
        wanted = max(1, round(_wanted(template) * self._scale))
        while len(ready) < wanted and not self._closed:
            try:
                sandbox = await self._driver.sandbox(template)
            except SandboxDied as error:
                self._log.warning("stem_failed", template=template.name, reason=error)
                return
            ready.append(sandbox)


def _wanted(template: Template) -> int:
    """How many to keep: by what a waiting one costs (about 3.7, 6 and 1 MiB)."""
    match template.program:
        case Forked():
            return 10
        case Deferred():
            return 6
        case _:
            return 4
