"""The Linux system calls that Python's standard library lacks, and messages with descriptors over a socket.

Runs in the launcher, in every zygote, and for disks.py in the server: standard library only, on Python 3.8 and later.
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import json
import mmap
import os
import socket
import stat
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

NEWNS = 0x00020000
NEWCGROUP = 0x02000000
NEWUTS = 0x04000000
NEWIPC = 0x08000000
NEWUSER = 0x10000000
NEWPID = 0x20000000
NEWNET = 0x40000000
PARENT = 0x8000
"""For `clone`: the child is a child of the caller's parent."""

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_REC = 16384
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19

ATTR_RDONLY = 1
ATTR_NOSUID = 2
ATTR_NODEV = 4
ATTR_NOEXEC = 8

MAX_MESSAGE = 128 * 1024
MAX_DESCRIPTORS = 32

_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_AT_RECURSIVE = 0x8000
_OPEN_TREE_CLONE = 1
_OPEN_TREE_CLOEXEC = 0o2000000
_MOVE_FROM_EMPTY_PATH = 4
_FS_CLOEXEC = 1
_FS_SET_FLAG, _FS_SET_STRING, _FS_CREATE = 0, 1, 6
_MNT_DETACH = 2
_THREAD, _SIGHAND, _VM = 0x10000, 0x800, 0x100
_SIGCHLD = 17
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NAME = 15
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_CAP_VERSION_3 = 0x20080522
_SECCOMP_SET_MODE_FILTER = 1
_KEYCTL_JOIN_SESSION_KEYRING = 1
_SIOCSIFFLAGS = 0x8914
_IFF_UP_RUNNING = 0x41
_HUGE, _MADV_COLLAPSE = 2 * 1024 * 1024, 25
_MAP_FAILED = ctypes.c_void_p(-1).value

# Calls with a number of 424 and above have the same one everywhere; these do not.
_CLONE, _PIVOT_ROOT, _CAPGET, _CAPSET, _SECCOMP, _KEYCTL = {
    "x86_64": (56, 155, 125, 126, 317, 250),
    "aarch64": (220, 41, 90, 91, 277, 219),
}.get(os.uname().machine, (-1, -1, -1, -1, -1, -1))
_OPEN_TREE, _MOVE_MOUNT, _FSOPEN, _FSCONFIG, _FSMOUNT, _MOUNT_SETATTR = 428, 429, 430, 431, 432, 442
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RULESET_VERSION = 1
_BENEATH, _NET_PORT = 1, 2
_RIGHTS_ON_FILES = 1 | 2 | 4 | 1 << 14 | 1 << 15
"""Landlock's rights to execute, write, read, truncate and ioctl: a rule for a file may have no others."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
# Keeps the interpreter's lock: a clone must not come back in the middle of another thread's turn.
_libc_locked = ctypes.PyDLL(None, use_errno=True)


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, "{}: {}".format(what, os.strerror(number)))
    return result


def unshare(flags: int) -> None:
    """Give the caller namespaces of its own."""
    _check(_libc.unshare(flags), "unshare")


def setns(fd: int, kind: int) -> None:
    """Enter the namespace behind `fd`."""
    _check(_libc.setns(fd, kind), "setns")


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    result = _libc.mount(
        source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode() or None
    )
    _check(result, "mount " + target)


def detach(target: str) -> None:
    """Unmount now for everybody to come; who still uses it may go on."""
    _check(_libc.umount2(target.encode(), _MNT_DETACH), "umount " + target)


def enter_root(path: str) -> None:
    """Make `path`, a mount, the root of the caller's mount namespace, and drop the old root."""
    os.chdir(path)
    # Both arguments the same: the old root lands on top of the new one and is detached from there.
    _check(_libc.syscall(_PIVOT_ROOT, b".", b"."), "pivot_root")
    detach(".")
    os.chdir("/")


def clone_tree(path: str) -> int:
    """A descriptor of a detached copy of the mount tree at `path`."""
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | _AT_RECURSIVE
    return _check(_libc.syscall(_OPEN_TREE, _AT_FDCWD, path.encode(), flags), "open_tree " + path)


