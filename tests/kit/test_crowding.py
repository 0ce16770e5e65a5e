"""Whether a machine has more to do than it can."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambent.kit import crowding


@pytest.mark.parametrize(
    ("load", "crowded"),
    [("9.00 9.00 9.00 8/500 123", False), ("0.10 0.10 0.10 9/500 123", True), ("", False), ("a b c d", False)],
)
def test_what_wants_to_run_now_is_compared_with_the_cores(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, load: str, crowded: bool
) -> None:
    file = tmp_path / "loadavg"
    file.write_text(load)
    monkeypatch.setattr(crowding, "_LOAD", file)
    monkeypatch.setattr(crowding.os, "cpu_count", lambda: 4)
    assert crowding.is_crowded() is crowded


def test_where_it_cannot_be_known_a_machine_is_not_crowded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(crowding, "_LOAD", tmp_path / "nothing")
    assert not crowding.is_crowded()
