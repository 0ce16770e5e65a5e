"""A kernel's cgroup2 file system, as documented in admin-guide/cgroup-v2, over plain files."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from lambent.sandbox.namespaces import cgroup

CORE = {
    "cgroup.type": "domain\n",
    "cgroup.procs": "",
    "cgroup.controllers": "",
    "cgroup.subtree_control": "",
    "cgroup.events": "populated 0\nfrozen 0\n",
    "cgroup.freeze": "0\n",
    "cgroup.kill": "",
}
OF_CONTROLLER = {
    "memory": {
        "memory.max": "max\n",
        "memory.swap.max": "max\n",
        "memory.oom.group": "0\n",
        "memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n",
    },
    "cpu": {"cpu.max": "max 100000\n", "cpu.max.burst": "0\n"},
    "pids": {"pids.max": "max\n"},
}
THREADED = frozenset({"cpu", "cpuset", "perf_event", "pids"})


class Cgroup2:
    """The tree at `top`, the true root of the hierarchy. What a kernel refuses is refused here with its error."""

    def __init__(self, top: Path, controllers: str) -> None:
        self.top = top
        self.user: str | None = None
        """Who acts: None is root, who may do everything; others only what `delegate` handed them."""
        self.refused: set[str] = set()
        """Controllers that cannot be switched on, as cpu where a real-time process runs."""
        self._owners: dict[Path, str] = {}
        top.mkdir()
        (top / "cgroup.procs").write_text("")
        (top / "cgroup.subtree_control").write_text("")
        (top / "cgroup.controllers").write_text(controllers)

    # -- what tests arrange and look at

    def group(self, path: str, *, control: str = "", procs: tuple[int, ...] = ()) -> Path:
        """A group made by the system, with `control` switched on for those in it."""
        folder = self.top / path
        if not folder.exists():
            self._create(folder)
        (folder / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in procs))
        for each in control.split():
            self._switch(folder, each, on=True)
        return folder

    def delegate(self, folder: Path, user: str) -> None:
        """As systemd does it: the folder, and what of it concerns its members, is the user's."""
        self._owners[folder] = user

    def procs(self, folder: Path) -> set[int]:
        return {int(pid) for pid in (folder / "cgroup.procs").read_text().split()}

    def oom_kill(self, folder: Path) -> None:
        """The limit of `folder` kills one of its processes: it is counted there and above, as events are."""
        while folder != self.top:
            events = folder / "memory.events"
            if events.exists():
                count = cgroup.counter(events.read_text(), "oom_kill")
                events.write_text(events.read_text().replace(f"oom_kill {count}\n", f"oom_kill {count + 1}\n"))
            folder = folder.parent

    # -- the system calls, in place of those of cgroup.py

    def make(self, folder: Path) -> None:
        self._must_own(folder.parent)
        if folder.exists():
            raise FileExistsError(errno.EEXIST, "there", str(folder))
        if not folder.parent.exists():
            raise FileNotFoundError(errno.ENOENT, "no parent", str(folder))
        self._create(folder)

    def unmake(self, folder: Path) -> None:
        if not folder.exists():
            raise FileNotFoundError(errno.ENOENT, "not there", str(folder))
        self._must_own(folder.parent)
        if self.procs(folder) or self._below(folder):
            raise OSError(errno.EBUSY, "in use", str(folder))
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
        self._owners.pop(folder, None)

    def write(self, path: Path, value: str) -> None:
        folder = path.parent
        if not path.exists():
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        if path.name == "cgroup.procs":
            self._move(int(value) or os.getpid(), folder)
            return
        self._must_own(folder, path.name)
        if path.name == "cgroup.subtree_control":
            for word in value.split():
                self._switch(folder, word[1:], on=word.startswith("+"))
        elif path.name == "cgroup.kill":
            self._kill(folder, value)
        elif path.name == "cgroup.freeze":
            self._freeze(folder, value)
        else:
            self._limit(path, value)

    def join(self, folder: Path) -> None:
        """A new process of whoever acts becomes a member, and ends."""
        self._must_be_movable(self._home(), folder)
        self._must_take_processes(folder)

    # -- its rules

    def _create(self, folder: Path) -> None:
        folder.mkdir()
        controllers = (folder.parent / "cgroup.subtree_control").read_text().split()
        files = dict(CORE)
        for each in controllers:
            files |= OF_CONTROLLER.get(each, {})
        files["cgroup.controllers"] = " ".join(controllers)
        parents_type = folder.parent / "cgroup.type"
        if parents_type.exists() and parents_type.read_text() != "domain\n":
            files["cgroup.type"] = "domain invalid\n"
        for name, text in files.items():
            (folder / name).write_text(text)
        if self._is_owned(folder.parent):
            self._owners[folder] = self.user or "root"

    def _switch(self, folder: Path, controller: str, *, on: bool) -> None:
        if controller not in (folder / "cgroup.controllers").read_text().split():
            raise FileNotFoundError(errno.ENOENT, "not available", controller)
        if controller in self.refused:
            raise OSError(errno.EINVAL, "refused", controller)
        file = folder / "cgroup.subtree_control"
        now = set(file.read_text().split())
        if on:
            if folder != self.top and (folder / "cgroup.type").read_text() != "domain\n" and controller not in THREADED:
                raise OSError(errno.EOPNOTSUPP, "threaded", controller)
            if folder != self.top and self.procs(folder):
                raise OSError(errno.EBUSY, "no internal processes", str(folder))
            now.add(controller)
        else:
            if any(controller in (each / "cgroup.subtree_control").read_text() for each in self._below(folder)):
                raise OSError(errno.EBUSY, "in use below", controller)
            now.discard(controller)
        file.write_text(" ".join(sorted(now)))
        for each in self._below(folder):
            (each / "cgroup.controllers").write_text(" ".join(sorted(now)))
            for name, text in OF_CONTROLLER.get(controller, {}).items():
                (each / name).write_text(text) if on else (each / name).unlink()

    def _move(self, pid: int, folder: Path) -> None:
        source = next((each for each in [self.top, *self.top.rglob("*/")] if pid in self.procs(each)), self.top)
        self._must_be_movable(source, folder)
        self._must_take_processes(folder)
        for group, members in ((source, self.procs(source) - {pid}), (folder, self.procs(folder) | {pid})):
            (group / "cgroup.procs").write_text("".join(f"{each}\n" for each in sorted(members)))
            self._tell(group)

    def _must_take_processes(self, folder: Path) -> None:
        if folder == self.top:
            return
        if (folder / "cgroup.type").read_text() != "domain\n":
            raise OSError(errno.EOPNOTSUPP, "not a domain", str(folder))
        if (folder / "cgroup.subtree_control").read_text().split():
            raise OSError(errno.EBUSY, "no internal processes", str(folder))

    def _must_be_movable(self, source: Path, folder: Path) -> None:
        # Delegation: the mover must be able to write to cgroup.procs of the destination, and of what is above both.
        above = Path(os.path.commonpath([source, folder]))
        self._must_own(folder)
        self._must_own(above)

    def _home(self) -> Path:
        own = os.getpid()
        return next((each for each in self.top.rglob("*/") if own in self.procs(each)), self.top)

    def _kill(self, folder: Path, value: str) -> None:
        if value != "1":
            raise OSError(errno.EINVAL, "only 1", value)
        for each in [folder, *folder.rglob("*/")]:
            (each / "cgroup.procs").write_text("")
            self._tell(each)

    def _freeze(self, folder: Path, value: str) -> None:
        if value not in ("0", "1"):
            raise OSError(errno.EINVAL, "only 0 and 1", value)
        for each in [folder, *folder.rglob("*/")]:
            (each / "cgroup.freeze").write_text(f"{value}\n")
            self._tell(each)

    def _limit(self, path: Path, value: str) -> None:
        quota, period = (path.parent / "cpu.max").read_text().split() if path.name.startswith("cpu.") else ("", "")
        burst = int((path.parent / "cpu.max.burst").read_text()) if path.name.startswith("cpu.") else 0
        if path.name == "cpu.max":
            wanted, *rest = value.split()
            if int(rest[0] if rest else period) not in range(1_000, 1_000_001):
                raise OSError(errno.EINVAL, "period", value)
            if wanted != "max" and (int(wanted) < 1_000 or burst > int(wanted)):
                raise OSError(errno.EINVAL, "quota", value)
        elif path.name == "cpu.max.burst":
            if int(value) > (0 if quota == "max" else int(quota)):
                raise OSError(errno.EINVAL, "burst", value)
        elif value != "max" and int(value) < 0:
            raise OSError(errno.EINVAL, "negative", value)
        path.write_text(value + "\n")

    def _tell(self, folder: Path) -> None:
        """cgroup.events, which speaks of all below too."""
        while folder != self.top:
            populated = any(self.procs(each) for each in [folder, *folder.rglob("*/")])
            frozen = (folder / "cgroup.freeze").read_text() == "1\n"
            (folder / "cgroup.events").write_text(f"populated {int(populated)}\nfrozen {int(frozen)}\n")
            folder = folder.parent

    def _below(self, folder: Path) -> list[Path]:
        return [each for each in folder.iterdir() if each.is_dir()]

    def _is_owned(self, folder: Path) -> bool:
        return self.user is None or self._owners.get(folder) == self.user

    def _must_own(self, folder: Path, file: str = "cgroup.procs") -> None:
        # The limits of what was delegated stay the one's who delegated it.
        limits = file not in ("cgroup.procs", "cgroup.subtree_control", "cgroup.threads")
        if not self._is_owned(folder) or (limits and not self._is_owned(folder.parent)):
            raise PermissionError(errno.EACCES, "not yours", str(folder / file))


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cgroup2:
    """A cgroup2 tree with the usual controllers, which cgroup.py acts on."""
    tree = Cgroup2(tmp_path / "cgroup", "cpuset cpu io memory pids")
    monkeypatch.setattr(cgroup, "_make", tree.make)
    monkeypatch.setattr(cgroup, "_unmake", tree.unmake)
    monkeypatch.setattr(cgroup, "_write", tree.write)
    monkeypatch.setattr(cgroup, "_join", tree.join)
    return tree