def restrict_tree(fd: int, attributes: int) -> None:
    """Set mount attributes (ATTR_…) on a detached tree and all below it."""
    _set_attributes(fd, b"", _AT_EMPTY_PATH | _AT_RECURSIVE, attributes)


def restrict_mount(path: str, attributes: int) -> None:
    """Set mount attributes (ATTR_…) on the one mount at `path`."""
    _set_attributes(_AT_FDCWD, path.encode(), 0, attributes)


def _set_attributes(fd: int, path: bytes, flags: int, attributes: int) -> None:
    request = struct.pack("QQQQ", attributes, 0, 0, 0)
    _check(_libc.syscall(_MOUNT_SETATTR, fd, path, flags, request, len(request)), "mount_setattr")


def attach_tree(fd: int, path: str) -> None:
    """Mount a detached tree at `path`."""
    result = _libc.syscall(_MOVE_MOUNT, fd, b"", _AT_FDCWD, path.encode(), _MOVE_FROM_EMPTY_PATH)
    _check(result, "move_mount " + path)


def new_mount(kind: str, source: str, options: Sequence[str], attributes: int) -> int:
    """A descriptor of a new mount, attached nowhere; if it still is when the descriptor is closed, it is unmounted."""
    context = _check(_libc.syscall(_FSOPEN, kind.encode(), _FS_CLOEXEC), "fsopen " + kind)
    try:
        _configure(context, _FS_SET_STRING, b"source", source.encode())
        for option in options:
            key, _, value = option.partition("=")
            _configure(context, _FS_SET_STRING if value else _FS_SET_FLAG, key.encode(), value.encode() or None)
        _configure(context, _FS_CREATE, None, None)
        return _check(_libc.syscall(_FSMOUNT, context, _FS_CLOEXEC, attributes), "fsmount " + source)
    finally:
        os.close(context)


def _configure(context: int, command: int, key: bytes | None, value: bytes | None) -> None:
    what = "mount option " + key.decode() if key else "mount"
    _check(_libc.syscall(_FSCONFIG, context, command, key, value, 0), what)


def bind(host: str, target: str, attributes: int) -> None:
    """Show `host` at `target`, restricted from its first moment."""
    tree = clone_tree(host)
    try:
        restrict_tree(tree, attributes)
        attach_tree(tree, target)
    finally:
        os.close(tree)


def clone(flags: int) -> int:
    """fork(2) into new namespaces. Returns 0 in the child.

    The C library does not notice, so OpenSSL in the child may repeat the parent's random numbers: whatever uses
    them must be forked once more by os.fork.
    """
    ctypes.pythonapi.PyOS_BeforeFork()
    pid = int(_libc_locked.syscall(_CLONE, ctypes.c_ulong(flags | _SIGCHLD), None, None, None, None))
    number = ctypes.get_errno()
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(number, "clone: " + os.strerror(number))
    return pid


def map_file(fd: int, length: int, protection: int) -> int:
    """The address of a private mapping of a file's beginning."""
    address = _libc.mmap(None, ctypes.c_size_t(length), protection, mmap.MAP_PRIVATE, fd, ctypes.c_long(0))
    if address in (None, _MAP_FAILED):
        _check(-1, "mmap")
    return int(address)


def gather_pages(addresses: Iterable[int]) -> None:
    """Keep the memory around these addresses in pages of 2 MiB, as far as this kernel can: what forks share is then
    copied and taken down by one entry of a table instead of 512, until one of them writes there."""
    for page in {address // _HUGE for address in addresses}:
        # Best effort: older kernels do not know the request, and not every such page is all this process's memory.
        _libc.madvise(ctypes.c_void_p(page * _HUGE), ctypes.c_size_t(_HUGE), _MADV_COLLAPSE)


def require_single_thread() -> None:
    """Raise OSError when the process has a second thread, of Python or of any library: a fork would lose it."""
    _check(_libc.unshare(_THREAD | _SIGHAND | _VM), "more than one thread")


def loopback_up() -> None:
    """Bring up `lo` in the caller's network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP_RUNNING))


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send this signal when the parent ends."""
    _prctl(_PR_SET_PDEATHSIG, signal_number)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def new_keyring() -> None:
    """Leave the keys of the session that the caller came from, where the kernel has keys at all."""
    _libc.syscall(_KEYCTL, _KEYCTL_JOIN_SESSION_KEYRING, None)


def set_name(name: str) -> None:
    """The process's name as ps shows it; 15 characters."""
    _check(_libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0), "prctl name")


