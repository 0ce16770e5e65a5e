"""Delivering what waits: a lane for each subscription that has messages, so that none waits for another's endpoint.

A message leaves its queue once it was delivered, or given up and put into its dead-letter queue, or when its
subscription is gone. A server that dies meanwhile begins again where the queues stand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import replace

from lambent.kit.log import Log
from lambent.kit.waiting import comes
from lambent.neighbours.sns import retries
from lambent.neighbours.sns.message import NOTIFICATION, UNSUBSCRIPTION, Message
from lambent.neighbours.sns.names import ROOT, SubscriptionRef
from lambent.neighbours.sns.posting import new_client
from lambent.neighbours.sns.records import Subscription, Topic, TopicRecords
from lambent.neighbours.sns.sending import Failed, Sender
from lambent.neighbours.sns.signing import Signer
from lambent.neighbours.sns.subscription_attributes import HTTP, dead_letters
from lambent.ports import Ports
from lambent.store.base import Lease, Queues, StoreUnavailable

AT_ONCE = 10
"""Messages of one subscription that are being delivered."""
LEASE_S = 150.0
"""Longer than a delivery and a dead letter can take."""
DEAD_RETRY_S = 20.0
"""Until a dead letter is tried again."""
_LOOK_S = 60.0
"""How long a lane waits at most before it looks again, whatever the clock does meanwhile."""
_PAUSE_S = 5.0
"""Until the store is tried again."""


class Deliveries:
    """Runs for as long as the server does."""

    def __init__(self, ports: Ports) -> None:
        self._topics = TopicRecords(ports.records)
        self._queues = ports.queues
        self._client = new_client(ports.tasks)
        self._sender = Sender(ports.aws, Signer(ports.records, ports.seal, ports.tasks), self._client)
        self._tasks = ports.tasks
        self._clock = ports.clock
        self._log = ports.log
        self._lanes: dict[str, asyncio.Event] = {}
        """By queue; the event says that there may be something to do."""

    async def run(self) -> None:
        """Deliver what waits and what comes, until cancelled."""
        end = self._queues.watch(self._heard)
        try:
            await self._queues.release(ROOT)
            for queue in await self._queues.names(ROOT):
                self._heard(queue)
            await asyncio.Event().wait()
        finally:
            end()
            self._client.close()

    def _heard(self, queue: str) -> None:
        if not queue.startswith(ROOT):
            return
        lane = self._lanes.get(queue)
        if lane is None:
            lane = self._lanes[queue] = asyncio.Event()
            self._tasks.start("sns delivery", self._serve(queue, lane))
        lane.set()

    async def _serve(self, queue: str, woken: asyncio.Event) -> None:
        """Until the queue is empty."""
        try:
            while True:
                woken.clear()
                looked_at = self._clock.now()
                try:
                    if await self._round(queue):
                        continue
                    # What has become visible since then was not looked for.
                    due = await self._queues.next_due(queue, after=looked_at)
                    if due is None and not await self._queues.depth(queue) and not woken.is_set():
                        return
                except StoreUnavailable as error:
                    self._log.warning("sns_delivery_postponed", reason=error)
                    due = self._clock.now() + _PAUSE_S
                await self._wait(woken, due)
        finally:
            del self._lanes[queue]

    async def _wait(self, woken: asyncio.Event, due: float | None) -> None:
        """Until something is put into the queue, or the time has come."""
        delay = _LOOK_S if due is None else min(_LOOK_S, max(0.0, due - self._clock.now()))
        await comes(woken, within_s=delay)

    async def _round(self, queue: str) -> bool:
        """Deliver some of what waits; False when nothing does."""
        ref = SubscriptionRef.of_queue(queue)
        delivery = None if ref is None else await self._delivery(ref)
        limit, in_order = AT_ONCE if delivery is None else delivery.limit, ref is None or ref.topic.is_fifo
        leases = await self._queues.lease(queue, limit=limit, for_s=LEASE_S, in_order=in_order)
        if not leases:
            return False
        if delivery is None:
            # Nobody wants it any more; or it is a FIFO topic's own queue, which only remembers what came.
            await self._queues.ack(*(lease.receipt for lease in leases))
            return True
        await asyncio.gather(*(delivery.deliver(group) for group in _groups(leases)))
        if delivery.policy.per_second is not None:
            await asyncio.sleep(len(leases) / delivery.policy.per_second)
        return True

    async def _delivery(self, ref: SubscriptionRef) -> _Delivery | None:
        """To a subscription, also one that a link has ended: its endpoint is told. None when it is gone."""
        topic = await self._topics.find(ref.topic)
        # In this order: one that is restored meanwhile is seen as the one or as the other.
        former = await self._topics.find_former(ref)
        subscription = await self._topics.find_subscription(ref)
        found = subscription or former
        if topic is None or found is None:
            return None
        return _Delivery(topic, found, self._queues, self._sender, self._log, has_ended=subscription is None)


class _Delivery:
    """To one subscription, as it and its topic were a moment ago."""

    def __init__(
        self,
        topic: Topic,
        subscription: Subscription,
        queues: Queues,
        sender: Sender,
        log: Log,
        *,
        has_ended: bool,
    ) -> None:
        self._subscription = subscription
        self._has_ended = has_ended
        self._queues = queues
        self._sender = sender
        self._log = log
        own = subscription.attributes.get("DeliveryPolicy")
        self.policy = retries.effective(topic.attributes.get("DeliveryPolicy"), own)
        self._retries = self.policy.retries if subscription.protocol in HTTP else retries.MANAGED

    @property
    def limit(self) -> int:
        """How many messages may be delivered at once."""
        return AT_ONCE if self.policy.per_second is None else max(1, min(AT_ONCE, int(self.policy.per_second)))

    async def deliver(self, group: Sequence[Lease]) -> None:
        """One after the other; once one fails, those behind it wait, too."""
        for number, lease in enumerate(group):
            if not await self._leaves(lease):
                for behind in group[number + 1 :]:
                    await self._queues.give_back(behind.receipt)
                return

    async def _leaves(self, lease: Lease) -> bool:
        """Whether the message is done with: delivered, or given up for good."""
        message = Message.restored(lease.body)
        if self._has_ended and message.kind != UNSUBSCRIPTION:
            await self._queues.ack(lease.receipt)
            return True
        if message.given_up:
            return await self._buried(lease, message)
        failure = await self._failure(self._sender.send(message, self._subscription, self.policy))
        if failure is None:
            await self._queues.ack(lease.receipt)
            return True
        failed = message.failed()
        delay = None if failure.is_final else self._retries.delay(failed.failures)
        if delay is not None:
            self._log.info(
                "sns_delivery_failed", failures=failed.failures, **self._about(failed), reason=failure, again_in_s=delay
            )
            await self._queues.give_back(lease.receipt, delay_s=delay, body=failed.stored())
            return False
        return await self._buried(lease, replace(failed, given_up=str(failure) or "unknown"))

    async def _buried(self, lease: Lease, message: Message) -> bool:
        """Whether a message that was given up is in the dead-letter queue, or there is none that could take it."""
        queue = dead_letters(self._subscription.attributes) if message.kind == NOTIFICATION else None
        about = self._about(message)
        if queue is None:
            self._log.warning("sns_message_discarded", **about, reason=message.given_up)
        elif failure := await self._failure(self._sender.send_dead(message, self._subscription, queue)):
            if not failure.is_final:
                self._log.warning("sns_dead_letter_failed", **about, reason=failure, again_in_s=DEAD_RETRY_S)
                await self._queues.give_back(lease.receipt, delay_s=DEAD_RETRY_S, body=message.stored())
                return False
            self._log.warning("sns_message_discarded", **about, reason=message.given_up, dead_letter_queue=failure)
        else:
            self._log.info("sns_message_given_up", **about, reason=message.given_up, dead_letter_queue=queue.name)
        await self._queues.ack(lease.receipt)
        return True

    async def _failure(self, sending: Awaitable[None]) -> Failed | None:
        """What became of it; None when it was delivered."""
        try:
            await sending
        except Failed as failed:
            return failed
        except Exception as error:  # a fault of ours, or of a service here: the message must not be lost for it
            self._log.error("sns_delivery_broke", error=error, subscription=self._subscription.ref.arn)
            return Failed(f"an internal error: {type(error).__name__}")
        return None

    def _about(self, message: Message) -> dict[str, str]:
        return {"subscription": self._subscription.ref.arn, "message": message.id}


def _groups(leases: Sequence[Lease]) -> list[list[Lease]]:
    """By message group; those without are on their own."""
    groups: dict[str, list[Lease]] = {}
    for lease in leases:
        groups.setdefault(f"/{lease.group}" if lease.group else lease.receipt, []).append(lease)
    return list(groups.values())
