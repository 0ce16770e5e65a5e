"""`lambent sdk`: the AWS SDKs that functions may import without bringing them."""

from __future__ import annotations

from pathlib import Path

import click

from lambent.cli.failure import Failure
from lambent.runtimes.catalogue import families
from lambent.runtimes.sdk import Sdk, SdkFailed

TARGETS = ("nodejs", *(f"python3.{minor}" for minor in range(8, 15)))


@click.group()
def sdk() -> None:
    """List and add the AWS SDKs that functions may import without bringing them."""


@sdk.command(name="list")
def show() -> None:
    """Say which SDKs there are."""
    found = {installed.target: installed for installed in Sdk().installed(TARGETS)}
    for target in TARGETS:
        if target in found:
            click.echo(f"{target:<11} {found[target].name} {found[target].version}  ({found[target].folder})")
        else:
            click.echo(f"{target:<11} none; get it with: lambent sdk add {target}")


@sdk.command()
@click.argument("target", type=click.Choice(TARGETS), metavar="nodejs|python3.N")
def add(target: str) -> None:
    """Fetch the newest SDK for nodejs, or for a Python such as python3.8.

    A running server takes it at its next start.
    """
    click.echo(f"fetching the AWS SDK for {target} …", err=True)
    try:
        installed = Sdk().install(target, _interpreter(target))
    except SdkFailed as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise Failure(f"cannot write to {error.filename or Sdk().root}: {error.strerror}") from None
    click.echo(f"{installed.name} {installed.version} is in {installed.folder}")


def _interpreter(target: str) -> Path | None:
    """An interpreter of this host that is exactly the Python of `target`."""
    wanted = target.removeprefix("python")
    for family in families():
        if family.name == "python" and target != "nodejs":
            for path in family.candidates():
                probed = family.probe(path)
                if probed is not None and ".".join(map(str, probed.numbers[:2])) == wanted:
                    return probed.executable
    return None
