"""One sandbox, as the server sees it: its agent's link, its descriptors, its groups."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.sandbox.base import Assignment, Exit, Limits, SandboxDied
from lambent.sandbox.namespaces.cgroup import Group
from lambent.sandbox.namespaces.ends import Ends
from lambent.sandbox.namespaces.launching import MAX_LINE_BYTES, Launcher, Zygote
from lambent.sandbox.namespaces.link import Link, Received, close_all
from lambent.values import frozen

_MEMORY_AGE_S = 0.1
"""How old a memory reading may be; reading it again costs more than most invocations."""
_PATIENCE_S = 30.0
_DATA_SLACK_BYTES = 512 * 1024 * 1024
"""RLIMIT_DATA counts memory that is only set aside, such as the stacks of threads (8 MiB each): a limit without slack
would keep Node.js from starting. RLIMIT_AS would be worse: V8 and the JVM reserve address space by the gigabyte."""


@frozen
class House:
    """What a box shares with others of its driver."""

    launcher: Callable[[], Awaitable[Launcher]]
    """The launcher of the moment."""
    zygote: Callable[[], Awaitable[Zygote]]
    """The zygote of the moment, of the box's template."""
    disk: Callable[[int], Awaitable[int | None]]
    """A new disk with so many bytes of room for /tmp; None when it must be kept in memory."""
    tasks: Tasks
    log: Log
    gone: Callable[[Box], None]
    """Called once the box holds nothing any more."""


