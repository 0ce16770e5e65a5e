"""`lambent serve` with some of its protections switched off by name, to prove that an attack is a real one.

    python weakened.py filter,user -- --port 4567 --data …

What the server decides is replaced in this process. What the launcher and the zygotes do is replaced in a copy of
their files, by lines appended to agent.py, which both of them import. A copy that has no protection off is theirs.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from lambent.cli.main import main
from lambent.invoke import door, package, stems
from lambent.kit import http_server
from lambent.runtimes import output
from lambent.runtimes.api import session
from lambent.sandbox.namespaces import box, cgroup, disks, launching, uids
from lambent.wire import sigv4

AGENT = {
    # The system-call filter.
    "filter": "syscalls.load_filter = lambda program: None",
    # A user id that is not root's. Group ids go with it.
    "user": "os.setresuid = os.setresgid = lambda *ids: None\nos.setgroups = lambda groups: None",
    # Giving up every capability.
    "capabilities": "syscalls.drop_bounding_set = syscalls.drop_capabilities = lambda: None",
    # Set-uid programs mean nothing.
    "no_new_privileges": "syscalls.no_new_privileges = lambda: None",
    # Mounts are read-only, without set-uid programs, without devices.
    "read_only": "_without(attribute=syscalls.ATTR_RDONLY)",
    "nosuid": "_without(attribute=syscalls.ATTR_NOSUID, flag=syscalls.MS_NOSUID)",
    "nodev": "_without(attribute=syscalls.ATTR_NODEV, flag=syscalls.MS_NODEV)",
    # Namespaces of its own.
    "mount_namespace": "Agent.namespaces &= ~syscalls.NEWNS",
    # That of processes is never switched off: an agent ends its sandbox by kill(-1), which would then reach the whole
    # machine.
    "network_namespace": "Agent.namespaces &= ~syscalls.NEWNET",
    "ipc_namespace": "Agent.namespaces &= ~syscalls.NEWIPC",
    # Processes that one may not trace are not to be seen.
    "hidden_processes": """
_mount = syscalls.mount
syscalls.mount = lambda source, target, kind, flags=0, options="": _mount(
    source, target, kind, flags, "" if kind == "proc" else options)
""",
    # The agent cannot be looked into by its own user.
    "closed_agent": "_dumpable = syscalls.set_dumpable\nsyscalls.set_dumpable = lambda flag: _dumpable(True)",
    # At most 1024 open files.
    "open_files": "_OPEN_FILES = 16384",
    # A forked program inherits five descriptors and no others.
    "closed_descriptors": "os.closerange = lambda first, last: None",
    # The zygote is executed with an empty environment (and so is the launcher, below).
    "empty_environment": """
_execve = os.execve
os.execve = lambda path, argv, env: _execve(path, argv, env or dict(os.environ))
""",
    # A keyring of its own.
    "own_keyring": "syscalls.new_keyring = lambda: None",
    # A reset kills every process, not the program alone.
    "kill_all": """
_really_reap = Agent._reap
def _kill_one(program, number):
    if program <= 0:
        return  # it has ended by itself
    try:
        os.kill(program, number)
        os.waitpid(program, 0)
    except (ProcessLookupError, ChildProcessError):
        pass  # it has ended meanwhile
Agent._reap = lambda self, options, report: _really_reap(self, os.WNOHANG, report)
Agent._signal_all = lambda self, number: _kill_one(self._pid, number)
""",
}
"""Source that is appended to the agent's, by protection."""

_CHECK = """
# What is replaced below must be what is used above; and processes always have a namespace of their own.
assert all(hasattr(Agent, name) for name in ("namespaces", "_signal_all", "_reap"))
assert "_pid" in Agent._limit_program.__code__.co_names
assert Agent.namespaces & syscalls.NEWPID
"""
_WITHOUT = """
def _without(attribute, flag=0):
    tree, mount_at, mount = syscalls.restrict_tree, syscalls.restrict_mount, syscalls.mount
    syscalls.restrict_tree = lambda fd, attributes: tree(fd, attributes & ~attribute)
    syscalls.restrict_mount = lambda path, attributes: mount_at(path, attributes & ~attribute)
    syscalls.mount = lambda source, target, kind, flags=0, options="": mount(
        source, target, kind, flags & ~flag, options)
"""

HOST_FOLDERS = ("/etc", "/home", "/root", "/srv", "/sys", "/var/tmp")


def minimal_root() -> None:
    """The root shows what a program needs, not the host."""
    real = launching.root_steps

    def steps(*arguments: Any, **more: Any) -> list[Any]:
        made = real(*arguments, **more)
        shown = [("bind", path, path) for path in HOST_FOLDERS if Path(path).is_dir()]
        return [*made[:-1], *shown, ("device", "/dev", "/dev"), made[-1]]

    launching.root_steps = steps


def empty_environment() -> None:
    """The launcher, which zygotes come from, has none of the server's variables."""
    real = launching.subprocess.Popen

    def popen(argv: Any, *arguments: Any, **more: Any) -> Any:
        return real(argv, *arguments, **(more | {"env": dict(os.environ)} if more.get("env") == {} else more))

    launching.subprocess.Popen = popen  # type: ignore[misc, assignment]


def memory() -> None:
    """A limit on the memory of all processes together, counting what lies in a tmpfs or memfd."""
    cgroup.memory_writes = lambda version, limit_bytes: []


def processes() -> None:
    """A limit on the number of processes and threads."""
    cgroup.pids_writes = lambda processes: []


