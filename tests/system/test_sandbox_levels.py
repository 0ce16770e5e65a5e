"""Which level a machine gives to whom: found out by trying, never less than was asked for.

The machine where no namespace can be made is a child with a filter (weak.py); when the tests run as root, an ordinary
user is borrowed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambent.app import open_driver
from lambent.kit.log import Log
from lambent.sandbox.base import IsolationUnavailable, IsolationUndecided
from lambent.sandbox.namespaces import probe
from lambent.sandbox.namespaces.cgroup import look
from lambent.sandbox.namespaces.driver import LOCKS, uid_map
from lambent.sandbox.namespaces.syscalls import landlock_version
from lambent.sandbox.namespaces.uids import claim

HERE = Path(__file__).parent
NOBODY = 65534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can borrow another user")
with_landlock = pytest.mark.skipif(landlock_version() == 0, reason="this kernel has no Landlock")

OPEN = """
import asyncio, sys
from pathlib import Path
from lambent.app import open_driver
from lambent.kit.log import Log
from lambent.sandbox.base import Assignment, Deferred, IsolationUnavailable, Limits, Template

async def main():
    try:
        driver = open_driver(sys.argv[1] or None, Path(sys.argv[2]), "levels", Log())
    except IsolationUnavailable as error:
        print("none:", error)
        return
    await driver.start()
    sandbox = await driver.sandbox(Template("waiting", Deferred(), (), {}, (9001,)))
    message = {"argv": ["/bin/sleep", "9"], "env": {}, "cwd": "/"}
    await sandbox.assign(Assignment((), Limits(1 << 28, 1.0, 1 << 24), message))
    await sandbox.freeze()
    await sandbox.close()
    print(driver.level, *driver.notes, sep="\\n")
    await driver.close()

asyncio.run(main())
"""


def ordinary() -> list[str]:
    """The beginning of a command that an ordinary user runs."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all", "--"]


def python_for_all() -> str:
    python = shutil.which(f"python3.{sys.version_info[1]}", path="/usr/bin:/usr/local/bin")
    if python is None or shutil.which("setpriv") is None:
        pytest.skip("no interpreter of this version that everybody may run")
    return python


def ran(argv: list[str]) -> subprocess.CompletedProcess[str]:
    packages = os.pathsep.join([str(HERE.parents[1] / "src"), *(each for each in sys.path if "site-packages" in each)])
    environment = {"PYTHONPATH": packages, "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": "/tmp"}
    return subprocess.run(argv, env=environment, cwd="/", capture_output=True, text=True, check=False)


def level(user: list[str], asked: str, state: Path, *, weak: bool = True) -> list[str]:
    """The level that `user` gets who asks for `asked`, and what it says it lacks."""
    python = python_for_all()
    machine = [python, str(HERE / "weak.py")] if weak else []
    done = ran([*user, *machine, python, "-c", OPEN, asked, str(state)])
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def state() -> Iterator[Path]:
    """A folder that an ordinary user has to himself."""
    folder = Path("/tmp") / f"lambent-levels-{os.getpid()}-{os.urandom(4).hex()}"
    folder.mkdir(mode=0o755)
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


@as_root
@with_landlock
@pytest.mark.parametrize("user", ["root", "ordinary"])
def test_where_no_namespace_can_be_made_functions_are_fenced_in_and_the_reasons_said(user, state):
    got = level([] if user == "root" else ordinary(), "", state)
    assert got[0] == "process-only"
    because = got[1]
    assert "full: " in because
    assert "rootless: " in because
    assert any("Landlock and seccomp alone" in line for line in got)
    assert any("server's own user" in line for line in got) == (user == "ordinary")


@as_root
@pytest.mark.parametrize("asked", ["full", "rootless"])
@pytest.mark.parametrize("user", ["root", "ordinary"])
def test_nobody_gets_less_than_was_asked_for(user, asked, state):
    got = level([] if user == "root" else ordinary(), asked, state)
    assert got[0].startswith(f"none: no isolation can be had here: {asked}: ")


@as_root
@with_landlock
def test_the_weakest_level_can_be_asked_for_where_a_stronger_one_could_be_had(state):
    got = level([], "process-only", state, weak=False)
    assert got[0] == "process-only"
    assert not any("No stronger level" in line for line in got)


@pytest.fixture
def delegated() -> Iterator[Path]:
    """A group of version 2 that was handed to the ordinary user, as systemd does it."""
    unified = [each.top for each in look() if each.version == 2]
    if not unified:
        pytest.skip("no control groups of version 2")
    own = unified[0] / f"lambent-levels-{os.getpid()}"
    own.mkdir()
    for each in (own, own / "cgroup.procs", own / "cgroup.subtree_control", own / "cgroup.threads"):
        os.chown(each, NOBODY, NOBODY)
    yield own
    for folder in sorted(own.glob("**/"), reverse=True):
        folder.rmdir()


@as_root
@pytest.mark.parametrize("asked", ["rootless", "process-only"])
def test_an_ordinary_user_freezes_and_kills_by_the_group_that_was_delegated_to_him(asked, state, delegated):
    join = ["sh", "-c", f'echo $$ > {delegated}/cgroup.procs && exec "$@"', "sh"]
    got = level([*join, *ordinary()], asked, state, weak=False)
    assert got[0] == asked
    assert not any("SIGSTOP" in line for line in got)
    assert [each.name for each in delegated.iterdir() if each.is_dir()] in ([], ["lambent-server"])
    without = level(ordinary(), asked, state, weak=False)
    assert any("SIGSTOP" in line for line in without)


@pytest.mark.parametrize("asked", [None, "process-only"])
def test_no_weaker_level_is_taken_because_the_machine_is_too_busy_to_try(asked, tmp_path, monkeypatch):
    monkeypatch.setattr(probe, "_PATIENCE_S", 1e-6)
    with pytest.raises(IsolationUndecided, match="overloaded"):
        open_driver(asked, tmp_path, "x", Log())


def test_a_level_that_is_none_is_refused(tmp_path):
    for asked in ("none", "absolute"):
        with pytest.raises(IsolationUnavailable, match=asked):
            open_driver(asked, tmp_path, "x", Log())


@as_root
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "file",
    ["test_sandbox_contract.py", "test_sandbox_rootless.py", "test_attacks_sandbox.py", "test_attacks_process.py"],
)
def test_an_ordinary_user_passes_the_tests_of_his_levels(file):
    argv = [*ordinary(), python_for_all(), "-m", "pytest", "-p", "no:cacheprovider", "-ra"]
    done = ran([*argv, "-k", "rootless or ordinary or process", str(HERE / file)])
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@as_root
@with_landlock
def test_trying_a_level_ends_nothing_of_another_server(state):
    bystander = claim(LOCKS, uid_map())
    uid = bystander.take()
    try:
        with subprocess.Popen(["sleep", "1000"], user=uid, group=uid, extra_groups=[]) as process:
            assert level([], "process-only", state, weak=False)[0] == "process-only"
            assert process.poll() is None
            process.kill()
    finally:
        bystander.close()
