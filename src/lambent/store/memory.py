"""The four protocols in memory, for tests. They pass the same contract suite as the durable ones, and forget."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lambent.kit.clock import Clock, SystemClock
from lambent.kit.ids import uuid4
from lambent.store.base import (
    ABSENT,
    Change,
    Counts,
    Delete,
    Entry,
    Hold,
    Lease,
    Placed,
    Put,
    Record,
    RevisionMismatch,
    Span,
    Store,
    Unchanged,
    looked_at,
)
from lambent.store.jumps import Jumps
from lambent.store.watching import Watchers
from lambent.values import frozen


def memory_store(clock: Clock | None = None) -> Store:
    """A store that is empty and ends with the process."""
    clock = clock if clock is not None else SystemClock()
    return Store(MemoryRecords(), MemoryQueues(clock), MemoryBlobs(), MemoryJournals(clock))


class MemoryRecords:
    """`Records` (store/base.py) in a dictionary."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._revision = 0
        self._watchers: Watchers[str, Record | None] = Watchers()

    async def get(self, key: str) -> Record | None:
        return self._records.get(key)

    async def list(self, prefix: str, *, after: str = "", limit: int = 1000) -> Sequence[Record]:
        keys = sorted(key for key in self._records if key.startswith(prefix) and key > after)
        return [self._records[key] for key in keys[: max(0, limit)]]

    async def write(self, *changes: Change) -> int:
        for change in changes:
            self._check(change)
        self._revision += 1
        revision = self._revision
        told = [self._apply(change, revision) for change in changes if not isinstance(change, Unchanged)]
        for key, before, after in told:
            if before is not None or after is not None:
                self._watchers.tell(key, key, after)
        # Others get their turn, as they would while a file is written.
        await asyncio.sleep(0)
        return revision

    def watch(self, prefix: str, seen: Callable[[str, Record | None], None]) -> Callable[[], None]:
        return self._watchers.add(prefix, seen)

    def _check(self, change: Change) -> None:
        change.key.encode()
        record = self._records.get(change.key)
        actual = record.revision if record is not None else ABSENT
        if change.expect is not None and change.expect != actual:
            raise RevisionMismatch(change.key, change.expect, actual)

    def _apply(self, change: Put | Delete, revision: int) -> tuple[str, Record | None, Record | None]:
        before = self._records.pop(change.key, None)
        if not isinstance(change, Put):
            return change.key, before, None
        after = Record(change.key, bytes(change.value), revision)
        self._records[change.key] = after
        return change.key, before, after


@frozen
class _Message:
    """A message; `receipt` is the present lease's, and None when there is none."""

    number: int
    queue: str
    body: bytes
    due: float
    enqueued_at: float
    group: str = ""
    sequence: int = 0
    attempts: int = 0
    first_leased_at: float | None = None
    receipt: str | None = None


