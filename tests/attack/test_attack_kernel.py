"""Hostile native code asks the kernel for more than it has: mounts, namespaces, rights, machinery with a history."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

pytestmark = pytest.mark.root

SWITCHES = ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sysrq-trigger")
RIGHTS = ("capabilities", "filter", "user")


@pytest.mark.protected_by("filter")
@pytest.mark.parametrize(
    "attack",
    [
        *("unshare", "clone", "clone3"),
        *("userfaultfd", "perf", "io_uring", "add_key", "personality"),
        pytest.param("i386", marks=pytest.mark.skipif(platform.machine() != "x86_64", reason="a face of x86-64")),
        *("uevent_socket", "vsock"),
    ],
)
def test_what_any_user_may_ask_for_is_refused(lab, attack):
    lab.judge(lab.native(attack))


@pytest.mark.protected_by(*RIGHTS)
@pytest.mark.parametrize(
    "attack",
    [
        *("mount", "fsopen", "open_tree", "setns", "chroot"),
        *("bpf", "open_by_handle", "raw_socket", "packet_socket"),
    ],
)
def test_what_root_may_ask_for_is_refused_by_the_filter_and_for_want_of_rights(lab, attack):
    lab.judge(lab.native(attack))


@pytest.mark.protected_by("filter", "own_keyring")
def test_the_keys_of_the_servers_session_cannot_be_read(lab):
    lab.judge(lab.native("find_key"))


@pytest.mark.protected_by("capabilities", "nodev", "user")
def test_a_device_of_ones_own_making_cannot_be_had(lab):
    lab.judge(lab.native("device"))


# No filter can be loaded without no_new_privileges, so it goes too.
@pytest.mark.protected_by("filter", "no_new_privileges", "nosuid", "permission_bits")
def test_a_set_uid_program_in_the_package_gives_nothing(lab):
    lab.judge(lab.native("become_root"))


@pytest.mark.protected_by("user")
@pytest.mark.parametrize("path", [*SWITCHES, "/proc/sys/vm/drop_caches"])
def test_the_switches_of_the_kernel_cannot_be_turned(lab, path):
    if not Path(path).exists():
        pytest.skip("this kernel does not have it")
    lab.judge(lab.native("open_to_write", text=path))


@pytest.mark.protected_by("capabilities", "filter", "user")
@pytest.mark.parametrize("path", ["/proc/kcore", "/proc/kmsg", "/proc/1/mem"])
def test_the_memory_of_the_kernel_and_of_the_first_process_cannot_be_read(lab, path):
    if not Path(path).exists():
        pytest.skip("this kernel does not have it")
    lab.judge(lab.native("open_to_read", text=path))


# The filter stands behind the missing terminal: with the host's /dev/pts there would be one.
@pytest.mark.protected_by("filter", "minimal_root")
def test_nothing_can_be_typed_into_a_terminal(lab):
    lab.judge(lab.native("tiocsti"))
