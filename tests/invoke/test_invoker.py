"""The way of every invocation: the gate, generations of a function, idle environments, and the end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from lambent.core.arn import FunctionRef
from lambent.core.function import Alias
from lambent.core.invocation import Status, Throttled
from lambent.core.scaling import Allotments
from lambent.invoke.allotments import AllotmentRecords
from lambent.invoke.resolve import FunctionMissing

THUMBS = FunctionRef("000000000000", "us-east-1", "thumbs")


async def serving(world: Any, **members: Any) -> Any:
    """An invoker that knows one function."""
    await world.functions.add(world.function())
    invoker = world.invoker(**members)
    await invoker.start()
    return invoker


async def update(world: Any, **members: Any) -> None:
    """Change the function's record."""
    function, revision = await world.functions.get("000000000000", "us-east-1", "thumbs")
    assert function.serving is not None
    version = replace(function.serving, **members)
    await world.functions.replace(replace(function, latest=version, serving=version), revision)


async def run(world: Any, invoker: Any) -> Any:
    """What the caller of an invocation is told; it is under way when this returns."""
    told = world.told()
    invoker.run(invoker.resolve(THUMBS), world.invocation(), told.heard)
    await world.quiet()
    return told


async def warmed(world: Any, invoker: Any) -> Any:
    """The runtime of an idle environment."""
    before = world.assigned()
    told = await run(world, invoker)
    (runtime,) = [runtime for runtime in world.assigned() if runtime not in before]
    runtime.next()
    runtime.responds()
    runtime.next()
    assert told.only.outcome.status is Status.SUCCESS
    return runtime


# --- invocations ----------------------------------------------------------------------------------------------


async def test_an_invocation_is_awaited_or_heard_of(world: Any) -> None:
    invoker = await serving(world)
    runtime = await warmed(world, invoker)
    awaited = asyncio.ensure_future(invoker.invoke(invoker.resolve(THUMBS), world.invocation()))
    await world.quiet()
    assert invoker.running == 1
    runtime.responds(b'"awaited"')
    result = await awaited
    assert result.outcome.payload == b'"awaited"'
    assert invoker.running == 0
    await invoker.close()


async def test_a_caller_that_stops_waiting_does_not_stop_the_invocation(world: Any) -> None:
    invoker = await serving(world)
    runtime = await warmed(world, invoker)
    awaited = asyncio.ensure_future(invoker.invoke(invoker.resolve(THUMBS), world.invocation()))
    await world.quiet()
    awaited.cancel()
    await world.quiet()
    assert invoker.running == 1
    runtime.responds()
    assert invoker.running == 0
    await invoker.close()


async def test_sandboxes_are_made_ready_for_the_functions_that_there_are(world: Any) -> None:
    empty = world.invoker()
    await empty.start()
    await world.quiet()
    assert world.driver.asked == 0
    await empty.close()

    world.stems = type(world.stems)(world.driver, world.doors, world.tasks, world.log, scale=0.01)
    invoker = await serving(world)
    await world.quiet()
    assert len(world.driver.open) == 1
    await invoker.close()


async def test_preparing_a_version_makes_a_sandbox_wait_for_it(world: Any) -> None:
    invoker = world.invoker()
    await invoker.start()
    await invoker.prepare(world.version())
    assert len(world.driver.open) == 1
    await invoker.close()


# --- versions -------------------------------------------------------------------------------------------------


async def called(world: Any, invoker: Any, qualifier: str) -> Any:
    """The runtime that ran an invocation of `qualifier`, and is idle again."""
    before = world.assigned()
    told = world.told()
    invoker.run(invoker.resolve(replace(THUMBS, qualifier=qualifier)), world.invocation(), told.heard)
    await world.quiet()
    fresh = [runtime for runtime in world.assigned() if runtime not in before]
    for runtime in fresh:
        runtime.next()
    (busy,) = [runtime for runtime in world.assigned() if runtime.events and runtime.responds() is None]
    busy.next()
    assert told.only.outcome.status is Status.SUCCESS
    return busy, told.only.version


async def test_each_version_has_environments_of_its_own_which_its_aliases_share(world: Any) -> None:
    functions = world.functions
    alias = Alias("000000000000", "us-east-1", "thumbs", "Prod", "1", "r1")
    version = world.version(version="1")
    await functions.add(world.function(), functions.put_version(version), functions.put_alias(alias))
    invoker = world.invoker()
    await invoker.start()
    latest, first = await called(world, invoker, "$LATEST")
    published, second = await called(world, invoker, "1")
    assert (first, second) == ("$LATEST", "1")
    assert latest is not published
    assert await called(world, invoker, "Prod") == (published, "1")
    assert published.sandbox.assignment is not None
    assert invoker.environments == 2
    await invoker.close()


