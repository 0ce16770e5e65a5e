"""Waiting for an event, but not for ever."""

from __future__ import annotations

import asyncio


async def comes(event: asyncio.Event, *, within_s: float | None) -> bool:
    """Wait until the event is set, for so long at most, or with None for however long it takes; whether it is."""
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        return False
    return True
