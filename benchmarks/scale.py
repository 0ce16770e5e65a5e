"""What a server of ten functions does as fast with ten thousand, or does not. They are made through the API."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from client import API, BenchError, Connection, Lambda, NotOffered, creation, invocation, signed
from figures import ONE_VCPU_MB, SMALL_MB, Plan
from functions import ECHO
from machine import Watch
from servers import Kind, Server
from table import Row, cells, milliseconds
from turns import Sample, in_turns, talking

FEW = 10
_MAKERS = 4
_PAGE = 10
_CALLS = 300
_READS = 50
_WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Look:
    """A server with so many functions: median times in seconds."""

    functions: int
    invoke: float
    page: float
    get: float


@dataclass(frozen=True, slots=True)
class Growth:
    """Before and after most functions were made, and how many a second."""

    few: Look
    many: Look
    made_per_s: float


def growth(kinds: Sequence[Kind], plan: Plan) -> list[Row]:
    """An invocation and two reads with 10 functions, and with `plan.functions`."""

    def once(kind: Kind) -> Sample[Growth]:
        if kind.project is not None:
            raise NotOffered("functions cannot be made")
        server = Server(kind)
        try:
            server.start()
            with Watch() as watch, talking(server) as client:
                found = _grown(server, client, plan)
            return Sample(found, watch.noise)
        finally:
            server.stop()

    taken = in_turns(kinds, 1, once)
    few = {name: each.part(lambda found: found.few) for name, each in taken.items()}
    many = {name: each.part(lambda found: found.many) for name, each in taken.items()}
    made = {name: each.part(lambda found: (found.many.functions, found.made_per_s)) for name, each in taken.items()}
    rows = []
    for title, member in (
        ("warm invoke, one caller, Python, p50", "invoke"),
        (f"ListFunctions, first page of {_PAGE}, p50", "page"),
        ("GetFunction, p50", "get"),
    ):
        rows.append(Row(f"{title}, with {FEW} functions, ms", cells(few, _median_of(member))))
        rows.append(Row(f"… with {plan.functions:,}, ms", cells(many, _median_of(member, plan.functions))))
    rows.append(Row(f"functions created, {_MAKERS} callers, per s", cells(made, _per_s), more_is_better=True))
    return rows


def _median_of(member: str, wanted: int = 0) -> Callable[[Sequence[Look]], tuple[str, float]]:
    """In ms; it says so when there were fewer functions than `wanted`."""

    def show(looks: Sequence[Look]) -> tuple[str, float]:
        value = statistics.median(getattr(look, member) for look in looks) * 1000
        fewest = min(look.functions for look in looks)
        return milliseconds(value) + (f" (with {fewest:,})" if fewest < wanted else ""), value

    return show


def _per_s(made: Sequence[tuple[int, float]]) -> tuple[str, float]:
    value = statistics.median(rate for _, rate in made)
    return f"{value:,.0f}", value


def _grown(server: Server, client: Lambda, plan: Plan) -> Growth:
    client.make_role()
    called = client.create(ECHO, ONE_VCPU_MB).name
    _created(server, FEW - 1, plan.functions_s, "few")
    few = _look(client, called, FEW)
    begin = time.monotonic()
    more = _created(server, plan.functions - FEW, plan.functions_s, "many")
    seconds = time.monotonic() - begin
    return Growth(few, _look(client, called, FEW + more), more / seconds)


def _created(server: Server, count: int, at_most_s: float, prefix: str) -> int:
    """Make functions until there are so many or the time is over; how many. Raises BenchError when one cannot be."""
    end = time.monotonic() + at_most_s
    numbers = iter(range(count))
    lock = threading.Lock()
    made: list[str] = []
    failures: list[Exception] = []

    def work() -> None:
        connection = Connection(server.target())
        try:
            while time.monotonic() < end and not failures:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                name = f"{prefix}-{number:05}"
                connection.exchange(creation(server.target(), name, ECHO, SMALL_MB).wire()).json()
                made.append(name)
        except (BenchError, OSError) as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(_MAKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise BenchError(f"after {len(made):,} functions: {failures[0]}")
    with talking(server) as client:
        for name in made[-_MAKERS:]:
            client.wait_until_active(name)
    return len(made)


def _look(client: Lambda, name: str, functions: int) -> Look:
    invoke = invocation(client.target, name).wire()
    page = signed(client.target, "GET", f"{API}?MaxItems={_PAGE}").wire()
    get = signed(client.target, "GET", f"{API}/{name}").wire()
    for _ in range(_WARM_UP):
        client.connection.timed(invoke)
    calls = [client.connection.timed(invoke) for _ in range(_CALLS)]
    pages = [client.timed_read(page) for _ in range(_READS)]
    gets = [client.timed_read(get) for _ in range(_READS)]
    return Look(functions, statistics.median(calls), statistics.median(pages), statistics.median(gets))
