"""The example of a bucket that calls a function, as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "s3-words" / "run.py"


def test_an_upload_ends_in_a_table_and_in_another_bucket(moto_server: Any) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)], env=moto_server.environment(), capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "in the table: a rose.txt 10",
        "in the other bucket: 4 rose, 3 is, 3 a",
    ]
