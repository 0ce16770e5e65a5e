"""`lambent stats`: the table, its bars, and a server that was killed in between."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from rich.console import Console

from lambent.cli.stats import bar, sheet

HELLO = {"app.py": "def handler(event, context):\n    assert not event\n"}


def row(**members: Any) -> dict[str, Any]:
    used = dict.fromkeys(("invocations", "errors", "billed_ms", "init_ms", "gb_seconds", "provisioned_gb_seconds"), 0)
    return {**used, **members}


def text(functions: Sequence[Any], days: Sequence[Any], events: Sequence[Any] = ()) -> str:
    out = io.StringIO()
    Console(file=out, width=200).print(sheet(functions, days, events))
    return out.getvalue()


@pytest.mark.parametrize(
    ("value", "shown"), [(0, ""), (0.001, "▏"), (50, "█████"), (55, "█████▌"), (100, "██████████")]
)
def test_a_bar_is_as_long_as_its_part_of_the_longest(value: float, shown: str) -> None:
    assert bar(value, 100, width=10) == shown


def test_without_invocations_there_is_a_sentence() -> None:
    assert text([], [row(day="2026-01-01")]) == "Nothing was invoked.\n"


def test_functions_are_added_up_below_their_rows() -> None:
    functions = [
        row(function="a", version="$LATEST", invocations=1200, billed_ms=61_500, gb_seconds=7.6875),
        row(function="b", version="3", invocations=1, errors=1, billed_ms=20, provisioned_gb_seconds=3.0),
    ]
    said = text(functions, [row(day="2026-01-01", gb_seconds=7.6875)])
    lines = {line.split()[0]: line.split() for line in said.splitlines() if line}
    assert lines["a"][1:7] == ["$LATEST", "1,200", "0", "61.500", "s", "0.000"]
    assert lines["all"][1:5] == ["1,201", "1", "61.520", "s"]
    assert lines["2026-01-01"][-1] == "█" * 30


def test_asynchronous_events_have_a_table_of_their_own() -> None:
    counts = {"waiting": 1200, "running": 2, "AsyncEventsReceived": 1300, "AsyncEventsDropped": 3}
    counts |= {"DeadLetterErrors": 4, "DestinationDeliveryFailures": 5, "RecursiveInvocationsDropped": 6}
    said = text([], [row(day="2026-01-01")], [{"function": "thumbs", **counts}])
    assert said.startswith("Nothing was invoked.\n")
    assert said.split()[-8:] == ["thumbs", "1,200", "2", "1,300", "3", "4", "5", "6"]


def test_what_was_used_is_still_known_after_a_server_was_killed(make_server: Any, tools: Any) -> None:
    server = make_server().start()
    server.function("hello", HELLO, MemorySize=1024)
    aws = server.client("lambda")

    def stats(*arguments: str) -> str:
        argv = [sys.executable, "-m", "lambent", "stats", "--data", str(server.data), *arguments]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert stats() == "Nothing was invoked.\n"
    billed = 0
    for payload in ("{}", "{}", "1"):
        answer = aws.invoke(FunctionName="hello", Payload=payload, LogType="Tail")
        log = base64.b64decode(answer["LogResult"]).decode()
        billed += int(re.findall(r"Billed Duration: (\d+) ms", log)[0])
    before = stats("hello")  # what it prints is on disk
    server.kill()
    server.start()
    after = stats("hello", "--days", "2")
    for said in (before, after):
        (line,) = [line.split() for line in said.splitlines() if line.startswith("hello")]
        assert line[:6] == ["hello", "$LATEST", "3", "1", f"{billed / 1000:,.3f}", "s"]
    assert "Nothing" in stats("other")
    argv = [sys.executable, "-m", "lambent", "stats", "--data", str(server.data), "hello:live"]
    refused = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert (refused.returncode, refused.stderr.count("counted by version")) == (3, 1)
