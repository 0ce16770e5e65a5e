"""Many environments at once: how many, how fast, with how many failures, and how much memory they take.

Each figure is taken on servers of their own that were started for it, one after the other: a crowd needs the machine.
"""

from __future__ import annotations

import os
import statistics
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import volley
from client import BenchError, Signed, invocation
from figures import SMALL_MB, Plan, settle
from functions import STAYS
from machine import Watch, available_mb, in_our_namespace, kernel_mb, memory, pid_namespace, tree
from servers import Kind, Server
from shelf import Stocked
from table import Row, cells, middle
from turns import Sample, in_turns, talking
from volley import Volley

CROWD_S = 2.0
CROWD_AIM_S, RATE_AIM, ENVIRONMENT_AIM_MB = 6, 100, 4
_FUNCTIONS_OF_A_THRONG = 4
"""A function of its own gets at most 1,000 more environments in 10 s, here as at AWS."""
_LEAST_PART_FREE = 0.08
_LOOK_EVERY_S = 0.1
_TOGETHER_S = 4.0
"""How long the environments stay busy whose memory is taken afterwards."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """A volley, and what it took."""

    volley: Volley
    memory_mb: float
    """By how much the machine's available memory fell at most."""


def crowd(kinds: Sequence[Kind], plan: Plan) -> list[Row]:
    """`plan.crowd` at once, of one function that was never called, without time to make an environment for each."""

    def once(kind: Kind) -> Sample[Crowd]:
        return _gathered(kind, plan, plan.crowd, CROWD_S)

    taken = in_turns(kinds, plan.crowds, once)
    what = f"{plan.crowd:,} invocations at once of a fresh function, each sleeps {CROWD_S:g} s"
    many = plan.crowd * plan.crowds
    return [
        Row(
            f"{what}: until all have answered, median of {plan.crowds}, s",
            cells(taken, _all_answered),
            SMALL_MB,
            CROWD_AIM_S,
        ),
        Row(f"… failed, of {many:,}", cells(taken, _failed), SMALL_MB, 0),
        Row("… environments that ran them", cells(taken, _of(lambda each: each.volley.environments)), SMALL_MB),
        Row("… memory at most, MiB", cells(taken, _of(lambda each: each.memory_mb)), SMALL_MB),
    ]


def throng(kinds: Sequence[Kind], plan: Plan) -> list[Row]:
    """`plan.throng` at once that sleep so long that all of them run at the same moment."""

    def once(kind: Kind) -> Sample[Crowd]:
        return _gathered(kind, plan, plan.throng, plan.throng_s, _FUNCTIONS_OF_A_THRONG)

    taken = in_turns(kinds, 1, once)
    what = f"{plan.throng:,} at once of {_FUNCTIONS_OF_A_THRONG} fresh functions, each sleeps {plan.throng_s:g} s"
    at_once = cells(taken, _of(lambda each: each.volley.at_once))
    each_mb = cells(taken, _of(lambda each: each.memory_mb / max(1, each.volley.environments), "{:.1f}"))
    return [
        Row(f"{what}: failed", cells(taken, _failed), SMALL_MB, 0),
        Row("… most that ran at the same moment", at_once, SMALL_MB, plan.throng, more_is_better=True),
        Row("… until all have answered, s", cells(taken, _all_answered), SMALL_MB),
        Row("… memory at most, MiB", cells(taken, _of(lambda each: each.memory_mb)), SMALL_MB),
        Row("… memory for each environment, MiB", each_mb, SMALL_MB),
    ]


def rate(kinds: Sequence[Kind], plan: Plan) -> Row:
    """Environments a second, while nothing but new ones will do: those that exist are busy."""

    def once(kind: Kind) -> Sample[float]:
        sample = _gathered(kind, plan, plan.wave, plan.wave_s)
        if sample.value.volley.failed:
            raise BenchError(sample.value.volley.reasons())
        return Sample(sample.value.volley.created_per_s, sample.noise)

    taken = in_turns(kinds, plan.waves, once)
    what = f"environments created, sustained: {plan.wave} at once of a fresh function, median of {plan.waves}, per s"
    return Row(what, cells(taken, middle("{:.0f}".format)), SMALL_MB, RATE_AIM, more_is_better=True)


