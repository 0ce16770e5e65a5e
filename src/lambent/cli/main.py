"""The `lambent` command: a table of its commands, each in a file of its own that is imported when it is called."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping

import click

from lambent.cli.failure import INTERRUPTED
from lambent.values import frozen


@frozen
class Entry:
    """Where a command lives (`module:name`), and what it does in one line."""

    place: str
    summary: str


COMMANDS: Mapping[str, Entry] = {
    "serve": Entry("lambent.cli.serve:serve", "Run the server until Ctrl-C."),
    "env": Entry("lambent.cli.env:env", 'Print what a shell must export: eval "$(lambent env)".'),
    "invoke": Entry("lambent.cli.invoke:invoke", "Call a function; print its result and its log."),
    "logs": Entry("lambent.cli.logs:logs", "Print a function's log, and follow it."),
    "versions": Entry("lambent.cli.versions:versions", "Draw a function's versions, and which alias leads to which."),
    "stats": Entry("lambent.cli.stats:stats", "Print what functions have used, as AWS would bill it."),
    "doctor": Entry("lambent.cli.doctor:doctor", "Say what works on this machine, and how to get what does not."),
    "runtimes": Entry("lambent.cli.runtimes:runtimes", "List what functions run on; add and remove Node.js versions."),
    "sdk": Entry("lambent.cli.sdk:sdk", "List and add the AWS SDKs that functions may import."),
    "version": Entry("lambent.cli.version:version", "Print the version."),
}


class Commands(click.Group):
    """A group that knows its commands by name and imports only the one that is called: `--help` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the table's order, which is the order of a first day."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, name = entry.place.partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of `--help`, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.pass_context
def lambent(ctx: click.Context) -> None:
    """AWS Lambda on your own machines."""
    if os.environ.get("NO_COLOR"):
        ctx.color = False


def main() -> None:
    """Run the command line and exit: 0 done, 1 the function failed, 2 wrong usage, 3 it could not be done,
    130 interrupted."""
    try:
        status = lambent.main(prog_name="lambent", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        status = INTERRUPTED
    sys.exit(status)
