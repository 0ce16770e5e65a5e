"""Events of some streams in the order of time, fetched in pieces whose size fits the events."""

from __future__ import annotations

import heapq
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import replace

from lambent.neighbours.logs.tokens import LAST_MS, Position
from lambent.store.base import Entry, Journals
from lambent.values import frozen

FIRST_ENTRIES = 16
MOST_ENTRIES = 8_192
PIECE_BYTES = 1 << 20
"""A piece is asked for with as many entries as would be this long, judging by the piece before."""
_MERGED_ENTRIES = 256


@frozen
class Range:
    """Events with start <= time < end and beyond `after`; `backward` is from the newest to the oldest."""

    start: int = 0
    end: int | None = None
    after: Position | None = None
    backward: bool = False

    @classmethod
    def of(cls, start: int, end: int | None, after: Position | None, *, backward: bool) -> Range:
        """From times of whatever size."""
        return cls(min(start, LAST_MS), None if end is None or end > LAST_MS else end, after, backward)


def position(entry: Entry) -> Position:
    """Where the entry stands."""
    return entry.at, entry.sequence


def size(entry: Entry) -> int:
    """The entry's text in UTF-8."""
    return len(entry.text) if entry.text.isascii() else len(entry.text.encode())


async def pieces(journals: Journals, prefixes: Sequence[str], wanted: Range) -> AsyncGenerator[Sequence[Entry], None]:
    """The entries of the journals under all prefixes, in one order, in pieces that are not empty."""
    if len(prefixes) == 1:
        async for piece in _pieces(journals, prefixes[0], wanted):
            yield piece
        return
    merged: list[Entry] = []
    async for entry in _merged(journals, prefixes, wanted):
        merged.append(entry)
        if len(merged) == _MERGED_ENTRIES:
            yield merged
            merged = []
    if merged:
        yield merged


async def _pieces(journals: Journals, prefix: str, wanted: Range) -> AsyncIterator[Sequence[Entry]]:
    limit = FIRST_ENTRIES
    while True:
        piece = await journals.read(
            prefix,
            start=wanted.start,
            end=wanted.end,
            after=wanted.after,
            limit=limit,
            reverse=wanted.backward,
        )
        if piece:
            yield piece
        if len(piece) < limit:
            return
        wanted = replace(wanted, after=position(piece[-1]))
        average = sum(map(size, piece)) // len(piece) + 1
        limit = max(1, min(MOST_ENTRIES, 8 * limit, PIECE_BYTES // average))


async def _merged(journals: Journals, prefixes: Sequence[str], wanted: Range) -> AsyncIterator[Entry]:
    sign = -1 if wanted.backward else 1
    heap: list[tuple[int, int, Entry, AsyncIterator[Entry]]] = []

    async def push_next(entries: AsyncIterator[Entry]) -> None:
        async for entry in entries:
            heapq.heappush(heap, (sign * entry.at, sign * entry.sequence, entry, entries))
            return

    for prefix in prefixes:
        await push_next(_entries(journals, prefix, wanted))
    while heap:
        *_, entry, entries = heapq.heappop(heap)
        yield entry
        await push_next(entries)


async def _entries(journals: Journals, prefix: str, wanted: Range) -> AsyncIterator[Entry]:
    async for piece in _pieces(journals, prefix, wanted):
        for entry in piece:
            yield entry
