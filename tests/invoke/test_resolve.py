"""Functions in the store, and the copy of them that invocations go by."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest

from lambent.core.arn import FunctionRef
from lambent.core.function import Alias, Code, Function, Layer, Logging, Version
from lambent.invoke.records import FunctionRecords, Place, function_key, version_key
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


def published(world: Any, number: int, **members: Any) -> Any:
    return world.version(version=str(number), **members)


def alias(name: str, target: str, **members: Any) -> Alias:
    return Alias(ACCOUNT, REGION, "thumbs", name, target, "r1", **members)


async def write(world: Any, *changes: Any) -> None:
    """Change what belongs to the function, as the control plane does: with the function's record."""
    await world.functions.replace(*await world.functions.get(ACCOUNT, REGION, "thumbs"), *changes)


async def test_versions_and_aliases_come_back_as_they_were_written(world: Any) -> None:
    functions = world.functions
    version = published(
        world, 1, environment={"SECRET": "s"}, layers=(Layer("arn:aws:lambda:r:a:layer:l:1", Code("e" * 64, "e", 2)),)
    )
    split = alias("Prod", "1", description="Ünïcode", weights={"2": 0.25})
    await functions.add(world.function(), functions.put_version(version), functions.put_alias(split))
    assert await functions.version(ACCOUNT, REGION, "thumbs", "1") == version
    assert await functions.alias(ACCOUNT, REGION, "thumbs", "Prod") == split
    assert await functions.aliases(ACCOUNT, REGION, "thumbs") == {"Prod": split}
    assert await functions.version(ACCOUNT, REGION, "thumbs", "01") is None
    for page in [await world.records.list("lambda/")]:
        assert not any(b"SECRET" in record.value for record in page)


async def test_versions_are_in_the_order_of_their_numbers(world: Any) -> None:
    functions = world.functions
    await functions.add(world.function(), *(functions.put_version(published(world, n)) for n in (10, 9, 100, 1)))
    await functions.add(world.function(name="thumb"), functions.put_version(published(world, 5, name="thumb")))

    async def page(after: int, limit: int) -> list[str]:
        found = await functions.versions(ACCOUNT, REGION, "thumbs", after=after, limit=limit)
        return [version.version for version in found]

    assert await page(0, 3) == ["1", "9", "10"]
    assert await page(10, 3) == ["100"]
    assert [v.version async for v in functions.each_version(ACCOUNT, REGION, "thumbs", after=9)] == ["10", "100"]


async def test_a_function_takes_its_versions_and_aliases_with_it(world: Any) -> None:
    functions = world.functions
    for name in ("thumbs", "thumbs-2"):
        version = published(world, 1, name=name)
        named = replace(alias("Prod", "1"), function=name)
        await functions.add(world.function(name=name), functions.put_version(version), functions.put_alias(named))
    function, revision = await functions.get(ACCOUNT, REGION, "thumbs")
    with pytest.raises(RevisionMismatch):
        await functions.remove(function, revision - 1)
    assert await functions.version(ACCOUNT, REGION, "thumbs", "1") is not None
    await functions.remove(function, revision)
    left = {place.function.rpartition("/")[2] async for place, _ in functions.everything()}
    assert left == {"thumbs-2"}


async def test_a_record_from_before_there_were_versions_can_be_read(world: Any) -> None:
    document = orjson.loads(world.functions.encode(world.function()))
    del document["published"], document["published_description"]
    assert world.functions.decode(orjson.dumps(document)) == world.function()


# --- the copy -------------------------------------------------------------------------------------------------


async def resolver(world: Any, *rolls: float) -> tuple[Resolver, list[tuple[str, Version | None]]]:
    """A resolver that rolls `rolls` and then 0, and what it tells."""
    told: list[tuple[str, Version | None]] = []
    dice = iter(rolls)
    resolver = Resolver(world.functions, roll=lambda: next(dice, 0.0))
    await resolver.start(lambda key, version: told.append((key, version)))
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
    assert told == [(KEY, world.version()), (KEY, world.version(generation=2)), (KEY, None)]
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
    assert [version is None for _, version in told] == [False, True]


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


