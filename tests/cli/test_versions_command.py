"""`lambent versions`: what the tree shows."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner
from rich.console import Console

from lambent.cli import versions as command
from lambent.cli.access import Access
from lambent.cli.main import lambent
from lambent.cli.versions import SHOWN, drawn


def version(number: str, code: str = "q3XbLx2B", **members: str) -> dict[str, str]:
    return {
        "FunctionName": "thumbs",
        "Version": number,
        "LastModified": "2026-11-25T13:12:00.000+0000",
        "CodeSha256": f"{code}aaaa=",
        "Description": "",
        **members,
    }


def alias(name: str, target: str, description: str = "", **weights: float) -> dict[str, Any]:
    """Weights by `v<number>`."""
    answer: dict[str, Any] = {"Name": name, "FunctionVersion": target, "Description": description}
    if weights:
        answer["RoutingConfig"] = {"AdditionalVersionWeights": {key[1:]: share for key, share in weights.items()}}
    return answer


def lines(versions: list[Any], aliases: list[Any], **options: Any) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=120).print(drawn(versions, aliases, **options))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_the_three_states_are_drawn() -> None:
    published = [version("1", "Zy4nA9wE"), version("2", "hT0v8Kc1", Description="second"), version("3")]
    aliases = [alias("Dev", "$LATEST"), alias("Prod", "1", "for all"), alias("Stage", "2")]
    assert lines([version("$LATEST"), *published], aliases) == [
        "thumbs",
        "├── $LATEST   2026-11-25 13:12  q3XbLx2B  the code of version 3",
        "│   └── Dev",
        "├── 3         2026-11-25 13:12  q3XbLx2B",
        "├── 2         2026-11-25 13:12  hT0v8Kc1  second",
        "│   └── Stage",
        "└── 1         2026-11-25 13:12  Zy4nA9wE",
        "    └── Prod  for all",
    ]


def test_weights_and_aliases_of_aliases_are_drawn() -> None:
    aliases = [alias("Prod", "1", v2=0.125), alias("Live", "Prod"), alias("Public", "Live"), alias("Also", "Prod")]
    drawing = lines([version("$LATEST", "new"), version("1"), version("2")], aliases)
    assert drawing[2:] == [
        "├── 2         2026-11-25 13:12  q3XbLx2B",
        "│   └── Prod  12.5 %",
        "│       ├── Live",
        "│       │   └── Public",
        "│       └── Also",
        "└── 1         2026-11-25 13:12  q3XbLx2B",
        "    └── Prod  87.5 %",
        "        ├── Live",
        "        │   └── Public",
        "        └── Also",
    ]


def test_of_many_versions_the_newest_and_those_in_use_are_drawn() -> None:
    many = [version("$LATEST"), *(version(str(number)) for number in range(1, 51))]
    numbers = [line.split()[1] for line in lines(many, [alias("Prod", "7")]) if "2026" in line]
    assert numbers == ["$LATEST", *(str(50 - n) for n in range(SHOWN)), "7"]
    assert "… and 39 more" in lines(many, [alias("Prod", "7")])[-1]
    assert len(lines(many, [], every=True)) == 52


def test_a_description_cannot_steer_the_terminal_or_the_style() -> None:
    (_, line) = lines([version("$LATEST", Description="\x1b[2J [red]x[/red]\n")], [])
    assert line.endswith("?[2J [red]x[/red]?")


class Client:
    """Answers with pages, or an error."""

    def __init__(self, **pages: Any) -> None:
        self.pages = pages

    def get_paginator(self, operation: str) -> Any:
        pages = self.pages[operation]

        class Paginator:
            def paginate(self, **request: Any) -> Iterator[Any]:
                assert request == {"FunctionName": "thumbs"}
                if isinstance(pages, Exception):
                    raise pages
                yield from pages

        return Paginator()


def run(monkeypatch: pytest.MonkeyPatch, client: Client, *arguments: str) -> Any:
    monkeypatch.setattr(command, "connect", lambda access, service: client)
    monkeypatch.setattr(command, "access_for", lambda data: Access("http://h", "r", "k", "s"))
    return CliRunner().invoke(lambent, ["versions", *arguments])


def test_every_page_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(
        list_versions_by_function=[{"Versions": [version("$LATEST")]}, {"Versions": [version("1")]}],
        list_aliases=[{"Aliases": []}, {"Aliases": [alias("Prod", "1")]}],
    )
    done = run(monkeypatch, client, "thumbs")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1].rstrip() == "    └── Prod"


def test_a_function_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = {"Error": {"Code": "ResourceNotFoundException", "Message": "Function not found: x"}}
    done = run(monkeypatch, Client(list_versions_by_function=ClientError(missing, "X")), "thumbs")
    assert (done.exit_code, done.stderr) == (3, "Error: ResourceNotFoundException: Function not found: x\n")
