"""The system-call filter of every sandbox, as the bytes of a BPF program. Pure.

A deny list: what needs rights the program does not have anyway is refused here once more, before the kernel's own
code for it runs. Calls newer than this table do not exist for the program (ENOSYS, so that libraries fall back).
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Mapping, Sequence

from lambent.values import frozen

_LD_W_ABS, _JA, _JEQ, _JGE, _JSET, _AND, _RET = 0x20, 0x05, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NR, _ARCH, _ARGUMENTS = 0, 4, 16

_NEWEST = 462
"""mseal, Linux 6.10; from 424 on all architectures number alike."""

_NAMESPACE_FLAGS = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
_AF_UNIX, _AF_INET, _AF_INET6 = 1, 2, 10
_SOCKET_FAMILIES = (_AF_UNIX, _AF_INET, _AF_INET6)
"""Not AF_VSOCK, which no network namespace confines."""
_AF_NETLINK, _NETLINK_ROUTE = 16, 0
_IOCTL_STUFFING_A_TERMINAL = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX type into a terminal."""
_FCNTL_ENLARGING_A_PIPE = (1031,)
"""F_SETPIPE_SZ: what a sandbox's pipe holds is all that its reader may have to take in at once."""
_PERSONALITY_QUERIES = (0, 0xFFFFFFFF)

REFUSED = (
    # mounts and namespaces
    *("mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick"),
    *("mount_setattr", "unshare", "setns"),
    # the machine
    *("reboot", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "swapon", "swapoff"),
    *("acct", "quotactl", "quotactl_fd", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "iopl"),
    *("ioperm", "vhangup", "syslog", "sethostname", "setdomainname"),
    # other processes
    *("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "process_madvise", "kcmp", "move_pages"),
    "migrate_pages",
    # kernel machinery with a large or troubled surface
    *("bpf", "perf_event_open", "userfaultfd", "add_key", "request_key", "keyctl", "fanotify_init", "fanotify_mark"),
    *("open_by_handle_at", "name_to_handle_at", "lookup_dcookie", "modify_ldt"),
)
"""Answered with EPERM."""

ABSENT = (
    *("clone3", "io_uring_setup", "io_uring_enter", "io_uring_register", "statmount", "listmount", "uselib", "ustat"),
    *("sysfs", "_sysctl", "nfsservctl", "create_module", "get_kernel_syms", "query_module", "vserver"),
    *("lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules"),
)
"""Answered with ENOSYS, so that libraries take another way. clone3 hides its flags from a filter."""

REFUSED_BESIDE_THE_HOST = (
    *("shmget", "shmat", "shmctl", "semget", "semop", "semtimedop", "semctl"),
    *("msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink"),
    "listen",
)
"""Answered with EPERM where the host's own IPC and network namespaces are all there is. A socket that listens without
having been bound gets a port that Landlock was not asked about."""

_TCP, _SOCK_STREAM, _SOCK_SEQPACKET, _SOCK_KIND = 6, 1, 5, 0xF
_MSG_FASTOPEN = 0x20000000

_COMMON = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428, "move_mount": 429,
    "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "clone3": 435, "pidfd_getfd": 438,
    "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443, "statmount": 457, "listmount": 458,
    "lsm_get_self_attr": 459, "lsm_set_self_attr": 460, "lsm_list_modules": 461,
}  # fmt: skip

_X86_64 = {
    "ioctl": 16, "socket": 41, "clone": 56, "fcntl": 72, "ptrace": 101, "syslog": 103, "uselib": 134,
    "personality": 135, "ustat": 136, "sysfs": 139, "vhangup": 153, "modify_ldt": 154, "pivot_root": 155,
    "_sysctl": 156, "adjtimex": 159, "chroot": 161, "acct": 163, "settimeofday": 164, "mount": 165, "umount2": 166,
    "swapon": 167, "swapoff": 168, "reboot": 169, "sethostname": 170, "setdomainname": 171, "iopl": 172, "ioperm": 173,
    "create_module": 174, "init_module": 175, "delete_module": 176, "get_kernel_syms": 177, "query_module": 178,
    "quotactl": 179, "nfsservctl": 180, "lookup_dcookie": 212, "clock_settime": 227, "vserver": 236, "kexec_load": 246,
    "add_key": 248, "request_key": 249, "keyctl": 250, "migrate_pages": 256, "unshare": 272, "move_pages": 279,
    "perf_event_open": 298, "fanotify_init": 300, "fanotify_mark": 301, "name_to_handle_at": 303,
    "open_by_handle_at": 304, "clock_adjtime": 305, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311,
    "kcmp": 312, "finit_module": 313, "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323, "shmget": 29,
    "shmat": 30, "shmctl": 31, "sendto": 44, "sendmsg": 46, "listen": 50, "socketpair": 53, "semget": 64, "semop": 65,
    "semctl": 66, "msgget": 68, "msgsnd": 69, "msgrcv": 70, "msgctl": 71, "truncate": 76, "semtimedop": 220,
    "mq_open": 240, "mq_unlink": 241, "prlimit64": 302, "sendmmsg": 307,
}  # fmt: skip

