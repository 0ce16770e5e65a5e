"""The server's ends of the launcher and of zygotes: what is asked of them, and the answers awaited."""

from __future__ import annotations

import asyncio
import platform
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from lambent.sandbox.base import Bind, Forked, SandboxDied, Started, Template
from lambent.sandbox.namespaces.link import Link, Received, close_all, message_pair
from lambent.sandbox.namespaces.plan import USER, ZYGOTE_FOLDER, root_steps, survey
from lambent.sandbox.namespaces.seccomp import sandbox_filter

CODE = Path(__file__).parent
_PROCESSES_OF_A_UID = 8192
_PROCESSES_WITHOUT_GROUP = 1024
_ZYGOTE_PATIENCE_S = 30.0

MAX_LINE_BYTES = 96 * 1024
"""What surely fits into a message to the launcher, and into an empty channel without waiting for its reader."""


def spawn(theirs: socket.socket) -> subprocess.Popen[bytes]:
    """Start a launcher whose control socket is `theirs`. It has no environment, no arguments, no other descriptor, and
    no terminal: a Ctrl-C is for the server alone."""
    argv = [sys.executable, "-I", "-S", str(CODE / "launcher.py")]
    return subprocess.Popen(
        argv, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, env={}, cwd="/", start_new_session=True
    )


def launcher_config(level: str, root: Path, groups: Sequence[Path]) -> dict[str, object]:
    """The launcher's first message. `root`: an empty folder that roots are built over."""
    return {"level": level, "root": str(root), "groups": [str(each) for each in groups]}


def zygote_request(template: Template, level: str) -> dict[str, object]:
    """What the launcher needs to start a zygote."""
    steps = root_steps(template, survey(), CODE, own_proc=level == "rootless")
    program = template.program
    argv = [program.interpreter, "-I", "-S", f"{ZYGOTE_FOLDER}/zygote.py"] if isinstance(program, Forked) else None
    return {"zygote": {"steps": [list(step) for step in steps], "exec": argv}}


def zygote_config(template: Template, level: str, limits_processes: bool) -> dict[str, object]:
    """A zygote's first message."""
    return {
        "level": level,
        "program": program_config(template),
        "listen": list(template.listen),
        "listen_late": list(template.listen_late),
        "user": USER,
        "processes": _PROCESSES_OF_A_UID if limits_processes else _PROCESSES_WITHOUT_GROUP,
        "filter": sandbox_filter(platform.machine()).hex(),
    }


def parted_configs(config: dict[str, object]) -> list[dict[str, object]]:
    """The first messages to a zygote of agents and to the one of their programs, instead of this one's to both in
    one."""
    return [{**config, "program": {"kind": "grafted"}}, {**config, "grafts": True}]


def program_config(template: Template) -> dict[str, object]:
    """A template's program, as its zygote reads it."""
    program = template.program
    if isinstance(program, Forked):
        return {"kind": "forked", "module": program.module, "path": list(program.path), "env": dict(program.env)}
    if isinstance(program, Started):
        return {"kind": "started", "argv": list(program.argv), "env": dict(program.env)}
    return {"kind": "deferred"}


class Launcher:
    """The privileged helper, running. When it ends by itself, every request raises SandboxDied."""

    def __init__(self, process: subprocess.Popen[bytes], sock: socket.socket) -> None:
        self.process = process
        self._up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._assigning: dict[int, asyncio.Future[None]] = {}
        self._last = 0
        self._link = Link(sock, self._on_message, self._on_end)

    @property
    def ended(self) -> bool:
        """Whether another one must be started."""
        return self._link.ended

    def look(self) -> None:
        """See to it that `ended` is up to date."""
        self._link.look()

    @staticmethod
    async def start(config: dict[str, object], doors: Sequence[int]) -> Launcher:
        """Start it, in the groups that `doors` lead to, which are given away. Raises SandboxDied."""
        ours, theirs = message_pair()
        with theirs:
            launcher = Launcher(spawn(theirs), ours)
        launcher._link.send(config, doors, give=True)
        await launcher._up
        return launcher

    def zygote(self, request: dict[str, object], theirs: Sequence[socket.socket]) -> None:
        """Start a zygote, or two in the same root, the first for agents and the second for programs, with `theirs`,
        which are given away, as their control sockets; they answer there themselves."""
        self._link.send(request, [each.detach() for each in theirs], give=True)

    async def assign(self, fds: Sequence[int], line: bytes, binds: Sequence[Bind], tmp_bytes: int | None) -> None:
        """Mount into a namespace, then write `line` to a channel: the launcher does both, for every change of process
        costs up to a tick on a busy machine. `fds` are given away: the namespace's door, the channel, and a disk if it
        shall have another one at /tmp. `tmp_bytes` is the size of a new /tmp in memory. Raises SandboxDied."""
        if self.ended:
            close_all(fds)
            raise SandboxDied("the launcher has ended")
        self._last += 1
        done = self._assigning[self._last] = asyncio.get_running_loop().create_future()
        pairs = [[str(each.host), each.inside] for each in binds]
        request = {"assign": self._last, "binds": pairs, "tmp": tmp_bytes, "line": line.decode()}
        self._link.send(request, fds, give=True)
        await done

    def close(self) -> None:
        """Let it end; `process` tells when it has."""
        self._link.close()

    def _on_message(self, received: Received) -> None:
        body = received.body
        number = body.get("assign")
        waiting = self._assigning.pop(number) if isinstance(number, int) else self._up
        if waiting.done():
            return
        if "failed" in body:
            waiting.set_exception(SandboxDied(str(body["failed"])))
        else:
            waiting.set_result(None)

    def _on_end(self) -> None:
        for waiting in (self._up, *self._assigning.values()):
            if not waiting.done():
                waiting.set_exception(SandboxDied("the launcher has ended"))
                waiting.exception()
        self._assigning.clear()
        self.process.poll()


