"""Concurrency: how many invocations may run at once. The rule is the account's limit; reserved and provisioned
concurrency will be decided by core/scaling."""

from __future__ import annotations

from collections import defaultdict

from lambent.core import limits
from lambent.core.function import Version
from lambent.core.invocation import Throttled


class Gate:
    """Counts running invocations per account and region."""

    def __init__(self, limit: int = limits.CONCURRENT_EXECUTIONS) -> None:
        self.limit = limit
        self._running: defaultdict[tuple[str, str], int] = defaultdict(int)

    def enter(self, version: Version) -> None:
        """Take a place. Raises Throttled when there is none."""
        key = (version.account, version.region)
        if self._running[key] >= self.limit:
            raise Throttled("ConcurrentInvocationLimitExceeded")
        self._running[key] += 1

    def leave(self, version: Version) -> None:
        """Give the place back."""
        self._running[version.account, version.region] -= 1

    @property
    def running(self) -> int:
        """Invocations running now, over all accounts."""
        return sum(self._running.values())
