"""What only the records on SQLite can get wrong: a commit that is visible before anybody has been told of it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from lambent.store.base import Put


async def test_who_reads_a_record_finds_that_those_who_watch_know_of_it(opening, directory: Path) -> None:
    async with opening() as store:
        seen: list[str] = []
        store.records.watch("", lambda key, record: seen.append(key))
        writing = asyncio.ensure_future(store.records.write(Put("k", b"v")))
        for _ in range(2):  # it is submitted in one turn of the loop, and handed to the writer in the next
            await asyncio.sleep(0)
        with sqlite3.connect(directory / "records.db", timeout=30) as other:
            # The loop stands still meanwhile, so that nobody is told.
            while other.execute("SELECT count(*) FROM records WHERE key = 'k'").fetchone() == (0,):
                pass
        assert seen == []
        record = await store.records.get("k")
        assert record is not None
        assert seen == ["k"]
        await writing
