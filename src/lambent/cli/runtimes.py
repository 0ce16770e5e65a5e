"""`lambent runtimes`: what functions run on here, and Node.js versions that the host does not have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import click

from lambent.cli.failure import Failure
from lambent.cli.options import data_directory, data_option
from lambent.config import cache_directory
from lambent.runtimes.catalogue import Catalogue, open_catalogue
from lambent.runtimes.nodejs.added import NAMES, Added, AddingFailed, Addition
from lambent.runtimes.sdk import Sdk

_name = click.argument("name", type=click.Choice(NAMES), metavar="nodejsN.x")


@click.group()
def runtimes() -> None:
    """List what functions run on; add and remove Node.js versions that the host does not have."""


@runtimes.command(name="list")
@data_option
def show(data: Path | None) -> None:
    """Say what every runtime of AWS runs on here, and what was added."""
    directory = data_directory(data)
    added = Added()
    try:
        catalogue = open_catalogue(directory / "runtimes", sdk=Sdk(), facts=cache_directory())
    except OSError as error:
        raise Failure(f"cannot use the data directory {directory}: {error.strerror}") from None
    for line in table(catalogue, added.root):
        click.echo(line)
    if additions := added.all():
        click.echo("\nadded:")
        for line in _aligned([_told(addition) for addition in additions]):
            click.echo(line)


@runtimes.command()
@_name
def add(name: str) -> None:
    """Fetch the newest Node.js for nodejsN.x from the npm registry, or bring the one that was added up to date.

    It is for Lambent alone, and for the user who adds it. A running server takes it at its next start.
    """
    click.echo(f"fetching Node.js for {name} …", err=True)
    try:
        addition = Added().add(name)
    except AddingFailed as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise Failure(f"cannot write to {error.filename or Added().root}: {error.strerror}") from None
    click.echo(f"Node.js {addition.version} is in {addition.folder}")


@runtimes.command()
@_name
def remove(name: str) -> None:
    """Delete the Node.js that was added for nodejsN.x.

    A running server cannot start functions on it any more until it is started again.
    """
    try:
        Added().remove(name)
    except AddingFailed as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise Failure(f"cannot remove {error.filename or name}: {error.strerror}") from None
    click.echo(f"removed what was added for {name}")


def table(catalogue: Catalogue, added: Path) -> list[str]:
    """A line for each of AWS's names: exact or nearest version, where its program is, or how to get one."""
    rows = []
    names = [runtime.name for runtime in catalogue.all()]
    for name in sorted({*names, *catalogue.missing()}, key=by_number):
        runtime, interpreter = catalogue.find(name), catalogue.interpreter(name)
        kind = "none" if runtime is None else "exact" if runtime.exact else "nearest"
        place = "" if interpreter is None else str(interpreter.executable)
        if interpreter is not None and interpreter.executable.is_relative_to(added.resolve()):
            place += "  (added)"
        if kind != "exact" and name in NAMES:
            place = f"{place}  (get it with: lambent runtimes add {name})".strip()
        rows.append((name, kind, "" if runtime is None else runtime.version, place))
    return _aligned(rows)


def by_number(name: str) -> tuple[str, list[int]]:
    """What names of runtimes are sorted by: language, then version, python3.9 before python3.10."""
    language = re.match(r"[a-z]*", name)
    return language[0] if language else "", [int(number) for number in re.findall(r"\d+", name)]


def _told(addition: Addition) -> tuple[str, str, str]:
    return addition.name, addition.version or "does not run on this host", str(addition.folder)


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """The rows as lines, in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
