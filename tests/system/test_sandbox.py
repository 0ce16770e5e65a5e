"""What sandboxes have at the level `full` beside what every level promises (test_sandbox_contract.py)."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from lambent.sandbox.base import Assignment, Bind, Limits

pytestmark = [pytest.mark.root, pytest.mark.asyncio(loop_scope="module")]

HERE = Path(__file__).parent
MB = 1024 * 1024
LIMITS = Limits(256 * MB, 1.0, 64 * MB)
UNCOUNTED = MB
"""The kernel counts resident pages per processor and adds up late: its figures are short by up to 64 pages a core."""


async def test_the_program_is_named_as_on_aws_and_has_no_rights(lab):
    async with lab.guest() as guest:
        about = await guest.run("""
            import getpass, os, socket
            status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
            result = {"user": getpass.getuser(), "uid": os.getuid(), "groups": os.getgroups(), "pid": os.getpid(),
                      "capabilities": {text.strip() for key, text in status.items() if key.startswith("Cap")},
                      "no_new_privs": status["NoNewPrivs"].strip(), "seccomp": status["Seccomp"].strip(),
                      "environment": dict(os.environ)}
            result["capabilities"] = list(result["capabilities"])
            """)
    assert about["user"] == "sbx_user1051"
    assert about["uid"] > 65535
    assert about["groups"] == []
    assert about["pid"] > 1
    assert about["capabilities"] == ["0" * 16]
    assert (about["no_new_privs"], about["seccomp"]) == ("1", "2")
    assert about["environment"] == {}


async def test_no_two_sandboxes_share_a_user(lab):
    async with lab.guest() as one, lab.guest() as other:
        assert await one.run("import os; result = os.getuid()") != await other.run("import os; result = os.getuid()")


async def test_children_that_lose_their_parent_are_reaped(lab):
    async with lab.guest() as guest:
        await guest.run("""
            import os
            for _ in range(20):
                if os.fork() == 0:
                    if os.fork() == 0:
                        os._exit(0)
                    os._exit(0)
                os.wait()
            result = 1
            """)
        listing = "import os; result = [p for p in os.listdir('/proc') if p.isdigit()]"
        async with asyncio.timeout(60):
            while len(await guest.run(listing)) > 1:
                pass


async def test_tmp_is_as_large_as_assigned_and_private(lab):
    async with lab.guest(tmp_mb=8) as guest, lab.guest() as other:
        room = await guest.run("import os; s = os.statvfs('/tmp'); result = s.f_bavail * s.f_frsize")
        assert 8 * MB <= room < 10 * MB
        full = await guest.try_("open('/tmp/big', 'wb', 0).write(bytes(12 * 1024 * 1024)); os.sync()")
        assert full["errno"] == 28 or await guest.run("import os; result = os.stat('/tmp/big').st_size") < 10 * MB
        full = await guest.try_("open('/tmp/more', 'wb', 0).write(bytes(1024 * 1024))")
        assert full["errno"] == 28
        assert await other.run("import os; result = os.listdir('/tmp')") == []


async def test_what_a_program_keeps_in_tmp_is_on_disk_and_not_in_its_memory(lab):
    if any("/tmp" in note for note in lab.driver.notes):
        pytest.skip("no disks can be made here")
    async with lab.guest(memory_mb=128, tmp_mb=512) as guest:
        assert (
            await guest.run("""
            block = bytes(range(256)) * 4096
            with open("/tmp/big", "wb") as file:
                for _ in range(200):
                    file.write(block)
            with open("/tmp/big", "rb") as file:
                result = sum(file.read(1024 * 1024) == block for _ in range(200))
            """)
            == 200
        )
        assert guest.exits.empty()


async def test_tmp_is_empty_writable_and_without_devices_or_set_uid_programs(lab):
    async with lab.guest() as guest:
        about = await guest.run("""
            import os
            lines = [line.split() for line in open("/proc/self/mountinfo")]
            result = [os.listdir("/tmp"), oct(os.stat("/tmp").st_mode), [e[5] for e in lines if e[4] == "/tmp"][-1],
                      os.path.exists("/dev/loop0"), os.path.exists("/dev/loop-control")]
            """)
    assert about[:2] == [[], "0o41777"]
    assert {"rw", "nosuid", "nodev"} <= set(about[2].split(","))
    assert about[3:] == [False, False], "the disk beneath it cannot be reached"


async def test_the_cpu_limit_is_written_when_asked_and_lifted_for_a_restart(lab):
    folder = Path("/sys/fs/cgroup/cpu")
    if not folder.is_dir():
        pytest.skip("no version 1 cpu controller")
    async with lab.guest() as guest:
        own = f"/lambent-test{os.getpid()}/{guest.sandbox.id}"
        # os.walk passes over groups of others that end meanwhile.
        quota = next(Path(top) / "cpu.cfs_quota_us" for top, _, _ in os.walk(folder) if top.endswith(own))
        assert quota.read_text() == "-1\n"
        guest.sandbox.limit_cpu()
        assert quota.read_text() == "100000\n"
        await guest.sandbox.restart()
        assert quota.read_text() == "-1\n"


async def test_the_sandboxs_sockets_are_its_own_network(lab):
    async with lab.guest() as guest, lab.guest() as other:
        code = "import socket; result = [name for _, name in socket.if_nameindex()]"
        assert await guest.run(code) == await other.run(code) == ["lo"]
        assert set(guest.sandbox.listeners) == {9001}


async def test_the_host_name_and_the_processes_are_the_sandboxs_own(lab):
    async with lab.guest() as guest:
        assert await guest.run("import socket; result = socket.gethostname()") != os.uname().nodename
        assert await guest.run(
            "import os; result = [p for p in os.listdir('/proc') if p.isdigit()] == [str(os.getpid())]"
        )


MUCH = """
import socket