_AARCH64 = {
    "lookup_dcookie": 18, "fcntl": 25, "ioctl": 29, "umount2": 39, "mount": 40, "pivot_root": 41, "nfsservctl": 42,
    "chroot": 51, "vhangup": 58, "quotactl": 60, "acct": 89, "personality": 92, "unshare": 97, "kexec_load": 104,
    "init_module": 105, "delete_module": 106, "clock_settime": 112, "syslog": 116, "ptrace": 117, "reboot": 142,
    "sethostname": 161, "setdomainname": 162, "settimeofday": 170, "adjtimex": 171, "socket": 198, "add_key": 217,
    "request_key": 218, "keyctl": 219, "clone": 220, "swapon": 224, "swapoff": 225, "migrate_pages": 238,
    "move_pages": 239, "perf_event_open": 241, "fanotify_init": 262, "fanotify_mark": 263, "name_to_handle_at": 264,
    "open_by_handle_at": 265, "clock_adjtime": 266, "setns": 268, "process_vm_readv": 270, "process_vm_writev": 271,
    "kcmp": 272, "finit_module": 273, "bpf": 280, "userfaultfd": 282, "kexec_file_load": 294, "truncate": 45,
    "mq_open": 180, "mq_unlink": 181, "msgget": 186, "msgctl": 187, "msgrcv": 188, "msgsnd": 189, "semget": 190,
    "semctl": 191, "semtimedop": 192, "semop": 193, "shmget": 194, "shmctl": 195, "shmat": 196, "socketpair": 199,
    "listen": 201, "sendto": 206, "sendmsg": 211, "prlimit64": 261, "sendmmsg": 269,
}  # fmt: skip


@frozen
class Machine:
    """What a filter must know of a processor: its audit number, its table, the first number of a foreign ABI."""

    audit: int
    numbers: Mapping[str, int]
    foreign_from: int | None


MACHINES: Mapping[str, Machine] = {
    # x32 programs share x86-64's audit number and set this bit in theirs.
    "x86_64": Machine(0xC000003E, {**_COMMON, **_X86_64}, 0x40000000),
    "aarch64": Machine(0xC00000B7, {**_COMMON, **_AARCH64}, None),
}


def sandbox_filter(machine: str) -> bytes:
    """The filter for `machine` (as `platform.machine()` names it). Raises KeyError for one without a table."""
    return _filter(MACHINES[machine], REFUSED, _if(MACHINES[machine].numbers["socket"], _socket_rules()))


