"""Changes that read, decide and write are made whole, whoever comes in between."""

from __future__ import annotations

import pytest

from lambent.store.base import RevisionMismatch
from lambent.store.optimistic import optimistic


async def test_what_came_too_late_is_decided_again_on_what_is_there_now():
    seen: list[int] = []

    @optimistic
    async def count(limit: int) -> int:
        seen.append(len(seen))
        if len(seen) < limit:
            raise RevisionMismatch("key", 1, 2)
        return limit

    assert await count(3) == 3
    assert seen == [0, 1, 2]


async def test_any_other_refusal_is_the_callers():
    @optimistic
    async def refuse() -> None:
        raise LookupError("no such function")

    with pytest.raises(LookupError, match="no such function"):
        await refuse()
