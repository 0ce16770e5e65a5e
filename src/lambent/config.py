"""Settings: what the command line and the environment (LAMBENT_…) may say. Read once, then passed as values."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from lambent.core import limits
from lambent.core.retry import DELAYS_S
from lambent.values import frozen

if TYPE_CHECKING:
    from lambent.foreign.targets import Neighbour

PORT = 4566


class StartError(Exception):
    """The server cannot start; the text is for whoever started it."""


def default_data_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """$LAMBENT_DATA, else $XDG_DATA_HOME/lambent, else ~/.local/share/lambent."""
    if named := environ.get("LAMBENT_DATA"):
        return Path(named)
    base = environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "lambent"


def cache_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """What is known of this host and can be found out again: $XDG_CACHE_HOME/lambent, else ~/.cache/lambent."""
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "lambent"


@frozen
class Settings:
    """Everything that can be set."""

    host: str = "127.0.0.1"
    port: int = PORT
    data: Path = field(default_factory=default_data_directory)
    dev: bool = False
    """Any well-formed key is its account's root (loopback only)."""
    isolation: str | None = None
    """The level that must be had: `full` or `rootless`; None takes the strongest there is."""
    strict_runtimes: bool = False
    """Refuse a runtime whose exact version is missing, instead of running it on the nearest."""
    concurrency: int = limits.CONCURRENT_EXECUTIONS
    """Concurrent executions per account and region."""
    code_storage: int = limits.CODE_STORAGE
    """Bytes of code per account and region: of functions, versions and layers."""
    async_retry_delays_s: tuple[float, ...] = DELAYS_S
    """Before each retry of an asynchronous event whose function failed."""
    idle_s: float = 300.0
    """How long an environment may stay idle."""
    log_level: str = "info"
    neighbours: tuple[Neighbour, ...] = ()
    """Services that are neither here nor in the embedded moto."""
    moto: bool = True
    """Whether the embedded moto, if it is installed, has the other services."""
    account: str = "000000000000"
    region: str = "us-east-1"
