"""Unpacked packages: made once, never half, and removed when nobody wants them."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from lambent.invoke import artifacts as module
from lambent.invoke.artifacts import ArtifactMissing, Artifacts, merged_name
from lambent.invoke.package import BadPackage
from lambent.store.memory import MemoryBlobs


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


@pytest.fixture
def artifacts(world: Any, blobs: MemoryBlobs, tmp_path: Path) -> Artifacts:
    made = Artifacts(tmp_path / "artifacts", blobs, world.tasks)
    made.start()
    return made


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders into which something has been unpacked."""
    folders: list[Path] = []
    unpack = module.unpack

    def counted(data: bytes, into: Path) -> None:
        folders.append(into)
        unpack(data, into)

    monkeypatch.setattr(module, "unpack", counted)
    return folders


async def put(blobs: MemoryBlobs, tools: Any, text: str = "x = 1\n") -> str:
    return await blobs.put(tools.zipped({"app.py": text}))


def folders(root: Path) -> list[str]:
    (boot,) = (root / "artifacts").iterdir()
    return sorted(folder.name for folder in boot.iterdir())


async def test_a_package_is_unpacked_from_its_blob(artifacts: Artifacts, blobs: MemoryBlobs, tools: Any) -> None:
    digest = await put(blobs, tools)
    assert artifacts.ready(digest) is None
    path = await artifacts.path(digest)
    assert (path / "app.py").read_text() == "x = 1\n"
    assert artifacts.ready(digest) == path
    assert path.stat().st_mode & 0o777 == 0o755


async def test_many_who_ask_at_once_wait_for_one_unpacking(
    artifacts: Artifacts, blobs: MemoryBlobs, tools: Any, unpacked: list[Path]
) -> None:
    digest = await put(blobs, tools)
    paths = await asyncio.gather(*(artifacts.path(digest) for _ in range(10)))
    assert len(set(paths)) == 1
    assert len(unpacked) == 1
    await artifacts.path(digest)
    assert len(unpacked) == 1


async def test_one_who_stops_waiting_does_not_stop_the_unpacking(
    artifacts: Artifacts, blobs: MemoryBlobs, tools: Any
) -> None:
    digest = await put(blobs, tools)
    first = asyncio.ensure_future(artifacts.path(digest))
    second = asyncio.ensure_future(artifacts.path(digest))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second / "app.py").is_file()


async def test_an_upload_and_a_cold_start_may_unpack_the_same_package_at_once(
    artifacts: Artifacts, blobs: MemoryBlobs, tools: Any, tmp_path: Path
) -> None:
    data = tools.zipped({"app.py": "x = 1\n"})
    digest = await blobs.put(data)
    paths = await asyncio.gather(*(artifacts.unpack(digest, data) for _ in range(4)), artifacts.path(digest))
    assert len(set(paths)) == 1
    assert folders(tmp_path) == [digest]


async def test_several_packages_are_merged_once_in_their_order(
    artifacts: Artifacts, blobs: MemoryBlobs, tools: Any, tmp_path: Path
) -> None:
    one, two = [await blobs.put(tools.zipped({"both.py": text, f"{text}.py": ""})) for text in ("one", "two")]
    merged = await artifacts.merged([one, two])
    assert (merged / "both.py").read_text() == "two"
    assert {path.name for path in merged.iterdir()} == {"both.py", "one.py", "two.py"}
    assert await artifacts.merged([one, two]) == merged
    other = await artifacts.merged([two, one])
    assert (other / "both.py").read_text() == "one"
    assert folders(tmp_path) == sorted([one, two, merged_name([one, two]), merged_name([two, one])])
    await artifacts.keep_only([])
    await artifacts.keep_only([one, merged_name([one, two])])
    assert folders(tmp_path) == sorted([one, merged_name([one, two])])


async def test_one_package_needs_no_merging(artifacts: Artifacts, blobs: MemoryBlobs, tools: Any) -> None:
    digest = await put(blobs, tools)
    assert await artifacts.merged([digest]) == await artifacts.path(digest)


async def test_what_is_not_there_is_missing(artifacts: Artifacts, tmp_path: Path) -> None:
    with pytest.raises(ArtifactMissing):
        await artifacts.path("0" * 64)
    assert folders(tmp_path) == []


async def test_a_bad_package_leaves_nothing_and_may_be_asked_for_again(
    artifacts: Artifacts, blobs: MemoryBlobs, tools: Any, tmp_path: Path
) -> None:
    whole = tools.zipped({"app.py": "x = 1\n" * 1000, "b.py": "y"})
    broken = whole.replace(b"b.py", b"/b.p")
    digest = await blobs.put(broken)
    for _ in range(2):
        with pytest.raises(BadPackage):
            await artifacts.path(digest)
    with pytest.raises(BadPackage):
        await artifacts.unpack(digest, broken)
    assert folders(tmp_path) == []


async def test_a_folder_that_cannot_be_put_in_its_place_is_an_error(
    artifacts: Artifacts, blobs: MemoryBlobs, tools: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = await put(blobs, tools)

    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "rename", full)
    with pytest.raises(OSError, match="No space left"):
        await artifacts.path(digest)
    assert folders(tmp_path) == []


async def test_the_start_removes_leftovers_and_keeps_what_is_whole(
    world: Any, artifacts: Artifacts, blobs: MemoryBlobs, tools: Any, tmp_path: Path
) -> None:
    digest = await put(blobs, tools)
    path = await artifacts.path(digest)
    (path.parent / f"{'1' * 64}.new-interrupted" / "deep").mkdir(parents=True)
    before = tmp_path / "artifacts" / "an-earlier-boot" / ("2" * 64)
    before.mkdir(parents=True)
    Artifacts(tmp_path / "artifacts", blobs, world.tasks).start()
    assert folders(tmp_path) == [digest]


async def test_only_what_is_named_is_kept(artifacts: Artifacts, blobs: MemoryBlobs, tools: Any, tmp_path: Path) -> None:
    kept, removed = [await put(blobs, tools, text) for text in ("kept", "removed")]
    for digest in (kept, removed):
        await artifacts.path(digest)
    await artifacts.keep_only([])  # they have just been asked for
    assert folders(tmp_path) == sorted([kept, removed])
    unfinished = artifacts.ready(kept).parent / f"{removed}.new-1"  # type: ignore[union-attr]
    unfinished.mkdir()
    await artifacts.keep_only([kept])
    assert folders(tmp_path) == sorted([kept, unfinished.name])
    assert (await artifacts.path(removed) / "app.py").read_text() == "removed"


async def test_a_package_that_is_just_being_deployed_is_not_collected(
    artifacts: Artifacts, tools: Any, tmp_path: Path
) -> None:
    data = tools.zipped({"app.py": "x = 1\n"})
    digest = hashlib.sha256(data).hexdigest()
    await artifacts.unpack(digest, data)
    assert artifacts.was_asked_for(digest)
    await artifacts.keep_only([])
    assert folders(tmp_path) == [digest]
    assert not artifacts.was_asked_for(digest)
    await artifacts.keep_only([])
    assert folders(tmp_path) == []
