"""Limits, freezing and killing by control groups, in whatever layout the host has them.

The upper half is pure: which hierarchy does which duty, where groups may lie, what is written for a limit. The lower
half makes the groups. Every sandbox has one group in each hierarchy that does something for it, below a folder named
after the server's instance, so that a successor finds what a dead server left.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lambent.values import frozen

MEMORY, CPU, PIDS, FREEZE = "memory", "cpu", "pids", "freezer"
LAUNCHER = "launcher"
"""The group of the launcher and the zygotes, beside those of the sandboxes."""

_LIMITED = (MEMORY, CPU, PIDS)
_PERIOD_US = 100_000
_LEAST_QUOTA_US = 1_000
_PATIENCE_S = 10.0
_SERVER_LEAF = "lambent-server"


@frozen
class Hierarchy:
    """One mounted tree of groups: its version (1 or 2), its top, the server's own group, what it controls."""

    version: int
    top: Path
    own: Path
    controllers: frozenset[str]


@frozen
class Write:
    """A value for a file of a group. What is not `needed` is skipped where the kernel has no such file."""

    file: str
    value: str
    needed: bool = True


def hierarchies(mountinfo: str, membership: str, unified_controllers: str) -> list[Hierarchy]:
    """Parse /proc/self/mountinfo and /proc/self/cgroup. `unified_controllers`: what version 2 has to give."""
    own_by_name: dict[str, str] = {}
    for line in membership.splitlines():
        _, listed, path = line.split(":", 2)
        own_by_name.update(dict.fromkeys(listed.split(","), path))
    found: list[Hierarchy] = []
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        root, top = left.split()[3:5]
        kind, _, options = right.split()[:3]
        if kind == "cgroup2":
            own = own_by_name.get("", "/").removesuffix(f"/{_SERVER_LEAF}")
            found.append(Hierarchy(2, Path(top), _below(top, root, own), frozenset(unified_controllers.split())))
        elif kind == "cgroup":
            names = frozenset(options.split(",")).intersection(own_by_name)
            own = own_by_name[min(names)] if names else "/"
            found.append(Hierarchy(1, Path(top), _below(top, root, own), names))
    return found


def _below(top: str, root: str, own: str) -> Path:
    """Where group `own` is seen when group `root` of the hierarchy is mounted at `top`."""
    inside = os.path.relpath(own, root)
    return Path(top) if inside.startswith("..") else Path(os.path.normpath(os.path.join(top, inside)))


def duties(found: Sequence[Hierarchy]) -> dict[str, Hierarchy]:
    """Which hierarchy limits memory, CPU and processes, and which one freezes and kills; some may be missing."""
    by_version = sorted(found, key=lambda each: -each.version)
    chosen: dict[str, Hierarchy] = {}
    for duty in (*_LIMITED, FREEZE):
        for hierarchy in by_version:
            # Version 2 freezes and kills without any controller.
            if duty in hierarchy.controllers or (duty == FREEZE and hierarchy.version == 2):
                chosen.setdefault(duty, hierarchy)
    return chosen


def places(hierarchy: Hierarchy, name: str) -> list[Path]:
    """Folders that the group `name` may be made in, best first: within the server's own limits, else beside it,
    else at the top."""
    beside = [hierarchy.own.parent] if hierarchy.version == 2 and hierarchy.own != hierarchy.top else []
    return list(dict.fromkeys(folder / name for folder in (hierarchy.own, *beside, hierarchy.top)))


def memory_writes(version: int, limit_bytes: int) -> list[Write]:
    """So many bytes, and none of them in swap."""
    if version == 2:
        return [Write("memory.max", str(limit_bytes)), Write("memory.swap.max", "0", needed=False)]
    return [
        Write("memory.limit_in_bytes", str(limit_bytes)),
        Write("memory.memsw.limit_in_bytes", str(limit_bytes), needed=False),
        Write("memory.swappiness", "0", needed=False),
    ]


