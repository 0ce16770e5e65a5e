"""What a FIFO queue gave for which ReceiveRequestAttemptId: a receiver that heard no answer asks again with the same.

Kept in memory: after a restart the messages come back when their visibility timeout is over, as they do without one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lambent.neighbours.sqs.leases import Received

REMEMBERED_S = 300.0


@dataclass(frozen=True, slots=True)
class _Attempt:
    until: float
    given: Sequence[Received]


class Attempts:
    """Attempts of all queues. Times are epoch seconds."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], _Attempt] = {}
        """By queue id and attempt id, oldest first."""

    def remember(self, queue_id: str, attempt: str, given: Sequence[Received], *, now: float) -> None:
        """An attempt was answered."""
        self._forget_old(now)
        self._known.pop((queue_id, attempt), None)
        self._known[queue_id, attempt] = _Attempt(now + REMEMBERED_S, given)

    def given(self, queue_id: str, attempt: str, *, now: float) -> Sequence[Received]:
        """What it was answered with; nothing when that is unknown, too long ago, or has been touched since."""
        known = self._known.get((queue_id, attempt))
        return () if known is None or known.until <= now else known.given

    def forget(self, queue_id: str, receipt: str) -> None:
        """A message was deleted or its visibility changed: the attempt that gave it cannot be repeated."""
        for key, attempt in tuple(self._known.items()):
            if key[0] == queue_id and any(received.lease.receipt == receipt for received in attempt.given):
                del self._known[key]

    def _forget_old(self, now: float) -> None:
        for key, attempt in tuple(self._known.items()):
            if attempt.until > now:
                return
            del self._known[key]
