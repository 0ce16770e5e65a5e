"""Settings of functions that decide about their invocations: a copy of the store's that a watch keeps current, so that
no event has to ask the store."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from lambent.core.arn import LATEST, FunctionRef
from lambent.invoke.belongings import Value
from lambent.invoke.records import ROOT
from lambent.store.base import Record, Records

_NOUNS = ("event-invoke", "recursion")
_END = "\U0010ffff"
_PAGE = 1000


class FunctionSettings:
    """What was put by PutFunctionEventInvokeConfig and PutFunctionRecursionConfig, of every account and region."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._known: dict[str, Value] = {}
        self._stop: Callable[[], None] | None = None

    async def start(self) -> None:
        """Read all that there is, and from now on hear of every change."""
        meanwhile: set[str] = set()
        stop = self._records.watch(ROOT, lambda key, _: meanwhile.add(key))
        self._stop = self._records.watch(ROOT, self._seen)
        after = ROOT
        while page := await self._records.list(ROOT, after=after, limit=1):
            place = "/".join(page[0].key.split("/")[:3]) + "/"
            for noun in _NOUNS:
                for record in await self._below(f"{place}{noun}/"):
                    if record.key not in meanwhile:  # it may be gone by now
                        self._seen(record.key, record)
            after = place + _END  # on to the next region: functions are many, and of no interest here
        stop()

    def close(self) -> None:
        """End the watch."""
        if self._stop is not None:
            self._stop()

    def event_invoke(self, function: FunctionRef, qualifier: str | None) -> Value:
        """The EventInvokeConfig of the qualifier that an invocation named; empty when it has none."""
        return self._known.get(_key(function, "event-invoke", qualifier or LATEST), {})

    def allows_loops(self, function: FunctionRef) -> bool:
        """Whether RecursiveLoop is Allow."""
        setting = self._known.get(_key(function, "recursion", ""))
        return setting is not None and setting["RecursiveLoop"] == "Allow"

    async def _below(self, prefix: str) -> list[Record]:
        found: list[Record] = []
        while page := await self._records.list(prefix, after=found[-1].key if found else "", limit=_PAGE):
            found += page
        return found

    def _seen(self, key: str, record: Record | None) -> None:
        if key.split("/", 4)[3] not in _NOUNS:
            return
        if record is None:
            self._known.pop(key, None)
        else:
            self._known[key] = orjson.loads(record.value)


def _key(function: FunctionRef, noun: str, qualifier: str) -> str:
    return f"{ROOT}{function.account}/{function.region}/{noun}/{function.name}/{qualifier}"
