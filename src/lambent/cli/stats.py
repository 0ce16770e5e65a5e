"""`lambent stats`: what functions have used, as AWS would bill it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from lambent.cli.client import ask, talking_to
from lambent.cli.options import access_for, data_option

PATH = "/_lambent/stats"
BAR_WIDTH = 30
PLAIN_WIDTH = 200
"""Columns when the output is no terminal: enough that no row is broken."""
_EIGHTHS = " ▏▎▍▌▋▊▉"

Row = Mapping[str, Any]


@click.command()
@click.argument("name", required=False)
@click.option(
    "--days", type=click.IntRange(1, 400), default=7, show_default=True, help="How many days, today included."
)
@data_option
def stats(name: str | None, days: int, data: Path | None) -> None:
    """Print invocations, billed time and GB-seconds, of all functions or of the one called NAME; and what has become of
    asynchronous events since the server started.

    Days are those of UTC; NAME may end with a version, as in NAME:3.
    """
    access = access_for(data)
    query = {"days": str(days)} | ({"name": name} if name else {})
    with talking_to(access):
        told = ask(access, PATH, query)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PLAIN_WIDTH)
    console.print(sheet(told["functions"], told["days"], told["events"]))


def sheet(functions: Sequence[Row], days: Sequence[Row], events: Sequence[Row]) -> RenderableType:
    """The whole answer."""
    used = Group(_functions(functions), Text(), _days(days)) if functions else Text("Nothing was invoked.")
    return Group(used, Text(), _events(events)) if events else used


def bar(value: float, most: float, width: int = BAR_WIDTH) -> str:
    """A bar as long as `value` is of `most`; something is seen of whatever is not 0."""
    if most <= 0 or value <= 0:
        return ""
    eighths = max(1, round(value / most * width * 8))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _functions(rows: Sequence[Row]) -> Table:
    table = _table("function", "version")
    most = max(_cost(row) for row in rows)
    for row in rows:
        table.add_row(row["function"], row["version"], *_figures(row), bar(_cost(row), most))
    if len(rows) > 1:
        table.add_section()
        table.add_row("all", "", *_figures({name: sum(row[name] for row in rows) for name in _SUMMED}), "")
    return table


def _days(rows: Sequence[Row]) -> Table:
    table = _table("day")
    most = max(_cost(row) for row in rows)
    for row in rows:
        table.add_row(row["day"], *_figures(row), bar(_cost(row), most))
    return table


def _events(rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("asynchronous events", overflow="fold")
    for heading in _EVENTS.values():
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(row["function"], *(f"{row[figure]:,}" for figure in _EVENTS))
    return table


_EVENTS = {
    "waiting": "waiting",
    "running": "running",
    "AsyncEventsReceived": "received",
    "AsyncEventsDropped": "dropped",
    "DeadLetterErrors": "dead letters lost",
    "DestinationDeliveryFailures": "records lost",
    "RecursiveInvocationsDropped": "loops ended",
}
_SUMMED = ("invocations", "errors", "billed_ms", "init_ms", "gb_seconds", "provisioned_gb_seconds")


def _table(*keys: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for key in keys:
        table.add_column(key, overflow="fold")
    for figure in ("invocations", "errors", "billed", "init", "GB-s", "provisioned GB-s"):
        table.add_column(figure, justify="right", no_wrap=True)
    table.add_column("", style="cyan", no_wrap=True)
    return table


def _figures(row: Row) -> list[RenderableType]:
    errors = Text(f"{row['errors']:,}", style="red" if row["errors"] else "dim")
    provisioned = row["provisioned_gb_seconds"]
    return [
        f"{row['invocations']:,}",
        errors,
        seconds(row["billed_ms"]),
        seconds(row["init_ms"]),
        f"{row['gb_seconds']:,.3f}",
        f"{provisioned:,.3f}" if provisioned else "",
    ]


def _cost(row: Row) -> float:
    return float(row["gb_seconds"] + row["provisioned_gb_seconds"])


def seconds(milliseconds: int) -> str:
    """`0.057 s`: exact, so that it can be compared with the reports in the log."""
    return f"{milliseconds / 1000:,.3f} s"
