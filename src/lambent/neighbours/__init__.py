"""The AWS services around Lambda, a folder each. `operations.py` (or a folder of that name) means: it has an AWS API;
`background.py`: something runs there as long as the server does; `trigger.py`: it calls functions.

This file only looks for the folders, so that there is no list to edit and a release may leave some out.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType


def services() -> Iterator[tuple[str, list[type]]]:
    """(folder, operations classes) of every neighbour with an AWS API; each class is built with Ports alone."""
    for folder in pkgutil.iter_modules(__path__):
        package = importlib.import_module(f"{__name__}.{folder.name}")
        if folder.ispkg and any(found.name == "operations" for found in pkgutil.iter_modules(package.__path__)):
            operations = importlib.import_module(f"{package.__name__}.operations")
            yield folder.name, [kind for module in _modules(operations) for kind in _classes(module)]


def background() -> Iterator[tuple[str, type]]:
    """(folder, class) of what neighbours do on their own: each class is built with Ports alone, and its `run()` goes on
    until it is cancelled."""
    return _public("background")


def triggers() -> Iterator[tuple[str, type]]:
    """(folder, class) of those whose sources event source mappings poll: a PollerTrigger, built with Ports alone."""
    return ((folder, kind) for folder, kind in _public("trigger") if hasattr(kind, "poller"))


def _public(file: str) -> Iterator[tuple[str, type]]:
    """(folder, class) of the public classes in every neighbour's file of that name."""
    for folder in pkgutil.iter_modules(__path__):
        package = importlib.import_module(f"{__name__}.{folder.name}")
        if folder.ispkg and any(found.name == file for found in pkgutil.iter_modules(package.__path__)):
            module = importlib.import_module(f"{package.__name__}.{file}")
            for name, kind in inspect.getmembers(module, inspect.isclass):
                if kind.__module__ == module.__name__ and not name.startswith("_"):
                    yield folder.name, kind


def _modules(operations: ModuleType) -> Iterator[ModuleType]:
    yield operations
    for found in pkgutil.iter_modules(getattr(operations, "__path__", ())):
        yield importlib.import_module(f"{operations.__name__}.{found.name}")


def _classes(module: ModuleType) -> Iterator[type]:
    for name, kind in inspect.getmembers(module, inspect.isclass):
        if kind.__module__ == module.__name__ and not name.startswith("_") and _is_operations(kind):
            yield kind


def _is_operations(kind: type) -> bool:
    """Whether its public coroutines take a call and a request."""
    return any(
        not name.startswith("_") and list(inspect.signature(method).parameters) == ["self", "call", "request"]
        for name, method in inspect.getmembers(kind, inspect.iscoroutinefunction)
    )
