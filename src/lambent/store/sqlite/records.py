"""Records in one table. Reads come straight from the file, so there is no second copy to keep in step."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial

from lambent.store.base import Change, Delete, Put, Record, RevisionMismatch
from lambent.store.sqlite.ranges import lower_bound, upper_bound
from lambent.store.sqlite.reader import Reader
from lambent.store.sqlite.writer import Writer
from lambent.store.watching import Watchers

Told = Sequence[tuple[str, Record | None]]

_FEW = 100
"""So many records are read on the event loop; more go to a thread."""

_GET = "SELECT key, value, revision FROM records WHERE key = ?"
_LIST = "SELECT key, value, revision FROM records WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"
_REVISION = "SELECT revision FROM records WHERE key = ?"
_LAST_REVISION = "SELECT last FROM revision"
_KEEP_REVISION = "UPDATE revision SET last = ?"
_PUT = """
    INSERT INTO records (key, value, revision) VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, revision = excluded.revision
"""
_DELETE = "DELETE FROM records WHERE key = ?"


def _nothing(connection: sqlite3.Connection) -> None:
    """Takes its turn behind what was written before."""


class SqliteRecords:
    """`Records` (store/base.py) on one file."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader
        # Of the writer's thread. It never goes back, not even when a transaction does.
        self._revision: int = reader.row(_LAST_REVISION)[0]
        self._told = self._revision
        """The last revision that the watchers know of."""
        self._watchers: Watchers[str, Record | None] = Watchers()

    async def get(self, key: str) -> Record | None:
        row = self._reader.row(_GET, key)
        if row is None:
            return None
        record = Record(*row)
        if record.revision > self._told:
            # Committed a moment ago. Whoever acts on it finds that those who watch know of it, too.
            await self._writer.submit(_nothing)
        return record

    async def list(self, prefix: str, *, after: str = "", limit: int = 1000) -> Sequence[Record]:
        values = lower_bound(prefix, after), upper_bound(prefix), max(0, limit)
        if limit <= _FEW:
            return [Record(*row) for row in self._reader.rows(_LIST, *values)]
        return await self._reader.in_thread(partial(_read, values=values))

    async def write(self, *changes: Change) -> int:
        revision, _ = await self._writer.submit(partial(self._apply, changes=changes), self._tell)
        return revision

    def watch(self, prefix: str, seen: Callable[[str, Record | None], None]) -> Callable[[], None]:
        return self._watchers.add(prefix, seen)

    def _tell(self, written: tuple[int, Told]) -> None:
        self._told, told = written
        for key, record in told:
            self._watchers.tell(key, key, record)

    def _apply(self, connection: sqlite3.Connection, changes: Sequence[Change]) -> tuple[int, Told]:
        """Every expectation is about the records as they were before any of the changes."""
        for change in changes:
            if change.expect is not None:
                _check(connection, change.key, change.expect)
        self._revision += 1
        revision = self._revision
        connection.execute(_KEEP_REVISION, (revision,))
        told: list[tuple[str, Record | None]] = []
        for change in changes:
            if isinstance(change, Put):
                connection.execute(_PUT, (change.key, change.value, revision))
                told.append((change.key, Record(change.key, change.value, revision)))
            elif isinstance(change, Delete) and connection.execute(_DELETE, (change.key,)).rowcount:
                told.append((change.key, None))
        return revision, told


def _read(connection: sqlite3.Connection, values: tuple[str, str | bytes, int]) -> Sequence[Record]:
    return [Record(*row) for row in connection.execute(_LIST, values)]


def _check(connection: sqlite3.Connection, key: str, expected: int) -> None:
    row = connection.execute(_REVISION, (key,)).fetchone()
    actual: int = row[0] if row is not None else 0
    if actual != expected:
        raise RevisionMismatch(key, expected, actual)
