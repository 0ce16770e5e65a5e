"""How patience grows. Pure."""

from __future__ import annotations


def backoff_s(failures: int, *, first_s: float, most_s: float) -> float:
    """How long to wait after so many failures in a row: twice as long each time, up to `most_s`."""
    return min(most_s, first_s * 2.0 ** min(max(0, failures - 1), 30))
