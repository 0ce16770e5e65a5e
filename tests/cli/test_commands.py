"""The `lambent` command as a process: what it imports, how it exits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from lambent.cli.main import COMMANDS, Commands, lambent

HEAVY = (
    "boto3",
    "botocore",
    "rich",
    "uvloop",
    "httptools",
    "cryptography",
    "asyncio",
    "importlib.metadata",
    "lambent.app",
)


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_version_is_the_packages() -> None:
    done = _python("-m", "lambent", "version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"Lambent {version('lambent')}\n", "")


@pytest.mark.parametrize("argument", ["--help", "version"])
def test_the_quick_ones_import_nothing_heavy(argument: str) -> None:
    script = (
        "import sys, json\nfrom lambent.cli.main import main\n"
        f"sys.argv = ['lambent', {argument!r}]\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    done = _python("-c", script)
    assert json.loads(done.stdout.splitlines()[-1]) == [], done.stderr


def test_help_lists_every_command_with_its_summary() -> None:
    shown = CliRunner().invoke(lambent, ["--help"]).stdout
    for name, entry in COMMANDS.items():
        assert name in shown
        assert entry.summary in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_there_and_explains_itself(name: str) -> None:
    assert isinstance(lambent, Commands)
    command = lambent.get_command(click.Context(lambent), name)
    assert command is not None
    assert command.name == name
    done = CliRunner().invoke(lambent, [name, "--help"])
    assert done.exit_code == 0
    assert "Usage: lambent" in done.stdout


@pytest.mark.parametrize("arguments", [["nonsense"], ["serve", "--port", "x"], ["invoke"], ["sdk", "add", "cobol"]])
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    done = _python("-m", "lambent", *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_failure_exits_with_3() -> None:
    done = _python("-m", "lambent", "env", "--data", "/nonexistent")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("Error: no server has been started")


def test_a_level_of_isolation_that_cannot_be_had_is_refused_in_one_line(tmp_path: Path) -> None:
    level = "rootless" if os.geteuid() == 0 else "full"
    done = _python("-m", "lambent", "serve", "--port", "0", "--data", str(tmp_path / "data"), "--isolation", level)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"Error: no isolation can be had here: {level}: ")
    assert done.stderr.count("\n") == 1
