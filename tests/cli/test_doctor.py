"""What `lambent doctor` advises, and how it looks when things are missing."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner
from rich.console import Console

from lambent.cli import doctor
from lambent.cli.doctor import Advice, advice, cure, sdk_targets, sheet
from lambent.cli.main import lambent
from lambent.examination import Report
from lambent.runtimes.base import Runtime
from lambent.runtimes.sdk import Sdk


def _runtime(name: str, version: str, *, exact: bool = True) -> Runtime:
    family = "python" if name.startswith("python") else "nodejs" if name.startswith("nodejs") else "provided"
    return cast(Runtime, SimpleNamespace(name=name, family=family, version=version, exact=exact, note=f"on {version}"))


def _report(
    tmp_path: Path,
    *runtimes: Runtime,
    isolation: str | None = "full",
    notes: Sequence[str] = (),
    missing: Sequence[str] = (),
) -> Report:
    catalogue: Any = SimpleNamespace(all=lambda: runtimes, missing=lambda: missing)
    return Report(isolation, notes, catalogue, Sdk(tmp_path), "5.2.5")


def test_who_has_the_services_that_are_not_ours_is_said(tmp_path: Path) -> None:
    report = _report(tmp_path, _runtime("python3.12", "3.12.1"))
    assert "moto 5.2.5" in _written(sheet(report, tmp_path, root=True))
    without = replace(report, moto=None)
    assert advice(without, root=True) == [Advice("S3, DynamoDB and other AWS services", doctor.MOTO)]
    assert "pip install 'lambent[moto]'" in _written(sheet(without, tmp_path, root=True))


def _written(page: Any) -> str:
    console = Console(file=io.StringIO(), width=doctor.PLAIN_WIDTH)
    console.print(page)
    return cast(io.StringIO, console.file).getvalue()


def test_with_everything_there_is_nothing_to_advise(tmp_path: Path) -> None:
    assert advice(_report(tmp_path, _runtime("python3.12", "3.12.1")), root=True) == []


def test_every_lack_has_its_cure_and_one_cure_is_named_once(tmp_path: Path) -> None:
    report = _report(
        tmp_path,
        _runtime("nodejs20.x", "20.1.0"),
        _runtime("nodejs22.x", "20.1.0", exact=False),
        _runtime("python3.8", "3.8.18"),
        isolation="rootless",
        missing=("dotnet8", "dotnet10"),
    )
    assert advice(report, root=False) == [
        Advice("full isolation", "sudo lambent serve"),
        Advice("an AWS SDK for nodejs", "lambent sdk add nodejs"),
        Advice("an AWS SDK for python3.8", "lambent sdk add python3.8"),
        Advice("the exact version of nodejs22.x", "lambent runtimes add nodejs22.x"),
        Advice("dotnet8, dotnet10", "not offered by this version of Lambent"),
    ]


def test_root_is_not_told_to_become_root_but_to_be_given_its_rights(tmp_path: Path) -> None:
    (told,) = advice(_report(tmp_path, isolation="process-only"), root=True)
    assert told.lack == "full isolation"
    assert "sudo" not in told.cure
    assert "--privileged" in told.cure


def test_whoever_lacks_control_groups_is_told_how_to_have_some_delegated(tmp_path: Path) -> None:
    lacking = replace(_report(tmp_path, isolation="rootless"), notes=("no memory control group can be made.",))
    assert [told.cure for told in advice(lacking, root=False)] == [
        "sudo lambent serve",
        "systemd-run --user --scope -p Delegate=yes lambent serve",
    ]


@pytest.mark.parametrize("level", ["rootless", "process-only"])
def test_a_weaker_level_is_called_what_it_is(tmp_path: Path, level: str) -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(sheet(_report(tmp_path, isolation=level), tmp_path, root=True))
    assert "not for code that you do not trust" in console.export_text()


@pytest.mark.parametrize(
    ("runtime", "what"),
    [
        ("python3.14", "pyenv install 3.14, or uv python install 3.14"),
        ("nodejs24.x", "lambent runtimes add nodejs24.x"),
        ("java21", "JDK 21 (not a JRE, which has no compiler) on the PATH or below /usr/lib/jvm"),
        ("java11", "nothing: a JDK 17 or later runs what was compiled for older ones"),
        ("ruby3.4", "rbenv install 3.4, or any Ruby 3.4 on the PATH"),
        ("dotnet8", "not offered by this version of Lambent"),
    ],
)
def test_the_cure_of_a_missing_runtime(runtime: str, what: str) -> None:
    assert cure(runtime) == what


def test_the_sdk_is_wanted_for_what_really_runs() -> None:
    runtimes = [
        _runtime("python3.14", "3.13.0", exact=False),
        _runtime("python3.10", "3.10.1"),
        _runtime("nodejs24.x", "20.0.0", exact=False),
        _runtime("provided.al2023", ""),
    ]
    assert sdk_targets(runtimes) == ["nodejs", "python3.10", "python3.13"]


def test_an_interpreter_newer_than_any_sdk_target_is_passed_over() -> None:
    assert sdk_targets([_runtime("python3.14", "3.15.0", exact=False)]) == []


def _printed(report: Report) -> str:
    stream = io.StringIO()
    Console(file=stream, width=200).print(sheet(report, Path("/data"), root=True))
    return stream.getvalue()


def test_runtimes_are_in_the_order_of_their_versions(tmp_path: Path) -> None:
    printed = _printed(_report(tmp_path, *(_runtime(f"python3.{minor}", f"3.{minor}.0") for minor in (10, 9, 8))))
    assert [line.split()[0] for line in printed.splitlines() if line.startswith("python3.") and "exact" in line] == [
        "python3.8",
        "python3.9",
        "python3.10",
    ]


def test_a_machine_without_isolation_is_told_why_and_the_command_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def examine(settings: object) -> Report:
        return _report(tmp_path, isolation=None, notes=["no isolation can be had here; full: it needs root"])

    monkeypatch.setattr(doctor, "examine", examine)
    done = CliRunner().invoke(lambent, ["doctor", "--data", str(tmp_path)])
    assert done.exit_code == 3
    assert "it needs root" in done.stdout
    assert done.stdout.splitlines()[1].split() == ["isolation", "none"]


def test_a_data_directory_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(lambent, ["doctor", "--data", str(tmp_path / "file" / "below")])
    assert done.exit_code == 3
    assert done.stderr.startswith("Error: cannot use the data directory")
    assert done.stderr.count("\n") == 1
