"""The four protocols of durable state, their values and their errors. Nothing else touches storage.

`Records` for what is looked up, `Queues` for what is to be done, `Blobs` for bytes by digest, `Journals` for
what was said (logs). Whatever is cleverer than these is built on them once, above.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from lambent.values import frozen

ABSENT = 0
"""As `expect`: the key must not exist."""


class StoreUnavailable(Exception):
    """The store could not do it (disk full, file damaged, closed); nothing was changed."""


class RevisionMismatch(Exception):
    """A write named a revision that is not the record's (or ABSENT, and there is a record)."""

    def __init__(self, key: str, expected: int, actual: int) -> None:
        super().__init__(f"{key}: expected revision {expected}, found {actual}")
        self.key, self.expected, self.actual = key, expected, actual


@frozen
class Record:
    """A value under a key; `revision` rises with every write of the store and is never used twice."""

    key: str
    value: bytes
    revision: int


@frozen
class Put:
    """Write `value` under `key`; with `expect`, only if the record's revision is that (or ABSENT)."""

    key: str
    value: bytes
    expect: int | None = None


@frozen
class Delete:
    """Remove `key`, which need not exist; with `expect`, only if the record's revision is that."""

    key: str
    expect: int | None = None


@frozen
class Unchanged:
    """Write nothing here, but make the other changes only if the record's revision is `expect`."""

    key: str
    expect: int


Change = Put | Delete | Unchanged


class Records(Protocol):
    """Keyed values with revisions. Keys are text, `/`-separated, ordered by code point."""

    async def get(self, key: str) -> Record | None:
        """The record under `key`, or None."""

    async def list(self, prefix: str, *, after: str = "", limit: int = 1000) -> Sequence[Record]:
        """Records whose key starts with `prefix`, in key order, only keys greater than `after`."""

    async def write(self, *changes: Change) -> int:
        """Make all changes or none; durable (fsynced) when it returns. The result is the new revision, which
        every record put by this call bears. Raises RevisionMismatch for the first `expect` that fails."""

    def watch(self, prefix: str, seen: Callable[[str, Record | None], None]) -> Callable[[], None]:
        """Call `seen(key, record or None when deleted)` on the event loop after every change under `prefix`, in
        commit order and before the write that made it returns. The result ends the watch."""


@frozen
class Lease:
    """A message taken for some time: `receipt` settles it, `attempts` counts leases, this one included."""

    receipt: str
    queue: str
    body: bytes
    attempts: int
    enqueued_at: float
    until: float
    first_leased_at: float
    """When its first lease began: this one's beginning if `attempts` is 1."""
    message: int
    """The message, whoever leases it; another may bear the number when it is gone."""
    group: str = ""
    sequence: int = 0
    """What `put_once` or `move` gave it; 0 for a message without a group."""


class Placed(NamedTuple):
    """What became of a `put_once`."""

    sequence: int
    """Rises with every message in order that the store gets, and is never used twice."""
    label: str
    """As the put gave it that added the message."""
    is_new: bool
    """False: another with the same token had added it, and this one added nothing."""


class Counts(NamedTuple):
    """How many messages of a queue can be taken, are taken, and wait for their time."""

    visible: int
    leased: int
    delayed: int


class Hold(NamedTuple):
    """What has become of a lease."""

    is_ours: bool
    """Nobody else has taken the message since, be the lease's time over or not."""
    until: float
    """When the message becomes visible, or since when it is."""
    sequence: int
    """The message's; 0 for one without a group."""


def looked_at(limit: int) -> int:
    """How many messages in order `lease` looks at to give `limit` of them, several of one group at once."""
    return limit if limit <= 1 else 8 * limit


