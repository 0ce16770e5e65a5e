"""Things of an account and region that are no function's: each a record of its own, found by its name or id."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, NamedTuple

import orjson

from lambent.invoke.records import ROOT
from lambent.store.base import ABSENT, Change, Delete, Put, Record, Records

Value = Mapping[str, Any]


class Place(NamedTuple):
    """Where one of them is."""

    account: str
    region: str
    name: str


class Held(NamedTuple):
    """One of them, with the revision that its next write must name."""

    value: Value
    revision: int


class Regional:
    """One kind of them: code signing configurations, event source mappings, capacity providers."""

    def __init__(self, records: Records, noun: str) -> None:
        self._records = records
        self._noun = noun

    async def get(self, account: str, region: str, name: str) -> tuple[Value, int] | None:
        """The thing and its record's revision, or None."""
        record = await self._records.get(self._key(account, region, name))
        return None if record is None else (orjson.loads(record.value), record.revision)

    async def all(self, account: str, region: str) -> dict[str, Value]:
        """Those of an account and region by name, in its order."""
        prefix = self._key(account, region, "")
        found: dict[str, Value] = {}
        after = ""
        while page := await self._records.list(prefix, after=after):
            found |= {record.key.removeprefix(prefix): orjson.loads(record.value) for record in page}
            after = page[-1].key
        return found

    async def add(self, account: str, region: str, name: str, value: Value, *also: Change) -> None:
        """Write one that must not exist, and make the changes `also` with it. Raises RevisionMismatch."""
        await self._records.write(self.change(account, region, name, value, ABSENT), *also)

    async def replace(self, account: str, region: str, name: str, value: Value, revision: int, *also: Change) -> None:
        """Write one whose record must have `revision`, and the changes `also`. Raises RevisionMismatch."""
        await self._records.write(self.change(account, region, name, value, revision), *also)

    async def remove(self, account: str, region: str, name: str, revision: int, *also: Change) -> None:
        """Delete one whose record must have `revision`, and make the changes `also`. Raises RevisionMismatch."""
        await self._records.write(Delete(self._key(account, region, name), expect=revision), *also)

    async def everywhere(self) -> AsyncIterator[tuple[Place, Held]]:
        """Those of every account and region."""
        after = ROOT
        while page := await self._records.list(ROOT, after=after, limit=1):
            account, region = page[0].key.removeprefix(ROOT).split("/")[:2]
            prefix = self._key(account, region, "")
            cursor = ""
            while found := await self._records.list(prefix, after=cursor):
                for record in found:
                    yield Place(account, region, record.key.removeprefix(prefix)), _held(record)
                cursor = found[-1].key
            after = f"{ROOT}{account}/{region}/\U0010ffff"  # behind all that this account has in this region

    def watch(self, seen: Callable[[Place, Held | None], None]) -> Callable[[], None]:
        """Call `seen` after every change of one of them, with None when it is gone; the result ends the watch."""

        def changed(key: str, record: Record | None) -> None:
            account, region, noun, name = (*key.removeprefix(ROOT).split("/", 3), "", "", "")[:4]
            if noun == self._noun:
                seen(Place(account, region, name), None if record is None else _held(record))

        return self._records.watch(ROOT, changed)

    def change(self, account: str, region: str, name: str, value: Value, revision: int) -> Put:
        """The change that writes one whose record must have `revision`, for a write of several records."""
        return Put(self._key(account, region, name), orjson.dumps(value), expect=revision)

    def deletion(self, account: str, region: str, name: str) -> Delete:
        """The change that deletes one, for a write of several records."""
        return Delete(self._key(account, region, name))

    def _key(self, account: str, region: str, name: str) -> str:
        return f"{ROOT}{account}/{region}/{self._noun}/{name}"


def _held(record: Record) -> Held:
    return Held(orjson.loads(record.value), record.revision)
