"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from lambent.cli import access
from lambent.cli.access import Access
from lambent.config import default_data_directory

C = TypeVar("C", bound=Callable[..., object])


def data_option(command: C) -> C:
    """`--data DIR`: the data directory, None when not given."""
    return click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        help="The server's data directory.  [default: $LAMBENT_DATA, else ~/.local/share/lambent]",
    )(command)


def data_directory(data: Path | None) -> Path:
    """The directory that was given, or the default one; absolute."""
    return (data or default_data_directory()).expanduser().absolute()


def access_for(data: Path | None) -> Access:
    """How a client command reaches its server. Raises Failure."""
    return access.find(os.environ, data_directory(data), named=data is not None)
