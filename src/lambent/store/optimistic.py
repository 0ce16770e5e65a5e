"""Read, decide, write; and again when somebody else has written in between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from lambent.store.base import RevisionMismatch

P = ParamSpec("P")
T = TypeVar("T")


def optimistic(attempt: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Run `attempt`, whole, until its write is not too late: until it ends without RevisionMismatch.

    What it does besides its write is done anew each time, so it must bear that. Someone's write succeeds in every
    round, so this ends as soon as others let the record be.
    """

    @wraps(attempt)
    async def until_in_time(*args: P.args, **kwargs: P.kwargs) -> T:
        while True:
            try:
                return await attempt(*args, **kwargs)
            except RevisionMismatch:
                continue

    return until_in_time