def cpu_writes(version: int, cpus: float | None) -> list[Write]:
    """So many cores' worth of time per 100 ms, unused time being saved for one period; None is no limit."""
    if cpus is None:
        if version == 2:
            return [Write("cpu.max.burst", "0", needed=False), Write("cpu.max", f"max {_PERIOD_US}")]
        return [Write("cpu.cfs_burst_us", "0", needed=False), Write("cpu.cfs_quota_us", "-1")]
    quota = str(max(_LEAST_QUOTA_US, round(cpus * _PERIOD_US)))
    if version == 2:
        return [Write("cpu.max", f"{quota} {_PERIOD_US}"), Write("cpu.max.burst", quota, needed=False)]
    return [
        Write("cpu.cfs_period_us", str(_PERIOD_US)),
        Write("cpu.cfs_quota_us", quota),
        Write("cpu.cfs_burst_us", quota, needed=False),
    ]


def pids_writes(processes: int) -> list[Write]:
    """So many processes and threads beside the agent."""
    return [Write("pids.max", str(processes + 1))]


def counter(text: str, name: str) -> int:
    """The number after `name` in a file of `name number` lines; 0 when it is not there."""
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0


def missing(chosen: Mapping[str, Hierarchy]) -> list[str]:
    """A sentence for each duty that nothing does."""
    lacks = {
        MEMORY: "Memory is limited only roughly, process by process: no memory control group can be made.",
        CPU: "CPU time is not limited: no cpu control group can be made.",
        PIDS: "The number of processes is limited by RLIMIT_NPROC only: no pids control group can be made.",
        FREEZE: "Waiting processes are stopped with SIGSTOP, which they can notice: no freezer can be had.",
    }
    return [sentence for duty, sentence in lacks.items() if duty not in chosen]


def look() -> list[Hierarchy]:
    """The hierarchies of this host."""
    mountinfo, membership = _text("/proc/self/mountinfo"), _text("/proc/self/cgroup")
    unified = [each for each in hierarchies(mountinfo, membership, "") if each.version == 2]
    controllers = ""
    with contextlib.suppress(OSError, IndexError):  # what is mounted may be another namespace's view
        controllers = _text(unified[0].own / "cgroup.controllers")
    return hierarchies(mountinfo, membership, controllers)


class Group:
    """The groups of one sandbox, as one."""

    def __init__(self, folders: Mapping[str, Path], versions: Mapping[str, int]) -> None:
        self._folders = folders
        self._versions = versions

    def doors(self) -> list[int]:
        """New descriptors, the caller's to close; whoever writes 0 to each of them joins. Raises OSError."""
        folders = sorted(set(self._folders.values()))
        return [os.open(folder / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC) for folder in folders]

    @property
    def limits_memory(self) -> bool:
        """Whether a memory limit binds the sandbox as a whole."""
        return MEMORY in self._folders

    @property
    def limits_processes(self) -> bool:
        """Whether a limit on processes binds the sandbox as a whole."""
        return PIDS in self._folders

    @property
    def freezes(self) -> bool:
        """Whether `freeze`, `thaw` and `kill` do anything."""
        return FREEZE in self._folders

    def limit(self, memory_bytes: int, processes: int) -> None:
        """Write the limits that hold from the assignment on."""
        if MEMORY in self._folders:
            _write_all(self._folders[MEMORY], memory_writes(self._versions[MEMORY], memory_bytes))
        if PIDS in self._folders:
            _write_all(self._folders[PIDS], pids_writes(processes))

    def limit_cpu(self, cpus: float | None) -> None:
        """Write the CPU limit; None lifts it."""
        if CPU in self._folders:
            _write_all(self._folders[CPU], cpu_writes(self._versions[CPU], cpus))

    def oom_kills(self) -> int:
        """How many processes the memory limit has killed so far."""
        if MEMORY not in self._folders:
            return 0
        file = "memory.events" if self._versions[MEMORY] == 2 else "memory.oom_control"
        return counter(_text(self._folders[MEMORY] / file), "oom_kill")

    def freeze(self) -> None:
        """Stop every process."""
        self._set_frozen(True)

    def thaw(self) -> None:
        """Let them run again."""
        self._set_frozen(False)

    def kill(self) -> None:
        """Send every process SIGKILL, frozen ones included."""
        if FREEZE in self._folders:
            _kill(self._folders[FREEZE])

    def remove(self) -> None:
        """Wait for the processes to end, and remove the folders. Blocks for at most some seconds; raises OSError."""
        _remove(self._folders.values())

    def _set_frozen(self, frozen: bool) -> None:
        if FREEZE not in self._folders:
            return
        if self._versions[FREEZE] == 2:
            _write(self._folders[FREEZE] / "cgroup.freeze", str(int(frozen)))
        else:
            _write(self._folders[FREEZE] / "freezer.state", "FROZEN" if frozen else "THAWED")


