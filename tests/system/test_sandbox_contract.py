"""What every driver promises of its sandboxes (sandbox/base.py), whatever keeps them apart.

Each level runs it: `full` as root, `rootless` as an ordinary user, `process-only` as either.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import uuid
from pathlib import Path

import pytest

from lambent.sandbox.base import Assignment, Bind, Deferred, Exit, Limits, SandboxDied, Started, Template

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("lab", ["full", "rootless", "process-only"], indirect=True, scope="module"),
]

MB = 1024 * 1024
LIMITS = Limits(256 * MB, 1.0, 64 * MB)
UNCOUNTED = MB
"""The kernel counts resident pages per processor and adds up late: its figures are short by up to 64 pages a core."""


def running(mark: str) -> list[str]:
    """Processes of this machine, of whatever namespace, that have `mark` among their arguments and have not ended."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "cmdline").read_text():
                found.append(folder.name)
        except OSError:
            continue
    return found


async def test_a_forked_program_gets_its_message_and_its_files(lab, code_folder):
    (code_folder / "app.py").write_text("answer = 42")
    async with lab.guest((Bind(code_folder, "/var/task"),), {"name": "hello", "text": "ä" * 9000}) as guest:
        assert await guest.run("result = message['text']") == "ä" * 9000
        assert await guest.run("result = open('/var/task/app.py').read()") == "answer = 42"


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
        listing = (await lab.read_until(sandbox.output, b" 4 ->")).decode()
        assert re.findall(r" (\d+) ->", listing) == ["0", "1", "2", "3", "4"]
        await sandbox.assign(Assignment((), LIMITS, {"a": 1}))
        assert b'got {"a":1}' in await lab.read_until(sandbox.output, b"}")


async def test_what_is_written_to_dev_stdout_by_name_arrives(lab):
    async with lab.guest() as guest:
        await guest.run("open('/dev/stdout', 'w').write('by name'); result = 1")
        assert await lab.read_until(guest.sandbox.output, b"by name") == b"by name"


async def test_descriptor_4_is_the_records_pipe(lab):
    async with lab.guest() as guest:
        await guest.run("import os; os.write(4, b'one record'); result = 1")
        assert await lab.read_until(guest.sandbox.records, b"record") == b"one record"


async def test_a_deferred_program_starts_with_the_messages_arguments_environment_and_folder(lab, code_folder):
    (code_folder / "bootstrap").write_text("#!/bin/sh\necho $0 $1 $COLOUR $PWD; ls /proc/$$/fd; exit 7\n")
    (code_folder / "bootstrap").chmod(0o755)
    async with lab.waiting(Deferred()) as sandbox:
        task = sandbox.here("/var/task")
        message = {"argv": [f"{task}/bootstrap", "x"], "env": {"COLOUR": "red", "PATH": "/usr/bin"}, "cwd": task}
        exiting = asyncio.ensure_future(lab.ended(sandbox))
        await sandbox.assign(Assignment((Bind(code_folder, "/var/task"),), LIMITS, message))
        assert await exiting == Exit(7, None, False), "it began"
        output = os.read(sandbox.output, 65536)
        assert output.startswith(f"{task}/bootstrap x red {task}\n".encode())
    assert output.split()[4:] == [b"0", b"1", b"10", b"2", b"4"], "10 is the script that sh reads"


async def test_a_deferred_program_that_does_not_exist_exits_127_and_says_so(lab):
    async with lab.waiting(Deferred()) as sandbox:
        exiting = asyncio.ensure_future(lab.ended(sandbox))
        program = sandbox.here("/var/task/bootstrap")
        message = {"argv": [program], "env": {}, "cwd": sandbox.here("/var/task")}
        await sandbox.assign(Assignment((), LIMITS, message))
        assert await exiting == Exit(127, None, False, f"{program}: No such file or directory")


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
        assert await lab.read_until(guest.sandbox.output, b"bye\n") == b"too bad\nbye\n"


async def test_a_restart_runs_the_same_assignment_anew_and_keeps_tmp(lab, code_folder):
    (code_folder / "app.py").write_text("")
    async with lab.guest((Bind(code_folder, "/var/task"),), {"n": 5}) as guest:
        mark = uuid.uuid4().hex
        await guest.run(f"""
            import os, subprocess
            open("/tmp/kept", "w").write("yes")
            shell = ["sh", "-c", "echo up; sleep 1000; exit", {mark!r}]
            for _ in range(3):
                subprocess.Popen(shell, start_new_session=True, stdout=subprocess.PIPE).stdout.readline()
            result = 1
            """)
        assert len(running(mark)) >= 3
        await guest.sandbox.restart()
        assert await guest.connect() == {"n": 5}
        assert await guest.run("import os; result = os.listdir('/var/task')") == ["app.py"]
        assert await guest.run("result = open('/tmp/kept').read()") == "yes"
        assert running(mark) == []
        assert guest.exits.empty(), "what a restart kills has not ended by itself"


