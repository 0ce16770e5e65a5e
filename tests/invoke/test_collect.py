"""Garbage: what was there at two rounds, and used at neither, is removed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lambent.core.function import Code, Function, Layer
from lambent.core.layer import LayerVersion
from lambent.invoke import collect
from lambent.invoke.artifacts import Artifacts
from lambent.invoke.collect import collect_once
from lambent.invoke.layers import LayerRecords
from lambent.kit.seal import SealBroken
from lambent.store.base import StoreUnavailable
from lambent.store.memory import MemoryBlobs


class Cellar:
    """Blobs, unpacked packages and functions that use some of them."""

    def __init__(self, world: Any, folder: Path, zipped: Any) -> None:
        self.world = world
        self.zipped = zipped
        self.blobs = MemoryBlobs()
        self.artifacts = Artifacts(folder, self.blobs, world.tasks)
        self.artifacts.start()
        self.layers = LayerRecords(world.records)
        self.suspects: set[str] = set()

    async def package(self, text: str) -> str:
        """The digest of a package that was unpacked in an earlier round."""
        digest = await self.blobs.put(self.zipped({"app.py": text}))
        await self.artifacts.path(digest)
        await self.artifacts.keep_only([digest, *[d async for d in self.blobs.digests()]])
        return digest

    async def round(self) -> None:
        self.suspects = await collect_once(self.world.functions, self.layers, self.blobs, self.artifacts, self.suspects)

    async def has(self, digest: str) -> tuple[bool, bool]:
        """Whether there is the blob, and whether there is the folder."""
        return await self.blobs.get(digest) is not None, self.artifacts.ready(digest) is not None

    def version(self, digest: str, **members: Any) -> Any:
        return self.world.version(code=Code(digest, "", 1), **members)


@pytest.fixture
def cellar(world: Any, tmp_path: Path, tools: Any) -> Cellar:
    return Cellar(world, tmp_path / "artifacts", tools.zipped)


async def test_what_nobody_uses_goes_in_the_second_round(cellar: Cellar) -> None:
    unused = await cellar.package("unused")
    await cellar.round()
    assert await cellar.has(unused) == (True, True)
    assert cellar.suspects == {unused}
    await cellar.round()
    assert await cellar.has(unused) == (False, False)
    await cellar.round()
    assert cellar.suspects == set()


async def test_what_a_function_shows_or_serves_is_kept(cellar: Cellar) -> None:
    latest, serving, old = [await cellar.package(text) for text in ("latest", "serving", "old")]
    await cellar.world.functions.add(Function(cellar.version(latest, generation=2), cellar.version(serving)))
    await cellar.world.functions.add(Function(cellar.version(latest, name="pending", state="Pending")))
    for _ in range(3):
        await cellar.round()
    assert await cellar.has(latest) == await cellar.has(serving) == (True, True)
    assert await cellar.has(old) == (False, False)


async def test_what_a_published_version_and_its_layers_need_is_kept(cellar: Cellar) -> None:
    latest, published, layer, deleted = [await cellar.package(text) for text in ("latest", "old", "layer", "deleted")]
    functions = cellar.world.functions
    version = cellar.version(published, version="1", layers=(Layer("arn:layer", Code(layer, "", 1)),))
    gone = cellar.version(deleted, version="2")
    function = Function(cellar.version(latest, generation=3), cellar.version(latest, generation=3), published=2)
    revision = await functions.add(function, functions.put_version(version), functions.put_version(gone))
    await functions.replace(function, revision, functions.delete_version(gone))
    for _ in range(3):
        await cellar.round()
    assert await cellar.has(latest) == await cellar.has(published) == await cellar.has(layer) == (True, True)
    assert await cellar.has(deleted) == (False, False)


async def test_a_published_layer_is_kept_and_a_deleted_one_for_as_long_as_a_function_has_it(cellar: Cellar) -> None:
    code, unused, had, gone = [await cellar.package(text) for text in ("code", "unused", "had", "gone")]
    published = {
        digest: await cellar.layers.publish(
            LayerVersion("000000000000", "us-east-1", "l", 0, Code(digest, "", 1), 1, "2026-01-01")
        )
        for digest in (unused, had, gone)
    }
    layers = tuple(Layer(published[digest].ref.arn, Code(digest, "", 1)) for digest in (had, unused))
    merged = await cellar.artifacts.merged([had, unused])
    version = cellar.version(code, layers=layers)
    await cellar.world.functions.add(Function(version, version))
    for digest in (had, gone):
        await cellar.layers.remove(published[digest].ref)
    for _ in range(3):
        await cellar.round()
    assert await cellar.has(unused) == await cellar.has(had) == (True, True)
    assert await cellar.has(gone) == (False, False)
    assert merged.is_dir()


async def test_a_package_that_got_its_function_between_the_rounds_is_kept(cellar: Cellar) -> None:
    digest = await cellar.package("deployed slowly")
    await cellar.round()
    version = cellar.version(digest)
    await cellar.world.functions.add(Function(version, version))
    for _ in range(3):
        await cellar.round()
    assert await cellar.has(digest) == (True, True)


async def test_an_old_package_that_is_deployed_anew_during_a_round_is_kept(cellar: Cellar) -> None:
    digest = await cellar.package("old and new")
    await cellar.round()
    await cellar.artifacts.path(digest)  # as an upload begins, before there is a function
    await cellar.round()
    assert await cellar.has(digest) == (True, True)
    version = cellar.version(digest)
    await cellar.world.functions.add(Function(version, version))
    for _ in range(3):
        await cellar.round()
    assert await cellar.has(digest) == (True, True)


async def test_a_package_that_was_replaced_goes_with_the_second_round_after(cellar: Cellar) -> None:
    old, new = [await cellar.package(text) for text in ("old", "new")]
    version = cellar.version(old)
    revision = await cellar.world.functions.add(Function(version, version))
    await cellar.round()
    changed = replace(version, code=Code(new, "", 1), generation=2)
    await cellar.world.functions.replace(Function(changed, changed), revision)
    await cellar.round()
    assert await cellar.has(old) == (True, True)
    await cellar.round()
    assert await cellar.has(old) == (False, False)
    assert await cellar.has(new) == (True, True)


@pytest.mark.parametrize(
    "trouble", [StoreUnavailable("disk I/O error"), SealBroken("another key"), OSError(5, "Input/output error")]
)
async def test_rounds_come_every_hour_also_after_one_that_failed(
    cellar: Cellar, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    given: list[set[str]] = []

    async def round(functions: Any, layers: Any, blobs: Any, artifacts: Any, suspects: set[str]) -> set[str]:
        given.append(suspects)
        if len(given) == 2:
            raise trouble
        return {f"found in round {len(given)}"}

    monkeypatch.setattr(collect, "collect_once", round)
    world = cellar.world
    rounds = collect.collect_garbage(world.functions, cellar.layers, cellar.blobs, cellar.artifacts, world.log)
    task = world.tasks.start("garbage", rounds)
    await world.passes(4 * collect.EVERY_S - 1)
    assert given == [set(), {"found in round 1"}, {"found in round 1"}, {"found in round 3"}]
    assert world.report.getvalue().count("garbage_collection_postponed") == 1
    task.cancel()