class Zygote:
    """What the sandboxes of one template are forked from: agents, and unless those fork them, programs.

    It ends with its launcher: the kernel kills it a moment after that has gone.
    """

    def __init__(
        self, launcher: Launcher, template: Template, sock: socket.socket, programs: socket.socket | None
    ) -> None:
        self._launcher = launcher
        self._agents = _Forker(f"the zygote of {template.name}", sock)
        self._programs = None if programs is None else _Forker(f"the zygote of {template.name}'s programs", programs)

    @staticmethod
    async def start(
        launcher: Launcher, template: Template, request: dict[str, object], *configs: dict[str, object]
    ) -> Zygote:
        """Have it started, and wait until it has imported what it shall. `request` is for the launcher; `configs` has
        one more for the zygote of the programs if they have one of their own. Raises SandboxDied with the reason."""
        pairs = [message_pair() for _ in configs]
        zygote = Zygote(launcher, template, *[ours for ours, _ in pairs], *[None] * (2 - len(pairs)))
        try:
            launcher.zygote(request, [theirs for _, theirs in pairs])
            async with asyncio.timeout(_ZYGOTE_PATIENCE_S):
                # The last first: it is the one that can tell what is wrong.
                for forker, config in zip(reversed(zygote._forkers), reversed(configs), strict=True):
                    await forker.start(config)
        except TimeoutError:
            zygote.close()
            raise SandboxDied(f"the zygote of {template.name} was not ready in time") from None
        except SandboxDied:
            zygote.close()
            raise
        return zygote

    @property
    def ended(self) -> bool:
        """Whether another one must be started."""
        return self._launcher.ended or any(each.link.ended for each in self._forkers)

    def look(self) -> None:
        """See to it that `ended` is up to date: a sandbox that was lost with its zygote may be known to be lost before
        the zygote is."""
        self._launcher.look()
        for each in self._forkers:
            each.link.look()

    def fork(self, request: dict[str, object], fds: Sequence[int]) -> None:
        """Ask for a sandbox with these descriptors, which are given away: those of Ends.theirs, the doors of its
        groups. It answers on its own control socket."""
        self._agents.link.send(request, fds, give=True)

    def graft(self, request: dict[str, object], fds: Sequence[int]) -> None:
        """Ask for a sandbox's program with these descriptors, which are given away: those that its agent has sent, the
        doors of its groups. The sandbox answers."""
        assert self._programs is not None, "agents that fork their programs ask for none"
        self._programs.link.send(request, fds, give=True)

    def close(self) -> None:
        """Let it end; its sandboxes live on."""
        for each in self._forkers:
            each.close()

    @property
    def _forkers(self) -> list[_Forker]:
        return [self._agents] if self._programs is None else [self._agents, self._programs]


class _Forker:
    """A process that forks others on demand."""

    def __init__(self, name: str, sock: socket.socket) -> None:
        self._name = name
        self._up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.link = Link(sock, self._on_message, self._ended)

    async def start(self, config: dict[str, object]) -> None:
        """Tell it what it forks, and wait until it is ready. Raises SandboxDied."""
        self.link.send(config)
        await self._up

    def close(self) -> None:
        self.link.close()
        self._settle(SandboxDied(f"{self._name} was closed"))

    def _on_message(self, received: Received) -> None:
        failed = received.body.get("failed")
        self._settle(None if failed is None else SandboxDied(str(failed)))

    def _ended(self) -> None:
        self._settle(SandboxDied(f"{self._name} ended"))

    def _settle(self, error: SandboxDied | None) -> None:
        if self._up.done():
            return
        if error is None:
            self._up.set_result(None)
        else:
            self._up.set_exception(error)
            self._up.exception()
