"""Makes sandboxes at the level `process-only`: for machines where no namespace can be made."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import socket
import sys
from dataclasses import replace
from pathlib import Path

from lambent.kit.log import Log
from lambent.sandbox.base import Deferred, Driver, Forked, IsolationUnavailable, Started, Template
from lambent.sandbox.namespaces import seccomp, syscalls
from lambent.sandbox.namespaces.box import Box
from lambent.sandbox.namespaces.cgroup import Group
from lambent.sandbox.namespaces.driver import LOCKS, NamespacesDriver, uid_map
from lambent.sandbox.namespaces.ends import Ends
from lambent.sandbox.namespaces.launching import Zygote, launcher_config, zygote_config
from lambent.sandbox.namespaces.plan import Host, survey
from lambent.sandbox.namespaces.probe import try_out
from lambent.sandbox.namespaces.uids import claim
from lambent.sandbox.process import fence
from lambent.sandbox.process.box import FencedBox, Ground
from lambent.sandbox.process.places import Places
from lambent.sandbox.process.rooms import Furniture, Rooms, reachable

LEVEL = "process-only"
_CODE = Path(__file__).parent
_FOR_EVERYBODY = Path("/var/lib/lambent")
"""Where rooms are when the data directory is in a folder that not every user may enter."""

_NOTES = (
    "A function shares the machine with the server: Landlock and seccomp alone keep it from the host's files, "
    "processes and network.",
    "/usr, the host's accounts and names in /etc, and the names and arguments of all processes can be read.",
    "Code, layers and /tmp are not at /var/task, /opt and /tmp: functions must ask LAMBDA_TASK_ROOT and TMPDIR.",
    "The size of /tmp is limited file by file only.",
    "A function can open no port, no UDP and no Unix socket; programs of this machine that are not functions can reach "
    "its Runtime API.",
)
_SAME_USER_NOTE = (
    "All functions run as the server's own user: one can change the modes and times of whatever file that user owns."
)
_NO_PROCESS_LIMIT = "The number of processes is limited for all functions together only, to some thousands."


def open_driver(state_dir: Path, instance: str, log: Log, *, because: str = "") -> Driver:
    """The driver, when it can work here; found out by making a sandbox, which blocks for some 50 ms.

    `state_dir` and `instance` are as for the other driver; `because` says why this one is taken when nobody asked for
    it. Raises IsolationUnavailable with the reasons.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    version = syscalls.landlock_version()
    if version == 0:
        raise IsolationUnavailable(f"{LEVEL}: this kernel has no Landlock, or it is switched off")
    reasons = []
    for own_users in (True, False) if os.geteuid() == 0 else (False,):
        reason = _with_own_user(version) if own_users else _reason_against(None, version)
        if reason is None:
            return ProcessDriver(state_dir, instance, log, version, own_users=own_users, because=because)
        reasons.append(reason)
    raise IsolationUnavailable(f"{LEVEL}: {'; '.join(reasons)}")


def _with_own_user(version: int) -> str | None:
    try:
        # Claimed, for the sandbox's end is the end of all that its user runs, and that may be another server's.
        uids = claim(LOCKS, uid_map())
    except OSError as error:
        return str(error)
    try:
        return _reason_against(uids.take(), version)
    finally:
        uids.close()


def _reason_against(uid: int | None, version: int) -> str | None:
    template = Template("probe", Deferred(), ())
    request: dict[str, object] = {"uid": uid, "gid": uid, "fence": fence.fence(version, _rights(survey()), ())}
    try:
        config = _zygote_config(template, version, limits_processes=True, own_users=uid is not None)
        try_out(launcher_config(LEVEL, _CODE, ()), _zygote_request(sys.executable), config, request)
    except (OSError, KeyError) as error:
        return f"{type(error).__name__}: {error}"
    return None


