"""Hostile functions look for files that are not theirs: the host's, the server's, other functions'."""

from __future__ import annotations

import shutil

import pytest

pytestmark = pytest.mark.root

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js on this machine")


@pytest.mark.protected_by("minimal_root")
def test_python_cannot_read_a_file_of_the_host(lab):
    lab.judge(lab.python("won = open(event['path']).read()", path=str(lab.folder / "canary")))


@needs_node
@pytest.mark.protected_by("minimal_root")
def test_node_cannot_read_a_file_of_the_host(lab):
    code = "return require('node:fs').readFileSync(event.path, 'utf8')"
    lab.judge(lab.node(code, path=str(lab.folder / "canary")))


@pytest.mark.protected_by("minimal_root")
@pytest.mark.parametrize("path", ["/etc/fstab", "/sys/kernel", "/etc/hostname"])
def test_native_code_cannot_read_what_tells_of_the_host(lab, path):
    lab.judge(lab.native("open_to_read", text=path))


@pytest.mark.protected_by("minimal_root", "user")
def test_the_servers_master_key_and_databases_cannot_be_read(lab):
    code = """
won = []
for name in ("master.key", "credentials", "records.db"):
    try:
        won.append(len(open(f"{event['data']}/{name}", "rb").read()))
    except OSError as error:
        lost = error
"""
    assert (lab.server.data / "master.key").exists()
    lab.judge(lab.python(code, data=str(lab.server.data)))


@pytest.mark.protected_by("minimal_root", "user")
def test_the_code_of_other_functions_cannot_be_read(lab):
    lab.function("python", name="victim")
    code = """
import pathlib
won = [path.read_text() for path in pathlib.Path(event["artifacts"]).rglob("app.py")]
"""
    artifacts = lab.server.data / "artifacts"
    assert list(artifacts.rglob("app.py"))
    lab.judge(lab.python(code, artifacts=str(artifacts)))


@pytest.mark.protected_by("read_only", "user")
@pytest.mark.parametrize("path", ["/var/task/bootstrap", "/usr/lib/os-release", "/etc/ssl/openssl.cnf", "/etc/hosts"])
def test_code_and_system_cannot_be_changed(lab, path):
    if path == "/var/task/bootstrap":
        path = "/var/task/whoami"  # what runs cannot be opened for writing anyway
    lab.judge(lab.native("open_to_write", text=path))


@pytest.mark.protected_by("read_only", "user")
def test_there_is_no_place_to_fill_but_tmp(lab):
    code = """
import os
won = []
for folder, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in ("/proc", "/tmp", "/usr", "/sys")]
    if folder != "/" and os.access(folder, os.W_OK):
        won.append(folder)
"""
    lab.judge(lab.python(code))


@pytest.mark.protected_by("mount_namespace")
def test_the_tmp_of_another_function_cannot_be_seen(lab):
    for _ in range(5 if lab.off else 1):  # where it is shared, sandboxes made meanwhile mount theirs over it
        lab.run("python", {"code": "open('/tmp/mine', 'w').write('secret')"}, name="owner")
        if answer := lab.python("won = open('/tmp/mine').read()"):
            break
    lab.judge(answer)
