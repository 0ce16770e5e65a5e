"""What every implementation of Records promises."""

from __future__ import annotations

import asyncio

import pytest

from lambent.store.base import ABSENT, Delete, Put, Record, Records, RevisionMismatch, Unchanged


async def test_a_record_is_read_as_it_was_written(records: Records) -> None:
    revision = await records.write(Put("a/b", b"\x00value\xff"))
    assert await records.get("a/b") == Record("a/b", b"\x00value\xff", revision)


async def test_an_absent_key_has_no_record(records: Records) -> None:
    assert await records.get("nothing") is None


async def test_a_second_write_replaces_the_value_and_raises_the_revision(records: Records) -> None:
    first = await records.write(Put("k", b"1"))
    second = await records.write(Put("k", b"2"))
    assert second > first
    assert await records.get("k") == Record("k", b"2", second)


async def test_all_records_of_one_write_bear_its_revision(records: Records) -> None:
    revision = await records.write(Put("x", b"1"), Put("y", b"2"))
    assert [record.revision for record in await records.list("")] == [revision, revision]


async def test_a_revision_is_not_used_again_after_everything_is_deleted(records: Records) -> None:
    put = await records.write(Put("k", b"1"))
    deleted = await records.write(Delete("k"))
    again = await records.write(Put("k", b"1"))
    assert put < deleted < again


async def test_a_write_with_the_right_revision_succeeds(records: Records) -> None:
    first = await records.write(Put("k", b"1", expect=ABSENT))
    second = await records.write(Put("k", b"2", expect=first))
    await records.write(Delete("k", expect=second))
    assert await records.get("k") is None


@pytest.mark.parametrize("expect", [ABSENT, 10_000])
async def test_a_write_with_a_wrong_revision_says_which_record_stood_in_the_way(records: Records, expect: int) -> None:
    actual = await records.write(Put("k", b"1"))
    with pytest.raises(RevisionMismatch) as caught:
        await records.write(Put("k", b"2", expect=expect))
    assert (caught.value.key, caught.value.expected, caught.value.actual) == ("k", expect, actual)


async def test_deleting_with_a_revision_what_is_absent_is_a_mismatch(records: Records) -> None:
    with pytest.raises(RevisionMismatch) as caught:
        await records.write(Delete("k", expect=5))
    assert caught.value.actual == ABSENT


async def test_a_write_of_several_changes_is_made_wholly_or_not_at_all(records: Records) -> None:
    await records.write(Put("taken", b"old"))
    with pytest.raises(RevisionMismatch, match="taken"):
        await records.write(
            Put("new", b"1"), Delete("taken"), Put("taken", b"2", expect=ABSENT), Put("other", b"3", expect=7)
        )
    assert [(record.key, record.value) for record in await records.list("")] == [("taken", b"old")]


async def test_a_write_may_depend_on_a_record_that_it_leaves_alone(records: Records) -> None:
    told: list[str] = []
    first = await records.write(Put("parent", b"1"))
    records.watch("", lambda key, _: told.append(key))
    await records.write(Put("child", b"1"), Unchanged("parent", first), Unchanged("nobody", ABSENT))
    assert await records.get("parent") == Record("parent", b"1", first)
    await records.write(Put("parent", b"2"))
    with pytest.raises(RevisionMismatch, match="parent"):
        await records.write(Put("child", b"2"), Unchanged("parent", first))
    assert [record.value for record in await records.list("child")] == [b"1"]
    assert told == ["child", "parent"]


async def test_expectations_are_about_the_records_before_the_write(records: Records) -> None:
    revision = await records.write(Put("k", b"1", expect=ABSENT), Put("k", b"2", expect=ABSENT))
    assert await records.get("k") == Record("k", b"2", revision)


async def test_a_refused_write_does_not_fail_those_made_at_the_same_time(records: Records) -> None:
    await records.write(Put("taken", b""))
    outcomes = await asyncio.gather(
        *(records.write(Put(f"k{n}", b"v", expect=ABSENT), Put(_or_taken(n), b"v", expect=ABSENT)) for n in range(50)),
        return_exceptions=True,
    )
    refused = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, RevisionMismatch)]
    written = {record.key for record in await records.list("k")}
    assert refused == [0, 10, 20, 30, 40]
    assert written == {f"k{n}" for n in range(50) if n not in refused}


def _or_taken(n: int) -> str:
    return "taken" if n % 10 == 0 else f"l{n}"


async def test_of_many_who_create_the_same_record_one_succeeds(records: Records) -> None:
    outcomes = await asyncio.gather(
        *(records.write(Put("k", b"%d" % n, expect=ABSENT)) for n in range(20)), return_exceptions=True
    )
    winners = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, int)]
    record = await records.get("k")
    assert record is not None
    assert winners == [int(record.value)]


async def test_a_list_holds_what_is_under_the_prefix_in_the_order_of_code_points(records: Records) -> None:
    keys = ["a", "a/", "a/\uffff", "a/\U0001f600", "a/b", "a/b/c", "a0", "b", "A/"]
    await records.write(*(Put(key, key.encode()) for key in keys))
    listed = await records.list("a/")
    assert [record.key for record in listed] == ["a/", "a/b", "a/b/c", "a/\uffff", "a/\U0001f600"]
    assert [record.key for record in await records.list("")] == sorted(keys)


