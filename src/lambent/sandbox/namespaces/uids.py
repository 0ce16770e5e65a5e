"""User ids for sandboxes: one each, so that no two share a process, pipe or inotify budget."""

from __future__ import annotations

import fcntl
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from lambent.sandbox.base import IsolationUndecided

SLOTS = 8192
"""Ids that one server claims."""

_PREFERRED = 1_900_000_000
"""Above what distributions, user-namespace maps (/etc/subuid) and systemd hand out."""
_SERVERS = 64
"""On one machine at once. One more is refused: there are no users for its sandboxes."""


def candidates(uid_map: str) -> Iterator[int]:
    """First ids of ranges that may be claimed, given /proc/self/uid_map; a container may have few ids."""
    ranges = [(int(first), int(first) + int(count)) for first, _, count in map(str.split, uid_map.splitlines())]
    for number in range(_SERVERS):
        base = _PREFERRED + number * SLOTS
        if any(start <= base and base + SLOTS <= end for start, end in ranges):
            yield base
    start, end = max(ranges, key=lambda each: each[1] - each[0])
    for number in range(1, _SERVERS + 1):
        # The top of a small range: whatever it was made for starts at its bottom.
        base = end - number * SLOTS
        if end < _PREFERRED and base >= start + 10_000:
            yield base


class UserIds:
    """A claimed range. Ids come back into use as late as possible."""

    def __init__(self, first: int, lock: int) -> None:
        self._next, self._end = first, first + SLOTS
        """Those that nobody has had yet."""
        self._free: deque[int] = deque()
        self._lock = lock

    def take(self) -> int:
        """An id that no living sandbox has. Raises IndexError when all are in use."""
        if self._next == self._end:
            return self._free.popleft()
        self._next += 1
        return self._next - 1

    def give_back(self, uid: int) -> None:
        """The sandbox with this id is gone."""
        self._free.append(uid)

    def close(self) -> None:
        """Let another server claim the range."""
        os.close(self._lock)


def claim(folder: Path, uid_map: str) -> UserIds:
    """Claim a range; the lock, a file in `folder`, ends with this process. Raises OSError when there is none, and
    IsolationUndecided when other servers have all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    ranges = tuple(candidates(uid_map))
    for first in ranges:
        lock = os.open(folder / f"uids-{first}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        return UserIds(first, lock)
    if ranges:
        raise IsolationUndecided(f"other servers on this machine have all {len(ranges)} ranges of users for sandboxes")
    raise OSError("there are too few user ids here to give sandboxes their own")
