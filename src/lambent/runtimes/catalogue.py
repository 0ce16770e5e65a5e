"""Which runtimes there are: AWS's names on one side, the languages found here and on this host on the other."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import lambent.runtimes
from lambent.runtimes.base import Family, Interpreter, Runtime
from lambent.runtimes.sdk import Sdk
from lambent.values import frozen

_ACCEPTED = """
    nodejs20.x provided.al2023 python3.12 python3.13 python3.14 nodejs22.x nodejs24.x java17 java25 nodejs16.x dotnet8
    dotnet10 python3.10 java11 python3.11 dotnet6 java21 nodejs18.x provided.al2 ruby3.3 ruby3.4 java8.al2 ruby3.2
    python3.8 python3.9
"""
_DEPRECATED = """
    nodejs nodejs4.3 nodejs4.3-edge nodejs6.10 nodejs8.10 nodejs10.x nodejs12.x nodejs14.x python2.7 python3.6 python3.7
    java8 go1.x ruby2.5 ruby2.7 dotnetcore1.0 dotnetcore2.0 dotnetcore2.1 dotnetcore3.1 dotnet5.0 dotnet7 provided
"""
ACCEPTED = tuple(_ACCEPTED.split())
"""Names that AWS takes for new functions. Those of versions that AWS does not have yet are taken, too, where such a
version is here."""
DEPRECATED = frozenset(_DEPRECATED.split())
"""Names that AWS took once."""


class RuntimeMissing(Exception):
    """Nothing on this host can run functions of that runtime; the text says what would."""


class RuntimeRefused(Exception):
    """AWS takes no new functions of that name; the text is AWS's."""


class Catalogue:
    """The runtimes that functions may name, and those of them that this host can run."""

    def __init__(
        self,
        runtimes: Mapping[str, Runtime],
        *,
        interpreters: Mapping[str, Interpreter] | None = None,
        strict: bool = False,
    ) -> None:
        self._runtimes = {name: r for name, r in runtimes.items() if r.exact or not strict}
        self._interpreters = interpreters or {}
        self._strict = strict

    def find(self, name: str) -> Runtime | None:
        """What runs functions of runtime `name` here; None when nothing does."""
        return self._runtimes.get(name)

    def get(self, name: str) -> Runtime:
        """What runs functions of runtime `name` here. Raises RuntimeMissing."""
        runtime = self._runtimes.get(name)
        if runtime is None:
            strictly = "its exact version" if self._strict else "anything"
            raise RuntimeMissing(f"This host does not have {strictly} to run {name} functions with.")
        return runtime

    def interpreter(self, name: str) -> Interpreter | None:
        """The program of this host that runtime `name` is; None when functions bring theirs, or when it is missing."""
        return self._interpreters.get(name) if name in self._runtimes else None

    def all(self) -> Sequence[Runtime]:
        """Every runtime that can be had here."""
        return tuple(self._runtimes.values())

    def missing(self) -> Sequence[str]:
        """Names that functions may have but that nothing here can run."""
        return tuple(name for name in ACCEPTED if name not in self._runtimes)

    def accepted_for_create(self, name: str) -> str | None:
        """AWS's text of why no function may have that runtime; None when one may."""
        if name in ACCEPTED or ((runtime := self._runtimes.get(name)) is not None and runtime.exact):
            return None
        if name in DEPRECATED:
            return (
                f"The runtime parameter of {name} is no longer supported for creating or updating AWS Lambda "
                "functions. We recommend you use a supported runtime while creating or updating functions."
            )
        values = ", ".join(ACCEPTED)
        return (
            f"Value {name} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
            f"[{values}] or be a valid ARN"
        )

    def check(self, name: str) -> None:
        """Raises RuntimeRefused when no function may have that runtime."""
        if (text := self.accepted_for_create(name)) is not None:
            raise RuntimeRefused(text)


def open_catalogue(state: Path, *, sdk: Sdk, strict: bool = False, facts: Path | None = None) -> Catalogue:
    """Look at this host. What was found out about a program is kept in the folder `facts` (default: in `state`), so
    that it is run only when it has changed. With `strict`, no runtime stands in for another version."""
    empty = state / "empty"
    empty.mkdir(parents=True, exist_ok=True)
    known = _Known((facts or state) / "interpreters.json")
    runtimes: dict[str, Runtime] = {}
    interpreters: dict[str, Interpreter] = {}
    for family in families():
        found = _newest(known.ask(family))
        for name in family.wanted:
            interpreter = nearest(family.wanted[name], found)
            if interpreter is not None or not family.wanted[name]:
                place = None if interpreter is None else sdk.place(interpreter)
                runtimes[name] = family.runtime(name, interpreter, place, empty)
            if interpreter is not None:
                interpreters[name] = interpreter
    known.save()
    return Catalogue(runtimes, interpreters=interpreters, strict=strict)


