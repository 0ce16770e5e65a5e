"""The soak, in its short form: a mixed load leaves nothing behind, and every caller gets its own answer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).resolve().parents[2] / "benchmarks" / "soak.py"

pytestmark = [
    pytest.mark.alone,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js on this machine"),
]


@pytest.mark.timeout(400)
def test_a_mixed_load_gets_the_right_answers_and_leaves_nothing() -> None:
    argv = [sys.executable, str(SOAK), "--minutes", "0.35", "--callers", "8"]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-3000:]
    assert "nothing wrong" in ended.stdout
