"""How many sandboxes of a template to keep waiting, by how many were taken at once not long ago. Pure."""

from __future__ import annotations

import math

HALF_LIFE_S = 60.0
"""A burst that is so old counts half."""


class Demand:
    """Remembers the largest number of takes in one second, and forgets it slowly."""

    __slots__ = ("_count", "_peak", "_peak_at", "_second")

    def __init__(self) -> None:
        self._second = -1
        self._count = 0
        self._peak = 0.0
        self._peak_at = 0.0

    def note(self, now: float) -> None:
        """One was taken; `now` is in monotonic seconds."""
        if int(now) != self._second:
            self._second, self._count = int(now), 0
        self._count += 1
        if self._count >= self._faded(now):
            self._peak, self._peak_at = float(self._count), now

    def wanted(self, now: float, *, least: int, most: int) -> int:
        """So many should wait: as many as the last burst took, within bounds."""
        return max(least, min(most, round(self._faded(now))))

    def _faded(self, now: float) -> float:
        return self._peak * math.exp2((self._peak_at - now) / HALF_LIFE_S)