class MemoryQueues:
    """`Queues` (store/base.py) in a dictionary."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jumps = Jumps(clock)
        self._messages: dict[int, _Message] = {}
        self._leases: dict[str, int] = {}
        self._tokens: dict[tuple[str, str], tuple[float, int, str]] = {}
        """(until, sequence, label) by queue and token."""
        self._number = 0
        self._sequence = 0
        self._watchers: Watchers[str] = Watchers()

    def put(self, queue: str, body: bytes, *, not_before: float = 0.0) -> asyncio.Future[None]:
        queue.encode()
        now = self._now()
        self._add(queue, body, max(now, not_before), now)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Others get their turn, as they would while a file is written.
        done.get_loop().call_soon(_finish, done)
        return done

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
        now = self._now()
        known = self._tokens.get((queue, token))
        if known is not None and known[0] > now:
            return Placed(known[1], known[2], is_new=False)
        sequence = self._add(queue, body, max(now, not_before), now, group)
        self._tokens[queue, token] = now + for_s, sequence, label
        await asyncio.sleep(0)
        return Placed(sequence, label, is_new=True)

    async def lease(self, queue: str, *, limit: int, for_s: float, in_order: bool = False) -> Sequence[Lease]:
        now = self._now()
        if in_order:
            visible = [message for message in self._of(queue) if message.group and message.due <= now]
            free = [message for message in visible if not self._is_held_up(message, now)][: looked_at(max(0, limit))]
            heads: dict[str, int] = {}
            for message in free:
                heads.setdefault(message.group, message.number)
            free.sort(key=lambda message: (heads[message.group], message.number))
        else:
            visible = [message for message in self._of(queue) if message.due <= now]
            free = sorted(visible, key=lambda message: (message.due, message.number))
        return [self._lease(message, now, now + for_s) for message in free[: max(0, limit)]]

    async def extend(self, receipt: str, *, for_s: float) -> bool:
        message = self._held(receipt)
        if message is None:
            return False
        self._messages[message.number] = replace(message, due=self._now() + for_s)
        if for_s <= 0:
            self._watchers.tell(message.queue, message.queue)
        return True

    async def hold(self, receipt: str) -> Hold | None:
        number, _, _ = receipt.partition(".")
        message = self._messages.get(int(number)) if number.isdecimal() and len(number) < 19 else None
        return None if message is None else Hold(message.receipt == receipt, message.due, message.sequence)

    async def ack(self, *receipts: str) -> int:
        held = {message.number: message for receipt in receipts if (message := self._held(receipt)) is not None}
        for message in held.values():
            self._remove(message)
        for queue in sorted({message.queue for message in held.values() if message.group}):
            self._watchers.tell(queue, queue)
        return len(held)

    async def give_back(self, receipt: str, *, delay_s: float = 0.0, body: bytes | None = None) -> bool:
        message = self._held(receipt)
        if message is None:
            return False
        del self._leases[receipt]
        kept = message.body if body is None else bytes(memoryview(body))
        due = self._now() + delay_s
        self._messages[message.number] = replace(message, due=due, receipt=None, body=kept)
        self._watchers.tell(message.queue, message.queue)
        return True

    async def move(
        self, receipt: str, queue: str, body: bytes, *, group: str = "", enqueued_at: float | None = None
    ) -> bool:
        message = self._held(receipt)
        if message is None:
            return False
        self._remove(message)
        now = self._now()
        self._add(queue, body, now, now if enqueued_at is None else enqueued_at, group)
        if message.group:
            self._watchers.tell(message.queue, message.queue)
        return True

    async def purge(self, queue: str, *, tokens: bool = False) -> int:
        messages = self._of(queue)
        for message in messages:
            self._remove(message)
        if tokens:
            self._tokens = {key: value for key, value in self._tokens.items() if key[0] != queue}
        return len(messages)

    async def expire(self, queue: str, *, before: float) -> int:
        old = [message for message in self._of(queue) if message.enqueued_at < before]
        for message in old:
            self._remove(message)
        if old:
            self._watchers.tell(queue, queue)
        return len(old)

    async def release(self, prefix: str) -> int:
        now = self._now()
        leased = [
            message
            for message in self._messages.values()
            if message.queue.startswith(prefix) and message.receipt is not None and message.due > now
        ]
        for message in leased:
            self._leases.pop(message.receipt or "", None)
            self._messages[message.number] = replace(message, due=now, receipt=None)
        for queue in sorted({message.queue for message in leased}):
            self._watchers.tell(queue, queue)
        return len(leased)

    async def depth(self, queue: str) -> int:
        return len(self._of(queue))

    async def counts(self, queue: str) -> Counts:
        now = self._now()
        hidden = [message for message in self._of(queue) if message.due > now]
        leased = sum(message.receipt is not None for message in hidden)
        return Counts(len(self._of(queue)) - len(hidden), leased, len(hidden) - leased)

    async def names(self, prefix: str) -> Sequence[str]:
        return sorted({message.queue for message in self._messages.values() if message.queue.startswith(prefix)})

    async def next_due(self, queue: str, *, after: float = 0.0) -> float | None:
        self._now()
        return min((message.due for message in self._of(queue) if message.due > after), default=None)

    def watch(self, seen: Callable[[str], None]) -> Callable[[], None]:
        return self._watchers.add("", seen)

    def _now(self) -> float:
        """The time; if the clock was set, all that waits has gone along."""
        if jump := self._jumps.last():
            for number, message in self._messages.items():
                first = None if message.first_leased_at is None else message.first_leased_at + jump
                due, enqueued_at = message.due + jump, message.enqueued_at + jump
                self._messages[number] = replace(message, due=due, enqueued_at=enqueued_at, first_leased_at=first)
            self._tokens = {
                key: (until + jump, sequence, label) for key, (until, sequence, label) in self._tokens.items()
            }
            for queue in sorted({message.queue for message in self._messages.values()}):
                self._watchers.tell(queue, queue)
        return self._clock.now()

    def _of(self, queue: str) -> list[_Message]:
        return [message for message in self._messages.values() if message.queue == queue]

    def _add(self, queue: str, body: bytes, due: float, enqueued_at: float, group: str = "") -> int:
        sequence = 0
        if group:
            self._sequence += 1
            sequence = self._sequence
        self._number += 1
        body = bytes(memoryview(body))
        self._messages[self._number] = _Message(self._number, queue, body, due, enqueued_at, group, sequence)
        self._watchers.tell(queue, queue)
        return sequence

    def _remove(self, message: _Message) -> None:
        self._leases.pop(message.receipt or "", None)
        del self._messages[message.number]

    def _is_held_up(self, message: _Message, now: float) -> bool:
        """Whether another of its group has to come first."""
        return any(
            other.group == message.group and other.due > now and other.number < message.number
            for other in self._of(message.queue)
        )

    def _held(self, receipt: str) -> _Message | None:
        number = self._leases.get(receipt)
        return self._messages[number] if number is not None else None

    def _lease(self, message: _Message, now: float, until: float) -> Lease:
        receipt = f"{message.number}.{uuid4()}"
        self._leases.pop(message.receipt or "", None)
        self._leases[receipt] = message.number
        first = now if message.first_leased_at is None else message.first_leased_at
        leased = replace(message, due=until, attempts=message.attempts + 1, receipt=receipt, first_leased_at=first)
        self._messages[message.number] = leased
        return Lease(
            receipt,
            message.queue,
            message.body,
            leased.attempts,
            message.enqueued_at,
            until,
            first,
            message.number,
            message.group,
            message.sequence,
        )


class MemoryBlobs:
    """`Blobs` (store/base.py) in a dictionary, with a temporary folder for those whose path is asked for."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    async def put(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        self._blobs[digest] = bytes(data)
        return digest

    async def get(self, digest: str) -> bytes | None:
        return self._blobs.get(digest)

    async def path(self, digest: str) -> Path | None:
        if digest not in self._blobs:
            return None
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="lambent-blobs-")
        path = Path(self._folder.name, digest)
        path.write_bytes(self._blobs[digest])
        return path

    async def delete(self, digest: str) -> None:
        self._blobs.pop(digest, None)
        if self._folder is not None and digest.isalnum():
            Path(self._folder.name, digest).unlink(missing_ok=True)

    async def digests(self) -> AsyncIterator[str]:
        for digest in tuple(self._blobs):
            yield digest