def set_dumpable(flag: bool) -> None:
    """Whether the process owns its own files in /proc, and processes of its user may look into it."""
    _prctl(_PR_SET_DUMPABLE, int(flag))


def drop_bounding_set() -> None:
    """Give up every capability for this process and whatever it executes."""
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) < 0:
            break  # EINVAL: past the last capability that this kernel knows
    else:
        return
    if capability < 38:  # every supported kernel knows at least these
        raise OSError("the capability bounding set cannot be dropped")


def drop_capabilities(but: int = 0) -> None:
    """Give up the ambient, effective, permitted and inheritable sets, all `but` those whose bits are set: what is had
    of the lowest 32 stays effective and permitted."""
    _libc.prctl(_PR_CAP_AMBIENT, ctypes.c_ulong(4), 0, 0, 0)
    header = struct.pack("Ii", _CAP_VERSION_3, 0)
    had = ctypes.create_string_buffer(24)
    _check(_libc.syscall(_CAPGET, header, had), "capget")
    kept = struct.unpack_from("=II", had)[1] & but
    _check(_libc.syscall(_CAPSET, header, struct.pack("=IIIIII", kept, kept, 0, 0, 0, 0)), "capset")


def no_new_privileges() -> None:
    """Make set-uid files and file capabilities mean nothing from here on."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def load_filter(program: bytes) -> None:
    """Load a seccomp filter: the bytes of an array of struct sock_filter."""
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    _check(_libc.syscall(_SECCOMP, _SECCOMP_SET_MODE_FILTER, 0, header), "seccomp")


def landlock_version() -> int:
    """What this kernel's Landlock can do; 0 where there is none, or it is switched off."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _RULESET_VERSION)))


def landlock(handled: Sequence[int], beneath: Sequence[tuple[int, str]], ports: Sequence[tuple[int, int]]) -> None:
    """Give up rights to files, TCP ports and other processes for good, but for those in the rules.

    `handled`: the rights that are given up, as many of (files, network, scopes) as the kernel knows. `beneath`: rights
    and the file or folder that they stay for; `ports`: rights and a port. Needs no_new_privileges.
    """
    attributes = struct.pack("=%dQ" % len(handled), *handled)
    ruleset = _check(
        _libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0), "landlock_create_ruleset"
    )
    try:
        for rights, path in beneath:
            _allow_beneath(ruleset, rights, path)
        for rights, port in ports:
            rule = struct.pack("=QQ", rights, port)
            _check(_libc.syscall(_ADD_RULE, ruleset, _NET_PORT, rule, 0), "landlock_add_rule %d" % port)
        _check(_libc.syscall(_RESTRICT_SELF, ruleset, 0), "landlock_restrict_self")
    finally:
        os.close(ruleset)


def _allow_beneath(ruleset: int, rights: int, path: str) -> None:
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _RIGHTS_ON_FILES
        rule = struct.pack("=Qi", rights, fd)
        _check(_libc.syscall(_ADD_RULE, ruleset, _BENEATH, rule, 0), "landlock_add_rule " + path)
    finally:
        os.close(fd)


def _prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), "prctl {}".format(option))


def send(sock: socket.socket, message: dict[str, Any], fds: Sequence[int] = ()) -> None:
    """Send one JSON message with copies of descriptors."""
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds).tobytes())] if fds else []
    sock.sendmsg([json.dumps(message).encode()], ancillary)


def receive(sock: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """The next message and its descriptors; (None, []) when the other side has closed."""
    room = socket.CMSG_LEN(MAX_DESCRIPTORS * array.array("i").itemsize)
    data, ancillary, _, _ = sock.recvmsg(MAX_MESSAGE, room, socket.MSG_CMSG_CLOEXEC)
    fds = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    return (json.loads(data) if data else None), list(fds)
