"""The store on SQLite, opened in a directory of its own."""

from __future__ import annotations

import contextlib
import io
import resource
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from lambent.kit.clock import FakeClock
from lambent.kit.log import Log
from lambent.store.base import Store
from lambent.store.sqlite.store import open_store

Open = Callable[..., AbstractAsyncContextManager[Store]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def said() -> io.StringIO:
    """What the store wrote to the log."""
    return io.StringIO()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def opening(directory: Path, clock: FakeClock, said: io.StringIO) -> Open:
    return partial(open_store, directory, log=Log(stream=said), clock=clock)


@pytest.fixture
async def store(opening: Open) -> AsyncIterator[Store]:
    async with opening() as store:
        yield store


@pytest.fixture
def no_file_may_grow_beyond() -> Callable[[int], AbstractContextManager[None]]:
    """Writes past that size fail like those of a broken or full disk. (Python ignores the signal that comes along.)"""

    @contextlib.contextmanager
    def limited(size: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited
