"""What is particular to the level `rootless`, which an ordinary user gets (test_sandbox_levels.py runs it as one)."""

from __future__ import annotations

import os

import pytest

from lambent.kit.log import Log
from lambent.sandbox.base import IsolationUnavailable
from lambent.sandbox.namespaces.driver import open_driver


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


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_does_not_get_the_rootless_level(tmp_path):
    with pytest.raises(IsolationUnavailable, match="not safe as root"):
        open_driver("rootless", tmp_path, "x", Log())
