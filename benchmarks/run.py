"""`make bench`: Lambent and its peers side by side, measured in one run, as a table in docs/benchmarks.md.

python benchmarks/run.py [--quick] [--only SECTION]… [--only-lambent] [--no-install] [--out FILE] [--client wrk|own]
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

import crowds
import figures
import functions
import load
import messages
import scale
import streams
from client import BenchError, Code
from conditions import PROBE, tried
from figures import ONE_VCPU_MB, SMALL_MB, Plan, Setting
from functions import BOTO3, ECHO, PRINTS
from machine import description, filesystem, output
from offline import serverless_offline
from servers import ROOT, Kind, Server, lambent, ministack
from shelf import Stocked
from table import Row, markdown, write
from turns import say, talking

PAGE = ROOT / "docs" / "benchmarks.md"
COLUMNS = ("Lambent", "MiniStack", "serverless-offline")
SECTIONS = (
    "start",
    "memory",
    "warm",
    "throughput",
    "cold",
    "update",
    "streaming",
    "events",
    "sqs",
    "rate",
    "crowd",
    "throng",
    "functions",
    "tried",
)
"""What can be asked for alone."""
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
    streams=2,
    streamed_mb=16,
    starts=1,
    envs=3,
    wave=10,
    waves=1,
    wave_s=2,
    crowd=20,
    crowds=1,
    throng=30,
    throng_s=3,
    patience_s=60,
    messages=100,
    mapped=5,
    functions=40,
    functions_s=20,
)
AIMS_BY_CONNECTIONS = {8: 9000.0, 64: 10_000.0}


def main(arguments: Sequence[str]) -> None:
    """Measure, and write the page. Raises BenchError when Lambent cannot be measured at all."""
    options = _options(arguments)
    _end_on_signals(options.minutes * 60)
    kinds, missing = _kinds(options)
    plan = replace(QUICK if options.quick else Plan(), client=options.client)
    begin = time.monotonic()
    columns = [COLUMNS[0], *(name for name in COLUMNS[1:] if not options.only_lambent)]
    rows, facts, trials = measure(kinds, plan, columns, options.only or SECTIONS)
    facts += [f"{name} is left out: {why}" for name, why in missing.items()]
    facts.append(f"throughput by {_client(plan.client)}")
    facts.append(f"{(time.monotonic() - begin) / 60:.0f} minutes, until {_now()}")
    facts.append(f"`{' '.join(['python benchmarks/run.py', *_shown(arguments)])}`")
    parts = ["- " + "\n- ".join(facts), markdown(rows, columns), *trials]
    if options.quick:
        parts.insert(0, "**A smoke run: it shows that the benchmark works; its figures mean nothing.**")
    if options.only and options.out is None:
        print("\n\n".join(parts))
        return
    write(options.out or PAGE, "\n\n".join(parts))
    say(f"written to {options.out or PAGE}")


def measure(
    kinds: Sequence[Kind], plan: Plan, columns: Sequence[str], wanted: Sequence[str]
) -> tuple[list[Row], list[str], list[str]]:
    """All figures that are `wanted`; with what they were measured; and what was tried."""
    rows: list[Row] = []
    if "start" in wanted:
        say("start to ready")
        rows.append(figures.starts(kinds, plan))
    with running(kinds, _stock(plan)) as servers:
        facts = [f"{description()}, data on {filesystem(servers[0].data)}", *(_fact(server) for server in servers)]
        for section, title, take in _steps(servers, plan):
            if section in wanted:
                say(title)
                rows += take()
        if "tried" in wanted:
            say("what is switched on")
        trials = [tried(servers, columns)] if "tried" in wanted else []
    for section, title, take in _crowded(kinds, plan):
        if section in wanted:
            say(title)
            rows += take()
    return rows, facts, trials


def _steps(servers: Sequence[Server], plan: Plan) -> Iterator[tuple[str, str, Callable[[], list[Row]]]]:
    """Section, title and figures, with all servers up; in the order of the table."""
    yield "memory", "idle memory", lambda: figures.idle(servers)

    def warm(code: Code, what: str, memory_mb: int, aim: float | None = None) -> Callable[[], list[Row]]:
        return lambda: [figures.warm(servers, plan, code, what, memory_mb, aim)]

    yield "warm", "warm, Python", warm(ECHO, "Python", ONE_VCPU_MB, 0.20)
    yield "warm", "warm, Python that prints", warm(PRINTS, "Python that prints a line", ONE_VCPU_MB)
    for what, code, _ in _others():
        yield "warm", f"warm, {what}", warm(code, what, ONE_VCPU_MB)
    yield "warm", "warm, Python, small", warm(ECHO, "Python", SMALL_MB)

    def pressed(*setting: Setting) -> Callable[[], list[Row]]:
        return lambda: [row for each in setting for row in figures.throughput(servers, plan, each)]

    for connections in plan.connections:
        setting = Setting(ECHO, "Python", ONE_VCPU_MB, connections, AIMS_BY_CONNECTIONS.get(connections))
        yield "throughput", f"throughput, {connections} connections", pressed(setting)
    most = 8 if 8 in plan.connections else plan.connections[-1]
    prints = Setting(PRINTS, "Python that prints a line", ONE_VCPU_MB, most)
    yield "throughput", "throughput, Python that prints", pressed(prints)
    if (node := functions.node_echo()) is not None:
        yield "throughput", "throughput, Node.js", pressed(Setting(node, "Node.js", ONE_VCPU_MB, most))
    yield "throughput", "throughput, Python, small", pressed(Setting(ECHO, "Python", SMALL_MB, most))

    def cold(code: Code, what: str, aim: float) -> Callable[[], list[Row]]:
        return lambda: figures.cold(servers, plan, code, what, aim)

    yield "cold", "first invoke, Python", cold(ECHO, "Python", 4)
    yield "cold", "first invoke, Python with boto3", cold(BOTO3, "Python, `import boto3`", 5)
    for what, code, aim in _others():
        yield "cold", f"first invoke, {what}", cold(code, what, aim)
    yield "update", "update of the code", lambda: [figures.updates(servers, plan)]
    yield "streaming", "streamed responses", lambda: streams.rows(servers, plan)


def _others() -> Iterator[tuple[str, Code, float]]:
    """Runtimes beside Python that this machine has: name, function, and the aim of its first invocation in ms."""
    if (node := functions.node_echo()) is not None:
        yield "Node.js", node, 8
    if (java := functions.java_echo()) is not None:
        yield f"Java ({java.runtime}, RequestHandler)", java, 25
    if (custom := functions.custom_echo()) is not None:
        code, language = custom
        yield f"custom runtime ({code.runtime}, bootstrap in {language})", code, 6


def _crowded(kinds: Sequence[Kind], plan: Plan) -> Iterator[tuple[str, str, Callable[[], list[Row]]]]:
    """The same for what needs servers of its own, one at a time."""
    yield "memory", "memory of an environment", lambda: [crowds.memory_of_each(kinds, plan)]
    yield "events", "events accepted", lambda: messages.accepted(kinds, plan)
    yield "sqs", "messages", lambda: messages.sqs(kinds, plan)
    yield "sqs", "messages mapped to a function", lambda: [messages.mapped(kinds, plan)]
    yield "rate", "environments a second", lambda: [crowds.rate(kinds, plan)]
    yield "crowd", f"{plan.crowd:,} at once", lambda: crowds.crowd(kinds, plan)
    throng = [lambent(concurrency=str(plan.throng)) if kind.name == COLUMNS[0] else kind for kind in kinds]
    yield "throng", f"{plan.throng:,} at once", lambda: crowds.throng(throng, plan)
    yield "functions", f"{plan.functions:,} functions", lambda: scale.growth(kinds, plan)


def _stock(plan: Plan) -> list[Stocked]:
    """What a server must have from the start that cannot be given functions."""
    fresh = plan.colds + len(plan.connections) + 8
    codes = [ECHO, PRINTS, BOTO3, *(code for _, code, _ in _others())]
    if (streaming := functions.node_stream()) is not None:
        codes.append(streaming)
    small = [Stocked(ECHO, SMALL_MB, 2), Stocked(PROBE, SMALL_MB, 1)]
    return [*(Stocked(code, ONE_VCPU_MB, fresh) for code in codes), *small]


@contextmanager
def running(kinds: Sequence[Kind], stock: Sequence[Stocked]) -> Iterator[list[Server]]:
    """A server of each kind with a role for functions; ended at the end. A peer that does not start is left out."""
    with ExitStack() as stack:
        servers = []
        for kind in kinds:
            server = Server(kind, stock)
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


def _kinds(options: argparse.Namespace) -> tuple[list[Kind], dict[str, str]]:
    """Who is measured, and why others are not."""
    kinds, missing = [lambent()], {}
    makers = {} if options.only_lambent else {"MiniStack": ministack, "serverless-offline": serverless_offline}
    for name, make in makers.items():
        try:
            kinds.append(make(may_install=not options.no_install))
        except BenchError as error:
            say(f"{name} is left out: {error}")
            missing[name] = str(error)
    return kinds, missing


def _fact(server: Server) -> str:
    """Which version, and in what state."""
    told = f"{server.name} {server.kind.version}"
    if server.name != COLUMNS[0]:
        return f"{told}, {server.kind.about}"
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
    parser = argparse.ArgumentParser(description="Measure Lambent and its peers side by side.")
    parser.add_argument("--quick", action="store_true", help="a smoke run: little of everything")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="this section; may be given again. To stdout")
    parser.add_argument("--only-lambent", action="store_true", help="without the peers")
    parser.add_argument("--no-install", action="store_true", help="use the peers only when they are installed already")
    parser.add_argument("--out", type=Path, help=f"the page to write the table into [default: {PAGE.name}]")
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
