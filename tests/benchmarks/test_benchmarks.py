"""The benchmark runs and writes its table. Times are never asserted."""

from __future__ import annotations

import importlib
import shutil
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
    "memory of a warm Python environment",
    "environments created, sustained",
    "invocations at once of a fresh function",
    "most that ran at the same moment",
    "memory for each environment",
    "ListFunctions, first page",
    "functions created",
    *(("first bytes of a streamed response", "streamed response, Node.js") if shutil.which("node") else ()),
)


@pytest.mark.timeout(400)
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
        "6",
    ]
    done = subprocess.run([*argv, "--out", str(page)], capture_output=True, text=True, timeout=380, check=False)
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    rows = [[cell.strip() for cell in line.split(" | ")] for line in text.splitlines() if line.startswith("| ")]
    wide = [row for row in rows if len(row) == 8]
    assert wide[0][2:4] == ["Lambent", "ratio to the best peer"]
    for figure in FIGURES:
        found = [row for row in wide if figure in row[0]]
        assert found, f"no row for {figure}\n{text}"
        assert all(row[2][0].isdigit() and row[3] == "–" for row in found), found
    assert "failed: " not in text, text
    assert "| an Invoke with a wrong signature | refused (403) |" in text
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

    assert ratio(2.0, 5.0, more_is_better=False) == "2.5× MiniStack"
    assert ratio(5.0, 2.0, more_is_better=True) == "2.5× MiniStack"
    assert ratio(5.0, 2.5, more_is_better=False) == "0.5× MiniStack"
    assert ratio(1.0, 150.4, more_is_better=False) == "150× MiniStack"


@pytest.mark.parametrize(("more_is_better", "told"), [(False, "4× quick"), (True, "0.25× slow")])
def test_the_ratio_is_to_the_best_peer_that_has_the_figure(table: ModuleType, more_is_better: bool, told: str) -> None:
    values = {"Lambent": 1.0, "slow": 4.0 if more_is_better else 9.0, "quick": 2.0 if more_is_better else 4.0}
    cells = {name: table.Cell("text", value) for name, value in values.items()} | {"none": table.MISSING}
    row = table.Row("figure", cells, more_is_better=more_is_better)
    assert told in table.markdown([row], ("Lambent", "slow", "none", "quick")).splitlines()[-1]


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
    taken = {"Lambent": turns.Taken([sample]), "MiniStack": turns.Taken([], OSError("it | broke\nhere"))}
    row = table.Row("figure", table.cells(taken, table.middle(str)))
    assert _cells(table, row)[2:] == ["1.5", "failed: it \\| broke here", "–", "–", "–", "0.5 / –", "0.7"]


def test_what_a_server_does_not_offer_is_no_failure_but_a_failure_misses_its_aim(table: ModuleType) -> None:
    turns = importlib.import_module("turns")
    client = importlib.import_module("client")
    taken = {
        "Lambent": turns.Taken([], client.BenchError("refused")),
        "MiniStack": turns.Taken([], client.NotOffered("no such thing")),
    }
    row = table.Row("figure", table.cells(taken, table.middle(str)), aim=4)
    assert _cells(table, row)[2:7] == ["failed: refused", "–", "–", "≤ 4", "**no**"]


def test_a_volley_counts_environments_and_how_many_ran_at_the_same_moment(table: ModuleType) -> None:
    volley = importlib.import_module("volley")
    stays = [
        volley.Stay("a", 100.5, 102.0),
        volley.Stay("b", 101.0, 103.0),
        volley.Stay("a", 102.0, 104.0),
        volley.Stay("c", 102.0, 103.0),
    ]
    seen = volley.Volley(100.0, 4.0, stays, {"500 broken": 2, "no answer": 1})
    assert (seen.environments, seen.at_once, seen.failed) == (3, 3, 3)
    assert seen.created_per_s == 1.5


@pytest.mark.parametrize(("part", "value"), [(0.5, 5), (0.9, 9), (0.99, 10), (1.0, 10)])
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(
    table: ModuleType, part: float, value: int
) -> None:
    assert table.percentile([3, 1, 2, 10, 9, 8, 7, 6, 5, 4], part) == value


def _cells(table: ModuleType, row: object) -> list[str]:
    line = table.markdown([row], ("Lambent", "MiniStack")).splitlines()[-1]
    return line.removeprefix("| ").removesuffix(" |").split(" | ")
