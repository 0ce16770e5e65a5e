"""What becomes of asynchronous events since the server started, by function, under the names of AWS's metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

RECEIVED = "AsyncEventsReceived"
DROPPED = "AsyncEventsDropped"
"""Given up, and nobody was told: no dead-letter queue or destination took it."""
DEAD_LETTER_ERRORS = "DeadLetterErrors"
DESTINATION_FAILURES = "DestinationDeliveryFailures"
LOOPS = "RecursiveInvocationsDropped"
METRICS = (RECEIVED, DROPPED, DEAD_LETTER_ERRORS, DESTINATION_FAILURES, LOOPS)


class Counters:
    """Counts by account, region and function."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str], Counter[str]] = {}

    def add(self, account: str, region: str, function: str, metric: str, number: int = 1) -> None:
        """So many more."""
        key = account, region, function
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = Counter()
        counts[metric] += number

    def of(self, account: str, region: str) -> Mapping[str, Mapping[str, int]]:
        """The counts of a region's functions, by function and metric; no metric that is 0."""
        return {
            function: dict(counts)
            for (owner, where, function), counts in sorted(self._counts.items())
            if (owner, where) == (account, region)
        }
