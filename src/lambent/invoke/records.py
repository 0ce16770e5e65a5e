"""How functions are written to and read from the store; the control plane writes, the data plane watches.

Environment variables are sealed with the data directory's master key before they are written.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

from lambent.core.function import Code, Function, Layer, Logging, Version
from lambent.kit.seal import Seal
from lambent.store.base import ABSENT, Change, Delete, Put, Record, Records, Unchanged

ROOT = "lambda/"


class FunctionRecords:
    """Functions by account, region and name, each with the revision that its next write must name."""

    def __init__(self, records: Records, seal: Seal) -> None:
        self._records = records
        self._seal = seal

    async def get(self, account: str, region: str, name: str) -> tuple[Function, int] | None:
        """The function and its record's revision, or None."""
        record = await self._records.get(_key(account, region, name))
        return None if record is None else (self.decode(record.value), record.revision)

    async def add(self, function: Function) -> int:
        """Write a function that must not exist. Raises RevisionMismatch when it does."""
        return await self.replace(function, ABSENT)

    async def replace(self, function: Function, revision: int) -> int:
        """Write a function whose record must have `revision`; the new revision. Raises RevisionMismatch."""
        version = function.latest
        key = _key(version.account, version.region, version.name)
        return await self._records.write(Put(key, self.encode(function), expect=revision))

    async def remove(self, function: Function, revision: int, *also: Change) -> None:
        """Delete a function whose record must have `revision`, and make the changes `also` with it.
        Raises RevisionMismatch."""
        version = function.latest
        await self._records.write(Delete(_key(version.account, version.region, version.name), expect=revision), *also)

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
        found: list[tuple[Function, int]] = []
        after = ""
        while page := await self._records.list(ROOT, after=after, limit=1000):
            found += [(self.decode(r.value), r.revision) for r in page if "/functions/" in r.key]
            after = page[-1].key
        return found

    def watch(self, seen: Callable[[str, Function | None], None]) -> Callable[[], None]:
        """Call `seen(key, function or None)` after every change; the result ends the watch."""

        def changed(key: str, record: Record | None) -> None:
            if "/functions/" in key:
                seen(key, None if record is None else self.decode(record.value))

        return self._records.watch(ROOT, changed)

    def encode(self, function: Function) -> bytes:
        """The record's value."""
        document = {
            "latest": self._version_out(function.latest),
            "serving": None if function.serving is None else self._version_out(function.serving),
            "tags": dict(function.tags),
            "extra": dict(function.extra),
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
        fields["layers"] = tuple(Layer(each["arn"], Code(**each["code"])) for each in fields.get("layers", ()))
        sealed = fields.pop("environment")
        version = Version(**fields, environment=None)
        if sealed is None:
            return version
        plain = self._seal.unseal(b64decode(sealed), _context(version.arn))
        environment: Mapping[str, str] = orjson.loads(plain)
        return Version(**fields, environment=environment)


@lru_cache(maxsize=4096)  # every invocation asks, mostly for the same few functions
def function_key(account: str, region: str, name: str) -> str:
    """The record key of a function, which is also what the data plane's cache goes by."""
    return _key(account, region, name)


def _key(account: str, region: str, name: str) -> str:
    return f"{ROOT}{account}/{region}/functions/{name}"


def _context(arn: str) -> str:
    """Ciphertext is bound to its function, as AWS binds it by encryption context."""
    return f"aws:lambda:FunctionArn={arn}"
