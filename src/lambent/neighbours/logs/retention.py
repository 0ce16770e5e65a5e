"""Deleting the events that are older than their group keeps them."""

from __future__ import annotations

import asyncio

from lambent.kit.clock import Clock
from lambent.kit.log import Log
from lambent.neighbours.logs.records import LogRecords
from lambent.store.base import Journals, Records, StoreUnavailable

EVERY_S = 3600.0
"""Between two rounds. Expired events are not shown in the meantime."""


class Retention:
    """Also finishes the deletions that a crash interrupted."""

    def __init__(self, records: Records, journals: Journals, clock: Clock, log: Log) -> None:
        self._records = LogRecords(records, journals)
        self._journals = journals
        self._clock = clock
        self._log = log

    async def run(self) -> None:
        """A round now and every hour, until cancelled."""
        while True:
            try:
                await self._records.finish_deletions()
                await self.sweep()
            except StoreUnavailable as error:
                self._log.warning("log_retention_postponed", reason=error)
            await asyncio.sleep(EVERY_S)

    async def sweep(self) -> None:
        """Delete what has expired by now, in every group that has a retention policy."""
        now_ms = int(self._clock.now() * 1000)
        async for ref, group in self._records.every_group():
            if group.retention_days is not None:
                await self._journals.delete(ref.journals, before=group.oldest_ms(now_ms))
