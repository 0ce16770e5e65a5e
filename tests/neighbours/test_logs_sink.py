"""The sink: what functions log is there, with its group and stream, whatever becomes of those."""

from __future__ import annotations

import asyncio
import gc
import io
import weakref
from collections.abc import AsyncIterator

import pytest

from lambent.kit.clock import FakeClock
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.neighbours.logs.names import GroupRef, StreamRef, stream_of
from lambent.neighbours.logs.records import LogRecords
from lambent.neighbours.logs.sink import Sink, SinkStream
from lambent.store.base import Change, Store, StoreUnavailable
from lambent.store.memory import memory_store

GROUP = GroupRef("000000000000", "us-east-1", "/aws/lambda/f")
REF = StreamRef(GROUP, "2026/11/23/[$LATEST]0%2F")


class Bench:
    """A sink on a store in memory."""

    def __init__(self, store: Store, sink: Sink, said: io.StringIO) -> None:
        self.store, self.sink, self.said = store, sink, said
        self.records = LogRecords(store.records, store.journals)

    def stream(self, ref: StreamRef = REF) -> SinkStream:
        group = ref.group
        return self.sink.stream(account=group.account, region=group.region, group=group.name, stream=ref.name)

    async def settle(self) -> None:
        """Let background tasks end."""
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)

    async def logged(self, ref: StreamRef = REF) -> list[str]:
        return [entry.text for entry in await self.store.journals.read(ref.journal)]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    clock, said = FakeClock(), io.StringIO()
    log = Log(stream=said)
    store, tasks = memory_store(clock), Tasks(log)
    sink = Sink(store.records, store.journals, tasks, clock, log)
    yield Bench(store, sink, said)
    sink.close()
    await tasks.close()


async def test_the_first_line_makes_the_group_and_the_stream(bench: Bench) -> None:
    stream = bench.stream()
    await bench.settle()
    assert not await bench.records.has_group(GROUP)
    stream.write([(1, "a"), (2, "b")])
    stream.write([(3, "c")])
    await bench.settle()
    assert (await bench.records.group_of(REF)).name == GROUP.name
    (record, _) = await bench.store.records.list("logs/")
    assert record.revision == 1, "the second line writes no record"
    assert await bench.logged() == ["a", "b", "c"]


async def test_groups_and_streams_that_exist_stay_as_they_are(bench: Bench) -> None:
    bench.stream().write([(1, "a")])
    await bench.settle()
    before = await bench.store.records.list("logs/")
    again = Sink(bench.store.records, bench.store.journals, Tasks(Log()), FakeClock(), Log())
    again.stream(account=GROUP.account, region=GROUP.region, group=GROUP.name, stream=REF.name).write([(2, "b")])
    await bench.settle()
    assert await bench.store.records.list("logs/") == before


async def test_a_line_after_its_group_was_deleted_makes_it_anew(bench: Bench) -> None:
    stream = bench.stream()
    stream.write([(1, "old")])
    await bench.settle()
    await bench.records.delete_group(GROUP, lambda group: None)
    stream.write([(2, "new")])
    await bench.settle()
    assert (await bench.records.group_of(REF)).name == GROUP.name
    assert await bench.logged() == ["new"]


async def test_a_line_after_its_stream_was_deleted_makes_it_anew(bench: Bench) -> None:
    stream = bench.stream()
    stream.write([(1, "old")])
    await bench.settle()
    await bench.records.delete_stream(REF, lambda group: None)
    stream.write([(2, "new")])
    await bench.settle()
    assert (await bench.records.group_of(REF)).name == GROUP.name
    assert await bench.logged() == ["new"]


async def test_a_group_that_is_deleted_while_its_stream_is_made_is_made_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = bench.store.records.write
    deleted = False

    async def write_and_delete(*changes: Change) -> int:
        nonlocal deleted
        if any(change.key == REF.key for change in changes) and not deleted:
            deleted = True
            await bench.records.delete_group(GROUP, lambda group: None)
        return await write(*changes)

    monkeypatch.setattr(bench.store.records, "write", write_and_delete)
    bench.stream().write([(1, "a")])
    await bench.settle()
    assert deleted
    assert (await bench.records.group_of(REF)).name == GROUP.name


async def test_a_store_that_fails_is_asked_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    write = bench.store.records.write
    refusals = 3

    async def full(*changes: Change) -> int:
        nonlocal refusals
        refusals -= 1
        if refusals >= 0:
            raise StoreUnavailable("disk full")
        return await write(*changes)

    monkeypatch.setattr("lambent.neighbours.logs.sink.RETRY_S", 0.0)
    monkeypatch.setattr(bench.store.records, "write", full)
    bench.stream().write([(1, "a")])
    bench.stream().write([(2, "b")])
    await bench.settle()
    assert bench.said.getvalue().count("log_stream_not_made") == 3
    assert (await bench.records.group_of(REF)).name == GROUP.name
    assert await bench.logged() == ["a", "b"]


async def test_many_environments_share_a_group(bench: Bench) -> None:
    refs = [StreamRef(GROUP, f"s{i}") for i in range(50)]
    streams = [bench.stream(ref) for ref in refs]
    for stream in streams:
        stream.write([(1, stream.ref.name)])
    await bench.settle()
    assert [stream.name async for stream in bench.records.streams(GROUP)] == sorted(ref.name for ref in refs)
    assert "not_made" not in bench.said.getvalue()


async def test_a_stream_is_one_object_as_long_as_somebody_holds_it(bench: Bench) -> None:
    stream = bench.stream()
    assert bench.stream() is stream
    seen = weakref.ref(stream)
    del stream
    gc.collect()
    assert seen() is None


@pytest.mark.parametrize("name", ["s", "a/b", "%2F", "%", "%252F/", "2026/11/23/[$LATEST]0", "größe "])
def test_a_journal_tells_its_stream_and_is_the_beginning_of_no_other(name: str) -> None:
    ref = StreamRef(GROUP, name)
    assert stream_of(ref.journal) == name
    assert not StreamRef(GROUP, name + "x").journal.startswith(ref.journal)
    assert not StreamRef(GROUP, name + "/").journal.startswith(ref.journal)
    assert ref.journal.count("/") == 5
    assert ref.journal.startswith(GROUP.journals_from(name[:1]))


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("/aws/lambda/f", "/aws/lambda/f"),
        ("arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f", "/aws/lambda/f"),
        ("arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f:*", "/aws/lambda/f"),
        ("arn:aws-cn:logs:us-east-1:000000000000:log-group:g", "g"),
        ("arn:aws:logs:us-east-1:000000000000:log-group:", None),
        ("arn:aws:logs:us-east-1:000000000000:log-group:g:log-stream:s", None),
        ("arn:aws:logs:us-east-1:0:log-group:g", None),
    ],
)
def test_a_group_is_known_by_name_and_by_arn(identifier: str, name: str | None) -> None:
    ref = GroupRef.parse(identifier, account=GROUP.account, region=GROUP.region)
    assert (None if ref is None else ref.name) == name
