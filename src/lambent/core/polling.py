"""How many batches of one source may be under way at once: a few at first, more while all of them are busy. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.values import frozen

START = 5
"""Batches at once when a mapping has been idle."""
MOST = 1250
PER_MINUTE = 300
"""So many more while there is more than they can take."""
PER_POLLER = 10
"""Batches at once of one provisioned poller."""
PROVISIONED_PER_MINUTE = 1000


@frozen
class Growth:
    """What a mapping's settings allow."""

    start: int = START
    most: int = MOST
    per_minute: int = PER_MINUTE

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Growth:
        """As the ScalingConfig or the ProvisionedPollerConfig among a mapping's settings says."""
        if pollers := settings.get("ProvisionedPollerConfig"):
            least, most = pollers.get("MinimumPollers", 2), pollers.get("MaximumPollers", 200)
            return cls(least * PER_POLLER, most * PER_POLLER, PROVISIONED_PER_MINUTE)
        most = (settings.get("ScalingConfig") or {}).get("MaximumConcurrency") or MOST
        return cls(min(START, most), most)


class Crew:
    """How many may work now; `now` is in monotonic seconds throughout."""

    __slots__ = ("_allowed", "_full_since", "_growth")

    def __init__(self, growth: Growth) -> None:
        self._growth = growth
        self._allowed = float(growth.start)
        self._full_since: float | None = None

    def has_room(self, working: int, now: float, *, refused: bool = False) -> bool:
        """Whether one more may begin beside those that are `working`; being asked in vain is what makes it grow.
        `refused`: the function takes no more than it has, so that more would only take messages and wait with them."""
        if refused:
            self.rested(working)
        if working < int(self._allowed):
            self._full_since = None
            return True
        if self._full_since is not None:
            grown = (now - self._full_since) * self._growth.per_minute / 60
            self._allowed = min(float(self._growth.most), self._allowed + grown)
        self._full_since = now
        return working < int(self._allowed)

    def rested(self, working: int) -> None:
        """There was nothing to do for one of them: fall back to what is in use, but not below the start."""
        self._allowed = float(max(self._growth.start, min(working, int(self._allowed))))
        self._full_since = None