class Groups:
    """Where one server's groups lie."""

    def __init__(self, parents: Mapping[str, Path], chosen: Mapping[str, Hierarchy]) -> None:
        self._parents = parents
        self._versions = {duty: hierarchy.version for duty, hierarchy in chosen.items()}
        self.notes = missing({duty: chosen[duty] for duty in parents})

    @property
    def parents(self) -> list[Path]:
        """The folders that the groups are in."""
        return sorted(set(self._parents.values()))

    @property
    def limits_processes(self) -> bool:
        """Whether the number of processes is limited by a group."""
        return PIDS in self._parents

    def make(self, name: str) -> Group:
        """New groups for a sandbox. Raises OSError."""
        folders = {duty: parent / name for duty, parent in self._parents.items()}
        with contextlib.ExitStack() as undo:
            for folder in set(folders.values()):
                _make(folder)
                undo.callback(_discard, folder)
            undo.pop_all()
        return Group(folders, self._versions)

    def launcher(self) -> Group:
        """The group of the launcher: only to be found by, it has no limits."""
        only = {FREEZE: self._parents[FREEZE] / LAUNCHER} if FREEZE in self._parents else {}
        for folder in only.values():
            with contextlib.suppress(FileExistsError):
                _make(folder)
        return Group(only, self._versions)

    def remove(self) -> None:
        """Kill what is left in the groups, and remove them. Raises OSError."""
        _end(self.parents)


def open_groups(instance: str, record: Path, found: Sequence[Hierarchy]) -> Groups:
    """Kill and remove what a dead server of this instance left, then make room anew. `record` is the file that
    remembers where. Raises OSError when leftovers cannot be removed; what cannot be made is in the notes."""
    name = f"lambent-{instance}"
    chosen = duties(found)
    remembered = [Path(each) for each in json.loads(record.read_text())] if record.exists() else []
    candidates = [place for hierarchy in chosen.values() for place in places(hierarchy, name)]
    _end([each for each in dict.fromkeys([*remembered, *candidates]) if each.is_dir()])
    parents: dict[str, Path] = {}
    for hierarchy in dict.fromkeys(chosen.values()):
        mine = [duty for duty in chosen if chosen[duty] == hierarchy]
        place, controlled = _make_parent(hierarchy, name, [duty for duty in mine if duty in hierarchy.controllers])
        if place is not None:
            works = [duty for duty in mine if duty in controlled or duty not in hierarchy.controllers]
            parents.update(dict.fromkeys(works, place))
    record.write_text(json.dumps([str(each) for each in sorted(set(parents.values()))]))
    return Groups(parents, {duty: chosen[duty] for duty in parents})


def _make_parent(hierarchy: Hierarchy, name: str, controllers: Sequence[str]) -> tuple[Path | None, Sequence[str]]:
    """The folder for all groups, and which of `controllers` work in it: the first place where all do, else the one
    where most do."""
    best: Path | None = None
    works: Sequence[str] = ()
    for place in places(hierarchy, name):
        controlled = _tried(hierarchy, place, controllers)
        if controlled is None:
            continue
        if best is not None and len(controlled) <= len(works):
            _discard(place)
            continue
        if best is not None:
            _discard(best)
        best, works = place, controlled
        if len(works) == len(controllers):
            break
    return best, works


def _tried(hierarchy: Hierarchy, place: Path, controllers: Sequence[str]) -> Sequence[str] | None:
    """Make `place`, and a group in it that a process can join. Which controllers work there; None, and nothing left,
    when it cannot be done."""
    with contextlib.ExitStack() as undo:
        try:
            if hierarchy.version == 2:
                controllers = _delegate(place.parent, controllers)
            with contextlib.suppress(FileExistsError):
                _make(place)
            undo.callback(_discard, place)
            if hierarchy.version == 2:
                controllers = _delegate(place, controllers)
            probe = place / LAUNCHER
            _make(probe)
            undo.callback(_discard, probe)
            if hierarchy.version == 2:
                _join(probe)
            _remove([probe])
        except OSError:
            return None
        undo.pop_all()
    return controllers


