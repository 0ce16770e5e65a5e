"""Waiting for an event, but not for ever."""

from __future__ import annotations

import asyncio

from lambent.kit.waiting import comes


async def test_an_event_that_comes_ends_the_wait() -> None:
    event = asyncio.Event()
    waiting = asyncio.ensure_future(comes(event, within_s=None))
    await asyncio.sleep(0)
    assert not waiting.done()
    event.set()
    assert await waiting


async def test_one_that_does_not_come_is_not_waited_for_any_longer() -> None:
    assert not await comes(asyncio.Event(), within_s=0.01)
    assert not await comes(asyncio.Event(), within_s=0.0)


async def test_whoever_waits_can_be_cancelled() -> None:
    waiting = asyncio.ensure_future(comes(asyncio.Event(), within_s=None))
    await asyncio.sleep(0)
    waiting.cancel()
    outcomes = await asyncio.gather(waiting, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
