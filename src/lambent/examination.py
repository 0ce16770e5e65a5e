"""What this machine can do for a server, found out without starting one."""

from __future__ import annotations

import os
from collections.abc import Sequence

from lambent.app import open_driver
from lambent.config import Settings, cache_directory
from lambent.foreign.moto import installed_version, is_installed
from lambent.kit.log import Log
from lambent.runtimes.catalogue import Catalogue, open_catalogue
from lambent.runtimes.sdk import Sdk
from lambent.sandbox.base import Driver, IsolationUnavailable, IsolationUndecided
from lambent.values import frozen


@frozen
class Report:
    """What `lambent doctor` shows."""

    isolation: str | None
    """The level that can be had, or None with the reason in `notes`."""
    notes: Sequence[str]
    catalogue: Catalogue
    sdk: Sdk
    moto: str | None = None
    """The version of the embedded moto, None when it is not installed."""


async def examine(settings: Settings) -> Report:
    """Look at this machine without starting a server."""
    log = Log("error")
    settings.data.mkdir(parents=True, exist_ok=True)
    sdk = Sdk()
    state, facts = settings.data / "runtimes", cache_directory()
    catalogue = open_catalogue(state, sdk=sdk, strict=settings.strict_runtimes, facts=facts)
    moto = installed_version() if is_installed() else None
    try:
        driver: Driver = open_driver(settings.isolation, settings.data / "doctor", f"doctor-{os.getpid()}", log)
    except (IsolationUnavailable, IsolationUndecided) as error:
        return Report(None, (str(error),), catalogue, sdk, moto)
    try:
        await driver.start()
        return Report(driver.level, tuple(driver.notes), catalogue, sdk, moto)
    finally:
        await driver.close()
