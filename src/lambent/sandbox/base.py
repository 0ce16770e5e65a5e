"""What a sandbox is, to those who use one. Knows nothing of Lambda.

A *template* says what kind of program waits in a sandbox; a *sandbox* is made from it ahead of time with all
its rights dropped already; an *assignment* turns it into somebody's: files are mounted late, limits written, and the
waiting program is told what to do. Nothing a sandbox ran is ever given to another assignment.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Protocol

from lambent.values import frozen


class SandboxDied(Exception):
    """The sandbox ended, or could not be made or assigned; its owner takes another."""


class IsolationUnavailable(Exception):
    """The isolation level that was asked for cannot be had on this machine; the text says why."""


class IsolationUndecided(Exception):
    """Whether a level can be had could not be found out just now. Not a reason to take a weaker one: what is a
    machine's limit today must not depend on how busy it is."""


@frozen
class Bind:
    """A host file or folder seen inside at `inside`, read-only, without devices or set-uid.

    The folders above `host` do not matter, but it and what is in it must be readable by everybody: the program has a
    user of its own. A template's `inside` is made where it is missing; an assignment's must exist in the root.
    """

    host: Path
    inside: str


@frozen
class Forked:
    """A Python program that a zygote imports once and that then runs in forks of it.

    `interpreter` and `module` are paths inside the root. The module defines `preload()` (run once, in the zygote,
    with all rights: it may only import), `prewarm()` (run in each fork, ahead of the assignment) and
    `main(channel: socket.socket)` (never returns; reads the assignment's message, one JSON line, from the channel).
    `path` is the complete sys.path of the zygote. An interpreter with a shared library (libpython) must be bound at the
    path it was installed to, for that is where it looks for it. When `main` returns or raises SystemExit the
    interpreter ends as any other does.
    """

    interpreter: str
    module: str
    path: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of each fork while it waits."""


@frozen
class Started:
    """A program started ahead; it reads the assignment's message, one JSON line, from descriptor 3."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


@frozen
class Deferred:
    """A program started at the assignment: the message's `argv`, `env` and `cwd` say which."""


Program = Forked | Started | Deferred


@frozen
class Template:
    """What a sandbox is made of before it belongs to anyone."""

    name: str
    program: Program
    binds: tuple[Bind, ...]
    """Beside the system's own folders, which every root has."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Symbolic links inside: path → what it points to."""
    listen: tuple[int, ...] = ()
    """TCP ports on 127.0.0.1 inside, whose listening sockets are handed to the owner."""
    make: Callable[[], None] | None = field(default=None, compare=False)
    """To be called in a thread before a sandbox is made: makes what `binds` names, where it is not there. Raises
    OSError with what is wrong."""
    listen_late: tuple[int, ...] = ()
    """As `listen`, for ports that few programs use: a socket is handed over when something first connects to it, and
    takes no descriptor of the owner's until then."""


@frozen
class Limits:
    """What an assigned sandbox may use."""

    memory_bytes: int
    cpus: float
    """Cores' worth of time, applied by `Sandbox.limit_cpu` (start-up is not slowed down)."""
    tmp_bytes: int
    processes: int = 1024


@frozen
class Assignment:
    """Whose the sandbox becomes."""

    mounts: tuple[Bind, ...]
    limits: Limits
    message: Mapping[str, object]
    """Sent to the program as one JSON line, of at most 96 KiB."""


@frozen
class Exit:
    """How the program ended: a status, or a signal's number; `out_of_memory` when its memory limit killed it."""

    status: int | None
    signal: int | None
    out_of_memory: bool
    unstarted: str | None = None
    """Why the program of a deferred start could not be executed at all: its path, and the system's words."""


class Sandbox(Protocol):
    """An isolated process tree; made waiting, assigned once, closed once."""

    id: str
    listeners: Mapping[int, socket.socket]
    """The non-blocking listening sockets of Template.listen; they live in the sandbox's network. Those of
    Template.listen_late join them."""
    on_called: Callable[[int, socket.socket], None] | None
    """Called on the event loop when the listening socket of a port of Template.listen_late has joined `listeners`."""
    output: int
    """Non-blocking read end of what the program writes to its standard output and error; `close` closes it."""
    records: int
    """Non-blocking read end of a pipe whose write end the program has as descriptor 4; `close` closes it."""
    on_exit: Callable[[Exit], None] | None
    """Called on the event loop each time the program ends by itself; while `assign` is under way, after it."""

    def here(self, text: str) -> str:
        """`text`, which names paths and addresses as Template and Assignment do, with those that lead to the same
        inside. It stays what it is where the sandbox has a root and a network of its own. Not for a user's own data.
        """

    async def assign(self, assignment: Assignment) -> None:
        """Mount, limit and start the program's work. The message is passed on as it is. Raises SandboxDied, also when
        the whole sandbox has ended meanwhile: `on_exit` is not called for that."""

    async def restart(self) -> None:
        """Kill every process but the agent and start the program again with the same assignment; what was in /tmp
        stays. `on_exit` is not called for what this kills. Raises SandboxDied."""

    def limit_cpu(self) -> None:
        """Apply the assignment's CPU limit."""

    def max_memory_bytes(self) -> int:
        """The largest resident size that the program has had."""

    async def freeze(self) -> None:
        """Stop every process in it, unnoticeably."""

    def thaw(self) -> None:
        """Let them run again. Returns at once: an invocation must not wait for it."""

    async def close(self) -> None:
        """Kill every process in it and take back all it held. May be called twice."""


class Driver(Protocol):
    """Makes sandboxes. `level` is one of `full`, `rootless`, `process-only`."""

    level: str
    notes: Sequence[str]
    """What this level lacks on this machine, one sentence each; empty when nothing."""

    async def start(self) -> None:
        """Clean up after a dead predecessor, and get ready."""

    async def sandbox(self, template: Template) -> Sandbox:
        """A waiting sandbox. Raises SandboxDied."""

    async def close(self) -> None:
        """End every sandbox and process that was made, and remove every trace."""
