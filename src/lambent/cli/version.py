"""`lambent version`."""

from __future__ import annotations

import click

from lambent import __version__


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(f"Lambent {__version__}")
