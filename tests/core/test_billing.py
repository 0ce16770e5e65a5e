"""Sums of what was used, and the days that they belong to."""

from __future__ import annotations

from lambent.core.billing import Line, Totals, by_day, by_version, day_of, last_days

NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z


def test_days_are_those_of_utc_and_end_with_today() -> None:
    assert day_of(NOON) == "2026-01-01"
    assert last_days(NOON, 3) == ["2025-12-30", "2025-12-31", "2026-01-01"]
    assert last_days(NOON + 43_199, 1) == ["2026-01-01"]
    assert last_days(NOON + 43_200, 1) == ["2026-01-02"]


def test_a_gigabyte_second_is_a_second_of_1024_megabytes() -> None:
    totals = Totals(memory_mb_ms=512 * 3000, provisioned_mb_ms=1024 * 500)
    assert (totals.gb_seconds, totals.provisioned_gb_seconds) == (1.5, 0.5)


def test_totals_are_added_up_by_version_and_by_day() -> None:
    one = Totals(1, 0, 100, 30, 12_800)
    lines = [
        Line("2026-01-01", "f", "10", one),
        Line("2025-12-31", "f", "9", one),
        Line("2026-01-01", "f", "9", one),
        Line("2026-01-01", "a", "$LATEST", one),
    ]
    both = Totals(2, 0, 200, 60, 25_600)
    assert list(by_version(lines).items()) == [(("a", "$LATEST"), one), (("f", "9"), both), (("f", "10"), one)]
    days = by_day(lines, last_days(NOON, 3))
    assert [each.invocations for each in days.values()] == [0, 1, 3]
