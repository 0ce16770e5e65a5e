"""Journals as chunks: what one journal was given within 50 ms is one row. Appending only collects.

packing.py says what a chunk is, merging.py how chunks are read in order.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from lambent.kit.clock import Clock
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.store.base import Entry, Span, StoreUnavailable
from lambent.store.sqlite.merging import AFTER_ALL, Window, read
from lambent.store.sqlite.packing import Line, pack, unpack
from lambent.store.sqlite.ranges import upper_bound
from lambent.store.sqlite.reader import Reader
from lambent.store.sqlite.writer import Insertion, Writer

BACKLOG_BYTES = 64 << 20

_BATCH_S = 0.05
_RETRY_S = 1.0
_LATEST_MS = 1 << 62
_ENTRY_BYTES = 100
"""What an entry costs in memory besides its text."""
_JOURNALS_PER_DELETE = 100
_CHUNKS_PER_DELETE = 1000
_PAGES_PER_DELETE = 1000

_NEXT_SEQUENCE = "SELECT next FROM sequence"
_RESERVE = "UPDATE sequence SET next = ?"
_SUM_UP = Insertion(
    "INSERT INTO journals (name, first_at, last_at, written_at, size) VALUES",
    "(?, ?, ?, ?, ?)",
    """ON CONFLICT (name) DO UPDATE SET
        first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at),
        written_at = max(written_at, excluded.written_at), size = size + excluded.size""",
)
_ADD = Insertion(
    "INSERT INTO chunks (first_at, last_at, first_sequence, count, written_at, size, packed, journal) VALUES",
    "(?, ?, ?, ?, ?, ?, ?, (SELECT id FROM journals WHERE name = ?))",
)
_SPAN = "SELECT first_at, last_at, written_at, size FROM journals WHERE name = ?"
_SPANS = "SELECT name, first_at, last_at, written_at, size FROM journals WHERE name >= ? AND name < ?"
_HAVING_OLD = "SELECT id FROM journals WHERE name >= ? AND name < ? AND first_at < ? LIMIT ?"
_DELETE_OLD = """
    DELETE FROM chunks WHERE id IN
        (SELECT id FROM chunks WHERE journal = ? AND first_at < ? AND last_at < ? LIMIT ?)
"""
_PARTLY_OLD = (
    "SELECT id, first_at, first_sequence, packed FROM chunks WHERE journal = ? AND first_at < ? AND last_at >= ?"
)
_TRIM = """
    UPDATE chunks SET first_at = ?, last_at = ?, first_sequence = ?, count = ?, size = ?, packed = ? WHERE id = ?
"""
_SUM_AGAIN = """
    UPDATE journals SET (first_at, last_at, written_at, size) =
        (SELECT min(first_at), max(last_at), max(written_at), sum(size) FROM chunks WHERE journal = ?1)
    WHERE id = ?1
"""
_ANY = "SELECT 1 FROM chunks WHERE journal = ? LIMIT 1"
_FORGET = "DELETE FROM journals WHERE id = ?"

_Appended = tuple[str, int, Sequence[tuple[int, str]]]
"""The journal, the first entry's sequence number, (time, text) pairs."""


