"""Bills: added up in memory, written in batches, and never twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lambent.core.billing import Line, Totals
from lambent.core.invocation import Status
from lambent.invoke.billing import BATCH_S, KEPT_DAYS, Billing
from lambent.store.base import Change, StoreUnavailable

TODAY = "2023-11-14"
HERE = ("000000000000", "us-east-1")


async def stored(world: Any) -> dict[str, bytes]:
    return {record.key: record.value for record in await world.records.list("billing/")}


async def test_a_second_after_an_invocation_its_bill_is_in_the_store(world: Any) -> None:
    bill = world.billing.open(world.version(memory_mb=256))
    bill.add(100, 42.1, failed=False)
    bill.add(50, None, failed=True)
    assert await stored(world) == {}
    await world.passes(BATCH_S + 0.1)
    assert list(await stored(world)) == [f"billing/{TODAY}/000000000000/us-east-1/thumbs/$LATEST"]
    again = Billing(world.records, world.tasks, world.clock, world.log)
    expected = Totals(invocations=2, errors=1, billed_ms=150, init_ms=43, memory_mb_ms=150 * 256)
    assert await again.lines(*HERE, [TODAY]) == [Line(TODAY, "thumbs", "$LATEST", expected)]


async def test_a_later_server_adds_to_what_an_earlier_one_wrote(world: Any) -> None:
    for number in (1, 2, 3):
        billing = Billing(world.records, world.tasks, world.clock, world.log)
        billing.open(world.version()).add(10, None, failed=False)
        await billing.close()
        (line,) = await billing.lines(*HERE, [TODAY])
        assert line.totals.billed_ms == 10 * number


async def test_plans_of_one_version_are_billed_together_each_at_its_memory(world: Any) -> None:
    for memory in (128, 1024):
        world.billing.open(world.version(memory_mb=memory)).add(10, None, failed=False)
    world.billing.open(world.version(version="3")).add(10, None, failed=False)
    lines = await world.billing.lines(*HERE, [TODAY])
    assert [(line.version, line.totals.memory_mb_ms) for line in lines] == [("$LATEST", 11_520), ("3", 1280)]


async def test_only_the_function_that_is_asked_for_is_told_of(world: Any) -> None:
    for name in ("thumb", "thumbs", "thumbs2"):
        world.billing.open(world.version(name=name)).add(10, None, failed=False)
    world.billing.open(world.version(region="eu-west-1")).add(10, None, failed=False)
    assert [line.name for line in await world.billing.lines(*HERE, [TODAY])] == ["thumb", "thumbs", "thumbs2"]
    assert [line.name for line in await world.billing.lines(*HERE, [TODAY], "thumbs")] == ["thumbs"]


async def test_what_the_store_refuses_is_written_later_and_once(world: Any) -> None:
    write = world.records.write

    async def refuse(*changes: Change) -> int:
        raise StoreUnavailable("the disk is full")

    world.records.write = refuse
    bill = world.billing.open(world.version())
    bill.add(10, None, failed=False)
    await world.passes(BATCH_S + 0.1)
    bill.add(20, None, failed=False)
    with pytest.raises(StoreUnavailable):
        await world.billing.lines(*HERE, [TODAY])
    world.records.write = write
    await world.passes(BATCH_S + 0.1)
    (line,) = await world.billing.lines(*HERE, [TODAY])
    assert (line.totals.invocations, line.totals.billed_ms) == (2, 30)


async def test_a_batch_that_is_broken_off_is_not_counted_twice(world: Any) -> None:
    write = world.records.write
    reached = asyncio.Event()

    async def hang(*changes: Change) -> int:
        await write(*changes)
        reached.set()
        await asyncio.Event().wait()
        return 0

    world.records.write = hang
    world.billing.open(world.version()).add(10, None, failed=False)
    writing = asyncio.ensure_future(world.billing.flush())
    await reached.wait()
    writing.cancel()
    await asyncio.wait([writing])
    world.records.write = write
    await world.billing.close()
    (line,) = await world.billing.lines(*HERE, [TODAY])
    assert line.totals.billed_ms == 10


async def test_a_new_day_has_its_own_bill_and_very_old_ones_go(world: Any) -> None:
    bill = world.billing.open(world.version())
    bill.add(10, None, failed=False)
    await world.billing.flush()
    world.clock.ahead_s = 86_400
    bill.add(20, None, failed=False)
    lines = await world.billing.lines(*HERE, [TODAY, "2023-11-15"])
    assert [(line.day, line.totals.billed_ms) for line in lines] == [(TODAY, 10), ("2023-11-15", 20)]
    world.clock.ahead_s = 86_400 * (KEPT_DAYS + 1)
    await world.billing.flush()
    assert [key.split("/")[1] for key in await stored(world)] == ["2023-11-15"]


async def test_an_environment_bills_what_its_reports_say(world: Any) -> None:
    start = await world.started()
    await world.passes(0.0305)
    start.runtime.next()
    await world.passes(0.1)
    start.runtime.responds()
    start.runtime.next()
    told = start.run()
    await world.passes(0.0502)
    start.runtime.fails()
    assert told.only.outcome.status is Status.FAILURE
    billed = [int(text.split("Billed Duration: ")[1].split(" ")[0]) for text in start.texts() if "REPORT" in text]
    (line,) = await world.billing.lines(*HERE, [TODAY])
    assert len(billed) == 2
    assert (line.totals.invocations, line.totals.errors, line.totals.billed_ms) == (2, 1, sum(billed))
    assert line.totals.init_ms >= 30
