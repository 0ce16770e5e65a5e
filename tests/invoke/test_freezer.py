"""Idle environments stand still, and are awake whenever somebody needs them."""

from __future__ import annotations

from typing import Any

from lambent.invoke.freezer import GRACE_S


async def served(world: Any, pool: Any) -> Any:
    """The runtime of an environment that has just answered its first invocation and does not ask for another yet."""
    pool.run(world.invocation(), world.told().heard)
    await world.quiet()
    (runtime,) = world.assigned()
    runtime.next()
    runtime.responds()
    return runtime


async def test_an_environment_is_frozen_once_its_runtime_waits_and_thaws_for_an_invocation(world: Any) -> None:
    pool = world.pool()
    runtime = await served(world, pool)
    runtime.next()
    assert not runtime.sandbox.is_frozen
    await world.passes(3 * GRACE_S)
    assert runtime.sandbox.is_frozen
    told = world.told()
    pool.run(world.invocation(), told.heard)
    assert not runtime.sandbox.is_frozen
    runtime.responds(b'"awake"')
    assert told.only.outcome.payload == b'"awake"'
    runtime.next()
    await world.passes(3 * GRACE_S)
    assert runtime.sandbox.is_frozen, "and again"


async def test_an_environment_that_is_used_again_at_once_is_not_frozen(world: Any) -> None:
    pool = world.pool()
    runtime = await served(world, pool)
    for _ in range(20):
        runtime.next()
        await world.passes(GRACE_S / 2)
        assert not runtime.sandbox.is_frozen
        pool.run(world.invocation(), world.told().heard)
        runtime.responds()


async def test_a_busy_environment_is_never_frozen(world: Any) -> None:
    pool = world.pool(timeout_s=60)
    runtime = await served(world, pool)
    runtime.next()
    pool.run(world.invocation(), world.told().heard)
    await world.passes(50)
    assert not runtime.sandbox.is_frozen


async def test_a_runtime_that_does_not_ask_for_more_may_go_on_for_as_long_as_an_invocation_may(world: Any) -> None:
    pool = world.pool(timeout_s=5)
    runtime = await served(world, pool)
    await world.passes(4)
    assert not runtime.sandbox.is_frozen
    await world.passes(2)
    assert runtime.sandbox.is_frozen


async def test_an_environment_is_frozen_after_its_reset(world: Any) -> None:
    pool = world.pool()
    runtime = await served(world, pool)
    runtime.next()
    pool.run(world.invocation(), world.told().heard)
    runtime.sandbox.may_restart.clear()
    runtime.sandbox.exits(1)
    await world.passes(1)
    assert not runtime.sandbox.is_frozen, "it is being started again"
    runtime.sandbox.may_restart.set()
    await world.quiet()
    runtime.next()
    await world.passes(3 * GRACE_S)
    assert runtime.sandbox.is_frozen


async def test_a_frozen_environment_is_retired_like_any_other(world: Any) -> None:
    pool = world.pool()
    runtime = await served(world, pool)
    runtime.next()
    await world.passes(1)
    assert runtime.sandbox.is_frozen
    pool.retire()
    await world.quiet()
    assert runtime.sandbox.closed == 1
    assert pool.size == 0