async def test_an_update_of_latest_leaves_the_environments_of_versions_alone(world: Any) -> None:
    functions = world.functions
    version = world.version(version="1")
    await functions.add(world.function(), functions.put_version(version))
    invoker = world.invoker()
    await invoker.start()
    published, _ = await called(world, invoker, "1")
    await called(world, invoker, "$LATEST")
    await update(world, generation=2)
    await world.quiet()
    assert await called(world, invoker, "1") == (published, "1")
    function, revision = await functions.get("000000000000", "us-east-1", "thumbs")
    await functions.replace(function, revision, functions.delete_version(version))
    await world.quiet()
    assert invoker.environments == 0
    await invoker.close()


# --- the gate -------------------------------------------------------------------------------------------------


async def test_one_invocation_too_many_is_throttled_until_another_has_ended(world: Any) -> None:
    invoker = await serving(world, limit=2)
    runtime = await warmed(world, invoker)
    await run(world, invoker)
    await run(world, invoker)
    with pytest.raises(Throttled) as refused:
        invoker.run(invoker.resolve(THUMBS), world.invocation(), world.told().heard)
    assert refused.value.reason == "ConcurrentInvocationLimitExceeded"
    with pytest.raises(Throttled):
        await invoker.invoke(invoker.resolve(THUMBS), world.invocation())
    assert invoker.running == 2
    runtime.responds()
    await run(world, invoker)
    assert invoker.running == 2
    await invoker.close()


async def test_a_limit_that_is_reserved_altogether_is_said_at_the_start(world: Any) -> None:
    allotments = AllotmentRecords(world.records)
    await allotments.replace("000000000000", "us-east-1", Allotments({"vip": 5}), 0)
    for limit, said in ((6, 0), (5, 1), (4, 2)):
        invoker = await serving(world, limit=limit)
        assert world.report.getvalue().count("all_concurrency_is_reserved") == said
        await invoker.close()
        await world.functions.remove(*await world.functions.get("000000000000", "us-east-1", "thumbs"))
    with pytest.raises(Throttled):
        invoker._gate.enter(invoker._gate.share("000000000000", "us-east-1", "thumbs"), new=False)


async def test_the_limit_is_an_account_s_and_a_region_s_own(world: Any) -> None:
    invoker = await serving(world, limit=1)
    await run(world, invoker)
    for members in ({"account": "111111111111"}, {"region": "eu-west-1"}):
        invoker.run(world.version(**members), world.invocation(), world.told().heard)
    assert invoker.running == 3
    await invoker.close()


async def test_a_place_is_given_back_however_an_invocation_ends(world: Any) -> None:
    invoker = await serving(world, limit=1)
    runtime = await warmed(world, invoker)
    for end in (runtime.responds, runtime.fails, lambda: runtime.sandbox.exits(1)):
        await run(world, invoker)
        end()
        assert invoker.running == 0
        await world.quiet()
        runtime.next()
    await run(world, invoker)
    await world.passes(3)
    assert invoker.running == 0
    world.driver.broken = world.Died("no more")
    await update(world, generation=2)
    told = await run(world, invoker)
    await world.passes(1)
    while world.driver.open:  # those that were made before it broke
        for sandbox in world.driver.open:
            sandbox.exits(1)
        await world.passes(20)
    assert len(told) == 1
    assert invoker.running == 0
    await invoker.close()


# --- generations ----------------------------------------------------------------------------------------------


async def test_an_update_retires_the_old_environments_and_runs_the_new_code(world: Any) -> None:
    invoker = await serving(world)
    idle = await warmed(world, invoker)
    told = await run(world, invoker)
    busy_too = await run(world, invoker)
    (second,) = [runtime for runtime in world.assigned() if runtime is not idle]
    second.next()
    second.responds()
    second.next()
    assert busy_too.only.outcome.status is Status.SUCCESS

    await update(world, generation=2, handler="new.handler")
    await world.quiet()
    assert (idle.sandbox.closed, second.sandbox.closed) == (0, 1)
    fresh = await warmed(world, invoker)
    assert fresh.sandbox.assignment.message["env"]["_HANDLER"] == "new.handler"
    assert invoker.environments == 2
    idle.responds(b'"old"')
    await world.quiet()
    assert told.only.outcome.payload == b'"old"'
    assert idle.sandbox.closed == 1
    assert invoker.environments == 1
    await invoker.close()


async def test_a_version_that_is_newer_than_what_was_told_retires_the_old_one_too(world: Any) -> None:
    invoker = await serving(world)
    old = await warmed(world, invoker)
    invoker.run(world.version(generation=2), world.invocation(), world.told().heard)
    await world.quiet()
    assert old.sandbox.closed == 1
    assert invoker.environments == 1
    await invoker.close()


