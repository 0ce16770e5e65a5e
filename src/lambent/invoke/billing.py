"""Adds up what invocations use, in memory, and writes it in batches: by day, function and version.

An invocation pays a few additions. What has been added up and not written is lost with a server that is killed: that of
the last moment, as with logs.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import orjson

from lambent.core.billing import Line, Totals, day_of
from lambent.core.function import Version
from lambent.kit.clock import Clock
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.store.base import Delete, Put, Records, StoreUnavailable

ROOT = "billing/"
BATCH_S = 1.0
KEPT_DAYS = 400
"""Older days are forgotten."""
_AT_ONCE = 200
"""Records in one write."""


class Payer(NamedTuple):
    """Whose bill it is."""

    account: str
    region: str
    name: str
    version: str


class Bill:
    """What a version has used since the last batch. The environments of a plan share one."""

    __slots__ = ("_memory_mb", "_owner", "_waits", "billed_ms", "errors", "held_ms", "init_ms", "invocations", "payer")

    def __init__(self, payer: Payer, memory_mb: int, owner: Billing) -> None:
        self.payer = payer
        self._memory_mb = memory_mb
        self._owner = owner
        self._waits = False
        """Whether it will be in the next batch."""
        self._clear()

    def add(self, billed_ms: int, init_ms: float | None, *, failed: bool) -> None:
        """One invocation has ended; `init_ms` only if a cold start came before it."""
        self.invocations += 1
        self.billed_ms += billed_ms
        if init_ms is not None:
            self.init_ms += math.ceil(init_ms)
        if failed:
            self.errors += 1
        if not self._waits:
            self._wait()

    def add_provisioned(self, held_ms: int, init_ms: float = 0.0) -> None:
        """A provisioned environment was kept for so long, or was initialised."""
        self.held_ms += held_ms
        self.init_ms += math.ceil(init_ms)
        if not self._waits:
            self._wait()

    def taken(self) -> Totals:
        """What it has come to; it begins anew."""
        totals = Totals(
            invocations=self.invocations,
            errors=self.errors,
            billed_ms=self.billed_ms,
            init_ms=self.init_ms,
            memory_mb_ms=self.billed_ms * self._memory_mb,
            provisioned_mb_ms=self.held_ms * self._memory_mb,
        )
        self._waits = False
        self._clear()
        return totals

    def _wait(self) -> None:
        self._waits = True
        self._owner.begun(self)

    def _clear(self) -> None:
        self.invocations = self.errors = self.billed_ms = self.init_ms = self.held_ms = 0


class Billing:
    """Writes bills to the store, and reads them."""

    def __init__(self, records: Records, tasks: Tasks, clock: Clock, log: Log) -> None:
        self._records = records
        self._tasks = tasks
        self._clock = clock
        self._log = log
        self._begun: list[Bill] = []
        self._unwritten: dict[Payer, Totals] = {}
        self._today = ""
        self._written: dict[Payer, Totals] = {}
        """What the store has for today."""
        self._timer: asyncio.TimerHandle | None = None
        self._writing = asyncio.Lock()

    def open(self, version: Version) -> Bill:
        """A bill for environments of `version`."""
        payer = Payer(version.account, version.region, version.name, version.version)
        return Bill(payer, version.memory_mb, self)

    def begun(self, bill: Bill) -> None:
        """It has something to write."""
        self._begun.append(bill)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(BATCH_S, self._due)

    async def flush(self) -> None:
        """Write everything that was added before. Raises StoreUnavailable; nothing is lost then."""
        async with self._writing:
            self._collect()
            today = day_of(self._clock.now())
            if today != self._today:
                self._today, self._written = today, {}
                await self._forget_old()
            while self._unwritten:
                await self._write([*self._unwritten][:_AT_ONCE])

    async def lines(self, account: str, region: str, days: Sequence[str], name: str = "") -> list[Line]:
        """What was used on `days`, by all functions or the one called `name`; what has just ended included."""
        await self.flush()
        found: list[Line] = []
        for day in days:
            prefix = after = f"{ROOT}{day}/{account}/{region}/" + (f"{name}/" if name else "")
            while page := await self._records.list(prefix, after=after):
                for record in page:
                    function, version = record.key.split("/")[-2:]
                    found.append(Line(day, function, version, Totals(**orjson.loads(record.value))))
                after = page[-1].key
        return found

    async def close(self) -> None:
        """Write what is left."""
        if self._timer is not None:
            self._timer.cancel()
        try:
            await self.flush()
        except StoreUnavailable as error:
            self._log.error("bills_lost", reason=error, functions=len(self._unwritten))

    def _due(self) -> None:
        self._timer = None
        self._tasks.start("bills", self._write_batch())

    async def _write_batch(self) -> None:
        try:
            await self.flush()
        except StoreUnavailable as error:
            self._log.warning("bills_not_written", reason=error, retry_s=BATCH_S)
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(BATCH_S, self._due)

    def _collect(self) -> None:
        bills, self._begun = self._begun, []
        for bill in bills:
            self._unwritten[bill.payer] = self._unwritten.get(bill.payer, Totals()) + bill.taken()

    async def _write(self, payers: Sequence[Payer]) -> None:
        """One batch: what the store has, and what has come to it."""
        sums: dict[Payer, Totals] = {}
        for payer in payers:
            if payer not in self._written:
                record = await self._records.get(self._key(payer))
                self._written[payer] = Totals() if record is None else Totals(**orjson.loads(record.value))
            sums[payer] = self._written[payer] + self._unwritten[payer]
        await self._records.write(*(Put(self._key(payer), _encoded(totals)) for payer, totals in sums.items()))
        self._written |= sums
        for payer in payers:
            del self._unwritten[payer]

    async def _forget_old(self) -> None:
        """Delete the days before the kept ones."""
        first = ROOT + day_of((datetime.fromtimestamp(self._clock.now(), UTC) - timedelta(days=KEPT_DAYS)).timestamp())
        while old := [record.key for record in await self._records.list(ROOT, limit=_AT_ONCE) if record.key < first]:
            await self._records.write(*(Delete(key) for key in old))

    def _key(self, payer: Payer) -> str:
        return f"{ROOT}{self._today}/{'/'.join(payer)}"


def _encoded(totals: Totals) -> bytes:
    return orjson.dumps({name: getattr(totals, name) for name in Totals.__dataclass_fields__})
