"""What is kept of a function beside it: settings in records of their own, which are deleted with the function.

Whoever writes one writes the function's record with it, in one go (FunctionRecords.replace): its revision guards all
that belongs to the function, so that nothing is written for a function that is gone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import orjson

from lambent.core.arn import FunctionRef
from lambent.invoke.records import ROOT
from lambent.store.base import Delete, Put, Record, Records, RevisionMismatch

Value = Mapping[str, Any]
"""A setting, as JSON has it."""


class Belongings:
    """One kind of setting, by function and, where it has them for each, by qualifier."""

    def __init__(self, records: Records, noun: str) -> None:
        """`noun`: one of those that FunctionRecords removes with their function."""
        self._records = records
        self._noun = noun

    async def get(self, function: FunctionRef, qualifier: str = "") -> Value | None:
        """The setting, or None."""
        record = await self._records.get(self._key(function, qualifier))
        return None if record is None else _value(record)

    async def of(self, function: FunctionRef) -> Sequence[tuple[str, Value]]:
        """(qualifier, setting) of all that a function has, in the order of the qualifiers."""
        prefix = self._key(function, "")
        return [(record.key.removeprefix(prefix), _value(record)) async for record in self._listed(prefix)]

    async def all(self, account: str, region: str) -> Sequence[tuple[str, Value]]:
        """(function's name, setting) of all functions, in the order of their names."""
        prefix = f"{ROOT}{account}/{region}/{self._noun}/"
        return [(r.key.removeprefix(prefix).split("/")[0], _value(r)) async for r in self._listed(prefix)]

    def change(self, function: FunctionRef, value: Value, *, qualifier: str = "") -> Put:
        """The change that writes a setting, to be made with a write of the function's record."""
        return Put(self._key(function, qualifier), orjson.dumps(value))

    async def delete(self, function: FunctionRef, qualifier: str = "") -> bool:
        """Delete a setting; whether it was there."""
        key = self._key(function, qualifier)
        while (record := await self._records.get(key)) is not None:
            try:
                await self._records.write(Delete(key, expect=record.revision))
            except RevisionMismatch:
                continue
            return True
        return False

    def _key(self, function: FunctionRef, qualifier: str) -> str:
        return f"{ROOT}{function.account}/{function.region}/{self._noun}/{function.name}/{qualifier}"

    async def _listed(self, prefix: str) -> AsyncIterator[Record]:
        after = ""
        while page := await self._records.list(prefix, after=after, limit=1000):
            for record in page:
                yield record
            after = page[-1].key


def _value(record: Record) -> Value:
    value: Value = orjson.loads(record.value)
    return value