async def test_a_record_written_again_without_a_new_generation_keeps_the_environments(world: Any) -> None:
    invoker = await serving(world)
    runtime = await warmed(world, invoker)
    await update(world, revision_id="r2")
    told = await run(world, invoker)
    runtime.responds()
    assert told.only.outcome.status is Status.SUCCESS
    assert invoker.environments == 1
    await invoker.close()


async def test_while_an_update_is_under_way_the_old_version_serves(world: Any) -> None:
    invoker = await serving(world)
    runtime = await warmed(world, invoker)
    function, revision = await world.functions.get("000000000000", "us-east-1", "thumbs")
    pending = replace(function.latest, generation=2, update_status="InProgress")
    await world.functions.replace(replace(function, latest=pending), revision)
    told = await run(world, invoker)
    runtime.responds()
    assert told.only.outcome.status is Status.SUCCESS
    await invoker.close()


async def test_a_deleted_function_s_environments_end(world: Any) -> None:
    invoker = await serving(world)
    runtime = await warmed(world, invoker)
    await world.functions.remove(*await world.functions.get("000000000000", "us-east-1", "thumbs"))
    await world.quiet()
    assert runtime.sandbox.closed == 1
    assert invoker.environments == 0
    with pytest.raises(FunctionMissing):
        invoker.resolve(THUMBS)
    await invoker.close()


async def test_a_function_made_again_is_another_one(world: Any) -> None:
    invoker = await serving(world)
    old = await warmed(world, invoker)
    await update(world, function_id="id-2")
    await world.quiet()
    assert old.sandbox.closed == 1
    new = await warmed(world, invoker)
    assert new is not old
    await invoker.close()


async def test_a_cold_start_under_way_at_an_update_still_runs_and_is_not_forgotten(world: Any) -> None:
    invoker = await serving(world)
    world.driver.may_make.clear()
    told = world.told()
    invoker.run(invoker.resolve(THUMBS), world.invocation(), told.heard)
    await update(world, generation=2)
    assert invoker.environments == 1
    world.driver.may_make.set()
    await world.quiet()
    (runtime,) = world.assigned()
    runtime.next()
    runtime.responds()
    await world.quiet()
    assert told.only.outcome.status is Status.SUCCESS
    assert (runtime.sandbox.closed, invoker.environments) == (1, 0)
    await invoker.close()


# --- idle environments ----------------------------------------------------------------------------------------


async def test_environments_that_are_idle_for_long_are_retired(world: Any) -> None:
    invoker = await serving(world, idle_s=60.0)
    used, unused = await _two_idle(world, invoker)
    await world.passes(50)
    await run(world, invoker)
    used.responds()
    await world.passes(20)
    assert (used.sandbox.closed, unused.sandbox.closed) == (0, 1)
    await world.passes(60)
    assert (used.sandbox.closed, invoker.environments) == (1, 0)
    await invoker.close()


async def _two_idle(world: Any, invoker: Any) -> tuple[Any, Any]:
    """The warmest first."""
    first = await warmed(world, invoker)
    await run(world, invoker)
    second = await warmed(world, invoker)
    first.responds()
    first.next()
    return first, second


async def test_a_busy_environment_is_not_retired_however_long_it_takes(world: Any) -> None:
    await world.functions.add(world.function(timeout_s=900))
    invoker = world.invoker(idle_s=60.0)
    await invoker.start()
    runtime = await warmed(world, invoker)
    told = await run(world, invoker)
    await world.passes(800)
    runtime.responds()
    assert told.only.outcome.status is Status.SUCCESS
    await invoker.close()


# --- the end --------------------------------------------------------------------------------------------------


async def test_draining_waits_for_what_runs(world: Any) -> None:
    invoker = await serving(world)
    runtime = await warmed(world, invoker)
    await run(world, invoker)
    draining = asyncio.ensure_future(invoker.drained())
    await world.quiet()
    assert not draining.done()
    runtime.responds()
    await draining
    await invoker.drained()
    await invoker.close()


async def test_what_runs_may_still_invoke_others_while_draining(world: Any) -> None:
    invoker = await serving(world)
    runtime = await warmed(world, invoker)
    await run(world, invoker)
    draining = asyncio.ensure_future(invoker.drained())
    await world.quiet()
    second = await warmed(world, invoker)
    assert second is not runtime
    assert not draining.done()
    runtime.responds()
    await draining
    await invoker.close()


async def test_closing_ends_everything(world: Any) -> None:
    invoker = await serving(world)
    await warmed(world, invoker)
    await invoker.close()
    await world.quiet()
    assert (invoker.environments, world.driver.open) == (0, [])
    assert invoker._sweeper.cancelled()
    await update(world, generation=2)
    await world.passes(3600)
    assert world.tasks._running == set()
