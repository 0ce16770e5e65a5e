"""Makes sandboxes out of namespaces, at the levels `full` (with the machine's root) and `rootless`."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.sandbox.base import Driver, Forked, IsolationUnavailable, Sandbox, SandboxDied, Template
from lambent.sandbox.namespaces.box import Box, House
from lambent.sandbox.namespaces.cgroup import Group, Groups, look, open_groups
from lambent.sandbox.namespaces.disks import FIRST_BYTES, Disks, NoDisks, open_workshop
from lambent.sandbox.namespaces.ends import Ends
from lambent.sandbox.namespaces.launching import (
    Launcher,
    Zygote,
    launcher_config,
    parted_configs,
    zygote_config,
    zygote_request,
)
from lambent.sandbox.namespaces.link import close_all
from lambent.sandbox.namespaces.probe import can_graft, reason_against
from lambent.sandbox.namespaces.uids import UserIds, claim

LEVELS = ("full", "rootless")
LOCKS = Path("/run/lambent")
"""Where servers claim user ids."""
_PATIENCE_S = 10.0
_STARTING_AT_ONCE = 8
"""More only wait for each other: a zygote forks one at a time."""

_IN_MEMORY_NOTE = "Files in /tmp are kept in memory and count against the function's memory: {}."
_ROOTLESS_NOTE = "All sandboxes run as the server's own user: the kernel tells them apart by namespaces only."


def open_driver(level: str | None, state_dir: Path, instance: str, log: Log) -> Driver:
    """The driver of `level`, or with None of the strongest level that works here.

    Found out by making a sandbox, which blocks for some 50 ms. `state_dir` keeps what a successor needs to clean up;
    `instance` names this server's control groups, and must be another for each server that runs at the same time.
    Raises IsolationUnavailable with the reasons.
    """
    if level is not None and level not in LEVELS:
        raise IsolationUnavailable(f"there is no level {level!r}")
    state_dir.mkdir(parents=True, exist_ok=True)
    root = state_dir / "root"
    root.mkdir(exist_ok=True)
    reasons: list[str] = []
    for candidate in (level,) if level is not None else LEVELS:
        reason = _reason_against(candidate, root)
        if reason is None:
            return NamespacesDriver(candidate, state_dir, instance, log)
        reasons.append(f"{candidate}: {reason}")
    raise IsolationUnavailable("; ".join(reasons))


def _reason_against(level: str, root: Path) -> str | None:
    is_root = os.geteuid() == 0
    if level == "rootless":
        # Sandboxed programs have the server's user: as root they could write what belongs to the machine's root
        # wherever the kernel asks for the owner only, /proc/sys above all.
        return "it is not safe as root" if is_root else reason_against(level, root, 0)
    if not is_root:
        return "it needs root"
    try:
        # A range of its own, for a neighbour may end whatever runs as one of his users.
        uids = claim(LOCKS, uid_map())
    except OSError as error:
        return str(error)
    try:
        return reason_against(level, root, uids.take())
    finally:
        uids.close()


def uid_map() -> str:
    """The user ids that this process has to give away, as the kernel tells."""
    return Path("/proc/self/uid_map").read_text()


class NamespacesDriver:
    """Implements Driver. `open_driver` knows whether it can work here."""

    def __init__(self, level: str, state_dir: Path, instance: str, log: Log) -> None:
        self.level = level
        self.notes: Sequence[str] = ()
        self._state_dir = state_dir
        self._instance = instance
        self._log = log
        self._tasks = Tasks(log)
        self._starting = asyncio.Semaphore(_STARTING_AT_ONCE)
        self._lock = -1
        self._uids: UserIds | None = None
        self._groups: Groups | None = None
        self._disks: Disks | None = None
        self._launching: asyncio.Task[Launcher] | None = None
        self._zygotes: dict[str, tuple[Template, asyncio.Task[Zygote]]] = {}
        self._boxes: set[Box] = set()
        self._made = 0

    async def start(self) -> None:
        await self._prepare(own_users=self.level == "full")
        assert self._groups is not None
        disk_notes, _ = await asyncio.gather(self._open_disks(), self._launcher())
        self.notes = (*([_ROOTLESS_NOTE] if self.level == "rootless" else []), *self._groups.notes, *disk_notes)

    async def _open_disks(self) -> list[str]:
        """Get ready to make disks for /tmp; why that cannot be done here."""
        if self.level != "full":
            return [_IN_MEMORY_NOTE.format("disks need the level full")]
        try:
            workshop = await self._tasks.in_thread(open_workshop, self._state_dir / "disks")
        except NoDisks as error:
            return [_IN_MEMORY_NOTE.format(error)]
        self._disks = Disks(workshop, self._log)
        self._disks.expect(FIRST_BYTES)
        self._disks.sweep()
        return []

    async def _disk(self, size: int) -> int | None:
        return None if self._disks is None else await self._disks.take(size)

    async def _prepare(self, *, own_users: bool) -> None:
        """Take what a driver has to itself: the lock, control groups, user ids. What a dead predecessor left ends."""
        self._lock = _locked(self._state_dir / "server.lock")
        self._groups = await self._tasks.in_thread(open_groups, self._instance, self._state_dir / "groups.json", look())
        self._uids = claim(LOCKS, uid_map()) if own_users else None

    async def sandbox(self, template: Template) -> Sandbox:
        async with self._starting:
            zygote = await self._zygote(template)
            try:
                return await self._forked(zygote, template)
            except SandboxDied:
                zygote.look()
                if not zygote.ended:
                    raise
            # The request may have been lost with its zygote; a new one gets the same chance.
            return await self._forked(await self._zygote(template), template)

    async def _forked(self, zygote: Zygote, template: Template) -> Box:
        box, fds = await self._box(template)
        zygote.fork(box.request(), fds)
        try:
            await box.wait_ready()
        except BaseException:
            await box.close()
            raise
        return box

    async def close(self) -> None:
        for _, task in self._zygotes.values():
            await _close(task)
        await asyncio.gather(*(box.close() for box in tuple(self._boxes)))
        if self._launching is not None:
            launcher = await _close(self._launching)
            if launcher is not None:
                await self._tasks.in_thread(_waited_for, launcher.process)
        if self._groups is not None:
            await self._tasks.in_thread(self._groups.remove)
        if self._disks is not None:
            await self._disks.close()
        await self._tasks.close()
        if self._uids is not None:
            self._uids.close()
        if self._lock >= 0:
            os.close(self._lock)

    async def _box(self, template: Template) -> tuple[Box, list[int]]:
        """The server's side of a sandbox that is still to be forked, and the descriptors for that."""
        assert self._groups is not None, "start() comes first"
        self._made += 1
        name = f"s{self._made}"
        disk = await self._disk(FIRST_BYTES)
        disks = [] if disk is None else [disk]
        try:
            with contextlib.ExitStack() as undo:
                undo.callback(close_all, disks)
                group = await self._tasks.in_thread(self._groups.make, name)
                undo.callback(group.remove)
                doors = group.doors()
                undo.callback(close_all, doors)
                ends = Ends.make()
                undo.callback(ends.close)
                undo.callback(ends.close_theirs)
                uid = self._uids.take() if self._uids is not None else None
                box = await self._new_box(name, template, uid, ends, group)
                box.disk_bytes = FIRST_BYTES if disks else None
                undo.pop_all()
        except (OSError, IndexError) as error:
            raise SandboxDied(f"no sandbox could be made: {error}") from error
        self._boxes.add(box)
        return box, [*ends.theirs, *disks, *doors]

    async def _new_box(self, name: str, template: Template, uid: int | None, ends: Ends, group: Group) -> Box:
        """The box itself. Raises OSError."""
        return Box(name, uid or 0, ends, template.listen, group, self._house(template))

    def _house(self, template: Template) -> House:
        zygote = partial(self._zygote, template)
        return House(self._launcher, zygote, self._disk, self._tasks, self._log, self._gone)

    def _gone(self, box: Box) -> None:
        self._boxes.discard(box)
        if self._uids is not None:
            self._uids.give_back(box.uid)

    async def _launcher(self) -> Launcher:
        """The launcher; a new one when it has ended."""
        if self._launching is None or _has_ended(self._launching):
            self._launching = self._tasks.start("launcher", self._start_launcher())
        return await asyncio.shield(self._launching)

    async def _start_launcher(self) -> Launcher:
        assert self._groups is not None, "start() comes first"
        config = launcher_config(self.level, self._state_dir / "root", self._groups.parents)
        return await Launcher.start(config, self._groups.launcher().doors())

    async def _zygote(self, template: Template) -> Zygote:
        """The zygote of a template; a new one when it has ended or was made for another template of this name."""
        known, task = self._zygotes.get(template.name, (None, None))
        if task is None or _has_ended(task) or known != template:
            if task is not None:
                await _close(task)
            task = self._tasks.start(f"zygote {template.name}", self._start_zygote(template))
            self._zygotes[template.name] = (template, task)
        return await asyncio.shield(task)

    async def _start_zygote(self, template: Template) -> Zygote:
        assert self._groups is not None, "start() comes first"
        config = zygote_config(template, self.level, self._groups.limits_processes)
        is_grafted = isinstance(template.program, Forked) and can_graft()
        configs = parted_configs(config) if is_grafted else [config]
        return await Zygote.start(await self._launcher(), template, zygote_request(template, self.level), *configs)


_Ending = TypeVar("_Ending", Launcher, Zygote)


def _has_ended(task: asyncio.Task[_Ending]) -> bool:
    """Whether what the task started, or was to start, is no more."""
    return task.done() and (task.cancelled() or task.exception() is not None or task.result().ended)


async def _close(task: asyncio.Task[_Ending]) -> _Ending | None:
    """Close what the task started; None when it started nothing."""
    await asyncio.wait([task])
    if task.cancelled() or task.exception() is not None:
        return None
    task.result().close()
    return task.result()


def _waited_for(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _locked(path: Path) -> int:
    """Hold the lock at `path` while this process lives. Raises IsolationUnavailable when another one holds it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise IsolationUnavailable(f"another server uses {path.parent}") from None
    return lock