def filter_beside_the_host(machine: str, *, can_truncate: bool) -> bytes:
    """The filter for a program that shares the host's namespaces, where Landlock is the only other wall.

    It closes what Landlock leaves open: sockets that are neither TCP nor a pair, connecting by sending, the host's
    shared memory, other processes' limits; and with `can_truncate` false (Landlock before version 3) truncate.
    """
    numbers = MACHINES[machine].numbers
    rules = _if(numbers["socket"], _tcp_rules())
    rules += _if(numbers["socketpair"], _pair_rules())
    for name, flags in (("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)):
        rules += _if(numbers[name], _unless_flag(flags, _MSG_FASTOPEN, errno.EOPNOTSUPP))
    rules += _if(numbers["prlimit64"], _own_limits_rules())
    truncating = () if can_truncate else ("truncate",)
    return _filter(MACHINES[machine], (*REFUSED, *REFUSED_BESIDE_THE_HOST, *truncating), rules)


def _filter(about: Machine, refused: Sequence[str], rules: Sequence[bytes]) -> bytes:
    numbers = about.numbers
    lines = [_load(_ARCH), _jump(_JEQ, about.audit, 1, 0), _return(_KILL_PROCESS), _load(_NR)]
    if about.foreign_from is not None:
        lines += [_jump(_JGE, about.foreign_from, 0, 1), _return(_KILL_PROCESS)]
    lines += [_jump(_JGE, _NEWEST + 1, 0, 1), _return(_ERRNO | errno.ENOSYS)]
    lines += _if_any([numbers[n] for n in refused if n in numbers], _ERRNO | errno.EPERM)
    lines += _if_any([numbers[n] for n in ABSENT if n in numbers], _ERRNO | errno.ENOSYS)
    lines += _if(numbers["clone"], _clone_rules())
    lines += _if(numbers["ioctl"], _second_argument_is_not(_IOCTL_STUFFING_A_TERMINAL))
    lines += _if(numbers["fcntl"], _second_argument_is_not(_FCNTL_ENLARGING_A_PIPE))
    lines += _if(numbers["personality"], _personality_rules())
    lines += rules
    return b"".join([*lines, _return(_ALLOW)])


def _clone_rules() -> list[bytes]:
    return _unless_flag(0, _NAMESPACE_FLAGS, errno.EPERM)


def _unless_flag(argument: int, flags: int, error: int) -> list[bytes]:
    """Refuse a call that sets any of `flags` in the argument."""
    return [_load(_argument(argument)), _jump(_JSET, flags, 0, 1), _return(_ERRNO | error), _return(_ALLOW)]


def _second_argument_is_not(values: Sequence[int]) -> list[bytes]:
    return [_load(_argument(1)), *_if_any(values, _ERRNO | errno.EPERM), _return(_ALLOW)]


def _personality_rules() -> list[bytes]:
    return [_load(_argument(0)), *_if_any(_PERSONALITY_QUERIES, _ALLOW), _return(_ERRNO | errno.EPERM)]


def _socket_rules() -> list[bytes]:
    return [
        _load(_argument(0)),
        *_if_any(_SOCKET_FAMILIES, _ALLOW),
        *_if(_AF_NETLINK, _route_rules()),
        _return(_ERRNO | errno.EAFNOSUPPORT),
    ]


def _route_rules() -> list[bytes]:
    # getaddrinfo and getifaddrs ask the kernel for addresses over NETLINK_ROUTE; no other netlink is for them.
    return [_load(_argument(2)), *_if_any([_NETLINK_ROUTE], _ALLOW), _return(_ERRNO | errno.EAFNOSUPPORT)]


def _tcp_rules() -> list[bytes]:
    # Landlock confines TCP alone: not UDP, not MPTCP or SCTP, not sockets that are files.
    tcp = [
        _load(_argument(1)),
        _and(_SOCK_KIND),
        *_if(_SOCK_STREAM, [_load(_argument(2)), *_if_any([0, _TCP], _ALLOW), _return(_ERRNO | errno.EACCES)]),
        _return(_ERRNO | errno.EACCES),
    ]
    return [
        _load(_argument(0)),
        *_if(_AF_INET, tcp),
        *_if(_AF_INET6, tcp),
        *_if(_AF_NETLINK, _route_rules()),
        _return(_ERRNO | errno.EAFNOSUPPORT),
    ]


def _pair_rules() -> list[bytes]:
    # A datagram socket of a pair can still be connected to any socket that is a file.
    kinds = _if_any([_SOCK_STREAM, _SOCK_SEQPACKET], _ALLOW)
    return [_load(_argument(1)), _and(_SOCK_KIND), *kinds, _return(_ERRNO | errno.EPERM)]


def _own_limits_rules() -> list[bytes]:
    return [_load(_argument(0)), *_if_any([0], _ALLOW), _return(_ERRNO | errno.EPERM)]


def _if(value: int, block: Sequence[bytes]) -> list[bytes]:
    """Run `block`, which ends in a return, when the accumulator is `value`."""
    return [_jump(_JEQ, value, 0, len(block)), *block]


def _if_any(values: Sequence[int], answer: int) -> list[bytes]:
    """Return `answer` when the accumulator is one of `values`."""
    tests = [_jump(_JEQ, value, len(values) - i, 0) for i, value in enumerate(values)]
    return [*tests, _jump(_JA, 1, 0, 0), _return(answer)]


def _argument(index: int) -> int:
    """Where the low half of an argument lies; the kernel reads only that half of the arguments looked at here."""
    return _ARGUMENTS + 8 * index


def _load(offset: int) -> bytes:
    return struct.pack("=HBBI", _LD_W_ABS, 0, 0, offset)


def _and(mask: int) -> bytes:
    return struct.pack("=HBBI", _AND, 0, 0, mask)


def _jump(test: int, value: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("=HBBI", test, if_true, if_false, value)


def _return(answer: int) -> bytes:
    return struct.pack("=HBBI", _RET, 0, 0, answer)
