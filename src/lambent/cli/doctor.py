"""`lambent doctor`: what this machine can do for functions, what it lacks, and how to get that."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from lambent import __version__
from lambent.cli.failure import FAILED, Failure
from lambent.cli.options import data_directory, data_option
from lambent.cli.runtimes import by_number
from lambent.cli.sdk import TARGETS
from lambent.config import Settings
from lambent.examination import Report, examine
from lambent.runtimes.base import Runtime
from lambent.values import frozen

MOTO = "pip install 'lambent[moto]', or lambent serve --neighbour s3=URL"
PLAIN_WIDTH = 200
"""Columns when the output is no terminal: enough that no row is broken."""


@frozen
class Advice:
    """Something that is missing, and what gets it."""

    lack: str
    cure: str


@click.command()
@data_option
@click.pass_context
def doctor(ctx: click.Context, data: Path | None) -> None:
    """Say what works on this machine, and how to get what does not.

    Exits with 3 when no function could be run here.
    """
    directory = data_directory(data)
    try:
        report = asyncio.run(examine(Settings(data=directory)))
    except OSError as error:
        raise Failure(f"cannot use the data directory {directory}: {error.strerror}") from None
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PLAIN_WIDTH)
    console.print(sheet(report, directory, root=os.geteuid() == 0))
    if report.isolation is None:
        ctx.exit(FAILED)


def sheet(report: Report, data: Path, *, root: bool) -> Group:
    """The whole answer."""
    parts: list[RenderableType] = [
        Text(f"Lambent {__version__}", style="bold"),
        _facts(report, data),
        Text("\nRuntimes", style="bold"),
        _runtimes(report.catalogue.all()),
        Text("\nSDKs that functions can import", style="bold"),
        _sdks(report),
    ]
    if lacks := advice(report, root=root):
        parts += [Text("\nMissing", style="bold"), _advice(lacks)]
    return Group(*parts)


def advice(report: Report, *, root: bool) -> list[Advice]:
    """What is missing and what gets it, most important first. Pure but for the look at which SDKs there are."""
    runtimes = report.catalogue.all()
    have = {installed.target for installed in report.sdk.installed(TARGETS)}
    isolation = _isolation_advice(report, root=root)
    inexact = [
        Advice(f"the exact version of {runtime.name}", cure(runtime.name)) for runtime in runtimes if not runtime.exact
    ]
    missing = [Advice(name, cure(name)) for name in report.catalogue.missing()]
    sdks = [
        Advice(f"an AWS SDK for {target}", f"lambent sdk add {target}")
        for target in sdk_targets(runtimes)
        if target not in have
    ]
    others = [] if report.moto is not None else [Advice("S3, DynamoDB and other AWS services", MOTO)]
    return _merged([*isolation, *others, *sdks, *inexact, *missing])


def _isolation_advice(report: Report, *, root: bool) -> list[Advice]:
    if report.isolation == "full":
        return []
    if root:
        return [Advice("full isolation", "root that may make namespaces and control groups: docker run --privileged")]
    advice = [Advice("full isolation", "sudo lambent serve")]
    if any("control group" in note for note in report.notes):
        scope = "systemd-run --user --scope -p Delegate=yes lambent serve"
        advice.append(Advice("limits of memory, CPU and processes without root", scope))
    return advice


def cure(runtime: str) -> str:
    """How to get what runs functions of `runtime`."""
    if runtime.startswith("python"):
        number = runtime.removeprefix("python")
        return f"pyenv install {number}, or uv python install {number}"
    if runtime.startswith("nodejs"):
        return f"lambent runtimes add {runtime}"
    if runtime in ("java8.al2", "java11"):
        return "nothing: a JDK 17 or later runs what was compiled for older ones"
    if runtime.startswith("java"):
        number = runtime.removeprefix("java")
        return f"JDK {number} (not a JRE, which has no compiler) on the PATH or below /usr/lib/jvm"
    if runtime.startswith("ruby"):
        number = runtime.removeprefix("ruby")
        return f"rbenv install {number}, or any Ruby {number} on the PATH"
    return "not offered by this version of Lambent"


def sdk_targets(runtimes: Sequence[Runtime]) -> list[str]:
    """The SDKs that functions of these runtimes would import: of what really runs, not of what was asked for."""
    targets = set()
    for runtime in runtimes:
        if runtime.family == "nodejs":
            targets.add("nodejs")
        elif runtime.family == "python":
            targets.add("python" + ".".join(runtime.version.split(".")[:2]))
    return [target for target in TARGETS if target in targets]


def _merged(lacks: Sequence[Advice]) -> list[Advice]:
    """One line per cure."""
    names: dict[str, list[str]] = {}
    for lack in lacks:
        names.setdefault(lack.cure, []).append(lack.lack)
    return [Advice(", ".join(those), by) for by, those in names.items()]


def _facts(report: Report, data: Path) -> Table:
    table = _grid()
    table.add_row("isolation", Text(report.isolation or "none", style="green" if report.isolation == "full" else "red"))
    if report.isolation not in ("full", None):
        table.add_row("", Text("not for code that you do not trust", style="bold red"))
    for note in report.notes:
        table.add_row("", Text(note, style="yellow"))
    table.add_row("kernel", f"{os.uname().release} {os.uname().machine}")
    table.add_row("user namespaces", _number("/proc/sys/user/max_user_namespaces"))
    table.add_row("control groups", _controllers())
    table.add_row("data", str(data))
    table.add_row("S3 and others", _others(report.moto))
    return table


def _others(moto: str | None) -> Text:
    """Who has the services that are not ours."""
    if moto is None:
        return Text("nobody, but for what lambent serve --neighbour names", style="yellow")
    return Text(f"moto {moto}, started when it is first asked; keeps everything in memory alone", style="green")


def _runtimes(runtimes: Sequence[Runtime]) -> Table:
    table = _grid()
    for runtime in sorted(runtimes, key=lambda runtime: by_number(runtime.name)):
        kind = Text("exact", style="green") if runtime.exact else Text("nearest", style="yellow")
        table.add_row(runtime.name, kind, runtime.note)
    return table


def _sdks(report: Report) -> Table:
    table = _grid()
    for installed in report.sdk.installed(TARGETS):
        table.add_row(installed.target, f"{installed.name} {installed.version}", str(installed.folder))
    return table


def _advice(lacks: Sequence[Advice]) -> Table:
    table = _grid()
    for lack in lacks:
        table.add_row(Text(lack.cure, style="cyan"), lack.lack)
    return table


def _grid() -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    return table


def _number(path: str) -> str:
    """Up to how many there may be."""
    try:
        count = int(Path(path).read_text())
    except (OSError, ValueError):
        return "unknown"
    return f"up to {count}" if count else "switched off"


def _controllers() -> str:
    """What each version of the control groups that are mounted can limit."""
    found = []
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, options, *_ = line.split()
        if kind == "cgroup2":
            controllers = _text(Path(place) / "cgroup.controllers").split()
            found.append(f"v2 at {place}: {' '.join(controllers) or 'freezing and killing only'}")
        elif kind == "cgroup":
            names = {"memory", "cpu", "pids", "freezer"} & set(options.split(","))
            found += [f"v1 at {place}: {' '.join(sorted(names))}"] if names else []
    return "\n".join(dict.fromkeys(found)) or "none mounted"


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
