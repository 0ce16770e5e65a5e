"""Models of our own services, as `make gen` writes them into models/: without what is for people to read, and with
Lambent's overrides laid over them.

The first line of a file is what must be known of a service to tell which requests are for it; the rest is read when
one of its operations is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from lambent.wire.overlay import Traits

FOLDER = Path(__file__).parent / "models"
_PROSE = frozenset({"documentation", "documentationUrl", "deprecated", "deprecatedMessage", "deprecatedSince"})
_HEAD = ("metadata", "unsigned")
_REST = ("overrides", "operations", "shapes")


def kept(name: str) -> Kept | None:
    """The model of a service of ours; None when it is none."""
    try:
        with (FOLDER / f"{name}.jsonl").open("rb") as file:
            return Kept(Path(file.name), orjson.loads(file.readline()))
    except FileNotFoundError:
        return None


class Kept(Mapping[str, Any]):
    """A model of which only the head has been read."""

    def __init__(self, file: Path, head: Traits) -> None:
        self._file = file
        self._head = head

    @cached_property
    def _rest(self) -> Traits:
        rest: Traits = orjson.loads(self._file.read_bytes().partition(b"\n")[2])
        return rest

    def __getitem__(self, key: str) -> Any:
        return self._head[key] if key in _HEAD else self._rest[key]

    def __iter__(self) -> Iterator[str]:
        return iter((*_HEAD, *_REST))

    def __len__(self) -> int:
        return len(_HEAD) + len(_REST)


def text_of(model: Traits) -> str:
    """What is kept of a model: its head in a line, and then a line for each operation and shape."""
    unsigned = [name for name, operation in model["operations"].items() if operation.get("authtype") == "none"]
    head = {"metadata": model["metadata"], "unsigned": unsigned}
    rest = [f'"overrides":{_json(model["overrides"])}']
    for part in ("operations", "shapes"):
        lines = (f'"{name}":{_json(_plain(traits))}' for name, traits in model[part].items())
        rest.append(f'"{part}":{{\n' + ",\n".join(lines) + "\n}")
    return f"{_json(head)}\n{{" + ",\n".join(rest) + "}\n"


def _plain(traits: Traits) -> dict[str, Any]:
    """A shape's or an operation's traits, or a reference's, without prose; the names of members are not traits."""
    found: dict[str, Any] = {}
    for name, value in traits.items():
        if name in _PROSE:
            continue
        if name == "members":
            found[name] = {member: _plain(reference) for member, reference in value.items()}
        elif name == "errors":
            found[name] = [_plain(reference) for reference in value]
        else:
            found[name] = _plain(value) if isinstance(value, Mapping) else value
    return found


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