@pytest.mark.parametrize("last", ["\ud7ff", "\U0010ffff", "\x7f", "\uffff"])
async def test_a_prefix_may_end_with_any_character(records: Records, last: str) -> None:
    await records.write(Put(f"p{last}", b""), Put(f"p{last}x", b""), Put("p", b""), Put("q", b""))
    assert [record.key for record in await records.list(f"p{last}")] == [f"p{last}", f"p{last}x"]


async def test_a_prefix_is_text_and_not_a_pattern(records: Records) -> None:
    await records.write(Put("a%b", b""), Put("axb", b""), Put("a_b", b""), Put("a*b", b""))
    assert [record.key for record in await records.list("a%")] == ["a%b"]
    assert [record.key for record in await records.list("a_")] == ["a_b"]


@pytest.mark.parametrize("limit", [1, 3, 100, 101, 1000])
async def test_pages_follow_each_other_without_gap_or_repetition(records: Records, limit: int) -> None:
    keys = [f"p/{n:04}" for n in range(250)]
    await records.write(*(Put(key, b"v") for key in keys), Put("o", b""), Put("p0", b""))
    seen: list[str] = []
    while page := await records.list("p/", after=seen[-1] if seen else "", limit=limit):
        assert len(page) <= limit
        seen += [record.key for record in page]
    assert seen == keys


async def test_a_page_after_a_key_below_the_prefix_begins_at_the_prefix(records: Records) -> None:
    await records.write(Put("a", b""), Put("b1", b""), Put("b2", b""))
    assert [record.key for record in await records.list("b", after="a")] == ["b1", "b2"]
    assert [record.key for record in await records.list("b", after="b1")] == ["b2"]
    assert list(await records.list("b", after="c")) == []
    assert list(await records.list("b", limit=0)) == []


async def test_watchers_hear_of_changes_before_the_write_returns(records: Records) -> None:
    heard: list[tuple[str, Record | None]] = []
    records.watch("f/", lambda key, record: heard.append((key, record)))
    revision = await records.write(Put("f/a", b"1"), Put("g/a", b"2"), Put("f/b", b"3"))
    assert heard == [("f/a", Record("f/a", b"1", revision)), ("f/b", Record("f/b", b"3", revision))]
    await records.write(Delete("f/a"))
    assert heard[2:] == [("f/a", None)]


async def test_watchers_hear_of_changes_in_the_order_of_their_revisions(records: Records) -> None:
    revisions: list[int] = []
    records.watch("", lambda _, record: revisions.append(record.revision if record else 0))
    written = await asyncio.gather(*(records.write(Put(f"k{n % 7}", b"%d" % n)) for n in range(200)))
    assert revisions == sorted(written)


async def test_a_watcher_sees_the_new_state_when_it_is_called(records: Records) -> None:
    seen: list[Record | None] = []

    def look(key: str, record: Record | None) -> None:
        reading = records.get(key)
        with pytest.raises(StopIteration) as answer:
            reading.send(None)  # type: ignore[attr-defined]
        seen.append(answer.value.value)

    records.watch("", look)
    revision = await records.write(Put("k", b"1"))
    assert seen == [Record("k", b"1", revision)]


async def test_nobody_hears_of_a_refused_write_or_of_deleting_nothing(records: Records) -> None:
    heard: list[str] = []
    records.watch("", lambda key, _: heard.append(key))
    with pytest.raises(RevisionMismatch):
        await records.write(Put("a", b""), Put("b", b"", expect=3))
    await records.write(Delete("c"))
    assert heard == []


async def test_a_watch_ends_when_its_end_is_called(records: Records) -> None:
    heard: list[str] = []
    end = records.watch("", lambda key, _: heard.append(key))
    await records.write(Put("a", b""))
    end()
    end()
    await records.write(Put("b", b""))
    assert heard == ["a"]


async def test_a_failing_watcher_fails_neither_the_write_nor_the_other_watchers(records: Records) -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    fault = RuntimeError("fault of the watcher")
    heard: list[str] = []

    def fail(key: str, record: Record | None) -> None:
        raise fault

    records.watch("", fail)
    records.watch("", lambda key, _: heard.append(key))
    await records.write(Put("a", b""))
    assert heard == ["a"]
    assert reported == [fault]


async def test_a_key_that_is_no_text_is_refused_and_harms_nobody(records: Records) -> None:
    good, bad = await asyncio.gather(
        records.write(Put("good", b"1")),
        records.write(Put("half", b"1"), Put("\ud800", b"1")),
        return_exceptions=True,
    )
    assert isinstance(bad, UnicodeEncodeError)
    assert [record.key for record in await records.list("")] == ["good"]
    assert isinstance(good, int)


async def test_a_caller_who_gives_up_does_not_disturb_the_others(records: Records) -> None:
    impatient = asyncio.ensure_future(records.write(Put("a", b"")))
    patient = asyncio.ensure_future(records.write(Put("b", b"")))
    await asyncio.sleep(0)
    impatient.cancel()
    await patient
    assert await records.get("b") is not None
