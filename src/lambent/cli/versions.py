"""`lambent versions`: a function's versions, and which alias leads to which, drawn as a tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from lambent.cli.client import connect, talking_to
from lambent.cli.options import access_for, data_option
from lambent.values import frozen

LATEST = "$LATEST"
SHOWN = 10
"""So many of the newest versions are shown, beside those that aliases lead to."""
PLAIN_WIDTH = 160

Answer = Mapping[str, Any]


@frozen
class Pointer:
    """An alias that points to something, with all or a part of its traffic."""

    name: str
    share: float
    description: str


@click.command()
@click.argument("name")
@click.option("--all", "every", is_flag=True, help=f"Every version, not only the newest {SHOWN} and those in use.")
@data_option
def versions(name: str, every: bool, data: Path | None) -> None:
    """Draw the versions of the function NAME (or ARN) and the aliases that lead to them, with their weights."""
    access = access_for(data)
    with talking_to(access):
        client = connect(access, "lambda")
        found = _pages(client, "list_versions_by_function", "Versions", name)
        aliases = _pages(client, "list_aliases", "Aliases", name)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PLAIN_WIDTH)
    console.print(drawn(found, aliases, every=every))


def drawn(versions: Sequence[Answer], aliases: Sequence[Answer], *, every: bool = False) -> Tree:
    """The tree of what ListVersionsByFunction and ListAliases answered: `$LATEST`, then the newest version first; below
    each the aliases that point to it, and below those the ones that point to them."""
    pointers = pointing(aliases)
    latest, *published = versions
    tree = Tree(Text(plain(latest["FunctionName"]), style="bold"))
    newest = published[::-1]
    left_out = 0
    for number, version in enumerate([latest, *newest]):
        if number > SHOWN and not every and version["Version"] not in pointers:
            left_out += 1
            continue
        _hang(tree.add(_line(version, newest)), pointers, version["Version"])
    if left_out:
        tree.add(Text(f"… and {left_out} more that no alias points to: --all", style="dim"))
    return tree


def pointing(aliases: Sequence[Answer]) -> dict[str, list[Pointer]]:
    """The aliases by what they point to: a version, or another alias."""
    found: dict[str, list[Pointer]] = {}
    for alias in aliases:
        weights: Mapping[str, float] = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        rest = 1.0 - sum(weights.values())
        for target, share in ((alias["FunctionVersion"], rest), *weights.items()):
            found.setdefault(target, []).append(Pointer(alias["Name"], share, alias["Description"]))
    return found


def plain(text: str) -> str:
    """Whatever somebody wrote into a description, without what would steer the terminal."""
    return "".join(each if each.isprintable() else "?" for each in text)


def _pages(client: Any, operation: str, member: str, name: str) -> list[Answer]:
    return [each for page in client.get_paginator(operation).paginate(FunctionName=name) for each in page[member]]


def _line(version: Answer, newest: Sequence[Answer]) -> Text:
    line = Text(f"{version['Version']:<8}", style="bold cyan" if version["Version"] == LATEST else "cyan")
    line.append(f"  {version['LastModified'][:16].replace('T', ' ')}", style="default")
    line.append(f"  {version['CodeSha256'][:8]}", style="dim")
    if version["Version"] == LATEST and (same := next(_with_code(version, newest), None)) is not None:
        line.append(f"  the code of version {same['Version']}", style="dim")
    if version["Description"]:
        line.append(f"  {plain(version['Description'])}", style="italic")
    return line


def _with_code(version: Answer, others: Sequence[Answer]) -> Iterator[Answer]:
    return (other for other in others if other["CodeSha256"] == version["CodeSha256"])


def _hang(branch: Tree, pointers: Mapping[str, Sequence[Pointer]], target: str) -> None:
    for pointer in pointers.get(target, ()):
        line = Text(pointer.name, style="bold green")
        if pointer.share < 1.0:
            line.append(f"  {round(pointer.share * 100, 4):g} %", style="yellow")
        if pointer.description:
            line.append(f"  {plain(pointer.description)}", style="italic")
        _hang(branch.add(line), pointers, pointer.name)
