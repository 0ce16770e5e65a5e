"""`lambent version`."""

from __future__ import annotations

from importlib.metadata import version as installed

import click


def text() -> str:
    """The version of the installed package."""
    return installed("lambent")


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(f"Lambent {text()}")
