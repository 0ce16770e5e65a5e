"""The table: rows of cells into Markdown, between two marks of a page whose other text stays."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from client import NotOffered
from machine import Noise, together
from turns import Taken

BEGIN = "<!-- bench:begin (written by `make bench`) -->"
END = "<!-- bench:end -->"
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Cell:
    """One server's figure. `value` is what ratios and aims look at; None when it could not be had."""

    text: str
    value: float | None = None
    noise: Noise | None = None
    failed: bool = False
    """Whether it should have been there."""


MISSING = Cell("–")
"""A server has no such thing, or was not measured."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `aim` is what Lambent promises: at most that much, or at least when more is better."""

    what: str
    cells: Mapping[str, Cell]
    memory_mb: int | None = None
    aim: float | None = None
    more_is_better: bool = False


def cells(taken: Mapping[str, Taken[V]], show: Callable[[Sequence[V]], tuple[str, float | None]]) -> dict[str, Cell]:
    """A cell for each server: `show` makes its text and its value of the values of all rounds; no value is a
    failure."""
    return {name: _cell(each, show) for name, each in taken.items()}


def _cell(taken: Taken[V], show: Callable[[Sequence[V]], tuple[str, float | None]]) -> Cell:
    if isinstance(taken.failure, NotOffered):
        return MISSING
    if taken.failure is not None or not taken.samples:
        return Cell(f"failed: {str(taken.failure or 'no sample')[:120]}", failed=True)
    text, value = show([sample.value for sample in taken.samples])
    return Cell(text, value, together([sample.noise for sample in taken.samples]), failed=value is None)


def middle(show: Callable[[float], str]) -> Callable[[Sequence[float]], tuple[str, float]]:
    """The median of the rounds."""

    def both(values: Sequence[float]) -> tuple[str, float]:
        value = statistics.median(values)
        return show(value), value

    return both


def spread(seconds: Sequence[float]) -> tuple[str, float]:
    """p50 and p90 in ms; the value is p50."""
    half = statistics.median(seconds) * 1000
    return f"{milliseconds(half)} / {milliseconds(percentile(seconds, 0.9) * 1000)}", half


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest value that at least `part` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(1, math.ceil(part * len(ordered))) - 1]


def milliseconds(value: float) -> str:
    """Three digits."""
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def markdown(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """The rows as a Markdown table. `columns`: the names in the rows' cells, Lambent first, then its peers."""
    lines = [
        f"| figure | MB | {' | '.join(columns)} | ratio to the best peer | aim | met | others' cores | load |",
        "|---" * (len(columns) + 7) + "|",
    ]
    for row in rows:
        ours, *peers = (row.cells.get(name, MISSING) for name in columns)
        told = (
            row.what,
            str(row.memory_mb or "–"),
            *(cell.text for cell in (ours, *peers)),
            _ratio(row, ours, dict(zip(columns[1:], peers, strict=True))),
            "–" if row.aim is None else f"{'≥' if row.more_is_better else '≤'} {row.aim:,g}",
            _met(row, ours),
            " / ".join(_others(cell) for cell in (ours, *peers)),
            _load(ours, *peers),
        )
        lines.append(f"| {' | '.join(_escaped(each) for each in told)} |")
    return "\n".join(lines)


def _ratio(row: Row, ours: Cell, peers: Mapping[str, Cell]) -> str:
    """How many times better than the best of the peers that have it, and which one that is."""
    values = {name: cell.value for name, cell in peers.items() if cell.value}
    if not ours.value or not values:
        return "–"
    best = (max if row.more_is_better else min)(values, key=lambda name: values[name])
    ratio = ours.value / values[best] if row.more_is_better else values[best] / ours.value
    return f"{f'{ratio:.0f}' if ratio >= 10 else f'{ratio:.2g}'}× {best}"


def _met(row: Row, ours: Cell) -> str:
    if row.aim is None or (ours.value is None and not ours.failed):
        return "–"
    if ours.value is None:
        return "**no**"
    return "yes" if (ours.value >= row.aim if row.more_is_better else ours.value <= row.aim) else "**no**"


def _others(cell: Cell) -> str:
    noise = cell.noise
    return "–" if noise is None else f"{max(0.0, noise.others_s / noise.seconds):.1f}"


def _load(*both: Cell) -> str:
    loads = [cell.noise.load for cell in both if cell.noise is not None]
    return f"{max(loads):.1f}" if loads else "–"


def _escaped(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def write(page: Path, text: str) -> None:
    """Put `text` between the marks of `page`, or make a page of it."""
    block = f"{BEGIN}\n\n{text}\n\n{END}"
    old = page.read_text(encoding="utf-8") if page.exists() else f"# Benchmarks\n\n{BEGIN}\n{END}\n"
    before, begin, rest = old.partition(BEGIN)
    _, end, after = rest.partition(END)
    new = before + block + after if begin and end else f"{old.rstrip()}\n\n{block}\n"
    page.write_text(new, encoding="utf-8")
