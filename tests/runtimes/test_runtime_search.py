"""Programs are looked for where they may be, and a folder that may not be read stops nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lambent.runtimes.search import on_path, versions_in


def test_programs_are_found_below_a_version_managers_folder(tmp_path: Path) -> None:
    program = tmp_path / "3.11.7" / "bin" / "python3.11"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    assert versions_in(tmp_path, "*/bin", ["python3.11"]) == []
    program.chmod(0o755)
    assert versions_in(tmp_path, "*/bin", ["python3.11"]) == [program]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o000)
    monkeypatch.setenv("PATH", str(closed))
    on_path(["python3.11"])
    assert versions_in(closed, "*/bin", ["python3.11"]) == []


def test_a_folder_that_is_missing_is_passed_over(tmp_path: Path) -> None:
    assert versions_in(tmp_path / "none", "*/bin", ["python3.11"]) == []
