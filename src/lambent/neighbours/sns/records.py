"""Topics and subscriptions in the store: making, finding, changing, and deleting."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import field, replace
from typing import TypeVar

import orjson

from lambent.neighbours.sns.names import SubscriptionRef, TopicRef
from lambent.neighbours.sns.shapes import ConcurrentAccessException, NotFoundException
from lambent.store.base import ABSENT, Delete, Put, Record, Records, RevisionMismatch
from lambent.values import frozen

T = TypeVar("T")

_TRIES = 20
_BATCH = 100
"""A topic with more subscriptions than that is read in several pieces."""


@frozen(kw_only=True)
class Topic:
    """What is known of a topic. `attributes` are those that a caller set, as they were given."""

    account: str
    region: str
    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    unsubscribed: int = 0
    """How many of its subscriptions were deleted."""

    @property
    def ref(self) -> TopicRef:
        return TopicRef(self.account, self.region, self.name)


@frozen(kw_only=True)
class Subscription:
    """What is known of a subscription. `attributes` are those that a caller set, as they were given."""

    account: str
    region: str
    topic: str
    id: str
    protocol: str
    endpoint: str
    owner: str
    """The account that subscribed."""
    principal: str
    """The ARN of whoever subscribed."""
    host: str
    """The Host header of that call: what links in its messages are made with."""
    created_s: float
    attributes: Mapping[str, str] = field(default_factory=dict)
    token: str = ""
    """Whoever knows it may confirm the subscription."""
    confirmed: bool = True
    authenticated: bool = True
    """Whoever confirmed it signed the request."""
    guarded: bool = False
    """Only a signed request may end it."""

    @property
    def ref(self) -> SubscriptionRef:
        return SubscriptionRef(TopicRef(self.account, self.region, self.topic), self.id)

    @property
    def is_raw(self) -> bool:
        """Messages are delivered as they were published, without an envelope."""
        return self.attributes.get("RawMessageDelivery", "").lower() == "true"


class TopicRecords:
    """Topics and subscriptions. Raises the API's errors for what is not there.

    Whatever changes a topic's subscriptions writes the topic's record, too: so the record's revision guards them all,
    and no subscription is made to a topic that is being deleted, nor twice to one endpoint.
    """

    def __init__(self, records: Records) -> None:
        self._records = records

    async def find(self, ref: TopicRef) -> Topic | None:
        """The topic, or None."""
        record = await self._records.get(ref.key)
        return None if record is None else _topic(record)

    async def topic(self, ref: TopicRef) -> Topic:
        """The topic. Raises NotFoundException."""
        return (await self._held(ref))[0]

    async def topics(self, scope: TopicRef, *, after: str = "", limit: int) -> Sequence[Topic]:
        """Topics of the account and region of `scope`, in the order of their names, those after `after`."""
        start = scope.scope + after if after else ""
        return [_topic(record) for record in await self._records.list(scope.scope, after=start, limit=limit)]

    async def subscription(self, ref: SubscriptionRef) -> Subscription:
        """The subscription. Raises NotFoundException."""
        found = await self.find_subscription(ref)
        if found is None:
            raise NotFoundException("Subscription does not exist")
        return found

    async def find_subscription(self, ref: SubscriptionRef) -> Subscription | None:
        """The subscription, or None."""
        record = await self._records.get(ref.key)
        return None if record is None else _subscription(record)

    async def page(self, prefix: str, *, after: str = "", limit: int) -> Sequence[Subscription]:
        """Subscriptions whose key begins with `prefix`, those whose key is greater than `after`."""
        return [_subscription(record) for record in await self._records.list(prefix, after=after, limit=limit)]

    async def subscriptions(self, ref: TopicRef) -> Sequence[Subscription]:
        """All of a topic's subscriptions."""
        return [_subscription(record) async for record in self._all(ref.subscriptions)]

    async def former_subscriptions(self, ref: TopicRef) -> Sequence[Subscription]:
        """A topic's subscriptions that links have ended, and may restore."""
        return [_subscription(record) async for record in self._all(ref.former_subscriptions)]

    async def find_former(self, ref: SubscriptionRef) -> Subscription | None:
        """The subscription, if a link has ended it."""
        record = await self._records.get(ref.former_key)
        return None if record is None else _subscription(record)

    async def add(self, topic: Topic) -> Topic | None:
        """Make a topic; None when it was made, else the one that is there."""
        try:
            await self._records.write(Put(topic.ref.key, orjson.dumps(topic), expect=ABSENT))
        except RevisionMismatch:
            return await self.topic(topic.ref)
        return None

    async def change(self, ref: TopicRef, change: Callable[[Topic], Topic]) -> None:
        """Write `change(topic)` in the topic's place. Raises NotFoundException, ConcurrentAccessException."""

        async def attempt() -> None:
            topic, revision = await self._held(ref)
            await self._records.write(Put(ref.key, orjson.dumps(change(topic)), expect=revision))

        await _insisted(attempt)

    async def delete(self, ref: TopicRef) -> Sequence[Subscription]:
        """Delete a topic with its subscriptions, which are the result, the former ones included; a topic that is not
        there is no error."""

        async def attempt() -> Sequence[Subscription]:
            record = await self._records.get(ref.key)
            if record is None:
                return ()
            here, former = await self.subscriptions(ref), await self.former_subscriptions(ref)
            keys = [each.ref.key for each in here] + [each.ref.former_key for each in former]
            await self._records.write(Delete(ref.key, expect=record.revision), *(Delete(key) for key in keys))
            return [*here, *former]

        return await _insisted(attempt)

    async def subscribe(self, ref: TopicRef, made: Callable[[Sequence[Subscription]], Subscription]) -> Subscription:
        """Write the subscription that `made(the topic's subscriptions)` answers, be it a new or a changed one. Raises
        NotFoundException, ConcurrentAccessException."""

        async def attempt() -> Subscription:
            topic, revision = await self._held(ref)
            subscription = made(await self.subscriptions(ref))
            guard = Put(ref.key, orjson.dumps(topic), expect=revision)
            await self._records.write(guard, Put(subscription.ref.key, orjson.dumps(subscription)))
            return subscription

        return await _insisted(attempt)

    async def change_subscription(
        self, ref: SubscriptionRef, change: Callable[[Subscription], Subscription]
    ) -> Subscription:
        """Write `change(subscription)` in its place. Raises NotFoundException, ConcurrentAccessException."""

        async def attempt() -> Subscription:
            record = await self._records.get(ref.key)
            if record is None:
                raise NotFoundException("Subscription does not exist")
            changed = change(_subscription(record))
            await self._records.write(Put(ref.key, orjson.dumps(changed), expect=record.revision))
            return changed

        return await _insisted(attempt)

    async def unsubscribe(self, ref: SubscriptionRef, *, former: Subscription | None = None) -> None:
        """Delete a subscription, which need not be there; with `former`, keep that to restore it."""

        async def attempt() -> None:
            record = await self._records.get(ref.key)
            topic = await self._records.get(ref.topic.key)
            if record is None or topic is None:
                return
            counted = replace(_topic(topic), unsubscribed=_topic(topic).unsubscribed + 1)
            guard = Put(ref.topic.key, orjson.dumps(counted), expect=topic.revision)
            kept = [] if former is None else [Put(ref.former_key, orjson.dumps(former))]
            await self._records.write(guard, Delete(ref.key, expect=record.revision), *kept)

        return await _insisted(attempt)

    async def forget(self, ref: SubscriptionRef) -> None:
        """What a link has ended cannot be restored any more."""
        await self._records.write(Delete(ref.former_key))

    async def restore(self, ref: SubscriptionRef) -> None:
        """Undo what a link has ended. Raises NotFoundException when its topic is gone."""

        async def attempt() -> None:
            topic, revision = await self._held(ref.topic)
            record = await self._records.get(ref.former_key)
            if record is None:
                return
            restored = replace(topic, unsubscribed=max(0, topic.unsubscribed - 1))
            guard = Put(ref.topic.key, orjson.dumps(restored), expect=revision)
            await self._records.write(guard, Delete(ref.former_key), Put(ref.key, record.value))

        await _insisted(attempt)

    async def _held(self, ref: TopicRef) -> tuple[Topic, int]:
        record = await self._records.get(ref.key)
        if record is None:
            raise NotFoundException("Topic does not exist")
        return _topic(record), record.revision

    async def _all(self, prefix: str) -> AsyncIterator[Record]:
        after = ""
        while batch := await self._records.list(prefix, after=after, limit=_BATCH):
            for record in batch:
                yield record
            after = batch[-1].key


async def _insisted(attempt: Callable[[], Awaitable[T]]) -> T:
    """Try again when somebody else's write came between. Raises ConcurrentAccessException."""
    for _ in range(_TRIES):
        try:
            return await attempt()
        except RevisionMismatch:
            continue
    raise ConcurrentAccessException("Another operation changes this resource at the same time. Please try again.")


def _topic(record: Record) -> Topic:
    return Topic(**orjson.loads(record.value))


def _subscription(record: Record) -> Subscription:
    return Subscription(**orjson.loads(record.value))
