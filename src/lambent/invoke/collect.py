"""Garbage: packages that no version of any function has any more."""

from __future__ import annotations

import asyncio

from lambent.core.function import Alias, Function, Version
from lambent.invoke.artifacts import Artifacts
from lambent.invoke.records import FunctionRecords, Thing
from lambent.kit.log import Log
from lambent.kit.seal import SealBroken
from lambent.store.base import Blobs, StoreUnavailable

EVERY_S = 3600.0


async def collect_garbage(functions: FunctionRecords, blobs: Blobs, artifacts: Artifacts, log: Log) -> None:
    """A round every hour, until cancelled. What was there at two rounds and used at neither is removed: a package that
    is just being deployed has its blob before it has its function."""
    suspects: set[str] = set()
    while True:
        try:
            suspects = await collect_once(functions, blobs, artifacts, suspects)
        except (StoreUnavailable, SealBroken, OSError) as error:
            log.warning("garbage_collection_postponed", reason=error)
        await asyncio.sleep(EVERY_S)


async def collect_once(functions: FunctionRecords, blobs: Blobs, artifacts: Artifacts, suspects: set[str]) -> set[str]:
    """Remove the suspects that are still unused; who is a suspect next time."""
    there = {digest async for digest in blobs.digests()}
    used = {digest async for _, thing in functions.everything() for digest in _digests(thing)}
    unused = there - used
    for digest in unused & suspects:
        if not artifacts.was_asked_for(digest):
            await blobs.delete(digest)
    await artifacts.keep_only(used | (unused - suspects))
    return unused - suspects


def _digests(thing: Thing) -> list[str]:
    """The packages that it needs."""
    match thing:
        case Function():
            return [
                each for version in (thing.latest, thing.serving) if version is not None for each in _digests(version)
            ]
        case Version():
            return [thing.code.digest, *(layer.code.digest for layer in thing.layers)]
        case Alias():
            return []
