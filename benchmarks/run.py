"""`make bench`: Lambent and MiniStack side by side, measured in one run, as a table in docs/benchmarks.md.

python benchmarks/run.py [--quick] [--only-lambent] [--no-install] [--out FILE] [--client wrk|own]
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

import figures
import load
from client import BenchError, Code
from conditions import tried
from figures import BOTO3, ECHO, ONE_VCPU_MB, PRINTS, SMALL_MB, Plan, Setting
from machine import description, filesystem, output
from servers import ROOT, Kind, Server, lambent, ministack
from table import Row, markdown, write
from turns import say, talking

PAGE = ROOT / "docs" / "benchmarks.md"
COLUMNS = ("Lambent", "MiniStack")
QUICK = Plan(
    rounds=1,
    invokes=20,
    at_most_s=2,
    connections=(1, 4),
    seconds=0.2,
    warm_up_s=0.1,
    warm_ups=1,
    colds=1,
    updates=1,
    starts=1,
)


def main(arguments: Sequence[str]) -> None:
    """Measure, and write the page. Raises BenchError when Lambent cannot be measured at all."""
    options = _options(arguments)
    _end_on_signals(options.minutes * 60)
    kinds, peer = _kinds(options)
    plan = replace(QUICK if options.quick else Plan(), client=options.client)
    begin = time.monotonic()
    rows, facts, trials = measure(kinds, plan)
    facts.append(f"throughput by {_client(plan.client)}")
    facts.append(f"{(time.monotonic() - begin) / 60:.0f} minutes, until {_now()}")
    facts.append(f"`{' '.join(['python benchmarks/run.py', *_shown(arguments)])}`")
    parts = [
        "- " + "\n- ".join(facts),
        markdown(rows, COLUMNS, (COLUMNS[0], f"{COLUMNS[1]}{peer}")),
        trials,
    ]
    if options.quick:
        parts.insert(0, "**A smoke run: it shows that the benchmark works; its figures mean nothing.**")
    write(options.out, "\n\n".join(parts))
    say(f"written to {options.out}")


def measure(kinds: Sequence[Kind], plan: Plan) -> tuple[list[Row], list[str], str]:
    """All figures; with what they were measured; and what was tried."""
    say("start to ready")
    rows = [figures.starts(kinds, plan)]
    with running(kinds) as servers:
        facts = [f"{description()}, data on {filesystem(servers[0].data)}", *(_fact(server) for server in servers)]
        for title, take in _steps(servers, plan):
            say(title)
            rows += take()
        say("what is switched on")
        return rows, facts, tried(servers, COLUMNS)


def _steps(servers: Sequence[Server], plan: Plan) -> Iterator[tuple[str, Callable[[], list[Row]]]]:
    """In the order of the table."""
    node = figures.node_echo()
    yield "idle memory", lambda: figures.idle(servers)

    def warm(code: Code, what: str, memory_mb: int, aim: float | None = None) -> Callable[[], list[Row]]:
        return lambda: [figures.warm(servers, plan, code, what, memory_mb, aim)]

    yield "warm, Python", warm(ECHO, "Python", ONE_VCPU_MB, 0.35)
    yield "warm, Python that prints", warm(PRINTS, "Python that prints a line", ONE_VCPU_MB)
    if node is not None:
        yield "warm, Node.js", warm(node, "Node.js", ONE_VCPU_MB)
    yield "warm, Python, small", warm(ECHO, "Python", SMALL_MB)

    def pressed(*setting: Setting) -> Callable[[], list[Row]]:
        return lambda: [row for each in setting for row in figures.throughput(servers, plan, each)]

    for connections in plan.connections:
        aim = 6000.0 if connections == 8 else None
        setting = Setting(ECHO, "Python", ONE_VCPU_MB, connections, aim)
        yield f"throughput, {connections} connections", pressed(setting)
    most = 8 if 8 in plan.connections else plan.connections[-1]
    yield "throughput, Python that prints", pressed(Setting(PRINTS, "Python that prints a line", ONE_VCPU_MB, most))
    if node is not None:
        yield "throughput, Node.js", pressed(Setting(node, "Node.js", ONE_VCPU_MB, most))
    yield "throughput, Python, small", pressed(Setting(ECHO, "Python", SMALL_MB, most))
    yield "first invoke, Python", lambda: figures.cold(servers, plan, ECHO, "Python", 10)
    yield "first invoke, Python with boto3", lambda: figures.cold(servers, plan, BOTO3, "Python, `import boto3`", 12)
    if node is not None:
        yield "first invoke, Node.js", lambda: figures.cold(servers, plan, node, "Node.js")
    yield "update of the code", lambda: [figures.updates(servers, plan)]


@contextmanager
def running(kinds: Sequence[Kind]) -> Iterator[list[Server]]:
    """A server of each kind with a role for functions; ended at the end. A peer that does not start is left out."""
    with ExitStack() as stack:
        servers = []
        for kind in kinds:
            server = Server(kind)
            stack.callback(server.stop)
            try:
                server.start()
                with talking(server) as client:
                    client.make_role()
                servers.append(server)
            except BenchError as error:
                if kind is kinds[0]:
                    raise
                say(f"{kind.name} is left out: {error}")
        yield servers


def _kinds(options: argparse.Namespace) -> tuple[list[Kind], str]:
    """Who is measured, and what the peer's heading says when it is not."""
    if options.only_lambent:
        return [lambent()], " (left out)"
    try:
        return [lambent(), ministack(may_install=not options.no_install)], ""
    except BenchError as error:
        say(f"MiniStack: {error}")
        return [lambent()], f" ({error})"


def _fact(server: Server) -> str:
    """Which version, and in what state."""
    told = f"{server.name} {server.kind.version}"
    if server.name != COLUMNS[0]:
        return f"{told} from PyPI, as installed; boto3 was added for its functions"
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/_lambent/health", timeout=10) as answer:
        level = json.load(answer)["isolation"]
    return f"{told}, `lambent serve` with its defaults: isolation {level}, signatures enforced"


def _now() -> str:
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC"


def _client(name: str) -> str:
    if name == "wrk":
        return " ".join((output("wrk", "--version", whatever_status=True) or "wrk").split()[:2])
    return "our own client (asyncio), for want of wrk or because it was asked for"


def _shown(arguments: Sequence[str]) -> list[str]:
    """Without folders: they say nothing about the figures."""
    return [Path(each).name if "/" in each else each for each in arguments]


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure Lambent and MiniStack side by side.")
    parser.add_argument("--quick", action="store_true", help="a smoke run: little of everything")
    parser.add_argument("--only-lambent", action="store_true", help="without the peer")
    parser.add_argument("--no-install", action="store_true", help="use the peer only when it is installed already")
    parser.add_argument("--out", type=Path, default=PAGE, help="the page to write the table into")
    parser.add_argument("--client", choices=("wrk", "own"), default=load.tool(), help="what makes the load")
    parser.add_argument("--minutes", type=float, default=45, help="give up after so many")
    return parser.parse_args(arguments)


def _end_on_signals(seconds: float) -> None:
    """Ending by a signal, or for taking too long, stops the servers like every other end."""

    def end(number: int, frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)  # the end is under way, and takes a bounded time
        raise SystemExit(f"bench: {'took too long' if number == signal.SIGALRM else 'stopped'}")

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)


if __name__ == "__main__":
    if platform.system() != "Linux":
        sys.exit("bench: Linux only")
    try:
        main(sys.argv[1:])
    except BenchError as problem:
        sys.exit(f"bench: {problem}")
