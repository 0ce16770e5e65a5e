"""The benchmark runs and writes its table. Times are never asserted."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
FIGURES = (
    "start to first answered API call",
    "idle memory as started",
    "with one Python function",
    "warm invoke, one caller, Python, ",
    "warm invoke, one caller, Python that prints",
    "throughput, 1 connection, Python",
    "throughput, 4 connections, Python",
    "processor time per invocation",
    "first invoke of a fresh function, Python, p50",
    "first invoke of a fresh function, Python, `import boto3`",
    "CreateFunction until Active",
    "update code",
)


@pytest.mark.timeout(240)
def test_a_smoke_run_writes_every_figure_into_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    argv = [
        sys.executable,
        str(BENCHMARKS / "run.py"),
        "--quick",
        "--only-lambent",
        "--client",
        "own",
        "--minutes",
        "3",
    ]
    done = subprocess.run([*argv, "--out", str(page)], capture_output=True, text=True, timeout=220, check=False)
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    rows = [[cell.strip() for cell in line.split(" | ")] for line in text.splitlines() if line.startswith("| ")]
    wide = [row for row in rows if len(row) == 9]
    assert wide[0][2:5] == ["Lambent", "MiniStack (left out)", "ratio"]
    for figure in FIGURES:
        found = [row for row in wide if figure in row[0]]
        assert found, f"no row for {figure}\n{text}"
        assert all(row[2][0].isdigit() and row[3] == "–" for row in found), found
    assert any(row[0].startswith("| an Invoke with a wrong signature") and row[1] == "refused (403)" for row in rows)
    assert "Lambent" in text
    assert "A smoke run" in text


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("table")


def test_the_text_around_the_table_stays(table: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{table.BEGIN}\nold\n{table.END}\n\nafter\n")
    table.write(page, "new")
    assert page.read_text() == f"before\n\n{table.BEGIN}\n\nnew\n\n{table.END}\n\nafter\n"


def test_a_page_without_marks_gets_the_table_at_its_end(table: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n")
    table.write(page, "new")
    assert page.read_text() == f"before\n\n{table.BEGIN}\n\nnew\n\n{table.END}\n"


def test_a_ratio_above_one_means_that_lambent_is_better(table: ModuleType) -> None:
    def ratio(ours: float, peers: float, *, more_is_better: bool) -> str:
        cells = {"Lambent": table.Cell("a", ours), "MiniStack": table.Cell("b", peers)}
        row = table.Row("figure", cells, more_is_better=more_is_better)
        return str(_cells(table, row)[4])

    assert ratio(2.0, 5.0, more_is_better=False) == "2.5×"
    assert ratio(5.0, 2.0, more_is_better=True) == "2.5×"
    assert ratio(5.0, 2.5, more_is_better=False) == "0.5×"
    assert ratio(1.0, 150.4, more_is_better=False) == "150×"


@pytest.mark.parametrize(
    ("value", "more_is_better", "told"),
    [(10.0, False, "yes"), (10.1, False, "**no**"), (10.0, True, "yes"), (9.9, True, "**no**"), (None, True, "–")],
)
def test_an_aim_is_met_at_its_very_value(
    table: ModuleType, value: float | None, more_is_better: bool, told: str
) -> None:
    row = table.Row("figure", {"Lambent": table.Cell("text", value)}, aim=10, more_is_better=more_is_better)
    assert _cells(table, row)[6] == told


def test_a_server_that_failed_has_its_reason_in_its_cell_and_no_ratio(table: ModuleType) -> None:
    turns = importlib.import_module("turns")
    machine = importlib.import_module("machine")
    sample = turns.Sample(1.5, machine.Noise(2.0, 1.0, 0.7))
    taken = {"Lambent": turns.Taken([sample]), "MiniStack": turns.Taken([], "it | broke\nhere")}
    row = table.Row("figure", table.cells(taken, table.middle(str)))
    assert _cells(table, row)[2:] == ["1.5", "failed: it \\| broke here", "–", "–", "–", "0.5 / –", "0.7"]


@pytest.mark.parametrize(("part", "value"), [(0.5, 5), (0.9, 9), (0.99, 10), (1.0, 10)])
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(
    table: ModuleType, part: float, value: int
) -> None:
    assert table.percentile([3, 1, 2, 10, 9, 8, 7, 6, 5, 4], part) == value


def _cells(table: ModuleType, row: object) -> list[str]:
    line = table.markdown([row], ("Lambent", "MiniStack"), ("Lambent", "MiniStack")).splitlines()[-1]
    return line.removeprefix("| ").removesuffix(" |").split(" | ")
