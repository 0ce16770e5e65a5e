"""What is measured, and how. Each function takes the servers that run side by side, and gives rows of the table."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import load
from client import BenchError, Code, Connection, Lambda, Signed, invocation
from functions import ECHO, numbered
from machine import Watch, in_our_namespace, memory, tree
from servers import Kind, Server
from shelf import Stocked
from table import Cell, Row, cells, middle, milliseconds, percentile, spread
from turns import Sample, deployed, in_turns, talking

ONE_VCPU_MB = 1769
SMALL_MB = 128
START_S, IDLE_MB, UPDATE_MS = 0.3, 60, 100
"""What docs/promises.md promises; here and below, aims are its."""
_SETTLED_WITHIN_S = 8.0
_UPDATED_WITHIN_S = 30.0
_WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int = 3
    invokes: int = 2000
    """Of one caller, over all rounds."""
    at_most_s: float = 12.0
    """For the invocations of one round; a slow server then has fewer of them, and its cell says how many."""
    connections: tuple[int, ...] = (1, 8, 64)
    seconds: float = 4.0
    warm_up_s: float = 2.0
    warm_ups: int = 6
    """At most: they end when the server starts no more processes."""
    colds: int = 15
    updates: int = 6
    streams: int = 90
    """Streamed responses of one caller, over all rounds."""
    streamed_mb: int = 128
    starts: int = 3
    envs: int = 50
    """Warm environments whose memory is taken."""
    wave: int = 300
    """Environments created in a row."""
    waves: int = 3
    wave_s: float = 8.0
    """How long each of them stays busy, so that none is used twice."""
    crowd: int = 1000
    crowds: int = 3
    throng: int = 3000
    throng_s: float = 40.0
    """Long enough that all of them run at the same moment: as long as it takes to make the last one."""
    patience_s: float = 120.0
    """For the answers to all requests that were sent at once."""
    messages: int = 2000
    """Through a queue, by one caller."""
    mapped: int = 100
    """Messages whose way to a handler is timed."""
    functions: int = 10_000
    functions_s: float = 100.0
    """At most, for making them; the row says how many there were."""
    client: str = "wrk"


def starts(kinds: Sequence[Kind], plan: Plan) -> Row:
    """Launch to first answered API call, each time on an empty data directory; the first launch does not count."""

    def once(kind: Kind) -> Sample[float]:
        server = Server(kind, [Stocked(ECHO, SMALL_MB, 1)])
        try:
            with Watch() as watch:
                seconds = server.start()
            return Sample(seconds, watch.noise)
        finally:
            server.stop()

    taken = in_turns(kinds, plan.starts, once, rehearsals=1)
    what = f"start to first answered API call, empty data directory, median of {plan.starts}, s"
    return Row(what, cells(taken, middle(lambda value: f"{value:.2f}")), aim=START_S)


def idle(servers: Sequence[Server]) -> list[Row]:
    """Memory when nothing runs: as started, and then with one Python function that nobody has called."""
    as_started = {server.name: _memory_as_started(server) for server in servers}
    with deployed(servers, ECHO, ONE_VCPU_MB, call=False):
        with_function = {server.name: _memory_in_all(server) for server in servers}
    return [
        Row("idle memory as started, RSS, MiB", as_started, aim=IDLE_MB),
        Row("… with one Python function and all that waits for calls, PSS, MiB", with_function),
    ]


def _memory_as_started(server: Server) -> Cell:
    settle(server.pid)
    taken = memory([each for each in tree(server.pid) if in_our_namespace(each)])
    return Cell(f"{taken.rss_mb:.0f} ({taken.processes} proc.)", taken.rss_mb)


def _memory_in_all(server: Server) -> Cell:
    settle(server.pid)
    family = tree(server.pid)
    boxed = sum(not in_our_namespace(each) for each in family)
    taken = memory(family)
    told = f"{taken.processes} proc." + (f", {boxed} of them in sandboxes" if boxed else "")
    if taken.pss_mb is None:
        return Cell(f"RSS {taken.rss_mb:.0f} ({told})")
    return Cell(f"{taken.pss_mb:.0f} ({told})", taken.pss_mb)


def settle(root: int) -> None:
    """Return when the server has started what it starts by itself."""
    end = time.monotonic() + _SETTLED_WITHIN_S
    seen: list[set[int]] = []
    while time.monotonic() < end and not (len(seen) > 3 and seen[-1] == seen[-2] == seen[-3] == seen[-4]):
        seen.append({each.pid for each in tree(root)})
        time.sleep(0.25)


def warm(servers: Sequence[Server], plan: Plan, code: Code, what: str, memory_mb: int, aim: float | None = None) -> Row:
    """Latency of one caller on one connection: p50, p90 and p99, each the median over the rounds."""
    per_round = max(1, plan.invokes // plan.rounds)
    with deployed(servers, code, memory_mb) as functions:
        taken = in_turns(
            servers,
            plan.rounds,
            lambda server: _latencies(server, functions.on(server), per_round, plan.at_most_s),
        )

    def show(rounds: Sequence[Sequence[float]]) -> tuple[str, float]:
        parts = [statistics.median(percentile(each, part) for each in rounds) * 1000 for part in (0.5, 0.9, 0.99)]
        count = sum(map(len, rounds))
        fewer = f" (n={count})" if count < per_round * plan.rounds else ""
        return " / ".join(map(milliseconds, parts)) + fewer, parts[0]

    title = f"warm invoke, one caller, {what}, p50 / p90 / p99, n={per_round * plan.rounds}, ms"
    return Row(title, cells(taken, show), memory_mb, aim)


def _latencies(server: Server, name: str, count: int, at_most_s: float) -> Sample[list[float]]:
    target = server.target()
    wires = [invocation(target, name, {"n": number}).wire() for number in range(count + _WARM_UP)]
    connection = Connection(target)
    try:
        for wire in wires[:_WARM_UP]:
            connection.timed(wire)
        found: list[float] = []
        with Watch() as watch:
            end = time.monotonic() + at_most_s
            for wire in wires[_WARM_UP:]:
                found.append(connection.timed(wire))
                if time.monotonic() > end:
                    break
        return Sample(found, watch.noise)
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Setting:
    """What a throughput is measured with."""

    code: Code
    what: str
    memory_mb: int
    connections: int
    aim: float | None = None


def throughput(servers: Sequence[Server], plan: Plan, setting: Setting) -> list[Row]:
    """Answers a second, and the processor time that each cost the server and its functions together."""
    with deployed(servers, setting.code, setting.memory_mb) as functions:
        taken = in_turns(
            servers, plan.rounds, lambda server: _pressed(server, functions.on(server), plan, setting.connections)
        )
    many = f"{setting.connections} connection" + ("s" if setting.connections > 1 else "")
    rates = cells(taken, lambda pairs: _rounded([rate for rate, _ in pairs]))
    costs = cells(taken, lambda pairs: _rounded([cost for _, cost in pairs]))
    title = f"throughput, {many}, {setting.what}, invocations/s"
    return [
        Row(title, rates, setting.memory_mb, setting.aim, more_is_better=True),
        Row("… processor time per invocation, server and function, µs", costs, setting.memory_mb),
    ]


def _pressed(server: Server, name: str, plan: Plan, connections: int) -> Sample[tuple[float, float]]:
    target = server.target()
    request = invocation(target, name)
    _warm_up(server, request, connections, plan)
    with Watch(server.pid) as watch:
        done = load.press(target, request, connections, plan.seconds, client=plan.client)
    with talking(server) as client:  # the load generator sees HTTP's status only
        client.connection.timed(request.wire())
    return Sample((done.per_s, watch.root_cpu_s / done.answers * 1e6), watch.noise)


def _warm_up(server: Server, request: Signed, connections: int, plan: Plan) -> None:
    """Until all environments exist that so many connections need: a slow server takes its time for them."""
    for _ in range(plan.warm_ups):
        before = {each.pid for each in tree(server.pid)}
        load.run(server.target(), request, connections, plan.warm_up_s, client=plan.client)
        if {each.pid for each in tree(server.pid)} == before:
            return


_rounded = middle(lambda value: f"{value:,.0f}")


def cold(servers: Sequence[Server], plan: Plan, code: Code, what: str, aim: float | None = None) -> list[Row]:
    """The first invocation of a function just made, and how long it took to become Active.

    The first function does not count: it also starts what all functions of its runtime share.
    """

    def once(server: Server) -> Sample[tuple[float | None, float]]:
        with talking(server) as client, Watch() as watch:
            pair = _created_and_called(client, code)
        return Sample(pair, watch.noise)

    taken = in_turns(servers, plan.colds, once, rehearsals=1)
    created = {name: each.part(lambda pair: pair[0]) for name, each in taken.items()}
    called = {name: each.part(lambda pair: pair[1]) for name, each in taken.items()}
    title = f"first invoke of a fresh function, {what}, p50 / p90, n={plan.colds}, ms"
    return [
        Row(title, cells(called, spread), ONE_VCPU_MB, aim),
        Row("… CreateFunction until Active, before it, p50 / p90, ms", cells(created, spread), ONE_VCPU_MB),
    ]


def _created_and_called(client: Lambda, code: Code) -> tuple[float | None, float]:
    made = client.create(code, ONE_VCPU_MB)
    seconds, result = client.connection.timed_answer(invocation(client.target, made.name).wire())
    code.check(result)
    client.delete(made.name)
    return made.seconds, seconds


def updates(servers: Sequence[Server], plan: Plan) -> Row:
    """From sending new code until an invocation has run it."""
    numbers = {server.name: 0 for server in servers}

    def once(server: Server) -> Sample[float]:
        numbers[server.name] += 1
        with talking(server) as client, Watch() as watch:
            seconds = _updated(client, functions.on(server), numbers[server.name])
        return Sample(seconds, watch.noise)

    with deployed(servers, numbered(0), ONE_VCPU_MB) as functions:
        taken = in_turns(servers, plan.updates, once)
    what = f"update code until an invocation has run it, p50 / p90, n={plan.updates}, ms"
    return Row(what, cells(taken, spread), ONE_VCPU_MB, UPDATE_MS)


def _updated(client: Lambda, name: str, number: int) -> float:
    begin = time.perf_counter()
    client.update(name, numbered(number))
    while True:
        answer = client.invoke(name)
        taken = time.perf_counter() - begin
        if answer.is_success and answer.body == str(number).encode():
            client.wait_for_update(name)
            return taken
        if taken > _UPDATED_WITHIN_S:
            raise BenchError(f"still the old code after {taken:.0f} s: {answer.status} {answer.body[:100]!r}")
