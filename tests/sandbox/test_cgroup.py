"""Control groups: layouts as text, and a tree of plain files for what is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lambent.sandbox.namespaces import cgroup
from lambent.sandbox.namespaces.cgroup import (
    CPU,
    FREEZE,
    MEMORY,
    PIDS,
    Group,
    Hierarchy,
    counter,
    cpu_writes,
    duties,
    hierarchies,
    memory_writes,
    missing,
    places,
)

HYBRID_MOUNTS = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:5 - cgroup cgroup rw,memory
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
HYBRID_OWN = """\
9:name=systemd:/user.slice
8:pids:/
6:freezer:/
4:memory:/service/x
1:cpu,cpuacct:/
0::/user.slice
"""
UNIFIED_MOUNTS = "30 25 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
TOP = Path("/sys/fs/cgroup")


def by_duty(found: list[Hierarchy]) -> dict[str, tuple[int, str]]:
    return {duty: (each.version, str(each.top)) for duty, each in duties(found).items()}


def test_in_a_hybrid_layout_version_1_limits_and_version_2_freezes():
    assert by_duty(hierarchies(HYBRID_MOUNTS, HYBRID_OWN, "")) == {
        MEMORY: (1, "/sys/fs/cgroup/memory"),
        CPU: (1, "/sys/fs/cgroup/cpu,cpuacct"),
        PIDS: (1, "/sys/fs/cgroup/pids"),
        FREEZE: (2, "/sys/fs/cgroup/unified"),
    }


def test_in_a_hybrid_layout_a_controller_that_version_2_has_is_used_there():
    found = by_duty(hierarchies(HYBRID_MOUNTS, HYBRID_OWN, "memory"))
    assert found[MEMORY] == (2, "/sys/fs/cgroup/unified")
    assert found[CPU] == (1, "/sys/fs/cgroup/cpu,cpuacct")


def test_in_a_unified_layout_version_2_does_everything():
    found = by_duty(hierarchies(UNIFIED_MOUNTS, "0::/system.slice/lambent.service\n", "cpuset cpu io memory pids"))
    assert found == dict.fromkeys((MEMORY, CPU, PIDS, FREEZE), (2, "/sys/fs/cgroup"))


def test_in_an_old_layout_version_1_freezes():
    mounts = "\n".join(line for line in HYBRID_MOUNTS.splitlines() if "cgroup2" not in line)
    assert by_duty(hierarchies(mounts, HYBRID_OWN, ""))[FREEZE] == (1, "/sys/fs/cgroup/freezer")


def test_without_groups_every_lack_is_named():
    assert duties(hierarchies("", "", "")) == {}
    assert len(missing({})) == 4


def test_the_servers_own_group_is_found_below_the_mount():
    found = {each.top.name: each.own for each in hierarchies(HYBRID_MOUNTS, HYBRID_OWN, "")}
    assert found["memory"] == Path("/sys/fs/cgroup/memory/service/x")
    assert found["pids"] == Path("/sys/fs/cgroup/pids")
    assert found["unified"] == Path("/sys/fs/cgroup/unified/user.slice")


def test_a_server_that_moved_into_its_leaf_still_owns_what_it_was_given():
    (found,) = hierarchies(UNIFIED_MOUNTS, "0::/system.slice/lambent.service/lambent-server\n", "memory")
    assert found.own == TOP / "system.slice" / "lambent.service"


def test_a_container_that_sees_only_its_own_part_is_at_the_top_of_it():
    mounts = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
    (found,) = hierarchies(mounts, "4:memory:/docker/abc\n", "")
    assert found.own == found.top == Path("/sys/fs/cgroup/memory")
    (found,) = hierarchies(mounts, "4:memory:/docker/abc/inner\n", "")
    assert found.own == Path("/sys/fs/cgroup/memory/inner")


def test_a_group_outside_what_is_mounted_counts_as_the_top():
    mounts = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
    (found,) = hierarchies(mounts, "4:memory:/elsewhere\n", "")
    assert found.own == found.top


def test_groups_are_made_within_the_servers_own_limits_if_possible():
    own = TOP / "system.slice" / "lambent.service"
    controllers = frozenset({"memory"})
    assert places(Hierarchy(2, TOP, own, controllers), "lambent-x") == [
        own / "lambent-x",
        TOP / "system.slice" / "lambent-x",
        TOP / "lambent-x",
    ]
    assert places(Hierarchy(1, TOP, own, controllers), "lambent-x") == [own / "lambent-x", TOP / "lambent-x"]
    assert places(Hierarchy(2, TOP, TOP, controllers), "lambent-x") == [TOP / "lambent-x"]


@pytest.mark.parametrize(
    ("version", "cpus", "expected"),
    [
        (1, 0.5, {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000", "cpu.cfs_burst_us": "50000"}),
        (2, 1.77, {"cpu.max": "177000 100000", "cpu.max.burst": "177000"}),
        (2, 0.0001, {"cpu.max": "1000 100000", "cpu.max.burst": "1000"}),
        (1, None, {"cpu.cfs_burst_us": "0", "cpu.cfs_quota_us": "-1"}),
        (2, None, {"cpu.max.burst": "0", "cpu.max": "max 100000"}),
    ],
)
def test_cores_become_a_share_of_100_ms(version, cpus, expected):
    assert {each.file: each.value for each in cpu_writes(version, cpus)} == expected


def test_no_limit_is_ever_below_the_burst_that_it_bounds():
    lifting = [each.file for each in cpu_writes(1, None)]
    lowering = [each.file for each in cpu_writes(1, 1.0)]
    assert lifting.index("cpu.cfs_burst_us") < lifting.index("cpu.cfs_quota_us")
    assert lowering.index("cpu.cfs_quota_us") < lowering.index("cpu.cfs_burst_us")


def test_swap_is_off_where_there_is_such_a_switch():
    assert {each.file: each.value for each in memory_writes(2, 4096)} == {"memory.max": "4096", "memory.swap.max": "0"}
    needed = [each.file for version in (1, 2) for each in memory_writes(version, 4096) if each.needed]
    assert needed == ["memory.limit_in_bytes", "memory.max"]


def test_a_counter_is_found_by_its_whole_name():
    text = "low 0\noom 3\noom_kill 2\noom_group_kill 9\n"
    assert (counter(text, "oom_kill"), counter(text, "oom"), counter(text, "max")) == (2, 3, 0)


def group_of_files(folder: Path, version: int, *files: str) -> Group:
    for name in files:
        (folder / name).touch()
    return Group(
        dict.fromkeys((MEMORY, CPU, PIDS, FREEZE), folder), dict.fromkeys((MEMORY, CPU, PIDS, FREEZE), version)
    )


def test_a_group_of_version_2_writes_its_limits(tmp_path):
    group = group_of_files(tmp_path, 2, "memory.max", "memory.swap.max", "pids.max", "cpu.max", "cgroup.freeze")
    group.limit(1 << 27, 64)
    group.limit_cpu(0.25)
    group.freeze()
    shown = {each.name: each.read_text() for each in tmp_path.iterdir()}
    assert shown == {
        "memory.max": "134217728",
        "memory.swap.max": "0",
        "pids.max": "65",
        "cpu.max": "25000 100000",
        "cgroup.freeze": "1",
    }
    group.thaw()
    assert (tmp_path / "cgroup.freeze").read_text() == "0"


def test_a_group_of_version_1_freezes_by_name(tmp_path):
    group = group_of_files(tmp_path, 1, "freezer.state")
    group.freeze()
    assert (tmp_path / "freezer.state").read_text() == "FROZEN"


def test_a_limit_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(OSError, match=r"memory\.max"):
        group_of_files(tmp_path, 2).limit(1 << 27, 64)


@pytest.mark.parametrize(("version", "file"), [(1, "memory.oom_control"), (2, "memory.events")])
def test_out_of_memory_kills_are_counted_in_either_version(tmp_path, version, file):
    group = group_of_files(tmp_path, version)
    (tmp_path / file).write_text("under_oom 0\noom_kill 4\n")
    assert group.oom_kills() == 4


def test_a_sandbox_without_groups_has_no_limits_and_no_kills():
    group = Group({}, {})
    group.limit(1, 1)
    group.limit_cpu(1.0)
    group.freeze()
    group.kill()
    assert group.oom_kills() == 0
    assert group.doors() == []
    assert (group.limits_memory, group.limits_processes, group.freezes) == (False, False, False)


def test_a_group_is_joined_through_a_descriptor_of_any_number(tmp_path):
    (tmp_path / "cgroup.procs").write_text("")
    taken = [os.open("/dev/null", os.O_RDONLY) for _ in range(12)]
    try:
        cgroup._join(tmp_path)
    finally:
        for fd in taken:
            os.close(fd)
    assert (tmp_path / "cgroup.procs").read_text() == "0\n"
