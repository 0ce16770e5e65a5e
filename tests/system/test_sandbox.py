"""Sandboxes at the level `full`: made, assigned, restarted, limited, frozen, ended."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from lambent.sandbox.base import Assignment, Bind, Deferred, Exit, Limits, Sandbox, SandboxDied, Started, Template

pytestmark = [pytest.mark.root, pytest.mark.asyncio(loop_scope="module")]

HERE = Path(__file__).parent
MB = 1024 * 1024
LIMITS = Limits(256 * MB, 1.0, 64 * MB)
UNCOUNTED = MB
"""The kernel counts resident pages per processor and adds up late: its figures are short by up to 64 pages a core."""


async def read_until(fd: int, wanted: bytes) -> bytes:
    """What comes out of a non-blocking pipe, up to and with `wanted`."""
    seen = b""
    async with asyncio.timeout(10):
        while wanted not in seen:
            seen += await read_some(fd)
    return seen


async def read_some(fd: int) -> bytes:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(fd, readable.set)
    await readable.wait()
    loop.remove_reader(fd)
    return os.read(fd, 65536)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        for _ in iter(condition, True):
            await asyncio.sleep(0)


@pytest.fixture
def code_folder(tmp_path: Path) -> Path:
    """A folder that everybody may read, as a function's code must be."""
    tmp_path.chmod(0o755)
    return tmp_path


async def ended(sandbox: Sandbox) -> Exit:
    exits: asyncio.Queue[Exit] = asyncio.Queue()
    sandbox.on_exit = exits.put_nowait
    return await asyncio.wait_for(exits.get(), 10)


async def test_a_forked_program_gets_its_message_and_its_files(lab, code_folder):
    (code_folder / "app.py").write_text("answer = 42")
    async with lab.guest((Bind(code_folder, "/var/task"),), {"name": "hello", "text": "ä" * 9000}) as guest:
        assert await guest.run("result = message['text']") == "ä" * 9000
        assert await guest.run("result = open('/var/task/app.py').read()") == "answer = 42"


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
    assert about["pid"] == 2
    assert about["capabilities"] == ["0" * 16]
    assert (about["no_new_privs"], about["seccomp"]) == ("1", "2")
    assert about["environment"] == {}


async def test_no_two_sandboxes_share_a_user(lab):
    async with lab.guest() as one, lab.guest() as other:
        assert await one.run("import os; result = os.getuid()") != await other.run("import os; result = os.getuid()")


async def test_only_the_five_promised_descriptors_are_open(lab):
    code = """
        import os
        result = {}
        for fd in range(1024):
            try:
                result[fd] = os.readlink(f"/proc/self/fd/{fd}")
            except FileNotFoundError:
                pass
        """
    async with lab.guest() as guest:
        fds = await guest.run(code)
    fds = {int(fd): target for fd, target in fds.items()}
    connection = [fd for fd, target in fds.items() if target.startswith("socket:")]
    assert len(connection) == 1, "the guest's own connection; its channel is closed"
    assert set(fds) - set(connection) == {0, 1, 2, 4}
    assert fds[0] == "/dev/null"
    assert fds[1] == fds[2] != fds[4]
    assert all(fds[fd].startswith("pipe:") for fd in (1, 4))


async def test_a_started_program_has_exactly_five_descriptors(lab):
    program = Started(("/bin/sh", "-c", "ls -l /proc/$$/fd; read line <&3; echo got $line"), {"PATH": "/usr/bin:/bin"})
    async with lab.waiting(program) as sandbox:
        listing = (await read_until(sandbox.output, b" 4 ->")).decode()
        assert re.findall(r" (\d+) ->", listing) == ["0", "1", "2", "3", "4"]
        await sandbox.assign(Assignment((), LIMITS, {"a": 1}))
        assert b'got {"a":1}' in await read_until(sandbox.output, b"}")


async def test_what_is_written_to_dev_stdout_by_name_arrives(lab):
    async with lab.guest() as guest:
        await guest.run("open('/dev/stdout', 'w').write('by name'); result = 1")
        assert await read_until(guest.sandbox.output, b"by name") == b"by name"


async def test_descriptor_4_is_the_records_pipe(lab):
    async with lab.guest() as guest:
        await guest.run("import os; os.write(4, b'one record'); result = 1")
        assert await read_until(guest.sandbox.records, b"record") == b"one record"


async def test_a_deferred_program_starts_with_the_messages_arguments_environment_and_folder(lab, code_folder):
    (code_folder / "bootstrap").write_text("#!/bin/sh\necho $0 $1 $COLOUR $PWD; ls /proc/$$/fd; exit 7\n")
    (code_folder / "bootstrap").chmod(0o755)
    message = {"argv": ["/var/task/bootstrap", "x"], "env": {"COLOUR": "red", "PATH": "/usr/bin"}, "cwd": "/var/task"}
    async with lab.waiting(Deferred()) as sandbox:
        exiting = asyncio.ensure_future(ended(sandbox))
        await sandbox.assign(Assignment((Bind(code_folder, "/var/task"),), LIMITS, message))
        assert await exiting == Exit(7, None, False), "it began"
        output = os.read(sandbox.output, 65536)
    assert output.startswith(b"/var/task/bootstrap x red /var/task\n")
    assert output.split()[4:] == [b"0", b"1", b"10", b"2", b"4"], "10 is the script that sh reads"