def _delegate(folder: Path, controllers: Sequence[str]) -> list[str]:
    """Have the groups in `folder` controlled; by which controllers they then are.

    One by one, for some may be refused: cpu where a real-time process runs, any but pids and cpu in a threaded group.
    Version 2 wants no process in `folder` itself then (but at the very top), so the server moves into a leaf beside
    them where that is all it takes.
    """
    missing = [each for each in controllers if not _switched_on(folder, each)]
    if missing and _evacuated(folder):
        missing = [each for each in missing if not _switched_on(folder, each)]
    return [each for each in controllers if each not in missing]


def _switched_on(folder: Path, controller: str) -> bool:
    file = folder / "cgroup.subtree_control"
    if controller in _text(file).split():
        return True
    try:
        _write(file, f"+{controller}")
    except OSError:
        return False
    return True


def _evacuated(folder: Path) -> bool:
    """Move the server, whoever waits for it to end and whom it waits for into a leaf, if `folder` holds no one else."""
    family = _family(os.getpid())
    held = {int(pid) for pid in _text(folder / "cgroup.procs").split()}
    if os.getpid() not in held or not held <= family:
        return False
    leaf = folder / _SERVER_LEAF
    with contextlib.suppress(FileExistsError):
        _make(leaf)
    for pid in held:
        with contextlib.suppress(ProcessLookupError):
            _write(leaf / "cgroup.procs", str(pid))
    return True


def _family(pid: int) -> set[int]:
    """A process, its children, and the processes above it."""
    family = {pid}
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):
            family.update(map(int, _text(f"/proc/{pid}/task/{task}/children").split()))
    while pid > 1:
        pid = counter(_text(f"/proc/{pid}/status").replace("\t", " "), "PPid:")
        family.add(pid)
    return family


def _join(folder: Path) -> None:
    """Find out whether a process can become a member: the folder above both may be somebody else's. Raises OSError."""
    door = os.open(folder / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
    try:
        # As its output: not every shell can name a descriptor of two digits.
        argv = ["/bin/sh", "-c", "echo 0"]
        if subprocess.run(argv, stdout=door, env={}, stderr=subprocess.DEVNULL, check=False).returncode != 0:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
    finally:
        os.close(door)


def _end(parents: Sequence[Path]) -> None:
    for parent in parents:
        for group in _groups_in(parent):
            _kill(group)
    _remove([group for parent in parents for group in _groups_in(parent)])
    _remove(parents)


def _groups_in(parent: Path) -> list[Path]:
    return [each for each in parent.iterdir() if each.is_dir()]


def _kill(folder: Path) -> None:
    if (folder / "cgroup.kill").exists():
        _write(folder / "cgroup.kill", "1")
        return
    for pid in _text(folder / "cgroup.procs").split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    if (folder / "freezer.state").exists():
        _write(folder / "freezer.state", "THAWED")
    elif (folder / "cgroup.freeze").exists():
        _write(folder / "cgroup.freeze", "0")


def _remove(folders: Iterable[Path]) -> None:
    """Remove groups in this order, but those of version 2 first: they say when the last process has gone."""
    deadline = time.monotonic() + _PATIENCE_S
    for folder in sorted(dict.fromkeys(folders), key=lambda each: not (each / "cgroup.events").exists()):
        while True:
            try:
                _unmake(folder)
            except FileNotFoundError:
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                _kill(folder)
                _wait_for_change(folder / "cgroup.events")
            else:
                break


def _wait_for_change(events: Path) -> None:
    """Wait until the group has no process left, as far as the kernel tells; at most a little while."""
    try:
        fd = os.open(events, os.O_RDONLY)
    except OSError:
        time.sleep(0.002)  # version 1 sends no such event
        return
    try:
        changes = select.poll()
        changes.register(fd, select.POLLPRI)
        if counter(os.pread(fd, 4096, 0).decode(), "populated"):
            changes.poll(100)
        else:
            time.sleep(0.001)  # emptied, but its last process is still being taken down
    finally:
        os.close(fd)


def _make(folder: Path) -> None:
    folder.mkdir()


def _unmake(folder: Path) -> None:
    folder.rmdir()


def _discard(folder: Path) -> None:
    with contextlib.suppress(OSError):
        _unmake(folder)


def _write_all(folder: Path, writes: Iterable[Write]) -> None:
    for write in writes:
        try:
            _write(folder / write.file, write.value)
        except OSError:
            if write.needed:
                raise


def _write(path: Path, value: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)


def _text(path: Path | str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()
