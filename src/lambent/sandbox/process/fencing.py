"""The parent of a sandboxed program that shares the host's namespaces: fences it in, reaps, reports, restarts, kills.

Standard library only, Python 3.8 and later; runs in a fork of a zygote. It is outside the fence, so the program can
neither signal it nor look into it. Whatever the program forks and forsakes becomes this process's child, so that it
knows whom to end: where every sandbox has a user of its own all processes of that user, else all its descendants.
"""

from __future__ import annotations

import os
import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn

    from lambent.sandbox.namespaces import agent, syscalls
else:
    import agent
    import syscalls

_KILL, _SETGID, _SETUID, _SETPCAP = 1 << 5, 1 << 6, 1 << 7, 1 << 8
_EAGER_ROUNDS = 100


class FencingAgent(agent.Agent):
    """Its program has a user of its own when the request names one, else the server's."""

    namespaces = 0

    @staticmethod
    def require_single_thread() -> None:
        """As syscalls.require_single_thread, which asks a call that need not be allowed here."""
        if len(os.listdir("/proc/self/task")) > 1:
            raise OSError("more than one thread")

    def _make(self) -> None:
        self._join_groups()
        self._own_pid = os.getpid()
        syscalls.set_name("agent")
        syscalls.adopt_orphans()
        os.setsid()
        self._null = os.open("/dev/null", os.O_RDWR)
        if self._request["uid"] is not None:
            for fd in (self._output, self._records):
                os.fchown(fd, self._request["uid"], self._request["gid"])
        syscalls.set_dumpable(False)
        # What it takes to fork a program that has less, and to end it.
        syscalls.drop_capabilities(but=_KILL | _SETGID | _SETUID | _SETPCAP)
        self._tell({"made": os.getpid()})
        self._listen_for_children()

    def _confine(self) -> None:
        self._limit_all()
        syscalls.no_new_privileges()
        fence = self._request["fence"]
        syscalls.landlock(fence["handled"], fence["beneath"], fence["ports"])
        try:
            syscalls.drop_bounding_set()
        except OSError:
            pass  # not ours to drop; without new privileges it gives nothing
        self._become_user()
        syscalls.drop_capabilities()
        syscalls.die_with_parent(signal.SIGKILL)
        if os.getppid() != self._own_pid:
            os._exit(0)
        syscalls.set_dumpable(True)  # another user's process is not
        syscalls.load_filter(bytes.fromhex(self._config["filter"]))

    def _become_user(self) -> None:
        uid, gid = self._request["uid"], self._request["gid"]
        if uid is not None:
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)

    def _signal_all(self, number: int) -> None:
        seen: set[int] = set()
        while not self._signalled_at_once(number):
            new = [pid for pid in _descendants(os.getpid()) if pid not in seen]
            if not new:
                return
            for pid in new:
                _signal(pid, number)
            seen.update(new)

    def _signalled_at_once(self, number: int) -> bool:
        """Have the kernel signal all processes of the sandbox's user, if it has one to itself."""
        if self._request["uid"] is None:
            return False
        try:
            self._as_user(lambda: os.kill(-1, number))
        except BlockingIOError:
            return False  # it has so many that there is no place for one more
        return True

    def _kill_all(self) -> None:
        rounds = 0
        while True:
            if not self._signalled_at_once(signal.SIGKILL):
                for pid in _descendants(os.getpid()):
                    _signal(pid, signal.SIGKILL)
            if not self._reap(os.WNOHANG, report=False):
                return
            # Whoever forks quickly is followed at once; whoever only takes its time to end is waited for.
            rounds += 1
            if rounds > _EAGER_ROUNDS:
                time.sleep(0.001)

    def _limit_program(self, limits: list[list[int]]) -> None:
        if self._request["uid"] is None:
            super()._limit_program(limits)
        else:
            self._as_user(lambda: agent.Agent._limit_program(self, limits))

    def _end(self) -> NoReturn:
        self._kill_all()
        os._exit(0)

    def _as_user(self, deed: Callable[[], None]) -> None:
        """Do it in a process of the program's user. What it does to all of that user's, it does not do to itself."""
        pid = os.fork()
        if pid == 0:
            try:
                self._become_user()
                deed()
            except OSError:
                pass  # there is nobody
            finally:
                os._exit(0)
        os.waitpid(pid, 0)


def _descendants(pid: int) -> Iterator[int]:
    """The children of a process, theirs, and so on, as far as they can be seen while they come and go."""
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        try:
            threads = os.listdir("/proc/%d/task" % parent)
        except OSError:
            continue
        for thread in threads:
            children = _children(parent, thread)
            waiting += children
            yield from children


def _children(pid: int, thread: str) -> list[int]:
    try:
        fd = os.open("/proc/%d/task/%s/children" % (pid, thread), os.O_RDONLY)
    except OSError:
        return []
    try:
        text = b""
        while True:
            part = os.read(fd, 1 << 16)
            if not part:
                return [int(each) for each in text.split()]
            text += part
    except OSError:
        return []
    finally:
        os.close(fd)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        pass  # it is gone
