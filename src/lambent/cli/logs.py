"""`lambent logs`: a function's log, read through the public API."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import ClientError

from lambent.cli import paint
from lambent.cli.client import connect, is_missing, talking_to
from lambent.cli.options import access_for, data_option

POLL_S = 0.5
OVERLAP_MS = 10_000
"""How far back each look of a follower reaches: lines of several streams do not arrive in the order of their times."""
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

Event = Mapping[str, Any]


@click.command()
@click.argument("name")
@click.option("-f", "--follow", "--tail", "follow", is_flag=True, help="Go on printing what is logged, until Ctrl-C.")
@click.option(
    "--since", default="10m", show_default=True, help="How far back: 30s, 10m, 2h, 1d, 1w, or a time (ISO 8601)."
)
@click.option("--filter", "pattern", help="Only lines that match a CloudWatch Logs filter pattern.")
@data_option
def logs(name: str, follow: bool, since: str, pattern: str | None, data: Path | None) -> None:
    """Print the log of the function NAME; a name that starts with / is a log group's."""
    start = start_ms(since, now_s=time.time())
    access = access_for(data)
    with talking_to(access):
        group, promised = _group(connect(access, "lambda"), name)
        request = {"logGroupName": group} | ({"filterPattern": pattern} if pattern else {})
        client = connect(access, "logs")
        follower = Follower(start)
        while True:
            for event in follower.new(_events(client, request, follower.start, promised=promised)):
                click.echo(shown(event))
            if not follow:
                return
            time.sleep(POLL_S)


class Follower:
    """Remembers which events have been seen, as far back as it looks again."""

    def __init__(self, start: int) -> None:
        self.start = start
        self._seen: dict[str, int] = {}

    def new(self, events: Iterator[Event]) -> Iterator[Event]:
        """Those of `events` that were not among the earlier ones; moves `start` behind them."""
        newest = self.start
        for event in events:
            newest = max(newest, event["timestamp"])
            if event["eventId"] not in self._seen:
                self._seen[event["eventId"]] = event["timestamp"]
                yield event
        self.start = max(self.start, newest - OVERLAP_MS)
        self._seen = {event_id: at for event_id, at in self._seen.items() if at >= self.start}


def start_ms(since: str, *, now_s: float) -> int:
    """Epoch milliseconds of `10m` ago, or of an ISO 8601 time (UTC when it names no zone).
    Raises click.BadParameter."""
    if match := re.fullmatch(r"(\d+)\s*([smhdw])", since.strip()):
        return max(0, int((now_s - int(match[1]) * _UNITS_S[match[2]]) * 1000))
    try:
        moment = datetime.fromisoformat(since.strip())
    except ValueError:
        raise click.BadParameter(f"{since!r} is neither like 10m nor a time", param_hint="--since") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def shown(event: Event) -> str:
    """One event: its time, dimmed, and its text."""
    moment = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    stamp = f"{moment:%Y-%m-%dT%H:%M:%S}.{event['timestamp'] % 1000:03d}Z"
    return f"{click.style(stamp, dim=True)} {paint.log_line(event['message'].rstrip())}"


def _group(client: Any, name: str) -> tuple[str, bool]:
    """Where the function logs to, and whether the function exists, so that the group will appear with its first line.
    Logs outlive their function, whose group had the usual name."""
    if name.startswith("/"):
        return name, False
    try:
        configuration = client.get_function_configuration(FunctionName=name)
    except ClientError as error:
        if not is_missing(error):
            raise
        return usual_group(name), False
    return configuration.get("LoggingConfig", {}).get("LogGroup") or usual_group(name), True


def usual_group(name: str) -> str:
    """The log group that a function has by default; `name` may be an ARN, whole or in part."""
    return f"/aws/lambda/{name.rpartition('function:')[2].partition(':')[0]}"


def _events(client: Any, request: Mapping[str, str], start: int, *, promised: bool) -> Iterator[Event]:
    """All events from `start` on; none, when the group is only `promised` so far."""
    try:
        for page in client.get_paginator("filter_log_events").paginate(**request, startTime=start):
            yield from page["events"]
    except ClientError as error:
        if not (promised and is_missing(error)):
            raise
