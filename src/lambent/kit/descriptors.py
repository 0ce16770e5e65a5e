"""How many file descriptors this process may have open."""

from __future__ import annotations

import contextlib
import resource


def allow_most() -> int:
    """Raise this process's limit, which programs that it starts inherit, as far as it may itself; what it is then.

    What shells and service managers set, mostly 1,024, is for programs that use select().
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # one without an end is above what the kernel lets anybody ask for
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return soft
