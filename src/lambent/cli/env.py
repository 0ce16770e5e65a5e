"""`lambent env`: what a shell must export so that every AWS tool talks to the server."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from lambent.cli.access import Access, written
from lambent.cli.options import data_directory, data_option


@click.command()
@data_option
def env(data: Path | None) -> None:
    """Print shell exports that point the AWS SDKs and tools at the server:

    \b
        eval "$(lambent env)"
    """
    click.echo(exports(written(data_directory(data))), nl=False)


def exports(access: Access) -> str:
    """Lines for a POSIX shell. A session token or a profile that is set already would be mixed with our keys by
    some SDKs, so both are unset."""
    variables = {
        "AWS_ENDPOINT_URL": access.endpoint,
        "AWS_REGION": access.region,
        "AWS_DEFAULT_REGION": access.region,
        "AWS_ACCESS_KEY_ID": access.access_key,
        "AWS_SECRET_ACCESS_KEY": access.secret_key,
    }
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return "\n".join(["unset AWS_SESSION_TOKEN AWS_PROFILE", *lines, ""])
