"""What the service does on its own: it finishes deletions, lets messages grow too old, goes on with move tasks; and it
lets those go who wait for messages when the server stops."""

from __future__ import annotations

import asyncio

from lambent.neighbours.sqs.moves import MoveTasks
from lambent.neighbours.sqs.names import ROOT
from lambent.neighbours.sqs.receiving import Receiving
from lambent.neighbours.sqs.records import QueueRecords
from lambent.ports import Ports
from lambent.store.base import StoreUnavailable

ROUND_S = 60.0
"""How long a message may stay beyond its retention, if nobody receives."""


class Housekeeping:
    """Goes round all queues again and again."""

    def __init__(self, ports: Ports) -> None:
        self._records = ports.shared(QueueRecords)
        self._moves = ports.shared(MoveTasks)
        self._messages = ports.queues
        self._clock = ports.clock
        self._log = ports.log

    async def run(self) -> None:
        """Until it is cancelled."""
        resumed = False
        while True:
            try:
                await self._records.ready()
                if not resumed:
                    await self._moves.resume()
                    resumed = True
                await self.round()
            except StoreUnavailable as error:
                self._log.warning("sqs_housekeeping_postponed", reason=error)
            await asyncio.sleep(ROUND_S)

    async def round(self) -> None:
        """Once."""
        await self._records.finish_deletions()
        names = frozenset(await self._messages.names(ROOT))
        for queue in self._records.all():
            if queue.ref.messages in names:
                await self._messages.expire(queue.ref.messages, before=self._clock.now() - queue.rules.retention_s)


class Closing:
    """A server that is told to stop does not wait as long as they would."""

    def __init__(self, ports: Ports) -> None:
        self._stopping = ports.stopping
        self._receiving = ports.shared(Receiving)

    async def run(self) -> None:
        """Until the server stops."""
        await self._stopping.wait()
        self._receiving.let_go()