async def test_a_program_that_ended_can_be_restarted(lab):
    async with lab.guest(message={"n": 1}) as guest:
        for _ in range(3):
            await guest.tell("import os; os._exit(9)")
            assert await guest.exit() == Exit(9, None, False)
            await guest.sandbox.restart()
            assert await guest.connect() == {"n": 1}


async def test_the_largest_resident_size_is_known(lab):
    async with lab.guest() as guest:
        before = guest.sandbox.max_memory_bytes()
        await guest.run("x = bytearray(50 * 1024 * 1024); del x; result = 1")
        await lab.until(lambda: guest.sandbox.max_memory_bytes() >= before + 50 * MB - UNCOUNTED)
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


async def test_sandboxes_outlive_the_zygote_they_came_from(lab):
    async with lab.guest() as guest:
        (await lab.zygote()).close()
        assert await guest.run("result = 1") == 1
        async with lab.guest() as later:
            assert await later.run("result = 2") == 2


async def test_a_sandbox_whose_zygote_is_gone_can_be_restarted(lab):
    async with lab.guest(message={"n": 1}) as guest:
        await guest.run("open('/tmp/kept', 'w').write('x')")
        (await lab.zygote()).close()
        await guest.sandbox.restart()
        assert await guest.connect() == {"n": 1}
        assert await guest.run("result = open('/tmp/kept').read()") == "x"


async def test_a_launcher_that_was_killed_is_replaced_and_its_sandboxes_live_on(lab):
    async with lab.guest() as guest:
        launcher = lab.launcher()
        launcher.process.kill()
        await lab.until(lambda: launcher.ended)
        async with lab.guest() as later:
            assert await later.run("result = 2") == 2
        assert await guest.run("result = 1") == 1


async def test_no_sandbox_is_asked_of_a_zygote_whose_launcher_has_ended(lab):
    zygote, launcher = await lab.zygote(), lab.launcher()
    launcher.process.kill()
    launcher.process.wait()
    launcher.look()
    # The zygote's own end cannot have been heard of yet.
    assert zygote.ended
    async with lab.guest() as guest:
        assert await guest.run("result = 1") == 1


