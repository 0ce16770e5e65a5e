"""How many events of one function run at once: few at first, more as long as they take their time, fewer when they
press on their timeout because the machine is full. No clock: every moment is told.

A function that is done in a millisecond gains nothing by a thousand environments, and the machine loses much; one that
waits a second for something else gains all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import NamedTuple

LEAST = 4
"""That may run at once from the start."""
PERIOD_S = 0.25
"""How often the number is looked at."""
PRESSED = 0.5
"""The part of its timeout that a run may take before more of them would be too many, on a machine that is crowded."""
RECENT = 20
"""Runs that are looked back upon."""
_PRESSED_PART = 4
"""One of so many of them: fewer take long by themselves, as some that hang do."""
_AIM_PER_S = 2000
"""Runs that are worth more environments."""
MOST_AHEAD = 64
"""Events that are held before they can run, at most."""
_AHEAD_PART = 4
"""And at most such a part of what ran in the last period: none of slow functions."""
_CROWDED_S = 1.0
"""For how long a machine counts as crowded that was it once: one look may find it between two runs."""
_STEADY_S = 5.0
"""How long to wait before one more may run, once runs were pressed; less if they are shorter."""


class Pace(NamedTuple):
    """How many may run at once now."""

    cap: int = LEAST
    careful_from: int | None = None
    """From there on it grows by one at a time: beyond it runs were pressed before."""


def next_pace(pace: Pace, *, finished: int, elapsed_s: float, is_crowded: bool) -> Pace:
    """How many may run from now on, if `pace.cap` ran all the time, of which `finished` ended within `elapsed_s`: as
    many as the aim takes, but at most twice as many as before. On a machine that is crowded, one more: there runs take
    long because they wait for a core, and more of them would take longer still."""
    cap = pace.cap
    mean_s = cap * elapsed_s / max(1, finished)
    is_careful = is_crowded or (pace.careful_from is not None and cap >= pace.careful_from)
    most = cap + 1 if is_careful else 2 * cap
    return pace._replace(cap=min(most, max(LEAST, round(mean_s * _AIM_PER_S))))


def are_pressed(recent: Collection[bool]) -> bool:
    """Whether runs take long because of each other: whether each of the latest took a good part of its timeout."""
    return any(recent) and sum(recent) * _PRESSED_PART >= len(recent)


def slower(pace: Pace) -> Pace:
    """When runs are pressed on a machine that is crowded: a quarter less, and in the end one alone, before correct runs
    time out."""
    cap = max(1, pace.cap * 3 // 4)
    return Pace(cap, cap)


def spare(limit: int) -> int:
    """Of an account's concurrent executions, those that a function which runs events already leaves to others."""
    return min(100, limit // 10)


class Pacer:
    """The pace of one function: told of its runs, and looked at once in a period. All moments are of one steady clock,
    in seconds."""

    def __init__(self, now: float) -> None:
        self._pace = Pace()
        self.ahead = 0
        """How many events to hold beyond those that run."""
        self._recent: deque[bool] = deque(maxlen=RECENT)
        """Whether each of the latest runs took a good part of its timeout."""
        self._looked_at = now
        self._finished = 0
        """Runs that ended since then."""
        self._pressed_s = 0.0
        """How long the longest of them took that took a good part of its timeout."""
        self._crowded_until = self._slowed_until = self._steady_until = self._steady_s = 0.0

    @property
    def cap(self) -> int:
        """How many may run at once now."""
        return self._pace.cap

    def took(self, seconds: float, *, timeout_s: float) -> None:
        """A run of the function took so long."""
        is_pressed = seconds >= PRESSED * timeout_s
        self._recent.append(is_pressed)
        if is_pressed:
            self._pressed_s = max(self._pressed_s, seconds)

    def ended(self) -> None:
        """A place is free again, whatever became of the run."""
        self._finished += 1

    def is_due(self, now: float) -> bool:
        """Whether a period has passed since the last look."""
        return now - self._looked_at >= PERIOD_S

    def look(self, now: float, *, is_crowded: bool, is_full: bool) -> None:
        """Decide anew. `is_crowded`: the machine has more to do than it can; `is_full`: more would run if they
        might."""
        if is_crowded:
            self._crowded_until = now + _CROWDED_S
        is_crowded = now < self._crowded_until
        if is_crowded and self._pressed_s > 0.0 and are_pressed(self._recent):
            if now >= self._slowed_until:
                self._pace = slower(self._pace)
                self._recent.clear()
                self._slowed_until = now + self._pressed_s  # what ends by then began before
                self._steady_s = min(self._pressed_s, _STEADY_S)
            self._steady_until = now + self._steady_s
        elif now >= self._steady_until and is_full:
            elapsed_s = now - self._looked_at
            self._pace = next_pace(self._pace, finished=self._finished, elapsed_s=elapsed_s, is_crowded=is_crowded)
            self._steady_until = now + self._steady_s
        self.ahead = min(self._finished // _AHEAD_PART, MOST_AHEAD)
        self._finished = 0
        self._pressed_s = 0.0
        self._looked_at = now
