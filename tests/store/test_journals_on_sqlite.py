"""What journals on SQLite do beyond the contract: batches, the bounded backlog, chunks, space given back."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from lambent.kit.clock import FakeClock
from lambent.store.base import Store
from lambent.store.memory import MemoryJournals
from lambent.store.sqlite.journals import SqliteJournals
from lambent.store.sqlite.packing import SPAN_MS

Open = Callable[..., AbstractAsyncContextManager[Store]]


def rows(directory: Path, sql: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(directory / "journals.db") as connection:
        found = connection.execute(sql).fetchall()
    connection.close()
    return found


async def test_what_is_appended_is_written_without_being_asked_for(store: Store, directory: Path) -> None:
    store.journals.append("j", [(1, "x")])
    async with asyncio.timeout(30):
        # Looked at from outside, where nothing announces it.
        while not rows(directory, "SELECT * FROM chunks"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_batch_is_one_row_for_each_journal(store: Store, directory: Path) -> None:
    for n in range(300):
        store.journals.append(f"j{n % 3}", [(n, "a"), (n, "b")])
    await store.journals.flush()
    assert rows(directory, "SELECT count(*), sum(count) FROM chunks") == [(3, 600)]


async def test_a_full_backlog_drops_the_newest_and_counts_them(opening: Open) -> None:
    async with opening(backlog_bytes=10_000) as store:
        store.journals.append("j", [(1, "first" + "x" * 5000)])
        store.journals.append("j", [(2, "x" * 5000), (3, "y")])
        store.journals.append("j", [(4, "fits")])
        assert store.journals.dropped == 2
        await store.journals.flush()
        store.journals.append("j", [(5, "room again" + "x" * 5000)])
        assert [entry.at for entry in await store.journals.read("j")] == [1, 4, 5]
        assert store.journals.dropped == 2


async def test_the_twin_in_memory_drops_too() -> None:
    journals = MemoryJournals(FakeClock(), backlog_bytes=10)
    journals.append("j", [(1, "12345678")])
    journals.append("j", [(2, "123"), (3, "")])
    assert journals.dropped == 2
    assert [entry.at for entry in await journals.read("j")] == [1]


async def test_empty_entries_fill_the_backlog_too(opening: Open) -> None:
    async with opening(backlog_bytes=10_000) as store:
        store.journals.append("j", [(n, "") for n in range(50)])
        store.journals.append("j", [(n, "") for n in range(60)])
        assert store.journals.dropped == 60


async def test_closing_writes_what_waits(opening: Open) -> None:
    async with opening() as store:
        store.journals.append("j", [(1, "last words")])
    async with opening() as store:
        assert [entry.text for entry in await store.journals.read("j")] == ["last words"]


async def test_a_flush_that_is_given_up_loses_nothing(store: Store) -> None:
    store.journals.append("j", [(1, "x")])
    flushing = asyncio.ensure_future(store.journals.flush())
    await asyncio.sleep(0)
    flushing.cancel()
    assert [entry.text for entry in await store.journals.read("j")] == ["x"]


async def test_chunks_that_overlap_are_read_in_order_both_ways(store: Store) -> None:
    """Chunks that begin early and end late, beside short ones: neither their starts nor their ends sort the lines."""
    expected = []
    for n in range(20):
        times = [n * 700, n * 700 + SPAN_MS] if n % 2 else [n * 700 + 350]
        store.journals.append("j", [(at, f"{n}") for at in times])
        expected += times
        await store.journals.flush()
    expected.sort()
    assert [entry.at for entry in await store.journals.read("j")] == expected
    assert [entry.at for entry in await store.journals.read("j", reverse=True)] == expected[::-1]
    for start in range(0, 25_000, 1_111):
        within = [at for at in expected if start <= at < start + 2_000]
        assert [entry.at for entry in await store.journals.read("j", start=start, end=start + 2_000)] == within
        back = await store.journals.read("j", start=start, end=start + 2_000, reverse=True)
        assert [entry.at for entry in back] == within[::-1]


@pytest.mark.parametrize("reverse", [False, True])
async def test_a_short_read_opens_few_chunks(store: Store, monkeypatch: pytest.MonkeyPatch, reverse: bool) -> None:
    for n in range(100):
        store.journals.append(f"j/{n % 10}", [(n * 100, f"{n}")])
        await store.journals.flush()
    from lambent.store.sqlite import merging

    opened = []
    unpack = merging.unpack
    monkeypatch.setattr(merging, "unpack", lambda *chunk: opened.append(chunk) or unpack(*chunk))
    entries = await store.journals.read("j/", limit=3, reverse=reverse)
    assert [entry.at for entry in entries] == ([9900, 9800, 9700] if reverse else [0, 100, 200])
    assert len(opened) <= 4
    opened.clear()
    assert len(await store.journals.read("j/", start=5000, end=5500, reverse=reverse)) == 5
    assert len(opened) <= 6


async def test_deleting_many_chunks_gives_their_space_back(opening: Open, directory: Path) -> None:
    async with opening() as store:
        for n in range(2500):
            store.journals.append(f"old/{n % 3}", [(n, os.urandom(500).hex())])
            if n % 2 == 0:
                await store.journals.flush()
        store.journals.append("new", [(1, "kept")])
        await store.journals.flush()
        used = rows(directory, "PRAGMA page_count")[0][0]
        await store.journals.delete("old/")
        left = rows(directory, "PRAGMA page_count")[0][0]
        assert isinstance(used, int)
        assert isinstance(left, int)
        assert left < used / 10
        assert [entry.text for entry in await store.journals.read("")] == ["kept"]
        assert rows(directory, "SELECT name FROM journals") == [("new",)]


@pytest.mark.timeout(20)
async def test_a_flush_that_comes_just_as_a_batch_is_done_ends(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    journals = store.journals
    assert isinstance(journals, SqliteJournals)
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    with monkeypatch.context() as patched:
        patched.setattr(journals._writer, "submit", lambda work: done)
        journals.append("j", [(1, "x")])
        journals._hand_over()
    done.set_result(None)
    await journals.flush()
