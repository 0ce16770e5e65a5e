"""Sandboxes waiting to be assigned, a few per template, made in the background."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from lambent.invoke.demand import Demand
from lambent.invoke.door import Door, Doors
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.sandbox.base import Deferred, Driver, Exit, Forked, Sandbox, SandboxDied, Started, Template
from lambent.values import frozen

BOOT_S = 20.0
"""How long a program may take to boot, ahead of any invocation."""
AT_ONCE = 4
"""Sandboxes made at the same time: more only wait for each other."""
REFILL_AFTER_S = 0.02
"""What was taken is made good that much later while enough wait: the cold start that took it has the machine first."""


@frozen
class Stem:
    """A waiting sandbox with its door open."""

    sandbox: Sandbox
    door: Door

    async def close(self) -> None:
        """Close the door and end the sandbox."""
        self.door.close()
        await self.sandbox.close()


class Stems:
    """Keeps some sandboxes ready for every template that has been asked for."""

    def __init__(self, driver: Driver, doors: Doors, tasks: Tasks, log: Log, *, scale: float = 1.0) -> None:
        self._driver = driver
        self._doors = doors
        self._tasks = tasks
        self._log = log
        self._scale = scale
        self._ready: dict[str, deque[Stem]] = {}
        self._templates: dict[str, Template] = {}
        self._refilling: dict[str, asyncio.Task[None]] = {}
        self._demand: dict[str, Demand] = {}
        self._making = asyncio.Semaphore(AT_ONCE)
        self._closed = False

    async def take(self, template: Template, wanted: Callable[[], bool]) -> Stem | None:
        """A waiting sandbox, made now if none is ready; None if it is not `wanted` any more when its turn comes.
        Raises SandboxDied."""
        ready = self._queue(template)
        self._demand_for(template).note(_now())
        if ready:
            stem = ready.popleft()
        else:
            async with self._making:
                if not wanted():
                    return None
                stem = ready.popleft() if ready else await self._make(template)
        stem.sandbox.on_exit = None
        self._refill(template)
        return stem

    def give_back(self, template: Template, stem: Stem) -> None:
        """A sandbox that was taken and is not needed after all."""
        ready = self._queue(template)
        if len(ready) >= self._enough(template):
            self._end(stem)
        else:
            self._keep(template, stem)

    async def prepare(self, template: Template) -> None:
        """Return when at least one sandbox of `template` waits. Raises SandboxDied."""
        if not self._queue(template):
            self._keep(template, await self._make(template))
        self._refill(template)

    def trim(self) -> None:
        """End those that wait in vain: a burst that they were made for is long past."""
        for name, ready in self._ready.items():
            while ready and len(ready) > self._enough(self._templates[name]):
                self._end(ready.pop())

    async def close(self) -> None:
        """End every waiting sandbox, and make no more."""
        self._closed = True
        for task in tuple(self._refilling.values()):
            task.cancel()
        await asyncio.gather(*self._refilling.values(), return_exceptions=True)
        waiting = [stem for ready in self._ready.values() for stem in ready]
        self._ready.clear()
        await asyncio.gather(*(stem.close() for stem in waiting))

    async def _make(self, template: Template) -> Stem:
        if template.make is not None:
            try:
                await asyncio.to_thread(template.make)
            except OSError as error:
                raise SandboxDied(str(error)) from error
        sandbox = await self._driver.sandbox(template)
        try:
            stem = Stem(sandbox, await self._doors.open(sandbox))
            if isinstance(template.program, Started):
                await _booted(stem)
            return stem
        except TimeoutError as error:
            await sandbox.close()
            raise SandboxDied(f"its program did not connect within {BOOT_S:g} s") from error
        except OSError as error:
            await sandbox.close()
            raise SandboxDied(f"its doors could not be opened: {error}") from error
        except BaseException:
            await sandbox.close()
            raise

    def _keep(self, template: Template, stem: Stem) -> None:
        """Let it wait, unless nobody will come; one that ends while it waits is thrown away."""
        if self._closed:
            self._end(stem)
            return
        ready = self._queue(template)
        ready.append(stem)
        stem.sandbox.on_exit = lambda _: self._discard(ready, stem)

    def _discard(self, ready: deque[Stem], stem: Stem) -> None:
        if stem in ready:
            ready.remove(stem)
            self._end(stem)

    def _end(self, stem: Stem) -> None:
        self._tasks.start(f"close:{stem.sandbox.id}", stem.close())

    def _queue(self, template: Template) -> deque[Stem]:
        self._templates[template.name] = template
        return self._ready.setdefault(template.name, deque())

    def _refill(self, template: Template) -> None:
        if template.name not in self._refilling and not self._closed:
            task = self._tasks.start(f"refill:{template.name}", self._refill_now(template))
            self._refilling[template.name] = task
            task.add_done_callback(lambda _: self._refilling.pop(template.name, None))

    async def _refill_now(self, template: Template) -> None:
        ready = self._queue(template)
        if len(ready) >= self._enough(template) / 2:
            await asyncio.sleep(REFILL_AFTER_S)
        while len(ready) < self._enough(template) and not self._closed:
            try:
                async with self._making:
                    self._keep(template, await self._make(template))
            except SandboxDied as error:
                self._log.warning("stem_failed", template=template.name, reason=error)
                return

    def _demand_for(self, template: Template) -> Demand:
        return self._demand.setdefault(template.name, Demand())

    def _enough(self, template: Template) -> int:
        least, most = (max(1, round(each * self._scale)) for each in _bounds(template))
        return self._demand_for(template).wanted(_now(), least=least, most=most)


async def _booted(stem: Stem) -> None:
    """Return when the program has connected. Raises SandboxDied when it ends before that, and TimeoutError."""
    ended: list[Exit] = []

    def on_exit(exit: Exit) -> None:
        ended.append(exit)
        stem.door.reached.set()

    stem.sandbox.on_exit = on_exit
    async with asyncio.timeout(BOOT_S):
        await stem.door.reached.wait()
    stem.sandbox.on_exit = None
    if ended:
        raise SandboxDied(f"its program ended while it booted: {ended[0]}")


def _bounds(template: Template) -> tuple[int, int]:
    """How many to keep at least, and after a burst at most: by what a waiting one costs (about 6, 8 and 1 MiB)."""
    match template.program:
        case Forked():
            return 10, 64
        case Deferred():
            return 6, 64
        case _:
            return 4, 16


def _now() -> float:
    return asyncio.get_running_loop().time()
