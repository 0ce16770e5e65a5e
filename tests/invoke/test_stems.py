"""Sandboxes that wait: how many, who takes them, and that none is left over or made in vain."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lambent.invoke.stems import AT_ONCE, Stems
from lambent.sandbox.base import Deferred, Exit, Forked, SandboxDied, Started, Template

FORKED = Template("forked", Forked("/bin/python", "boot", ()), ())
OTHER = Template("other", Deferred(), ())


def wanted() -> bool:
    return True


@pytest.fixture
def stems(world: Any) -> Stems:
    """Three of a forked template, two of a deferred one."""
    return made(world, 0.3)


def made(world: Any, scale: float) -> Stems:
    world.stems = Stems(world.driver, world.doors, world.tasks, world.log, scale=scale)
    return world.stems


def waiting(world: Any) -> int:
    return len(world.driver.open)


@pytest.mark.parametrize(
    ("program", "count"), [(Forked("/bin/python", "boot", ()), 10), (Deferred(), 6), (Started(("/bin/true",)), 4)]
)
async def test_as_many_wait_as_their_kind_is_cheap(world: Any, program: Any, count: int) -> None:
    await made(world, 1.0).prepare(Template("any", program, ()))
    await world.quiet()
    assert waiting(world) == count


async def test_at_least_one_waits_however_small_the_scale(world: Any) -> None:
    await made(world, 0.0).prepare(FORKED)
    await world.quiet()
    assert waiting(world) == 1


async def test_what_is_taken_is_made_good(world: Any, stems: Stems) -> None:
    await stems.prepare(FORKED)
    await world.quiet()
    assert waiting(world) == 3
    first = world.driver.made[0]
    stem = await stems.take(FORKED, wanted)
    assert stem is not None
    assert stem.sandbox is first
    await world.quiet()
    assert waiting(world) == 3, "the cold start that took it goes first"
    await world.passes(1)
    assert waiting(world) == 4


async def test_after_a_burst_more_wait_for_a_while(world: Any, stems: Stems) -> None:
    await stems.prepare(FORKED)
    await world.passes(1)
    for _ in range(12):
        await stems.take(FORKED, wanted)
    await world.passes(1)
    assert waiting(world) == 12 + 12
    for _ in range(60):
        await world.passes(10)
        stems.trim()
    await world.quiet()
    assert waiting(world) == 12 + 3


async def test_an_empty_queue_makes_one_and_then_more(world: Any, stems: Stems) -> None:
    stem = await stems.take(FORKED, wanted)
    assert stem is not None
    await world.quiet()
    assert waiting(world) == 1 + 3


async def test_templates_have_queues_of_their_own(world: Any, stems: Stems) -> None:
    await stems.prepare(FORKED)
    await stems.prepare(OTHER)
    await world.passes(1)
    assert sorted(sandbox.id.split("-")[0] for sandbox in world.driver.open) == ["forked"] * 3 + ["other"] * 2
    stem = await stems.take(OTHER, wanted)
    assert stem is not None
    assert stem.sandbox.id.startswith("other")


async def test_preparing_returns_as_soon_as_one_waits(world: Any, stems: Stems) -> None:
    await stems.prepare(FORKED)
    assert waiting(world) == 1
    world.driver.may_make.clear()
    await stems.prepare(FORKED)
    assert waiting(world) == 1
    world.driver.may_make.set()


async def test_whoever_is_not_wanted_any_more_gets_none(world: Any, stems: Stems) -> None:
    assert await stems.take(FORKED, lambda: False) is None
    await world.quiet()
    assert world.driver.asked == 0


async def test_a_few_are_made_at_a_time(world: Any, stems: Stems) -> None:
    world.driver.may_make.clear()
    takers = [asyncio.ensure_future(stems.take(FORKED, wanted)) for _ in range(20)]
    await world.quiet()
    assert world.driver.asked == AT_ONCE
    world.driver.may_make.set()
    taken = await asyncio.gather(*takers)
    assert len({stem.sandbox for stem in taken if stem is not None}) == 20


async def test_what_is_given_back_waits_for_the_next_unless_there_are_enough(world: Any, stems: Stems) -> None:
    stem = await stems.take(FORKED, wanted)
    assert stem is not None
    await world.quiet()
    stems.give_back(FORKED, stem)
    await world.quiet()
    assert stem.sandbox.closed == 1
    assert waiting(world) == 3

    world.driver.may_make.clear()
    stem = await stems.take(FORKED, wanted)
    assert stem is not None
    stems.give_back(FORKED, stem)
    await world.quiet()
    assert stem.sandbox.closed == 0
    world.driver.may_make.set()


# --- what goes wrong ------------------------------------------------------------------------------------------


async def test_a_driver_that_fails_is_not_asked_over_and_over(world: Any, stems: Stems) -> None:
    world.driver.broken = world.Died("no user ids")
    with pytest.raises(world.Died):
        await stems.take(FORKED, wanted)
    with pytest.raises(world.Died):
        await stems.prepare(FORKED)
    await world.passes(60)
    assert world.driver.asked == 2
    world.driver.broken = None
    await stems.prepare(FORKED)
    world.driver.broken = world.Died("again")
    await world.passes(60)
    assert world.driver.asked == 4
    assert "stem_failed" in world.report.getvalue()


async def test_a_failed_refill_is_made_up_for_at_the_next_take(world: Any, stems: Stems) -> None:
    await stems.prepare(FORKED)
    world.driver.broken = world.Died("for now")
    await world.quiet()
    assert waiting(world) == 1
    world.driver.broken = None
    await stems.take(FORKED, wanted)
    await world.quiet()
    assert waiting(world) == 1 + 3


async def test_one_that_ends_while_it_waits_is_thrown_away(world: Any, stems: Stems) -> None:
    await stems.prepare(FORKED)
    await world.quiet()
    for sandbox in world.driver.made[:2]:
        sandbox.exits(None, 9)
        sandbox.exits(None, 9)
    stem = await stems.take(FORKED, wanted)
    assert stem is not None
    assert stem.sandbox is world.driver.made[2]
    assert stem.sandbox.on_exit is None
    await world.quiet()
    assert [sandbox.closed for sandbox in world.driver.made[:3]] == [1, 1, 0]
    assert waiting(world) == 1 + 3


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), KeyError("a fault of ours")])
async def test_a_sandbox_whose_doors_do_not_open_is_closed(world: Any, stems: Stems, error: Exception) -> None:
    world.doors.broken = error
    expected = world.Died if isinstance(error, OSError) else KeyError
    with pytest.raises(expected):
        await stems.take(FORKED, wanted)
    assert [sandbox.closed for sandbox in world.driver.made] == [1]


# --- the end --------------------------------------------------------------------------------------------------


async def test_closing_ends_those_that_wait_and_not_those_that_were_taken(world: Any, stems: Stems) -> None:
    stem = await stems.take(FORKED, wanted)
    assert stem is not None
    await world.quiet()
    await stems.close()
    assert world.driver.open == [stem.sandbox]


async def test_closing_in_the_middle_of_a_refill_leaves_none(world: Any, stems: Stems) -> None:
    await stems.prepare(FORKED)
    world.driver.may_make.clear()
    await world.quiet()
    await stems.close()
    world.driver.may_make.set()
    await world.quiet()
    assert waiting(world) == 0
    assert world.tasks._running == set()


async def test_what_is_made_when_nobody_will_come_any_more_is_closed(world: Any, stems: Stems) -> None:
    world.driver.may_make.clear()
    preparing = asyncio.ensure_future(stems.prepare(FORKED))
    taking = asyncio.ensure_future(stems.take(OTHER, wanted))
    await world.quiet()
    await stems.close()
    world.driver.may_make.set()
    await preparing
    stem = await taking
    assert stem is not None
    stems.give_back(OTHER, stem)
    await world.quiet()
    assert waiting(world) == 0


async def test_a_closed_stem_s_door_is_closed_first(world: Any, stems: Stems) -> None:
    stem = await stems.take(FORKED, wanted)
    assert stem is not None
    await stem.close()
    assert stem.door.session.next(lambda event: None).status == 403
    assert stem.sandbox.closed == 1


async def test_a_program_that_boots_first_is_waited_for(world: Any) -> None:
    world.doors.reached = False
    booting = Template("booting", Started(("/bin/true",)), ())
    preparing = asyncio.ensure_future(made(world, 1.0).prepare(booting))
    await world.quiet()
    assert waiting(world) == 0 or not preparing.done()
    world.doors.reached = True
    for door in world.doors.of.values():
        door.reached.set()
    await preparing
    assert preparing.done()


async def test_a_program_that_ends_while_it_boots_is_no_stem(world: Any) -> None:
    world.doors.reached = False
    preparing = asyncio.ensure_future(made(world, 1.0).prepare(Template("booting", Started(("/bin/true",)), ())))
    await world.quiet()
    (sandbox,) = world.doors.of
    sandbox.on_exit(Exit(1, None, out_of_memory=False))
    with pytest.raises(SandboxDied, match="while it booted"):
        await preparing
