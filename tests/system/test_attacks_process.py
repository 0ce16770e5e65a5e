"""What a hostile program tries beside the host, at the level `process-only`, and that it comes to nothing."""

from __future__ import annotations

import asyncio
import errno
import os
import platform
import shutil
import socket
import sys
from pathlib import Path

import pytest

from lambent.sandbox.base import Bind
from lambent.sandbox.namespaces import seccomp
from lambent.sandbox.namespaces.syscalls import landlock_version

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("lab", ["process-only"], indirect=True, scope="module"),
]

CONNECT = "import socket; socket.create_connection({address!r}, 5)"


def host(path: object) -> str:
    """An expression for a path of the host's, which is not taken for one inside."""
    return f"bytes.fromhex({str(path).encode().hex()!r}).decode()"


async def denied(guest, code: str) -> None:
    answer = await guest.try_(code)
    assert answer.get("errno") in {errno.EPERM, errno.EACCES}, answer


@pytest.mark.parametrize(
    "path", ["/etc/shadow", "/etc/hostname", "/root", "/home", "/boot", "/var/log", "/run", "/dev/shm"]
)
async def test_the_hosts_files_cannot_be_read(lab, path):
    if not os.path.exists(path):
        pytest.skip(f"there is no {path}")
    async with lab.guest() as guest:
        await denied(guest, f"import os; os.close(os.open({path!r}, os.O_RDONLY))")


async def test_neither_the_servers_data_nor_tests_nor_secrets_can_be_read(lab):
    async with lab.guest() as guest:
        for path in (lab.secrets / "token", lab.state_dir / "server.lock", Path(__file__)):
            await denied(guest, f"open({host(path)}).read()")


@pytest.mark.parametrize(
    "folder", ["/usr", "/etc", "/dev", "/var/tmp", "/var/task", "/opt", "/var/runtime", "/proc/self"]
)
async def test_nothing_but_its_own_tmp_can_be_written(lab, folder):
    async with lab.guest() as guest:
        answer = await guest.try_(f"open({folder!r} + '/x', 'w')")
        assert answer["errno"] in {errno.EACCES, errno.EPERM, errno.ENOENT, errno.EROFS}


async def test_the_hosts_own_tmp_is_not_its_own(lab, tmp_path):
    tmp_path.chmod(0o777)
    async with lab.guest() as guest:
        await denied(guest, f"open({host(tmp_path / 'x')}, 'w')")
        await denied(guest, f"import os; os.listdir({host('/tmp')})")


async def test_another_sandboxs_room_cannot_be_read_or_written(lab):
    async with lab.guest((Bind(lab.secrets, "/var/task"),)) as owner, lab.guest() as guest:
        await owner.run("open('/tmp/mine', 'w').write('x'); result = 1")
        for path in ("/tmp/mine", "/var/task/token"):
            await denied(guest, f"open({host(owner.sandbox.here(path))}).read()")
        await denied(guest, f"import os; os.listdir({host(owner.sandbox.here('/tmp'))})")
        await denied(guest, f"open({host(owner.sandbox.here('/tmp/new'))}, 'w')")


async def test_a_link_in_its_tmp_leads_nowhere(lab):
    async with lab.guest() as guest:
        await guest.run(f"import os; os.symlink({host(lab.secrets)}, '/tmp/way'); result = 1")
        await denied(guest, "open('/tmp/way/token').read()")
        await denied(guest, "import os; os.link('/etc/passwd', '/tmp/passwd')")


@pytest.mark.parametrize(
    "look",
    [
        *("open('/proc/{}/environ').read()", "open('/proc/{}/mem', 'rb').read(1)", "open('/proc/{}/maps').read()"),
        *("os.readlink('/proc/{}/fd/1')", "os.readlink('/proc/{}/cwd')", "os.readlink('/proc/{}/exe')"),
        "os.listdir('/proc/{}/root')",
    ],
)
async def test_processes_outside_cannot_be_looked_into(lab, look):
    async with lab.guest() as guest, lab.guest() as other:
        agent = await guest.run("import os; result = os.getppid()")
        neighbour = await other.run("import os; result = os.getpid()")
        for pid in (os.getpid(), lab.launcher().process.pid, agent, neighbour):
            await denied(guest, "import os; " + look.format(pid))


@pytest.mark.skipif(landlock_version() < 6, reason="this Landlock does not confine signals")
async def test_processes_outside_cannot_be_signalled(lab):
    bystander = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE)
    try:
        async with lab.guest() as guest, lab.guest() as other:
            agent = await guest.run("import os; result = os.getppid()")
            neighbour = await other.run("import os; result = os.getpid()")
            for pid in (os.getpid(), lab.launcher().process.pid, bystander.pid, agent, neighbour):
                await denied(guest, f"import os; os.kill({pid}, 9)")
            await guest.try_("import os; os.kill(-1, 15)")
            assert await other.run("result = 1") == 1
            await guest.sandbox.restart()
            await guest.connect()
        assert bystander.returncode is None
    finally:
        bystander.kill()
        await bystander.wait()


async def test_other_processes_limits_cannot_be_changed(lab):
    async with lab.guest() as guest:
        await denied(guest, f"import resource as r; r.prlimit({os.getpid()}, r.RLIMIT_NOFILE, (0, 0))")


