"""Where functions' SDKs come from. Nothing is fetched here: commands that would are replaced."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lambent.runtimes import sdk as module
from lambent.runtimes.base import Interpreter
from lambent.runtimes.sdk import Sdk, SdkFailed, own_folder, own_supports, sdk_entries

HERE = f"python3.{sys.version_info.minor}"


def python(minor: int) -> Interpreter:
    return Interpreter("python", Path("/x"), f"3.{minor}.1", Path("/"))


@pytest.fixture
def sdk(tmp_path: Path) -> Sdk:
    return Sdk(tmp_path / "sdk")


def test_the_server_s_own_boto3_serves_the_pythons_that_it_supports(sdk: Sdk) -> None:
    assert own_supports(sys.version_info.minor)
    assert not own_supports(6)
    assert sdk.place(python(sys.version_info.minor)) == own_folder()
    assert sdk.place(python(6)) is None


def test_only_what_boto3_needs_is_shown(tmp_path: Path) -> None:
    for name in (
        "boto3",
        "botocore",
        "six.py",
        "requests",
        "boto3-1.0.dist-info",
        "requests-1.dist-info",
        "six-1.dist-info",
    ):
        (tmp_path / name).mkdir()
    shown = [entry.name for entry in sdk_entries(tmp_path)]
    assert shown == ["boto3", "boto3-1.0.dist-info", "botocore", "six-1.dist-info", "six.py"]


def test_an_installed_copy_is_compiled_and_then_preferred(sdk: Sdk) -> None:
    installed = sdk.install(HERE, Path(sys.executable))
    assert installed.folder == sdk.root / HERE
    assert sdk.place(python(sys.version_info.minor)) == installed.folder
    own = own_folder()
    assert own is not None
    assert (installed.folder / "boto3" / "session.py").samefile(own / "boto3" / "session.py") or (
        installed.folder / "boto3" / "session.py"
    ).read_bytes() == (own / "boto3" / "session.py").read_bytes()
    assert list((installed.folder / "boto3" / "__pycache__").glob("session.*.pyc"))
    script = f"import sys; sys.path.insert(0, {str(installed.folder)!r}); import boto3; print(boto3.__file__)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(installed.folder))


def test_an_installed_copy_that_is_not_the_server_s_version_is_left_aside(sdk: Sdk) -> None:
    old = sdk.root / HERE
    (old / "boto3-1.0.0.dist-info").mkdir(parents=True)
    assert sdk.place(python(sys.version_info.minor)) == own_folder()
    (sdk.root / "python3.6" / "boto3-1.0.0.dist-info").mkdir(parents=True)
    assert sdk.place(python(6)) == sdk.root / "python3.6"


def test_what_is_installed_is_told_with_its_version(sdk: Sdk) -> None:
    (sdk.root / "python3.6" / "boto3-1.2.3.dist-info").mkdir(parents=True)
    client = sdk.root / "nodejs" / "node_modules" / "@aws-sdk" / "client-s3"
    client.mkdir(parents=True)
    (client / "package.json").write_text('{"version": "3.9.9"}')
    found = sdk.installed(["nodejs", "python3.6", "python3.7"])
    assert [(each.target, each.name, each.version) for each in found] == [
        ("nodejs", "@aws-sdk/client-s3", "3.9.9"),
        ("python3.6", "boto3", "1.2.3"),
    ]


def _failing(command: list[str]) -> None:
    raise SdkFailed(f"{Path(command[0]).name}: no network")


def test_a_failed_installation_leaves_what_was_there(sdk: Sdk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_run", _failing)
    (sdk.root / "python3.6").mkdir(parents=True)
    with pytest.raises(SdkFailed, match="no network"):
        sdk.install("python3.6")
    assert [entry.name for entry in sdk.root.iterdir()] == ["python3.6"]


def test_a_new_installation_takes_the_old_one_s_place(sdk: Sdk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetched(command: list[str]) -> None:
        (Path(command[command.index("--target") + 1]) / "boto3-2.0.0.dist-info").mkdir()

    monkeypatch.setattr(module, "_run", fetched)
    (sdk.root / "python3.6" / "boto3-1.0.0.dist-info").mkdir(parents=True)
    assert sdk.install("python3.6").version == "2.0.0"
    assert [entry.name for entry in sdk.root.iterdir()] == ["python3.6"]
    assert [entry.name for entry in (sdk.root / "python3.6").iterdir()] == ["boto3-2.0.0.dist-info"]


def test_a_command_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SdkFailed, match=r"sh: it broke"):
        module._run(["/bin/sh", "-c", "echo first >&2; echo it broke >&2; exit 3"])
    with pytest.raises(SdkFailed, match="nothing_like_it"):
        module._run(["/nothing_like_it"])


def test_without_npm_there_is_no_sdk_for_node(sdk: Sdk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    with pytest.raises(SdkFailed, match="npm"):
        sdk.install("nodejs")


@pytest.mark.parametrize("target", ["ruby3.4", "python2.7", "python3", "../x", "nodejs20.x"])
def test_other_targets_are_refused(sdk: Sdk, target: str) -> None:
    with pytest.raises(SdkFailed, match="There is no SDK for"):
        sdk.install(target)