class SqliteJournals:
    """`Journals` (store/base.py) on one file.

    One batch is under way at a time. When the file refuses it, it is tried again every second, while the backlog
    grows up to its limit.
    """

    def __init__(
        self,
        writer: Writer,
        reader: Reader,
        wal: Path,
        *,
        clock: Clock,
        log: Log,
        tasks: Tasks,
        backlog_bytes: int = BACKLOG_BYTES,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._wal = wal
        self._clock = clock
        self._log = log
        self._tasks = tasks
        self._limit = backlog_bytes
        self._loop = asyncio.get_running_loop()
        self._sequence: int = reader.row(_NEXT_SEQUENCE)[0]
        self._settled = self._sequence
        self._waiting: list[_Appended] = []
        self._backlog = 0
        self._handed_over = 0
        self._under_way: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._failing = False
        self._closed = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        return self._dropped

    def append(self, journal: str, entries: Sequence[tuple[int, str]]) -> None:
        size = 0
        for at, text in entries:
            if not 0 <= at <= _LATEST_MS:
                raise ValueError(f"{at} is no time in epoch milliseconds")
            size += len(text) if text.isascii() else 4 * len(text)
        size += _ENTRY_BYTES * len(entries)
        if not journal.isascii():
            journal.encode()  # Raises for text that is none: it must not fail the batch of others.
        if self._backlog + size > self._limit or self._closed:
            self._dropped += len(entries)
            return
        self._backlog += size
        self._waiting.append((journal, self._sequence, tuple(entries)))
        self._sequence += len(entries)
        if self._timer is None:
            self._timer = self._loop.call_later(_BATCH_S, self._time_is_up)

    async def flush(self) -> None:
        wanted = self._sequence
        while self._settled < wanted:
            self._hand_over()
            if (under_way := self._under_way) is not None:
                # Waits a turn also when that batch is done already, so that `_landed` gets to see it.
                await asyncio.wait((under_way,))
                under_way.result()

    async def read(
        self,
        prefix: str,
        *,
        start: int = 0,
        end: int | None = None,
        after: tuple[int, int] | None = None,
        limit: int = 10_000,
        reverse: bool = False,
    ) -> Sequence[Entry]:
        window = Window.of(prefix, start=start, end=end, after=after, reverse=reverse)
        await self.flush()
        return await self._reader.in_thread(partial(read, window=window, limit=limit))

    async def span(self, journal: str) -> tuple[int, int, int, int] | None:
        await self.flush()
        row: tuple[int, int, int, int] | None = self._reader.row(_SPAN, journal)
        return row

    async def spans(self, prefix: str) -> Mapping[str, Span]:
        await self.flush()
        return await self._reader.in_thread(partial(_spans, prefix=prefix))

    async def delete(self, prefix: str, *, before: int | None = None) -> None:
        await self.flush()
        work = partial(_delete_some, prefix=prefix, before=before if before is not None else AFTER_ALL)
        # In steps, so that what is appended meanwhile need not wait for a big one.
        while await self._writer.submit(work):
            pass
        # Commits of this file are not fsynced one by one (synchronous=NORMAL); this one is.
        await self._tasks.in_thread(_sync, self._wal)

    async def close(self) -> None:
        """Write what waits. What cannot be written now is lost, and the log says so."""
        try:
            await self.flush()
        except StoreUnavailable as error:
            self._log.error("journal_entries_lost", entries=self._sequence - self._settled, reason=error)
        self._closed = True
        self._stop_timer()

    def _time_is_up(self) -> None:
        self._timer = None
        self._hand_over()

    def _hand_over(self) -> None:
        """Give all that waits to the writer, unless a batch is under way: then `_landed` does it."""
        if self._under_way is not None or not self._waiting:
            return
        self._stop_timer()
        batch, self._waiting = self._waiting, []
        written_at = int(self._clock.now() * 1000)
        work = partial(_store, batch=batch, written_at=written_at, next_sequence=self._sequence)
        self._handed_over = self._backlog
        self._under_way = self._writer.submit(work)
        self._under_way.add_done_callback(partial(self._landed, batch, self._sequence))

    def _landed(self, batch: list[_Appended], next_sequence: int, done: asyncio.Future[None]) -> None:
        self._under_way = None
        error = done.exception()
        if isinstance(error, StoreUnavailable):
            self._refused(batch, error)
            return
        if error is not None:
            self._dropped += sum(len(entries) for _, _, entries in batch)
            self._log.error("journal_entries_dropped", error=error)
        self._backlog -= self._handed_over
        self._settled = next_sequence
        self._failing = False
        if self._waiting and self._timer is None:
            self._hand_over()

    def _refused(self, batch: list[_Appended], error: StoreUnavailable) -> None:
        if not self._failing:
            self._log.error("journal_batch_refused", reason=error, retry_s=_RETRY_S)
        self._failing = True
        self._waiting[:0] = batch
        self._stop_timer()
        if not self._closed:
            self._timer = self._loop.call_later(_RETRY_S, self._time_is_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _store(connection: sqlite3.Connection, batch: list[_Appended], written_at: int, next_sequence: int) -> None:
    lines: defaultdict[str, list[Line]] = defaultdict(list)
    for journal, first, entries in batch:
        lines[journal].extend([(at, sequence, text) for sequence, (at, text) in enumerate(entries, first)])
    chunks = [(name, chunk) for name, its in lines.items() for chunk in pack(its)]
    _SUM_UP.run(connection, [(name, c.first_at, c.last_at, written_at, c.size) for name, c in chunks])
    _ADD.run(
        connection,
        [(c.first_at, c.last_at, c.first_sequence, c.count, written_at, c.size, c.data, name) for name, c in chunks],
    )
    connection.execute(_RESERVE, (next_sequence,))


def _spans(connection: sqlite3.Connection, prefix: str) -> dict[str, Span]:
    return {name: Span(*span) for name, *span in connection.execute(_SPANS, (prefix, upper_bound(prefix)))}


def _delete_some(connection: sqlite3.Connection, prefix: str, before: int) -> bool:
    """One step of a deletion; whether there may be more to do."""
    bounds = prefix, upper_bound(prefix), before, _JOURNALS_PER_DELETE
    journals = connection.execute(_HAVING_OLD, bounds).fetchall()
    for (journal,) in journals:
        deleted = connection.execute(_DELETE_OLD, (journal, before, before, _CHUNKS_PER_DELETE)).rowcount
        if deleted < _CHUNKS_PER_DELETE:
            _trim(connection, journal, before)
        if connection.execute(_ANY, (journal,)).fetchone():
            connection.execute(_SUM_AGAIN, (journal,))
        else:
            connection.execute(_FORGET, (journal,))
    return _give_space_back(connection) or bool(journals)


def _give_space_back(connection: sqlite3.Connection) -> bool:
    """Some of the free pages; whether there are more."""
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    for _ in range(min(free, _PAGES_PER_DELETE)):
        # One at a time: the sqlite3 module stops after the first step of a statement that has no columns.
        connection.execute("PRAGMA incremental_vacuum(1)")
    return bool(free > _PAGES_PER_DELETE)


def _trim(connection: sqlite3.Connection, journal: int, before: int) -> None:
    """Take the old lines out of the chunks that have old and new ones."""
    for id_, first_at, first_sequence, data in connection.execute(_PARTLY_OLD, (journal, before, before)).fetchall():
        for chunk in pack(line for line in unpack(first_at, first_sequence, data) if line[0] >= before):
            trimmed = chunk.first_at, chunk.last_at, chunk.first_sequence, chunk.count, chunk.size, chunk.data
            connection.execute(_TRIM, (*trimmed, id_))


def _sync(path: Path) -> None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
