"""A message in somebody's hands, and what it becomes when it goes into another queue. Pure."""

from __future__ import annotations

from dataclasses import replace

from lambent.neighbours.sqs.message import Message, Receipt
from lambent.store.base import Lease
from lambent.values import frozen

SOURCE = "DeadLetterQueueSourceArn"


@frozen
class Received:
    """A message, and the lease that its receiver has of it."""

    message: Message
    lease: Lease
    leased_ms: int
    """When the lease began."""

    @property
    def receipt(self) -> Receipt:
        """What its receipt handle says."""
        return Receipt(self.leased_ms, self.lease.sequence, self.lease.receipt)

    @property
    def count(self) -> int:
        """How often the message was received, this time included, from whichever queue."""
        return self.message.received + self.lease.attempts

    @property
    def first_ms(self) -> int:
        """When that was for the first time."""
        first = self.message.first_received_ms
        return int(self.lease.first_leased_at * 1000) if first is None else first


def dead_letter(received: Received, source_arn: str) -> Message:
    """The message as it goes to the dead-letter queue: this lease was no receipt of it, but all before were."""
    return replace(
        received.message,
        system={**received.message.system, SOURCE: source_arn},
        received=received.count - 1,
        first_received_ms=received.first_ms,
    )


def anew(message: Message, id_: str, now_ms: int) -> Message:
    """The message as a move task puts it into a queue: AWS takes it for one that was sent just now."""
    system = {name: value for name, value in message.system.items() if name != SOURCE}
    return replace(message, id=id_, system={**system, "SentTimestamp": str(now_ms)}, received=0, first_received_ms=None)
