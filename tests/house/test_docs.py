"""What the documents point to is there, and what the README tells to type works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lambent.cli.main import COMMANDS
from lambent.core.lifecycle import NEXT

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_paths_lead_somewhere(document: Path) -> None:
    text = document.read_text()
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    missing = [link for link in links if link and not (document.parent / link).exists()]
    paths = re.findall(r"`((?:tests|tools|examples|docs)/[\w./-]+)`", text)
    missing += [path for path in paths if not (ROOT / path).exists()]
    assert missing == []


def test_every_decision_is_in_the_list() -> None:
    folder = ROOT / "docs" / "decisions"
    text = (folder / "README.md").read_text()
    for page in folder.glob("0*.md"):
        assert f"]({page.name})" in text
        assert page.read_text().startswith(f"# {page.name[:4]}: ")


def test_every_command_of_lambent_and_make_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        text = document.read_text()
        code = "\n".join([*re.findall(r"```.*?```", text, re.DOTALL), *re.findall(r"`[^`\n]+`", text)])
        assert set(re.findall(r"\bmake ([a-z]+)", code)) <= targets
        assert set(re.findall(r"\blambent ([a-z]+)\b", code)) <= set(COMMANDS)


def test_the_states_of_an_environment_are_drawn_from_the_table() -> None:
    drawn = re.findall(
        r"^\| (\w+) \| ([\w ]+) \| (\w+) \|$", (ROOT / "docs" / "architecture.md").read_text(), re.MULTILINE
    )
    table = [(state.value, event.value, after.value) for (state, event), after in NEXT.items()]
    assert sorted(row for row in drawn if row[0] != "state") == sorted(table)


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def _making() -> str:
    return next(block for block in _blocks("sh") if "zipfile -c" in block)


def _run(server: Any, place: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**server.environment(), "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_function_of_the_readme_is_made_by_boto3(shared_server: Any, tmp_path: Path) -> None:
    shared_server.role("runner")
    assert _run(shared_server, tmp_path, "sh", "-e", "-c", _making().partition("aws ")[0]).returncode == 0
    (script,) = _blocks("python")
    done = _run(shared_server, tmp_path, sys.executable, "-c", script)
    assert done.stdout == 'b\'{"hello": "you"}\'\n', done.stderr
    shared_server.client("lambda").delete_function(FunctionName="hello")


@pytest.mark.skipif(shutil.which("aws") is None, reason="the aws command line is not installed")
def test_the_function_of_the_readme_is_made_by_aws(make_server: Any, tmp_path: Path) -> None:
    server = make_server().start()
    done = _run(server, tmp_path, "sh", "-e", "-c", _making())
    assert done.returncode == 0, done.stderr
    (calling,) = (block for block in _blocks("sh") if "lambent invoke hello" in block)
    line = calling.splitlines()[0].partition("#")[0].replace("lambent", f"{sys.executable} -m lambent", 1)
    done = _run(server, tmp_path, "sh", "-c", line)
    assert done.stdout == '{\n  "hello": "you"\n}\n', done.stderr
    assert "called with {'name': 'you'}" in done.stderr
