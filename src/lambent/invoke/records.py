"""How functions, their versions and aliases are written to and read from the store; the control plane writes, the data
plane watches.

Each is a record of its own. Whoever writes or deletes a version or an alias writes the function's record with it, in
one go: its revision guards all of them, so that what was checked of the others still holds when the write is made.

Environment variables are sealed with the data directory's master key before they are written.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from lambent.core.arn import LATEST, function_arn
from lambent.core.function import Alias, Code, Function, Layer, Logging, Version
from lambent.kit.seal import Seal
from lambent.store.base import ABSENT, Change, Delete, Put, Record, Records, Unchanged

ROOT = "lambda/"
QUALIFIED = ("event-invoke", "runtime-management", "policies")
"""Settings of one version or alias, which go with it."""
BESIDE = ("versions", "aliases", "urls", "code-signing", "recursion", *QUALIFIED)
"""Records that belong to a function and go with it: `<noun>/<function>/<qualifier>`."""
_PAGE = 1000
_FEW = 100
"""As many records as one function has of a kind, mostly; a store reads so few at once."""

_AT_ONCE = 50
"""Records that are read without letting others have their turn: a few milliseconds."""

Thing = Function | Version | Alias


class Place(NamedTuple):
    """What a record is about."""

    noun: str
    """functions, versions or aliases."""
    function: str
    """The key of the function's record."""
    qualifier: str
    """The version's number or the alias's name; empty for a function."""


