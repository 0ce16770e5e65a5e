"""What Landlock leaves to a program: kernel's version + what it needs → rights per path and port. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE, MAKE_CHAR, MAKE_DIR, MAKE_REG = 1 << 4, 1 << 5, 1 << 6, 1 << 7, 1 << 8
MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = 1 << 9, 1 << 10, 1 << 11, 1 << 12
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
BIND_TCP, CONNECT_TCP = 1, 2
ABSTRACT_SOCKETS, SIGNALS = 1, 2

OLDEST_WITH_REFER, OLDEST_WITH_TRUNCATE, OLDEST_WITH_TCP, OLDEST_WITH_IOCTL, OLDEST_WITH_SCOPES = 2, 3, 4, 5, 6

READ = READ_FILE | READ_DIR | EXECUTE
LOOK = READ_FILE | READ_DIR
WRITE = READ | WRITE_FILE | TRUNCATE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_FIFO | MAKE_SYM | REFER
"""Everything but devices, and sockets that are files: those could not be used."""
DEVICE = READ_FILE | WRITE_FILE | IOCTL_DEV

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
OPEN_ETC = ("/etc/group", "/etc/host.conf", "/etc/hosts", "/etc/localtime", "/etc/nsswitch.conf", "/etc/passwd")
"""What of /etc a program needs beside the lists that are the same everywhere: here it is the host's own."""
KERNEL = ("/proc", "/sys/devices/system/cpu", "/sys/kernel/mm/transparent_hugepage")
"""What interpreters ask of the machine. Landlock keeps what /proc knows of processes outside the fence closed, but for
their names and arguments."""


def all_rights(version: int) -> tuple[int, ...]:
    """Everything that Landlock `version` can take away: of files, and as far as it goes of TCP and of scopes."""
    files = (1 << 13) - 1
    for oldest, right in ((OLDEST_WITH_REFER, REFER), (OLDEST_WITH_TRUNCATE, TRUNCATE), (OLDEST_WITH_IOCTL, IOCTL_DEV)):
        files |= right if version >= oldest else 0
    if version >= OLDEST_WITH_SCOPES:
        return files, BIND_TCP | CONNECT_TCP, ABSTRACT_SOCKETS | SIGNALS
    return (files, BIND_TCP | CONNECT_TCP) if version >= OLDEST_WITH_TCP else (files,)


def fence(version: int, rights: Mapping[str, int], ports: Iterable[int]) -> dict[str, object]:
    """The arguments of syscalls.landlock: `rights` to paths, connections to `ports`, and nothing else."""
    handled = all_rights(version)
    beneath = [[right & handled[0], path] for path, right in rights.items()]
    allowed = [[CONNECT_TCP, port] for port in ports] if len(handled) > 1 else []
    return {"handled": list(handled), "beneath": beneath, "ports": allowed}


def lacks(version: int, *, own_users: bool) -> list[str]:
    """A sentence for each thing that this version cannot keep a program from."""
    sentences = []
    if version < OLDEST_WITH_TCP:
        sentences.append(
            f"Landlock {version} does not confine TCP (Linux 6.7 does): a function can connect to whatever the server "
            "can, other functions' Runtime API included."
        )
    if version < OLDEST_WITH_SCOPES and not own_users:
        sentences.append(
            f"Landlock {version} does not confine signals (Linux 6.12 does): a function can end other processes of the "
            "server's user, the server included."
        )
    return sentences
