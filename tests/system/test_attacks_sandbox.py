"""What a hostile program tries from inside a sandbox, and that it comes to nothing.

At the level `rootless` all of it; at `full` what tests/attack has not, which tries with hostile functions, and without
each protection too.
"""

from __future__ import annotations

import asyncio
import errno
import os
import platform
import shutil
import signal
import socket
from pathlib import Path

import pytest

from lambent.sandbox.base import Bind, Exit
from lambent.sandbox.namespaces import seccomp

pytestmark = pytest.mark.asyncio(loop_scope="module")

at_both_levels = pytest.mark.parametrize("lab", ["full", "rootless"], indirect=True, scope="module")
rootless = pytest.mark.parametrize("lab", ["rootless"], indirect=True, scope="module")

REFUSALS = {errno.EPERM, errno.EACCES, errno.EROFS, errno.ENOENT, errno.ENOSYS, errno.EAFNOSUPPORT}

SYSCALL = """
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    def syscall(*arguments):
        value = libc.syscall(*(ctypes.c_long(each) for each in arguments))
        return (value, ctypes.get_errno() if value < 0 else 0)
    """


async def refused(guest, code: str) -> bool:
    answer = await guest.try_(code)
    assert "error" in answer, f"it worked: {answer}"
    return answer["errno"] in REFUSALS


@rootless
@pytest.mark.parametrize("path", ["/etc/shadow", "/sys", "/boot", "/home/user", "/var/log", "/var/lib", "/dev/kmsg"])
async def test_the_hosts_files_are_not_there(lab, path):
    async with lab.guest() as guest:
        assert not await guest.run(f"import os; result = os.path.exists({path!r})")


@rootless
async def test_neither_the_servers_data_nor_its_own_code_on_the_host_is_there(lab):
    async with lab.guest() as guest:
        for path in (lab.state_dir, lab.secrets, lab.secrets / "token", Path(__file__)):
            assert not await guest.run(f"import os; result = os.path.exists({str(path)!r})")


@at_both_levels
async def test_nobodys_environment_can_be_read(lab):
    async with lab.guest() as guest:
        assert await guest.run("""
            import glob
            result = [open(path, "rb").read().decode() for path in glob.glob("/proc/[0-9]*/environ")]
            """) == [""]


@at_both_levels
async def test_no_process_but_its_own_can_be_seen(lab):
    async with lab.guest(), lab.guest() as guest:
        assert await guest.run(
            "import os; result = [p for p in os.listdir('/proc') if p.isdigit()] == [str(os.getpid())]"
        )


@rootless
@pytest.mark.parametrize("name", ["environ", "mem", "maps", "fd", "ns/mnt", "root", "cwd", "exe", "cmdline"])
async def test_the_first_process_cannot_be_looked_into(lab, name):
    async with lab.guest() as guest:
        assert await refused(guest, f"import os; os.stat('/proc/1/{name}'); open('/proc/1/{name}')")


@at_both_levels
async def test_the_first_process_survives_every_signal_and_still_obeys(lab):
    async with lab.guest() as guest:
        await guest.run("""
            import os, signal
            for number in signal.valid_signals():
                os.kill(1, number)
            result = 1
            """)
        await guest.sandbox.restart()
        await guest.connect()


@rootless
async def test_processes_outside_cannot_be_signalled(lab):
    async with lab.guest() as guest:
        for pid in (os.getpid(), os.getppid(), lab.launcher().process.pid):
            assert (await guest.try_(f"import os; os.kill({pid}, 0)"))["error"] == "ProcessLookupError"
        assert (await guest.try_("import os; os.kill(-1, 9)"))["error"] == "ProcessLookupError", "it is alone"
        await guest.tell("import os; os._exit(4)")
        assert await guest.exit() == Exit(4, None, False)
        assert lab.launcher().process.poll() is None


@rootless
async def test_another_sandboxs_code_and_tmp_cannot_be_seen(lab):
    async with lab.guest((Bind(lab.secrets, "/var/task"),)) as owner, lab.guest() as guest:
        assert await owner.run("open('/tmp/mine', 'w').write('x'); result = open('/var/task/token').read()") == "secret"
        assert await guest.run("import os; result = os.listdir('/var/task') + os.listdir('/tmp')") == []


@at_both_levels
async def test_a_link_in_the_code_leads_nowhere_outside(lab, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "shadow").symlink_to("/etc/shadow")
    (tmp_path / "token").symlink_to(lab.secrets / "token")
    async with lab.guest((Bind(tmp_path, "/var/task"),)) as guest:
        for name in ("shadow", "token", "../../../../etc/shadow"):
            assert (await guest.try_(f"open('/var/task/{name}')"))["errno"] == errno.ENOENT


