"""Event source mappings of queues: batches are received, filtered, given to the function, and deleted when it could
handle them. What it could not handle stays, and comes again when the queue's visibility timeout has passed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from lambent.core import limits
from lambent.core.arn import FunctionRef
from lambent.core.backoff import backoff_s
from lambent.core.invocation import Invocation, Result, Throttled
from lambent.core.lineage import descended, is_loop, runs_before
from lambent.core.trace import new_trace
from lambent.delivery.mapping import Source
from lambent.delivery.trigger import Received, SourceGone, SourceUnreachable
from lambent.invoke.resolve import FunctionMissing, NotActive
from lambent.invoke.settings import FunctionSettings
from lambent.kit.ids import uuid4
from lambent.kit.waiting import comes
from lambent.neighbours.sqs import event
from lambent.neighbours.sqs.door import PER_CALL, Door
from lambent.neighbours.sqs.event import Item
from lambent.ports import Ports

LONG_POLL_S = 20
LOOK_S = 0.2
"""Between looks for messages in the last second of a window."""
FIRST_RETRY_S, MOST_RETRY_S = 0.1, 5.0
"""Between attempts to start a function that cannot be started now."""
SLACK_S = 1.0
"""So long before messages become visible again, they are not ours any more."""


class SqsTrigger:
    """Reads queues, ours or those of whoever answers for SQS."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def check(self, source: Source, *, timeout_s: int) -> None:
        """The queue must be there, and hide messages for as long as the function may run. Raises SourceGone, and
        SourceUnreachable for what may pass."""
        try:
            facts = await Door(self._ports, source).facts()
        except SourceUnreachable as error:
            if error.may_pass:
                raise
            raise SourceGone(str(error)) from None
        if facts.visibility_s < timeout_s:
            raise SourceGone(
                f"Queue visibility timeout: {facts.visibility_s} seconds is less than "
                f"Function timeout: {timeout_s} seconds"
            )

    def poller(self, source: Source, settings: FunctionSettings) -> SqsPoller:
        """Whoever reads the queue."""
        return SqsPoller(self._ports, source, settings)


@dataclass(slots=True)
class Batch:
    """Messages for one invocation, or for several when they are too large for one."""

    items: list[Item] = field(default_factory=list)
    hidden_until: float = 0.0
    """When the first of them can be seen by others again, in monotonic seconds."""
    size: int = 0
    """Bytes of the event, or a few more."""
    was_full: bool = False
    """The last receive gave as much as was asked for."""