async def test_a_deferred_program_that_does_not_exist_exits_127_and_says_so(lab):
    async with lab.waiting(Deferred()) as sandbox:
        exiting = asyncio.ensure_future(ended(sandbox))
        message = {"argv": ["/var/task/bootstrap"], "env": {}, "cwd": "/var/task"}
        await sandbox.assign(Assignment((), LIMITS, message))
        assert await exiting == Exit(127, None, False, "/var/task/bootstrap: No such file or directory")


async def test_a_started_program_that_does_not_exist_is_no_sandbox(lab):
    with pytest.raises(SandboxDied, match="No such file"):
        await lab.driver.sandbox(Template("absent", Started(("/bin/absent",)), ()))


async def test_a_module_that_cannot_be_preloaded_says_why(lab, code_folder):
    (code_folder / "broken.py").write_text("def preload():\n    raise ValueError('no such luck')\n")
    template = lab.python_template("broken", code_folder / "broken.py")
    with pytest.raises(SandboxDied, match="no such luck"):
        await lab.driver.sandbox(template)


async def test_an_exit_status_and_a_signal_are_reported(lab):
    async with lab.guest() as guest:
        await guest.tell("import sys; sys.exit(3)")
        assert await guest.exit() == Exit(3, None, False)
    async with lab.guest() as guest:
        await guest.tell("import os; os.kill(os.getpid(), 11)")
        assert await guest.exit() == Exit(None, signal.SIGSEGV, False)


async def test_an_uncaught_error_goes_to_standard_error_and_status_1(lab):
    async with lab.guest() as guest:
        await guest.tell("import os, atexit; atexit.register(print, 'bye', flush=True); raise SystemExit('too bad')")
        assert await guest.exit() == Exit(1, None, False)
        assert await read_until(guest.sandbox.output, b"bye\n") == b"too bad\nbye\n"


async def test_a_restart_runs_the_same_assignment_anew_and_keeps_tmp(lab, code_folder):
    (code_folder / "app.py").write_text("")
    async with lab.guest((Bind(code_folder, "/var/task"),), {"n": 5}) as guest:
        await guest.run("""
            import os, subprocess
            open("/tmp/kept", "w").write("yes")
            result = [subprocess.Popen(["sleep", "1000"], start_new_session=True).pid for _ in range(3)]
            """)
        await guest.sandbox.restart()
        assert await guest.connect() == {"n": 5}
        assert await guest.run("import os; result = os.listdir('/var/task')") == ["app.py"]
        assert await guest.run("result = open('/tmp/kept').read()") == "yes"
        assert len(await guest.run("import os; result = [p for p in os.listdir('/proc') if p.isdigit()]")) == 1
        assert guest.exits.empty(), "what a restart kills has not ended by itself"


async def test_a_program_that_ended_can_be_restarted(lab):
    async with lab.guest(message={"n": 1}) as guest:
        for _ in range(3):
            await guest.tell("import os; os._exit(9)")
            assert await guest.exit() == Exit(9, None, False)
            await guest.sandbox.restart()
            assert await guest.connect() == {"n": 1}


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
        async with asyncio.timeout(10):
            while len(await guest.run(listing)) > 1:
                pass


async def test_taking_too_much_memory_ends_in_an_exit_that_says_so(lab):
    async with lab.guest(memory_mb=64) as guest:
        await guest.tell("hoard = [bytearray(1024 * 1024) for _ in range(200)]")
        assert await guest.exit() == Exit(None, signal.SIGKILL, True)
        await guest.sandbox.restart()
        await guest.connect()
        await guest.tell("import os; os.kill(os.getpid(), 9)")
        assert await guest.exit() == Exit(None, signal.SIGKILL, False), "this time it was not the limit"


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


async def test_the_largest_resident_size_is_known(lab):
    async with lab.guest() as guest:
        before = guest.sandbox.max_memory_bytes()
        await guest.run("x = bytearray(50 * 1024 * 1024); del x; result = 1")
        await until(lambda: guest.sandbox.max_memory_bytes() >= before + 50 * MB - UNCOUNTED)
        await guest.tell("x = bytearray(90 * 1024 * 1024); import os; os._exit(0)")
        await guest.exit()
        assert guest.sandbox.max_memory_bytes() > before + 90 * MB - UNCOUNTED, (
            "also of one that ended before it was asked"
        )


async def test_a_frozen_sandbox_stands_still_until_thawed(lab):
    async with lab.guest() as guest:
        await guest.run("""
            import threading, time
            ticks = [0]
            def tick():
                while True:
                    ticks[0] += 1
                    time.sleep(0.001)
            threading.Thread(target=tick, daemon=True).start()
            import builtins; builtins.ticks = ticks; result = 1
            """)
        await guest.sandbox.freeze()
        await guest.tell("result = ticks[0]")
        with pytest.raises(TimeoutError):
            await guest.answer(patience_s=0.2)
        guest.sandbox.thaw()
        assert (await guest.answer())["result"] > 0


