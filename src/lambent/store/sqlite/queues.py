"""Queues in one table. A lease is a column, so it survives a restart and runs out by itself."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import orjson

from lambent.kit.clock import Clock
from lambent.kit.ids import uuid4
from lambent.store.base import Counts, Hold, Lease, Placed, looked_at
from lambent.store.jumps import Jumps
from lambent.store.sqlite.ranges import upper_bound
from lambent.store.sqlite.reader import Reader
from lambent.store.sqlite.writer import Insertion, Writer
from lambent.store.watching import Watchers
from lambent.values import frozen

PUT = Insertion("INSERT INTO messages (queue, due, enqueued_at, body) VALUES", "(?, ?, ?, ?)")

_INSERT = "INSERT INTO messages (queue, due, enqueued_at, body, grp, sequence) VALUES (?, ?, ?, ?, ?, ?)"
_NEXT = "UPDATE sequences SET last = last + 1 RETURNING last"
_FORGET_OLD = "DELETE FROM tokens WHERE until <= ?"
_KNOWN = "SELECT sequence, label FROM tokens WHERE queue = ? AND token = ?"
_REMEMBER = "INSERT INTO tokens (queue, token, until, sequence, label) VALUES (?, ?, ?, ?, ?)"
_FORGET = "DELETE FROM tokens WHERE queue = ?"
_LATEST = "SELECT enqueued_at FROM messages ORDER BY id DESC LIMIT 1"
_FOLLOW = """
    UPDATE messages SET
        due = due + ?1, enqueued_at = enqueued_at + ?1, first_leased_at = first_leased_at + ?1
"""
_FOLLOW_TOKENS = "UPDATE tokens SET until = until + ?"
_FIRST_DUE = "SELECT due FROM messages WHERE queue = ? AND due > ? ORDER BY due LIMIT 1"
_DEPTH = "SELECT count(*) FROM messages WHERE queue = ?"
_VISIBLE_COUNT = "SELECT count(*) FROM messages WHERE queue = ? AND due <= ?"
_HIDDEN_COUNTS = "SELECT count(receipt), count(*) FROM messages WHERE queue = ? AND due > ?"
_VISIBLE = """
    SELECT id, body, attempts, enqueued_at, first_leased_at, grp, sequence FROM messages
    WHERE queue = ? AND due <= ? ORDER BY due, id LIMIT ?
"""
# A message that is hidden holds up those of its group that come after it.
_FREE_IN_ORDER = """
    WITH hidden AS (
        SELECT grp, min(id) AS first FROM messages WHERE queue = :queue AND due > :now AND grp <> '' GROUP BY grp
    )
    SELECT message.id, grp FROM messages AS message INDEXED BY messages_in_order LEFT JOIN hidden USING (grp)
    WHERE queue = :queue AND grp <> '' AND due <= :now AND (first IS NULL OR message.id < first)
    ORDER BY message.id LIMIT :looked_at
"""
_CHOSEN = """
    SELECT messages.id, body, attempts, enqueued_at, first_leased_at, grp, sequence
    FROM json_each(?) AS chosen CROSS JOIN messages ON messages.id = chosen.value ORDER BY chosen.key
"""
_LEASE = """
    UPDATE messages SET due = ?1, attempts = attempts + 1, receipt = ?2, first_leased_at = coalesce(first_leased_at, ?3)
    WHERE id IN (SELECT value FROM json_each(?4))
"""
_LEASE_ONE = _LEASE.replace("IN (SELECT value FROM json_each(?4))", "= ?4")  # three quarters of the time
_EXTEND = "UPDATE messages SET due = ? WHERE id = ? AND receipt = ? RETURNING queue"
_HOLD = "SELECT receipt, due, sequence FROM messages WHERE id = ?"
_ACK = """
    DELETE FROM messages WHERE (id, receipt) IN
        (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))
    RETURNING queue, grp
"""
_GIVE_BACK = """
    UPDATE messages SET due = ?, receipt = NULL, body = coalesce(?, body) WHERE id = ? AND receipt = ? RETURNING queue
"""
_REMOVE = "DELETE FROM messages WHERE id = ? AND receipt = ? RETURNING queue, grp"
_PURGE = "DELETE FROM messages WHERE queue = ?"
_EXPIRE = "DELETE FROM messages WHERE queue = ? AND enqueued_at < ?"
_RELEASE = """
    UPDATE messages SET due = :now, receipt = NULL
    WHERE queue >= :first AND queue < :end AND due > :now AND receipt IS NOT NULL RETURNING queue
