"""How many events of one function run at once: few at first, more as long as they take their time. Pure.

A function that is done in a millisecond gains nothing by a thousand environments, and the machine loses much; one that
waits a second for something else gains all.
"""

from __future__ import annotations

LEAST = 4
"""That may run at once from the start."""
PERIOD_S = 0.25
"""How often the number is looked at."""
_AIM_PER_S = 2000
"""Runs that are worth more environments."""


def next_cap(cap: int, *, finished: int, elapsed_s: float, is_crowded: bool) -> int:
    """How many may run from now on, if `cap` ran all the time, of which `finished` ended within `elapsed_s`: as many as
    the aim takes, but at most twice as many as before; or one more, on a machine that is crowded: there runs take long
    because they wait for a core, and more of them would take longer still, until they time out."""
    mean_s = cap * elapsed_s / max(1, finished)
    most = cap + 1 if is_crowded else 2 * cap
    return max(LEAST, min(most, round(mean_s * _AIM_PER_S)))


def spare(limit: int) -> int:
    """Of an account's concurrent executions, those that a function which runs events already leaves to others."""
    return min(100, limit // 10)
