"""What a FIFO queue gave for which ReceiveRequestAttemptId: a receiver that heard no answer asks again with the same.

Kept in memory: after a restart the messages come back when their visibility timeout is over, as they do without one.
"""

from __future__ import annotations

from collections.abc import Sequence

from lambent.neighbours.sqs.leases import Received
from lambent.values import frozen

REMEMBERED_S = 300.0


@frozen
class _Attempt:
    until: float
    given: Sequence[Received]


class Attempts:
    """Attempts of all queues. Times are epoch seconds."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, _Attempt]] = {}
        """By queue id, and then by attempt id, the oldest first."""

    def remember(self, queue_id: str, attempt: str, given: Sequence[Received], *, now: float) -> None:
        """An attempt was answered."""
        known = self._known.setdefault(queue_id, {})
        for other in tuple(known):
            if known[other].until > now:
                break
            del known[other]
        known.pop(attempt, None)
        known[attempt] = _Attempt(now + REMEMBERED_S, given)

    def given(self, queue_id: str, attempt: str, *, now: float) -> Sequence[Received]:
        """What it was answered with; nothing when that is unknown, too long ago, or has been touched since."""
        known = self._known.get(queue_id, {}).get(attempt)
        return () if known is None or known.until <= now else known.given

    def forget(self, queue_id: str, receipt: str) -> None:
        """A message was deleted or its visibility changed: the attempt that gave it cannot be repeated."""
        known = self._known.get(queue_id, {})
        for attempt, answered in tuple(known.items()):
            if any(received.lease.receipt == receipt for received in answered.given):
                del known[attempt]
