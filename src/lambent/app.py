"""The composition root: what a server stands on is chosen and opened here, its parts are put together in assembly.py;
nothing else chooses implementations. And a server's life: it starts, it is ready, it stops."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from lambent.config import Settings, StartError
from lambent.kit.clock import SystemClock
from lambent.kit.log import Log
from lambent.kit.seal import MasterKeyUnusable, Seal, SealBroken
from lambent.kit.tasks import Tasks
from lambent.ports import Ground
from lambent.sandbox.base import Driver, IsolationUnavailable, IsolationUndecided
from lambent.sandbox.namespaces import driver as namespaces
from lambent.sandbox.process import driver as process
from lambent.store.base import StoreUnavailable
from lambent.store.sqlite.store import open_store
from lambent.values import frozen

if TYPE_CHECKING:
    from lambent.assembly import Assembled

Assemble: TypeAlias = "Callable[[Settings, Ground, contextlib.AsyncExitStack], Awaitable[Assembled]]"
DRAIN_S = 900.0
"""A function may run that long; a second signal ends the wait."""
GARBAGE = 10_000
"""Objects that may come into being, and not go again by themselves, before the collector looks for cycles among them.
Some of every request under way always do, so that at the usual 700 it took a tenth of the server's time."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@frozen
class Running:
    """A server that is ready."""

    url: str
    settings: Settings
    isolation: str
    notes: Sequence[str]


async def serve(settings: Settings, *, ready: Callable[[Running], None]) -> None:
    """Run the server until SIGTERM or SIGINT; running invocations finish first. Raises StartError."""
    log = Log(settings.log_level)
    if settings.dev and settings.host not in LOOPBACK:
        raise StartError("--dev trusts every key, so it listens on loopback addresses only")
    async with contextlib.AsyncExitStack() as stack:
        try:
            await _run(settings, log, stack, ready)
        except (StoreUnavailable, MasterKeyUnusable, IsolationUnavailable, IsolationUndecided) as error:
            raise StartError(str(error)) from error
        except SealBroken as error:
            text = f"{settings.data / 'master.key'} is not the key that this data was sealed with: {error}"
            raise StartError(text) from error


async def _run(
    settings: Settings, log: Log, stack: contextlib.AsyncExitStack, ready: Callable[[Running], None]
) -> None:
    stopping = _on_signals()
    clock = SystemClock()
    store = await stack.enter_async_context(open_store(settings.data, log=log, clock=clock))
    tasks = Tasks(log)
    stack.push_async_callback(tasks.close)
    seal = Seal.open_or_create(settings.data / "master.key")
    # Both take a while: the one waits most of the time, the other computes.
    starting = tasks.start("isolation", _started_driver(settings, tasks, log, stack), awaited=True)
    importing = tasks.start("assembly", tasks.in_thread(_imported_assemble), awaited=True)
    try:
        assemble = await importing
        server = await assemble(settings, Ground(store, starting, seal, clock, tasks, log, stopping), stack)
    finally:
        await asyncio.wait((starting,))  # what has started by half cannot be closed
    driver = starting.result()
    ready(Running(server.url, settings, driver.level, driver.notes))
    gc.freeze()  # what lives now lives for ever: the collector need not look at it again
    gc.set_threshold(GARBAGE)
    await stopping.wait()
    log.info("stopping", running=server.invoker.running)
    await _stop(server, log)


def _imported_assemble() -> Assemble:
    """Of assembly.py, and so of everything that a server is made of. Blocks."""
    from lambent.assembly import assemble

    return assemble


async def _stop(server: Assembled, log: Log) -> None:
    """Let running invocations finish; a second signal breaks them off. What waits stays for the next server."""
    again = asyncio.ensure_future(_on_signals().wait())
    finished = asyncio.ensure_future(server.finish(DRAIN_S))
    await asyncio.wait((finished, again), return_when=asyncio.FIRST_COMPLETED)
    again.cancel()
    if not finished.done():
        log.warning("stopping_at_once", running=server.invoker.running)
        finished.cancel()


def _on_signals() -> asyncio.Event:
    """An event that the next SIGTERM or SIGINT sets."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, event.set)
    return event


def _instance(data: Path) -> str:
    """A name for this server's control groups that its successor on the same data directory finds again."""
    return hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:12]


async def _started_driver(settings: Settings, tasks: Tasks, log: Log, stack: contextlib.AsyncExitStack) -> Driver:
    state = settings.data / "sandboxes"
    driver = await tasks.in_thread(open_driver, settings.isolation, state, _instance(settings.data), log)
    stack.push_async_callback(driver.close)
    await driver.start()
    return driver


def open_driver(level: str | None, state: Path, instance: str, log: Log) -> Driver:
    """The driver of the isolation level that was asked for, or with None of the strongest that works here; found out by
    making a sandbox, which blocks. Raises IsolationUnavailable with the reasons, and IsolationUndecided rather than
    take a weaker one because the machine is busy."""
    reasons: list[str] = []
    if level != process.LEVEL:
        try:
            return namespaces.open_driver(level, state, instance, log)
        except IsolationUnavailable as error:
            reasons.append(str(error))
    if level in (None, process.LEVEL):
        try:
            return process.open_driver(state, instance, log, because="; ".join(reasons))
        except IsolationUnavailable as error:
            reasons.append(str(error))
    raise IsolationUnavailable(f"no isolation can be had here: {'; '.join(reasons)}")