def tmp_size() -> None:
    """A limit on /tmp."""
    real = box.Box.assign

    async def assign(self: Any, assignment: Any) -> None:
        limits = replace(assignment.limits, tmp_bytes=8 * assignment.limits.tmp_bytes)
        await real(self, replace(assignment, limits=limits))

    box.Box.assign = assign  # type: ignore[method-assign]


def nosuid() -> None:
    """The disk for /tmp is made by the server."""
    disk_without(disks.syscalls.ATTR_NOSUID)


def nodev() -> None:
    """As above."""
    disk_without(disks.syscalls.ATTR_NODEV)


def disk_without(attribute: int) -> None:
    """Mounts that this process makes lack `attribute`."""
    real = disks.syscalls.new_mount

    def new_mount(kind: str, source: str, options: Any, attributes: int) -> int:
        return real(kind, source, options, attributes & ~attribute)

    disks.syscalls.new_mount = new_mount


def own_user() -> None:
    """No two sandboxes have the same user."""
    uids.UserIds.take = lambda self: uids._PREFERRED  # type: ignore[method-assign]
    uids.UserIds.give_back = lambda self, uid: None  # type: ignore[method-assign]


def frozen() -> None:
    """Between invocations no process runs."""
    cgroup.Group.freeze = lambda self: None  # type: ignore[method-assign]


def own_session() -> None:
    """A runtime answers the event that it was given, by its id, and no other."""
    sessions: list[session.Session] = []
    real_init, real_respond = session.Session.__init__, session.Session.respond

    def init(self: Any, listener: Any) -> None:
        real_init(self, listener)
        sessions.append(self)

    def respond(self: Any, request_id: str, payload: bytes) -> Any:
        owner = next((each for each in sessions if each._current == request_id), self)
        return real_respond(owner, request_id, payload)

    session.Session.__init__ = init  # type: ignore[method-assign]
    session.Session.respond = respond  # type: ignore[method-assign]


def request_ids() -> None:
    """An answer names the event that it is for."""
    session.Session._answer = lambda self, request_id, act: self._step(act)  # type: ignore[method-assign]


def runtime_states() -> None:
    """What a runtime does is refused when it is not its time."""
    session.Session._step = lambda self, act: setattr(  # type: ignore[method-assign]
        self, "state", session.NEXT.get((self.state, act), self.state)
    )


def signatures() -> None:
    """A request to the AWS API is signed with the secret of the key that it names."""
    sigv4.hmac.compare_digest = lambda *pair: True


def api_connections() -> None:
    """A sandbox holds so many connections to the Runtime API open, and so many of the server's descriptors."""
    door.API_LIMITS = replace(door.API_LIMITS, connections=100_000)


def room() -> None:
    """The requests that a sandbox has begun and not ended may fill so much of the server's memory."""
    door.API_LIMITS = replace(door.API_LIMITS, room_bytes=1 << 40)
    door.AWS_LIMITS = replace(door.AWS_LIMITS, room_bytes=1 << 40)


def shared_connections() -> None:
    """However many connections sandboxes hold, the server has descriptors left."""
    http_server.Server.is_full = property(lambda self: False)  # type: ignore[assignment]


def record_size() -> None:
    """A log record has a largest size; what exceeds it is cut, or is no record."""
    output.RECORD_BYTES = 1 << 40


def permission_bits() -> None:
    """Of a packaged file's mode, only the ordinary permissions are kept."""
    package.stat.S_IMODE = lambda mode: _AllBits(mode & 0o7777)  # type: ignore[assignment]


class _AllBits(int):
    def __and__(self, other: int) -> int:
        return int(self)


SERVER: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        *(
            minimal_root,
            empty_environment,
            memory,
            processes,
            tmp_size,
            nosuid,
            nodev,
            own_user,
            frozen,
            own_session,
            request_ids,
        ),
        *(runtime_states, signatures, api_connections, room, shared_connections, record_size, permission_bits),
    )
}


@contextmanager
def switched_off(names: list[str]) -> Iterator[None]:
    """Everything that is made from here on lacks these protections."""
    unknown = set(names) - AGENT.keys() - SERVER.keys()
    assert not unknown, f"no such protection: {unknown}"
    for name in names:
        if name in SERVER:
            SERVER[name]()
    with tempfile.TemporaryDirectory(prefix="lambent-weakened-") as folder:
        if any(name in AGENT for name in names):
            launching.CODE = Path(shutil.copytree(launching.CODE, Path(folder) / "namespaces"))
            with (launching.CODE / "agent.py").open("a") as agent:
                agent.write(_CHECK + _WITHOUT + "".join(AGENT.get(name, "") + "\n" for name in names) + _CHECK)
            Path(folder).chmod(0o755)
        yield


def hold_a_key() -> None:
    """A secret in the server's session keyring, for attackers to look for."""
    libc = ctypes.CDLL(None, use_errno=True)
    join, add = (250, 248) if os.uname().machine == "x86_64" else (219, 217)
    libc.syscall(join, 1, b"lambent-attacked")
    libc.syscall(add, b"user", b"lambent-canary", b"secret", 6, -3)


if __name__ == "__main__":
    off, _, *flags = sys.argv[1:]
    # One sandbox waiting for each template, and one disk: the tests need no more.
    disks._READY = 1
    stems._bounds = lambda template: (1, 1)
    hold_a_key()
    with switched_off([name for name in off.split(",") if name]):
        sys.argv[1:] = ["serve", *flags]
        main()
