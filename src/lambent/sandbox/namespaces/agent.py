"""The first process of a sandbox: makes it, gives up every right, runs the program, reaps, reports, restarts.

Standard library only, Python 3.8 and later; runs in a fork of a zygote. It never executes anything of a customer and
stays non-dumpable, so the program, which has the same user, can neither look into it nor trace it; as process 1 of
its namespace it cannot be killed from inside.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn

    from lambent.sandbox.namespaces import syscalls

    Message = dict[str, Any]
else:
    import syscalls

NAMESPACES = 0x00020000 | 0x20000000 | 0x08000000 | 0x04000000 | 0x40000000
"""New mount, pid, ipc, uts and network namespaces; the cgroup namespace follows once its groups are joined."""

PARTS = ("pid", "user", "net", "ipc", "uts", "mnt")
"""A sandbox's namespaces by their names in /proc, for a program from elsewhere to enter (graft.py)."""
PID = struct.Struct("=i")
"""The first word of a program that was not forked here: its process id."""

LEFT_TO_THE_SERVER = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What a service manager sends to everybody at once; the server then ends us in order, by closing a socket."""

FIRST_TMP_BYTES = 64 * 1024 * 1024
_INNER_UID, _INNER_GID = 993, 990
_OPEN_FILES = 1024
_LOCKED_BYTES = 64 * 1024
_OOM_SCORE = b"900"
_CHANNEL, _RECORDS, _REPORT = 3, 4, 5
_UNSTARTED = "unstarted "
_UNKNOWN = -1
"""The process id of a program that has not said its own."""
_HOSTNAME = "169-254-76-1"


def described(error: BaseException) -> str:
    """An error as one text for the server."""
    try:
        # Not at the top: it takes as long as all the rest, and only a template's own interpreter can show its lines.
        import traceback
    except ImportError:
        return f"{type(error).__name__}: {error}"
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))[-8000:]


class Agent:
    """Process 1. `run` returns only in its children, with what the program is to do."""

    namespaces = NAMESPACES
    """What the zygote forks it into."""
    require_single_thread = staticmethod(syscalls.require_single_thread)
    """What the zygote asks before it forks."""

    @classmethod
    def fork(cls, fds: list[int]) -> int:
        """Fork the process that one of these runs in, given the descriptors of the request. Returns 0 there."""
        return syscalls.clone(cls.namespaces)

    def __init__(
        self, control: socket.socket, fds: list[int], request: Message, config: Message, program: Message
    ) -> None:
        self._control = control
        self._channel, self._output, self._records = fds[:3]
        self._disk = fds[3] if request.get("disk") else -1
        self._groups = fds[3:] if self._disk < 0 else fds[4:]
        self._request = request
        self._config = config
        self._program = dict(program, **request.get("program", {}))
        self._null = -1
        self._wakeup = -1
        self._report = -1
        self._late: dict[int, int] = {}
        self._unstarted: str | None = None
        self._generation = 0
        self._pid = 0

    def run(self) -> Callable[[], None]:
        """Make the sandbox and stay its first process until the server lets go."""
        try:
            self._make()
            role = self._start(self._channel)
        except BaseException as error:  # nothing here may unwind into the zygote's code: report, then end
            self._tell({"failed": described(error)})
            os._exit(1)
        return role if role is not None else self._watch()

    def _make(self) -> None:
        self._join_groups()
        uid, gid = self._request["uid"], self._request["gid"]
        syscalls.set_name("agent")
        syscalls.loopback_up()
        socket.sethostname(_HOSTNAME)
        quiet = syscalls.MS_NOSUID | syscalls.MS_NODEV
        # hidepid=2: processes that one may not trace, the agent above all, do not exist in /proc.
        syscalls.mount("proc", "/proc", "proc", quiet | syscalls.MS_NOEXEC, "hidepid=2")
        self._name_user(*((_INNER_UID, _INNER_GID) if self._config["level"] == "rootless" else (uid, gid)))
        if self._disk >= 0:
            syscalls.attach_tree(self._disk, "/tmp")
            os.close(self._disk)
        else:
            syscalls.mount("tmpfs", "/tmp", "tmpfs", quiet, f"mode=1777,size={FIRST_TMP_BYTES}")
        self._null = os.open("/dev/null", os.O_RDWR)
        for fd in (self._output, self._records):
            os.fchown(fd, uid, gid)  # else /dev/stdout could not be opened by name
        self._hand_over()
        self._become(uid, gid)
        self._listen_for_children()

    def _join_groups(self) -> None:
        # Before anything is allocated: memory stays charged to the group that first touched it.
        for fd in self._groups:
            os.write(fd, b"0")
            os.close(fd)
        try:
            syscalls.unshare(syscalls.NEWCGROUP)
        except OSError:
            pass  # a kernel without cgroup namespaces shows the groups' names, nothing more

    def _name_user(self, uid: int, gid: int) -> None:
        """Give the sandbox's user its AWS name, in files that only this sandbox sees."""
        user = self._config["user"]
        texts = {
            "passwd": "root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n"
            f"{user}:x:{uid}:{gid}::/home/{user}:/sbin/nologin\n",
            "group": f"root:x:0:\nnobody:x:65534:\n{user}:x:{gid}:\n",
        }
        syscalls.mount("tmpfs", "/run", "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "size=16k,mode=755")
        for name, text in texts.items():
            with open("/run/" + name, "w") as file:
                file.write(text)
            attributes = syscalls.ATTR_RDONLY | syscalls.ATTR_NOSUID | syscalls.ATTR_NODEV | syscalls.ATTR_NOEXEC
            syscalls.bind("/run/" + name, "/etc/" + name, attributes)
        syscalls.detach("/run")

    def _hand_over(self) -> None:
        """Send the server the door to this mount namespace, and the sockets that listen in this network. Those that it
        wants late stay here until something connects."""
        listeners = [_listening(port) for port in self._config["listen"]]
        self._late = {_listening(port).detach(): port for port in self._config["listen_late"]}
        door = os.open("/proc/self/ns/mnt", os.O_RDONLY)
        syscalls.send(self._control, {"made": os.getpid()}, [door] + [each.fileno() for each in listeners])
        os.close(door)
        for listener in listeners:
            listener.close()

    def _hand_over_late(self, listener: int) -> None:
        """Something has connected: whoever answers accepts it."""
        try:
            syscalls.send(self._control, {"called": self._late.pop(listener)}, [listener])
        except OSError:
            self._end()  # nobody listens any more
        os.close(listener)

    def _become(self, uid: int, gid: int) -> None:
        """Give up every right, for good."""
        self._limit_all()
        if self._config["level"] == "rootless":
            self._enter_user_namespace()
            syscalls.drop_bounding_set()
        else:
            syscalls.drop_bounding_set()
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
        syscalls.drop_capabilities()
        syscalls.set_dumpable(False)
        syscalls.no_new_privileges()
        syscalls.load_filter(bytes.fromhex(self._config["filter"]))

    def _enter_user_namespace(self) -> None:
        """Without a user id to spare, be user 993 of a user namespace that owns nothing."""
        syscalls.unshare(syscalls.NEWUSER)
        _write("/proc/self/setgroups", b"deny")
        _write("/proc/self/uid_map", f"{_INNER_UID} 0 1".encode())
        _write("/proc/self/gid_map", f"{_INNER_GID} 0 1".encode())

    def _limit_all(self) -> None:
        """The limits that hold for whatever is assigned."""
        if os.getpriority(os.PRIO_PROCESS, 0) < 0:
            os.setpriority(os.PRIO_PROCESS, 0, 0)  # the server may have raised its own
        # Who is woken does not push the server from its core: that would cost both a change of process for each event.
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
        limit(resource.RLIMIT_CORE, 0)
        limit(resource.RLIMIT_MEMLOCK, _LOCKED_BYTES)
        limit(resource.RLIMIT_NPROC, self._config["processes"])

    def _listen_for_children(self) -> None:
        self._wakeup, wake = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _noticed)

    def _start(self, channel: int) -> Callable[[], None] | None:
        """Fork the program, or have it forked. Returns None in the agent, and in the child what it is to do."""
        self._generation += 1
        self._unstarted = None
        report, told = os.pipe()
        # os.fork, not a raw clone: OpenSSL and others must notice, see `clone`.
        pid = self._ask_for_program(channel, told) if self._program["kind"] == "grafted" else os.fork()
        if pid == 0:
            return self._child(channel, told)
        os.close(told)
        os.close(channel)
        self._pid, self._report = pid, report
        return None

    def _ask_for_program(self, channel: int, told: int) -> int:
        """Have the server let a zygote fork the program into this sandbox, as a child of this process."""
        namespaces = [os.open("/proc/self/ns/" + name, os.O_RDONLY) for name in PARTS]
        fds = [self._control.fileno(), *namespaces, self._output, channel, self._records, told]
        self._tell({"vacant": self._generation}, fds)
        for fd in namespaces:
            os.close(fd)
        return _UNKNOWN

    def _child(self, channel: int, report: int) -> Callable[[], None]:
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, *LEFT_TO_THE_SERVER):
                signal.signal(number, signal.SIG_DFL)
            os.setsid()
            syscalls.set_dumpable(True)
            # The kernel attaches this process's id, as the server's namespace numbers it.
            self._tell({"program": self._generation})
            self._control.detach()
            _arrange(self._null, self._output, channel, self._records, report)
            report = _REPORT
            _write("/proc/self/oom_score_adj", _OOM_SCORE)
            self._confine()
            return _prepared(self._program)
        except BaseException as error:  # its reader is the server, through the agent
            os.write(report, described(error).encode())
            os._exit(127)

    def _confine(self) -> None:
        """In the program: give up what the agent has kept. Here it has kept nothing."""

    def _watch(self) -> Callable[[], None]:
        """Wait for children, the server and the program's first word. Ends with the server's end of the socket."""
        while True:
            watched: list[int] = [self._control.fileno(), self._wakeup] + [self._report] * (self._report >= 0)
            ready = select.select([*watched, *self._late], [], [])[0]
            for called in self._late.keys() & ready:
                self._hand_over_late(called)
            if self._report in ready:
                self._relay_report()
            if self._wakeup in ready:
                _drain(self._wakeup)
                self._reap(os.WNOHANG, report=True)
            if self._control.fileno() in ready:
                role = self._obey()
                if role is not None:
                    return role

    def _learn_pid(self) -> None:
        told = os.read(self._report, PID.size)
        if told:
            (self._pid,) = PID.unpack(told)
        else:
            self._pid = 0
            self._tell({"failed": "its zygote has forked no program"})
            self._forget_report()

    def _relay_report(self) -> None:
        if self._pid == _UNKNOWN:
            self._learn_pid()
            return
        text = os.read(self._report, 8192).decode("utf-8", "replace")
        if text.startswith(_UNSTARTED):
            self._unstarted = text[len(_UNSTARTED) :]
            return
        executed = text == "" and self._program["kind"] == "started"
        if text == "ready" or executed:
            self._tell({"ready": self._generation})
        elif text:
            self._tell({"failed": text})
        # Else it ended without a word, and its exit says so.
        if text != "ready" or self._program["kind"] != "deferred":
            self._forget_report()

    def _forget_report(self) -> None:
        if self._report >= 0:
            os.close(self._report)
            self._report = -1

    def _reap(self, options: int, report: bool) -> bool:
        """Collect children that ended; with `report`, tell the server when the program is one of them. Whether there
        are others."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, options)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if self._pid == _UNKNOWN:
                self._learn_pid()
            if pid == self._pid and report:
                self._pid = 0
                if self._report >= 0:
                    self._relay_report()
                    self._forget_report()
                signalled = os.WIFSIGNALED(status)
                self._tell(
                    {
                        "exit": self._generation,
                        "status": None if signalled else os.WEXITSTATUS(status),
                        "signal": os.WTERMSIG(status) if signalled else None,
                        "unstarted": self._unstarted,
                        "max_memory": usage.ru_maxrss * 1024,
                    }
                )

    def _obey(self) -> Callable[[], None] | None:
        order, fds = syscalls.receive(self._control)
        if order is None:
            self._end()  # the server is gone or has let go
        if "signal" in order:
            self._signal_all(order["signal"])
            self._tell({"signalled": order["signal"]})
            return None
        if "limit" in order:
            self._limit_program(order["limit"])
            self._tell({"limited": order["limit"]})
            return None
        self._kill_all()
        self._forget_report()
        return self._start(fds[0])

    def _tell(self, message: Message, fds: Sequence[int] = ()) -> None:
        try:
            syscalls.send(self._control, message, fds)
        except OSError:
            self._end()  # nobody listens any more

    def _signal_all(self, number: int) -> None:
        """Signal every other process in the sandbox. Only process 1 may: to any other, -1 means the whole machine."""
        if os.getpid() != 1:
            return
        try:
            os.kill(-1, number)  # all in the namespace but this one, those being forked included
        except ProcessLookupError:
            pass

    def _limit_program(self, limits: list[list[int]]) -> None:
        """Lower limits of the program, which what it forks inherits."""
        for which, most in limits:
            try:
                hard = resource.prlimit(self._pid, which)[1]
                most = most if hard == resource.RLIM_INFINITY else min(most, hard)
                resource.prlimit(self._pid, which, (most, most))
            except ProcessLookupError:
                pass  # its end is news of its own

    def _kill_all(self) -> None:
        """Kill every other process in the sandbox, and wait until they are gone."""
        self._signal_all(signal.SIGKILL)
        self._reap(0, report=False)

    def _end(self) -> NoReturn:
        """End this process, and with process 1 everything here."""
        os._exit(0)


def _listening(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


def _prepared(program: Message) -> Callable[[], None]:
    """Do what can be done ahead of the assignment; the rest is returned."""
    kind = program["kind"]
    if kind == "forked":
        _reseed()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        module = program["module"]
        os.environ.update(program["env"])
        module.prewarm()
        _report_ready()
        channel = socket.socket(fileno=_CHANNEL)
        return partial(module.main, channel)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and exec would pass that on
        signal.signal(number, signal.SIG_DFL)
    if kind == "started":
        os.execve(program["argv"][0], program["argv"], program["env"])
    os.write(_REPORT, b"ready")  # and left open: what it becomes may not be a program at all
    return _deferred


def _deferred() -> None:
    """Wait for the assignment, then become the program that it names."""
    received = b""
    while not received.endswith(b"\n"):
        data = os.read(_CHANNEL, 65536)
        if not data:
            os._exit(0)
        received += data
    os.close(_CHANNEL)
    message = json.loads(received)
    try:
        os.chdir(message["cwd"])
        os.execve(message["argv"][0], message["argv"], message["env"])
    except OSError as error:
        os.write(_REPORT, "{}{}: {}".format(_UNSTARTED, message["argv"][0], error.strerror).encode())
        os._exit(126 if isinstance(error, PermissionError) else 127)


def _reseed() -> None:
    """Make this fork's random numbers its own. What its program has not imported yet seeds itself."""
    if "_ssl" in sys.modules:
        sys.modules["_ssl"].RAND_add(os.urandom(32), 0.0)
    if "random" in sys.modules:
        sys.modules["random"].seed()


def _arrange(null: int, output: int, channel: int, records: int, report: int) -> None:
    """Descriptors 0 to 4 as promised, 5 the report, which an exec closes; nothing else."""
    # First out of the way, so that no target is also a source yet to be copied.
    high = [_dup_above(fd) for fd in (null, output, output, channel, records, report)]
    for target, fd in enumerate(high):
        os.dup2(fd, target, inheritable=target != _REPORT)
    os.closerange(_REPORT + 1, _OPEN_FILES)


def _dup_above(fd: int) -> int:
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 64)


def _report_ready() -> None:
    os.write(_REPORT, b"ready")
    os.close(_REPORT)


def limit(which: int, value: int) -> None:
    """Lower a limit of this process for good; one that is lower already stays."""
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))


def _noticed(number: int, frame: object) -> None:
    """The wake-up descriptor has it already."""


def _drain(fd: int) -> None:
    try:
        os.read(fd, 512)
    except BlockingIOError:
        pass


def _write(path: str, value: bytes) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, value)
    finally:
        os.close(fd)
