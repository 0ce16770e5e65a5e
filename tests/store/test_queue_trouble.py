"""Queues when the disk is full, when the end of their log is torn, and when the clock was set back meanwhile."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path

import pytest

from lambent.kit.clock import FakeClock
from lambent.store.base import Counts, Store, StoreUnavailable

Open = Callable[..., AbstractAsyncContextManager[Store]]
Limit = Callable[[int], AbstractContextManager[None]]


async def test_whatever_a_full_disk_refuses_has_not_happened_and_happens_when_there_is_room(
    store: Store, no_file_may_grow_beyond: Limit
) -> None:
    queues = store.queues
    for number in range(3):
        await queues.put("q", b"%d" % number)
    first, second, third = await queues.lease("q", limit=3, for_s=60)
    with no_file_may_grow_beyond(0):
        outcomes = await asyncio.gather(
            queues.put("q", b"x"),
            queues.put_once("q", b"x", token="t", for_s=300, group="g"),
            queues.ack(first.receipt),
            queues.give_back(second.receipt, body=b"y"),
            queues.move(third.receipt, "dead", third.body),
            queues.purge("q"),
            return_exceptions=True,
        )
    assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
    assert await queues.counts("q") == Counts(0, 3, 0)
    assert await queues.depth("dead") == 0
    assert (await queues.put_once("q", b"x", token="t", for_s=300, group="g")).is_new
    assert await queues.ack(first.receipt) == 1
    assert await queues.give_back(second.receipt, body=b"y")
    assert await queues.move(third.receipt, "dead", third.body)
    assert sorted([lease.body for lease in await queues.lease("q", limit=9, for_s=60)]) == [b"x", b"y"]


async def test_messages_that_cannot_be_leased_for_want_of_room_are_leased_later(
    store: Store, no_file_may_grow_beyond: Limit
) -> None:
    await store.queues.put("q", b"m")
    with no_file_may_grow_beyond(0), pytest.raises(StoreUnavailable, match="queues"):
        await store.queues.lease("q", limit=1, for_s=60)
    (lease,) = await store.queues.lease("q", limit=1, for_s=60)
    assert lease.attempts == 1


@pytest.mark.parametrize("seed", range(8))
async def test_a_torn_end_of_the_log_costs_nothing_that_was_answered(
    opening: Open, directory: Path, tmp_path: Path, clock: FakeClock, seed: int
) -> None:
    """What a power cut may leave: the end of the write-ahead log cut off anywhere, or full of something else."""
    chance = random.Random(seed)
    wal = directory / "queues.db-wal"
    async with opening() as store:
        sizes = []
        for number in range(40):
            await store.queues.put("q", b"%d:" % number + os.urandom(chance.randrange(3000)))
            sizes.append(wal.stat().st_size)
        copy = tmp_path / "copy"
        shutil.copytree(directory, copy)
    answered = chance.randrange(1, 40)
    _tear(copy / wal.name, sizes[answered - 1], chance)
    directory.rename(tmp_path / "original")
    copy.rename(directory)
    async with opening() as store:
        there = [int(lease.body.partition(b":")[0]) for lease in await store.queues.lease("q", limit=99, for_s=60)]
        assert there[:answered] == list(range(answered))
        assert there == list(range(len(there)))
        await store.queues.put("q", b"after")
        assert await store.queues.counts("q") == Counts(1, len(there), 0)


def _tear(wal: Path, whole: int, chance: random.Random) -> None:
    """Leave the first `whole` bytes as they are, and nobody knows what of the rest."""
    data = wal.read_bytes()
    kept = data[: chance.randrange(whole, len(data) + 1)]
    torn = kept[:whole] + bytes(chance.choice((byte, 0)) for byte in kept[whole:])
    wal.write_bytes(torn + chance.randbytes(chance.randrange(10_000)))


async def test_a_clock_that_was_set_back_while_nobody_looked_hides_nothing(opening: Open, clock: FakeClock) -> None:
    async with opening() as store:
        await store.queues.put("q", b"visible")
        await store.queues.put("q", b"delayed", not_before=clock.now() + 60)
    clock.advance(-3600)  # both clocks: the machine was started anew
    async with opening() as store:
        assert await store.queues.counts("q") == Counts(1, 0, 1)
        (lease,) = await store.queues.lease("q", limit=9, for_s=600)
        assert lease.body == b"visible"
        clock.advance(60)
        (lease,) = await store.queues.lease("q", limit=9, for_s=600)
        assert lease.body == b"delayed"


async def test_while_the_disk_is_full_a_jump_of_the_clock_is_not_forgotten(
    store: Store, clock: FakeClock, no_file_may_grow_beyond: Limit
) -> None:
    await store.queues.put("q", b"m")
    clock.jump(-3600)
    with no_file_may_grow_beyond(0), pytest.raises(StoreUnavailable):
        await store.queues.counts("q")
    assert await store.queues.counts("q") == Counts(1, 0, 0)