class MemoryJournals:
    """`Journals` (store/base.py) in lists."""

    def __init__(self, clock: Clock, *, backlog_bytes: int = 64 << 20) -> None:
        """What was not flushed counts as backlog, though nothing waits for a file here."""
        self._clock = clock
        self._limit = backlog_bytes
        self._journals: defaultdict[str, list[Entry]] = defaultdict(list)
        self._sequence = 0
        self._backlog = 0
        self._dropped = 0

    @property
    def dropped(self) -> int:
        return self._dropped

    def append(self, journal: str, entries: Sequence[tuple[int, str]]) -> None:
        journal.encode()
        for at, _ in entries:
            if not 0 <= at <= 1 << 62:
                raise ValueError(f"{at} is no time in epoch milliseconds")
        size = sum(len(text.encode("utf-8", "replace")) for _, text in entries)
        if self._backlog + size > self._limit:
            self._dropped += len(entries)
            return
        self._backlog += size
        written_at = int(self._clock.now() * 1000)
        for at, text in entries:
            self._sequence += 1
            mended = text.encode("utf-8", "replace").decode()
            self._journals[journal].append(Entry(journal, self._sequence, at, written_at, mended))

    async def flush(self) -> None:
        self._backlog = 0

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
        await self.flush()
        wanted = [
            entry
            for name, entries in self._journals.items()
            if name.startswith(prefix)
            for entry in entries
            if start <= entry.at and (end is None or entry.at < end) and _beyond(entry, after, reverse=reverse)
        ]
        wanted.sort(key=_position, reverse=reverse)
        return wanted[: max(0, limit)]

    async def span(self, journal: str) -> tuple[int, int, int, int] | None:
        await self.flush()
        entries = self._journals.get(journal)
        if not entries:
            return None
        times = [entry.at for entry in entries]
        written_at = max(entry.written_at for entry in entries)
        return min(times), max(times), written_at, sum(len(entry.text.encode()) for entry in entries)

    async def spans(self, prefix: str) -> Mapping[str, Span]:
        names = [name for name in self._journals if name.startswith(prefix)]
        return {name: Span(*span) for name in names if (span := await self.span(name)) is not None}

    async def delete(self, prefix: str, *, before: int | None = None) -> None:
        await self.flush()
        for name in [name for name in self._journals if name.startswith(prefix)]:
            kept = [entry for entry in self._journals[name] if before is not None and entry.at >= before]
            if kept:
                self._journals[name] = kept
            else:
                del self._journals[name]


def _finish(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def _position(entry: Entry) -> tuple[int, int]:
    return entry.at, entry.sequence


def _beyond(entry: Entry, after: tuple[int, int] | None, *, reverse: bool) -> bool:
    if after is None:
        return True
    return _position(entry) < after if reverse else _position(entry) > after
