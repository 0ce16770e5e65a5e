"""`lambent serve`: the one command that is the server, not a client of it."""

from __future__ import annotations

import os
from pathlib import Path

import click
import uvloop

from lambent import __version__
from lambent.app import Running
from lambent.app import serve as run
from lambent.cli.failure import Failure
from lambent.cli.options import data_directory, data_option
from lambent.config import PORT, Settings, StartError
from lambent.core import limits
from lambent.core.retry import DELAYS_S
from lambent.foreign.targets import BadNeighbour, neighbours
from lambent.kit.descriptors import allow_most

DESCRIPTORS_OF_ONE = 6
"""That a running invocation takes of the server: five of its sandbox, and its caller's connection."""
LONGEST_DELAY_S = 21_600
LEVELS = ("full", "rootless", "process-only")
LOG_LEVELS = ("debug", "info", "warning", "error")


@click.command(context_settings={"show_default": True, "auto_envvar_prefix": "LAMBENT"})
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, help="Port of every AWS API; 0 takes a free one.")
@data_option
@click.option("--dev", is_flag=True, help="Take any well-formed key (test/test) as its account's root; loopback only.")
@click.option("--isolation", type=click.Choice(LEVELS), help="Refuse to start below this level.  [default: the best]")
@click.option("--strict-runtimes", is_flag=True, help="Never run a function on another version than the one it names.")
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=limits.CONCURRENT_EXECUTIONS,
    help="Invocations that may run at once, in each account and region.",
)
@click.option(
    "--code-storage",
    metavar="BYTES",
    type=click.IntRange(min=1),
    default=limits.CODE_STORAGE,
    help="What the code of functions, versions and layers may take, in each account and region.",
)
@click.option(
    "--neighbour",
    "neighbour",
    metavar="NAME=URL",
    multiple=True,
    envvar="LAMBENT_NEIGHBOURS",
    help="Where the AWS service NAME is: s3=http://127.0.0.1:9000. Several may be given.",
)
@click.option("--moto/--no-moto", default=True, help="Let moto, if it is installed, be what no neighbour is named for.")
@click.option(
    "--async-retry-delays",
    metavar="SECONDS,SECONDS",
    default=",".join(f"{delay:g}" for delay in DELAYS_S),
    callback=lambda _context, _parameter, text: delays(text),
    help="Before the first and the second retry of an asynchronous event whose function failed.",
)
@click.option("--log-level", type=click.Choice(LOG_LEVELS), default="info", help="What the server's own log says.")
def serve(
    host: str,
    port: int,
    data: Path | None,
    dev: bool,
    isolation: str | None,
    strict_runtimes: bool,
    concurrency: int,
    code_storage: int,
    neighbour: tuple[str, ...],
    moto: bool,
    async_retry_delays: tuple[float, ...],
    log_level: str,
) -> None:
    """Run the server until Ctrl-C or SIGTERM: running invocations then finish first; a second signal ends at once.

    Each option can be set by the environment too: LAMBENT_PORT, LAMBENT_DATA, LAMBENT_DEV, …
    """
    try:
        named = neighbours(neighbour, os.environ)
    except BadNeighbour as error:
        raise click.BadParameter(str(error), param_hint="--neighbour") from None
    settings = Settings(
        host=host,
        port=port,
        data=data_directory(data),
        dev=dev,
        isolation=isolation,
        strict_runtimes=strict_runtimes,
        concurrency=concurrency,
        code_storage=code_storage,
        neighbours=named,
        moto=moto,
        async_retry_delays_s=async_retry_delays,
        log_level=log_level,
    )
    if scarce := scarcity(allow_most(), concurrency):
        click.secho(scarce, fg="yellow", bold=True, err=True)
    try:
        uvloop.run(run(settings, ready=announce))
    except StartError as error:
        raise Failure(str(error)) from None


def delays(text: str) -> tuple[float, ...]:
    """Seconds, as `60,120` says them; a single number is for both. Raises click.BadParameter."""
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not 1 <= len(found) <= 2 or not all(0 <= each <= LONGEST_DELAY_S for each in found):
        raise click.BadParameter(f"{text!r} is not one or two numbers of seconds up to {LONGEST_DELAY_S}, as in 1,2")
    return found


def scarcity(descriptors: int, concurrency: int) -> str | None:
    """A warning when so many descriptors may not do for so many invocations at once."""
    most = descriptors // DESCRIPTORS_OF_ONE
    if most >= concurrency:
        return None
    return f"WARNING: {descriptors:,} file descriptors (ulimit -Hn) do for about {most:,} invocations at once."


def announce(running: Running) -> None:
    """One line for whoever waits for it, and what the user must not overlook."""
    for line in warnings(running):
        click.secho(line, fg="yellow", bold=True, err=True)
    click.echo(ready_line(running))


def ready_line(running: Running) -> str:
    """The only line on standard output."""
    trust = "dev" if running.settings.dev else "enforce"
    state = f"isolation: {running.isolation}, data: {running.settings.data}, trust: {trust}"
    return f"Lambent {__version__} ready on {running.url} ({state})"


def warnings(running: Running) -> list[str]:
    """What weakens this server."""
    lines = []
    if running.settings.dev:
        lines.append("WARNING: --dev: whoever can reach this port is administrator of every account.")
    if running.isolation != "full":
        lines.append(f"WARNING: isolation is only {running.isolation}; do not run code that you do not trust.")
        lines += [f"         {note}" for note in running.notes]
    return lines