"""
# From name to name by the index, however many messages each queue has.
_NAMES = """
    WITH RECURSIVE names (name) AS (
        SELECT min(queue) FROM messages WHERE queue >= :first AND queue < :end
        UNION ALL
        SELECT (SELECT min(queue) FROM messages WHERE queue > name AND queue < :end) FROM names WHERE name IS NOT NULL
    )
    SELECT name FROM names WHERE name IS NOT NULL
"""


Rows = list[tuple[Any, ...]]
"""Of messages: id, body, attempts, enqueued_at, first_leased_at, group, sequence."""


@frozen
class _Addition:
    """A message to be added otherwise than by PUT."""

    queue: str
    body: bytes
    due: float
    enqueued_at: float
    group: str

    def insert(self, connection: sqlite3.Connection) -> int:
        """Add it; its sequence, 0 without a group."""
        sequence: int = connection.execute(_NEXT).fetchone()[0] if self.group else 0
        row = self.queue, self.due, self.enqueued_at, self.body, self.group, sequence
        connection.execute(_INSERT, row)
        return sequence


@frozen
class _Changed:
    """How much a statement changed, and in which queues something may have become visible."""

    count: int
    queues: Iterable[str] = ()


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
        latest = reader.row(_LATEST)
        self._jumps = Jumps(clock, None if latest is None else latest[0])
        self._following: asyncio.Future[Sequence[str]] | None = None
        """While what waits is moved along with the clock."""
        self._watchers: Watchers[str] = Watchers()
        self._plenty: set[str] = set()
        """Queues whose last lease got as much as it asked for: the next need not look first whether there is any."""

    def put(self, queue: str, body: bytes, *, not_before: float = 0.0) -> asyncio.Future[None]:
        queue.encode()  # Raises for text that is none; rows are inserted together and must not fail each other.
        self._look_at_the_clock()
        now = self._clock.now()
        due = max(now, not_before)
        if self._following is not None:  # not before that: the writer takes rows first
            addition = _Addition(queue, bytes(memoryview(body)), due, now, "")
            return self._writer.submit(partial(_put, addition=addition), lambda _: self._watchers.tell(queue, queue))
        row = queue, due, now, memoryview(body)
        return self._writer.insert(row, lambda _: self._watchers.tell(queue, queue))

    async def put_once(
        self,
        queue: str,
        body: bytes,
        *,
        token: str,
        for_s: float,
        group: str,
        label: str = "",
        not_before: float = 0.0,
    ) -> Placed:
        now = await self._now()
        addition = _Addition(queue, bytes(memoryview(body)), max(now, not_before), now, group)
        work = partial(_put_once, addition=addition, token=token, until=now + for_s, label=label)
        return await self._writer.submit(work, lambda placed: self._tell((queue,) if placed.is_new else ()))

    async def lease(self, queue: str, *, limit: int, for_s: float, in_order: bool = False) -> Sequence[Lease]:
        now = await self._now()
        if limit < 1 or not (queue in self._plenty or self._has_visible(queue, now)):
            return ()
        visible = _visible_in_order if in_order else _visible
        find = partial(visible, queue=queue, now=now, limit=limit)
        work = partial(_lease, find=find, queue=queue, now=now, until=now + for_s, token=uuid4())
        leases = await self._writer.submit(work, waits_for_disk=False, is_one_change=True)
        if len(leases) == limit:
            self._plenty.add(queue)
        else:
            self._plenty.discard(queue)
        return leases

    async def extend(self, receipt: str, *, for_s: float) -> bool:
        work = partial(_extend, receipt=receipt, until=await self._now() + for_s, shows=for_s <= 0)
        return (await self._changed(work, waits_for_disk=False, is_one_change=True)) > 0

    async def hold(self, receipt: str) -> Hold | None:
        id_, token = _parts(receipt)
        row = self._reader.row(_HOLD, id_)
        return None if row is None else Hold(row[0] == token, row[1], row[2])

    async def ack(self, *receipts: str) -> int:
        return await self._changed(partial(_ack, receipts=receipts), is_one_change=True)

    async def give_back(self, receipt: str, *, delay_s: float = 0.0, body: bytes | None = None) -> bool:
        kept = None if body is None else bytes(memoryview(body))
        work = partial(_give_back, receipt=receipt, due=await self._now() + delay_s, body=kept)
        return (await self._changed(work, is_one_change=True)) > 0

    async def move(
        self, receipt: str, queue: str, body: bytes, *, group: str = "", enqueued_at: float | None = None
    ) -> bool:
        now = await self._now()
        addition = _Addition(queue, bytes(memoryview(body)), now, now if enqueued_at is None else enqueued_at, group)
        return (await self._changed(partial(_move, receipt=receipt, addition=addition))) > 0

    async def purge(self, queue: str, *, tokens: bool = False) -> int:
        self._plenty.discard(queue)
        return await self._writer.submit(partial(_purge, queue=queue, tokens=tokens))

    async def expire(self, queue: str, *, before: float) -> int:
        return await self._changed(partial(_expire, queue=queue, before=before))

    async def release(self, prefix: str) -> int:
        values = {"first": prefix, "end": upper_bound(prefix), "now": await self._now()}
        return await self._changed(partial(_release, values=values))

    async def depth(self, queue: str) -> int:
        return await self._reader.in_thread(partial(_count, statement=_DEPTH, values=(queue,)))

    async def counts(self, queue: str) -> Counts:
        return await self._reader.in_thread(partial(_counts, queue=queue, now=await self._now()))

    async def names(self, prefix: str) -> Sequence[str]:
        values = {"first": prefix, "end": upper_bound(prefix)}
        return await self._reader.in_thread(partial(_names, values=values))

    async def next_due(self, queue: str, *, after: float = 0.0) -> float | None:
        await self._now()
        return self._first_due(queue, after)

    def watch(self, seen: Callable[[str], None]) -> Callable[[], None]:
        return self._watchers.add("", seen)

    def _has_visible(self, queue: str, now: float) -> bool:
        first_due = self._first_due(queue, 0.0)
        return first_due is not None and first_due <= now

    def _first_due(self, queue: str, after: float) -> float | None:
        row = self._reader.row(_FIRST_DUE, queue, after)
        return row[0] if row is not None else None

    async def _now(self) -> float:
        """The time; if the clock was set, all that waits has gone along."""
        self._look_at_the_clock()
        if self._following is not None:
            await asyncio.shield(self._following)
        return self._clock.now()

    def _look_at_the_clock(self) -> None:
        if jump := self._jumps.last():
            self._following = self._writer.submit(partial(_follow, jump=jump), self._tell)
            self._following.add_done_callback(partial(self._followed, jump))

    def _followed(self, jump: float, done: asyncio.Future[Sequence[str]]) -> None:
        if self._following is done:
            self._following = None
        if done.cancelled() or done.exception() is not None:
            self._jumps.forget(jump)

    async def _changed(
        self,
        work: Callable[[sqlite3.Connection], _Changed],
        *,
        waits_for_disk: bool = True,
        is_one_change: bool = False,
    ) -> int:
        changed = await self._writer.submit(
            work,
            lambda changed: self._tell(changed.queues),
            waits_for_disk=waits_for_disk,
            is_one_change=is_one_change,
        )
        return changed.count

    def _tell(self, queues: Iterable[str]) -> None:
        for queue in queues:
            self._watchers.tell(queue, queue)


def _follow(connection: sqlite3.Connection, jump: float) -> Sequence[str]:
    """Move every time along with the clock; the queues that there are."""
    connection.execute(_FOLLOW, (jump,))
    connection.execute(_FOLLOW_TOKENS, (jump,))
    return _names(connection, {"first": "", "end": upper_bound("")})


def _put(connection: sqlite3.Connection, addition: _Addition) -> None:
    addition.insert(connection)


def _put_once(connection: sqlite3.Connection, addition: _Addition, token: str, until: float, label: str) -> Placed:
    connection.execute(_FORGET_OLD, (addition.enqueued_at,))
    known = connection.execute(_KNOWN, (addition.queue, token)).fetchone()
    if known is not None:
        return Placed(known[0], known[1], is_new=False)
    sequence = addition.insert(connection)
    connection.execute(_REMEMBER, (addition.queue, token, until, sequence, label))
    return Placed(sequence, label, is_new=True)


def _visible(connection: sqlite3.Connection, queue: str, now: float, limit: int) -> Rows:
    return connection.execute(_VISIBLE, (queue, now, limit)).fetchall()


def _visible_in_order(connection: sqlite3.Connection, queue: str, now: float, limit: int) -> Rows:
    """Of what is free the oldest message's group comes first, with all that can be given of it."""
    named = {"queue": queue, "now": now, "looked_at": looked_at(limit)}
    groups: dict[str, list[int]] = {}
    for id_, group in connection.execute(_FREE_IN_ORDER, named):
        groups.setdefault(group, []).append(id_)
    chosen = list(itertools.chain.from_iterable(groups.values()))[:limit]
    return connection.execute(_CHOSEN, (_json(chosen),)).fetchall()


