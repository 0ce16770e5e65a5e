"""Message move tasks: what takes messages out of a dead-letter queue again, also after a restart."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import orjson

from lambent.kit.ids import uuid4
from lambent.kit.waiting import comes
from lambent.neighbours.sqs.leases import SOURCE, anew
from lambent.neighbours.sqs.message import Message
from lambent.neighbours.sqs.names import ROOT, QueueRef, kind_of_key, ref_of_key
from lambent.neighbours.sqs.records import QueueRecords
from lambent.ports import Ports
from lambent.store.base import Delete, Lease, Put, Record, RevisionMismatch, StoreUnavailable
from lambent.values import frozen

REMEMBERED = 10
"""Tasks of one queue that are shown."""
_BATCH = 100
_LEASE_S = 10.0
"""How long a task has messages in its hands; a crash hides them so long."""
_PAUSE_S = 5.0
"""Between tries where the store cannot write."""

RUNNING, COMPLETED, CANCELLED, FAILED = "RUNNING", "COMPLETED", "CANCELLED", "FAILED"
NO_QUEUE = "AWS.SimpleQueueService.NonExistentQueue"
NO_SOURCE = "CouldNotDetermineMessageSource"


@frozen(kw_only=True)
class MoveTask:
    """A move task as it is kept."""

    source: QueueRef
    id: str
    started_ms: int
    destination: str | None
    """The ARN of the queue that gets the messages; None: each goes back to where it came from."""
    rate: int | None
    """Messages a second."""
    to_move: int
    moved: int = 0
    status: str = RUNNING
    reason: str | None = None
    """Why it failed."""
    revision: int = 0

    @property
    def key(self) -> str:
        """The record's key; those of one queue are in the order of their beginnings."""
        return f"{self.source.moves}{self.started_ms:015d}-{self.id}"

    def stored(self) -> bytes:
        """What is kept of it in its record."""
        names = ("id", "started_ms", "destination", "rate", "to_move", "moved", "status", "reason")
        return orjson.dumps({name: getattr(self, name) for name in names})

    @classmethod
    def load(cls, record: Record) -> MoveTask:
        """The task of a record."""
        return cls(source=ref_of_key(record.key), revision=record.revision, **orjson.loads(record.value))

    @property
    def handle(self) -> str:
        """What callers name it by."""
        named = json.dumps({"taskId": self.id, "sourceArn": self.source.arn})
        return base64.b64encode(named.encode()).decode()


def parse_handle(text: str) -> tuple[str, str] | None:
    """(task id, ARN of its source) of a task handle, or None."""
    try:
        named = orjson.loads(base64.b64decode(text, validate=True))
        task, source = named["taskId"], named["sourceArn"]
    except (ValueError, TypeError, KeyError):
        return None
    return (task, source) if isinstance(task, str) and isinstance(source, str) else None


