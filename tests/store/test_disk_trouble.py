"""What happens when a file cannot be written: everybody hears of it, nothing is half done, and it passes."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path

import pytest

from lambent.store.base import ABSENT, Put, Store, StoreUnavailable

Open = Callable[..., AbstractAsyncContextManager[Store]]
Limit = Callable[[int], AbstractContextManager[None]]


@contextlib.asynccontextmanager
async def _full(part: object) -> object:
    """The file is as large as it may become."""
    writer = part._writer  # type: ignore[attr-defined]
    await writer.submit(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchall())
    try:
        yield
    finally:
        await writer.submit(lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchall())


async def test_a_full_disk_fails_every_writer_and_changes_nothing(store: Store, no_file_may_grow_beyond: Limit) -> None:
    revision = await store.records.write(Put("before", b"1"))
    heard: list[str] = []
    store.records.watch("", lambda key, _: heard.append(key))
    with no_file_may_grow_beyond(0):
        outcomes = await asyncio.gather(
            *(store.records.write(Put(f"k{n}", b"x" * 5000)) for n in range(20)),
            store.records.write(Put("before", b"2", expect=ABSENT)),
            return_exceptions=True,
        )
    assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
    assert heard == []
    assert [record.key for record in await store.records.list("")] == ["before"]
    assert await store.records.write(Put("after", b"1", expect=ABSENT)) > revision
    assert heard == ["after"]


async def test_a_full_file_is_reported_as_full_and_writing_goes_on_when_there_is_room(store: Store) -> None:
    async with _full(store.queues):
        outcomes = await asyncio.gather(
            *(store.queues.put("q", b"x" * 5000) for _ in range(100)), return_exceptions=True
        )
        assert [str(outcome) for outcome in outcomes] == ["queues: database or disk is full"] * 100
        assert await store.queues.depth("q") == 0
    await asyncio.gather(*(store.queues.put("q", b"x" * 5000) for _ in range(100)))
    assert await store.queues.depth("q") == 100


async def test_a_refusal_judged_by_what_is_undone_is_not_told(store: Store) -> None:
    """The second write would be refused because of the first, which then does not happen."""
    async with _full(store.records):
        first, second = await asyncio.gather(
            store.records.write(Put("k", b"x" * 100_000, expect=ABSENT)),
            store.records.write(Put("k", b"y", expect=ABSENT)),
            return_exceptions=True,
        )
    assert isinstance(first, StoreUnavailable)
    assert isinstance(second, StoreUnavailable | int)
    record = await store.records.get("k")
    assert (record.value if record else None) == (b"y" if isinstance(second, int) else None)


async def test_a_blob_that_does_not_fit_leaves_nothing_behind(
    store: Store, directory: Path, no_file_may_grow_beyond: Limit
) -> None:
    with no_file_may_grow_beyond(1000), pytest.raises(StoreUnavailable, match="blobs"):
        await store.blobs.put(b"x" * 5000)
    assert [digest async for digest in store.blobs.digests()] == []
    assert list((directory / "blobs" / "incoming").iterdir()) == []
    digest = await store.blobs.put(b"x" * 5000)
    assert await store.blobs.get(digest) == b"x" * 5000


async def test_journal_entries_wait_while_the_disk_is_full(store: Store, said: io.StringIO) -> None:
    store.journals.append("j", [(1, "written")])
    await store.journals.flush()
    async with _full(store.journals):
        # Random, so that it does not shrink to nothing when it is compressed.
        store.journals.append("j", [(2, os.urandom(50_000).hex()) for _ in range(3)])
        with pytest.raises(StoreUnavailable):
            await store.journals.flush()
        store.journals.append("j", [(3, "later")])
        with pytest.raises(StoreUnavailable):
            await store.journals.read("j")
    entries = await store.journals.read("j")
    assert [(entry.at, entry.sequence) for entry in entries] == [(1, 1), (2, 2), (2, 3), (2, 4), (3, 5)]
    assert store.journals.dropped == 0
    assert said.getvalue().count("journal_batch_refused") == 1


async def test_what_cannot_be_written_at_the_end_is_named_in_the_log(
    opening: Open, said: io.StringIO, no_file_may_grow_beyond: Limit
) -> None:
    with contextlib.ExitStack() as trouble:
        async with opening() as store:
            store.journals.append("j", [(1, "x" * 5000), (2, "y")])
            trouble.enter_context(no_file_may_grow_beyond(0))
    assert "journal_entries_lost entries=2" in said.getvalue()
