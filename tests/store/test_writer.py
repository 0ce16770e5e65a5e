"""The writer: group commit, and that units of one transaction do not disturb each other."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from lambent.store.base import StoreUnavailable
from lambent.store.sqlite.writer import Insertion, Writer


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[Writer]:
    connection = sqlite3.connect(tmp_path / "t.db", isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (x)")
    writer = Writer(connection, "t", insertion=Insertion("INSERT INTO t (x) VALUES", "(?)"))
    yield writer
    await writer.close()


@pytest.fixture
async def held(writer: Writer) -> threading.Event:
    """Until this is set the writer is busy, so that what is submitted waits and becomes one transaction."""
    begun, go_on = threading.Event(), threading.Event()

    def hold(_: sqlite3.Connection) -> None:
        begun.set()
        go_on.wait(60)

    writer.submit(hold)
    await asyncio.to_thread(begun.wait, 60)  # or what is submitted next would be in its own transaction
    return go_on


def add(connection: sqlite3.Connection, value: int) -> int:
    connection.execute("INSERT INTO t VALUES (?)", (value,))
    return value


def add_and_fail(connection: sqlite3.Connection, value: int) -> int:
    add(connection, value)
    raise ValueError(value)


def count_and_fail(connection: sqlite3.Connection) -> int:
    raise LookupError(connection.execute("SELECT count(*) FROM t").fetchone()[0])


def fail_as_the_file(connection: sqlite3.Connection) -> int:
    connection.execute("INSERT INTO nowhere VALUES (1)")
    return 0


async def values(writer: Writer) -> list[int]:
    rows = await writer.submit(lambda connection: connection.execute("SELECT x FROM t ORDER BY rowid").fetchall())
    return [row[0] for row in rows]


async def test_what_waits_is_one_transaction(writer: Writer, held: threading.Event) -> None:
    seen_by_others: list[int] = []

    def look(connection: sqlite3.Connection) -> None:
        # What the units before did in the same transaction is not to be seen from outside yet.
        path = connection.execute("PRAGMA database_list").fetchone()[2]
        with sqlite3.connect(path) as other:
            seen_by_others.append(other.execute("SELECT count(*) FROM t").fetchone()[0])
        other.close()

    units = [writer.submit(partial(add, value=n)) for n in range(100)]
    looking = writer.submit(look)
    held.set()
    assert await asyncio.gather(*units) == list(range(100))
    await looking
    assert seen_by_others == [0]
    assert await values(writer) == list(range(100))


async def test_what_is_submitted_in_one_turn_of_the_loop_is_one_transaction(writer: Writer) -> None:
    def count_of_others(connection: sqlite3.Connection) -> int:
        path = connection.execute("PRAGMA database_list").fetchone()[2]
        with closing(sqlite3.connect(path)) as other:
            return int(other.execute("SELECT count(*) FROM t").fetchone()[0])

    for turn in range(20):  # a thread that took the first of them at once would mostly have it to itself
        units = [writer.submit(partial(add, value=n)) for n in range(10)]
        assert await writer.submit(count_of_others) == 10 * turn
        await asyncio.gather(*units)


async def test_a_change_by_one_statement_needs_no_transaction_around_it_unless_it_has_company(
    writer: Writer, held: threading.Event
) -> None:
    def is_within_one(connection: sqlite3.Connection, value: int) -> bool:
        add(connection, value)
        return connection.in_transaction

    together = [writer.submit(partial(is_within_one, value=n), is_one_change=True) for n in range(2)]
    held.set()
    assert await asyncio.gather(*together) == [True, True]
    assert not await writer.submit(partial(is_within_one, value=2), is_one_change=True)
    assert await writer.submit(partial(is_within_one, value=3))
    assert await values(writer) == [0, 1, 2, 3]


async def test_a_unit_that_fails_halfway_is_undone_alone(writer: Writer, held: threading.Event) -> None:
    units = [writer.submit(partial(add_and_fail if n % 4 == 0 else add, value=n)) for n in range(12)]
    rows = [writer.insert((100 + n,), lambda _: None) for n in range(3)]
    held.set()
    outcomes = await asyncio.gather(*units, *rows, return_exceptions=True)
    assert [repr(outcome) for outcome in outcomes[:5]] == ["ValueError(0)", "1", "2", "3", "ValueError(4)"]
    assert await values(writer) == [100, 101, 102, 1, 2, 3, 5, 6, 7, 9, 10, 11]


async def test_a_unit_run_again_judges_anew(writer: Writer, held: threading.Event) -> None:
    failing = writer.submit(partial(add_and_fail, value=1))
    counting = writer.submit(count_and_fail)
    held.set()
    with pytest.raises(ValueError, match="1"):
        await failing
    with pytest.raises(LookupError, match="0"):
        await counting


async def test_a_failure_of_the_file_fails_the_whole_transaction_and_no_other(
    writer: Writer, held: threading.Event
) -> None:
    units = [
        writer.submit(partial(add, value=1)),
        writer.submit(count_and_fail),
        writer.submit(fail_as_the_file),
        writer.insert((2,), lambda _: None),
    ]
    held.set()
    outcomes = await asyncio.gather(*units, return_exceptions=True)
    assert {str(outcome) for outcome in outcomes} == {"t: no such table: nowhere"}
    assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
    assert await writer.submit(partial(add, value=3)) == 3
    assert await values(writer) == [3]


async def test_results_are_told_in_the_order_of_submission_before_anybody_goes_on(
    writer: Writer, held: threading.Event
) -> None:
    events: list[str] = []

    async def one(n: int) -> None:
        await writer.submit(partial(add, value=n), lambda value: events.append(f"told {value}"))
        events.append(f"went on {n}")

    tasks = [asyncio.ensure_future(one(n)) for n in range(3)]
    await asyncio.sleep(0)
    held.set()
    await asyncio.gather(*tasks)
    assert events == ["told 0", "told 1", "told 2", "went on 0", "went on 1", "went on 2"]


@pytest.mark.parametrize("number", [1, 63, 64, 65, 200])
async def test_rows_are_all_inserted_in_order(writer: Writer, held: threading.Event, number: int) -> None:
    rows = [writer.insert((n,), lambda _: None) for n in range(number)]
    held.set()
    await asyncio.gather(*rows)
    assert await values(writer) == list(range(number))


async def test_more_than_one_transaction_holds_is_still_done(writer: Writer, held: threading.Event) -> None:
    rows = [writer.insert((n,), lambda _: None) for n in range(2500)]
    held.set()
    await asyncio.gather(*rows)
    assert len(await values(writer)) == 2500


async def test_closing_commits_what_was_submitted_and_refuses_the_rest(writer: Writer, held: threading.Event) -> None:
    units = [writer.submit(partial(add, value=n)) for n in range(10)]
    closing = asyncio.ensure_future(writer.close())
    await asyncio.sleep(0)
    late = writer.submit(partial(add, value=99))
    held.set()
    await closing
    assert await asyncio.gather(*units) == list(range(10))
    with pytest.raises(StoreUnavailable, match="t: closed"):
        await late
    await writer.close()


def waits(connection: sqlite3.Connection) -> bool:
    return int(connection.execute("PRAGMA synchronous").fetchone()[0]) == 2


async def test_a_transaction_waits_for_the_disk_unless_nothing_in_it_has_to(
    writer: Writer, held: threading.Event
) -> None:
    together = [writer.submit(waits, waits_for_disk=waits_for_disk) for waits_for_disk in (False, True, False)]
    held.set()
    assert await asyncio.gather(*together) == [True, True, True]
    assert not await writer.submit(waits, waits_for_disk=False)
    assert not await writer.submit(waits, waits_for_disk=False)
    assert await writer.submit(waits)
