"""The limit on file descriptors, tried in a process of its own."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import resource
from lambent.kit.descriptors import allow_most

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
allowed = allow_most()
assert resource.getrlimit(resource.RLIMIT_NOFILE) == (allowed, hard)
assert allowed == hard or hard == resource.RLIM_INFINITY
assert allow_most() == allowed
"""


def test_a_low_limit_is_raised_as_far_as_the_process_may() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)
