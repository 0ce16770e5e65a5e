"""How many events of one function run at once: few at first, more as long as they take their time, fewer when they
press on their timeout because the machine is full. Pure.

A function that is done in a millisecond gains nothing by a thousand environments, and the machine loses much; one that
waits a second for something else gains all.
"""

from __future__ import annotations

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
