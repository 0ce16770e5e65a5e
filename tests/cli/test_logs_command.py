"""`lambent logs`: times, groups, what a follower shows, and what it says when there is nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner, Result

from lambent.cli import logs as command
from lambent.cli.access import Access
from lambent.cli.logs import OVERLAP_MS, Follower, start_ms, usual_group
from lambent.cli.main import lambent

NOW_S = 1_700_000_000.0
MISSING = ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "The specified log group"}}, "X")


@pytest.mark.parametrize(
    ("since", "start"),
    [
        ("30s", NOW_S - 30),
        ("10m", NOW_S - 600),
        ("2h", NOW_S - 7200),
        ("1d", NOW_S - 86_400),
        (" 1w ", NOW_S - 604_800),
        ("99999w", 0),
        ("2023-11-14T00:00:00Z", 1_699_920_000),
        ("2023-11-14T00:00:00", 1_699_920_000),
        ("2023-11-14T01:00:00+01:00", 1_699_920_000),
        ("2023-11-14", 1_699_920_000),
    ],
)
def test_since_is_an_age_or_a_time(since: str, start: float) -> None:
    assert start_ms(since, now_s=NOW_S) == start * 1000


@pytest.mark.parametrize("since", ["", "10", "m", "10x", "-5m", "yesterday"])
def test_anything_else_is_wrong_usage(since: str) -> None:
    with pytest.raises(click.BadParameter):
        start_ms(since, now_s=NOW_S)


@pytest.mark.parametrize(
    "name",
    ["f", "function:f", "000000000000:function:f", "arn:aws:lambda:us-east-1:0:function:f", "f:live", "function:f:3"],
)
def test_the_usual_group_of_every_spelling_of_a_name(name: str) -> None:
    assert usual_group(name) == "/aws/lambda/f"


def _event(event_id: str, at: int) -> dict[str, Any]:
    return {"eventId": event_id, "timestamp": at, "message": event_id}


def _ids(events: Iterator[Any]) -> list[str]:
    return [event["eventId"] for event in events]


def test_a_follower_shows_each_event_once_also_one_that_arrives_late() -> None:
    follower = Follower(0)
    base = 100_000
    assert _ids(follower.new(iter([_event("a", base), _event("b", base + 5)]))) == ["a", "b"]
    assert follower.start == base + 5 - OVERLAP_MS
    late = [_event("a", base), _event("late", base + 1), _event("b", base + 5), _event("c", base + 6)]
    assert _ids(follower.new(iter(late))) == ["late", "c"]
    assert _ids(follower.new(iter(late))) == []


def test_a_follower_never_looks_back_beyond_where_it_began() -> None:
    follower = Follower(50_000)
    list(follower.new(iter([_event("a", 50_001)])))
    assert follower.start == 50_000


def test_a_follower_forgets_what_it_does_not_look_at_again() -> None:
    follower = Follower(0)
    for step in range(50):
        list(follower.new(iter([_event(str(step), step * OVERLAP_MS)])))
    assert len(follower._seen) == 2


class Client:
    """A Lambda and a Logs client in one: a function or none, and pages of events or an error."""

    def __init__(self, *, function: dict[str, Any] | None, pages: list[Any]) -> None:
        self.function = function
        self.pages = pages
        self.requests: list[dict[str, Any]] = []

    def get_function_configuration(self, **request: Any) -> dict[str, Any]:
        if self.function is None:
            raise MISSING
        return self.function

    def get_paginator(self, operation: str) -> Client:
        assert operation == "filter_log_events"
        return self

    def paginate(self, **request: Any) -> Iterator[Any]:
        self.requests.append(request)
        for page in self.pages:
            if isinstance(page, BaseException):
                raise page
            yield {"events": page}


def _run(monkeypatch: pytest.MonkeyPatch, client: Client, *arguments: str) -> Result:
    monkeypatch.setattr(command, "connect", lambda access, service: client)
    monkeypatch.setattr(command, "access_for", lambda data: Access("http://h", "r", "k", "s"))
    return CliRunner().invoke(lambent, ["logs", *arguments])


def test_every_page_is_printed_with_times(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(function={"FunctionName": "f"}, pages=[[_event("one\n", 0)], [_event("two\nlines", 1_001)]])
    done = _run(monkeypatch, client, "f", "--filter", "ERROR", "--since", "1970-01-01")
    assert done.stdout == "1970-01-01T00:00:00.000Z one\n1970-01-01T00:00:01.001Z two\nlines\n"
    assert client.requests == [{"logGroupName": "/aws/lambda/f", "filterPattern": "ERROR", "startTime": 0}]


def test_a_function_may_log_to_another_group(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(function={"FunctionName": "f", "LoggingConfig": {"LogGroup": "/mine"}}, pages=[[]])
    _run(monkeypatch, client, "f")
    assert client.requests[0]["logGroupName"] == "/mine"


def test_the_log_of_a_deleted_function_can_still_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    done = _run(monkeypatch, Client(function=None, pages=[[_event("old", 0)]]), "f", "--since", "1970-01-01")
    assert done.stdout.endswith(" old\n")


def test_a_function_that_has_not_logged_yet_has_an_empty_log(monkeypatch: pytest.MonkeyPatch) -> None:
    done = _run(monkeypatch, Client(function={"FunctionName": "f"}, pages=[MISSING]), "f")
    assert (done.exit_code, done.output) == (0, "")


def test_neither_function_nor_log_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    done = _run(monkeypatch, Client(function=None, pages=[MISSING]), "f")
    assert done.exit_code == 3
    assert done.stderr == "Error: ResourceNotFoundException: The specified log group\n"


def test_a_log_group_may_be_named_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    client = Client(function=None, pages=[[]])
    _run(monkeypatch, client, "/some/group")
    assert client.requests[0]["logGroupName"] == "/some/group"


def test_a_follower_stops_at_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(function={"FunctionName": "f"}, pages=[[_event("a", 0)]])
    looks = iter([None, KeyboardInterrupt()])

    def sleep(seconds: float) -> None:
        if (ending := next(looks)) is not None:
            raise ending

    monkeypatch.setattr(command.time, "sleep", sleep)
    done = _run(monkeypatch, client, "f", "--tail", "--since", "1970-01-01")
    assert done.stdout == "1970-01-01T00:00:00.000Z a\n"
    assert len(client.requests) == 2
