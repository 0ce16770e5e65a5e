"""What functions have used, as `GET /_lambent/stats` answers: AWS has no operation for this."""

from __future__ import annotations

from typing import Any

from lambent.control.naming import function_ref
from lambent.core.arn import LATEST
from lambent.core.billing import by_day, by_version, last_days
from lambent.delivery.counters import METRICS, Counters
from lambent.delivery.event import queue_of
from lambent.invoke.billing import KEPT_DAYS, Billing
from lambent.kit.clock import Clock
from lambent.store.base import Queues
from lambent.wire.call import Call
from lambent.wire.errors import ValidationError

PATH = "/_lambent/stats"
DAYS = 7
"""How many, when the request does not say."""


class Stats:
    """Reads the bills."""

    def __init__(self, billing: Billing, queues: Queues, counters: Counters, clock: Clock) -> None:
        self._billing = billing
        self._queues = queues
        self._counters = counters
        self._clock = clock

    async def get(self, call: Call, name: str, days: str) -> dict[str, Any]:
        """Totals of the last `days` days (today is one of them): by function and version, and by day; of all functions
        of the caller's account and region, or of the one that `name` names. And what became of asynchronous events
        since the server started. Raises the ApiError."""
        wanted = last_days(self._clock.now(), _number(days))
        ref = function_ref(call, name) if name else None
        if ref is not None and ref.qualifier not in (None, LATEST) and not ref.qualifier.isdigit():
            raise ValidationError("What was used is counted by version: name one by its number, or $LATEST.")
        lines = await self._billing.lines(call.account, call.region, wanted, "" if ref is None else ref.name)
        if ref is not None and ref.qualifier is not None:
            lines = [line for line in lines if line.version == ref.qualifier]
        functions = [
            {"function": function, "version": version, **totals.shown()}
            for (function, version), totals in by_version(lines).items()
        ]
        return {
            "functions": functions,
            "days": [{"day": day, **totals.shown()} for day, totals in by_day(lines, wanted).items()],
            "events": await self._events(call, "" if ref is None else ref.name),
        }

    async def _events(self, call: Call, name: str) -> list[dict[str, Any]]:
        """By function, all its versions together: events that wait, those under way, and the counts of AWS's
        metrics."""
        counted = self._counters.of(call.account, call.region)
        prefix = queue_of(call.account, call.region, "")
        waiting = {queue.removeprefix(prefix) for queue in await self._queues.names(prefix)}
        shown: list[dict[str, Any]] = []
        for function in sorted(waiting | counted.keys()):
            if name in ("", function):
                counts = await self._queues.counts(queue_of(call.account, call.region, function))
                now = {"function": function, "waiting": counts.visible + counts.delayed, "running": counts.leased}
                metrics = counted.get(function, {})
                shown.append(now | {metric: metrics.get(metric, 0) for metric in METRICS})
        return shown


def _number(days: str) -> int:
    if not days:
        return DAYS
    if not (days.isascii() and days.isdigit() and 1 <= int(days) <= KEPT_DAYS):
        raise ValidationError(f"days must be a number from 1 to {KEPT_DAYS}.")
    return int(days)
