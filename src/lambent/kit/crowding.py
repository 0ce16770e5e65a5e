"""Whether more work at once would only make all of it slower."""

from __future__ import annotations

import os
from pathlib import Path

_LOAD = Path("/proc/loadavg")
_MOST_PER_CORE = 2


def is_crowded() -> bool:
    """Whether much more wants to run at this moment than there are cores. False where that cannot be known."""
    try:
        runnable = int(_LOAD.read_text().split()[3].partition("/")[0])
    except (OSError, ValueError, IndexError):
        return False
    return runnable > _MOST_PER_CORE * (os.cpu_count() or 1)