async def test_the_program_has_no_rights_and_no_environment(lab):
    async with lab.guest() as guest:
        about = await guest.run("""
            import os
            status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
            result = {"groups": os.getgroups(), "environment": dict(os.environ), "status": status}
            """)
    status = {name: text.strip() for name, text in about["status"].items()}
    assert {text for name, text in status.items() if name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert about["environment"] == {}


async def test_the_promised_ports_listen_and_lead_here(lab):
    async with lab.guest() as guest:
        await guest.tell(CALLS.replace("PORT", "9001"))
        await _answered(guest, guest.sandbox.listeners[9001])


async def test_a_port_that_is_promised_late_leads_here_when_it_is_called_after_a_restart_too(lab):
    async with lab.guest() as guest:
        await guest.sandbox.restart()
        await guest.connect()
        called = asyncio.Event()
        guest.sandbox.on_called = lambda port, listener: called.set()
        await guest.tell(CALLS.replace("PORT", "4566"))
        if 4566 not in guest.sandbox.listeners:
            await asyncio.wait_for(called.wait(), 10)
        await _answered(guest, guest.sandbox.listeners[4566])
        await guest.tell(CALLS.replace("PORT", "4566"))
        await _answered(guest, guest.sandbox.listeners[4566])


CALLS = """
    import socket
    host, port = "127.0.0.1:PORT".split(":")
    with socket.create_connection((host, int(port)), 5) as caller:
        result = caller.recv(5).decode()
    """


async def _answered(guest, listener):
    connection, _ = await asyncio.wait_for(asyncio.get_running_loop().sock_accept(listener), 10)
    with connection:
        connection.send(b"hello")
    assert await guest.answer() == {"result": "hello"}


async def test_tmp_can_be_written_and_is_nobody_elses(lab):
    async with lab.guest() as guest, lab.guest() as other:
        await guest.run("""
            import os
            os.makedirs("/tmp/a/b"); os.rename("/tmp/a/b", "/tmp/c"); os.symlink("c", "/tmp/d")
            with open("/tmp/d/file", "w") as file:
                file.write("x")
            os.chmod("/tmp/d/file", 0o700); os.truncate("/tmp/d/file", 0); os.remove("/tmp/c/file")
            result = 1
            """)
        assert await other.run("import os; result = os.listdir('/tmp')") == []


async def test_what_is_assigned_cannot_be_written(lab, code_folder):
    (code_folder / "app.py").write_text("kept")
    async with lab.guest((Bind(code_folder, "/var/task"),)) as guest:
        for deed in ("open('/var/task/new', 'w')", "open('/var/task/app.py', 'a')", "os.remove('/var/task/app.py')"):
            assert (await guest.try_("import os; " + deed))["errno"] in {1, 13, 30}, deed
    assert [(each.name, each.read_text()) for each in code_folder.iterdir()] == [("app.py", "kept")]


async def test_folders_links_and_modes_of_an_assignment_arrive(lab, code_folder):
    (code_folder / "python").mkdir()
    (code_folder / "python" / "tool").write_text("#!/bin/sh\necho tool\n")
    (code_folder / "python" / "tool").chmod(0o755)
    (code_folder / "link").symlink_to("python/tool")
    async with lab.guest((Bind(code_folder, "/opt"),)) as guest:
        called = "import subprocess; result = subprocess.check_output(['/opt/link'], text=True)"
        assert await guest.run(called) == "tool\n"


async def test_taking_too_much_memory_fails_or_ends_the_program(lab):
    async with lab.guest(memory_mb=64) as guest:
        if any("Memory is limited only roughly" in note for note in lab.driver.notes):
            assert (await guest.try_("hoard = bytearray(900 << 20)"))["error"] == "MemoryError"
            return
        await guest.tell("hoard = [bytearray(1024 * 1024) for _ in range(200)]")
        assert await guest.exit() == Exit(None, signal.SIGKILL, True)
        await guest.sandbox.restart()
        await guest.connect()
        await guest.tell("import os; os.kill(os.getpid(), 9)")
        assert await guest.exit() == Exit(None, signal.SIGKILL, False), "this time it was not the limit"


async def test_closing_ends_what_hid_from_its_parent_and_what_is_frozen(lab):
    mark = uuid.uuid4().hex
    async with lab.guest() as guest:
        await guest.run(f"""
            import os
            for _ in range(5):
                if os.fork() == 0:
                    os.setsid()
                    if os.fork() == 0:
                        os.closerange(0, 1024)
                        os.execv("/bin/sh", ["sh", "-c", "trap '' TERM; while :; do sleep 1000; done", {mark!r}])
                    os._exit(0)
                os.wait()
            result = 1
            """)
        await lab.until(lambda: len(running(mark)) == 5)
        await guest.sandbox.freeze()
        await guest.sandbox.close()
        assert running(mark) == []


async def test_closing_ends_a_chain_of_processes_that_each_fork_the_next(lab):
    mark = uuid.uuid4().hex
    chain = 'if [ "$0" = stop ]; then exit; fi; sh -c "$1" "$0" "$1" &'
    async with lab.guest() as guest:
        await guest.run(
            f"import subprocess; subprocess.Popen(['sh', '-c', {chain!r}, {mark!r}, {chain!r}]); result = 1"
        )
        await guest.sandbox.close()
        assert running(mark) == []


async def test_a_sandbox_gives_back_every_descriptor(lab):
    if lab.driver.level == "full":
        pytest.skip("test_sandbox.py counts them, and tells them from those of disks")
    sandbox = await lab.driver.sandbox(lab.template)
    await sandbox.close()
    before = set(os.listdir("/proc/self/fd"))
    sandbox = await lab.driver.sandbox(lab.template)
    await sandbox.assign(Assignment((), LIMITS, {}))
    await sandbox.close()
    assert set(os.listdir("/proc/self/fd")) == before


async def test_a_limit_cannot_be_raised_again(lab):
    async with lab.guest() as guest:
        for name in ("NOFILE", "CORE", "MEMLOCK"):
            answer = await guest.try_(f"import resource as r; r.setrlimit(r.RLIMIT_{name}, (1 << 20, 1 << 20))")
            assert answer["error"] in {"ValueError", "PermissionError"}
