"""Layers in the store, and what a version with layers is given."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lambent.core.function import Code, Layer
from lambent.core.layer import LayerRef, LayerVersion
from lambent.invoke.artifacts import Artifacts
from lambent.invoke.layers import LayerRecords
from lambent.invoke.package import Outline, outline
from lambent.store.memory import MemoryBlobs

WHERE = ("000000000000", "us-east-1")


@pytest.fixture
def layers(world: Any) -> LayerRecords:
    return LayerRecords(world.records)


def draft(name: str = "l", **members: Any) -> LayerVersion:
    return LayerVersion(*WHERE, name, 0, Code("d", "s", 1), 1, "2026-01-01", **members)


async def numbers(layers: LayerRecords, **members: Any) -> list[int]:
    return [each.number async for each in layers.versions(LayerRef(*WHERE, "l"), **members)]


async def test_a_version_is_read_as_it_was_written(layers: LayerRecords) -> None:
    written = await layers.publish(
        draft(description="d", runtimes=("python3.11",), architectures=("arm64",), statements=({"Sid": "s"},))
    )
    found = await layers.get(written.ref)
    assert found is not None
    assert found[0] == written
    assert written.number == 1
    assert (await layers.publish(draft())).runtimes is None


async def test_numbers_are_never_used_again(layers: LayerRecords) -> None:
    for _ in range(3):
        await layers.publish(draft())
    await layers.remove(LayerRef(*WHERE, "l", 3))
    await layers.remove(LayerRef(*WHERE, "l", 3))
    assert (await layers.publish(draft())).number == 4
    for number in (1, 2, 4):
        await layers.remove(LayerRef(*WHERE, "l", number))
    assert (await layers.publish(draft())).number == 5
    assert [name async for name in layers.names(*WHERE, after="")] == ["l"]


async def test_all_who_publish_at_once_get_numbers_of_their_own(layers: LayerRecords) -> None:
    published = await asyncio.gather(*(layers.publish(draft()) for _ in range(12)))
    assert sorted(each.number for each in published) == list(range(1, 13))


async def test_versions_come_newest_first(layers: LayerRecords) -> None:
    for _ in range(12):
        await layers.publish(draft())
    await layers.publish(draft("l2"))
    assert await numbers(layers) == list(range(12, 0, -1))
    assert await numbers(layers, below=4) == [3, 2, 1]


async def test_a_layer_whose_name_is_that_of_a_noun_of_ours_is_no_function(layers: LayerRecords, world: Any) -> None:
    for name in ("functions", "versions", "aliases"):
        await layers.publish(draft(name))
    assert await world.functions.all() == []


def test_the_outline_of_a_package_counts_bytes_and_finds_extensions(tools: Any) -> None:
    package = tools.zipped({"extensions/agent": "12", "extensions/lib/x": "3", "my/extensions/y": "", "a": "45"})
    assert outline(package) == Outline(5, ("agent",))


async def test_a_version_gets_its_layers_merged_in_their_order(world: Any, tools: Any, tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    world.artifacts = Artifacts(tmp_path / "real", blobs, world.tasks)
    world.artifacts.start()
    one, two = [
        Layer(f"arn:{text}", Code(await blobs.put(tools.zipped(files)), "", 1))
        for text, files in (
            ("one", {"python/boto3.py": "", "both": "one"}),
            ("two", {"both": "two", "bootstrap": "#!/bin/sh"}),
        )
    ]
    code = Code(await blobs.put(tools.zipped({"app.py": ""})), "", 1)
    version = replace(world.version(), code=code, layers=(one, two))
    plan = await world.preparation().plan(version)
    task, opt = plan.mounts
    assert (task.inside, opt.inside) == ("/var/task", "/opt")
    assert (opt.host / "both").read_text() == "two"
    assert "python/boto3.py" in plan.facts.opt.names
    assert plan.facts.opt.executables == {"bootstrap"}
    single = await world.preparation().plan(replace(version, layers=(one,)))
    assert single.mounts[1].host == await world.artifacts.path(one.code.digest)
    assert len((await world.preparation().plan(replace(version, layers=()))).mounts) == 1