@dataclass(slots=True)
class _Run:
    """A task at work."""

    task: MoveTask
    began: float
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class MoveTasks:
    """Runs move tasks, one of a queue at a time. To be had by `ports.shared(MoveTasks)`."""

    def __init__(self, ports: Ports) -> None:
        self._records = ports.records
        self._messages = ports.queues
        self._queues = ports.shared(QueueRecords)
        self._clock = ports.clock
        self._tasks = ports.tasks
        self._log = ports.log
        self._runs: dict[QueueRef, _Run] = {}

    async def resume(self) -> None:
        """Go on with what ran when the server ended."""
        after = ""
        while batch := await self._records.list(ROOT, after=after):
            for record in batch:
                if kind_of_key(record.key) == "moves":
                    task = MoveTask.load(record)
                    if task.status == RUNNING and task.source not in self._runs:
                        self._run(task)
            after = batch[-1].key

    async def start(self, source: QueueRef, destination: QueueRef | None, rate: int | None) -> MoveTask | None:
        """Begin to move messages out of `source`; None when a task does so already."""
        if source in self._runs:
            return None
        task = MoveTask(
            source=source,
            id=uuid4(),
            started_ms=int(self._clock.now() * 1000),
            destination=None if destination is None else destination.arn,
            rate=rate,
            to_move=0,
        )
        run = self._runs[source] = _Run(task, began=self._clock.now() - _LEASE_S)
        try:
            counts = await self._messages.counts(source.messages)
            task = replace(task, to_move=counts.visible)
            old = [Delete(each.key) for each in (await self.list(source))[REMEMBERED - 1 :]]
            revision = await self._records.write(Put(task.key, task.stored()), *old)
        except BaseException:
            del self._runs[source]
            raise
        run.task = replace(task, revision=revision)
        self._tasks.start("sqs move task", self._ran(run))
        return run.task

    async def list(self, source: QueueRef) -> Sequence[MoveTask]:
        """The tasks of a queue, the latest first."""
        return [MoveTask.load(record) for record in reversed(await self._records.list(source.moves))]

    async def cancel(self, source: QueueRef, id_: str) -> MoveTask | None:
        """End a task; how it ended, or None when it does not run."""
        run = self._runs.get(source)
        if run is None or run.task.id != id_:
            return None
        run.cancelled.set()
        await run.ended.wait()
        return run.task

    def _run(self, task: MoveTask) -> None:
        run = self._runs[task.source] = _Run(task, began=self._clock.now())
        self._tasks.start("sqs move task", self._ran(run))

    async def _ran(self, run: _Run) -> None:
        try:
            while run.task.status == RUNNING:
                try:
                    await self._step(run)
                except StoreUnavailable as error:
                    self._log.warning("sqs_move_postponed", queue=run.task.source.arn, reason=error)
                    await asyncio.sleep(_PAUSE_S)
        except RevisionMismatch:
            pass  # The queue was deleted, and its tasks with it.
        finally:
            del self._runs[run.task.source]
            run.ended.set()

    async def _step(self, run: _Run) -> None:
        """Move some messages, and say so in the record; then wait as long as the rate demands."""
        task = run.task
        if run.cancelled.is_set():
            await self._save(run, replace(task, status=CANCELLED))
            return
        limit = min(_BATCH, task.rate or _BATCH, max(1, task.to_move - task.moved))
        leases = await self._messages.lease(
            task.source.messages, limit=limit, for_s=_LEASE_S, in_order=task.source.is_fifo
        )
        if not leases:
            await self._nothing_found(run)
            return
        moved, reason = await self._moved(task, leases)
        task = replace(task, moved=task.moved + moved)
        if reason is not None:
            task = replace(task, status=FAILED, reason=reason)
        elif task.moved >= task.to_move:
            task = replace(task, status=COMPLETED)
        await self._save(run, task)
        if task.rate is not None and task.status == RUNNING:
            await comes(run.cancelled, within_s=moved / task.rate)

    async def _nothing_found(self, run: _Run) -> None:
        """It has come to its end, unless messages are hidden that it had in its hands before a restart."""
        left = run.began + _LEASE_S - self._clock.now()
        if left > 0:
            await comes(run.cancelled, within_s=left)
        else:
            await self._save(run, replace(run.task, status=COMPLETED))

    async def _moved(self, task: MoveTask, leases: Sequence[Lease]) -> tuple[int, str | None]:
        """How many of the messages were moved, and why the first that was not could not be."""
        messages = [Message.load(lease.body) for lease in leases]
        places = [self._place(task, message) for message in messages]
        reason = next((place for place in places if isinstance(place, str)), None)
        now_ms = int(self._clock.now() * 1000)
        moves = [
            self._messages.move(
                lease.receipt, place.messages, anew(message, uuid4(), now_ms).stored(), group=lease.group
            )
            if isinstance(place, QueueRef)
            else self._messages.extend(lease.receipt, for_s=0)
            for lease, message, place in zip(leases, messages, places, strict=True)
        ]
        done = await asyncio.gather(*moves)
        went = [ok for ok, place in zip(done, places, strict=True) if isinstance(place, QueueRef)]
        return sum(went), reason

    def _place(self, task: MoveTask, message: Message) -> QueueRef | str:
        """The queue that a message goes to, or why there is none."""
        arn = task.destination or message.system.get(SOURCE)
        if arn is None:
            return NO_SOURCE
        ref = QueueRef.parse(arn)
        return NO_QUEUE if ref is None or self._queues.find(ref) is None else ref

    async def _save(self, run: _Run, task: MoveTask) -> None:
        revision = await self._records.write(Put(task.key, task.stored(), expect=task.revision))
        run.task = replace(task, revision=revision)