@at_both_levels
@pytest.mark.parametrize(
    "folder", ["/", "/usr", "/usr/bin", "/etc", "/dev", "/opt", "/var", "/var/task", "/proc", "/run"]
)
async def test_nothing_but_tmp_can_be_written(lab, folder, tmp_path):
    tmp_path.chmod(0o777)
    async with lab.guest((Bind(tmp_path, "/var/task"),)) as guest:
        assert await refused(guest, f"open({folder!r} + '/x', 'w')")
        assert await refused(guest, f"import os; os.mkdir({folder!r} + '/d')")
    assert not list(tmp_path.iterdir())


@at_both_levels
@pytest.mark.skipif(platform.machine() not in seccomp.MACHINES, reason="no table for this processor")
async def test_every_refused_system_call_is_refused(lab):
    numbers = seccomp.MACHINES[platform.machine()].numbers
    expected = dict.fromkeys(seccomp.REFUSED, errno.EPERM) | dict.fromkeys(seccomp.ABSENT, errno.ENOSYS)
    calls = {name: numbers[name] for name in expected if name in numbers}
    async with lab.guest() as guest:
        await guest.run(SYSCALL + f"import builtins; builtins.syscall = syscall; builtins.calls = {calls}; result = 1")
        got = await guest.run("result = {name: syscall(number, 0, 0, 0, 0, 0) for name, number in calls.items()}")
    assert {name: answer[1] for name, answer in got.items()} == {name: expected[name] for name in calls}


@at_both_levels
@pytest.mark.parametrize("flag", [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000])
async def test_no_new_namespace_can_be_had(lab, flag):
    number = seccomp.MACHINES[platform.machine()].numbers["clone"]
    async with lab.guest() as guest:
        assert await guest.run(SYSCALL + f"result = syscall({number}, {flag | 17}, 0, 0, 0, 0)") == [-1, errno.EPERM]
        assert await refused(guest, "import os; os.readlink('/proc/1/ns/mnt')")


@at_both_levels
async def test_a_system_call_unknown_to_the_filter_does_not_exist(lab):
    async with lab.guest() as guest:
        assert await guest.run(SYSCALL + "result = [syscall(n, 0)[1] for n in (463, 470, 600)]") == [errno.ENOSYS] * 3


@at_both_levels
@pytest.mark.skipif(platform.machine() != "x86_64", reason="x32 is a second face of x86-64")
async def test_the_x32_face_of_the_kernel_ends_the_program(lab):
    async with lab.guest() as guest:
        await guest.tell(SYSCALL + "syscall(0x40000000 | 39)")
        assert await guest.exit() == Exit(None, signal.SIGSYS, False)


@rootless
async def test_no_device_can_be_made(lab):
    async with lab.guest() as guest:
        assert await refused(guest, "import os, stat; os.mknod('/tmp/disk', 0o666 | stat.S_IFBLK, os.makedev(254, 0))")
        assert await refused(guest, "import os, stat; os.mknod('/tmp/mem', 0o666 | stat.S_IFCHR, os.makedev(1, 1))")


@at_both_levels
@pytest.mark.parametrize(
    ("family", "kind", "protocol"),
    [
        ("AF_INET", "SOCK_RAW", socket.IPPROTO_ICMP),
        ("AF_INET6", "SOCK_RAW", socket.IPPROTO_ICMPV6),
        ("AF_PACKET", "SOCK_RAW", 3),
        ("AF_VSOCK", "SOCK_STREAM", 0),
        ("AF_ALG", "SOCK_SEQPACKET", 0),
        ("AF_NETLINK", "SOCK_RAW", 12),
        ("AF_NETLINK", "SOCK_RAW", 16),
    ],
)
async def test_only_ordinary_sockets_can_be_made(lab, family, kind, protocol):
    async with lab.guest() as guest:
        assert await refused(guest, f"import socket as s; s.socket(s.{family}, s.{kind}, {protocol})")


@rootless
async def test_the_hosts_loopback_services_cannot_be_reached(lab):
    with socket.create_server(("127.0.0.1", 0)) as service, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(f"\0lambent-test-{os.getpid()}")
        abstract.listen()
        async with lab.guest() as guest:
            port = service.getsockname()[1]
            for code in (
                f"socket.create_connection(('127.0.0.1', {port}), 5)",
                f"socket.socket(socket.AF_UNIX).connect('\\0lambent-test-{os.getpid()}')",
            ):
                assert (await guest.try_("import socket; " + code))["error"] == "ConnectionRefusedError"


@at_both_levels
@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "1.1.1.1", "2606:4700:4700::1111", "fe80::1"])
async def test_there_is_no_network_but_its_own(lab, address):
    async with lab.guest() as guest:
        answer = await guest.try_(f"import socket; socket.create_connection(({address!r}, 80), 5)")
        assert answer["errno"] in {errno.ENETUNREACH, errno.EINVAL}


