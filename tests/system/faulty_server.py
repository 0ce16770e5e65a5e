"""`lambent serve` that kills a sandbox's first process at one step of its assignment, once, when it is told to.

It is told by a file named `fault` in its data directory, which holds the step and is gone once it has happened.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
from pathlib import Path
from typing import Any

from lambent.cli.main import main
from lambent.invoke.environment import Environment
from lambent.sandbox.namespaces.box import Box
from lambent.sandbox.namespaces.cgroup import Group
from lambent.sandbox.namespaces.launching import Launcher

FAULT = Path(sys.argv[sys.argv.index("--data") + 1]) / "fault"

assigning: list[Box] = []
"""The sandbox of the assignment that the fault will be in."""


def is_time(step: str) -> bool:
    """Whether the fault shall happen here; it does so once."""
    if not assigning or not FAULT.exists() or FAULT.read_text() != step:
        return False
    FAULT.unlink()
    return True


def kill(box: Box) -> None:
    """Kill it, and go on when it has ended: the news of that is on its way then, before any other."""
    pidfd = os.pidfd_open(box._agent_pid)
    os.kill(box._agent_pid, signal.SIGKILL)
    select.select([pidfd], [], [], 30)
    os.close(pidfd)


real_assign, real_limit, real_launch = Box.assign, Group.limit, Launcher.assign
real_ready = Environment.runtime_ready


async def assign(self: Box, assignment: Any) -> None:
    if FAULT.exists():
        assigning[:] = [self]
    if is_time("before"):
        kill(self)
    await real_assign(self, assignment)
    if is_time("after the message"):
        kill(self)
    elif is_time("during import"):
        # Its module makes this file, and never comes to its end.
        while not os.path.exists(f"/proc/{self._program_pid}/root/tmp/importing"):  # noqa: ASYNC110  as above
            await asyncio.sleep(0.005)
        kill(self)


def limit(self: Group, memory_bytes: int, processes: int) -> None:
    if is_time("while limits are written"):
        kill(assigning[0])
    real_limit(self, memory_bytes, processes)


async def launch(self: Launcher, fds: Any, line: bytes, binds: Any, tmp_bytes: int) -> None:
    if is_time("after the mount"):
        await real_launch(self, fds, b"", binds, tmp_bytes)
        kill(assigning[0])
        # Whoever writes the message into a dead sandbox is told so.
        while not assigning[0]._dead:  # noqa: ASYNC110  nothing announces it here
            await asyncio.sleep(0.005)
    elif is_time("launcher"):
        self.process.kill()
        await real_launch(self, fds, line, binds, tmp_bytes)
    else:
        await real_launch(self, fds, line, binds, tmp_bytes)


def runtime_ready(self: Environment) -> None:
    if assigning and self.sandbox is assigning[0] and is_time("at the first next"):
        kill(assigning[0])
    real_ready(self)


Box.assign = assign  # type: ignore[method-assign]
Group.limit = limit  # type: ignore[method-assign]
Launcher.assign = launch  # type: ignore[method-assign]
Environment.runtime_ready = runtime_ready  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
