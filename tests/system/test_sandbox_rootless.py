"""The level `rootless`, which an ordinary user gets. When the tests run as root, an ordinary user is borrowed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lambent.kit.log import Log
from lambent.sandbox.base import IsolationUnavailable
from lambent.sandbox.namespaces.driver import open_driver

HERE = Path(__file__).parent
NOBODY = 65534


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("lab", ["rootless"], indirect=True, scope="module")
async def test_an_ordinary_user_gets_working_sandboxes_and_is_told_what_they_lack(lab):
    assert lab.driver.level == "rootless"
    assert any("server's own user" in note for note in lab.driver.notes)
    async with lab.guest(message={"n": 1}) as guest:
        assert await guest.run("import os, getpass; result = [os.getuid(), getpass.getuser()]") == [993, "sbx_user1051"]
        await guest.run("open('/tmp/kept', 'w').write('x'); result = 1")
        await guest.sandbox.restart()
        assert await guest.connect() == {"n": 1}
        assert await guest.run("import os; result = os.listdir('/tmp')") == ["kept"]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("lab", ["rootless"], indirect=True, scope="module")
async def test_a_frozen_sandbox_of_an_ordinary_user_stands_still_until_thawed(lab):
    async with lab.guest() as guest:
        await guest.sandbox.freeze()
        await guest.tell("result = 5")
        with pytest.raises(TimeoutError):
            await guest.answer(patience_s=0.2)
        guest.sandbox.thaw()
        assert await guest.answer() == {"result": 5}
        await guest.sandbox.freeze()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("lab", ["rootless"], indirect=True, scope="module")
async def test_taking_too_much_memory_fails_for_an_ordinary_user_too(lab):
    async with lab.guest(memory_mb=64) as guest:
        assert (await guest.try_("hoard = bytearray(900 << 20)"))["error"] == "MemoryError"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_does_not_get_the_rootless_level(tmp_path):
    with pytest.raises(IsolationUnavailable, match="not safe as root"):
        open_driver("rootless", tmp_path, "x", Log())


def test_an_unknown_level_is_refused(tmp_path):
    for level in ("process-only", "none", "absolute"):
        with pytest.raises(IsolationUnavailable, match=level):
            open_driver(level, tmp_path, "x", Log())


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can borrow another user")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("file", ["test_sandbox_rootless.py", "test_attacks_sandbox.py"])
def test_an_ordinary_user_passes_the_tests_of_this_level(file, tmp_path_factory):
    python = shutil.which(f"python3.{sys.version_info[1]}", path="/usr/bin:/usr/local/bin")
    if python is None or shutil.which("setpriv") is None:
        pytest.skip("no interpreter of this version that everybody may run")
    packages = os.pathsep.join([str(HERE.parents[1] / "src"), *(each for each in sys.path if "site-packages" in each)])
    argv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all", "--", python]
    argv += ["-m", "pytest", "-p", "no:cacheprovider", "-k", "rootless or ordinary", "-ra", str(HERE / file)]
    environment = {"PYTHONPATH": packages, "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(argv, env=environment, cwd="/", capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert " passed" in ran.stdout