class Queues(Protocol):
    """Durable, at-least-once queues; a queue exists as soon as something is put into it. Times are epoch seconds;
    when the clock is set, those that are kept here go along, so that what is left of a delay or a lease stays the same.

    What changes a queue is durable (fsynced) when it returns, but for leases and their extensions: those survive the
    process, and after a loss of power a message may be visible earlier. Messages of one group keep their order if they
    are leased in order: none is given out while one before it is leased or hidden.
    """

    def put(self, queue: str, body: bytes, *, not_before: float = 0.0) -> asyncio.Future[None]:
        """Add a message without a group, visible from `not_before` on. Who has thousands need no task for each."""

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
        """Add a message of a group (not an empty one), unless the same token has added one to the queue within its
        `for_s` seconds."""

    async def lease(self, queue: str, *, limit: int, for_s: float, in_order: bool = False) -> Sequence[Lease]:
        """Take up to `limit` visible messages and hide them from others for `for_s` seconds: oldest visibility first,
        or with `in_order` those that have a group, in the order of putting, as many of one group as it can find."""

    async def extend(self, receipt: str, *, for_s: float) -> bool:
        """Keep a leased message hidden for `for_s` seconds from now; False when the lease is no longer ours. With 0 the
        message is visible at once, and the receipt is good until somebody takes it."""

    async def hold(self, receipt: str) -> Hold | None:
        """What has become of a lease; None when its message is gone. Of a message without a group another one may be
        spoken of then, which is not ours."""

    async def ack(self, *receipts: str) -> int:
        """Remove leased messages; how many of them were still ours."""

    async def give_back(self, receipt: str, *, delay_s: float = 0.0, body: bytes | None = None) -> bool:
        """Make a leased message visible again after `delay_s`, with another body if one is given; False when the lease
        is no longer ours. With a negative delay it comes before what became visible later than that ago."""

    async def move(
        self, receipt: str, queue: str, body: bytes, *, group: str = "", enqueued_at: float | None = None
    ) -> bool:
        """Remove a leased message and put `body` into `queue`, visible at once, both or neither; `enqueued_at`: now, or
        the age that it keeps. False when the lease is no longer ours."""

    async def purge(self, queue: str, *, tokens: bool = False) -> int:
        """Remove all messages, leased ones too, and with `tokens` what `put_once` remembers; how many messages."""

    async def expire(self, queue: str, *, before: float) -> int:
        """Remove the messages that were put before a time, leased ones too; how many."""

    async def release(self, prefix: str) -> int:
        """End the leases in all queues under `prefix`, for whoever knows that none of their holders lives; how many."""

    async def depth(self, queue: str) -> int:
        """Messages in the queue, leased and delayed ones included."""

    async def counts(self, queue: str) -> Counts:
        """The same, told apart."""

    async def names(self, prefix: str) -> Sequence[str]:
        """The queues under `prefix` that are not empty, in order."""

    async def next_due(self, queue: str, *, after: float = 0.0) -> float | None:
        """The earliest time later than `after` at which a message was or becomes visible (its lease's end when it is
        leased); None when there is none."""

    def watch(self, seen: Callable[[str], None]) -> Callable[[], None]:
        """Call `seen(queue)` on the event loop whenever, other than by time, something in a queue may have become
        visible: after a put, move, give_back, release, `extend` by 0, and after a message with a group was removed. The
        result ends the watch."""


class Blobs(Protocol):
    """Bytes by their SHA-256 in lower-case hex. Writing the same bytes twice is one blob."""

    async def put(self, data: bytes) -> str:
        """Store `data` durably; its digest."""

    async def get(self, digest: str) -> bytes | None:
        """The bytes, or None."""

    async def path(self, digest: str) -> Path | None:
        """A local file with the bytes (never to be written to), or None."""

    async def delete(self, digest: str) -> None:
        """Forget the blob, which need not exist."""

    def digests(self) -> AsyncIterator[str]:
        """Every digest there is, in no order."""


@frozen
class Entry:
    """One entry of a journal: `at` and `written_at` in epoch milliseconds; `sequence` is unique in the store and
    rises in the order of appending."""

    journal: str
    sequence: int
    at: int
    written_at: int
    text: str


class Span(NamedTuple):
    """What a journal covers: its first, last and latest written times in epoch milliseconds, its texts' bytes."""

    first: int
    last: int
    written_at: int
    size: int


class Journals(Protocol):
    """Append-only texts ordered by time, made for logs. A journal exists as soon as something is appended.

    Journal names are `/`-separated; reading goes over one journal or all under a prefix.
    """

    def append(self, journal: str, entries: Sequence[tuple[int, str]]) -> None:
        """Add (time in epoch milliseconds, text) pairs without waiting: written in a batch within 50 ms. A full
        backlog (a limit in bytes) drops the newest and counts it in `dropped`."""

    async def flush(self) -> None:
        """Return when everything appended before has been committed; it then survives the end of the process."""

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
        """Entries of the journals whose name starts with `prefix`, with start <= at < end, ordered by (at,
        sequence), or the opposite when `reverse`; only those beyond `after`, an (at, sequence) pair."""

    async def span(self, journal: str) -> tuple[int, int, int, int] | None:
        """(first at, last at, last written_at, bytes of text) of one journal, or None when there is none."""

    async def spans(self, prefix: str) -> Mapping[str, Span]:
        """What each journal covers that is not empty and whose name starts with `prefix`, by its name."""

    async def delete(self, prefix: str, *, before: int | None = None) -> None:
        """Remove entries with at < `before`, or everything, of the journals under `prefix`; durable on return."""

    @property
    def dropped(self) -> int:
        """Entries dropped since the start because the backlog was full."""


@frozen
class Store:
    """The four together, as app.py builds them."""

    records: Records
    queues: Queues
    blobs: Blobs
    journals: Journals