# --- versions and aliases --------------------------------------------------------------------------------------


def at(qualifier: str) -> FunctionRef:
    return replace(THUMBS, qualifier=qualifier)


async def with_versions(world: Any) -> None:
    functions = world.functions
    await functions.add(
        world.function(generation=3),
        *(functions.put_version(published(world, number, generation=number)) for number in (1, 2)),
        *(functions.put_alias(each) for each in (alias("Dev", "$LATEST"), alias("Live", "Prod"))),
        functions.put_alias(alias("Prod", "1", weights={"2": 0.25})),
    )


@pytest.mark.parametrize("when", ["at the start", "later"])
async def test_qualifiers_lead_to_versions(world: Any, when: str) -> None:
    if when == "at the start":
        await with_versions(world)
    known, _ = await resolver(world, 0.9, 0.9, 0.24, 0.25, 0.1)
    if when == "later":
        await with_versions(world)
    found = [known.version(at(qualifier)).version for qualifier in ("1", "2", "Prod", "Prod", "Live", "Dev")]
    assert found == ["1", "2", "2", "1", "2", "$LATEST"]


async def test_an_alias_that_moves_is_followed_at_once(world: Any) -> None:
    await with_versions(world)
    known, _ = await resolver(world, 0.9, 0.9, 0.9)
    assert known.version(at("Live")).version == "1"
    await write(world, world.functions.put_alias(alias("Prod", "2")))
    assert known.version(at("Live")).version == "2"
    await write(world, world.functions.delete_alias(alias("Live", "Prod")))
    with pytest.raises(FunctionMissing):
        known.version(at("Live"))


async def test_what_becomes_of_versions_is_told_by_their_own_keys(world: Any) -> None:
    known, told = await resolver(world)
    await world.functions.add(world.function())
    version = published(world, 1)
    await write(world, world.functions.put_version(version))
    key = version_key(ACCOUNT, REGION, "thumbs", "1")
    assert told[-1] == (key, version)
    await write(world, world.functions.delete_version(version))
    assert told[-1] == (key, None)
    with pytest.raises(FunctionMissing):
        known.version(at("1"))


async def test_a_deleted_function_s_versions_are_told_to_be_gone(world: Any) -> None:
    await with_versions(world)
    known, told = await resolver(world)
    await world.functions.remove(*await world.functions.get(ACCOUNT, REGION, "thumbs"))
    assert {key for key, version in told if version is None} == {
        version_key(ACCOUNT, REGION, "thumbs", version) for version in ("$LATEST", "1", "2")
    }
    await world.functions.add(world.function())
    with pytest.raises(FunctionMissing):
        known.version(at("Dev"))


async def test_a_version_that_still_is_made_cannot_run(world: Any) -> None:
    known, _ = await resolver(world)
    waiting = world.functions.put_version(published(world, 1, state="Pending"))
    await world.functions.add(Function(world.version(state="Pending")), waiting)
    with pytest.raises(NotActive) as inactive:
        known.version(at("1"))
    assert inactive.value.state == "Pending"


async def test_looking_again_finds_versions_and_aliases_that_were_not_told(world: Any) -> None:
    known, _ = await resolver(world, 0.9)
    known.close()
    await with_versions(world)
    await known.look_again(at("Live"))
    assert known.version(at("Live")).version == "1"
    assert known.version(at("2")).version == "2"


async def test_a_watch_says_what_it_is_about(world: Any) -> None:
    heard: list[Place] = []
    world.functions.watch(lambda place, _: heard.append(place))
    await world.functions.add(world.function())
    version, named = published(world, 20), alias("Prod", "20")
    await write(world, world.functions.put_version(version), world.functions.put_alias(named))
    assert set(heard) == {Place("functions", KEY, ""), Place("versions", KEY, "20"), Place("aliases", KEY, "Prod")}
