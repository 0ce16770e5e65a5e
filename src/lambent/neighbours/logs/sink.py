"""Where functions' log lines arrive: journals at once, groups and streams behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from weakref import WeakValueDictionary

from lambent.kit.clock import Clock
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.neighbours.logs.names import ROOT, GroupRef, StreamRef
from lambent.neighbours.logs.records import Group, LogRecords, Stream
from lambent.neighbours.logs.shapes import (
    OperationAbortedException,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
)
from lambent.store.base import Journals, Record, Records, StoreUnavailable

RETRY_S = 1.0

_TRIES = 3

Append = Callable[[str, Sequence[tuple[int, str]]], None]


class SinkStream:
    """A stream that an environment writes to. Its record follows the first line, and is made anew by the first
    line after it was deleted."""

    __slots__ = ("__weakref__", "_append", "_journal", "_make", "made", "ref")

    def __init__(self, ref: StreamRef, append: Append, make: Callable[[SinkStream], None]) -> None:
        self.ref = ref
        self.made = False
        """The record is there, or somebody is about to make it."""
        self._journal = ref.journal
        self._append = append
        self._make = make

    def write(self, entries: Sequence[tuple[int, str]]) -> None:
        """Add (time in epoch milliseconds, message) pairs, without waiting."""
        self._append(self._journal, entries)
        if not self.made:
            self._make(self)


class Sink:
    """Fills log groups: the data plane's LogSink (invoke/report.py)."""

    def __init__(self, records: Records, journals: Journals, tasks: Tasks, clock: Clock, log: Log) -> None:
        self._records = LogRecords(records, journals)
        self._journals = journals
        self._tasks = tasks
        self._clock = clock
        self._log = log
        self._open: WeakValueDictionary[str, SinkStream] = WeakValueDictionary()
        self._unwatch = records.watch(ROOT, self._changed)

    def stream(self, *, account: str, region: str, group: str, stream: str) -> SinkStream:
        """The stream; its first line makes it, and its group, where they do not exist."""
        ref = StreamRef(GroupRef(account, region, group), stream)
        found = self._open.get(ref.key)
        if found is None:
            found = self._open[ref.key] = SinkStream(ref, self._journals.append, self._make)
        return found

    def close(self) -> None:
        """Stop listening for deletions."""
        self._unwatch()

    def _changed(self, key: str, record: Record | None) -> None:
        if record is None and (stream := self._open.get(key)) is not None:
            stream.made = False

    def _make(self, stream: SinkStream) -> None:
        stream.made = True
        self._tasks.start(f"log stream {stream.ref.arn}", self._made(stream.ref))

    async def _made(self, ref: StreamRef) -> None:
        """Make the stream, however often it takes; its lines are safe in the journal meanwhile."""
        while True:
            try:
                return await self._ensure(ref)
            except (StoreUnavailable, OperationAbortedException, ResourceNotFoundException) as error:
                self._log.warning("log_stream_not_made", stream=ref.arn, reason=error, retry_s=RETRY_S)
            await asyncio.sleep(RETRY_S)

    async def _ensure(self, ref: StreamRef) -> None:
        """Make the group and the stream unless they exist, also while somebody keeps deleting the group."""
        now_ms = int(self._clock.now() * 1000)
        for left in reversed(range(_TRIES)):
            if not await self._records.has_group(ref.group):
                with suppress(ResourceAlreadyExistsException):
                    await self._records.add_group(ref.group, Group(name=ref.group.name, created_ms=now_ms))
            try:
                with suppress(ResourceAlreadyExistsException):
                    await self._records.add_stream(ref, Stream(name=ref.name, created_ms=now_ms))
            except ResourceNotFoundException:
                if not left:
                    raise
            else:
                return
