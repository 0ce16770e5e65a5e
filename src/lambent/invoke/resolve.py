"""Function reference → the version to run, from a copy of the store's functions that a watch keeps current."""

from __future__ import annotations

from collections.abc import Callable

from lambent.core.arn import LATEST, FunctionRef
from lambent.core.function import Function, Version
from lambent.invoke.records import FunctionRecords, function_key


class FunctionMissing(Exception):
    """No such function, or no such version or alias of it; `ref` bears the qualifier that was looked for."""

    def __init__(self, ref: FunctionRef) -> None:
        super().__init__(ref.arn)
        self.ref = ref


class NotActive(Exception):
    """The function cannot run yet, or any more; `state` is AWS's."""

    def __init__(self, arn: str, state: str) -> None:
        super().__init__(f"{arn}: {state}")
        self.state = state


class Resolver:
    """Knows every function without asking the store."""

    def __init__(self, functions: FunctionRecords) -> None:
        self._functions = functions
        self._known: dict[str, Function] = {}
        self._told = 0
        """Changes that the watch has told of."""
        self._stop: Callable[[], None] | None = None
        self._changed: Callable[[str, Function | None], None] | None = None

    async def start(self, changed: Callable[[str, Function | None], None]) -> None:
        """Read all functions, and from now on tell `changed` of each change."""
        self._changed = changed
        meanwhile: set[str] = set()
        stop = self._functions.watch(lambda key, _: meanwhile.add(key))
        self._stop = self._functions.watch(self._seen)
        for function, _ in await self._functions.all():
            version = function.latest
            key = function_key(version.account, version.region, version.name)
            if key not in meanwhile:  # it may be gone by now
                self._known[key] = function
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
        function = self._known.get(function_key(ref.account, ref.region, ref.name))
        if function is None or ref.qualifier not in (None, LATEST):
            raise FunctionMissing(FunctionRef(ref.account, ref.region, ref.name, ref.qualifier or LATEST))
        if function.serving is None:
            raise NotActive(ref.arn, function.latest.state)
        return function.serving

    async def look_again(self, ref: FunctionRef) -> None:
        """Read one function from the store: what was committed a moment ago may not have been told yet."""
        told = -1
        while told != self._told:  # what the watch told meanwhile may be newer than what was read
            told = self._told
            found = await self._functions.get(ref.account, ref.region, ref.name)
        self._learn(function_key(ref.account, ref.region, ref.name), None if found is None else found[0])

    def _seen(self, key: str, function: Function | None) -> None:
        self._told += 1
        self._learn(key, function)

    def _learn(self, key: str, function: Function | None) -> None:
        if function is None:
            self._known.pop(key, None)
        else:
            self._known[key] = function
        if self._changed is not None:
            self._changed(key, function)
