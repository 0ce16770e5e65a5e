"""Memory that is gathered before it is shared."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

GATHER = """
import re
from lambent.sandbox.namespaces import syscalls

ballast = ["%d" % number * 20 for number in range(200_000)]
syscalls.gather_pages(map(id, ballast))
print(re.search("AnonHugePages: *([0-9]+)", open("/proc/self/smaps_rollup").read())[1])
assert ballast == ["%d" % number * 20 for number in range(200_000)]
syscalls.gather_pages([0, 1 << 46])
"""


def kernel() -> tuple[int, ...]:
    return tuple(map(int, Path("/proc/sys/kernel/osrelease").read_text().split("-")[0].split(".")[:2]))


@pytest.mark.skipif(kernel() < (6, 1), reason="needs Linux 6.1")
@pytest.mark.skipif(not Path("/sys/kernel/mm/transparent_hugepage").exists(), reason="a kernel without large pages")
def test_what_forks_share_is_gathered_in_large_pages_and_stays_what_it_is():
    done = subprocess.run([sys.executable, "-c", GATHER], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 4096
