"""What every implementation of Blobs promises."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from lambent.store.base import Blobs


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 5000], ids=["empty", "small", "large"])
async def test_a_blob_is_read_as_it_was_put_by_its_digest(blobs: Blobs, data: bytes) -> None:
    digest = await blobs.put(data)
    assert digest == hashlib.sha256(data).hexdigest()
    assert await blobs.get(digest) == data


async def test_a_blob_can_be_read_as_a_file(blobs: Blobs) -> None:
    digest = await blobs.put(b"content")
    path = await blobs.path(digest)
    assert path is not None
    assert path.read_bytes() == b"content"


async def test_the_same_bytes_are_one_blob(blobs: Blobs) -> None:
    digests = await asyncio.gather(*(blobs.put(b"same") for _ in range(8)))
    assert len(set(digests)) == 1
    assert [digest async for digest in blobs.digests()] == [digests[0]]


async def test_a_blob_that_never_was_is_absent(blobs: Blobs) -> None:
    absent = hashlib.sha256(b"absent").hexdigest()
    assert await blobs.get(absent) is None
    assert await blobs.path(absent) is None
    await blobs.delete(absent)


async def test_a_deleted_blob_is_gone_and_can_be_put_again(blobs: Blobs) -> None:
    digest = await blobs.put(b"content")
    await blobs.delete(digest)
    assert await blobs.get(digest) is None
    assert await blobs.path(digest) is None
    assert [digest async for digest in blobs.digests()] == []
    assert await blobs.put(b"content") == digest
    assert await blobs.get(digest) == b"content"


async def test_all_digests_are_listed(blobs: Blobs) -> None:
    put = {await blobs.put(b"%d" % n) for n in range(40)}
    assert {digest async for digest in blobs.digests()} == put


@pytest.mark.parametrize("name", ["", "..", "../records.db", "/etc/passwd", "ab/../../lock", "A" * 64, "a" * 63 + "\n"])
async def test_what_is_no_digest_names_no_file(blobs: Blobs, name: str) -> None:
    assert await blobs.get(name) is None
    assert await blobs.path(name) is None
    await blobs.delete(name)