class FunctionRecords:
    """Functions by account, region and name, each with the revision that its next write must name."""

    def __init__(self, records: Records, seal: Seal) -> None:
        self._records = records
        self._seal = seal

    # -- functions ------------------------------------------------------------------------------------------------

    async def get(self, account: str, region: str, name: str) -> tuple[Function, int] | None:
        """The function and its record's revision, or None."""
        record = await self._records.get(_key(account, region, name))
        return None if record is None else (self.decode(record.value), record.revision)

    async def add(self, function: Function, *more: Change) -> int:
        """Write a function that must not exist. Raises RevisionMismatch when it does."""
        return await self.replace(function, ABSENT, *more)

    async def replace(self, function: Function, revision: int, *more: Change) -> int:
        """Write a function whose record must have `revision`, and make the changes to its versions and aliases that
        go with that; the new revision. Raises RevisionMismatch."""
        version = function.latest
        key = _key(version.account, version.region, version.name)
        return await self._records.write(Put(key, self.encode(function), expect=revision), *more)

    async def remove(self, function: Function, revision: int, *also: Change) -> None:
        """Delete a function whose record must have `revision`, with all that belongs to it, and make the changes
        `also` with that. Raises RevisionMismatch."""
        latest = function.latest
        account, region, name = latest.account, latest.region, latest.name
        gone = [Delete(record.key) for noun in BESIDE async for record in self._below(account, region, noun, name)]
        await self._records.write(Delete(_key(account, region, name), expect=revision), *gone, *also)

    def unchanged(self, function: Function, revision: int) -> Unchanged:
        """A part of a write that is only right while the function's record has `revision`."""
        version = function.latest
        return Unchanged(_key(version.account, version.region, version.name), revision)

    async def page(self, account: str, region: str, *, after: str, limit: int) -> Sequence[Function]:
        """Functions in name order, beginning behind the name `after`."""
        prefix = _key(account, region, "")
        records = await self._records.list(prefix, after=prefix + after if after else "", limit=limit)
        return [self.decode(record.value) for record in records]

    async def all(self) -> list[tuple[Function, int]]:
        """Every function of every account and region."""
        found = self._listed(ROOT)
        return [(self.decode(r.value), r.revision) async for r in found if _place(r.key).noun == "functions"]

    # -- versions -------------------------------------------------------------------------------------------------

    async def version(self, account: str, region: str, name: str, number: str) -> Version | None:
        """A published version, or None."""
        if number.startswith("0"):  # not another spelling of a number
            return None
        record = await self._records.get(_version(account, region, name, number))
        return None if record is None else self._version_in(orjson.loads(record.value))

    async def versions(self, account: str, region: str, name: str, *, after: int, limit: int) -> Sequence[Version]:
        """Published versions in the order of their numbers, only greater ones than `after`."""
        prefix = _below(account, region, "versions", name)
        start = _version(account, region, name, str(after))
        records = await self._records.list(prefix, after=start, limit=limit)
        return [self._version_in(orjson.loads(record.value)) for record in records]

    async def each_version(self, account: str, region: str, name: str, *, after: int = 0) -> AsyncIterator[Version]:
        """The same, all of them."""
        prefix = _below(account, region, "versions", name)
        async for record in self._listed(prefix, after=_version(account, region, name, str(after)), page=_FEW):
            yield self._version_in(orjson.loads(record.value))

    async def sizes(self, account: str, region: str) -> tuple[int, int]:
        """How many functions there are, and the bytes of code that they and their versions have."""
        count = size = 0
        async for record in self._listed(_key(account, region, "")):
            count += 1
            size += int(orjson.loads(record.value)["latest"]["code"]["size"])
        async for record in self._listed(f"{ROOT}{account}/{region}/versions/"):
            size += int(orjson.loads(record.value)["code"]["size"])
        return count, size

    def put_version(self, version: Version) -> Put:
        """The change that writes a published version."""
        key = _version(version.account, version.region, version.name, version.version)
        return Put(key, orjson.dumps(self._version_out(version)))

    def delete_version(self, version: Version) -> Delete:
        """The change that deletes a published version."""
        return Delete(_version(version.account, version.region, version.name, version.version))

    # -- aliases --------------------------------------------------------------------------------------------------

    async def alias(self, account: str, region: str, function: str, name: str) -> Alias | None:
        """One alias of a function, or None."""
        record = await self._records.get(_below(account, region, "aliases", function) + name)
        return None if record is None else _alias_in(record.value)

    async def aliases(self, account: str, region: str, function: str) -> Mapping[str, Alias]:
        """All aliases of a function by name, in name order."""
        found = [_alias_in(record.value) async for record in self._below(account, region, "aliases", function)]
        return {alias.name: alias for alias in found}

    def put_alias(self, alias: Alias) -> Put:
        """The change that writes an alias."""
        fields = {name: getattr(alias, name) for name in Alias.__dataclass_fields__}
        return Put(_below(alias.account, alias.region, "aliases", alias.function) + alias.name, orjson.dumps(fields))

    def delete_alias(self, alias: Alias) -> Delete:
        """The change that deletes an alias."""
        return Delete(_below(alias.account, alias.region, "aliases", alias.function) + alias.name)

    # -- settings (see invoke/belongings.py) ----------------------------------------------------------------------

    def delete_settings(self, account: str, region: str, function: str, qualifier: str) -> list[Delete]:
        """The changes that delete what was set for one version or alias. An alias's URL stays, as on AWS."""
        return [Delete(_below(account, region, noun, function) + qualifier) for noun in QUALIFIED]

    # -- everything -----------------------------------------------------------------------------------------------

    async def everything(self) -> AsyncIterator[tuple[Place, Thing]]:
        """Every function, version and alias of every account and region. A function comes before its versions, so
        that what is published meanwhile has been seen at least as `$LATEST`."""
        read = 0
        async for record in self._listed(ROOT):
            read += 1
            if read % _AT_ONCE == 0:
                await asyncio.sleep(0)  # invocations are to go on meanwhile
            place = _place(record.key)
            if (thing := self._thing(place, record)) is not None:
                yield place, thing

    def watch(self, seen: Callable[[Place, Thing | None], None]) -> Callable[[], None]:
        """Call `seen(place, what is there now, or None)` after every change; the result ends the watch."""

        def changed(key: str, record: Record | None) -> None:
            place = _place(key)
            if record is None:
                seen(place, None)
            elif (thing := self._thing(place, record)) is not None:
                seen(place, thing)

        return self._records.watch(ROOT, changed)

    def _thing(self, place: Place, record: Record) -> Thing | None:
        match place.noun:
            case "functions":
                return self.decode(record.value)
            case "versions":
                return self._version_in(orjson.loads(record.value))
            case "aliases":
                return _alias_in(record.value)
            case _:
                return None

    def _below(self, account: str, region: str, noun: str, name: str) -> AsyncIterator[Record]:
        return self._listed(_below(account, region, noun, name), page=_FEW)

    async def _listed(self, prefix: str, *, after: str = "", page: int = _PAGE) -> AsyncIterator[Record]:
        more = True
        while more:
            records = await self._records.list(prefix, after=after, limit=page)
            for record in records:
                after = record.key
                yield record
            more = len(records) == page

    # -- values ---------------------------------------------------------------------------------------------------

    def encode(self, function: Function) -> bytes:
        """The record's value."""
        document = {
            "latest": self._version_out(function.latest),
            "serving": None if function.serving is None else self._version_out(function.serving),
            "tags": dict(function.tags),
            "extra": dict(function.extra),
            "published": function.published,
            "published_description": function.published_description,
        }
        return orjson.dumps(document)

    def decode(self, value: bytes) -> Function:
        """The function in a record's value."""
        document = orjson.loads(value)
        serving = document["serving"]
        return Function(
            latest=self._version_in(document["latest"]),
            serving=None if serving is None else self._version_in(serving),
            tags=document["tags"],
            extra=document["extra"],
            published=document.get("published", 0),
            published_description=document.get("published_description", ""),
        )

    def _version_out(self, version: Version) -> dict[str, Any]:
        fields = {name: getattr(version, name) for name in Version.__dataclass_fields__}
        if version.environment is not None:
            sealed = self._seal.seal(orjson.dumps(dict(version.environment)), _context(version.arn))
            fields["environment"] = b64encode(sealed).decode()
        return fields

    def _version_in(self, fields: dict[str, Any]) -> Version:
        fields["code"] = Code(**fields["code"])
        fields["logging"] = Logging(**fields["logging"])
        fields["layers"] = tuple(Layer(**{**each, "code": Code(**each["code"])}) for each in fields.get("layers", ()))
        if (sealed := fields["environment"]) is not None:
            arn = function_arn(fields["account"], fields["region"], fields["name"])
            fields["environment"] = orjson.loads(self._seal.unseal(b64decode(sealed), _context(arn)))
        return Version(**fields)


