"""What every implementation of Journals promises."""

from __future__ import annotations

import random

import pytest

from lambent.kit.clock import FakeClock
from lambent.store.base import Entry, Journals


def texts(entries: object) -> list[str]:
    assert isinstance(entries, list)
    return [entry.text for entry in entries]


async def test_entries_are_read_as_they_were_appended_and_at_once(journals: Journals, clock: FakeClock) -> None:
    journals.append("g/s", [(5, "fünf"), (7, "")])
    first, second = await journals.read("g/s")
    written_at = int(clock.now() * 1000)
    assert first == Entry("g/s", first.sequence, 5, written_at, "fünf")
    assert second == Entry("g/s", second.sequence, 7, written_at, "")
    assert first.sequence < second.sequence


async def test_a_journal_that_never_was_is_empty(journals: Journals) -> None:
    assert list(await journals.read("nothing")) == []
    assert await journals.span("nothing") is None
    await journals.delete("nothing")


async def test_entries_are_ordered_by_time_then_by_appending(journals: Journals) -> None:
    journals.append("b", [(30, "b30"), (10, "b10")])
    journals.append("a", [(10, "a10"), (20, "a20")])
    await journals.flush()
    journals.append("b", [(10, "b10 again"), (5, "b5")])
    expected = ["b5", "b10", "a10", "b10 again", "a20", "b30"]
    assert texts(await journals.read("")) == expected
    assert texts(await journals.read("", reverse=True)) == expected[::-1]


async def test_a_sequence_rises_in_the_order_of_appending_over_all_journals(journals: Journals) -> None:
    for n in range(20):
        journals.append(f"j{n % 3}", [(1000 - n, str(n))])
        if n % 7 == 0:
            await journals.flush()
    by_sequence = sorted(await journals.read("j"), key=lambda entry: entry.sequence)
    assert [entry.text for entry in by_sequence] == [str(n) for n in range(20)]
    assert len({entry.sequence for entry in by_sequence}) == 20


async def test_a_read_holds_what_is_within_its_times(journals: Journals) -> None:
    journals.append("j", [(at, str(at)) for at in range(10)])
    assert texts(await journals.read("j", start=3, end=6)) == ["3", "4", "5"]
    assert texts(await journals.read("j", start=8)) == ["8", "9"]
    assert texts(await journals.read("j", end=2, reverse=True)) == ["1", "0"]
    assert texts(await journals.read("j", start=6, end=6)) == []


async def test_a_read_goes_over_all_journals_under_its_prefix(journals: Journals) -> None:
    for name in ("g/a", "g/b", "g", "h/a", "g0"):
        journals.append(name, [(1, name)])
    assert sorted(texts(await journals.read("g/"))) == ["g/a", "g/b"]
    assert texts(await journals.read("g/a")) == ["g/a"]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("limit", [1, 7, 1000])
