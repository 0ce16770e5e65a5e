"""From a queue to its receivers: leases, waiting, dead letters, messages that have grown too old."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lambent.neighbours.sqs.bell import Bell
from lambent.neighbours.sqs.message import Message
from lambent.neighbours.sqs.records import Queue, QueueRecords
from lambent.neighbours.sqs.shapes import OverLimit
from lambent.ports import Ports
from lambent.store.base import Lease

IN_FLIGHT = 120_000
"""Messages of one queue that may be received and not yet deleted."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message, and the lease that its receiver has of it."""

    message: Message
    lease: Lease


class Receiving:
    """Takes messages out of queues. To be had by `ports.shared(Receiving)`: those who wait are known to one alone."""

    def __init__(self, ports: Ports) -> None:
        self._queues = ports.queues
        self._clock = ports.clock
        self._records = ports.shared(QueueRecords)
        self._bell = Bell(ports.queues, ports.clock)
        self._in_flight: dict[str, int] = {}
        """By queue id: at least as many as there are, for who was never told of a lease's end counts on."""

    async def receive(self, queue: Queue, *, limit: int, visibility_s: int, wait_s: float) -> Sequence[Received]:
        """Up to `limit` messages, hidden from others for `visibility_s`; waits up to `wait_s` until there is one.

        Raises OverLimit.
        """
        if wait_s <= 0:
            return await self._take(queue, limit, visibility_s)
        until = self._clock.monotonic() + wait_s
        name = queue.ref.messages
        with self._bell.waiter(name) as waiter:
            while True:
                waiter.look()
                taken = await self._take(queue, limit, visibility_s)
                if taken:
                    self._bell.ring(name)
                    return taken
                left = until - self._clock.monotonic()
                if left <= 0 or self._records.find(queue.ref) is None:
                    return ()
                due = await self._queues.next_due(name, after=self._clock.now())
                if due is not None:
                    self._bell.ring_at(name, due)
                await waiter.rung(left)

    def settled(self, queue: Queue, count: int) -> None:
        """So many messages were deleted."""
        self._in_flight[queue.id] = max(0, self._in_flight.get(queue.id, 0) - count)

    async def _take(self, queue: Queue, limit: int, visibility_s: int) -> list[Received]:
        await self._check_in_flight(queue, limit)
        taken: list[Received] = []
        while len(taken) < limit:
            leases = await self._queues.lease(
                queue.ref.messages, limit=limit - len(taken), for_s=visibility_s, in_order=queue.rules.is_fifo
            )
            kept = [received for received in await self._sorted_out(queue, leases) if received is not None]
            taken += kept
            if len(kept) == len(leases):
                break
        self._in_flight[queue.id] = self._in_flight.get(queue.id, 0) + len(taken)
        return taken

    async def _check_in_flight(self, queue: Queue, limit: int) -> None:
        if self._in_flight.get(queue.id, IN_FLIGHT) + limit <= IN_FLIGHT:
            return
        leased = (await self._queues.counts(queue.ref.messages)).leased
        self._in_flight[queue.id] = leased
        if leased + limit > IN_FLIGHT:
            raise OverLimit(f"Too many messages are in flight: at most {IN_FLIGHT} of one queue may be.")

    async def _sorted_out(self, queue: Queue, leases: Sequence[Lease]) -> Sequence[Received | None]:
        """What each lease is of; None for those that nobody gets any more."""
        too_old = self._clock.now() - queue.rules.retention_s
        redrive = queue.rules.redrive
        most = redrive.most if redrive is not None and self._records.find(redrive.dead) is not None else None
        if all(lease.enqueued_at >= too_old and (most is None or lease.attempts <= most) for lease in leases):
            return [Received(Message.load(lease.body), lease) for lease in leases]
        return await asyncio.gather(*(self._sorted(queue, lease, too_old, most) for lease in leases))

    async def _sorted(self, queue: Queue, lease: Lease, too_old: float, most: int | None) -> Received | None:
        if lease.enqueued_at < too_old:
            await self._queues.ack(lease.receipt)
            return None
        message = Message.load(lease.body)
        if most is None or lease.attempts <= most:
            return Received(message, lease)
        redrive = queue.rules.redrive
        assert redrive is not None
        await self._queues.move(
            lease.receipt,
            redrive.dead.messages,
            dead_letter(message, lease, queue).stored(),
            group=lease.group,
            # In a FIFO queue the time until it expires begins anew.
            enqueued_at=None if queue.rules.is_fifo else lease.enqueued_at,
        )
        return None


def dead_letter(message: Message, lease: Lease, source: Queue) -> Message:
    """A message as it goes to the dead-letter queue: this lease was no receipt of it, but all before were."""
    return replace(
        message,
        system={**message.system, "DeadLetterQueueSourceArn": source.ref.arn},
        received=message.received + lease.attempts - 1,
        first_received_ms=first_received_ms(message, lease),
    )


def first_received_ms(message: Message, lease: Lease) -> int:
    """When a message was first received, in whichever queue."""
    return int(lease.first_leased_at * 1000) if message.first_received_ms is None else message.first_received_ms
