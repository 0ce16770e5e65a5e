"""Accepting asynchronous events: each is on disk before its sender is answered."""

from __future__ import annotations

import asyncio

from lambent.core.arn import FunctionRef
from lambent.core.invocation import Invocation
from lambent.delivery.counters import RECEIVED, Counters
from lambent.delivery.event import encode_new, queue_of
from lambent.store.base import Queues


class Intake:
    """Writes events into the queues of their functions. The client context is not kept, as on AWS."""

    def __init__(self, queues: Queues, counters: Counters) -> None:
        self._queues = queues
        self._counters = counters

    def accept(self, ref: FunctionRef, invocation: Invocation) -> asyncio.Future[None]:
        """Done when the event is durable; it runs soon after. Fails with StoreUnavailable: then it may be lost."""
        self._counters.add(ref.account, ref.region, ref.name, RECEIVED)
        body = encode_new(invocation.id, ref.qualifier, invocation.trace, invocation.payload)
        return self._queues.put(queue_of(ref.account, ref.region, ref.name), body)
