"""What a server leaves when it is killed: nothing for long, and nothing at all once its successor has started."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lambent.kit.log import Log
from lambent.sandbox.base import Assignment, Deferred, IsolationUnavailable, Limits, Started, Template
from lambent.sandbox.namespaces.driver import NamespacesDriver, open_driver
from lambent.sandbox.namespaces.uids import SLOTS

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

HERE = Path(__file__).parent
TEMPLATE = Template("waiting", Deferred(), ())
SHOW = "read line <&3; df -k /tmp; echo done; sleep 1000"


@pytest.fixture
def instance() -> str:
    return f"crash{os.getpid()}"


@pytest.fixture
def doomed(tmp_path: Path, instance: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, object]]]:
    argv = [sys.executable, str(HERE / "doomed_server.py"), str(tmp_path), instance]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server, json.loads(server.stdout.readline())
        server.kill()


def groups(instance: str) -> list[Path]:
    # os.walk passes over groups of others that end meanwhile.
    tops = [Path(top) for top, _, _ in os.walk("/sys/fs/cgroup") if Path(top).parent.name == f"lambent-{instance}"]
    return [each for each in tops if each.is_dir()]


def alive(pids: dict[str, object]) -> list[int]:
    """Those of the processes that still run; one that only waits for its parent's notice has ended."""
    running = []
    for pid in (pids["launcher"], *pids["agents"], *pids["programs"]):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state not in "ZX":
            running.append(pid)
    return running


def mounts() -> str:
    return Path("/proc/self/mountinfo").read_text()


def disks(state_dir: Path) -> list[str]:
    """The loop devices whose images lie in the state folder."""
    found = []
    for file in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):  # it was freed between two looks
            found += [str(file)] if file.read_text().startswith(str(state_dir)) else []
    return found


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        for _ in iter(condition, True):
            await asyncio.sleep(0.005)  # what it looks at are processes, which want the core too


@pytest.mark.parametrize("the_launcher_too", [False, True])
async def test_a_successor_finds_nothing_of_a_killed_server(doomed, tmp_path, instance, the_launcher_too):
    server, pids = doomed
    assert len(alive(pids)) == 7
    assert disks(tmp_path) or pids["notes"], "two of its sandboxes have one, and some wait"
    before = mounts()
    if the_launcher_too:
        os.kill(pids["launcher"], signal.SIGSTOP)
    server.send_signal(signal.SIGKILL)
    server.wait()
    if the_launcher_too:
        os.kill(pids["launcher"], signal.SIGKILL)
    driver = open_driver("full", tmp_path, instance, Log())
    await driver.start()
    try:
        assert alive(pids) == []
        assert {each.name for each in groups(instance)} <= {"launcher"}
        assert mounts() == before
        assert os.listdir(tmp_path / "disks") == []
        sandbox = await driver.sandbox(TEMPLATE)
        # Another server on this machine may have taken the range meanwhile; then it is the first of the next one.
        assert sandbox.uid % SLOTS == pids["first_uid"] % SLOTS, "the user ids are free again"
        await sandbox.close()
    finally:
        await driver.close()
    assert groups(instance) == []
    assert disks(tmp_path) == []


async def test_the_launcher_ends_what_a_killed_server_left_even_without_a_successor(doomed, tmp_path, instance):
    server, pids = doomed
    server.kill()
    server.wait()
    await until(lambda: alive(pids) == [] and disks(tmp_path) == [])
    for group in groups(instance):
        group.rmdir()
    for parent in [Path(top) for top, _, _ in os.walk("/sys/fs/cgroup") if Path(top).name == f"lambent-{instance}"]:
        parent.rmdir()


async def test_two_servers_cannot_share_a_state_folder(doomed, tmp_path, instance):
    driver = open_driver("full", tmp_path, instance, Log())
    with pytest.raises(IsolationUnavailable, match="another server"):
        await driver.start()
    await driver.close()
    assert len(alive(doomed[1])) == 7, "the first one's sandboxes live on"


async def test_closing_the_driver_leaves_no_descriptor_process_group_or_mount(tmp_path, instance):
    before = set(os.listdir("/proc/self/fd")), mounts()
    driver = open_driver("full", tmp_path, instance, Log())
    assert isinstance(driver, NamespacesDriver)
    await driver.start()
    boxes = [await driver.sandbox(TEMPLATE) for _ in range(4)]
    for box in boxes[:2]:
        await box.assign(Assignment((), Limits(1 << 26, 1.0, 1 << 24), {"argv": ["/bin/cat"], "env": {}, "cwd": "/"}))
    assert disks(tmp_path) or driver.notes
    await boxes[0].close()
    launcher = driver._launching.result().process
    await driver.close()
    assert launcher.returncode == 0
    assert (set(os.listdir("/proc/self/fd")), mounts()) == before
    assert groups(instance) == []
    assert disks(tmp_path) == []


@pytest.mark.parametrize("lack", ["program", "device"])
async def test_a_machine_that_cannot_make_disks_keeps_tmp_in_memory_and_says_so(tmp_path, instance, monkeypatch, lack):
    if lack == "program":
        monkeypatch.setattr("shutil.which", lambda name, path: None)
    else:
        monkeypatch.setattr("lambent.sandbox.namespaces.disks._CONTROL", "/dev/no-such-control")
    driver = open_driver("full", tmp_path, instance, Log())
    await driver.start()
    try:
        wanted = {"program": "mkfs.ext4 (of e2fsprogs) is not installed", "device": "/dev/no-such-control"}[lack]
        assert [note for note in driver.notes if note.startswith("Files in /tmp are kept in memory") and wanted in note]
        sandbox = await driver.sandbox(
            Template("shell", Started(("/bin/sh", "-c", SHOW), {"PATH": "/usr/bin:/bin"}), ())
        )
        await sandbox.assign(Assignment((), Limits(1 << 26, 1.0, 8 << 20), {}))
        shown = bytearray()
        async with asyncio.timeout(60):
            while b"done" not in shown:
                with contextlib.suppress(BlockingIOError):
                    shown += os.read(sandbox.output, 4096)
                await asyncio.sleep(0.005)
        assert b"tmpfs" in shown
        assert b" 8192 " in shown, "kilobytes"
        assert disks(tmp_path) == []
        await sandbox.close()
    finally:
        await driver.close()
