"""Recursive loops: how often one triggering event has invoked each function, counted in the trace header. Pure.

`Lineage=<runs in all>:<function>:<runs before this>|<function>:<runs before>…`: who invokes because of an event hands
on its trace header, as AWS's SDKs do, so the count comes back with it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from zlib import crc32

from lambent.core.arn import FunctionRef, function_arn

MOST_RUNS = 16
"""Of one function by one triggering event; AWS ends a loop after about so many."""
_KEPT = 32
"""Functions that a header remembers."""
_MOST_TEXT = 1024
"""Characters of a lineage; nothing longer was written here."""
_FIELD = "Lineage="
_LINEAGE = re.compile(r"(?:(?P<all>[0-9]{1,6}):)?(?P<counts>[0-9a-f]{8}:[0-9]{1,6}(?:[|,][0-9a-f]{8}:[0-9]{1,6})*)")


def descended(trace: str, ref: FunctionRef) -> str:
    """The trace header that an invocation of `ref` gets whose caller sent `trace`: the same, with this run counted."""
    function = _name(ref.account, ref.region, ref.name)
    if _FIELD not in trace:
        return f"{trace};{_FIELD}1:{function}:0" if trace else f"{_FIELD}1:{function}:0"
    parts = trace.split(";")
    at = next((at for at, part in enumerate(parts) if part.startswith(_FIELD)), None)
    if at is None:  # the word is within another part
        return f"{trace};{_FIELD}1:{function}:0"
    runs, counts = _read(parts[at])
    before = counts.pop(function, -1)
    counts[function] = before + 1
    kept = list(counts.items())[-_KEPT:]
    parts[at] = f"{_FIELD}{runs + 1}:" + "|".join(f"{name}:{count}" for name, count in kept)
    return ";".join(parts)


def is_loop(trace: str, ref: FunctionRef) -> bool:
    """Whether an invocation of `ref` with the trace header `trace`, which counts it, is one too many."""
    return runs_before(trace, ref) >= MOST_RUNS


def runs_before(trace: str, ref: FunctionRef) -> int:
    """How often `ref` had run for the same event before the run that `trace` counts last."""
    if _FIELD not in trace:
        return 0
    function = _name(ref.account, ref.region, ref.name)
    field = next((part for part in trace.split(";") if part.startswith(_FIELD)), "")
    return _read(field)[1].get(function, 0)


def _read(field: str) -> tuple[int, dict[str, int]]:
    """Runs in all, and of each function those before the last; nothing of what is no lineage."""
    found = _LINEAGE.fullmatch(field.removeprefix(_FIELD)) if len(field) <= _MOST_TEXT else None
    if found is None:
        return 0, {}
    counts: dict[str, int] = {}
    for pair in re.split(r"[|,]", found["counts"]):
        name, _, count = pair.partition(":")
        counts[name] = max(int(count), counts.get(name, 0))
    return int(found["all"] or len(counts)), counts


@lru_cache(maxsize=4096)  # every invocation asks, mostly for the same few
def _name(account: str, region: str, name: str) -> str:
    return f"{crc32(function_arn(account, region, name).encode()):08x}"
