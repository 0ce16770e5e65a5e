"""kill -9 at any moment: what was answered is there afterwards, and nothing is there by halves."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from lambent.kit.clock import FakeClock
from lambent.store.base import Store

Open = Callable[..., AbstractAsyncContextManager[Store]]

# Writes pairs of records, messages and blobs from several tasks at once, and prints each when it is answered.
VICTIM = """
import asyncio, os, sys
from pathlib import Path
from lambent.kit.log import Log
from lambent.store.base import ABSENT, Put
from lambent.store.sqlite.store import open_store

def answered(*words):
    os.write(1, (" ".join(words) + "\\n").encode())

async def records(store, name):
    for n in range(10**9):
        put = Put(f"left/{name}/{n}", b"x" * (n % 5000), expect=ABSENT)
        last = Put(f"last/{name}", b"%d" % n)
        revision = await store.records.write(put, last, Put(f"right/{name}/{n}", b"x" * (n % 5000)))
        answered("record", f"{name}/{n}", str(revision))

async def messages(store, name):
    for n in range(10**9):
        await store.queues.put("q", f"{name}/{n}".encode())
        answered("put", f"{name}/{n}")
        if n % 3 == 0:
            for lease in await store.queues.lease("q", limit=1, for_s=0.0):
                if await store.queues.ack(lease.receipt):
                    answered("acked", lease.body.decode())

async def blobs(store, name):
    for n in range(10**9):
        answered("blob", await store.blobs.put(f"{name}/{n}".encode() * 1000))

async def lines(store, name):
    for n in range(10**9):
        store.journals.append("j/" + name, [(n, f"{name}/{n}"), (n, f"{name}/{n}")])
        await store.journals.flush()
        answered("line", f"{name}/{n}")

async def main():
    async with open_store(Path(sys.argv[1]), log=Log()) as store:
        work = [kind(store, f"{sys.argv[2]}-{i}") for kind in (records, messages, blobs, lines) for i in range(3)]
        await asyncio.gather(*work)

asyncio.run(main())
"""


@pytest.mark.parametrize("seed", range(6))
async def test_what_was_answered_outlives_the_process(
    opening: Open, directory: Path, clock: FakeClock, seed: int
) -> None:
    clock.advance(1e9)  # The victim lives by the real time; every message it put is visible by now.
    answered: dict[str, list[list[str]]] = {kind: [] for kind in ("record", "put", "acked", "blob", "line")}
    chance = random.Random(seed)
    for life in range(2):
        for kind, *words in killed_after(chance.randrange(1, 400), directory, life):
            answered[kind].append(words)
        async with opening() as store:
            await records_are_whole(store, answered["record"])
            await messages_are_there(store, answered["put"], answered["acked"])
            await lines_are_whole(store, [line for (line,) in answered["line"]])
            assert {digest for (digest,) in answered["blob"]} <= {digest async for digest in store.blobs.digests()}


def killed_after(answers: int, directory: Path, life: int) -> list[list[str]]:
    """What the victim had answered when it was killed, some time after so many answers."""
    argv = [sys.executable, "-c", VICTIM, str(directory), str(life)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdout is not None
        lines = [victim.stdout.readline() for _ in range(answers)]
        victim.kill()
        lines += victim.stdout.readlines()
    assert victim.returncode == -9
    return [line.split() for line in lines]


async def records_are_whole(store: Store, answered: list[list[str]]) -> None:
    """Each write put a record to the left, the same to the right, and its number under `last`."""
    records = {record.key: record for record in await store.records.list("", limit=1_000_000)}
    for name, revision in answered:
        assert records[f"left/{name}"].revision == int(revision)
    last: dict[str, int] = {}
    for key, record in records.items():
        side, task, *number = key.split("/")
        if side in ("left", "right"):
            twin = records[f"{'right' if side == 'left' else 'left'}/{task}/{number[0]}"]
            assert (twin.value, twin.revision) == (record.value, record.revision)
            last[task] = max(last.get(task, 0), int(number[0]))
    assert {key: record.value for key, record in records.items() if key.startswith("last/")} == {
        f"last/{task}": b"%d" % number for task, number in last.items()
    }


async def messages_are_there(store: Store, put: list[list[str]], acked: list[list[str]]) -> None:
    bodies = [lease.body.decode() for lease in await store.queues.lease("q", limit=1_000_000, for_s=0)]
    gone = {body for (body,) in acked}
    there = set(bodies)
    assert len(bodies) == len(there)
    assert not gone & there
    # Each of three tasks in two lives may have removed one message and died before it could say so.
    assert len({body for (body,) in put} - gone - there) <= 6


async def lines_are_whole(store: Store, answered: list[str]) -> None:
    """Each was appended twice."""
    counts = Counter(entry.text for entry in await store.journals.read("j/", limit=1_000_000))
    assert set(answered) <= set(counts)
    assert set(counts.values()) <= {2}
