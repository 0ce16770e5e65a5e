"""How layers are written to and read from the store.

A layer's record says which number it gave last and stays when its versions are gone: no number is used twice. Versions
lie newest first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson

from lambent.core.function import Code
from lambent.core.layer import LayerRef, LayerVersion
from lambent.store.base import ABSENT, Delete, Put, Records
from lambent.store.optimistic import optimistic

_LAYERS = "layers/"
_VERSIONS = "layer-versions/"
_MOST = 10**18
_PAGE = 100


class LayerRecords:
    """Layers and their versions, by account, region and name."""

    def __init__(self, records: Records) -> None:
        self._records = records

    @optimistic
    async def publish(self, draft: LayerVersion) -> LayerVersion:
        """Write `draft` as the layer's next version, which is returned; durable on return."""
        key = _layer(draft.account, draft.region, draft.name)
        record = await self._records.get(key)
        last, revision = (0, ABSENT) if record is None else (orjson.loads(record.value)["last"], record.revision)
        version = replace(draft, number=last + 1)
        counted = Put(key, orjson.dumps({"last": version.number}), expect=revision)
        await self._records.write(counted, Put(_version(version.ref), _encoded(version), expect=ABSENT))
        return version

    async def get(self, ref: LayerRef) -> tuple[LayerVersion, int] | None:
        """The version that `ref` names and its record's revision, or None."""
        record = await self._records.get(_version(ref))
        return None if record is None else (_decoded(record.value), record.revision)

    async def replace(self, version: LayerVersion, revision: int) -> None:
        """Write a version whose record must have `revision`. Raises RevisionMismatch."""
        await self._records.write(Put(_version(version.ref), _encoded(version), expect=revision))

    async def remove(self, ref: LayerRef) -> None:
        """Delete a version, which need not exist."""
        await self._records.write(Delete(_version(ref)))

    async def versions(self, layer: LayerRef, *, below: int | None = None) -> AsyncIterator[LayerVersion]:
        """A layer's versions, newest first, only smaller numbers than `below`."""
        after = _version(replace(layer, number=_MOST if below is None else below))
        while page := await self._records.list(_versions(layer), after=after, limit=_PAGE):
            for record in page:
                yield _decoded(record.value)
            after = page[-1].key

    async def names(self, account: str, region: str, *, after: str) -> AsyncIterator[str]:
        """The names of layers, in their order, behind `after`; also of layers that have no version any more."""
        prefix = _layer(account, region, "")
        after = prefix + after if after else ""
        while page := await self._records.list(prefix, after=after, limit=_PAGE):
            for record in page:
                yield record.key.removeprefix(prefix)
            after = page[-1].key

    async def in_account(self, account: str, region: str) -> AsyncIterator[LayerVersion]:
        """Every version of an account's layers in a region."""
        async for version in self._below(f"{_VERSIONS}{account}/{region}/"):
            yield version

    async def everything(self) -> AsyncIterator[LayerVersion]:
        """Every version of every layer."""
        async for version in self._below(_VERSIONS):
            yield version

    async def _below(self, prefix: str) -> AsyncIterator[LayerVersion]:
        after = ""
        while page := await self._records.list(prefix, after=after):
            for record in page:
                yield _decoded(record.value)
            after = page[-1].key


def _layer(account: str, region: str, name: str) -> str:
    return f"{_LAYERS}{account}/{region}/{name}"


def _versions(layer: LayerRef) -> str:
    return f"{_VERSIONS}{layer.account}/{layer.region}/{layer.name}/"


def _version(ref: LayerRef) -> str:
    assert ref.number is not None
    return f"{_versions(ref)}{_MOST - ref.number:019d}"


def _encoded(version: LayerVersion) -> bytes:
    return orjson.dumps(version)


def _decoded(value: bytes) -> LayerVersion:
    fields: dict[str, Any] = orjson.loads(value)
    fields["code"] = Code(**fields["code"])
    for name in ("runtimes", "architectures", "extensions", "statements"):
        fields[name] = None if fields[name] is None else tuple(fields[name])
    return LayerVersion(**fields)
