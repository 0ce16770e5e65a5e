"""The durable store does what the one in memory does, whatever is asked of both, also over restarts."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambent.kit.clock import FakeClock
from lambent.store.base import ABSENT, Change, Delete, Lease, Put, Record, RevisionMismatch, Store

Opening = Callable[[str, Path, FakeClock], AbstractAsyncContextManager[Store]]

BOUNDED = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# Hypothesis shrinks what fails; these are small worlds in which names, times and revisions often meet.
KEYS = st.sampled_from(["a", "a/", "a/b", "a/\U0001f600", "a/\uffff", "b", "\x01"])
PREFIXES = st.sampled_from(["", "a", "a/", "a/\uffff", "b", "c"])
EXPECTATIONS = st.sampled_from([None, None, "absent", "present", "stale"])
CHANGES = st.tuples(st.sampled_from(["put", "delete"]), KEYS, st.binary(max_size=3), EXPECTATIONS)
RECORD_STEPS = st.one_of(
    st.tuples(st.just("write"), st.lists(CHANGES, max_size=3)),
    st.tuples(st.just("get"), KEYS),
    st.tuples(st.just("list"), PREFIXES, KEYS | st.just(""), st.integers(0, 5)),
    st.just(("restart",)),
)
SECONDS = st.sampled_from([0.0, 0.5, 1.0, 5.0])
QUEUE_NAMES = st.sampled_from(["p", "q"])
GROUPS = st.sampled_from(["x", "y"])
TOKENS = st.sampled_from(["s", "t"])
NTH = st.integers(0, 8)
QUEUE_STEPS = st.one_of(
    st.tuples(st.just("put"), QUEUE_NAMES, st.binary(max_size=3), SECONDS),
    st.tuples(st.just("put_once"), QUEUE_NAMES, GROUPS, TOKENS, SECONDS),
    st.tuples(st.just("lease"), QUEUE_NAMES, st.integers(0, 3), SECONDS, st.booleans()),
    st.tuples(st.just("extend"), NTH, SECONDS),
    st.tuples(st.just("ack"), st.lists(NTH, max_size=3)),
    st.tuples(st.just("give_back"), NTH, SECONDS, st.none() | st.just(b"other")),
    st.tuples(st.just("move"), NTH, QUEUE_NAMES, st.just("") | GROUPS, st.booleans()),
    st.tuples(st.just("purge"), QUEUE_NAMES, st.booleans()),
    st.tuples(st.just("expire"), QUEUE_NAMES, SECONDS),
    st.tuples(st.just("release"), st.sampled_from(["", "q"])),
    st.tuples(st.just("advance"), SECONDS),
    st.just(("restart",)),
)
JOURNAL_NAMES = st.sampled_from(["g/a", "g/b", "h"])
TIMES = st.sampled_from([0, 1, 2, 5_000, 10_001, 10_002, 30_000])
JOURNAL_STEPS = st.one_of(
    st.tuples(st.just("append"), JOURNAL_NAMES, st.lists(st.tuples(TIMES, st.text(max_size=3)), max_size=4)),
    st.tuples(st.just("flush")),
    st.tuples(st.just("delete"), st.sampled_from(["", "g/", "g/a"]), st.none() | TIMES),
    st.tuples(
        st.just("read"), st.sampled_from(["", "g/", "h"]), TIMES, st.none() | TIMES, st.integers(0, 5), st.booleans()
    ),
    st.just(("restart",)),
)


@dataclass
class Twins:
    """Both stores, and for what each numbers in its own way, which numbers belong together."""

    opening: Opening
    directory: Path
    stack: AsyncExitStack
    clock: FakeClock = field(default_factory=FakeClock)
    memory: Store = field(init=False)
    sqlite: Store = field(init=False)
    revisions: dict[int, int] = field(default_factory=lambda: {ABSENT: ABSENT})
    leases: list[tuple[str, str]] = field(default_factory=list)
    told: tuple[list[Any], list[Any]] = field(default_factory=lambda: ([], []))

    async def open(self) -> None:
        self.memory = await self.stack.enter_async_context(self.opening("memory", self.directory, self.clock))
        self._watch(self.memory, self.told[0])
        await self._open_sqlite()

    async def restart(self) -> None:
        await self.stack.aclose()
        await self._open_sqlite()

    async def _open_sqlite(self) -> None:
        self.sqlite = await self.stack.enter_async_context(self.opening("sqlite", self.directory, self.clock))
        self._watch(self.sqlite, self.told[1])

    def _watch(self, store: Store, told: list[Any]) -> None:
        store.records.watch("a/", lambda key, record: told.append((key, record.value if record else None)))
        store.queues.watch(told.append)

    def same_record(self, ours: Record | None, theirs: Record | None) -> bool:
        if ours is None or theirs is None:
            return ours is theirs
        return (theirs.key, theirs.value) == (ours.key, ours.value) and theirs.revision == self.revisions[ours.revision]

    def same_records(self, ours: Sequence[Record], theirs: Sequence[Record]) -> bool:
        return len(ours) == len(theirs) and all(map(self.same_record, ours, theirs))


def run(opening: Opening, root: Path, steps: Callable[[Twins], Awaitable[None]]) -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            twins = Twins(opening, root / str(next(NUMBER)), stack)
            await twins.open()
            await steps(twins)
            assert twins.told[0] == twins.told[1]

    asyncio.run(main())


NUMBER = itertools.count()


@BOUNDED
@given(steps=st.lists(RECORD_STEPS, max_size=25))
def test_records_are_the_same_in_both(opening: Opening, tmp_path: Path, steps: list[Any]) -> None:
    async def main(twins: Twins) -> None:
        for step in steps:
            await record_step(twins, *step)
        assert twins.same_records(await twins.memory.records.list(""), await twins.sqlite.records.list(""))

    run(opening, tmp_path, main)


async def record_step(twins: Twins, what: str, *args: Any) -> None:
    ours, theirs = twins.memory.records, twins.sqlite.records
    match what:
        case "write":
            pairs = [await changes(twins, *change) for change in args[0]]
            first = await outcome(ours.write(*(pair[0] for pair in pairs)))
            second = await outcome(theirs.write(*(pair[1] for pair in pairs)))
            if isinstance(first, int) and isinstance(second, int):
                assert second > max(twins.revisions.values())
                twins.revisions[first] = second
            else:
                assert isinstance(first, RevisionMismatch)
                assert isinstance(second, RevisionMismatch)
                assert (second.key, second.actual) == (first.key, twins.revisions[first.actual])
        case "get":
            assert twins.same_record(await ours.get(args[0]), await theirs.get(args[0]))
        case "list":
            prefix, after, limit = args
            assert twins.same_records(
                await ours.list(prefix, after=after, limit=limit), await theirs.list(prefix, after=after, limit=limit)
            )
        case "restart":
            await twins.restart()


async def changes(twins: Twins, kind: str, key: str, value: bytes, expectation: str | None) -> tuple[Change, Change]:
    """The same change for both stores."""
    present = await twins.memory.records.get(key)
    ours: int | None = None
    match expectation:
        case "absent":
            ours = ABSENT
        case "present":
            ours = present.revision if present else ABSENT
        case "stale":
            ours = max(twins.revisions) if present is None else min(twins.revisions)
    theirs = twins.revisions[ours] if ours is not None else None
    if kind == "put":
        return Put(key, value, ours), Put(key, value, theirs)
    return Delete(key, ours), Delete(key, theirs)


async def outcome(writing: Awaitable[int]) -> int | RevisionMismatch:
    try:
        return await writing
    except RevisionMismatch as error:
        return error


@BOUNDED
@given(steps=st.lists(QUEUE_STEPS, max_size=30))
def test_queues_are_the_same_in_both(opening: Opening, tmp_path: Path, steps: list[Any]) -> None:
    async def main(twins: Twins) -> None:
        for step in steps:
            await queue_step(twins, *step)
            for queue in "p", "q":
                assert await twins.memory.queues.depth(queue) == await twins.sqlite.queues.depth(queue)
                assert await twins.memory.queues.counts(queue) == await twins.sqlite.queues.counts(queue)
                for after in 0.0, twins.clock.now():
                    assert await twins.memory.queues.next_due(queue, after=after) == await twins.sqlite.queues.next_due(
                        queue, after=after
                    )
            assert await twins.memory.queues.names("") == await twins.sqlite.queues.names("")

    run(opening, tmp_path, main)


async def queue_step(twins: Twins, what: str, *args: Any) -> None:
    ours, theirs = twins.memory.queues, twins.sqlite.queues
    match what:
        case "put":
            queue, body, delay = args
            not_before = twins.clock.now() + delay if delay else 0.0
            await ours.put(queue, body, not_before=not_before)
            await theirs.put(queue, body, not_before=not_before)
        case "put_once":
            queue, group, token, for_s = args
            first, second = [
                await queues.put_once(queue, b"once", token=token, for_s=for_s, group=group, label=str(next(NUMBER)))
                for queues in (ours, theirs)
            ]
            assert (first.sequence, first.is_new) == (second.sequence, second.is_new)
        case "lease":
            queue, limit, for_s, in_order = args
            first = await ours.lease(queue, limit=limit, for_s=for_s, in_order=in_order)
            second = await theirs.lease(queue, limit=limit, for_s=for_s, in_order=in_order)
            assert [shown(lease) for lease in first] == [shown(lease) for lease in second]
            twins.leases += [(a.receipt, b.receipt) for a, b in zip(first, second, strict=True)]
        case "extend":
            a, b = nth(twins, args[0])
            assert await ours.extend(a, for_s=args[1]) == await theirs.extend(b, for_s=args[1])
        case "ack":
            pairs = [nth(twins, n) for n in args[0]]
            assert await ours.ack(*(a for a, _ in pairs)) == await theirs.ack(*(b for _, b in pairs))
        case "give_back":
            a, b = nth(twins, args[0])
            assert await ours.give_back(a, delay_s=args[1], body=args[2]) == await theirs.give_back(
                b, delay_s=args[1], body=args[2]
            )
        case "move":
            a, b = nth(twins, args[0])
            _, queue, group, keeps_age = args
            enqueued_at = twins.clock.now() - 3.0 if keeps_age else None
            moved = [
                await queues.move(receipt, queue, b"moved", group=group, enqueued_at=enqueued_at)
                for queues, receipt in ((ours, a), (theirs, b))
            ]
            assert moved[0] == moved[1]
        case "purge":
            assert await ours.purge(args[0], tokens=args[1]) == await theirs.purge(args[0], tokens=args[1])
        case "expire":
            before = twins.clock.now() - args[1]
            assert await ours.expire(args[0], before=before) == await theirs.expire(args[0], before=before)
        case "release":
            assert await ours.release(args[0]) == await theirs.release(args[0])
        case "advance":
            twins.clock.advance(args[0])
        case "restart":
            await twins.restart()


def nth(twins: Twins, n: int) -> tuple[str, str]:
    """The receipts of the nth lease from the end."""
    return twins.leases[-1 - n] if n < len(twins.leases) else ("none", "none")


def shown(lease: Lease) -> tuple[object, ...]:
    return tuple(getattr(lease, name) for name in Lease.__slots__ if name != "receipt")


@BOUNDED
@given(steps=st.lists(JOURNAL_STEPS, max_size=25))
def test_journals_are_the_same_in_both(opening: Opening, tmp_path: Path, steps: list[Any]) -> None:
    async def main(twins: Twins) -> None:
        for step in steps:
            await journal_step(twins, *step)
        everything = [list(await store.journals.read("")) for store in (twins.memory, twins.sqlite)]
        assert everything[0] == everything[1]
        for name in "g/a", "g/b", "h":
            assert await twins.memory.journals.span(name) == await twins.sqlite.journals.span(name)

    run(opening, tmp_path, main)


async def journal_step(twins: Twins, what: str, *args: Any) -> None:
    both = twins.memory.journals, twins.sqlite.journals
    match what:
        case "append":
            for journals in both:
                journals.append(*args)
        case "flush":
            await twins.sqlite.journals.flush()
        case "delete":
            for journals in both:
                await journals.delete(args[0], before=args[1])
        case "read":
            prefix, start, end, limit, reverse = args
            ours, theirs = [
                await journals.read(prefix, start=start, end=end, limit=limit, reverse=reverse) for journals in both
            ]
            # The numbers are the same too, as both begin with one.
            assert list(ours) == list(theirs)
        case "restart":
            await twins.restart()


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_what_was_answered_is_there_after_a_restart(opening: Opening, tmp_path: Path, kind: str) -> None:
    clock = FakeClock()
    async with opening(kind, tmp_path, clock) as store:
        revision = await store.records.write(Put("k", b"v"))
        await store.queues.put("q", b"leased")
        await store.queues.put("q", b"waiting")
        (lease,) = await store.queues.lease("q", limit=1, for_s=30)
        digest = await store.blobs.put(b"blob")
        store.journals.append("j", [(1, "said")])
    async with opening(kind, tmp_path, clock) as store:
        assert await store.records.get("k") == Record("k", b"v", revision)
        assert [other.body for other in await store.queues.lease("q", limit=9, for_s=30)] == [b"waiting"]
        assert await store.queues.ack(lease.receipt) == 1
        assert await store.blobs.get(digest) == b"blob"
        assert [entry.text for entry in await store.journals.read("j")] == ["said"]
        assert await store.records.write(Put("l", b"")) > revision


async def test_no_number_is_given_out_again_after_a_restart(opening: Opening, tmp_path: Path) -> None:
    clock = FakeClock()
    async with opening("sqlite", tmp_path, clock) as store:
        store.journals.append("j", [(1, "a"), (2, "b")])
        last = (await store.journals.read("j"))[-1].sequence
        await store.journals.delete("")
        revision = await store.records.write(Put("k", b""))
        deleted = await store.records.write(Delete("k"))
    async with opening("sqlite", tmp_path, clock) as store:
        store.journals.append("j", [(1, "c")])
        assert (await store.journals.read("j"))[0].sequence > last
        assert await store.records.write(Put("k", b"")) > deleted > revision