def _lease(
    connection: sqlite3.Connection,
    find: Callable[[sqlite3.Connection], Rows],
    queue: str,
    now: float,
    until: float,
    token: str,
) -> Sequence[Lease]:
    rows = find(connection)
    if not rows:
        return ()
    if len(rows) == 1:
        connection.execute(_LEASE_ONE, (until, token, now, rows[0][0]))
    else:
        connection.execute(_LEASE, (until, token, now, _json([row[0] for row in rows])))
    return [
        Lease(
            receipt=f"{id_}.{token}",
            queue=queue,
            body=body,
            attempts=attempts + 1,
            enqueued_at=enqueued_at,
            until=until,
            first_leased_at=now if first is None else first,
            message=id_,
            group=group,
            sequence=sequence,
        )
        for id_, body, attempts, enqueued_at, first, group, sequence in rows
    ]


def _extend(connection: sqlite3.Connection, receipt: str, until: float, shows: bool) -> _Changed:
    rows = connection.execute(_EXTEND, (until, *_parts(receipt))).fetchall()
    return _Changed(len(rows), [row[0] for row in rows] if shows else ())


def _ack(connection: sqlite3.Connection, receipts: Sequence[str]) -> _Changed:
    if len(receipts) == 1:
        rows = connection.execute(_REMOVE, _parts(receipts[0])).fetchall()
    else:
        rows = connection.execute(_ACK, (_json([_parts(receipt) for receipt in receipts]),)).fetchall()
    return _Changed(len(rows), _freed(rows))


