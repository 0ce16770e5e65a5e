"""`lambent invoke`: call a function through the public API."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import click

from lambent.cli import paint
from lambent.cli.client import connect, talking_to
from lambent.cli.failure import FUNCTION_FAILED
from lambent.cli.options import access_for, data_option

TYPES = ("RequestResponse", "Event", "DryRun")


@click.command()
@click.argument("name")
@click.option(
    "-e", "--event", metavar="FILE|-|JSON", help="The event: a file, - for standard input, or the JSON itself."
)
@click.option("--qualifier", help="The version or alias to call.")
@click.option("--type", "kind", type=click.Choice(TYPES, case_sensitive=False), default=TYPES[0], show_default=True)
@click.option("--raw", is_flag=True, help="Print the result byte for byte, and nothing else.")
@click.option("--stream", is_flag=True, help="Print the result byte for byte while the function makes it.")
@data_option
def invoke(
    name: str, event: str | None, qualifier: str | None, kind: str, raw: bool, stream: bool, data: Path | None
) -> None:
    """Call the function NAME (or ARN): its result goes to standard output, its log to standard error.

    Exits with 1 when the function failed.
    """
    request: dict[str, Any] = {"FunctionName": name, "InvocationType": kind, "Payload": payload(event)}
    if qualifier is not None:
        request["Qualifier"] = qualifier
    if kind == "RequestResponse" and not raw:
        request["LogType"] = "Tail"
    access = access_for(data)
    if stream:
        with talking_to(access):
            has_failed = _stream(connect(access, "lambda").invoke_with_response_stream(**request))
        click.get_current_context().exit(FUNCTION_FAILED if has_failed else 0)
    with talking_to(access):
        answer = connect(access, "lambda").invoke(**request)
        result = answer["Payload"].read()
    if raw:
        sys.stdout.buffer.write(result)
        sys.stdout.buffer.flush()
    else:
        _show(answer, result)
    if "FunctionError" in answer:
        click.get_current_context().exit(FUNCTION_FAILED)


def _stream(answer: dict[str, Any]) -> bool:
    """Show a streamed answer while it comes, then its log; whether the function failed."""
    if answer["StatusCode"] == 204:
        _show(answer, b"")
        return False
    end: dict[str, str] = {}
    for event in answer["EventStream"]:
        if "PayloadChunk" in event:
            sys.stdout.buffer.write(event["PayloadChunk"]["Payload"])
            sys.stdout.buffer.flush()
        else:
            end = event["InvokeComplete"]
    _show_log(end)
    if "ErrorCode" in end:
        click.secho(f"the function failed ({end['ErrorCode']})", fg="red", err=True)
        click.echo(paint.pretty(end["ErrorDetails"].encode()), err=True)
    return "ErrorCode" in end


def payload(event: str | None) -> bytes:
    """The event's bytes. A file of that name goes before JSON. Raises click.BadParameter."""
    if event is None:
        return b""
    if event == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(event).read_bytes()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        if not _is_json(event):
            raise click.BadParameter(f"cannot read {event}: {error}", param_hint="--event") from None
    if not _is_json(event):
        raise click.BadParameter(f"{event!r} is neither a file nor JSON", param_hint="--event")
    return event.encode()


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _show_log(answer: dict[str, Any]) -> None:
    for line in base64.b64decode(answer.get("LogResult", "")).decode("utf-8", "replace").splitlines():
        click.echo(paint.log_line(line), err=True)


def _show(answer: dict[str, Any], result: bytes) -> None:
    _show_log(answer)
    match answer["StatusCode"]:
        case 202:
            click.echo("accepted: it will run soon", err=True)
        case 204:
            click.echo("a call like this would be let through", err=True)
        case _ if "FunctionError" in answer:
            click.secho(f"the function failed ({answer['FunctionError']})", fg="red", err=True)
            click.echo(paint.pretty(result))
        case _:
            click.echo(paint.pretty(result))
