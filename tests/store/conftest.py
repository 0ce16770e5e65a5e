"""The store on SQLite, opened in a directory of its own."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
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
