"""Reading from one database file: short reads at once on the event loop, long ones in threads."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from lambent.kit.tasks import Tasks
from lambent.store.base import StoreUnavailable
from lambent.store.sqlite.files import open_reading

T = TypeVar("T")


class Reader:
    """A connection for the event loop, and as many more as threads need at one time.

    In WAL mode readers and the writer never wait for each other; each read sees what is committed when it begins.
    """

    def __init__(self, path: Path, tasks: Tasks) -> None:
        self._path = path
        self._tasks = tasks
        self._connection = open_reading(path)
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    def row(self, sql: str, *values: object) -> Any:
        """The first row, or None. For what an index answers at once: about 10 µs, on the event loop."""
        try:
            return self._connection.execute(sql, values).fetchone()
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    def rows(self, sql: str, *values: object) -> Sequence[Any]:
        """All rows, at once, on the event loop: for a few."""
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    async def in_thread(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """`work(connection)` in a thread; what it reads is one snapshot only within a statement or transaction."""
        if self._closed:
            raise StoreUnavailable(f"{self._path.stem}: closed")
        return await self._tasks.in_thread(self._run, work)

    def close(self) -> None:
        """Close the connections; no thread may be reading any more."""
        self._closed = True
        for connection in (self._connection, *self._idle):
            connection.close()

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._borrow()
        try:
            return work(connection)
        except sqlite3.Error as error:
            raise self._unavailable(error) from error
        finally:
            self._idle.append(connection)

    def _borrow(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return open_reading(self._path)

    def _unavailable(self, error: sqlite3.Error) -> StoreUnavailable:
        return StoreUnavailable(f"{self._path.stem}: {error}")
