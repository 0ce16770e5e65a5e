"""A Node.js that was really fetched from the npm registry, and a function that really runs on it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lambent.runtimes.nodejs.added import PACKAGES

NAME = "nodejs22.x"
HANDLER = "export const handler = async (event) => [process.versions.node, process.execPath, event];\n"


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """An $XDG_DATA_HOME where it was added. Not pytest's own folder, which would keep the large file for days."""
    npm, package = shutil.which("npm"), PACKAGES.get(platform.machine())
    if npm is None or package is None:
        pytest.skip("needs npm, and a machine that Node.js is packaged for")
    asked = subprocess.run([npm, "view", f"{package}@22", "version"], capture_output=True, timeout=100, check=False)
    if asked.returncode != 0:
        pytest.skip("the npm registry cannot be reached")
    with tempfile.TemporaryDirectory(prefix="lambent-test-") as folder:
        done = _lambent(Path(folder), "runtimes", "add", NAME)
        assert done.returncode == 0, done.stderr
        yield Path(folder)


def _lambent(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_DATA_HOME": str(home)}
    command = [sys.executable, "-m", "lambent", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=100, check=False)


def test_the_newest_of_the_registry_is_there_and_listed(home: Path) -> None:
    node = home / "lambent" / "runtimes" / "nodejs22" / "bin" / "node"
    version = subprocess.run([node, "-p", "process.versions.node"], capture_output=True, text=True, check=True).stdout
    assert version.startswith("22.")
    listed = _lambent(home, "runtimes", "list", "--data", str(home / "data")).stdout.splitlines()
    assert listed[-1].split() == [NAME, version.strip(), str(node.parent.parent)]


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_function_runs_on_what_was_added(home: Path, make_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    server = make_server("--strict-runtimes").start()
    server.function("modern", {"index.mjs": HANDLER}, Runtime=NAME, Handler="index.handler", Timeout=10)
    client = server.client("lambda")
    for number in range(2):
        answer = client.invoke(FunctionName="modern", Payload=json.dumps(number).encode())
        version, program, event = json.loads(answer["Payload"].read())
        assert version.startswith("22.")
        assert (program, event) == ("/var/lang/bin/node", number)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_running_server_goes_on_when_it_is_brought_up_to_date(
    home: Path, make_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    server = make_server("--strict-runtimes").start()
    client = server.client("lambda")
    server.function("before", {"index.mjs": HANDLER}, Runtime=NAME, Handler="index.handler", Timeout=10)
    assert "FunctionError" not in client.invoke(FunctionName="before")
    assert _lambent(home, "runtimes", "add", NAME).returncode == 0
    for number in range(12):  # more than wait ahead of time
        name = f"after{number}"
        server.function(name, {"index.mjs": HANDLER}, Runtime=NAME, Handler="index.handler", Timeout=10)
        answer = client.invoke(FunctionName=name)
        assert "FunctionError" not in answer, answer["Payload"].read()