class SqsPoller:
    """Receives batches, invokes, deletes what succeeded."""

    def __init__(self, ports: Ports, source: Source, settings: FunctionSettings) -> None:
        self._door = Door(ports, source)
        self._allows_loops = settings.allows_loops
        self._invoker = ports.invoker
        self._clock = ports.clock
        self._log = ports.log
        self._source = source
        self._queue = self._door.queue
        ref = FunctionRef.parse(source.function, account=source.account, region=source.region)
        assert ref is not None, source.function
        self._ref = ref
        members = source.settings
        self._most: int = members["BatchSize"]
        self._window_s: int = members["MaximumBatchingWindowInSeconds"]
        self._reports = "ReportBatchItemFailures" in members["FunctionResponseTypes"]
        self._filters = event.Filters(members.get("FilterCriteria"))
        self._stopping = asyncio.Event()
        self._refused = 0
        """Batches that wait because the function cannot be started."""

    @property
    def is_refused(self) -> bool:
        """Whether there are any."""
        return self._refused > 0

    def stop(self) -> None:
        """Receive nothing more, and wait for no function that cannot be started."""
        self._stopping.set()

    # -- receiving ------------------------------------------------------------------------------------------------

    async def receive(self) -> Received[Batch] | None:
        """A batch: what one receive gives, or what comes within the window. None when nothing did in a long poll."""
        batch = Batch()
        if not await self._begin(batch):
            return None
        if self._window_s:
            try:
                await self._fill(batch, self._clock.monotonic() + self._window_s)
            except (SourceGone, SourceUnreachable):
                pass  # what has come is run; the next receive says what is wrong
            except asyncio.CancelledError:
                if not self._stopping.is_set():
                    raise
        return Received(batch, is_full=self._is_complete(batch) or batch.was_full)

    async def _begin(self, batch: Batch) -> bool:
        """Wait for the first that the function wants; False when a long poll brought nothing at all."""
        while not batch.items:
            if not await self._receive(batch, LONG_POLL_S):
                return False
        return True

    async def _fill(self, batch: Batch, closes_at: float) -> None:
        """Add what comes until the window closes or the batch is complete."""
        while not self._is_complete(batch) and (left := closes_at - self._clock.monotonic()) > 0:
            wait_s = int(min(left, LONG_POLL_S, max(1.0, self._door.visibility_s / 2)))
            await self._keep_hidden(batch, wait_s + 2)
            if not await self._receive(batch, wait_s) and wait_s == 0:
                # Calls wait for whole seconds: in the last one it is we who wait.
                await asyncio.sleep(min(left, LOOK_S))

    async def _receive(self, batch: Batch, wait_s: int) -> bool:
        """Receive once: what the function wants goes into the batch, the rest out of the queue. Whether any came."""
        limit = min(PER_CALL, self._most - len(batch.items))
        messages = await self._door.receive(limit, wait_s)
        batch.was_full = len(messages) == limit
        wanted: list[Item] = []
        unwanted: list[Item] = []
        loops: list[Item] = []
        for message in messages:
            item = event.item(message, self._queue, window_s=self._window_s)
            kind = unwanted if not self._filters.take(item.record) else loops if self._is_loop(item) else wanted
            kind.append(item)
        if wanted and not batch.items:
            batch.hidden_until = self._clock.monotonic() + self._door.visibility_s
        batch.items += wanted
        batch.size += event.size(wanted)
        await self._door.delete(unwanted)
        for item in loops:
            await self._end_loop(item)
        return bool(messages)

    def _is_loop(self, item: Item) -> bool:
        return is_loop(descended(item.trace, self._ref), self._ref) and not self._allows_loops(self._ref)

    async def _end_loop(self, item: Item) -> None:
        """A message that the function itself has caused too often goes to the dead letters, or is dropped."""
        self._log.warning("recursive_loop_ended", function=self._ref.arn, queue=self._queue.arn, message=item.id)
        try:
            await self._door.bury(item)
        except (SourceGone, SourceUnreachable) as error:
            self._log.warning("message_not_buried", queue=self._queue.arn, message=item.id, reason=error)
            return
        await self._door.delete([item])

    def _is_complete(self, batch: Batch) -> bool:
        return len(batch.items) >= self._most or batch.size >= limits.SYNC_PAYLOAD

    # -- running --------------------------------------------------------------------------------------------------

    async def handle(self, batch: Batch) -> None:
        """Run the function with the batch, and delete what it could handle."""
        cut = event.cut(batch.items, most_items=self._most, most_bytes=limits.SYNC_PAYLOAD)
        parts = [Batch(list(items), batch.hidden_until) for items in cut]
        for at, part in enumerate(parts):
            for waiting in parts[at:] if at else ():
                await self._keep_hidden(waiting, self._door.visibility_s)
            failed = await self._failed(part)
            await self._door.delete([each for each in part.items if each.id not in failed])
            if failed and self._queue.is_fifo:
                return  # what follows may be of the same groups, whose order is kept

    async def _failed(self, part: Batch) -> frozenset[str]:
        """Run the function once; the ids of those that it could not handle."""
        ids = frozenset(each.id for each in part.items)
        try:
            result = await self._run(part)
        except _NotStarted as error:
            self._note(part, error)
            # The messages will soon be there again: as if they were still held, no others are taken for them.
            await self._is_stopped_while_refused(SLACK_S)
            return ids
        if result is None:
            self._note(part, "its execution environment failed")
            return ids
        if result.outcome.is_error:
            self._note(part, result.outcome.error_type or "it raised an error")
            return ids
        if not self._reports:
            return frozenset()
        failed = event.failed_ids(result.outcome.payload, ids)
        if failed is None:
            self._note(part, "its answer is no list of batchItemFailures that names messages of the batch")
            return ids
        return failed

    def _note(self, part: Batch, reason: object) -> None:
        mapping, function, messages = self._source.uuid, self._ref.arn, len(part.items)
        self._log.info("batch_not_handled", mapping=mapping, function=function, messages=messages, reason=reason)

    async def _run(self, part: Batch) -> Result | None:
        """A function that cannot be started is tried again while the messages are ours. Raises _NotStarted."""
        request_id, payload = uuid4(), event.payload(part.items)
        attempts = 0
        while True:
            try:
                version = self._invoker.resolve(self._ref)
                await self._keep_hidden(part, version.timeout_s)
                trace = self._trace(part.items) or new_trace(request_id, sampled=version.tracing == "Active")
                invocation = Invocation(request_id, self._ref.arn, payload, descended(trace, self._ref))
                return await self._invoker.invoke(version, invocation)
            except (Throttled, FunctionMissing, NotActive) as error:
                reason = f"Function not found: {error}" if isinstance(error, FunctionMissing) else str(error)
                attempts += 1
                wait_s = backoff_s(attempts, first_s=FIRST_RETRY_S, most_s=MOST_RETRY_S)
                left = part.hidden_until - SLACK_S - self._clock.monotonic()
                if left < wait_s or await self._is_stopped_while_refused(wait_s):
                    raise _NotStarted(reason) from None

    async def _keep_hidden(self, batch: Batch, seconds: int) -> None:
        """Messages that have waited, for the window or for a place, are hidden anew when they would come back to the
        queue within so many seconds."""
        visibility_s = self._door.visibility_s
        if batch.hidden_until - self._clock.monotonic() < min(seconds, visibility_s) - SLACK_S:
            await self._door.hide(batch.items)
            batch.hidden_until = self._clock.monotonic() + visibility_s

    def _trace(self, items: Sequence[Item]) -> str:
        """The trace header of the message that the function has run for most often; empty when none has one."""
        traces = [each.trace for each in items if each.trace]
        return max(traces, key=lambda trace: runs_before(descended(trace, self._ref), self._ref), default="")

    async def _is_stopped_while_refused(self, seconds: float) -> bool:
        """Wait so long, and count that meanwhile; True, and sooner, when it is stopped."""
        self._refused += 1
        try:
            return await comes(self._stopping, within_s=seconds)
        finally:
            self._refused -= 1


class _NotStarted(Exception):
    """The function could not be started while the messages were hidden; the text says why."""
