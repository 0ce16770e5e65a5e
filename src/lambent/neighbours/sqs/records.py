"""Queues in the store, and in a view of it that a watch keeps current: no request waits for a record to be read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace

import orjson

from lambent.kit.ids import small_id
from lambent.neighbours.sqs.attributes import Rules
from lambent.neighbours.sqs.errors import no_queue
from lambent.neighbours.sqs.names import ROOT, QueueRef, kind_of_key, ref_of_key
from lambent.neighbours.sqs.shapes import QueueDeletedRecently
from lambent.ports import Ports
from lambent.store.base import ABSENT, Delete, Put, Record, RevisionMismatch
from lambent.values import frozen

REST_S = 60
"""How long after its deletion a queue may not be made again, and after a purge not be purged again."""
_TRIES = 3
_ID_LENGTH = 10


@frozen(kw_only=True)
class Queue:
    """A queue as it is now."""

    ref: QueueRef
    id: str
    """Another one for each queue of the same name."""
    created_s: int
    modified_s: int
    attributes: Mapping[str, str]
    """As they were set; those that nobody set are not among them."""
    tags: Mapping[str, str] = field(default_factory=dict)
    revision: int = 0
    rules: Rules = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", Rules.of(self.attributes, is_fifo=self.ref.is_fifo))

    def stored(self) -> bytes:
        """What is kept of it in its record."""
        return orjson.dumps(
            {
                "id": self.id,
                "created_s": self.created_s,
                "modified_s": self.modified_s,
                "attributes": self.attributes,
                "tags": self.tags,
            }
        )

    @classmethod
    def load(cls, ref: QueueRef, record: Record) -> Queue:
        """The queue of a record."""
        return cls(ref=ref, revision=record.revision, **orjson.loads(record.value))


class QueueRecords:
    """All queues. To be had by `ports.shared(QueueRecords)`: the view is one for all.

    A deletion concerns records and messages, which no single write covers. So the record goes in one write that also
    leaves a tombstone; then the messages go. A crash in between leaves the tombstone, and `finish_deletions` does the
    rest. Tombstones stay until a queue of that name may be made again.
    """

    def __init__(self, ports: Ports) -> None:
        self._records = ports.records
        self._messages = ports.queues
        self._clock = ports.clock
        self._rest_s = 0 if ports.trust.dev else REST_S
        self._queues: dict[QueueRef, Queue] = {}
        self._ready = False
        self._loading = asyncio.Lock()

    async def ready(self) -> None:
        """Return when the view is complete; to be awaited before anything else is asked."""
        if self._ready:
            return
        async with self._loading:
            if self._ready:
                return
            self._records.watch(ROOT, self._seen)
            after = ""
            while batch := await self._records.list(ROOT, after=after):
                for record in batch:
                    self._seen(record.key, record)
                after = batch[-1].key
            self._ready = True

    def find(self, ref: QueueRef) -> Queue | None:
        """The queue, or None."""
        return self._queues.get(ref)

    def get(self, ref: QueueRef) -> Queue:
        """The queue. Raises QueueDoesNotExist."""
        queue = self._queues.get(ref)
        if queue is None:
            raise no_queue()
        return queue

    def all(self) -> Iterable[Queue]:
        """Every queue of every account, in no order."""
        return tuple(self._queues.values())

    def of(self, account: str, region: str) -> list[Queue]:
        """The queues of an account in a region, in the order of their names."""
        mine = (q for q in self._queues.values() if (q.ref.account, q.ref.region) == (account, region))
        return sorted(mine, key=lambda queue: queue.ref.name)

    def sources_of(self, dead: QueueRef) -> list[Queue]:
        """The queues whose dead letters go to `dead`."""
        found = self.of(dead.account, dead.region)
        return [queue for queue in found if queue.rules.redrive is not None and queue.rules.redrive.dead == dead]

    async def add(self, ref: QueueRef, attributes: Mapping[str, str], tags: Mapping[str, str]) -> Queue | None:
        """Make a queue; None when there is one of that name meanwhile. Raises QueueDeletedRecently."""
        tombstone = await self._records.get(ref.tombstone)
        if tombstone is not None:
            deleted_s = orjson.loads(tombstone.value)["deleted_s"]
            if self._clock.now() < deleted_s + self._rest_s:
                raise QueueDeletedRecently(
                    "You must wait 60 seconds after deleting a queue before you can create another with the same name."
                )
            # Whether its deletion came to its end or not.
            await self._messages.purge(ref.messages, tokens=True)
        now = int(self._clock.now())
        queue = Queue(
            ref=ref,
            id=small_id(_ID_LENGTH),
            created_s=now,
            modified_s=now,
            attributes=attributes,
            tags=tags,
        )
        try:
            await self._records.write(Put(ref.key, queue.stored(), expect=ABSENT), Delete(ref.tombstone))
        except RevisionMismatch:
            return None
        return queue

    async def change(self, ref: QueueRef, change: Callable[[Queue], Queue]) -> None:
        """Write `change(queue)` in the queue's place. Raises QueueDoesNotExist."""
        for _ in range(_TRIES):
            queue = self.get(ref)
            changed = replace(change(queue), modified_s=int(self._clock.now()))
            try:
                await self._records.write(Put(ref.key, changed.stored(), expect=queue.revision))
            except RevisionMismatch:
                continue
            return
        # Others changed it again and again: what is there now is as good a base as any.
        await self._records.write(Put(ref.key, change(self.get(ref)).stored()))

    async def delete(self, ref: QueueRef) -> None:
        """Delete a queue with its messages. Raises QueueDoesNotExist."""
        self.get(ref)
        tombstone = Put(ref.tombstone, orjson.dumps({"deleted_s": self._clock.now()}))
        moves = [Delete(record.key) for record in await self._records.list(ref.moves)]
        await self._records.write(tombstone, Delete(ref.key), *moves)
        await self._messages.purge(ref.messages, tokens=True)

    async def finish_deletions(self) -> None:
        """Do what a crash left undone, and forget deletions that are long past."""
        await self.ready()
        after = ""
        while batch := await self._records.list(ROOT, after=after):
            for record in batch:
                if kind_of_key(record.key) == "deleted":
                    await self._finish(record)
            after = batch[-1].key

    async def _finish(self, tombstone: Record) -> None:
        ref = ref_of_key(tombstone.key)
        if self.find(ref) is not None:
            return
        await self._messages.purge(ref.messages, tokens=True)
        if self._clock.now() < orjson.loads(tombstone.value)["deleted_s"] + self._rest_s:
            return
        try:
            await self._records.write(Delete(tombstone.key, expect=tombstone.revision))
        except RevisionMismatch:
            pass

    def _seen(self, key: str, record: Record | None) -> None:
        if kind_of_key(key) != "queues":
            return
        ref = ref_of_key(key)
        if record is None:
            self._queues.pop(ref, None)
            return
        known = self._queues.get(ref)
        if known is None or known.revision < record.revision:
            self._queues[ref] = Queue.load(ref, record)
