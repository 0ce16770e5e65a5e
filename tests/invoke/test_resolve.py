"""Functions in the store, and the copy of them that invocations go by."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from lambent.core.arn import FunctionRef
from lambent.core.function import Code, Function, Logging
from lambent.invoke.records import FunctionRecords, function_key
from lambent.invoke.resolve import FunctionMissing, NotActive, Resolver
from lambent.kit.seal import Seal, SealBroken
from lambent.store.base import RevisionMismatch

ACCOUNT, REGION = "000000000000", "us-east-1"
THUMBS = FunctionRef(ACCOUNT, REGION, "thumbs")
KEY = function_key(ACCOUNT, REGION, "thumbs")


# --- records --------------------------------------------------------------------------------------------------


async def test_a_function_comes_back_as_it_was_written(world: Any) -> None:
    version = world.version(
        environment={"SECRET": "schlüssel", "EMPTY": ""},
        logging={"format": "JSON", "group": "/mine", "application_level": "WARN", "system_level": "DEBUG"},
        description="Ünïcode",
        dead_letter_target="arn:aws:sqs:us-east-1:000000000000:dead",
    )
    function = Function(replace(version, generation=2), version, {"team": "a"}, {"policy": {"x": [1]}})
    revision = await world.functions.add(function)
    assert await world.functions.get(ACCOUNT, REGION, "thumbs") == (function, revision)
    assert isinstance(function.latest.code, Code)
    assert isinstance(function.latest.logging, Logging)


async def test_environment_variables_are_not_in_clear_in_the_store(world: Any) -> None:
    await world.functions.add(world.function(environment={"PASSWORD": "hunter2"}))
    record = await world.records.get(KEY)
    assert b"hunter2" not in record.value
    assert b"PASSWORD" not in record.value
    assert b"thumbs" in record.value


async def test_another_key_or_another_function_s_record_does_not_open_them(world: Any) -> None:
    function = world.function(environment={"PASSWORD": "hunter2"})
    await world.functions.add(function)
    value = (await world.records.get(KEY)).value
    with pytest.raises(SealBroken):
        FunctionRecords(world.records, Seal(b"x" * 32)).decode(value)
    with pytest.raises(SealBroken):
        world.functions.decode(value.replace(b'"name":"thumbs"', b'"name":"others"'))


async def test_a_write_names_the_revision_that_it_was_made_from(world: Any) -> None:
    function = world.function()
    first = await world.functions.add(function)
    with pytest.raises(RevisionMismatch):
        await world.functions.add(function)
    second = await world.functions.replace(function, first)
    with pytest.raises(RevisionMismatch):
        await world.functions.replace(function, first)
    with pytest.raises(RevisionMismatch):
        await world.functions.remove(function, first)
    await world.functions.remove(function, second)
    assert await world.functions.get(ACCOUNT, REGION, "thumbs") is None


async def test_pages_are_in_name_order_and_of_one_account_and_region(world: Any) -> None:
    names = ["b", "a", "c-2", "c"]
    for name in names:
        await world.functions.add(world.function(name=name))
    await world.functions.add(world.function(name="aa", region="eu-west-1"))
    await world.functions.add(world.function(name="ab", account="111111111111"))

    async def page(after: str, limit: int) -> list[str]:
        found = await world.functions.page(ACCOUNT, REGION, after=after, limit=limit)
        return [function.latest.name for function in found]

    assert await page("", 3) == ["a", "b", "c"]
    assert await page("c", 3) == ["c-2"]
    assert await page("c-2", 3) == []
    assert sorted(function.latest.name for function, _ in await world.functions.all()) == [
        "a",
        "aa",
        "ab",
        "b",
        "c",
        "c-2",
    ]


# --- the copy -------------------------------------------------------------------------------------------------


async def resolver(world: Any) -> tuple[Resolver, list[tuple[str, Function | None]]]:
    told: list[tuple[str, Function | None]] = []
    resolver = Resolver(world.functions)
    await resolver.start(lambda key, function: told.append((key, function)))
    return resolver, told


@pytest.mark.parametrize("qualifier", [None, "$LATEST"])
async def test_what_was_there_at_the_start_is_known(world: Any, qualifier: str | None) -> None:
    await world.functions.add(world.function())
    known, told = await resolver(world)
    assert known.version(replace(THUMBS, qualifier=qualifier)) == world.version()
    assert known.functions == [world.function()]
    assert told == []


async def test_changes_are_known_at_once_and_told(world: Any) -> None:
    known, told = await resolver(world)
    with pytest.raises(FunctionMissing):
        known.version(THUMBS)
    revision = await world.functions.add(world.function())
    assert known.version(THUMBS).generation == 1
    revision = await world.functions.replace(world.function(generation=2), revision)
    assert known.version(THUMBS).generation == 2
    await world.functions.remove(world.function(), revision)
    with pytest.raises(FunctionMissing):
        known.version(THUMBS)
    assert told == [(KEY, world.function()), (KEY, world.function(generation=2)), (KEY, None)]
    known.close()
    await world.functions.add(world.function())
    assert len(told) == 3


@pytest.mark.parametrize(("qualifier", "shown"), [(None, "$LATEST"), ("7", "7"), ("live", "live")])
async def test_what_does_not_exist_is_named_with_its_qualifier(world: Any, qualifier: str | None, shown: str) -> None:
    known, _ = await resolver(world)
    if qualifier is not None:
        await world.functions.add(world.function())
    with pytest.raises(FunctionMissing) as missing:
        known.version(replace(THUMBS, qualifier=qualifier))
    assert missing.value.ref.arn == f"arn:aws:lambda:us-east-1:000000000000:function:thumbs:{shown}"


async def test_a_function_that_never_was_active_is_in_its_state(world: Any) -> None:
    known, _ = await resolver(world)
    await world.functions.add(Function(world.version(state="Pending")))
    with pytest.raises(NotActive) as inactive:
        known.version(THUMBS)
    assert inactive.value.state == "Pending"


async def test_looking_again_reads_what_the_watch_has_not_told(world: Any) -> None:
    known, told = await resolver(world)
    known.close()
    await world.functions.add(world.function())
    await known.look_again(THUMBS)
    assert known.version(THUMBS) == world.version()
    await world.functions.remove(*await world.functions.get(ACCOUNT, REGION, "thumbs"))
    await known.look_again(THUMBS)
    with pytest.raises(FunctionMissing):
        known.version(THUMBS)
    assert [function is None for _, function in told] == [False, True]


class SlowRecords:
    """Reads what there is, and answers later."""

    def __init__(self, records: Any) -> None:
        self.records = records
        self.may_answer = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.records, name)

    async def get(self, key: str) -> Any:
        found = await self.records.get(key)
        await self.may_answer.wait()
        return found

    async def list(self, prefix: str, **members: Any) -> Any:
        found = await self.records.list(prefix, **members)
        await self.may_answer.wait()
        return found


@pytest.mark.parametrize("change", ["updated", "deleted"])
async def test_what_was_told_while_the_store_was_read_is_not_undone(world: Any, change: str) -> None:
    revision = await world.functions.add(world.function())
    slow = SlowRecords(world.records)
    known = Resolver(FunctionRecords(slow, world.seal))  # type: ignore[arg-type]
    starting = asyncio.ensure_future(known.start(lambda key, function: None))
    await world.quiet()
    if change == "updated":
        revision = await world.functions.replace(world.function(generation=2), revision)
    else:
        await world.functions.remove(world.function(), revision)
        revision = await world.functions.add(world.function(generation=2))
    slow.may_answer.set()
    await starting
    assert known.version(THUMBS).generation == 2

    slow.may_answer.clear()
    looking = asyncio.ensure_future(known.look_again(THUMBS))
    await world.quiet()
    if change == "updated":
        await world.functions.replace(world.function(generation=3), revision)
    else:
        await world.functions.remove(world.function(), revision)
    slow.may_answer.set()
    await looking
    if change == "updated":
        assert known.version(THUMBS).generation == 3
    else:
        with pytest.raises(FunctionMissing):
            known.version(THUMBS)


async def test_a_function_deleted_while_the_store_is_first_read_stays_deleted(world: Any) -> None:
    revision = await world.functions.add(world.function())
    slow = SlowRecords(world.records)
    known = Resolver(FunctionRecords(slow, world.seal))  # type: ignore[arg-type]
    starting = asyncio.ensure_future(known.start(lambda key, function: None))
    await world.quiet()
    await world.functions.remove(world.function(), revision)
    slow.may_answer.set()
    await starting
    assert known.functions == []