@pytest.mark.skipif(landlock_version() < 4, reason="this Landlock does not confine TCP")
async def test_no_port_but_its_own_can_be_reached_and_none_listened_on(lab):
    async with lab.guest() as guest, lab.guest() as other:
        with socket.create_server(("127.0.0.1", 0)) as service, socket.create_server(("::1", 0), family=10) as sixth:
            others_port = int(other.sandbox.here("127.0.0.1:9001").split(":")[1])
            for address in (
                service.getsockname(),
                sixth.getsockname()[:2],
                ("127.0.0.1", others_port),
                ("1.1.1.1", 53),
            ):
                await denied(guest, CONNECT.format(address=address))
        for port in (0, 8080, others_port):
            await denied(guest, f"import socket; socket.socket().bind(('127.0.0.1', {port}))")
        await denied(guest, "import socket; s = socket.socket(); s.listen()")


async def test_no_connection_is_made_by_sending(lab):
    with socket.create_server(("127.0.0.1", 0)) as service:
        service.setblocking(False)
        async with lab.guest() as guest:
            answer = await guest.try_(
                f"import socket; socket.socket().sendto(b'x', 0x20000000, {service.getsockname()!r})"
            )
            assert answer["errno"] == errno.EOPNOTSUPP
        with pytest.raises(BlockingIOError):
            service.accept()


@pytest.mark.parametrize(
    ("family", "kind", "protocol"),
    [
        *(("AF_INET", "SOCK_DGRAM", 0), ("AF_INET6", "SOCK_DGRAM", 0), ("AF_INET", "SOCK_STREAM", 262)),
        *(("AF_INET", "SOCK_RAW", 1), ("AF_PACKET", "SOCK_RAW", 3), ("AF_VSOCK", "SOCK_STREAM", 0)),
        *(("AF_UNIX", "SOCK_STREAM", 0), ("AF_UNIX", "SOCK_DGRAM", 0), ("AF_NETLINK", "SOCK_RAW", 4)),
    ],
)
async def test_only_tcp_sockets_can_be_made(lab, family, kind, protocol):
    async with lab.guest() as guest:
        answer = await guest.try_(f"import socket as s; s.socket(s.{family}, s.{kind}, {protocol})")
        assert answer["errno"] in {errno.EPERM, errno.EACCES, errno.EAFNOSUPPORT}


@pytest.mark.skipif(platform.machine() not in seccomp.MACHINES, reason="no table for this processor")
async def test_every_refused_system_call_is_refused(lab):
    numbers = seccomp.MACHINES[platform.machine()].numbers
    names = [name for name in (*seccomp.REFUSED, *seccomp.REFUSED_BESIDE_THE_HOST) if name in numbers]
    async with lab.guest() as guest:
        got = await guest.run(f"""
            import ctypes
            libc = ctypes.CDLL(None, use_errno=True)
            result = []
            for number in {[numbers[name] for name in names]}:
                value = libc.syscall(*(ctypes.c_long(each) for each in (number, 0, 0, 0, 0, 0)))
                result.append(ctypes.get_errno() if value < 0 else 0)
            """)
    assert dict(zip(names, got, strict=True)) == dict.fromkeys(names, errno.EPERM)


async def test_a_set_uid_program_gives_nothing(lab, tmp_path):
    tmp_path.chmod(0o755)
    shutil.copy("/usr/bin/id", tmp_path / "id")
    (tmp_path / "id").chmod(0o6755)
    async with lab.guest((Bind(tmp_path, "/var/task"),)) as guest:
        shown = await guest.run("import subprocess; result = subprocess.check_output(['/var/task/id'], text=True)")
        assert "euid" not in shown


@pytest.mark.parametrize("call", ["setuid(0)", "setgid(0)", "setgroups([0])", "chroot('/tmp')", "setresuid(0, 0, 0)"])
async def test_no_other_user_can_be_become(lab, call):
    async with lab.guest() as guest:
        await denied(guest, f"import os; os.{call}")


@pytest.mark.skipif(os.geteuid() != 0, reason="sandboxes have users of their own where the server is root")
async def test_every_sandbox_has_a_user_who_owns_nothing_but_its_tmp(lab, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "app.py").write_text("x")
    async with lab.guest((Bind(tmp_path, "/var/task"),)) as guest, lab.guest() as other:
        assert await guest.run("import os; result = os.getuid()") != await other.run("import os; result = os.getuid()")
        for path in ("/var/task/app.py", "/var/task", "/opt", "/usr/bin/env"):
            await denied(guest, f"import os; os.chmod({path!r}, 0o777)")


async def test_processes_without_number_end_with_a_restart(lab):
    async with lab.guest(processes=60) as guest:
        await guest.run("""
            import os, signal
            result = 0
            try:
                while result < 150:
                    if os.fork() == 0:
                        os.setsid()
                        try:
                            os.fork()
                        finally:
                            signal.pause()
                    result += 1
            except BlockingIOError:
                pass
            """)
        await guest.sandbox.restart()
        await guest.connect()
        assert await guest.run("import subprocess; result = subprocess.call(['true'])") == 0
        agent = await guest.run("import os; result = os.getppid()")
        assert len(Path(f"/proc/{agent}/task/{agent}/children").read_text().split()) == 1
