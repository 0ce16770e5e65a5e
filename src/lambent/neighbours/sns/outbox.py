"""What becomes of a published message: one copy in the queue of each subscription that wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from weakref import WeakValueDictionary

from lambent.kit.clock import Clock
from lambent.kit.ids import uuid4
from lambent.neighbours.sns.message import Attribute, Message, Texts
from lambent.neighbours.sns.names import TopicRef
from lambent.neighbours.sns.records import Subscription, Topic, TopicRecords
from lambent.neighbours.sns.subscription_attributes import filter_of
from lambent.store.base import Queues
from lambent.values import frozen

DEDUPLICATION_S = 300.0
"""How long what was published to a FIFO topic is remembered."""
_SEQUENCE = 10_000_000_000_000_000_000
"""AWS's sequence numbers have twenty digits."""


@frozen(kw_only=True)
class Publication:
    """A checked message, before anybody's copy of it."""

    texts: Texts
    subject: str | None
    attributes: Mapping[str, Attribute]
    group: str
    deduplication: str
    trace: str
    size: int
    """Bytes, as limits count them."""


class Outbox:
    """Puts messages into the queues of subscriptions."""

    def __init__(self, topics: TopicRecords, queues: Queues, clock: Clock) -> None:
        self._topics = topics
        self._queues = queues
        self._clock = clock
        self._orders: WeakValueDictionary[TopicRef, asyncio.Lock] = WeakValueDictionary()
        """All queues of a FIFO topic get its messages in the same order."""

    async def publish(self, topic: Topic, publication: Publication) -> Message:
        """The message, once every copy of it is on disk."""
        return (await self.publish_all(topic, [publication]))[0]

    async def publish_all(self, topic: Topic, publications: Sequence[Publication]) -> Sequence[Message]:
        """The messages, once every copy of them is on disk."""
        subscriptions = [each for each in await self._topics.subscriptions(topic.ref) if each.confirmed]
        if not topic.ref.is_fifo:
            messages = [self._message(topic, publication) for publication in publications]
            pairs = zip(messages, publications, strict=True)
            await asyncio.gather(*(self._put(message, each, subscriptions) for message, each in pairs))
            return messages
        order = self._orders.get(topic.ref)
        if order is None:
            order = self._orders[topic.ref] = asyncio.Lock()
        async with order:
            return [await self._put_in_order(topic, publication, subscriptions) for publication in publications]

    async def _put(self, message: Message, publication: Publication, subscriptions: Sequence[Subscription]) -> None:
        copies = _copies(message, publication, subscriptions)
        await asyncio.gather(*(self._queues.put(to.ref.queue, copy.stored()) for to, copy in copies))

    async def _put_in_order(
        self, topic: Topic, publication: Publication, subscriptions: Sequence[Subscription]
    ) -> Message:
        """A message that comes again gets the id and number that it had, and is not delivered again.

        The topic's own queue says which it is. After a crash between it and the subscriptions' queues nothing was
        answered; whoever publishes again completes it.
        """
        new = self._message(topic, publication)
        token = publication.deduplication
        placed = await self._queues.put_once(
            topic.ref.queue, b"", token=token, for_s=DEDUPLICATION_S, group="all", label=new.id
        )
        message = replace(new, id=placed.label, sequence=str(_SEQUENCE + placed.sequence))
        for to, copy in _copies(message, publication, subscriptions):
            await self._queues.put_once(
                to.ref.queue, copy.stored(), token=token, for_s=DEDUPLICATION_S, label=message.id, group=message.group
            )
        return message

    def _message(self, topic: Topic, publication: Publication) -> Message:
        return Message(
            id=uuid4(),
            at_ms=int(self._clock.now() * 1000),
            text=publication.texts.default,
            subject=publication.subject,
            attributes=publication.attributes,
            signature_version=topic.attributes.get("SignatureVersion", "1"),
            trace=publication.trace,
            group=publication.group,
            deduplication=publication.deduplication,
        )


def _copies(
    message: Message, publication: Publication, subscriptions: Sequence[Subscription]
) -> list[tuple[Subscription, Message]]:
    """Who wants the message, and as what text."""
    compared = {name: (each.type, each.value) for name, each in message.attributes.items() if not each.is_binary}
    copies = []
    for subscription in subscriptions:
        text = publication.texts.for_protocol(subscription.protocol)
        wanted = filter_of(subscription.attributes)
        if wanted is None or wanted.passes(text, compared):
            copies.append((subscription, replace(message, text=text)))
    return copies
