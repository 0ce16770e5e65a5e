"""Reading journals in the order of time: a lazy merge of journals, their chunks and their lines.

Each is known by a bound (no line in it comes earlier) before it is opened, so a read opens what its first `limit`
lines need and nothing else, whether it goes over one journal or over a hundred thousand.
"""

from __future__ import annotations

import heapq
import itertools
import sqlite3
from collections.abc import Iterator
from typing import Union

from lambent.store.base import Entry
from lambent.store.sqlite.packing import SPAN_MS, unpack
from lambent.store.sqlite.ranges import upper_bound
from lambent.values import frozen

Position = tuple[int, int]
"""Where a line stands: (at, sequence). In a descending read both are negated, so that the heap still gives the next."""

Steps = Iterator[tuple[Position, Union[Entry, "Steps"]]]
"""Entries, or steps to be opened when nothing stands before their position; positions never fall."""

BEFORE_ALL = -(1 << 63)
AFTER_ALL = (1 << 63) - 1

_JOURNALS = """
    SELECT id, name, first_at, last_at FROM journals
    WHERE name >= ? AND name < ? AND last_at >= ? AND first_at <= ? ORDER BY
"""
_CHUNKS = """
    SELECT first_at, last_at, first_sequence, written_at, packed FROM chunks INDEXED BY chunks_by_start
    WHERE journal = ? AND first_at BETWEEN ? AND ? AND last_at >= ? ORDER BY first_at
"""
_CHUNKS_DESCENDING = """
    SELECT first_at, last_at, first_sequence, written_at, packed FROM chunks INDEXED BY chunks_by_end
    WHERE journal = ? AND last_at BETWEEN ? AND ? AND first_at <= ? ORDER BY last_at DESC
"""


@frozen
class Window:
    """The lines that are wanted: under `prefix`, and strictly between the two positions."""

    prefix: str
    low: Position
    high: Position
    descending: bool

    @classmethod
    def of(cls, prefix: str, *, start: int, end: int | None, after: Position | None, reverse: bool) -> Window:
        """From what `Journals.read` (store/base.py) takes."""
        low = start, BEFORE_ALL
        high = end if end is not None else AFTER_ALL, BEFORE_ALL
        if after is not None:
            low, high = (low, min(high, after)) if reverse else (max(low, after), high)
        return cls(prefix, low, high, reverse)


def read(connection: sqlite3.Connection, window: Window, limit: int) -> list[Entry]:
    """The first `limit` entries of the window, all from one snapshot."""
    connection.execute("BEGIN")
    try:
        return list(itertools.islice(_in_order(_journals(connection, window)), max(0, limit)))
    finally:
        connection.execute("COMMIT")


def _in_order(root: Steps) -> Iterator[Entry]:
    number = itertools.count()
    heap: list[tuple[Position, int, Entry | Steps, Steps]] = []

    def push_next(steps: Steps) -> None:
        for position, item in steps:
            heapq.heappush(heap, (position, next(number), item, steps))
            return

    push_next(root)
    while heap:
        _, _, item, steps = heapq.heappop(heap)
        if isinstance(item, Entry):
            yield item
            # The next line is mostly of the same chunk: ask that one first.
            for position, following in steps:
                if isinstance(following, Entry) and (not heap or position < heap[0][0]):
                    yield following
                else:
                    heapq.heappush(heap, (position, next(number), following, steps))
                    break
        else:
            push_next(steps)
            push_next(item)


def _journals(connection: sqlite3.Connection, window: Window) -> Steps:
    order = "last_at DESC" if window.descending else "first_at"
    bounds = window.prefix, upper_bound(window.prefix), window.low[0], window.high[0]
    for id_, name, first_at, last_at in connection.execute(f"{_JOURNALS} {order}", bounds):
        yield _bound(first_at, last_at, window), _chunks(connection, id_, name, window)


def _chunks(connection: sqlite3.Connection, journal: int, name: str, window: Window) -> Steps:
    low, high = window.low[0], window.high[0]
    # No chunk reaches further than SPAN_MS, so one that reaches into the window begins and ends near it.
    if window.descending:
        rows = connection.execute(_CHUNKS_DESCENDING, (journal, low, min(high + SPAN_MS, AFTER_ALL), high))
    else:
        rows = connection.execute(_CHUNKS, (journal, max(low - SPAN_MS, BEFORE_ALL), high, low))
    for row in rows:
        yield _bound(row[0], row[1], window), _lines(name, row, window)


def _lines(name: str, row: tuple[int, int, int, int, bytes], window: Window) -> Steps:
    first_at, _, first_sequence, written_at, packed = row
    lines = unpack(first_at, first_sequence, packed)
    low, high = window.low, window.high
    sign = -1 if window.descending else 1
    for at, sequence, text in reversed(lines) if window.descending else lines:
        if low < (at, sequence) < high:
            yield (sign * at, sign * sequence), Entry(name, sequence, at, written_at, text)


def _bound(first_at: int, last_at: int, window: Window) -> Position:
    """A position before every line between the two times."""
    return (-last_at, BEFORE_ALL) if window.descending else (first_at, BEFORE_ALL)
