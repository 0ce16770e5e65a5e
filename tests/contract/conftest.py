"""The store under each of its implementations: what a test of this folder says must be true of every one."""

from __future__ import annotations

import contextlib
import io
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from lambent.kit.clock import FakeClock
from lambent.kit.log import Log
from lambent.store.base import Blobs, Journals, Queues, Records, Store
from lambent.store.memory import memory_store
from lambent.store.sqlite.store import open_store

Opening = Callable[[str, Path, FakeClock], AbstractAsyncContextManager[Store]]


@contextlib.asynccontextmanager
async def opened(kind: str, directory: Path, clock: FakeClock) -> AsyncIterator[Store]:
    if kind == "memory":
        yield memory_store(clock)
        return
    async with open_store(directory, log=Log(stream=io.StringIO()), clock=clock) as store:
        yield store


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def opening() -> Opening:
    return opened


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Store]:
    async with opened(request.param, tmp_path / "data", clock) as store:
        yield store


@pytest.fixture
def records(store: Store) -> Records:
    return store.records


@pytest.fixture
def queues(store: Store) -> Queues:
    return store.queues


@pytest.fixture
def blobs(store: Store) -> Blobs:
    return store.blobs


@pytest.fixture
def journals(store: Store) -> Journals:
    return store.journals