@lru_cache(maxsize=4096)  # every invocation asks, mostly for the same few functions
def function_key(account: str, region: str, name: str) -> str:
    """The record key of a function, which is also what the data plane's cache goes by."""
    return _key(account, region, name)


@lru_cache(maxsize=4096)  # the same
def version_key(account: str, region: str, name: str, version: str) -> str:
    """What the environments of a version go by: for `$LATEST` the function's key."""
    key = _key(account, region, name)
    return key if version == LATEST else f"{key}:{version}"


def _key(account: str, region: str, name: str) -> str:
    return f"{ROOT}{account}/{region}/functions/{name}"


def _below(account: str, region: str, noun: str, name: str) -> str:
    """The prefix of the records that belong to a function."""
    return f"{ROOT}{account}/{region}/{noun}/{name}/"


def _version(account: str, region: str, name: str, number: str) -> str:
    """Twelve digits, so that the order of the keys is that of the numbers."""
    return f"{_below(account, region, 'versions', name)}{number:0>12}"


def _place(key: str) -> Place:
    account, region, noun, name, qualifier = (*key.removeprefix(ROOT).split("/", 4), "", "", "")[:5]
    return Place(noun, _key(account, region, name), qualifier.lstrip("0") if noun == "versions" else qualifier)


def _alias_in(value: bytes) -> Alias:
    return Alias(**orjson.loads(value))


def _context(arn: str) -> str:
    """Ciphertext is bound to its function, as AWS binds it by encryption context."""
    return f"aws:lambda:FunctionArn={arn}"