class ProcessDriver(NamespacesDriver):
    """Implements Driver. `open_driver` knows whether it can work here."""

    def __init__(
        self, state_dir: Path, instance: str, log: Log, version: int, *, own_users: bool, because: str
    ) -> None:
        super().__init__(LEVEL, state_dir, instance, log)
        self._version = version
        self._own_users = own_users
        self._because = because
        at_home = not own_users or reachable(state_dir / "rooms")
        home = state_dir / "rooms" if at_home else _FOR_EVERYBODY / instance
        self._rooms = Rooms(home, own_users=own_users)
        self._furniture: dict[str, Furniture] = {}
        self._host = survey()

    async def start(self) -> None:
        await self._prepare(own_users=self._own_users)
        try:
            await self._tasks.in_thread(self._rooms.open)
        except OSError as error:
            raise IsolationUnavailable(f"{LEVEL}: there is no place for sandboxes: {error}") from error
        self._tasks.start("sweep rooms", self._tasks.in_thread(self._rooms.sweep))
        self.notes = self._lacks()
        await self._launcher()

    async def close(self) -> None:
        await super().close()
        # In no thread: those have ended by now.
        with contextlib.suppress(OSError):
            self._rooms.close()

    def _lacks(self) -> tuple[str, ...]:
        assert self._groups is not None
        because = [f"No stronger level can be had: {self._because}."] if self._because else []
        same_user = [] if self._own_users else [_SAME_USER_NOTE]
        groups = [note for note in self._groups.notes if self._own_users or "RLIMIT_NPROC" not in note]
        if not self._own_users and not self._groups.limits_processes:
            groups.append(_NO_PROCESS_LIMIT)
        lacks = fence.lacks(self._version, own_users=self._own_users)
        return (*because, *_NOTES, *same_user, *lacks, *groups)

    async def _start_zygote(self, template: Template) -> Zygote:
        assert self._groups is not None, "start() comes first"
        furniture = await self._tasks.in_thread(self._rooms.furnish, template)
        self._furniture[template.name] = furniture
        self._made += 1
        name = f"t{self._made}"
        places = Places(str(self._rooms.home / name), {}, furniture.also)
        await self._tasks.in_thread(self._rooms.make, name, places, furniture)
        interpreter, moved = sys.executable, template
        if isinstance(template.program, Forked):
            program = _moved(template.program, places)
            interpreter, moved = program.interpreter, replace(template, program=program)
        config = _zygote_config(moved, self._version, self._groups.limits_processes, own_users=self._own_users)
        return await Zygote.start(await self._launcher(), template, _zygote_request(interpreter), config)

    async def _new_box(self, name: str, template: Template, uid: int | None, ends: Ends, group: Group) -> Box:
        furniture = self._furniture[template.name]
        room = self._rooms.home / name
        with contextlib.ExitStack() as undo:
            listeners = {port: undo.enter_context(_listener()) for port in (*template.listen, *template.listen_late)}
            ports = {port: listener.getsockname()[1] for port, listener in listeners.items()}
            places = Places(str(room), ports, furniture.also)
            await self._tasks.in_thread(self._rooms.make, name, places, furniture)
            await self._tasks.in_thread(self._rooms.lock, name, uid)
            undo.pop_all()
        rights = {
            **_rights(self._host),
            **dict.fromkeys(furniture.readable, fence.READ),
            str(room): fence.READ,
            f"{room}/tmp": fence.WRITE,
        }
        request = {
            "fence": fence.fence(self._version, rights, ports.values()),
            "program": _waiting(template, places),
        }
        return FencedBox(name, uid, ends, Ground(room, places, listeners, request), group, self._house(template))


def _zygote_request(interpreter: str) -> dict[str, object]:
    return {"zygote": {"steps": None, "exec": [interpreter, "-I", "-S", str(_CODE / "zygote.py")]}}


def _zygote_config(template: Template, version: int, limits_processes: bool, *, own_users: bool) -> dict[str, object]:
    can_truncate = version >= fence.OLDEST_WITH_TRUNCATE
    filter = seccomp.filter_beside_the_host(platform.machine(), can_truncate=can_truncate)
    config = zygote_config(template, LEVEL, limits_processes)
    if not own_users:
        config["processes"] = _share_of_all_processes()
    return {**config, "filter": filter.hex()}


def _share_of_all_processes() -> int:
    """RLIMIT_NPROC for one who shares a user with the server, which must be able to go on: half of what the user may
    have, and no more than a quarter of what the machine can have."""
    machines = int(Path("/proc/sys/kernel/pid_max").read_text()) // 4
    most = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    return machines if most == resource.RLIM_INFINITY else min(machines, most // 2)


def _rights(host: Host) -> dict[str, int]:
    """What every program may do with the host's files."""
    seen = [path for path in (*fence.OPEN_ETC, *fence.KERNEL, *host.etc) if os.path.exists(path)]
    return {
        **dict.fromkeys((*host.folders, *host.links), fence.READ),
        **dict.fromkeys(seen, fence.LOOK),
        **dict.fromkeys((path for path in fence.DEVICES if os.path.exists(path)), fence.DEVICE),
    }


def _moved(program: Forked, places: Places) -> Forked:
    """The program with the paths of its zygote's own room."""
    path = tuple(places.here(each) for each in program.path)
    return replace(program, interpreter=places.here(program.interpreter), module=places.here(program.module), path=path)


def _waiting(template: Template, places: Places) -> dict[str, object]:
    """What differs from sandbox to sandbox in how a program waits."""
    program = template.program
    if isinstance(program, Deferred):
        return {}
    env = {name: places.here(value) for name, value in program.env.items()}
    if isinstance(program, Started):
        return {"argv": [places.here(each) for each in program.argv], "env": env}
    return {"env": env}


def _listener() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    listener.setblocking(False)
    return listener
