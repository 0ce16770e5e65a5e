"""Things of an account and region that are no function's: each a record of its own, found by its name or id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from lambent.invoke.records import ROOT
from lambent.store.base import ABSENT, Change, Delete, Put, Records

Value = Mapping[str, Any]


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

    def change(self, account: str, region: str, name: str, value: Value, revision: int) -> Put:
        """The change that writes one whose record must have `revision`, for a write of several records."""
        return Put(self._key(account, region, name), orjson.dumps(value), expect=revision)

    def deletion(self, account: str, region: str, name: str) -> Delete:
        """The change that deletes one, for a write of several records."""
        return Delete(self._key(account, region, name))

    def _key(self, account: str, region: str, name: str) -> str:
        return f"{ROOT}{account}/{region}/{self._noun}/{name}"
