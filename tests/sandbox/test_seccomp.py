"""The system-call filter, run by a small interpreter of BPF."""

from __future__ import annotations

import errno
import struct

import pytest

from lambent.sandbox.namespaces.seccomp import (
    ABSENT,
    MACHINES,
    REFUSED,
    REFUSED_BESIDE_THE_HOST,
    filter_beside_the_host,
    sandbox_filter,
)

ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
NAMESPACES = [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]
THREAD = 0x3D0F00
"""The clone flags of a thread."""
FORK = 0x1200011
"""The clone flags of fork(2): with SIGCHLD."""


def run(machine: str, number: int, *arguments: int, audit: int | None = None, code: bytes | None = None) -> int:
    """What the filter of `machine`, or the one in `code`, answers to a call."""
    program = [struct.unpack("=HBBI", line) for line in chunks(code or sandbox_filter(machine), 8)]
    words = [number, MACHINES[machine].audit if audit is None else audit, 0, 0]
    for argument in (*arguments, *[0] * (6 - len(arguments))):
        words += [argument & 0xFFFFFFFF, argument >> 32]
    at = accumulator = 0
    for _ in range(len(program)):
        operation, if_true, if_false, value = program[at]
        at += 1
        if operation == 0x06:
            return value
        if operation == 0x20:
            accumulator = words[value // 4]
        elif operation == 0x05:
            at += value
        elif operation == 0x54:
            accumulator &= value
        else:
            test = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[operation]
            at += if_true if test else if_false
    raise AssertionError("the program ran past its end")


def chunks(data: bytes, size: int) -> list[bytes]:
    assert len(data) % size == 0
    return [data[at : at + size] for at in range(0, len(data), size)]


def refused(number: int) -> int:
    return ERRNO | number


@pytest.fixture(params=sorted(MACHINES))
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def number(machine: str, name: str) -> int:
    return MACHINES[machine].numbers[name]


def test_every_path_through_the_filter_ends_within_its_program(machine):
    for call in range(500):
        for argument in (0, 1, 2, 16, 17, 0xFFFFFFFF):
            run(machine, call, argument, argument, argument)


def test_the_filter_is_within_the_kernels_limit(machine):
    assert len(sandbox_filter(machine)) // 8 < 4096


def test_ordinary_calls_pass(machine):
    ordinary = {"x86_64": (0, 1, 9, 57, 59, 61, 202, 257), "aarch64": (63, 64, 222, 221, 260, 98, 56)}[machine]
    for call in ordinary:
        assert run(machine, call) == ALLOW


def test_what_is_refused_answers_eperm_and_what_is_absent_enosys(machine):
    numbers = MACHINES[machine].numbers
    for name in REFUSED:
        if name in numbers:
            assert run(machine, numbers[name]) == refused(errno.EPERM), name
    for name in ABSENT:
        if name in numbers:
            assert run(machine, numbers[name]) == refused(errno.ENOSYS), name


def test_every_name_of_the_lists_has_a_number_on_x86_64_and_the_modern_ones_on_aarch64():
    assert {*REFUSED, *REFUSED_BESIDE_THE_HOST, *ABSENT} - MACHINES["x86_64"].numbers.keys() == set()
    only_old = {"iopl", "ioperm", "modify_ldt", "uselib", "ustat", "sysfs", "_sysctl", "create_module"}
    only_old |= {"get_kernel_syms", "query_module", "vserver"}
    assert {*REFUSED, *REFUSED_BESIDE_THE_HOST, *ABSENT} - MACHINES["aarch64"].numbers.keys() == only_old


def test_no_two_names_share_a_number(machine):
    numbers = MACHINES[machine].numbers
    assert len(set(numbers.values())) == len(numbers)


def test_calls_newer_than_the_table_do_not_exist(machine):
    assert run(machine, 462) == ALLOW
    assert run(machine, 463) == refused(errno.ENOSYS)
    assert run(machine, 4000) == refused(errno.ENOSYS)


def test_a_foreign_abi_ends_the_process(machine):
    other = next(each.audit for name, each in MACHINES.items() if name != machine)
    for audit in (other, 0x40000003, 0x40000028):  # the last two: i386 and arm
        assert run(machine, 1, audit=audit) == KILL


def test_x32_ends_the_process():
    assert run("x86_64", 0x40000000 | 1) == KILL


def test_threads_and_forks_pass_but_no_new_namespace(machine):
    clone = number(machine, "clone")
    assert run(machine, clone, THREAD) == ALLOW
    assert run(machine, clone, FORK) == ALLOW
    for flag in NAMESPACES:
        assert run(machine, clone, FORK | flag) == refused(errno.EPERM)
        assert run(machine, clone, THREAD | flag) == refused(errno.EPERM)


@pytest.mark.parametrize(
    ("family", "protocol", "answer"),
    [
        (1, 0, ALLOW),
        (2, 6, ALLOW),
        (10, 17, ALLOW),
        (16, 0, ALLOW),
        (16, 12, refused(errno.EAFNOSUPPORT)),
        (17, 3, refused(errno.EAFNOSUPPORT)),
        (38, 0, refused(errno.EAFNOSUPPORT)),
        (40, 0, refused(errno.EAFNOSUPPORT)),
        (0, 0, refused(errno.EAFNOSUPPORT)),
    ],
)
def test_only_ordinary_socket_families_pass(machine, family, protocol, answer):
    assert run(machine, number(machine, "socket"), family, 1, protocol) == answer


def test_a_pipe_cannot_be_enlarged_and_other_fcntls_pass(machine):
    fcntl = number(machine, "fcntl")
    assert run(machine, fcntl, 1, 1031, 1 << 20) == refused(errno.EPERM)
    assert run(machine, fcntl, 1, 1032) == ALLOW
    assert run(machine, fcntl, 1031, 2) == ALLOW


def test_typing_into_a_terminal_is_refused_and_other_ioctls_pass(machine):
    ioctl = number(machine, "ioctl")
    assert run(machine, ioctl, 0, 0x5412) == refused(errno.EPERM)
    assert run(machine, ioctl, 0, 0x541C) == refused(errno.EPERM)
    assert run(machine, ioctl, 0, 0x5413) == ALLOW
    # The kernel reads the low half only, and so must the filter.
    assert run(machine, ioctl, 0, 0x1_0000_5412) == refused(errno.EPERM)


def test_the_personality_can_be_asked_but_not_changed(machine):
    personality = number(machine, "personality")
    assert run(machine, personality, 0xFFFFFFFF) == ALLOW
    assert run(machine, personality, 0) == ALLOW
    assert run(machine, personality, 0x0040000) == refused(errno.EPERM)


def test_a_machine_without_a_table_is_an_error():
    with pytest.raises(KeyError):
        sandbox_filter("riscv64")


# ---- beside the host ---------------------------------------------------------------------------------------------

TCP, UDP, MPTCP, SCTP = 6, 17, 262, 132
STREAM, DATAGRAM, SEQPACKET, NONBLOCK_CLOEXEC = 1, 2, 5, 0x80800


def beside(machine: str, name: str, *arguments: int, can_truncate: bool = True) -> int:
    """What the filter for the host's own namespaces answers to a call."""
    code = filter_beside_the_host(machine, can_truncate=can_truncate)
    return run(machine, number(machine, name), *arguments, code=code)


def test_beside_the_host_all_that_is_refused_elsewhere_is_refused_and_the_hosts_ipc(machine):
    for name in (*REFUSED, *REFUSED_BESIDE_THE_HOST):
        if name in MACHINES[machine].numbers:
            assert beside(machine, name) == refused(errno.EPERM), name
    assert beside(machine, "clone", FORK) == ALLOW
    assert beside(machine, "clone", FORK | NAMESPACES[0]) == refused(errno.EPERM)


@pytest.mark.parametrize(
    ("family", "kind", "protocol", "answer"),
    [
        (2, STREAM, 0, ALLOW),
        (10, STREAM | NONBLOCK_CLOEXEC, TCP, ALLOW),
        (2, STREAM, MPTCP, refused(errno.EACCES)),
        (2, STREAM, SCTP, refused(errno.EACCES)),
        (2, DATAGRAM, 0, refused(errno.EACCES)),
        (10, DATAGRAM | NONBLOCK_CLOEXEC, UDP, refused(errno.EACCES)),
        (2, SEQPACKET, SCTP, refused(errno.EACCES)),
        (2, 3, 1, refused(errno.EACCES)),
        (1, STREAM, 0, refused(errno.EAFNOSUPPORT)),
        (1, DATAGRAM, 0, refused(errno.EAFNOSUPPORT)),
        (16, 3, 0, ALLOW),
        (16, 3, 4, refused(errno.EAFNOSUPPORT)),
        (43, STREAM, 0, refused(errno.EAFNOSUPPORT)),
    ],
)
def test_beside_the_host_only_what_landlock_confines_can_be_connected(machine, family, kind, protocol, answer):
    assert beside(machine, "socket", family, kind, protocol) == answer


def test_beside_the_host_pairs_are_streams(machine):
    assert beside(machine, "socketpair", 1, STREAM | NONBLOCK_CLOEXEC) == ALLOW
    assert beside(machine, "socketpair", 1, SEQPACKET) == ALLOW
    assert beside(machine, "socketpair", 1, DATAGRAM) == refused(errno.EPERM)


@pytest.mark.parametrize(("name", "before"), [("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)])
def test_beside_the_host_nothing_is_connected_by_sending(machine, name, before):
    assert beside(machine, name, *[0x20000000] * before, 0x4000) == ALLOW
    assert beside(machine, name, *[0] * before, 0x20004000) == refused(errno.EOPNOTSUPP)


def test_beside_the_host_limits_are_ones_own(machine):
    assert beside(machine, "prlimit64", 0, 7) == ALLOW
    assert beside(machine, "prlimit64", 1234, 7) == refused(errno.EPERM)


def test_what_an_old_landlock_does_not_confine_is_refused(machine):
    assert beside(machine, "truncate", can_truncate=True) == ALLOW
    assert beside(machine, "truncate", can_truncate=False) == refused(errno.EPERM)
