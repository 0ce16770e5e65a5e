"""The example of a queue whose messages fail, as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "sqs-dead-queue" / "run.py"


def test_what_a_function_cannot_handle_is_retried_and_ends_in_the_dead_queue(shared_server: Any) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)], env=shared_server.environment(), capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    *log, last = done.stdout.splitlines()
    assert sorted(log) == [
        "order 1 is taken",
        "order 2 cannot be taken (attempt 1)",
        "order 2 cannot be taken (attempt 2)",
        "order 2 cannot be taken (attempt 3)",
        "order 3 is taken",
    ]
    assert last == 'in the dead queue: {"id": 2, "amount": -1}'
