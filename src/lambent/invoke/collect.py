"""Garbage: packages that no version of any function and no layer has any more."""

from __future__ import annotations

import asyncio

from lambent.core.function import Alias, Function, Version
from lambent.invoke.artifacts import Artifacts, merged_name
from lambent.invoke.layers import LayerRecords
from lambent.invoke.records import FunctionRecords, Thing
from lambent.kit.log import Log
from lambent.kit.seal import SealBroken
from lambent.store.base import Blobs, StoreUnavailable

EVERY_S = 3600.0


async def collect_garbage(
    functions: FunctionRecords, layers: LayerRecords, blobs: Blobs, artifacts: Artifacts, log: Log
) -> None:
    """A round every hour, until cancelled. What was there at two rounds and used at neither is removed: a package that
    is just being deployed has its blob before it has its function."""
    suspects: set[str] = set()
    while True:
        try:
            suspects = await collect_once(functions, layers, blobs, artifacts, suspects)
        except (StoreUnavailable, SealBroken, OSError) as error:
            log.warning("garbage_collection_postponed", reason=error)
        await asyncio.sleep(EVERY_S)


async def collect_once(
    functions: FunctionRecords, layers: LayerRecords, blobs: Blobs, artifacts: Artifacts, suspects: set[str]
) -> set[str]:
    """Remove the suspects that are still unused; who is a suspect next time."""
    there = {digest async for digest in blobs.digests()}
    used = {name async for _, thing in functions.everything() for name in _names(thing)}
    used |= {layer.code.digest async for layer in layers.everything()}
    unused = there - used
    for digest in unused & suspects:
        if not artifacts.was_asked_for(digest):
            await blobs.delete(digest)
    await artifacts.keep_only(used | (unused - suspects))
    return unused - suspects


def _names(thing: Thing) -> list[str]:
    """The packages that it needs, and the folder in which its layers are merged."""
    match thing:
        case Function():
            return [
                each for version in (thing.latest, thing.serving) if version is not None for each in _names(version)
            ]
        case Version():
            layers = [layer.code.digest for layer in thing.layers]
            return [thing.code.digest, *layers, merged_name(layers)]
        case Alias():
            return []
