"""Control groups of version 2 with its controllers, as under systemd, on a tree that follows the kernel's rules."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lambent.sandbox.namespaces.cgroup import CPU, FREEZE, MEMORY, PIDS, Groups, Hierarchy, open_groups

OURS = os.getpid()
LIMITS = "cpu memory pids"


def opened(kernel, own: Path, tmp_path: Path) -> Groups:
    """The groups that a server in `own` opens."""
    controllers = frozenset((own / "cgroup.controllers").read_text().split())
    return open_groups("x", tmp_path / "groups.json", [Hierarchy(2, kernel.top, own, controllers)])


def test_a_service_that_systemd_delegated_limits_everything_within_its_own_group(kernel, tmp_path):
    kernel.group("", control=LIMITS)
    kernel.group("system.slice", control=LIMITS)
    own = kernel.group("system.slice/lambent.service", procs=(OURS,))
    groups = opened(kernel, own, tmp_path)
    assert groups.notes == []
    assert groups.parents == [own / "lambent-x"]
    assert kernel.procs(own) == set(), "no processes beside controlled groups"
    assert kernel.procs(own / "lambent-server") == {OURS}


def test_a_sandbox_is_limited_frozen_counted_killed_and_removed(kernel, tmp_path):
    kernel.group("", control=LIMITS)
    own = kernel.group("service", procs=(OURS,))
    groups = opened(kernel, own, tmp_path)
    group = groups.make("s1")
    folder = own / "lambent-x" / "s1"
    group.limit(1 << 27, 64)
    group.limit_cpu(0.5)
    written = {name: (folder / name).read_text() for name in ("memory.max", "memory.swap.max", "pids.max", "cpu.max")}
    assert written == {
        "memory.max": "134217728\n",
        "memory.swap.max": "0\n",
        "pids.max": "65\n",
        "cpu.max": "50000 100000\n",
    }
    assert (folder / "cpu.max.burst").read_text() == "50000\n"
    group.limit_cpu(None)
    assert (folder / "cpu.max").read_text() == "max 100000\n"
    group.limit_cpu(0.25)
    kernel.write(folder / "cgroup.procs", "4711")
    group.freeze()
    assert (folder / "cgroup.events").read_text() == "populated 1\nfrozen 1\n"
    assert group.oom_kills() == 0
    kernel.oom_kill(folder)
    assert group.oom_kills() == 1
    assert groups.make("s2").oom_kills() == 0, "another's count is its own"
    group.kill()
    group.remove()
    assert not folder.exists()
    groups.remove()
    assert not (own / "lambent-x").exists()


def test_the_kill_of_a_sandbox_for_memory_spares_the_agent_unless_it_is_the_largest(kernel, tmp_path):
    kernel.group("", control=LIMITS)
    own = kernel.group("service", procs=(OURS,))
    opened(kernel, own, tmp_path).make("s1").limit(1 << 27, 64)
    assert (own / "lambent-x" / "s1" / "memory.oom.group").read_text() == "0\n"


def test_a_users_delegated_scope_is_used_without_root(kernel, tmp_path):
    kernel.group("", control=LIMITS)
    kernel.group("user.slice", control=LIMITS)
    own = kernel.group("user.slice/run-1.scope", procs=(OURS,))
    kernel.user = "ada"
    kernel.delegate(own, "ada")
    groups = opened(kernel, own, tmp_path)
    assert groups.notes == []
    groups.make("s1").limit(1 << 27, 64)
    assert (own / "memory.max").read_text() == "max\n", "its own limits are not the user's"


def test_a_group_that_is_not_delegated_gives_nothing_and_says_so(kernel, tmp_path):
    kernel.group("", control=LIMITS)
    own = kernel.group("session-1.scope", procs=(OURS,))
    kernel.user = "ada"
    groups = opened(kernel, own, tmp_path)
    assert groups.parents == []
    assert len(groups.notes) == 4
    assert [each.name for each in own.iterdir() if each.is_dir()] == []


def test_a_group_that_can_be_made_but_not_joined_is_no_use(kernel, tmp_path):
    # A user's manager is his, but the session he came in by is not, and nothing above both is.
    kernel.group("", control=LIMITS)
    kernel.group("user.slice", control=LIMITS)
    own = kernel.group("user.slice/app.scope")
    kernel.group("user.slice/session-1.scope", procs=(OURS,))
    kernel.user = "ada"
    kernel.delegate(own, "ada")
    assert opened(kernel, own, tmp_path).parents == []
    assert [each.name for each in own.iterdir() if each.is_dir()] == []


def test_some_controllers_are_better_than_none(kernel, tmp_path):
    kernel.group("", control="memory pids")
    own = kernel.group("user@1000.service", procs=(OURS,))
    kernel.user = "ada"
    kernel.delegate(own, "ada")
    groups = opened(kernel, own, tmp_path)
    assert groups.limits_processes
    assert [note for note in groups.notes if "CPU" in note] == groups.notes


def test_a_controller_that_is_refused_takes_no_other_along(kernel, tmp_path):
    kernel.group("", control=LIMITS)
    own = kernel.group("service", procs=(OURS,))
    kernel.refused = {"cpu"}
    groups = opened(kernel, own, tmp_path)
    assert len(groups.notes) == 1
    assert "CPU" in groups.notes[0]
    groups.make("s1").limit(1 << 27, 64)
    groups.make("s2").limit_cpu(0.5)  # nothing to write it to, and no error


def test_whoever_started_the_server_moves_with_it(kernel, tmp_path):
    kernel.group("", control=LIMITS)
    own = kernel.group("run-1.scope", procs=(OURS, os.getppid()))
    assert opened(kernel, own, tmp_path).notes == []
    assert kernel.procs(own / "lambent-server") == {OURS, os.getppid()}


def test_strangers_in_the_group_are_left_alone(kernel, tmp_path):
    kernel.group("", control=LIMITS)
    kernel.group("user.slice", control=LIMITS)
    own = kernel.group("user.slice/session-1.scope", procs=(OURS, 999_999_999))
    groups = opened(kernel, own, tmp_path)
    assert groups.parents == [kernel.top / "user.slice" / "lambent-x"], "root may go beside it"
    assert kernel.procs(own) == {OURS, 999_999_999}


def test_a_container_at_the_top_of_its_own_view_moves_aside(kernel, tmp_path):
    # A namespace's top is no true root: it has its processes and the rule against that like any other.
    kernel.group("", control=LIMITS)
    top = kernel.group("docker-abc", procs=(OURS,))
    found = Hierarchy(2, top, top, frozenset(LIMITS.split()))
    assert open_groups("x", tmp_path / "groups.json", [found]).notes == []
    assert kernel.procs(top / "lambent-server") == {OURS}


def test_a_threaded_group_is_avoided(kernel, tmp_path):
    kernel.group("", control=LIMITS)
    own = kernel.group("threads")
    (own / "cgroup.type").write_text("threaded\n")
    kernel.group("elsewhere", procs=(OURS,))
    groups = opened(kernel, own, tmp_path)
    assert groups.parents == [kernel.top / "lambent-x"], "what is made in it cannot be joined"
    assert groups.notes == []


def test_a_successor_ends_and_removes_what_is_left_frozen_or_not(kernel, tmp_path):
    kernel.group("", control=LIMITS)
    own = kernel.group("service", procs=(OURS,))
    dead = opened(kernel, own, tmp_path)
    for number in (1, 2):
        group = dead.make(f"s{number}")
        kernel.write(own / "lambent-x" / f"s{number}" / "cgroup.procs", str(4711 + number))
        if number == 2:
            group.freeze()
    groups = opened(kernel, own, tmp_path)
    assert [each.name for each in (own / "lambent-x").iterdir() if each.is_dir()] == []
    assert groups.notes == []


def test_what_could_only_be_half_made_leaves_nothing(kernel, tmp_path):
    groups = Groups(
        {MEMORY: kernel.group("a"), FREEZE: kernel.top / "not" / "there"},
        {
            MEMORY: Hierarchy(2, kernel.top, kernel.top, frozenset()),
            FREEZE: Hierarchy(2, kernel.top, kernel.top, frozenset()),
        },
    )
    with pytest.raises(FileNotFoundError):
        groups.make("s1")
    assert not (kernel.top / "a" / "s1").exists()


def test_without_its_controllers_version_2_still_freezes(kernel, tmp_path):
    own = kernel.group("service", procs=(OURS,))
    groups = opened(kernel, own, tmp_path)
    assert groups.parents == [own / "lambent-x"]
    assert kernel.procs(own) == {OURS}, "nothing is controlled, so nobody need move"
    assert [each for each in (MEMORY, CPU, PIDS) if each in groups._parents] == []
    assert len(groups.notes) == 3
