"""Hostile functions reach for other processes: the server, the agent beside them, functions in other sandboxes."""

from __future__ import annotations

import os
import shutil

import pytest

pytestmark = pytest.mark.root

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js on this machine")

# What only the namespace of processes stops runs in the protected lab alone: see weakened.py for why.


def test_no_process_of_the_host_can_be_seen(lab):
    lab.judge(lab.python("import os; won = os.path.exists(f'/proc/{event[\"pid\"]}/cmdline')", pid=lab.pid))


def test_the_environment_of_the_server_cannot_be_read(lab):
    code = "won = b'LAMBENT_CANARY=secret' in open(f'/proc/{event[\"pid\"]}/environ', 'rb').read()"
    lab.judge(lab.python(code, pid=lab.pid))


@pytest.mark.parametrize("attack", ["process_memory", "signal"])
def test_the_server_can_neither_be_read_nor_signalled(lab, attack):
    lab.judge(lab.native(attack, lab.pid))


@pytest.mark.protected_by("empty_environment")
def test_the_environment_that_the_interpreter_began_with_tells_nothing(lab):
    lab.judge(lab.python("won = b'LAMBENT_CANARY' in open('/proc/self/environ', 'rb').read()"))


@pytest.mark.protected_by("closed_descriptors")
def test_no_descriptor_is_inherited_that_leads_anywhere(lab):
    code = """
import os, socket, stat
won = []
for fd in range(1024):
    try:
        mode = os.fstat(fd).st_mode
        target = os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        continue
    if stat.S_ISSOCK(mode):
        with socket.socket(fileno=os.dup(fd)) as sock:
            try:
                expected = sock.family == socket.AF_INET and sock.getpeername() == ("127.0.0.1", 9001)
            except OSError:  # it listens
                expected = False
            if not expected:
                won.append(f"{fd}: {sock}")
    elif not (target == "/dev/null" or (stat.S_ISFIFO(mode) and fd in (1, 2, 4)) or target.startswith("/proc/")):
        won.append(f"{fd}: {target}")
"""
    lab.judge(lab.python(code))


@pytest.mark.protected_by("hidden_processes")
def test_the_agent_cannot_be_seen(lab):
    lab.judge(lab.python("import os; won = os.path.exists('/proc/1/cmdline')"))


@pytest.mark.protected_by("closed_agent")
@pytest.mark.parametrize("name", ["mem", "environ", "maps"])
def test_the_agent_cannot_be_looked_into(lab, name):
    lab.judge(lab.native("open_to_read", text=f"/proc/1/{name}"))


@pytest.mark.protected_by("closed_agent", "filter")
@pytest.mark.parametrize("attack", ["ptrace_agent", "agent_memory", "steal_descriptor"])
def test_the_agent_cannot_be_traced_nor_its_descriptors_stolen(lab, attack):
    lab.judge(lab.native(attack))


def test_the_agent_cannot_be_killed(lab):
    answer = lab.native("kill_agent")
    assert answer.lost == "Operation not permitted", answer


@needs_node
def test_node_cannot_kill_its_agent_either(lab):
    answer = lab.node("process.kill(process.ppid, 'SIGKILL'); return process.ppid !== 1 && 'sent'")
    assert not answer.lost, "it lives on"
    lab.judge(answer)


def test_the_credentials_of_another_function_cannot_be_read(lab):
    assert lab.run("native", {"attack": "chroot"}, name="victim").lost, "it is there, and waits"
    code = """
import glob
won = []
for path in glob.glob("/proc/[0-9]*/environ"):
    try:
        text = open(path, "rb").read()
    except OSError:
        continue
    if b"AWS_LAMBDA_FUNCTION_NAME=victim" in text and b"AWS_SECRET_ACCESS_KEY=" in text:
        won.append(path)
"""
    lab.judge(lab.python(code))


def test_the_memory_of_another_function_cannot_be_read(lab):
    assert lab.run("native", {"attack": "chroot"}, name="victim").lost, "it is there, and waits"
    code = """
import os
won = []
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        if int(pid) != os.getpid() and open(f"/proc/{pid}/comm").read() == "bootstrap\\n":
            start = int(open(f"/proc/{pid}/maps").readline().split("-")[0], 16)
            with open(f"/proc/{pid}/mem", "rb") as memory:
                memory.seek(start)
                won.append(memory.read(64).hex())
    except OSError:
        continue
"""
    lab.judge(lab.python(code))


def test_the_root_of_another_process_is_no_way_to_the_hosts_files(lab):
    paths = [f"/proc/{pid}/root{lab.folder}/canary" for pid in (1, lab.pid)]
    code = """
won = []
for path in event["paths"]:
    try:
        won.append(open(path).read())
    except OSError:
        continue
"""
    lab.judge(lab.python(code, paths=paths))


@pytest.mark.protected_by("ipc_namespace")
def test_the_shared_memory_of_another_function_cannot_be_found(lab):
    key = 0x4C000000 + os.getpid()
    make = "import ctypes; won = ctypes.CDLL(None).shmget(event['key'], 4096, 0o1666)"
    assert lab.run("python", {"code": make, "key": key}, name="owner").won != -1
    find = "import ctypes; won = ctypes.CDLL(None).shmget(event['key'], 4096, 0o666) != -1"
    answer = lab.python(find, key=key)
    remove = "import ctypes; libc = ctypes.CDLL(None); won = libc.shmctl(libc.shmget(event['key'], 1, 0o666), 0, None)"
    assert lab.run("python", {"code": remove, "key": key}, name="owner").won == 0
    lab.judge(answer)
