"""Function reference → the version to run, from a copy of the store's functions, versions and aliases that a watch
keeps current."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping

from lambent.core.arn import LATEST, FunctionRef
from lambent.core.function import Alias, Function, Version
from lambent.core.routing import version_of
from lambent.invoke.records import BESIDE, FunctionRecords, Place, Thing, function_key

Changed = Callable[[str, Version | None], None]
"""Told by `version_key` what invocations of a version run from now on: None when it is gone or cannot run."""


Rerouted = Callable[[str], None]
"""Told by `function_key` that versions or aliases of a function have changed."""


class FunctionMissing(Exception):
    """No such function, or no such version or alias of it; `ref` bears the qualifier that was looked for."""

    def __init__(self, ref: FunctionRef) -> None:
        super().__init__(ref.arn)
        self.ref = ref


class NotActive(Exception):
    """The function cannot run yet, or any more; `version` is what would run, its `state` AWS's."""

    def __init__(self, arn: str, version: Version) -> None:
        super().__init__(f"{arn}: {version.state}")
        self.version = version
        self.state = version.state


class Resolver:
    """Knows every function without asking the store. `roll` gives numbers in [0, 1) that aliases with weights go by."""

    def __init__(self, functions: FunctionRecords, *, roll: Callable[[], float] = random.random) -> None:
        self._functions = functions
        self._roll = roll
        self._known: dict[str, Function] = {}
        # By the function's key, then by number or name.
        self._versions: defaultdict[str, dict[str, Version]] = defaultdict(dict)
        self._aliases: defaultdict[str, dict[str, Alias]] = defaultdict(dict)
        self._told = 0
        """Changes that the watch has told of."""
        self._stop: Callable[[], None] | None = None
        self._changed: Changed | None = None
        self._rerouted: Rerouted | None = None

    async def start(self, changed: Changed, rerouted: Rerouted | None = None) -> None:
        """Read all that there is, and from now on tell `changed` of each change of what a version runs, and `rerouted`
        of each that may make a qualifier stand for something else."""
        meanwhile: set[Place] = set()
        stop = self._functions.watch(lambda place, _: meanwhile.add(place))
        self._stop = self._functions.watch(self._seen)
        async for place, thing in self._functions.everything():
            if place not in meanwhile:  # it may be gone by now
                self._learn(place, thing)
        self._changed, self._rerouted = changed, rerouted
        stop()

    def close(self) -> None:
        """End the watch."""
        if self._stop is not None:
            self._stop()

    @property
    def functions(self) -> list[Function]:
        """All of them."""
        return list(self._known.values())

    def version(self, ref: FunctionRef) -> Version:
        """What an invocation of `ref` runs. Raises FunctionMissing and NotActive."""
        key = function_key(ref.account, ref.region, ref.name)
        function = self._known.get(key)
        if function is None:
            raise _missing(ref)
        if ref.qualifier is None or ref.qualifier == LATEST:
            return _serving(function, ref)
        number = version_of(self._aliases.get(key, {}), ref.qualifier, self._roll())
        if number == LATEST:
            return _serving(function, ref)
        version = None if number is None else self._versions.get(key, {}).get(number)
        if version is None:
            raise _missing(ref)
        if version.state != "Active":
            raise NotActive(ref.arn, version)
        return version

    def published(self, account: str, region: str, name: str, number: str) -> Version | None:
        """A published version that can run, or None."""
        version = self._versions.get(function_key(account, region, name), {}).get(number)
        return version if version is not None and version.state == "Active" else None

    def aliases(self, account: str, region: str, name: str) -> Mapping[str, Alias]:
        """The aliases of a function, by name."""
        return self._aliases.get(function_key(account, region, name), {})

    async def look_again(self, ref: FunctionRef) -> None:
        """Read from the store what `ref` names: what was committed a moment ago may not have been told yet."""
        told = -1
        while told != self._told:  # what the watch told meanwhile may be newer than what was read
            told = self._told
            found = await self._functions.get(ref.account, ref.region, ref.name)
            beside = [] if found is None or self._finds(ref) else await self._read_beside(ref)
        key = function_key(ref.account, ref.region, ref.name)
        self._learn(Place("functions", key, ""), None if found is None else found[0])
        for place, thing in beside:
            self._learn(place, thing)

    def _finds(self, ref: FunctionRef) -> bool:
        """Whether a version or an alias is known; one that is not qualified needs neither."""
        if ref.qualifier is None or ref.qualifier == LATEST:
            return True
        key = function_key(ref.account, ref.region, ref.name)
        return ref.qualifier in self._versions.get(key, {}) or ref.qualifier in self._aliases.get(key, {})

    async def _read_beside(self, ref: FunctionRef) -> list[tuple[Place, Thing]]:
        key = function_key(ref.account, ref.region, ref.name)
        where = ref.account, ref.region, ref.name
        found: list[tuple[Place, Thing]] = [
            (Place("versions", key, version.version), version) async for version in self._functions.each_version(*where)
        ]
        aliases = await self._functions.aliases(*where)
        return found + [(Place("aliases", key, name), alias) for name, alias in aliases.items()]

    def _seen(self, place: Place, thing: Thing | None) -> None:
        self._told += 1
        self._learn(place, thing)

    def _learn(self, place: Place, thing: Thing | None) -> None:
        key = place.function
        match place.noun, thing:
            case "functions", Function():
                self._known[key] = thing
                self._tell(key, thing.serving)
            case "functions", _:
                self._known.pop(key, None)
                self._tell(key, None)
            case "versions", Version():
                self._versions[key][place.qualifier] = thing
                self._tell(f"{key}:{place.qualifier}", thing)
            case "versions", _:
                _forget(self._versions, key, place.qualifier)
                self._tell(f"{key}:{place.qualifier}", None)
            case "aliases", Alias():
                self._aliases[key][place.qualifier] = thing
            case "aliases", _:
                _forget(self._aliases, key, place.qualifier)
        if self._rerouted is not None and place.noun in BESIDE:
            self._rerouted(key)

    def _tell(self, key: str, version: Version | None) -> None:
        if self._changed is not None:
            self._changed(key, version)


def _missing(ref: FunctionRef) -> FunctionMissing:
    return FunctionMissing(FunctionRef(ref.account, ref.region, ref.name, ref.qualifier or LATEST))


def _serving(function: Function, ref: FunctionRef) -> Version:
    if function.serving is None:
        raise NotActive(ref.arn, function.latest)
    return function.serving


def _forget(known: dict[str, dict[str, Version]] | dict[str, dict[str, Alias]], key: str, qualifier: str) -> None:
    found = known.get(key)
    if found is not None:
        found.pop(qualifier, None)
        if not found:
            del known[key]
