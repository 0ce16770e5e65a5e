"""From a queue to its receivers: leases, waiting, dead letters, messages that have grown too old."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from lambent.neighbours.sqs.attempts import Attempts
from lambent.neighbours.sqs.bell import Bell
from lambent.neighbours.sqs.leases import Received, dead_letter
from lambent.neighbours.sqs.message import Message, Receipt
from lambent.neighbours.sqs.records import Queue, QueueRecords
from lambent.neighbours.sqs.shapes import OverLimit
from lambent.ports import Ports
from lambent.store.base import Lease
from lambent.values import frozen
from lambent.wire.call import Caller

IN_FLIGHT = 120_000
"""Messages of one queue that may be received and not yet deleted."""
_LAST_WAIT_S = 1.0
"""For who comes when the server is about to stop."""


@frozen
class Wish:
    """What a receiver wants: up to `limit` messages, hidden from others for `visibility_s`; it waits up to `wait_s`
    until there is one. With `attempt` a FIFO queue gives the same ones again if it is asked again."""

    limit: int
    visibility_s: int
    wait_s: float
    attempt: str | None = None
    caller: Caller | None = None


class Receiving:
    """Takes messages out of queues. To be had by `ports.shared(Receiving)`: those who wait are known to one alone."""

    def __init__(self, ports: Ports) -> None:
        self._queues = ports.queues
        self._clock = ports.clock
        self._stopping = ports.stopping
        self._records = ports.shared(QueueRecords)
        self._bell = Bell(ports.queues, ports.clock)
        self._attempts = Attempts()
        self._in_flight: dict[str, int] = {}
        """By queue id: at least as many as there are, for who was never told of a lease's end counts on."""

    async def receive(self, queue: Queue, wish: Wish) -> Sequence[Received]:
        """Messages, or none. Raises OverLimit."""
        if wish.attempt is not None and queue.rules.is_fifo:
            return await self._again(queue, wish, wish.attempt)
        return await self._waited(queue, wish)

    def let_go(self, queue: Queue | None = None) -> None:
        """Answer all who wait, at a queue or anywhere, that there is nothing."""
        self._bell.let_go(None if queue is None else queue.ref.messages)

    def changed(self, queue: Queue, receipt: Receipt) -> None:
        """The visibility of a message was changed."""
        self._attempts.forget(queue.id, receipt.receipt)

    def deleted(self, queue: Queue, receipts: Sequence[Receipt], count: int) -> None:
        """So many messages were deleted by these receipts."""
        for receipt in receipts:
            self._attempts.forget(queue.id, receipt.receipt)
        if queue.id in self._in_flight:
            self._in_flight[queue.id] = max(0, self._in_flight[queue.id] - count)

    async def _again(self, queue: Queue, wish: Wish, attempt: str) -> Sequence[Received]:
        """What the attempt was given before, hidden anew; or what there is now."""
        given = self._attempts.given(queue.id, attempt, now=self._clock.now())
        if given:
            held = [await self._queues.hold(received.lease.receipt) for received in given]
            now = self._clock.now()
            if all(hold is not None and hold.is_ours and hold.until > now for hold in held):
                for received in given:
                    await self._queues.extend(received.lease.receipt, for_s=wish.visibility_s)
                return given
        taken = await self._waited(queue, wish)
        if taken:
            self._attempts.remember(queue.id, attempt, taken, now=self._clock.now())
        return taken

    async def _waited(self, queue: Queue, wish: Wish) -> Sequence[Received]:
        if wish.wait_s <= 0:
            return await self._take(queue, wish)
        until = self._clock.monotonic() + (min(wish.wait_s, _LAST_WAIT_S) if self._stopping.is_set() else wish.wait_s)
        name = queue.ref.messages
        with self._bell.waiter(name) as waiter:
            if wish.caller is not None:
                wish.caller.on_leave(waiter.leave)
            while not waiter.has_left:
                waiter.look()
                looked_at = self._clock.now()
                taken = await self._take(queue, wish)
                if waiter.has_left:
                    await self._show_again(taken)
                elif taken:
                    # There may be more than it wanted.
                    self._bell.ring(name)
                    return taken
                left = until - self._clock.monotonic()
                if left <= 0 or waiter.is_let_go:
                    return ()
                # What has become visible since then was not looked for: the alarm rings at once.
                due = await self._queues.next_due(name, after=looked_at)
                if due is not None:
                    self._bell.ring_at(name, due)
                await waiter.rung(left)
        return ()

    async def _show_again(self, taken: Sequence[Received]) -> None:
        """Of messages whose receiver has gone."""
        for received in taken:
            await self._queues.extend(received.lease.receipt, for_s=0)

    async def _take(self, queue: Queue, wish: Wish) -> list[Received]:
        await self._check_in_flight(queue, wish.limit)
        taken: list[Received] = []
        while len(taken) < wish.limit:
            leases = await self._queues.lease(
                queue.ref.messages,
                limit=wish.limit - len(taken),
                for_s=wish.visibility_s,
                in_order=queue.rules.is_fifo,
            )
            kept = await self._sorted_out(queue, leases, wish.visibility_s)
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

    async def _sorted_out(self, queue: Queue, leases: Sequence[Lease], visibility_s: int) -> list[Received]:
        """The messages that somebody may get; the others are too old, or go to the dead-letter queue."""
        received = [
            Received(Message.load(lease.body), lease, int((lease.until - visibility_s) * 1000)) for lease in leases
        ]
        too_old = self._clock.now() - queue.rules.retention_s
        redrive = queue.rules.redrive
        # Where its dead-letter queue is gone, a message goes on being received.
        most = redrive.most if redrive is not None and self._records.find(redrive.dead) is not None else None
        fresh = [each for each in received if each.lease.enqueued_at >= too_old]
        alive = [each for each in fresh if most is None or each.lease.attempts <= most]
        if len(alive) < len(received):
            await self._queues.ack(*(each.lease.receipt for each in received if each.lease.enqueued_at < too_old))
            dead = [each for each in fresh if most is not None and each.lease.attempts > most]
            await asyncio.gather(*(self._bury(queue, each) for each in dead))
        return alive

    async def _bury(self, queue: Queue, received: Received) -> None:
        redrive = queue.rules.redrive
        assert redrive is not None
        await self._queues.move(
            received.lease.receipt,
            redrive.dead.messages,
            dead_letter(received, queue.ref.arn).stored(),
            group=received.lease.group,
            # In a FIFO queue the time until it expires begins anew.
            enqueued_at=None if queue.rules.is_fifo else received.lease.enqueued_at,
        )
