"""What every implementation of Journals promises about what its journals cover."""

from __future__ import annotations

from lambent.kit.clock import FakeClock
from lambent.store.base import Journals


async def test_spans_sum_up_the_journals_under_a_prefix(journals: Journals, clock: FakeClock) -> None:
    written_at = int(clock.now() * 1000)
    journals.append("g/a/", [(10, "eins"), (20, "fünf")])
    journals.append("g/b/", [(5, "")])
    journals.append("ga/", [(7, "another")])
    assert await journals.spans("g/") == {
        "g/a/": (10, 20, written_at, 9),
        "g/b/": (5, 5, written_at, 0),
    }
    assert await journals.spans("nothing") == {}


async def test_a_journal_that_was_emptied_has_no_span(journals: Journals) -> None:
    journals.append("g/a/", [(10, "x")])
    journals.append("g/b/", [(10, "x"), (30, "yy")])
    await journals.delete("g/", before=20)
    spans = await journals.spans("g/")
    assert {name: (span.first, span.size) for name, span in spans.items()} == {"g/b/": (30, 2)}
