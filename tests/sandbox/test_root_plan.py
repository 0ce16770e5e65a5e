"""The plan of a template's root."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambent.sandbox.base import Bind, Deferred, Forked, Template
from lambent.sandbox.namespaces.plan import SHARED_ETC, ZYGOTE_FOLDER, Host, root_steps, survey

HOST = Host(links={"/bin": "usr/bin"}, folders=("/usr",), etc=("/etc/ssl/certs",))
CODE = Path("/code")
FORKED = Forked("/var/lang/bin/python3.11", "/var/runtime/bootstrap.py", ("/var/lang/lib",))


def template(program=None, binds=(), links=None):
    return Template("t", program or Deferred(), tuple(binds), links or {})


def test_the_root_is_sealed_last():
    steps = root_steps(template(), HOST, CODE, own_proc=False)
    assert steps[-1] == ("seal", "/")
    assert [step for step in steps if step[0] == "seal"] == [("seal", "/")]


def test_the_systems_folders_keep_their_form():
    steps = root_steps(template(), HOST, CODE, own_proc=False)
    assert ("bind", "/usr", "/usr") in steps
    assert ("link", "/bin", "usr/bin") in steps


def test_the_templates_binds_and_links_come_after_the_systems_own():
    bind = Bind(Path("/data/python"), "/usr/local")
    steps = root_steps(template(binds=[bind], links={"/var/rt": "/var/runtime"}), HOST, CODE, own_proc=False)
    assert steps.index(("bind", "/usr", "/usr")) < steps.index(("bind", "/data/python", "/usr/local"))
    assert ("link", "/var/rt", "/var/runtime") in steps


@pytest.mark.parametrize("path", ["/var/task", "/opt", "/var/runtime", "/var/lang", "/tmp", "/proc"])
def test_there_is_a_place_for_what_is_mounted_later(path):
    assert ("folder", path) in root_steps(template(), HOST, CODE, own_proc=False)


def test_nothing_of_the_hosts_etc_is_shared_but_what_the_host_has_of_the_list():
    steps = root_steps(template(), HOST, CODE, own_proc=False)
    shared = [step[1] for step in steps if step[0] == "bind" and step[1].startswith("/etc")]
    assert shared == ["/etc/ssl/certs"]
    assert not {"/etc/shadow", "/etc/passwd", "/etc/machine-id", "/etc/hostname", "/etc"} & set(SHARED_ETC)


def test_there_are_no_devices_but_the_harmless_ones_and_no_sys():
    steps = root_steps(template(), HOST, CODE, own_proc=False)
    assert {step[2] for step in steps if step[0] == "device"} == {
        f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom")
    }
    assert not [step for step in steps if step[-1].startswith("/sys")]


def test_the_hosts_proc_is_shown_only_where_the_kernel_asks_for_it():
    assert ("bind", "/proc", "/proc") not in root_steps(template(), HOST, CODE, own_proc=False)
    assert ("bind", "/proc", "/proc") in root_steps(template(), HOST, CODE, own_proc=True)


def test_only_a_forked_template_sees_the_zygotes_code():
    bind = ("bind", "/code", ZYGOTE_FOLDER)
    assert bind in root_steps(template(FORKED), HOST, CODE, own_proc=False)
    assert bind not in root_steps(template(), HOST, CODE, own_proc=False)


def test_what_a_template_names_again_is_mounted_once():
    steps = root_steps(template(binds=[Bind(Path("/usr"), "/usr")]), HOST, CODE, own_proc=False)
    assert steps.count(("bind", "/usr", "/usr")) == 1


def test_the_survey_tells_links_from_folders_and_finds_what_there_is(tmp_path):
    (tmp_path / "usr" / "lib").mkdir(parents=True)
    (tmp_path / "lib").symlink_to("usr/lib")
    (tmp_path / "lib64").mkdir()
    (tmp_path / "etc" / "ssl" / "certs").mkdir(parents=True)
    (tmp_path / "etc" / "services").touch()
    host = survey(tmp_path)
    assert host.links == {"/lib": "usr/lib"}
    assert host.folders == ("/usr", "/lib64")
    assert set(host.etc) == {"/etc/ssl/certs", "/etc/services"}
