"""Whether a level can be had on this machine: found out by making one sandbox at it, from end to end."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import socket
from functools import lru_cache
from pathlib import Path

from lambent.sandbox.base import Deferred, IsolationUndecided, Template
from lambent.sandbox.namespaces.ends import Ends
from lambent.sandbox.namespaces.launching import launcher_config, spawn, zygote_config, zygote_request
from lambent.sandbox.namespaces.link import Received, close_all, message_pair, receive_now, send_now

_PATIENCE_S = 20.0
_TEMPLATE = Template(name="probe", program=Deferred(), binds=(), listen=(9001,))


def reason_against(level: str, root: Path, uid: int) -> str | None:
    """Make a sandbox and drop it again; takes some 30 ms, and blocks. None when it worked, else what did not.
    Raises IsolationUndecided when the machine is too busy to tell."""
    try:
        config = zygote_config(_TEMPLATE, level, limits_processes=True)
        request: dict[str, object] = {"uid": uid, "gid": uid}
        try_out(launcher_config(level, root, ()), zygote_request(_TEMPLATE, level), config, request)
    except (OSError, KeyError) as error:
        return f"{type(error).__name__}: {error}"
    return None


@lru_cache(maxsize=1)
def can_graft() -> bool:
    """Whether a process of ours may run instructions that it has written itself, as grafting does (graft.py): some
    machines forbid it (vm.memfd_noexec, SELinux). Agents fork their programs there."""
    try:
        fd = os.memfd_create("lambent-probe")
        try:
            os.truncate(fd, mmap.PAGESIZE)
            mmap.mmap(fd, mmap.PAGESIZE, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC).close()
        finally:
            os.close(fd)
    except OSError:
        return False
    return True


def try_out(
    launcher: dict[str, object], zygote: dict[str, object], config: dict[str, object], fork: dict[str, object]
) -> None:
    """Make a sandbox by these messages, the first two to the launcher, and drop it again. Blocks; raises OSError
    and IsolationUndecided."""
    with contextlib.ExitStack() as ending:
        control, theirs = _pair(ending)
        with theirs:
            process = spawn(theirs)
        ending.callback(process.wait)
        ending.callback(control.close)
        _ask(control, launcher)
        _answer(control)
        zygote_end, theirs = _pair(ending)
        with theirs:
            _ask(control, zygote, [theirs.fileno()])
        _ask(zygote_end, config)
        _answer(zygote_end)
        ends = Ends.make()
        ending.callback(ends.close)
        ends.control.settimeout(_PATIENCE_S)
        _ask(zygote_end, fork, ends.theirs)
        ends.close_theirs()
        while "ready" not in (received := _answer(ends.control)).body:
            close_all(received.fds)


def _pair(ending: contextlib.ExitStack) -> tuple[socket.socket, socket.socket]:
    ours, theirs = message_pair()
    ours.settimeout(_PATIENCE_S)
    ending.enter_context(ours)
    return ours, theirs


def _ask(sock: socket.socket, message: dict[str, object], fds: tuple[int, ...] | list[int] = ()) -> None:
    send_now(sock, json.dumps(message).encode(), fds)


def _answer(sock: socket.socket) -> Received:
    try:
        received = receive_now(sock)
    except TimeoutError:
        raise IsolationUndecided(
            f"the sandbox to find out which isolation can be had was not ready after {_PATIENCE_S:.0f} s: is the "
            "machine overloaded?"
        ) from None
    if received is None:
        raise OSError("the process that should have answered ended")
    if "failed" in received.body:
        raise OSError(str(received.body["failed"]).strip().splitlines()[-1])
    return received
