"""How an account's concurrency is shared out, in the store: one record per account and region, so that what is taken
for one function is checked against what all the others have. The control plane writes, the data plane watches."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from lambent.core.scaling import Allotments, Provisioned
from lambent.store.base import ABSENT, Change, Put, Record, Records, Unchanged

ROOT = "lambda-concurrency/"

NONE = Allotments()


class AllotmentRecords:
    """The allotments of every account and region, each with the revision that its next write must name."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def get(self, account: str, region: str) -> tuple[Allotments, int]:
        """What is allotted, with the record's revision (ABSENT when nothing ever was)."""
        record = await self._records.get(_key(account, region))
        return (NONE, ABSENT) if record is None else (decode(record.value), record.revision)

    async def replace(self, account: str, region: str, allotments: Allotments, revision: int, *also: Change) -> None:
        """Write what is allotted now, and the changes `also` with it; durable on return. Raises RevisionMismatch."""
        await self._records.write(_put(account, region, allotments, revision), *also)

    async def changed(self, account: str, region: str, change: Callable[[Allotments], Allotments]) -> Change:
        """`change` as a part of another write, which is refused when something else has been allotted by then."""
        before, revision = await self.get(account, region)
        after = change(before)
        if after == before:
            return self.unchanged(account, region, revision)
        return _put(account, region, after, revision)

    def unchanged(self, account: str, region: str, revision: int) -> Unchanged:
        """A part of another write, which is refused when something else has been allotted by then."""
        return Unchanged(_key(account, region), revision)

    async def all(self) -> list[tuple[str, str, Allotments]]:
        """(account, region, allotments) of all that have some."""
        found: list[tuple[str, str, Allotments]] = []
        after = ""
        while page := await self._records.list(ROOT, after=after):
            found += [(*_parts(record.key), decode(record.value)) for record in page]
            after = page[-1].key
        return found

    def watch(self, seen: Callable[[str, str, Allotments], None]) -> Callable[[], None]:
        """Call `seen(account, region, allotments)` after every change; the result ends the watch."""

        def changed(key: str, record: Record | None) -> None:
            seen(*_parts(key), NONE if record is None else decode(record.value))

        return self._records.watch(ROOT, changed)


def encode(allotments: Allotments) -> bytes:
    """The record's value."""
    provisioned = {
        name: {
            qualifier: {"requested": each.requested, "last_modified": each.last_modified}
            for qualifier, each in own.items()
        }
        for name, own in allotments.provisioned.items()
    }
    return orjson.dumps({"reserved": dict(allotments.reserved), "provisioned": provisioned})


def decode(value: bytes) -> Allotments:
    """The allotments in a record's value."""
    document = orjson.loads(value)
    provisioned = {
        name: {qualifier: Provisioned(**each) for qualifier, each in own.items()}
        for name, own in document["provisioned"].items()
    }
    return Allotments(document["reserved"], provisioned)


def _put(account: str, region: str, allotments: Allotments, revision: int) -> Put:
    return Put(_key(account, region), encode(allotments), expect=revision)


def _key(account: str, region: str) -> str:
    return f"{ROOT}{account}/{region}"


def _parts(key: str) -> tuple[str, str]:
    account, _, region = key.removeprefix(ROOT).partition("/")
    return account, region
