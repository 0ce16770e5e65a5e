"""Control groups of version 2, as far as this kernel mounts them: delegation below a group that has processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambent.sandbox.namespaces.cgroup import look

pytestmark = [pytest.mark.alone, pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

MAKE = """
import sys
from pathlib import Path
from lambent.sandbox.namespaces import cgroup
own, controller = Path(sys.argv[1]), sys.argv[2]
(own / "cgroup.procs").write_text("0")
hierarchy = cgroup.Hierarchy(2, own.parent, own, frozenset({controller}))
print(cgroup._make_parent(hierarchy, "lambent-x", [controller])[0])
print(Path("/proc/self/cgroup").read_text().splitlines()[-1].rpartition("/")[2])
"""


@pytest.fixture
def delegated() -> Iterator[tuple[Path, str]]:
    """A group of version 2 whose parent hands it a controller, and that controller's name."""
    unified = [each for each in look() if each.version == 2]
    if not unified or not unified[0].controllers:
        pytest.skip("version 2 has no controller here")
    top, controller = unified[0].top, sorted(unified[0].controllers)[0]
    switch = top / "cgroup.subtree_control"
    was_on = controller in switch.read_text().split()
    switch.write_text(f"+{controller}")
    own = top / f"lambent-test-{os.getpid()}"
    own.mkdir()
    yield own, controller
    for folder in sorted(own.glob("**/"), reverse=True):
        folder.rmdir()
    if not was_on:
        switch.write_text(f"-{controller}")


def test_a_server_makes_room_for_controlled_groups_by_moving_into_a_leaf(delegated):
    own, controller = delegated
    argv = [sys.executable, "-c", MAKE, str(own), controller]
    place, leaf = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    assert Path(place) == own / "lambent-x"
    assert leaf == "lambent-server"
    assert (Path(place) / "cgroup.subtree_control").read_text().split() == [controller]
    sandbox = Path(place) / "s1"
    sandbox.mkdir()
    assert controller in (sandbox / "cgroup.controllers").read_text().split()


def test_where_somebody_else_is_in_the_group_the_one_beside_it_is_taken(delegated):
    own, controller = delegated
    with subprocess.Popen(["sleep", "1000"]) as other:
        (own / "cgroup.procs").write_text(str(other.pid))
        argv = [sys.executable, "-c", MAKE, str(own), controller]
        place = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()[0]
        other.kill()
    assert Path(place) == own.parent / "lambent-x"
    Path(place).rmdir()
