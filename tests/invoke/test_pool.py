"""The environments of one version: who gets which, what happens when sandboxes die, that every caller hears once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.core.invocation import Status
from lambent.invoke.artifacts import ArtifactMissing
from lambent.invoke.pool import LIFETIME_S
from lambent.runtimes.catalogue import RuntimeMissing
from lambent.store.base import StoreUnavailable


async def start(world: Any, pool: Any) -> tuple[Any, Any]:
    """A cold start as far as the event; its runtime, and what its caller is told."""
    told = world.told()
    before = world.assigned()
    pool.run(world.invocation(), told.heard)
    await world.quiet()
    (runtime,) = [runtime for runtime in world.assigned() if runtime not in before]
    runtime.next()
    return runtime, told


async def warm(world: Any, pool: Any, count: int) -> list[Any]:
    """Runtimes of `count` idle environments, in the order in which they became idle."""
    started = [await start(world, pool) for _ in range(count)]
    for runtime, _ in started:
        runtime.responds()
        runtime.next()
        await world.passes(1)
    return [runtime for runtime, _ in started]


def none_waits(world: Any) -> None:
    """No sandbox waits, and none is made before the driver may."""
    world.driver.may_make.clear()
    for sandbox in world.driver.open:
        if sandbox.assignment is None:
            sandbox.exits(9)


# --- who gets which -------------------------------------------------------------------------------------------


async def test_a_first_invocation_starts_an_environment_and_the_second_uses_it(world: Any) -> None:
    pool = world.pool()
    runtime, told = await start(world, pool)
    runtime.responds(b"1")
    runtime.next()
    second = world.told()
    pool.run(world.invocation(), second.heard)
    runtime.responds(b"2")
    assert (told.only.outcome.payload, second.only.outcome.payload) == (b"1", b"2")
    assert pool.size == 1


async def test_the_warmest_environment_is_used_first(world: Any) -> None:
    pool = world.pool()
    cold, warmer, warmest = await warm(world, pool, 3)
    for runtime in (warmest, warmer, cold):
        before = len(runtime.events)
        pool.run(world.invocation(), world.told().heard)
        assert len(runtime.events) == before + 1


async def test_an_environment_that_waits_for_its_runtime_is_used_last(world: Any) -> None:
    pool = world.pool()
    ready, broken = await warm(world, pool, 2)
    broken.sandbox.may_restart.clear()
    pool.run(world.invocation(), world.told().heard)
    assert len(broken.events) == 2
    broken.sandbox.exits(1)
    told = world.told()
    pool.run(world.invocation(), told.heard)
    ready.responds()
    assert told.only.outcome.status is Status.SUCCESS


async def test_a_freed_environment_serves_a_waiting_cold_start(world: Any) -> None:
    pool = world.pool()
    runtime, _ = await start(world, pool)
    await world.quiet()
    none_waits(world)
    told = world.told()
    pool.run(world.invocation(), told.heard)
    await world.quiet()
    runtime.responds()
    runtime.next()
    assert len(runtime.events) == 2
    runtime.responds(b'"served"')
    assert told.only.outcome.payload == b'"served"'
    world.driver.may_make.set()
    await world.quiet()
    assert pool.size == 1


async def test_waiting_invocations_are_served_in_their_order(world: Any) -> None:
    pool = world.pool()
    world.driver.may_make.clear()
    tolds = [world.told() for _ in range(5)]
    for told in tolds:
        pool.run(world.invocation(), told.heard)
    assert pool.size == 5
    world.driver.may_make.set()
    await world.quiet()
    runtimes = world.assigned()
    for runtime in runtimes:
        runtime.next()
    assert [runtime.events[0].request_id for runtime in runtimes] == [f"id-{n}" for n in range(1, 6)]
    for runtime in runtimes:
        runtime.responds()
    assert all(told.only for told in tolds)


async def test_an_environment_counts_as_starting_until_its_runtime_is_ready(world: Any) -> None:
    pool = world.pool()
    told = world.told()
    for _ in range(2):
        pool.run(world.invocation(), told.heard)
    assert not world.starts.has_room
    await world.quiet()
    assert not world.starts.has_room
    first, _ = world.assigned()
    first.next()
    assert world.starts.has_room
    assert not pool.is_ready
    first.responds()
    first.next()
    assert pool.is_ready


async def test_an_environment_counts_as_starting_again_after_its_runtime_ended(world: Any) -> None:
    pool = world.pool()
    (runtime,) = await warm(world, pool, 1)
    world.starts.begin("another")
    pool.run(world.invocation(), world.told().heard)
    assert world.starts.has_room
    runtime.sandbox.exits(1)
    assert not world.starts.has_room
    assert not pool.is_ready
    await world.quiet()
    world.runtime_of(runtime.sandbox).next()
    assert world.starts.has_room
    assert pool.is_ready


async def test_a_fault_of_ours_while_an_environment_is_made_is_told_to_who_waits(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, told = world.pool(), world.told()

    def fail(*args: Any) -> None:
        raise KeyError("wanted")

    monkeypatch.setattr(pool._preparation, "environment", fail)
    pool.run(world.invocation(), told.heard)
    await world.quiet()
    assert told == [None]
    assert pool.size == 0


# --- sandboxes that die ---------------------------------------------------------------------------------------


async def test_a_cold_start_whose_sandbox_dies_takes_another(world: Any) -> None:
    pool = world.pool()

    def die_at_first(sandbox: Any) -> None:
        if len(world.driver.made) < 3:
            sandbox.assignable = world.Died("mount failed")

    world.driver.on_made = die_at_first
    told = world.told()
    pool.run(world.invocation(), told.heard)
    await world.quiet()
    (runtime,) = world.assigned()
    runtime.next()
    runtime.responds()
    assert told.only.outcome.status is Status.SUCCESS
    assert pool.size == 1
    assert [sandbox.closed for sandbox in world.driver.made[:2]] == [1, 1]
    assert world.report.getvalue().count("assignment_failed") == 2


async def test_a_cold_start_gives_up_after_three_sandboxes(world: Any) -> None:
    pool = world.pool()
    world.driver.on_made = lambda sandbox: setattr(sandbox, "assignable", world.Died("mount failed"))
    told = world.told()
    pool.run(world.invocation(), told.heard)
    await world.passes(60)
    assert list(told) == [None]
    assert world.report.getvalue().count("assignment_failed") == 3
    assert world.report.getvalue().count("cold_start_gave_up") == 1
    assert pool.size == 0


async def test_a_driver_that_makes_nothing_is_asked_a_few_times_only(world: Any) -> None:
    pool = world.pool()
    world.driver.broken = world.Died("no cgroups")
    tolds = [world.told() for _ in range(4)]
    for told in tolds:
        pool.run(world.invocation(), told.heard)
    await world.passes(60)
    assert [list(told) for told in tolds] == [[None]] * 4
    assert world.driver.asked <= 4 * 3
    assert pool.size == 0


@pytest.mark.parametrize(
    "error",
    [ArtifactMissing("d"), RuntimeMissing("no"), StoreUnavailable("disk"), KeyError("a fault of ours")],
    ids=lambda error: type(error).__name__,
)
async def test_a_version_that_cannot_be_prepared_is_told_to_every_caller_and_may_work_later(
    world: Any, error: Exception
) -> None:
    pool = world.pool()
    world.artifacts.broken = error
    tolds = [world.told() for _ in range(3)]
    for told in tolds:
        pool.run(world.invocation(), told.heard)
    await world.passes(60)
    assert [list(told) for told in tolds] == [[None]] * 3
    assert pool.size == 0
    assert type(error).__name__ in world.report.getvalue()
    world.artifacts.broken = None
    runtime, told = await start(world, pool)
    runtime.responds()
    assert told.only.outcome.status is Status.SUCCESS


async def test_an_environment_whose_runtime_cannot_be_started_again_hands_on_what_waits_for_it(world: Any) -> None:
    pool = world.pool()
    (first,) = await warm(world, pool, 1)
    first.sandbox.may_restart.clear()
    first.sandbox.restartable = world.Died("its first process ended")
    pool.run(world.invocation(), world.told().heard)
    first.sandbox.exits(1)
    told = world.told()
    pool.run(world.invocation(), told.heard)
    first.sandbox.may_restart.set()
    await world.quiet()
    assert first.sandbox.closed == 1
    (second,) = world.assigned()
    second.next()
    second.responds(b'"elsewhere"')
    assert told.only.outcome.payload == b'"elsewhere"'


async def test_sandboxes_that_die_in_every_init_are_not_tried_for_ever(world: Any) -> None:
    pool = world.pool()
    world.driver.on_made = lambda sandbox: setattr(sandbox, "restartable", world.Died("its first process ended"))
    told = world.told()
    pool.run(world.invocation(), told.heard)
    await world.quiet()
    (runtime,) = world.assigned()
    runtime.sandbox.exits(None, 9, out_of_memory=True)
    await world.passes(60)
    assert b"Runtime.ExitError" in told.only.outcome.payload
    assert pool.size == 0


async def test_a_failed_environment_does_not_stand_in_the_way_of_the_next(world: Any) -> None:
    pool = world.pool()
    runtime, told = await start(world, pool)
    runtime.sandbox.exits(1)
    await world.quiet()
    assert told.only.outcome.status is Status.ERROR
    assert runtime.sandbox.restarts == 1
    again = world.told()
    pool.run(world.invocation(), again.heard)
    runtime.next()
    runtime.responds()
    assert again.only.outcome.status is Status.SUCCESS
    assert pool.size == 1


# --- resets ---------------------------------------------------------------------------------------------------


async def test_resets_of_an_environment_come_one_after_the_other(world: Any) -> None:
    pool = world.pool(timeout_s=1)
    (runtime,) = await warm(world, pool, 1)
    runtime.sandbox.may_restart.clear()
    running = 0
    most = 0
    restart = runtime.sandbox.restart

    async def counted() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await restart()
        running -= 1

    runtime.sandbox.restart = counted
    tolds = [world.told() for _ in range(3)]
    for told in tolds:
        pool.run(world.invocation(), told.heard)
        await world.passes(1)
        assert told.only.outcome.status is Status.TIMEOUT
    last = world.told()
    pool.run(world.invocation(), last.heard)
    runtime.sandbox.may_restart.set()
    await world.quiet()
    assert (most, runtime.sandbox.restarts) == (1, 3)
    runtime.next()
    runtime.responds()
    assert last.only.outcome.status is Status.SUCCESS


async def test_a_runtime_that_is_to_be_ended_again_gets_no_invocation(world: Any) -> None:
    pool = world.pool(timeout_s=1)
    (runtime,) = await warm(world, pool, 1)
    gates = [asyncio.Event(), asyncio.Event()]
    waiting = iter(gates)

    async def gated() -> None:
        await next(waiting).wait()

    runtime.sandbox.restart = gated
    for _ in gates:
        pool.run(world.invocation(), world.told().heard)
        await world.passes(1)
    told = world.told()
    pool.run(world.invocation(), told.heard)
    gates[0].set()
    await world.quiet()
    runtime.next()
    assert [event.request_id for event in runtime.events] == ["id-1", "id-2"]
    runtime.door.session.withdraw(runtime.events.append)
    gates[1].set()
    await world.quiet()
    runtime.next()
    assert runtime.events[-1].request_id == "id-4"
    runtime.responds()
    assert told.only.outcome.status is Status.SUCCESS


async def test_an_environment_that_ends_while_it_is_idle_is_not_used(world: Any) -> None:
    pool = world.pool()
    first, second = await warm(world, pool, 2)
    second.sandbox.exits(0)
    pool.run(world.invocation(), (told := world.told()).heard)
    first.responds()
    assert told.only.outcome.status is Status.SUCCESS
    assert (pool.size, second.sandbox.closed) == (1, 0)
    await world.quiet()
    assert second.sandbox.closed == 1


async def test_a_reset_that_fails_in_an_unforeseen_way_is_made_good_by_the_next(world: Any) -> None:
    pool = world.pool(timeout_s=1)
    (runtime,) = await warm(world, pool, 1)
    runtime.sandbox.restartable = OSError("too many open files")
    pool.run(world.invocation(), world.told().heard)
    await world.passes(1)
    await world.quiet()
    runtime.sandbox.restartable = None
    told = world.told()
    pool.run(world.invocation(), told.heard)
    await world.passes(1)
    await world.quiet()
    assert told.only.outcome.status is Status.TIMEOUT
    pool.run(world.invocation(), (last := world.told()).heard)
    runtime.next()
    runtime.responds()
    assert last.only.outcome.status is Status.SUCCESS
    assert "too many open files" in world.report.getvalue()


# --- the end --------------------------------------------------------------------------------------------------


async def test_retiring_ends_the_idle_now_and_the_busy_when_they_have_finished(world: Any) -> None:
    pool = world.pool()
    idle, busy = await warm(world, pool, 2)
    told = world.told()
    pool.run(world.invocation(), told.heard)
    pool.retire()
    await world.quiet()
    assert (idle.sandbox.closed, busy.sandbox.closed, pool.size) == (1, 0, 1)
    busy.responds()
    await world.quiet()
    assert (told.only.outcome.status, busy.sandbox.closed, pool.size) == (Status.SUCCESS, 1, 0)


async def test_retiring_lets_an_environment_that_starts_run_what_it_began_with(world: Any) -> None:
    pool = world.pool()
    told = world.told()
    pool.run(world.invocation(), told.heard)
    pool.retire()
    assert pool.size == 1
    await world.quiet()
    (runtime,) = world.assigned()
    runtime.next()
    runtime.responds()
    await world.quiet()
    assert told.only.outcome.status is Status.SUCCESS
    assert (runtime.sandbox.closed, pool.size) == (1, 0)


async def test_retiring_ends_an_environment_that_is_being_reset(world: Any) -> None:
    pool = world.pool()
    (runtime,) = await warm(world, pool, 1)
    runtime.sandbox.may_restart.clear()
    pool.run(world.invocation(), world.told().heard)
    runtime.sandbox.exits(1)
    await world.quiet()
    pool.retire()
    runtime.sandbox.may_restart.set()
    await world.quiet()
    assert (runtime.sandbox.closed, pool.size) == (1, 0)


async def test_an_environment_is_replaced_one_day_however_busy_it_is_kept(world: Any) -> None:
    pool = world.pool(timeout_s=900)
    (runtime,) = await warm(world, pool, 1)
    for _ in range(int(LIFETIME_S // 800)):
        assert runtime.sandbox.closed == 0
        told = world.told()
        pool.run(world.invocation(), told.heard)
        await world.passes(800)
        runtime.responds()
        runtime.next()
        await world.quiet()
        assert told.only.outcome.status is Status.SUCCESS
    assert runtime.sandbox.closed == 1
    await start(world, pool)


async def test_who_waits_when_an_old_environment_ends_gets_a_new_one(world: Any) -> None:
    pool = world.pool(timeout_s=900)
    (old,) = await warm(world, pool, 1)
    await world.passes(LIFETIME_S)
    pool.run(world.invocation(), world.told().heard)
    await world.quiet()
    none_waits(world)
    waiting = world.told()
    pool.run(world.invocation(), waiting.heard)
    await world.quiet()
    old.responds()
    world.driver.may_make.set()
    await world.quiet()
    assert old.sandbox.closed == 1
    (new,) = world.assigned()
    new.next()
    new.responds()
    assert waiting.only.outcome.status is Status.SUCCESS


async def test_only_what_has_been_idle_for_long_is_retired(world: Any) -> None:
    pool = world.pool()
    old, new = await warm(world, pool, 2)
    pool.retire_idle(world.clock.monotonic() - 1.5)
    await world.quiet()
    assert (old.sandbox.closed, new.sandbox.closed) == (1, 0)


# --- whatever happens -----------------------------------------------------------------------------------------

RUNTIME_ACTS: dict[str, Callable[[Any], object]] = {
    "next": lambda runtime: runtime.next(),
    "responds": lambda runtime: runtime.events and runtime.responds(),
    "fails": lambda runtime: runtime.events and runtime.fails(),
    "responds too largely": lambda runtime: runtime.events and runtime.responds_too_largely(),
    "cannot begin": lambda runtime: runtime.cannot_begin(),
    "prints": lambda runtime: runtime.sandbox.prints("text\n"),
    "hangs up": lambda runtime: runtime.sandbox.hang_up(),
    "exits": lambda runtime: runtime.sandbox.exits(1),
    "is killed": lambda runtime: runtime.sandbox.exits(None, 9, out_of_memory=True),
    "asks again": lambda runtime: runtime.door.session.withdraw(runtime.events.append) or runtime.next(),
}
FAULTS: dict[str, Callable[[Any, Any], object]] = {
    "will not restart": lambda world, box: setattr(box, "restartable", world.Died("gone")),
    "restarts again": lambda world, box: setattr(box, "restartable", None),
    "restarts late": lambda world, box: box.may_restart.clear(),
    "restarts now": lambda world, box: box.may_restart.set(),
    "will not be assigned": lambda world, box: setattr(box, "assignable", world.Died("gone")),
    "is assigned late": lambda world, box: box.may_assign.clear(),
    "is assigned now": lambda world, box: box.may_assign.set(),
}
WORLD_ACTS: dict[str, Callable[[Any, Any], object]] = {
    "invoke": lambda world, pool: None,
    "driver breaks": lambda world, pool: setattr(world.driver, "broken", world.Died("no")),
    "driver works": lambda world, pool: setattr(world.driver, "broken", None),
    "package is lost": lambda world, pool: setattr(world.artifacts, "broken", ArtifactMissing("d")),
    "package is back": lambda world, pool: setattr(world.artifacts, "broken", None),
    "idle ones end": lambda world, pool: pool.retire_idle(world.clock.monotonic() + 1),
    "retire": lambda world, pool: pool.retire(),
}
ACT = st.one_of(
    st.just("invoke"),
    st.just("all work"),
    st.sampled_from(sorted(WORLD_ACTS)),
    st.tuples(st.sampled_from(sorted(RUNTIME_ACTS)), st.integers(0, 3)),
    st.tuples(st.sampled_from(sorted(FAULTS)), st.integers(0, 3)),
    st.sampled_from([0.0, 0.0, 0.5, 1.5, 11.0]),
)


@settings(max_examples=200, deadline=None)
@given(acts=st.lists(ACT, max_size=40))
def test_every_caller_hears_exactly_once_whatever_happens(in_a_world: Any, acts: list[Any]) -> None:
    async def life(world: Any) -> None:
        pool = world.pool(timeout_s=1)
        tolds = []
        for act in acts:
            if isinstance(act, float):
                await world.passes(act) if act else await world.quiet()
            elif isinstance(act, tuple):
                _do(world, *act)
            elif act == "all work":
                await _work(world)
            else:
                WORLD_ACTS[act](world, pool)
                if act == "invoke":
                    tolds.append(world.told())
                    pool.run(world.invocation(), tolds[-1].heard)
        await _settle(world)
        assert [len(told) for told in tolds] == [1] * len(tolds)
        pool.retire()
        await world.stems.close()
        await world.quiet()
        assert pool.size == 0
        assert world.driver.open == []
        assert all(sandbox.closed == 1 for sandbox in world.driver.made)
        assert "Traceback" not in world.report.getvalue()

    in_a_world(life)


def _do(world: Any, act: str, which: int) -> None:
    boxes = [sandbox for sandbox in world.driver.open if sandbox in world.doors.of]
    if not boxes:
        return
    box = boxes[which % len(boxes)]
    if act in FAULTS:
        FAULTS[act](world, box)
    elif box._output_end >= 0 or act not in ("prints", "hangs up"):
        RUNTIME_ACTS[act](world.runtime_of(box))


async def _work(world: Any) -> None:
    """Every runtime that can does what it should."""
    await world.quiet()
    for runtime in world.assigned():
        runtime.next()
        if runtime.events:
            runtime.responds()
        runtime.next()


async def _settle(world: Any) -> None:
    """Nothing more goes wrong, and time passes: whatever runs must end."""
    for sandbox in world.driver.made:
        sandbox.may_restart.set()
        sandbox.may_assign.set()
    await world.passes(60)