def memory_of_each(kinds: Sequence[Kind], plan: Plan) -> Row:
    """What a warm, idle environment adds to the server and everything below it."""

    def once(kind: Kind) -> Sample[float]:
        server = _started(kind, 1)
        try:
            names = _made(server, 1)
            before = _taken_now(server)
            with Watch() as watch:
                seen = volley.fire(server.target(), _requests(server, names, _TOGETHER_S), plan.envs, plan.patience_s)
            if seen.failed:
                raise BenchError(seen.reasons())
            after = _taken_now(server)
            more = after.sandboxes - before.sandboxes if after.sandboxes else seen.environments
            return Sample((after.mb - before.mb) / max(1, more), watch.noise)
        finally:
            server.stop()

    taken = in_turns(kinds, 1, once)
    return Row(
        f"memory of a warm Python environment, n={plan.envs}, MiB",
        cells(taken, middle("{:.1f}".format)),
        SMALL_MB,
        ENVIRONMENT_AIM_MB,
    )


@dataclass(frozen=True, slots=True)
class _Taken:
    """What a server and everything below it takes: memory, and how many sandboxes there are."""

    mb: float
    sandboxes: int


def _taken_now(server: Server) -> _Taken:
    settle(server.pid)
    family = tree(server.pid)
    boxed = [each for each in family if not in_our_namespace(each)]
    whole = memory(family).pss_mb
    if whole is None:
        raise BenchError("the memory of all processes cannot be seen")
    return _Taken(whole + kernel_mb(boxed), len({pid_namespace(each) for each in boxed}))


def _gathered(kind: Kind, plan: Plan, count: int, seconds: float, functions: int = 1) -> Sample[Crowd]:
    """A crowd on a server of its own. Raises BenchError when it does not start, or would take all of the memory."""
    server = _started(kind, functions)
    try:
        requests = _requests(server, _made(server, functions), seconds)
        settle(server.pid)
        with Watch() as watch, _Guard(server) as guard:
            seen = volley.fire(server.target(), requests, count, plan.patience_s)
        if guard.has_tripped:
            raise BenchError(f"stopped: it would have taken all of the machine's memory ({guard.fallen_mb:,.0f} MiB)")
        return Sample(Crowd(seen, guard.fallen_mb), watch.noise)
    finally:
        server.stop()


def _started(kind: Kind, functions: int) -> Server:
    server = Server(kind, [Stocked(STAYS, SMALL_MB, functions)])
    try:
        server.start()
    except BaseException:
        server.stop()
        raise
    return server


def _made(server: Server, functions: int) -> list[str]:
    with talking(server) as client:
        client.make_role()
        return [client.create(STAYS, SMALL_MB).name for _ in range(functions)]


def _requests(server: Server, names: Sequence[str], seconds: float) -> list[Signed]:
    return [invocation(server.target(), name, {"seconds": seconds}) for name in names]


class _Guard:
    """Looks at the machine's memory while a crowd is there, and ends the server before there is none left."""

    def __init__(self, server: Server) -> None:
        self.fallen_mb = 0.0
        self.has_tripped = False
        self._server = server
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> _Guard:
        self._before = available_mb()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        floor = _LEAST_PART_FREE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20
        while not self._over.wait(_LOOK_EVERY_S):
            free = available_mb()
            self.fallen_mb = max(self.fallen_mb, self._before - free)
            if free < floor and not self.has_tripped:
                self.has_tripped = True
                self._server.abort()


def _all_answered(crowds: Sequence[Crowd]) -> tuple[str, float | None]:
    told = f"{statistics.median(each.volley.seconds for each in crowds):.1f}"
    if any(each.volley.failed for each in crowds):
        return f"{told}, with failures", None
    return told, float(told)


def _failed(crowds: Sequence[Crowd]) -> tuple[str, float]:
    count = sum(each.volley.failed for each in crowds)
    reasons = next((each.volley.reasons() for each in crowds if each.volley.failed), "")
    return f"{count:,} ({reasons[:160]})" if count else "0", count


def _of(pick: Callable[[Crowd], float], form: str = "{:,.0f}") -> Callable[[Sequence[Crowd]], tuple[str, float]]:
    """The median over the rounds of something of each."""
    show = middle(form.format)
    return lambda crowds: show([pick(each) for each in crowds])
