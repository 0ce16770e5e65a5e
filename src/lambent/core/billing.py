"""What invocations cost, as AWS would bill them: sums, and how they are shown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta

from lambent.values import frozen

MB_MS_PER_GB_S = 1024 * 1000


@frozen
class Totals:
    """Sums over invocations. All of them are whole numbers, so that adding them up loses nothing."""

    invocations: int = 0
    """Whether they succeeded or not; throttled ones are none."""
    errors: int = 0
    """Those of them whose function failed, exited or timed out."""
    billed_ms: int = 0
    """The sum of the Billed Durations that the reports name."""
    init_ms: int = 0
    """Initialisations, each rounded up: those of cold starts are in `billed_ms` too, those ahead of any are not."""
    memory_mb_ms: int = 0
    """Memory times billed time."""
    provisioned_mb_ms: int = 0
    """Memory times the time for which provisioned environments were kept."""

    @property
    def gb_seconds(self) -> float:
        """What `billed_ms` is multiplied with, in gigabytes times seconds."""
        return self.memory_mb_ms / MB_MS_PER_GB_S

    @property
    def provisioned_gb_seconds(self) -> float:
        """The same for provisioned environments, for as long as they were there."""
        return self.provisioned_mb_ms / MB_MS_PER_GB_S

    def __add__(self, other: Totals) -> Totals:
        return Totals(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Totals)))

    def shown(self) -> dict[str, int | float]:
        """As `GET /_lambent/stats` answers."""
        return {
            "invocations": self.invocations,
            "errors": self.errors,
            "billed_ms": self.billed_ms,
            "init_ms": self.init_ms,
            "gb_seconds": round(self.gb_seconds, 6),
            "provisioned_gb_seconds": round(self.provisioned_gb_seconds, 6),
        }


@frozen
class Line:
    """What one version of a function used on one day."""

    day: str
    name: str
    version: str
    totals: Totals


def day_of(epoch_s: float) -> str:
    """`2026-01-31`: the day in UTC."""
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%d}"


def last_days(epoch_s: float, number: int) -> list[str]:
    """The `number` days that end with that of `epoch_s`, oldest first."""
    today = datetime.fromtimestamp(epoch_s, UTC).date()
    return [str(today - timedelta(days=ago)) for ago in reversed(range(number))]


def by_version(lines: Iterable[Line]) -> Mapping[tuple[str, str], Totals]:
    """Totals by function name and version, in that order; versions in the order of their numbers."""
    sums: dict[tuple[str, str], Totals] = {}
    for line in lines:
        sums[line.name, line.version] = sums.get((line.name, line.version), Totals()) + line.totals
    return dict(sorted(sums.items(), key=lambda item: (item[0][0], len(item[0][1]), item[0][1])))


def by_day(lines: Iterable[Line], days: Iterable[str]) -> Mapping[str, Totals]:
    """Totals of each of `days`, those without an invocation too."""
    sums = dict.fromkeys(days, Totals())
    for line in lines:
        sums[line.day] += line.totals
    return sums