async def test_pages_follow_each_other_without_gap_or_repetition(journals: Journals, limit: int, reverse: bool) -> None:
    for n in range(60):
        journals.append(f"j/{n % 4}", [(n // 5, str(n)), (n // 5, f"{n}'")])
        if n % 11 == 0:
            await journals.flush()
    everything = list(await journals.read("j/", reverse=reverse))
    seen: list[Entry] = []
    while page := await journals.read(
        "j/", after=(seen[-1].at, seen[-1].sequence) if seen else None, limit=limit, reverse=reverse
    ):
        assert len(page) <= limit
        seen += page
    assert seen == everything
    assert len(seen) == 120


async def test_reads_agree_with_a_plain_sort_whatever_the_times(journals: Journals) -> None:
    chance = random.Random(7)
    appended: list[tuple[int, int, str]] = []
    for n in range(400):
        at = chance.choice([chance.randrange(100), chance.randrange(10**6), 50_000 + n])
        journals.append(f"j{chance.randrange(5)}", [(at, str(n))])
        appended.append((at, n, str(n)))
        if chance.random() < 0.05:
            await journals.flush()
    expected = [text for _, _, text in sorted(appended)]
    assert texts(await journals.read("j")) == expected
    assert texts(await journals.read("j", reverse=True)) == expected[::-1]
    for _ in range(30):
        start, end = sorted((chance.randrange(10**6), chance.randrange(10**6)))
        within = [text for at, _, text in sorted(appended) if start <= at < end]
        assert texts(await journals.read("j", start=start, end=end)) == within
        assert texts(await journals.read("j", start=start, end=end, reverse=True, limit=9)) == within[::-1][:9]


async def test_a_span_sums_a_journal_up(journals: Journals, clock: FakeClock) -> None:
    journals.append("j", [(20, "zwölf"), (10, "x")])
    await journals.flush()
    clock.advance(3)
    journals.append("j", [(15, "yy")])
    journals.append("jj", [(99, "other")])
    assert await journals.span("j") == (10, 20, int(clock.now() * 1000), 9)


async def test_deleting_everything_leaves_no_journal(journals: Journals) -> None:
    for name in ("g/a", "g/b", "h/a"):
        journals.append(name, [(1, name)])
    await journals.flush()
    journals.append("g/a", [(2, "not flushed")])
    await journals.delete("g/")
    assert texts(await journals.read("")) == ["h/a"]
    assert await journals.span("g/a") is None
    journals.append("g/a", [(3, "new")])
    assert texts(await journals.read("g/")) == ["new"]
    assert await journals.span("g/a") == (3, 3, (await journals.read("g/"))[0].written_at, 3)


async def test_deleting_what_is_old_keeps_what_is_new_also_within_one_batch(journals: Journals) -> None:
    journals.append("j", [(at, f"{at}é") for at in (30, 10, 20, 40)])
    await journals.flush()
    journals.append("j", [(5, "5"), (50, "50")])
    journals.append("k", [(1, "1")])
    kept = [entry for entry in await journals.read("j") if entry.at >= 30]
    await journals.delete("", before=30)
    assert list(await journals.read("")) == kept
    assert await journals.span("j") == (30, 50, kept[0].written_at, len("30é40é50".encode()))
    assert await journals.span("k") is None


async def test_a_sequence_is_not_used_again_after_everything_is_deleted(journals: Journals) -> None:
    journals.append("j", [(1, "old")])
    (old,) = await journals.read("j")
    await journals.delete("")
    journals.append("j", [(1, "new")])
    (new,) = await journals.read("j")
    assert new.sequence > old.sequence


async def test_half_a_surrogate_pair_is_replaced_and_harms_nobody(journals: Journals) -> None:
    journals.append("j", [(1, "good"), (2, "half \ud83d pair")])
    journals.append("k", [(3, "good too")])
    assert texts(await journals.read("")) == ["good", "half ? pair", "good too"]


async def test_entries_appended_to_a_list_later_are_not_written(journals: Journals) -> None:
    entries = [(1, "one")]
    journals.append("j", entries)
    entries.append((2, "two"))
    assert texts(await journals.read("j")) == ["one"]


async def test_nothing_is_dropped_while_there_is_room(journals: Journals) -> None:
    for n in range(1000):
        journals.append("j", [(n, "x" * 100)])
    await journals.flush()
    assert journals.dropped == 0
    assert len(await journals.read("j")) == 1000


@pytest.mark.parametrize("at", [-1, 1 << 70])
async def test_what_is_no_time_or_no_name_is_refused_and_harms_nobody(journals: Journals, at: int) -> None:
    journals.append("j", [(1, "good")])
    with pytest.raises(ValueError, match="no time"):
        journals.append("j", [(2, "x"), (at, "y")])
    with pytest.raises(UnicodeEncodeError):
        journals.append("\ud800", [(3, "z")])
    assert texts(await journals.read("")) == ["good"]