import guest

def preload():
    global ballast
    ballast = ["%d" % i * 20 for i in range(200_000)]

prewarm, main = guest.prewarm, guest.main
"""


async def test_an_agent_holds_nothing_of_what_its_template_has_imported(lab, code_folder):
    (code_folder / "much.py").write_text(MUCH)
    template = lab.python_template("much", code_folder / "much.py")
    program = replace(template.program, path=(*template.program.path, "/var/runtime"))
    with_guest = (*template.binds, Bind(HERE / "guest.py", "/var/runtime/guest.py"))
    async with lab.guest(template=replace(template, program=program, binds=with_guest)) as guest:
        program_pid, agent_pid = guest.sandbox._program_pid, guest.sandbox._agent_pid
        # Who forked it ends a moment later, and only then it is the agent's.
        await lab.until(lambda: status_of(program_pid, "PPid") == agent_pid)
        assert status_of(program_pid, "RssAnon") > 20_000
        assert status_of(agent_pid, "RssAnon") < 20_000


async def test_agents_fork_their_programs_where_no_code_may_be_made(lab, monkeypatch):
    monkeypatch.setattr("lambent.sandbox.namespaces.driver.can_graft", lambda: False)
    async with lab.guest(template=replace(lab.template, name="ungrafted")) as guest:
        assert await guest.run("result = 6 * 7") == 42
        assert status_of(guest.sandbox._program_pid, "PPid") == guest.sandbox._agent_pid


async def test_a_zygote_that_is_killed_before_it_forks_a_program_is_replaced(lab):
    async with lab.guest():
        pass  # there is one
    launcher = lab.launcher().process.pid
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    zygotes = [int(pid) for pid in children if Path(f"/proc/{pid}/comm").read_text().startswith("python")]
    assert zygotes
    for pid in zygotes:
        os.kill(pid, signal.SIGSTOP)
    making = asyncio.create_task(lab.driver.sandbox(lab.template))
    await lab.until(lambda: any(box._agent_pid for box in lab.driver._boxes))
    for pid in zygotes:
        os.kill(pid, signal.SIGKILL)
    sandbox = await asyncio.wait_for(making, 60)
    await lab.until(lambda: status_of(sandbox._program_pid, "PPid") == sandbox._agent_pid)
    await sandbox.close()


def status_of(pid: int, key: str) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().partition(f"{key}:")[2].split()[0])


async def test_certificates_and_names_work_as_everywhere(lab):
    async with lab.guest() as guest:
        assert await guest.run("import ssl; result = len(ssl.create_default_context().get_ca_certs())") > 0
        assert await guest.run("import socket; result = socket.gethostbyname('localhost')") == "127.0.0.1"
        assert await guest.run("import time; result = time.tzname[0]") == "UTC"
        assert (await guest.try_("import socket; socket.gethostbyname('example.com')"))["error"] == "gaierror"


async def test_every_python_from_3_8_on_can_be_a_zygote(lab):
    versions = sorted(Path.home().glob(".pyenv/versions/3.*"))
    versions = [each for each in versions if int(each.name.split(".")[1]) >= 8]
    if not versions:
        pytest.skip("no other Python found")
    for version in versions:
        template = lab.python_template(f"python {version.name}", HERE / "guest.py", version)
        async with lab.guest(template=template) as guest:
            shown = await guest.run("import sys; result = '.'.join(map(str, sys.version_info[:3]))")
            assert shown == version.name
        (await lab.zygote(template)).close()


def descriptors() -> set[str]:
    """What this process has open but for disks (mounts, seen as the root of nowhere), which wait for anybody."""
    return {fd for fd in os.listdir("/proc/self/fd") if _target(fd) not in ("/", None)}


def _target(fd: str) -> str | None:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return None


async def test_a_sandbox_takes_at_most_six_descriptors_and_gives_all_back(lab):
    sandbox = await lab.driver.sandbox(lab.template)
    await sandbox.assign(Assignment((), LIMITS, {}))
    await sandbox.close()
    await lab.until(lambda: not refilling(lab))
    before = descriptors()
    sandbox = await lab.driver.sandbox(lab.template)
    await lab.until(lambda: not refilling(lab))
    assert len(descriptors() - before) <= 6
    await sandbox.assign(Assignment((), LIMITS, {}))
    await lab.until(lambda: not refilling(lab))
    assert len(descriptors() - before) == 4
    await sandbox.close()
    assert descriptors() == before


def refilling(lab) -> bool:
    """Whether disks are being made."""
    return lab.driver._disks is not None and bool(lab.driver._disks._refilling)
