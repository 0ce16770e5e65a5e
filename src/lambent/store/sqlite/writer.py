"""One thread that writes to one database file, with group commit.

All that waits when the thread looks is one transaction: one fsync for everybody, and nobody waits for a turn.

The thread and the event loop take turns with the interpreter's lock, and each turn that one has to wait for costs both.
So what the loop is given between two looks at its sockets is handed over at once, and the thread makes as few calls of
the database as it can.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

from lambent.store.base import StoreUnavailable

T = TypeVar("T")

_UNITS_PER_COMMIT = 1000
_ROWS_PER_STATEMENT = 64
_NORMAL = 1


class Insertion:
    """An INSERT whose rows share statements.

    Each statement gives the interpreter's lock away and has to win it back from the event loop, so what counts is
    how few there are. (Without any contest a row costs 1.9 µs of a statement for 64, and 4 µs on its own.)
    """

    def __init__(self, head: str, row: str, tail: str = "") -> None:
        """`head` up to VALUES, `row` with its placeholders, and what follows the rows."""
        self._parts = head, row, tail
        self._statements: dict[int, str] = {}
        """By the number of rows; few numbers ever come, and all of them together are 100 kB."""

    def run(self, connection: sqlite3.Connection, rows: Sequence[Sequence[object]]) -> None:
        """Insert all rows, in order."""
        for at in range(0, len(rows), _ROWS_PER_STATEMENT):
            some = rows[at : at + _ROWS_PER_STATEMENT]
            connection.execute(self._statement(len(some)), [value for row in some for value in row])

    def _statement(self, rows: int) -> str:
        statement = self._statements.get(rows)
        if statement is None:
            head, row, tail = self._parts
            statement = self._statements[rows] = f"{head} {', '.join([row] * rows)} {tail}"
        return statement


@dataclass(slots=True)
class _Unit:
    """What one caller wants done: `work`, or `row` to be inserted. It is done wholly or not at all."""

    done: asyncio.Future[Any]
    work: Callable[[sqlite3.Connection], Any] | None = None
    row: Sequence[object] | None = None
    then: Callable[[Any], None] | None = None
    waits_for_disk: bool = True
    is_one_change: bool = False
    result: Any = None
    error: BaseException | None = None


class Writer:
    """Runs units of work in the order in which they are given; each succeeds or fails alone.

    Only a failure of the file itself (disk full, I/O error) fails all units of the transaction, each with
    StoreUnavailable; nothing of them is changed then, and the next units are tried anew.
    """

    def __init__(self, connection: sqlite3.Connection, name: str, *, insertion: Insertion | None = None) -> None:
        """Takes the connection over. To be made on the event loop that will be told of the results."""
        self._connection = connection
        self._synchronous: int = connection.execute("PRAGMA synchronous").fetchone()[0]
        self._is_waiting_for_disk = True
        self._name = name
        self._insertion = insertion
        self._loop = asyncio.get_running_loop()
        self._given: list[_Unit] = []
        """What the thread has not been handed yet."""
        self._batches: SimpleQueue[list[_Unit] | None] = SimpleQueue()
        self._closed = False
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"lambent-{name}-writer", daemon=True)
        self._thread.start()

    def submit(
        self,
        work: Callable[[sqlite3.Connection], T],
        then: Callable[[T], None] | None = None,
        *,
        waits_for_disk: bool = True,
        is_one_change: bool = False,
    ) -> asyncio.Future[T]:
        """Have `work` done in the thread, in a transaction. The future is done when that is committed: as durable as
        the connection is set to, or if it need not wait for the disk, so that it survives the process.

        `then(result)` is called on the event loop before the future is done, in the order of the commits.
        What `work` raises is handed to the future, and what it had changed is undone. It may be run twice, the
        second time on the state before the first.

        `is_one_change`: the work changes something by one statement at most, and does not fail after it. Done alone,
        it is spared the statements around it.
        """
        done: asyncio.Future[T] = self._loop.create_future()
        return self._enqueue(
            _Unit(done, work=work, then=then, waits_for_disk=waits_for_disk, is_one_change=is_one_change)
        )

    def insert(self, row: Sequence[object], then: Callable[[None], None]) -> asyncio.Future[None]:
        """As `submit`, for one row of the writer's insertion: cheaper, as rows that wait share a statement.

        A row that SQLite cannot store fails the whole transaction: it must have been checked.
        """
        done: asyncio.Future[None] = self._loop.create_future()
        return self._enqueue(_Unit(done, row=row, then=then))

    async def close(self) -> None:
        """Commit what was submitted, then end the thread and close the connection."""
        if not self._closed:
            self._closed = True
            self._hand_over()
            self._batches.put(None)
        await self._ended.wait()
        self._thread.join()
        self._connection.close()

    def _enqueue(self, unit: _Unit) -> asyncio.Future[Any]:
        if self._closed:
            unit.done.set_exception(StoreUnavailable(f"{self._name}: closed"))
            return unit.done
        if not self._given:
            # Not at once: the thread would wake, and wait until the loop rests.
            self._loop.call_soon(self._hand_over)
        self._given.append(unit)
        return unit.done

    def _hand_over(self) -> None:
        if self._given:
            self._batches.put(self._given)
            self._given = []

    # In the thread.

    def _run(self) -> None:
        going_on = True
        while going_on:
            units, going_on = self._take()
            if units:
                self._commit(units)
                self._on_loop(_deliver, units)
            del units  # Waiting for more may take long, and what was written may be large.
        self._on_loop(self._ended.set)

    def _on_loop(self, call: Callable[..., None], *args: object) -> None:
        with contextlib.suppress(RuntimeError):
            # The loop is closed when the program ended without closing the store: then nobody waits.
            self._loop.call_soon_threadsafe(call, *args)

    def _take(self) -> tuple[list[_Unit], bool]:
        """All units that wait, at least one, or as many as are enough; and whether more may come."""
        units: list[_Unit] = []
        while not units or (len(units) < _UNITS_PER_COMMIT and not self._batches.empty()):
            batch = self._batches.get()
            if batch is None:
                return units, False
            units += batch
        return units, True

    def _commit(self, units: list[_Unit]) -> None:
        try:
            while (half_done := self._try(units)) is not None:
                self._undo()
                units = [unit for unit in units if unit is not half_done]
        except Exception as error:
            # Whatever it was, somebody waits for each of these units, and more will come.
            self._undo()
            for unit in units:
                # Also those that were refused: they may have been judged by what is undone now.
                unit.error = StoreUnavailable(f"{self._name}: {error}")

    def _try(self, units: list[_Unit]) -> _Unit | None:
        """Run the units as one transaction and commit it; or stop at one that failed after it had changed something.

        That is rarer than a savepoint for each would be dear: what may be refused is checked before it changes
        anything.
        """
        connection = self._connection
        rows = [unit.row for unit in units if unit.row is not None]
        works = units if not rows else [unit for unit in units if unit.row is None]
        self._wait_for_disk(bool(rows) or any(unit.waits_for_disk for unit in works))
        is_one_change = len(rows) <= _ROWS_PER_STATEMENT if not works else len(units) == 1 and units[0].is_one_change
        if not is_one_change:  # a statement on its own is a transaction
            connection.execute("BEGIN IMMEDIATE")
        if rows and self._insertion is not None:
            self._insertion.run(connection, rows)
        for unit in works:
            changes = connection.total_changes
            if not _performed(unit, connection) and connection.total_changes != changes:
                return unit
        if not is_one_change:
            connection.execute("COMMIT")
        return None

    def _wait_for_disk(self, is_waiting: bool) -> None:
        if is_waiting is not self._is_waiting_for_disk:
            # In WAL mode a later commit that waits makes all before it durable, too, and none harms the file.
            self._connection.execute(f"PRAGMA synchronous = {self._synchronous if is_waiting else _NORMAL}")
            self._is_waiting_for_disk = is_waiting

    def _undo(self) -> None:
        # After some failures SQLite has rolled back by itself.
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")


def _performed(unit: _Unit, connection: sqlite3.Connection) -> bool:
    assert unit.work is not None
    unit.error = None
    try:
        unit.result = unit.work(connection)
    except sqlite3.Error:
        raise
    except Exception as error:
        # Like any executor: what the work raises is for who asked for it, and for nobody else.
        unit.error = error
        return False
    return True


def _deliver(units: list[_Unit]) -> None:
    for unit in units:
        if unit.error is not None:
            if not unit.done.done():
                unit.done.set_exception(unit.error)
            continue
        if unit.then is not None:
            unit.then(unit.result)
        if not unit.done.done():
            unit.done.set_result(unit.result)
