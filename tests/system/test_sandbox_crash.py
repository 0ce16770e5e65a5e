"""What a server leaves when it is killed: nothing for long, and nothing at all once its successor has started."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambent.kit.log import Log
from lambent.sandbox.base import Deferred, IsolationUnavailable, Template
from lambent.sandbox.namespaces.driver import NamespacesDriver, open_driver

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

HERE = Path(__file__).parent
TEMPLATE = Template("waiting", Deferred(), ())


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
    return [each for each in Path("/sys/fs/cgroup").rglob(f"lambent-{instance}/*") if each.is_dir()]


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


@pytest.mark.parametrize("the_launcher_too", [False, True])
async def test_a_successor_finds_nothing_of_a_killed_server(doomed, tmp_path, instance, the_launcher_too):
    server, pids = doomed
    assert len(alive(pids)) == 7
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
        sandbox = await driver.sandbox(TEMPLATE)
        assert sandbox.uid == pids["first_uid"], "the user ids are free again"
        await sandbox.close()
    finally:
        await driver.close()
    assert groups(instance) == []


async def test_the_launcher_ends_what_a_killed_server_left_even_without_a_successor(doomed, instance):
    server, pids = doomed
    server.kill()
    server.wait()
    async with asyncio.timeout(20):
        for _ in iter(lambda: alive(pids), []):
            await asyncio.sleep(0)
    for group in groups(instance):
        group.rmdir()
    for parent in Path("/sys/fs/cgroup").rglob(f"lambent-{instance}"):
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
    await boxes[0].close()
    launcher = driver._launching.result().process
    await driver.close()
    assert launcher.returncode == 0
    assert (set(os.listdir("/proc/self/fd")), mounts()) == before
    assert groups(instance) == []
