"""Versions and aliases against a small model of their rules: random sequences of changes, and where invocations go.
And changes made all at once, after which the rules still hold."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.control.aliases import Aliases
from lambent.control.naming import function_missing
from lambent.control.shapes import ResourceConflictException
from lambent.control.storage import CodeStorage
from lambent.control.versions import Versions, remove_version
from lambent.core import limits
from lambent.core.arn import LATEST, FunctionRef
from lambent.core.function import Code, Function, Version
from lambent.core.routing import version_of
from lambent.invoke.records import FunctionRecords
from lambent.invoke.resolve import FunctionMissing, Resolver
from lambent.kit.seal import Seal
from lambent.ports import Ports
from lambent.runtimes.catalogue import Catalogue
from lambent.store.base import RevisionMismatch
from lambent.store.memory import MemoryRecords
from lambent.wire.call import Call, Principal
from lambent.wire.errors import ApiError

ACCOUNT, REGION = "000000000000", "us-east-1"
THUMBS = FunctionRef(ACCOUNT, REGION, "thumbs")
CALL = Call(Principal(ACCOUNT, "arn", "id", "key", is_root=True), REGION, "request", "lambda", "Any")
NOBODY = cast(Any, None)

NAMES = ("Dev", "Stage", "Prod")
NUMBERS = ("1", "2", "3")
ROLLS = (0.0, 0.5, 0.99)

names = st.sampled_from(NAMES)
targets = st.sampled_from((*NAMES, *NUMBERS, LATEST))
weights = st.dictionaries(st.sampled_from(NUMBERS), st.sampled_from((0.0, 0.25, 1.0)), max_size=1)
changes = st.one_of(
    st.tuples(st.just("change"), st.sampled_from("abc")),
    st.tuples(st.just("publish")),
    st.tuples(st.just("delete_version"), st.sampled_from(NUMBERS)),
    st.tuples(st.just("create"), names, targets, weights),
    st.tuples(st.just("update"), names, st.none() | targets, st.none() | weights),
    st.tuples(st.just("delete"), names),
)


@dataclass
class Model:
    """What the rules say."""

    content: str = "a"
    published: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, tuple[str, Mapping[str, float]]] = field(default_factory=dict)

    def change(self, content: str) -> bool:
        self.content = content
        return True

    def publish(self) -> bool:
        if self.versions.get(str(self.published)) != self.content:
            self.published += 1
            self.versions[str(self.published)] = self.content
        return True

    def delete_version(self, number: str) -> bool:
        used = number in self.versions and any(number == t or number in w for t, w in self.aliases.values())
        if not used:
            self.versions.pop(number, None)
        return not used

    def create(self, name: str, target: str, weights: Mapping[str, float]) -> bool:
        return name not in self.aliases and self.put(name, target, weights)

    def update(self, name: str, target: str | None, weights: Mapping[str, float] | None) -> bool:
        if name not in self.aliases:
            return False
        now, shares = self.aliases[name]
        return self.put(name, target or now, shares if weights is None else weights)

    def put(self, name: str, target: str, weights: Mapping[str, float]) -> bool:
        if target in NUMBERS and target not in self.versions:
            return False
        if target in NAMES and (target not in self.aliases or self.leads_to(target, name)):
            return False
        if weights and (target not in NUMBERS or any(n == target or n not in self.versions for n in weights)):
            return False
        self.aliases[name] = target, weights
        return True

    def leads_to(self, name: str, other: str) -> bool:
        while name in self.aliases and name != other:
            name = self.aliases[name][0]
        return name == other

    def delete(self, name: str) -> bool:
        used = name in self.aliases and any(target == name for target, _ in self.aliases.values())
        if not used:
            self.aliases.pop(name, None)
        return not used

    def runs(self, qualifier: str, roll: float) -> str | None:
        while qualifier in self.aliases:
            target, shares = self.aliases[qualifier]
            qualifier = next((number for number, share in shares.items() if roll < share), target)
        return qualifier if qualifier == LATEST or qualifier in self.versions else None


class Real:
    """The same, done by the operations; True when they did not refuse."""

    def __init__(self, records: Any) -> None:
        seal = Seal(bytes(32))
        others = dict.fromkeys((f.name for f in fields(Ports)), NOBODY)
        ports = Ports(**{**others, "records": records, "seal": seal, "catalogue": Catalogue({})})
        self.functions = FunctionRecords(records, seal)
        self.versions = Versions(ports, CodeStorage(ports, limits.CODE_STORAGE))
        self.aliases = Aliases(ports)
        self.roll = 0.0

    async def resolver(self) -> Resolver:
        resolver = Resolver(self.functions, roll=lambda: self.roll)
        await resolver.start(lambda key, version: None)
        return resolver

    async def do(self, what: str, *about: Any) -> bool:
        try:
            await getattr(self, what)(*about)
        except ApiError:
            return False
        return True

    async def change(self, content: str) -> None:
        while True:
            try:
                return await self._change(content)
            except RevisionMismatch:
                continue

    async def _change(self, content: str) -> None:
        function, revision = await self.found()
        latest = replace(
            function.latest, code=Code(content * 64, content, 1), generation=function.latest.generation + 1
        )
        await self.functions.replace(replace(function, latest=latest, serving=latest), revision)

    async def publish(self) -> None:
        await self.versions.publish_version(CALL, {"FunctionName": "thumbs"})

    async def delete_version(self, number: str) -> None:
        while True:
            try:
                return await remove_version(self.functions, *await self.found(), number)
            except RevisionMismatch:
                continue

    async def end(self) -> None:
        while True:
            try:
                return await self.functions.remove(*await self.found())
            except RevisionMismatch:
                continue

    async def create(self, name: str, target: str, weights: Mapping[str, float]) -> None:
        routing = {"AdditionalVersionWeights": weights}
        request = {"FunctionName": "thumbs", "Name": name, "FunctionVersion": target, "RoutingConfig": routing}
        await self.aliases.create_alias(CALL, cast(Any, request))

    async def update(self, name: str, target: str | None, weights: Mapping[str, float] | None) -> None:
        request: dict[str, Any] = {"FunctionName": "thumbs", "Name": name}
        if target is not None:
            request["FunctionVersion"] = target
        if weights is not None:
            request["RoutingConfig"] = {"AdditionalVersionWeights": weights}
        await self.aliases.update_alias(CALL, cast(Any, request))

    async def delete(self, name: str) -> None:
        await self.aliases.delete_alias(CALL, {"FunctionName": "thumbs", "Name": name})

    async def found(self) -> tuple[Function, int]:
        found = await self.functions.get(ACCOUNT, REGION, "thumbs")
        if found is None:
            raise function_missing(THUMBS)
        return found

    def runs(self, resolver: Resolver, qualifier: str, roll: float) -> str | None:
        self.roll = roll
        try:
            return resolver.version(replace(THUMBS, qualifier=qualifier)).version
        except FunctionMissing:
            return None


LATEST_VERSION = Version(
    account=ACCOUNT,
    region=REGION,
    name="thumbs",
    function_id="id",
    role="arn:aws:iam::000000000000:role/runner",
    runtime="python3.11",
    handler="app.handler",
    code=Code("a" * 64, "a", 1),
    revision_id="r",
    last_modified="2026-01-01T00:00:00.000+0000",
    state="Active",
    state_reason=None,
    state_reason_code=None,
    update_status="Successful",
)


@given(st.lists(changes, max_size=40))
@settings(max_examples=80, deadline=None)
def test_operations_agree_with_a_model_of_their_rules(sequence: list[tuple[Any, ...]]) -> None:
    async def live() -> None:
        real, model = Real(MemoryRecords()), Model()
        resolver = await real.resolver()
        await real.functions.add(Function(LATEST_VERSION, LATEST_VERSION))
        for what, *about in sequence:
            expected = getattr(model, what)(*about)
            assert await real.do(what, *about) is expected, (what, *about)
            for known in (resolver, await real.resolver()):
                for qualifier in (LATEST, *NUMBERS, *NAMES):
                    for roll in ROLLS:
                        assert real.runs(known, qualifier, roll) == model.runs(qualifier, roll), (qualifier, roll)
        function, _ = await real.found()
        assert function.published == model.published

    asyncio.run(live())


class Slow:
    """A store that takes its time, so that what is done at once is done in every order."""

    def __init__(self, seed: int) -> None:
        self._records = MemoryRecords()
        self._random = random.Random(seed)

    def watch(self, prefix: str, seen: Any) -> Any:
        return self._records.watch(prefix, seen)

    async def get(self, key: str) -> Any:
        await self._pause()
        return await self._records.get(key)

    async def list(self, prefix: str, **options: Any) -> Any:
        await self._pause()
        return await self._records.list(prefix, **options)

    async def write(self, *changes: Any) -> int:
        await self._pause()
        return await self._records.write(*changes)

    async def _pause(self) -> None:
        for _ in range(self._random.randrange(4)):
            await asyncio.sleep(0)


@given(st.lists(changes, max_size=20), st.lists(changes, min_size=2, max_size=20), st.integers(0, 999), st.booleans())
@settings(max_examples=80, deadline=None)
def test_what_is_done_at_once_leaves_no_alias_without_a_version(
    before: list[tuple[Any, ...]], at_once: list[tuple[Any, ...]], seed: int, ends: bool
) -> None:
    async def live() -> None:
        real = Real(Slow(seed))
        resolver = await real.resolver()
        await real.functions.add(Function(LATEST_VERSION, LATEST_VERSION))
        for change in before:
            await real.do(*change)
        await asyncio.gather(*(real.do(*change) for change in at_once), *([real.do("end")] if ends else []))
        versions = [version.version async for version in real.functions.each_version(ACCOUNT, REGION, "thumbs")]
        aliases = await real.functions.aliases(ACCOUNT, REGION, "thumbs")
        if ends:
            assert (versions, aliases) == ([], {})
        for name in aliases:
            for roll in ROLLS:
                assert version_of(aliases, name, roll) in (LATEST, *versions)
                assert real.runs(resolver, name, roll) == version_of(aliases, name, roll)
        if not ends:
            function, _ = await real.found()
            assert all(int(number) <= function.published for number in versions)

    asyncio.run(live())


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"state": "Pending"}, f"An update is in progress for resource: {THUMBS.arn}"),
        ({"update_status": "InProgress"}, f"An update is in progress for resource: {THUMBS.arn}"),
        ({"update_status": "Failed"}, "The function is currently in the following state: Failed"),
        ({"state": "Failed"}, "The function is currently in the following state: Failed"),
    ],
)
async def test_what_is_not_ready_is_not_published(members: dict[str, str], text: str) -> None:
    real = Real(MemoryRecords())
    latest = replace(LATEST_VERSION, **cast(Any, members))
    await real.functions.add(Function(latest, LATEST_VERSION))
    with pytest.raises(ResourceConflictException) as refused:
        await real.publish()
    assert refused.value.message == f"The operation cannot be performed at this time. {text}"
    assert [each async for each in real.functions.each_version(ACCOUNT, REGION, "thumbs")] == []