def families() -> list[Family]:
    """The languages: the folders beside this file that have a `runtime.py`."""
    found: list[Family] = []
    for folder in pkgutil.iter_modules(lambent.runtimes.__path__):
        place = Path(lambent.runtimes.__path__[0]) / folder.name / "runtime.py"
        if folder.ispkg and place.is_file():
            module: ModuleType = importlib.import_module(f"lambent.runtimes.{folder.name}.runtime")
            found.append(module.FAMILY)
    return found


def nearest(wanted: tuple[int, ...], found: Sequence[Interpreter]) -> Interpreter | None:
    """The interpreter of the version that is wanted, else the nearest one, the newer of two equally near. Pure."""
    size = len(wanted)

    def distance(interpreter: Interpreter) -> tuple[list[int], list[int]]:
        there = interpreter.numbers[:size]
        return [abs(a - b) for a, b in zip(there, wanted, strict=True)], [-n for n in interpreter.numbers]

    return min(found, key=distance, default=None)


def _newest(found: Sequence[Interpreter]) -> list[Interpreter]:
    """One interpreter of each minor version: the newest, the first that was found of equal ones."""
    best: dict[tuple[int, ...], Interpreter] = {}
    for interpreter in found:
        before = best.get(interpreter.numbers[:2])
        if before is None or interpreter.numbers > before.numbers:
            best[interpreter.numbers[:2]] = interpreter
    return list(best.values())


@frozen
class _Stamp:
    """What tells that a file has changed."""

    mtime_ns: int
    size: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> _Stamp:
        status = path.stat()
        return cls(status.st_mtime_ns, status.st_size, status.st_ino)


_FORMAT = 1
"""Rises whenever a family asks its programs something else, so that they are all asked again."""


class _Known:
    """What programs have said about themselves, kept on disk by path and stamp; a damaged file counts as empty."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._before = _read(file)
        self._now: dict[str, dict[str, object]] = {}

    def ask(self, family: Family) -> list[Interpreter]:
        """The interpreters among a family's candidates; those not known yet are run."""
        found: list[Interpreter] = []
        for path in family.candidates():
            key, stamp = f"{family.name}:{path}", asdict(_Stamp.of(path))
            entry = self._before.get(key)
            if entry is None or entry.get("stamp") != stamp:
                probed = family.probe(path)
                entry = {"stamp": stamp, "told": None if probed is None else _told(probed)}
            self._now[key] = entry
            if (told := entry["told"]) is not None:
                found.append(_interpreter(told))
        return found

    def save(self) -> None:
        """Write what is known now, if it is not what was known before."""
        if self._now == self._before:
            return
        new = self._file.with_suffix(f".new-{os.getpid()}")
        with contextlib.suppress(OSError):  # only a cache: without one the programs are asked each time
            self._file.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(json.dumps({"format": _FORMAT, "programs": self._now}, indent=1))
            os.replace(new, self._file)


def _read(file: Path) -> dict[str, dict[str, object]]:
    try:
        memory = json.loads(file.read_text())
        if memory["format"] != _FORMAT:
            return {}
        known = memory["programs"]
        for entry in known.values():
            if entry["told"] is not None:
                _interpreter(entry["told"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    checked: dict[str, dict[str, object]] = known
    return checked


def _told(interpreter: Interpreter) -> dict[str, object]:
    return {
        "family": interpreter.family,
        "executable": str(interpreter.executable),
        "version": interpreter.version,
        "prefix": str(interpreter.prefix),
        "details": {key: list(values) for key, values in interpreter.details.items()},
    }


def _interpreter(told: object) -> Interpreter:
    assert isinstance(told, dict)
    interpreter = Interpreter(
        family=told["family"],
        executable=Path(told["executable"]),
        version=told["version"],
        prefix=Path(told["prefix"]),
        details={key: tuple(values) for key, values in told["details"].items()},
    )
    assert interpreter.numbers
    return interpreter