@at_both_levels
async def test_another_sandboxs_ports_cannot_be_reached(lab):
    async with lab.guest() as owner, lab.guest() as guest:
        await owner.run("import socket, builtins; builtins.s = socket.create_server(('', 5555)); result = 1")
        await owner.run("import socket; socket.create_connection(('127.0.0.1', 5555), 5); result = 1")
        answer = await guest.try_("import socket; socket.create_connection(('127.0.0.1', 5555), 5)")
        assert answer["error"] == "ConnectionRefusedError"


@rootless
async def test_a_fork_bomb_hits_its_limit_and_nobody_else(lab):
    async with lab.guest(processes=100) as guest, lab.guest() as other:
        made = await guest.run("""
            import os, signal
            result = 0
            try:
                while True:
                    if os.fork() == 0:
                        signal.pause()
                    result += 1
            except BlockingIOError:
                pass
            """)
        assert made == 99, "with the program itself a hundred"
        assert await other.run("import subprocess; result = subprocess.call(['true'])") == 0
        await guest.sandbox.restart()
        await guest.connect()
        assert await guest.run("import subprocess; result = subprocess.call(['true'])") == 0


@rootless
async def test_threads_count_as_processes(lab):
    async with lab.guest(processes=50) as guest:
        assert (
            await guest.run("""
            import threading
            stop, result = threading.Event(), 0
            try:
                while True:
                    threading.Thread(target=stop.wait, daemon=True).start()
                    result += 1
            except RuntimeError:
                stop.set()
            """)
            == 49
        )


@rootless
async def test_a_memory_bomb_of_many_processes_is_stopped(lab):
    if any("Memory is limited only roughly" in note for note in lab.driver.notes):
        pytest.skip("needs a memory control group")
    async with lab.guest(memory_mb=64) as guest:
        killed = await guest.run("""
            import os
            for _ in range(4):
                if os.fork() == 0:
                    hoard = [bytearray(1024 * 1024) for _ in range(60)]
                    os._exit(0)
            result = [os.wait()[1] for _ in range(4)]
            """)
        assert killed.count(signal.SIGKILL) >= 3


@rootless
async def test_descriptors_run_out_at_1024(lab):
    async with lab.guest() as guest:
        assert await guest.run("""
            import os
            opened = []
            try:
                while True:
                    opened.append(os.dup(0))
            except OSError as error:
                result = [max(opened), error.errno]
            for fd in opened:
                os.close(fd)
            """) == [1023, errno.EMFILE]


@at_both_levels
async def test_limits_cannot_be_raised(lab):
    async with lab.guest() as guest:
        for name in ("NOFILE", "NPROC", "CORE", "MEMLOCK"):
            answer = await guest.try_(f"import resource as r; r.setrlimit(r.RLIMIT_{name}, (1 << 20, 1 << 20))")
            assert answer["error"] in {"ValueError", "PermissionError"}


@rootless
async def test_a_set_uid_program_gives_nothing(lab, tmp_path):
    tmp_path.chmod(0o755)
    shutil.copy("/usr/bin/id", tmp_path / "id")
    (tmp_path / "id").chmod(0o6755)
    async with lab.guest((Bind(tmp_path, "/var/task"),)) as guest:
        uid = await guest.run("import os; result = os.getuid()")
        assert (
            await guest.run("import subprocess; result = subprocess.check_output(['/var/task/id', '-u'], text=True)")
            == f"{uid}\n"
        )
        assert "euid" not in await guest.run(
            "import subprocess; result = subprocess.check_output(['/var/task/id'], text=True)"
        )


@at_both_levels
@pytest.mark.parametrize("call", ["setuid(0)", "setgid(0)", "setgroups([0])", "chroot('/tmp')", "setresuid(0, 0, 0)"])
async def test_no_other_user_can_be_become(lab, call):
    async with lab.guest() as guest:
        answer = await guest.try_(f"import os; os.{call}")
        assert answer["errno"] in {errno.EPERM, errno.EINVAL}


@rootless
@pytest.mark.parametrize(
    "path",
    ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sysrq-trigger", "/proc/kcore", "/proc/kmsg"],
)
async def test_the_kernels_own_files_are_closed(lab, path):
    async with lab.guest() as guest:
        assert await refused(guest, f"open({path!r}, 'r+')")


@at_both_levels
async def test_it_cannot_hide_from_the_out_of_memory_killer(lab):
    async with lab.guest() as guest:
        assert await guest.run("result = int(open('/proc/self/oom_score_adj').read())") > 0
        assert await refused(guest, "import os; os.write(os.open('/proc/self/oom_score_adj', os.O_WRONLY), b'-1000')")


@at_both_levels
async def test_a_flood_of_output_stops_at_the_pipe(lab):
    async with lab.guest() as guest:
        await guest.tell("import os\nwhile True: os.write(1, b'x' * 65536)")
        assert len(await guest.output()) <= 1 << 16
        await asyncio.wait_for(guest.sandbox.close(), 10)
