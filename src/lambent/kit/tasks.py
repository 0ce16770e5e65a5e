"""The only place that starts tasks and threads: every one has a name, a parent and an end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from lambent.kit.log import Log

T = TypeVar("T")


class Tasks:
    """Background work of one owner. `close` cancels what still runs and waits for it.

    A task that fails is logged with its traceback; it takes nobody else down.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._running: set[asyncio.Task[Any]] = set()
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="lambent-work")

    def start(self, name: str, work: Coroutine[Any, Any, T], *, awaited: bool = False) -> asyncio.Task[T]:
        """Run `work` on the event loop; the result is a task that may be awaited or forgotten. `awaited` promises the
        first: whoever awaits it says what went wrong, so the log need not."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard if awaited else self._ended)
        return task

    async def in_thread(self, work: Callable[..., T], *args: object) -> T:
        """Run blocking `work` in the bounded thread pool."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    async def close(self) -> None:
        """Cancel everything, wait for it, and end the threads."""
        for task in tuple(self._running):
            task.cancel()
        for task in tuple(self._running):
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
        self._threads.shutdown(wait=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("task_failed", error=error, task=task.get_name())
