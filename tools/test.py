"""Run the tests: most of them on two workers, then those that need the machine to themselves.

make test ARGS="tests/core -k arn" passes its arguments on to pytest; ARGS="-n 0" takes no workers, for a debugger.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

# Tests wait for processes more than they compute. More workers than this would let them run into their patience.
WORKERS = ("-n", "2")
PHASES = (("not alone", WORKERS), ("alone", ()))


def main(arguments: list[str]) -> int:
    """The exit status of the phase that failed, or of the first when there was nothing to run in either."""
    endings = [run(phase, [*workers, *arguments]) for phase, workers in PHASES]
    failed = [status for status in endings if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)]
    return failed[0] if failed else min(endings)


def run(phase: str, arguments: list[str]) -> int:
    """pytest's exit status."""
    return subprocess.run([sys.executable, "-m", "pytest", "-rs", "-m", phase, *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