def _give_back(connection: sqlite3.Connection, receipt: str, due: float, body: bytes | None) -> _Changed:
    rows = connection.execute(_GIVE_BACK, (due, body, *_parts(receipt))).fetchall()
    return _Changed(len(rows), [row[0] for row in rows])


def _move(connection: sqlite3.Connection, receipt: str, addition: _Addition) -> _Changed:
    rows = connection.execute(_REMOVE, _parts(receipt)).fetchall()
    if not rows:
        return _Changed(0)
    addition.insert(connection)
    return _Changed(1, [addition.queue, *_freed(rows)])


def _purge(connection: sqlite3.Connection, queue: str, tokens: bool) -> int:
    if tokens:
        connection.execute(_FORGET, (queue,))
    return connection.execute(_PURGE, (queue,)).rowcount


def _expire(connection: sqlite3.Connection, queue: str, before: float) -> _Changed:
    count = connection.execute(_EXPIRE, (queue, before)).rowcount
    return _Changed(count, [queue] if count else [])


def _release(connection: sqlite3.Connection, values: Mapping[str, object]) -> _Changed:
    rows = connection.execute(_RELEASE, values).fetchall()
    return _Changed(len(rows), sorted({row[0] for row in rows}))


def _count(connection: sqlite3.Connection, statement: str, values: tuple[object, ...]) -> int:
    count: int = connection.execute(statement, values).fetchone()[0]
    return count


def _counts(connection: sqlite3.Connection, queue: str, now: float) -> Counts:
    visible = _count(connection, _VISIBLE_COUNT, (queue, now))
    leased, hidden = connection.execute(_HIDDEN_COUNTS, (queue, now)).fetchone()
    return Counts(visible, leased, hidden - leased)


def _names(connection: sqlite3.Connection, values: Mapping[str, object]) -> Sequence[str]:
    return [row[0] for row in connection.execute(_NAMES, values)]


def _freed(rows: Iterable[tuple[str, str]]) -> Sequence[str]:
    """The queues of removed messages that may have held up others of their group."""
    return sorted({queue for queue, group in rows if group})


def _parts(receipt: str) -> tuple[int, str]:
    """The row and the token; for what is no receipt, a row that never is."""
    row, _, token = receipt.partition(".")
    return (int(row), token) if row.isdecimal() and len(row) < 19 else (0, token)


def _json(values: list[int] | list[tuple[int, str]]) -> str:
    """Many values as one parameter: one statement for all of them."""
    return orjson.dumps(values).decode()