class Box:
    """Implements Sandbox. Descriptors: control, output, records, those listeners that are here; until the assignment
    channel and door."""

    def __init__(self, name: str, uid: int, ends: Ends, ports: Sequence[int], group: Group, house: House) -> None:
        self.id = name
        self.uid = uid
        self.disk_bytes: int | None = None
        """The room on the disk that it has at /tmp from the beginning, if it has one."""
        self.listeners: Mapping[int, socket.socket] = {}
        self.output = ends.output
        self.records = ends.records
        self.on_exit: Callable[[Exit], None] | None = None
        self.on_called: Callable[[int, socket.socket], None] | None = None
        self._ports = tuple(ports)
        self._group = group
        self._house = house
        self._channel: socket.socket | None = ends.channel
        self._door = -1
        self._assignment: Assignment | None = None
        self._agent_pid = 0
        self._program_pid = 0
        self._generation = 1
        self._oom_kills = 0
        self._max_memory = 0
        self._memory_read_at = 0.0
        self._dead = ""
        self._assigning = False
        self._ended_early: Exit | None = None
        """An end while the assignment is under way: told after it, unless that fails because of it."""
        self._signalled: asyncio.Future[None] | None = None
        self._limited: asyncio.Future[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the program waits for its assignment; SandboxDied when it will not."""
        self._link = Link(ends.control, self._on_message, self._on_end)

    def here(self, text: str) -> str:
        return text

    def request(self) -> dict[str, object]:
        """What its zygote must know of it."""
        return {"uid": self.uid, "gid": self.uid, "disk": self.disk_bytes is not None}

    async def assign(self, assignment: Assignment) -> None:
        if self._dead or self._channel is None:
            raise SandboxDied(self._dead or "assigned already")
        line = _line(assignment)
        if len(line) > MAX_LINE_BYTES:
            raise SandboxDied(f"a message of {len(line)} bytes is larger than {MAX_LINE_BYTES}")
        self._assignment = assignment
        self._assigning = True
        try:
            await self._assign(assignment, line)
        finally:
            self._assigning = False
            ended, self._ended_early = self._ended_early, None
        if self._dead and self._closing is None:
            raise SandboxDied(self._dead)
        if ended is not None:
            self._tell_exit(ended)

    async def _assign(self, assignment: Assignment, line: bytes) -> None:
        try:
            self._group.limit(assignment.limits.memory_bytes, assignment.limits.processes)
        except OSError as error:
            raise SandboxDied(str(error)) from error
        await self._limit_each_process(assignment.limits)
        await self._give(assignment, line)

    async def _give(self, assignment: Assignment, line: bytes) -> None:
        """Mount what is assigned, and pass the message on."""
        launcher = await self._house.launcher()
        size = assignment.limits.tmp_bytes
        disk = None if size == self.disk_bytes else await self._house.disk(size)
        disks = [] if disk is None else [disk]
        if self._dead or self._channel is None:
            close_all(disks)
            raise SandboxDied(self._dead or "assigned already")
        fds = [self._door, self._channel.detach(), *disks]
        self._door, self._channel = -1, None
        in_memory = disk is None and size != self.disk_bytes
        await launcher.assign(fds, line, assignment.mounts, size if in_memory else None)

    async def restart(self) -> None:
        if self._dead or self._assignment is None:
            raise SandboxDied(self._dead or "never assigned")
        self.thaw()
        self._generation += 1
        self._program_pid = 0
        self.ready = asyncio.get_running_loop().create_future()
        ours, theirs = socket.socketpair()
        with ours:
            self._link.send({"restart": self._generation}, [theirs.detach()], give=True)
            try:
                self._group.limit_cpu(None)  # starting is not slowed down
                await self.wait_ready()
                await self._limit_each_process(self._assignment.limits)
                ours.setblocking(False)
                await asyncio.get_running_loop().sock_sendall(ours, _line(self._assignment))
            except OSError as error:
                raise SandboxDied(str(error)) from error

    async def wait_ready(self) -> None:
        """Wait until the program waits for its message. Raises SandboxDied."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self.ready
        except TimeoutError:
            raise SandboxDied(f"not ready within {_PATIENCE_S:.0f} s") from None

    def limit_cpu(self) -> None:
        if self._assignment is not None and not self._dead:
            self._group.limit_cpu(self._assignment.limits.cpus)

    def max_memory_bytes(self) -> int:
        now = time.monotonic()
        if self._program_pid and now - self._memory_read_at > _MEMORY_AGE_S:
            self._memory_read_at = now
            with contextlib.suppress(OSError):
                self._max_memory = max(self._max_memory, _high_water_bytes(self._program_pid))
        return self._max_memory

    async def freeze(self) -> None:
        if self._dead:
            return
        if not self._group.freezes:
            self._signalled = asyncio.get_running_loop().create_future()
            self._signal(signal.SIGSTOP)
            await self._signalled
            return
        try:
            self._group.freeze()
        except OSError as error:  # it runs on, and that is all
            self._house.log.warning("sandbox_freeze_failed", sandbox=self.id, reason=error)

    def thaw(self) -> None:
        if self._dead:
            return
        if not self._group.freezes:
            self._signal(signal.SIGCONT)
            return
        try:
            self._group.thaw()
        except OSError as error:  # its time will be up without an answer, and its caller told so
            self._house.log.error("sandbox_thaw_failed", sandbox=self.id, reason=error)

    async def close(self) -> None:
        if self._closing is None:
            self._closing = self._house.tasks.start(f"close sandbox {self.id}", self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self.on_exit = None
        self._dead = self._dead or "closed"
        if not self.ready.done():
            self.ready.set_exception(SandboxDied(self._dead))
            self.ready.exception()
        pidfd = self._agent_pidfd()
        try:
            self._group.kill()
        except OSError as error:
            self._house.log.warning("sandbox_kill_failed", sandbox=self.id, reason=error)
        self._link.finish()
        self._close_ends()
        if pidfd >= 0:
            # The agent ends last: as process 1 it waits for every process in its namespace.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):
                    await _readable(pidfd)
            os.close(pidfd)
        self._link.close()
        try:
            await self._house.tasks.in_thread(self._remove)
        except OSError as error:
            self._house.log.warning("sandbox_groups_left", sandbox=self.id, reason=error)
        self._house.gone(self)

    def _remove(self) -> None:
        """Remove what it was made of outside; every process in it has ended. Blocks; raises OSError."""
        self._group.remove()

    def _agent_pidfd(self) -> int:
        """A descriptor of the agent, or -1: once its link has ended, its number may be somebody else's."""
        if self._link.ended or not self._agent_pid:
            return -1
        try:
            return os.pidfd_open(self._agent_pid)
        except OSError:
            return -1

    def _close_ends(self) -> None:
        for listener in self.listeners.values():
            listener.close()
        if self._channel is not None:
            self._channel.close()
        if self._door >= 0:
            os.close(self._door)
        close_all([self.output, self.records])

    async def _limit_each_process(self, limits: Limits) -> None:
        """Where no group limits the sandbox as a whole, have the agent limit the program and what it forks one by one:
        a process's limits are its own user's to set, and not even every root's."""
        wanted = self._limits_of_each(limits)
        if wanted and self._program_pid:
            self._limited = asyncio.get_running_loop().create_future()
            self._link.send({"limit": [list(each) for each in wanted]})
            await self._limited

    def _limits_of_each(self, limits: Limits) -> list[tuple[int, int]]:
        """Pairs of RLIMIT_… and the most that it may be."""
        wanted = []
        if not self._group.limits_memory:
            wanted.append((resource.RLIMIT_DATA, 2 * limits.memory_bytes + _DATA_SLACK_BYTES))
        if not self._group.limits_processes:
            wanted.append((resource.RLIMIT_NPROC, limits.processes + 1))
        return wanted

    def _signal(self, number: signal.Signals) -> None:
        """Have the agent send it to everybody else in the sandbox; what is sent after it arrives after it."""
        self._link.send({"signal": int(number)})

    def _on_message(self, received: Received) -> None:
        body = received.body
        if "made" in body:
            self._agent_pid = received.pid
            self._take(received.fds)
        elif "vacant" in body:
            self._house.tasks.start(f"program of sandbox {self.id}", self._fill(body["vacant"], received.fds))
        elif "program" in body and body["program"] == self._generation:
            self._program_pid = received.pid
        elif "ready" in body and body["ready"] == self._generation:
            self._settle(None)
        elif "failed" in body:
            self._settle(SandboxDied(str(body["failed"])))
        elif "signalled" in body:
            _tell(self._signalled)
        elif "limited" in body:
            _tell(self._limited)
        elif "called" in body:
            self._on_called(body["called"], _listener(received.fds[0]))
        elif "exit" in body and body["exit"] == self._generation:
            self._on_program_exit(body)

    def _take(self, fds: Sequence[int]) -> None:
        """What the agent made and sent."""
        self._door, *listeners = fds
        self.listeners = dict(zip(self._ports, map(_listener, listeners), strict=True))

    async def _fill(self, generation: object, fds: Sequence[int]) -> None:
        """Have the program forked that the agent waits for, with what it has sent for that."""
        try:
            zygote = await self._house.zygote()
            doors = self._group.doors()
        except (SandboxDied, OSError) as error:
            close_all(fds)
            self._settle(SandboxDied(str(error)))
        else:
            zygote.graft({"uid": self.uid, "gid": self.uid, "generation": generation}, [*fds, *doors])

    def _on_called(self, port: object, listener: socket.socket) -> None:
        if self._dead or not isinstance(port, int):
            listener.close()
            return
        self.listeners = {**self.listeners, port: listener}
        if self.on_called is not None:
            self.on_called(port, listener)

    def _on_program_exit(self, body: Mapping[str, object]) -> None:
        status, number, most = body["status"], body["signal"], body["max_memory"]
        unstarted = body["unstarted"]
        assert isinstance(most, int)
        self._program_pid = 0
        self._max_memory = max(self._max_memory, most)
        ended = Exit(
            status=status if isinstance(status, int) else None,
            signal=number if isinstance(number, int) else None,
            out_of_memory=False,
            unstarted=unstarted if isinstance(unstarted, str) else None,
        )
        if ended.signal == signal.SIGKILL:
            ended = replace(ended, out_of_memory=self._was_out_of_memory())
        self._settle(SandboxDied(f"its program ended before it was ready: {ended}"))
        self._tell_exit(ended)

    def _on_end(self) -> None:
        """The agent is gone, and with it everything in the sandbox."""
        self._dead = self._dead or "its first process ended"
        self._program_pid = 0
        self._settle(SandboxDied(self._dead))
        _tell(self._signalled)
        _tell(self._limited)
        self._tell_exit(Exit(None, int(signal.SIGKILL), self._was_out_of_memory()))

    def _tell_exit(self, ended: Exit) -> None:
        if self._assigning:
            self._ended_early = ended
        elif self.on_exit is not None:
            self.on_exit(ended)

    def _was_out_of_memory(self) -> bool:
        """Whether the memory limit has killed something since the last time this was asked."""
        try:
            kills = self._group.oom_kills()
        except OSError:
            return False
        before, self._oom_kills = self._oom_kills, kills
        return kills > before

    def _settle(self, error: SandboxDied | None) -> None:
        if self.ready.done():
            return
        if error is None:
            self.ready.set_result(None)
        else:
            self.ready.set_exception(error)
            self.ready.exception()  # whoever awaits it gets it; nobody need


def _line(assignment: Assignment) -> bytes:
    return json.dumps(assignment.message, separators=(",", ":")).encode() + b"\n"


def _listener(fd: int) -> socket.socket:
    listener = socket.socket(fileno=fd)
    listener.setblocking(False)
    return listener


def _high_water_bytes(pid: int) -> int:
    with open(f"/proc/{pid}/status", "rb") as file:
        text = file.read()
    _, _, rest = text.partition(b"VmHWM:")
    return int(rest.split(None, 1)[0]) * 1024 if rest else 0


def _tell(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)


async def _readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(fd, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(fd)
