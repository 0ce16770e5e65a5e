"""Whether somebody set the clock: what waits for a time then goes along, lest it wait as much longer or less."""

from __future__ import annotations

from lambent.kit.clock import Clock

LEAST_S = 2.0
"""Smaller jumps are let pass: ordinary corrections, and the time that passes between two readings."""


class Jumps:
    """Compares the clock that can be set with the one that cannot."""

    def __init__(self, clock: Clock, latest: float | None = None) -> None:
        """`latest`: the latest time that was written down before, if there is any. If it is yet to come, the clock was
        set back in between."""
        self._clock = clock
        self._offset = self._measured()
        if latest is not None and latest > clock.now() + LEAST_S:
            self._offset += latest - clock.now()

    def last(self) -> float:
        """By how many seconds the clock was set forward since the last call, negative for back; mostly 0.0."""
        jump = self._measured() - self._offset
        if abs(jump) < LEAST_S:
            self._offset += jump  # so that many small corrections never add up to a jump
            return 0.0
        # A process that was stopped between two readings would see a jump, too, but not twice the same.
        again = self._measured() - self._offset
        if abs(again - jump) > LEAST_S / 2:
            return 0.0
        self._offset += again
        return again

    def forget(self, jump: float) -> None:
        """What `last` told could not be acted upon: it is to tell it again."""
        self._offset -= jump

    def _measured(self) -> float:
        return self._clock.now() - self._clock.monotonic()
