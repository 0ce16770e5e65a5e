"""Who wants to hear of changes. A watcher that fails takes neither the write nor the other watchers down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, ParamSpec

P = ParamSpec("P")


class Watchers(Generic[P]):
    """Callbacks, each under a prefix of the names it wants to hear of."""

    def __init__(self) -> None:
        self._all: dict[object, tuple[str, Callable[P, None]]] = {}

    def add(self, prefix: str, seen: Callable[P, None]) -> Callable[[], None]:
        """Call `seen` from now on; the result ends that, and may be called twice."""
        token = object()
        self._all[token] = prefix, seen
        return lambda: _forget(self._all, token)

    def tell(self, name: str, *args: P.args, **kwargs: P.kwargs) -> None:
        """Call those who watch `name`, in the order in which they were added."""
        for token, (prefix, seen) in tuple(self._all.items()):
            if token not in self._all or not name.startswith(prefix):
                continue
            try:
                seen(*args, **kwargs)
            except Exception as error:
                # The change is committed: its writer must not hear of a fault in somebody's callback.
                _report(name, error)


def _forget(watchers: dict[object, tuple[str, Callable[P, None]]], token: object) -> None:
    watchers.pop(token, None)


def _report(name: str, error: Exception) -> None:
    asyncio.get_running_loop().call_exception_handler({"message": f"a watcher of {name!r} failed", "exception": error})
