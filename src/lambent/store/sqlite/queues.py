"""Queues in one table with one index. A lease is a column, so it survives a restart and runs out by itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial

import orjson

from lambent.kit.clock import Clock
from lambent.kit.ids import uuid4
from lambent.store.base import Lease
from lambent.store.sqlite.reader import Reader
from lambent.store.sqlite.writer import Insertion, Writer
from lambent.store.watching import Watchers

PUT = Insertion("INSERT INTO messages (queue, due, enqueued_at, body) VALUES", "(?, ?, ?, ?)")

_FIRST_DUE = "SELECT due FROM messages WHERE queue = ? ORDER BY due LIMIT 1"
_COUNT = "SELECT count(*) FROM messages WHERE queue = ?"
_VISIBLE = """
    SELECT id, body, attempts, enqueued_at FROM messages WHERE queue = ? AND due <= ? ORDER BY due, id LIMIT ?
"""
_LEASE = """
    UPDATE messages SET due = ?, attempts = attempts + 1, receipt = ? WHERE id IN (SELECT value FROM json_each(?))
"""
_EXTEND = "UPDATE messages SET due = ? WHERE id = ? AND receipt = ?"
_ACK = """
    DELETE FROM messages WHERE (id, receipt) IN
        (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))
"""
_QUEUE = "SELECT queue FROM messages WHERE id = ? AND receipt = ?"
_GIVE_BACK = "UPDATE messages SET due = ?, receipt = NULL WHERE id = ?"


class SqliteQueues:
    """`Queues` (store/base.py) on one file.

    A receipt is the message's row and a token of the lease. It stays good after the lease has run out, until
    somebody else takes the message.
    """

    def __init__(self, writer: Writer, reader: Reader, clock: Clock) -> None:
        """`writer` must have been made with PUT as its insertion."""
        self._writer = writer
        self._reader = reader
        self._clock = clock
        self._watchers: Watchers[str] = Watchers()

    async def put(self, queue: str, body: bytes, *, not_before: float = 0.0) -> None:
        queue.encode()  # Raises for text that is none; rows are inserted together and must not fail each other.
        now = self._clock.now()
        row = queue, max(now, not_before), now, memoryview(body)
        await self._writer.insert(row, lambda _: self._watchers.tell(queue, queue))

    async def lease(self, queue: str, *, limit: int, for_s: float) -> Sequence[Lease]:
        now = self._clock.now()
        first_due = await self.next_due(queue)
        if limit < 1 or first_due is None or first_due > now:
            return ()
        work = partial(_lease, queue=queue, now=now, limit=limit, until=now + for_s, token=uuid4())
        return await self._writer.submit(work)

    async def extend(self, receipt: str, *, for_s: float) -> bool:
        return await self._writer.submit(partial(_extend, receipt=receipt, until=self._clock.now() + for_s))

    async def ack(self, *receipts: str) -> int:
        return await self._writer.submit(partial(_ack, receipts=receipts))

    async def give_back(self, receipt: str, *, delay_s: float = 0.0) -> bool:
        work = partial(_give_back, receipt=receipt, due=self._clock.now() + delay_s)
        return await self._writer.submit(work, self._given_back) is not None

    async def depth(self, queue: str) -> int:
        return await self._reader.in_thread(partial(_count, queue=queue))

    async def next_due(self, queue: str) -> float | None:
        row = self._reader.row(_FIRST_DUE, queue)
        return row[0] if row is not None else None

    def watch(self, seen: Callable[[str], None]) -> Callable[[], None]:
        return self._watchers.add("", seen)

    def _given_back(self, queue: str | None) -> None:
        if queue is not None:
            self._watchers.tell(queue, queue)


def _lease(
    connection: sqlite3.Connection, queue: str, now: float, limit: int, until: float, token: str
) -> Sequence[Lease]:
    rows = connection.execute(_VISIBLE, (queue, now, limit)).fetchall()
    connection.execute(_LEASE, (until, token, _json([row[0] for row in rows])))
    return [
        Lease(f"{id_}.{token}", queue, body, attempts + 1, enqueued_at, until)
        for id_, body, attempts, enqueued_at in rows
    ]


def _extend(connection: sqlite3.Connection, receipt: str, until: float) -> bool:
    return connection.execute(_EXTEND, (until, *_parts(receipt))).rowcount > 0


def _ack(connection: sqlite3.Connection, receipts: Sequence[str]) -> int:
    return connection.execute(_ACK, (_json([_parts(receipt) for receipt in receipts]),)).rowcount


def _give_back(connection: sqlite3.Connection, receipt: str, due: float) -> str | None:
    """The queue, or None when the lease is no longer the caller's."""
    row = connection.execute(_QUEUE, _parts(receipt)).fetchone()
    if row is None:
        return None
    connection.execute(_GIVE_BACK, (due, _parts(receipt)[0]))
    queue: str = row[0]
    return queue


def _count(connection: sqlite3.Connection, queue: str) -> int:
    count: int = connection.execute(_COUNT, (queue,)).fetchone()[0]
    return count


def _parts(receipt: str) -> tuple[int, str]:
    """The row and the token; for what is no receipt, a row that never is."""
    row, _, token = receipt.partition(".")
    return (int(row), token) if row.isdecimal() and len(row) < 19 else (0, token)


def _json(values: list[int] | list[tuple[int, str]]) -> str:
    """Many values as one parameter: one statement for all of them."""
    return orjson.dumps(values).decode()
