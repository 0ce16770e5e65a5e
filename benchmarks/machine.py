"""What the machine says: processes and their memory, processor time by us and by others, and what it is."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_RUNNING = (0, 1, 2, 5, 6, 7)
"""Of the first line of /proc/stat: user, nice, system, irq, softirq, and what other guests took of this one."""


@dataclass(frozen=True, slots=True)
class Process:
    """One line of /proc/<pid>/stat."""

    pid: int
    parent: int
    started: int
    """With the pid it names the process for good: pids are used again."""
    cpu_s: float
    """Its own, and that of its children that have ended."""


def processes() -> dict[int, Process]:
    """All that run now, by pid."""
    found = {}
    for entry in os.listdir(PROC):
        if entry.isdigit() and (process := _process(int(entry))) is not None:
            found[process.pid] = process
    return found


def _process(pid: int) -> Process | None:
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return Process(pid, int(fields[1]), int(fields[19]), sum(map(int, fields[11:15])) * TICK_S)


def tree(root: int) -> list[Process]:
    """`root` and all that descends from it."""
    everything = processes()
    children: dict[int, list[int]] = {}
    for process in everything.values():
        children.setdefault(process.parent, []).append(process.pid)
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        if pid in everything:
            found.append(everything[pid])
            todo += children.get(pid, ())
    return found


def still_running(some: Iterable[Process]) -> list[Process]:
    """Those of them that have not ended (a zombie has)."""
    now = processes()
    return [
        each for each in some if each.pid in now and now[each.pid].started == each.started and not _is_zombie(each.pid)
    ]


def _is_zombie(pid: int) -> bool:
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return True
    return text[text.rindex(")") + 2] in "ZX"


@dataclass(frozen=True, slots=True)
class Memory:
    """What some processes take, in MiB."""

    processes: int
    rss_mb: float
    """Pages that processes share are counted for each."""
    pss_mb: float | None
    """Shared pages are divided among those that share them; None where we may not look."""


def memory(some: Sequence[Process]) -> Memory:
    """Of these processes together."""
    pss = [_kilobytes(each.pid, "smaps_rollup", "Pss:") for each in some]
    rss = [_kilobytes(each.pid, "status", "VmRSS:") or 0 for each in some]
    whole = sum(each for each in pss if each is not None) / 1024
    return Memory(len(some), sum(rss) / 1024, None if None in pss else whole)


def _kilobytes(pid: int, file: str, label: str) -> int | None:
    try:
        text = (PROC / str(pid) / file).read_text()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(label)), None)


def in_our_namespace(process: Process) -> bool:
    """Whether it sees the processes that we see; false in a sandbox."""
    return pid_namespace(process) == os.readlink(PROC / "self" / "ns" / "pid")


def pid_namespace(process: Process) -> str:
    """Which one it is in; empty when it has ended."""
    try:
        return os.readlink(PROC / str(process.pid) / "ns" / "pid")
    except OSError:
        return ""


def available_mb() -> float:
    """What programs could still take, in MiB, as the kernel estimates it."""
    text = (PROC / "meminfo").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("MemAvailable:")) / 1024


def kernel_mb(some: Iterable[Process]) -> float:
    """What the kernel itself keeps for the control groups of these processes, in MiB; 0 where it does not say."""
    return sum(_kernel_bytes(folder) for folder in {_memory_group(each.pid) for each in some}) / 2**20


def _memory_group(pid: int) -> Path | None:
    """The folder of the group that limits its memory."""
    try:
        lines = (PROC / str(pid) / "cgroup").read_text().splitlines()
    except OSError:
        return None
    found = {name: path for _, names, path in (line.split(":", 2) for line in lines) for name in names.split(",")}
    group = found.get("memory", found.get(""))
    kind = "cgroup" if "memory" in found else "cgroup2"
    top = next(
        (place for place, each in _mounts() if each == kind and (kind == "cgroup2" or place.name == "memory")), None
    )
    return None if group is None or top is None else top / group.lstrip("/")


def _kernel_bytes(folder: Path | None) -> int:
    if folder is None:
        return 0
    try:
        if (folder / "memory.kmem.usage_in_bytes").exists():
            return int((folder / "memory.kmem.usage_in_bytes").read_text())
        lines = (folder / "memory.stat").read_text().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith("kernel ")), 0)
    except (OSError, ValueError):
        return 0


def cpu_s(root: int) -> float:
    """Processor time of `root` and its descendants so far."""
    return sum(process.cpu_s for process in tree(root))


@dataclass(frozen=True, slots=True)
class Noise:
    """What else went on while something was measured."""

    seconds: float
    others_s: float
    """Processor time that went to what is not ours, or that the host took away."""
    load: float
    """The load average of one minute at the end, ours included."""


def together(noises: Sequence[Noise]) -> Noise:
    """Of several measurements: all their time, and the highest load."""
    return Noise(
        sum(each.seconds for each in noises),
        sum(each.others_s for each in noises),
        max(each.load for each in noises),
    )


class Watch:
    """Who used the processors in the body of a `with`; of `root` and its descendants apart, when it is given."""

    def __init__(self, root: int | None = None) -> None:
        self._root = root
        self.root_cpu_s = 0.0
        self.noise = Noise(0.0, 0.0, 0.0)

    def __enter__(self) -> Watch:
        self._before = self._times()
        self._begin = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        seconds = time.perf_counter() - self._begin
        busy, ours, root = (now - before for now, before in zip(self._times(), self._before, strict=True))
        self.root_cpu_s = root
        self.noise = Noise(seconds, busy - ours, os.getloadavg()[0])

    def _times(self) -> tuple[float, float, float]:
        return _busy_s(), cpu_s(os.getpid()), 0.0 if self._root is None else cpu_s(self._root)


def _busy_s() -> float:
    fields = (PROC / "stat").read_text().split("\n", 1)[0].split()[1:]
    return sum(int(fields[index]) for index in _RUNNING) * TICK_S


def is_mounted_below(folder: Path) -> bool:
    """Whether removing `folder` could reach files that are only mounted there."""
    return any(place.is_relative_to(folder.resolve()) for place, _ in _mounts())


def filesystem(folder: Path) -> str:
    """The kind that `folder` lies on."""
    found = [(len(place.parts), kind) for place, kind in _mounts() if folder.resolve().is_relative_to(place)]
    return max(found)[1] if found else "?"


def _mounts() -> list[tuple[Path, str]]:
    """Where, and which kind of file system."""
    fields = [line.split() for line in (PROC / "self" / "mountinfo").read_text().splitlines()]
    return [(Path(each[4]), each[each.index("-") + 1]) for each in fields]


def description() -> str:
    """Cores, processor, memory, kernel and Python of this machine; no names."""
    info = (PROC / "cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in info if line.startswith("model name")), platform.machine())
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{len(os.sched_getaffinity(0))} cores ({model}), {whole:.0f} GiB, Linux {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def output(*argv: str, whatever_status: bool = False) -> str | None:
    """The first line that a program prints; None when it cannot be run, or fails. For versions."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = (done.stdout or done.stderr).strip()
    return text.splitlines()[0] if text and (whatever_status or done.returncode == 0) else None