async def test_a_frozen_sandbox_can_be_closed_and_restarted(lab):
    async with lab.guest() as guest:
        await guest.sandbox.freeze()
        await guest.sandbox.restart()
        await guest.connect()
        await guest.sandbox.freeze()
        await guest.sandbox.close()


async def test_the_cpu_limit_is_written_when_asked_and_lifted_for_a_restart(lab):
    folder = Path("/sys/fs/cgroup/cpu")
    if not folder.is_dir():
        pytest.skip("no version 1 cpu controller")
    async with lab.guest() as guest:
        quota = next(folder.glob(f"**/lambent-test{os.getpid()}/{guest.sandbox.id}/cpu.cfs_quota_us"))
        assert quota.read_text() == "-1\n"
        guest.sandbox.limit_cpu()
        assert quota.read_text() == "100000\n"
        await guest.sandbox.restart()
        assert quota.read_text() == "-1\n"


async def test_each_clone_has_random_numbers_of_its_own(lab):
    code = """
        import os, random, ssl, uuid
        result = [ssl.RAND_bytes(16).hex(), random.random(), uuid.uuid4().hex, os.urandom(8).hex()]
        """
    seen = []
    for _ in range(3):
        async with lab.guest() as guest:
            seen.append(await guest.run(code))
            await guest.sandbox.restart()
            await guest.connect()
            seen.append(await guest.run(code))
    for column in zip(*seen, strict=True):
        assert len(set(column)) == len(seen)


async def test_the_sandboxs_sockets_are_its_own_network(lab):
    async with lab.guest() as guest, lab.guest() as other:
        code = "import socket; result = [name for _, name in socket.if_nameindex()]"
        assert await guest.run(code) == await other.run(code) == ["lo"]
        assert set(guest.sandbox.listeners) == {9001}


async def test_the_host_name_and_the_processes_are_the_sandboxs_own(lab):
    async with lab.guest() as guest:
        assert await guest.run("import socket; result = socket.gethostname()") != os.uname().nodename
        assert await guest.run("import os; result = [p for p in os.listdir('/proc') if p.isdigit()]") == ["2"]


async def test_certificates_and_names_work_as_everywhere(lab):
    async with lab.guest() as guest:
        assert await guest.run("import ssl; result = len(ssl.create_default_context().get_ca_certs())") > 0
        assert await guest.run("import socket; result = socket.gethostbyname('localhost')") == "127.0.0.1"
        assert await guest.run("import time; result = time.tzname[0]") == "UTC"
        assert (await guest.try_("import socket; socket.gethostbyname('example.com')"))["error"] == "gaierror"


async def test_threads_and_subprocesses_work(lab):
    async with lab.guest() as guest:
        assert await guest.run("""
            import subprocess
            from concurrent.futures import ThreadPoolExecutor
            def echo(n):
                return subprocess.check_output(["echo", str(n)], text=True).strip()
            with ThreadPoolExecutor(4) as pool:
                result = list(pool.map(echo, range(4)))
            """) == ["0", "1", "2", "3"]


async def test_closing_twice_and_using_afterwards_are_answered(lab):
    async with lab.guest() as guest:
        await guest.sandbox.close()
        await guest.sandbox.close()
        with pytest.raises(SandboxDied):
            await guest.sandbox.restart()
        with pytest.raises(SandboxDied):
            await guest.sandbox.assign(Assignment((), LIMITS, {}))


async def test_mounting_where_there_is_no_folder_is_refused(lab, code_folder):
    sandbox = await lab.driver.sandbox(lab.template)
    with pytest.raises(SandboxDied, match="No such file"):
        await sandbox.assign(Assignment((Bind(code_folder, "/no/such/place"),), LIMITS, {}))
    await sandbox.close()


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
        await lab.driver.forget(template)


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
    await until(lambda: not refilling(lab))
    before = descriptors()
    sandbox = await lab.driver.sandbox(lab.template)
    assert len(descriptors() - before) <= 6
    await sandbox.assign(Assignment((), LIMITS, {}))
    await until(lambda: not refilling(lab))
    assert len(descriptors() - before) == 4
    await sandbox.close()
    assert descriptors() == before


def refilling(lab) -> bool:
    """Whether disks are being made."""
    return lab.driver._disks is not None and bool(lab.driver._disks._refilling)


async def test_sandboxes_outlive_the_zygote_they_came_from(lab):
    async with lab.guest() as guest:
        await lab.driver.forget(lab.template)
        assert await guest.run("result = 1") == 1
        async with lab.guest() as later:
            assert await later.run("result = 2") == 2


async def test_a_launcher_that_was_killed_is_replaced_and_its_sandboxes_live_on(lab):
    async with lab.guest() as guest:
        launcher = lab.launcher()
        launcher.process.kill()
        await until(lambda: launcher.ended)
        async with lab.guest() as later:
            assert await later.run("result = 2") == 2
        assert await guest.run("result = 1") == 1
