"""The AWS services around Lambda, a folder each. `operations.py` (or a folder of that name) means: it has an AWS API;
`background.py`: something runs there as long as the server does; `trigger.py`: it calls functions.

This file only looks for the folders, so that there is no list to edit and a release may leave some out. It imports
nothing of them before it is asked: what a server does not use, it does not load.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from lambent.values import frozen
from lambent.wire.service import is_operation


@frozen
class Neighbour:
    """A folder here. Every method that imports blocks for some milliseconds, once."""

    name: str
    files: frozenset[str]
    """Its modules and packages."""

    def operations(self) -> list[type]:
        """The operations classes; each is built with Ports alone."""
        module = self._module("operations")
        return [] if module is None else [kind for each in _with_parts(module) for kind in _operations_classes(each)]

    def background(self) -> list[type]:
        """What it does on its own: each class is built with Ports alone, and its `run()` goes on until it is
        cancelled."""
        module = self._module("background")
        return [] if module is None else list(_classes(module))

    def trigger(self) -> type | None:
        """The PollerTrigger, built with Ports alone, by which event source mappings poll its sources."""
        module = self._module("trigger")
        return None if module is None else next(kind for kind in _classes(module) if hasattr(kind, "poller"))

    def _module(self, file: str) -> ModuleType | None:
        return importlib.import_module(f"{__name__}.{self.name}.{file}") if file in self.files else None


def found() -> tuple[Neighbour, ...]:
    """All that there are."""
    folders = (folder for folder in sorted(Path(__file__).parent.iterdir()) if (folder / "__init__.py").is_file())
    return tuple(Neighbour(folder.name, frozenset(file.stem for file in folder.iterdir())) for folder in folders)


def _with_parts(module: ModuleType) -> Iterator[ModuleType]:
    yield module
    for part in pkgutil.iter_modules(getattr(module, "__path__", ())):
        yield importlib.import_module(f"{module.__name__}.{part.name}")


def _classes(module: ModuleType) -> Iterator[type]:
    for name, kind in vars(module).items():
        if inspect.isclass(kind) and kind.__module__ == module.__name__ and not name.startswith("_"):
            yield kind


def _operations_classes(module: ModuleType) -> Iterator[type]:
    for kind in _classes(module):
        if any(is_operation(member) for name, member in vars(kind).items() if not name.startswith("_")):
            yield kind
