"""What is switched on, tried and not believed: signatures, memory limits, sandboxes and logs."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence

from client import BenchError, Lambda, NotOffered, Signed, invocation
from figures import SMALL_MB
from functions import python
from servers import Server
from turns import deployed, say, talking

PROBE = python(
    """import os

def handler(event, context):
    if event.get("take"):
        return len(bytearray(event["take"]))
    return sum(name.isdigit() for name in os.listdir("/proc"))
""",
)
_MUCH_MB = 300
_LOGGED_WITHIN_S = 10.0


def tried(servers: Sequence[Server], columns: Sequence[str]) -> str:
    """A Markdown table of what each server did when it was tried."""
    questions: tuple[tuple[str, Callable[[Lambda, str], str]], ...] = (
        ("an Invoke with a wrong signature", _wrong_signature),
        (f"a function of {SMALL_MB} MB takes {_MUCH_MB} MB", _much_memory),
        ("processes that a function sees", _processes_seen),
        ("CloudWatch Logs has the REPORT line of an invocation", _logged),
    )
    answers: dict[str, dict[str, str]] = {name: {} for name in columns}
    with deployed(servers, PROBE, SMALL_MB) as functions:
        for server in servers:
            for question, ask in questions:
                try:
                    with talking(server) as client:
                        answers[server.name][question] = ask(client, functions.on(server))
                except NotOffered:
                    pass
                except (BenchError, OSError) as error:
                    say(f"{server.name}: {question}: {error}")
                    answers[server.name][question] = "failed"
    lines = [f"| tried in this run | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for question, _ in questions:
        lines.append(f"| {question} | {' | '.join(answers[name].get(question, '–') for name in columns)} |")
    return "\n".join(lines)


def _wrong_signature(client: Lambda, name: str) -> str:
    wrong = dataclasses.replace(client.target, secret_key="wrong")
    request: Signed = invocation(wrong, name, {})
    answer = client.connection.exchange(request.wire())
    return f"served ({answer.status})" if answer.is_success else f"refused ({answer.status})"


def _much_memory(client: Lambda, name: str) -> str:
    answer = client.invoke(name, {"take": _MUCH_MB * 1024 * 1024})
    return "allowed" if answer.is_success else "ended with an error"


def _processes_seen(client: Lambda, name: str) -> str:
    return answer.body.decode() if (answer := client.invoke(name, {})).is_success else f"failed ({answer.status})"


def _logged(client: Lambda, name: str) -> str:
    client.invoke(name, {})
    end = time.monotonic() + _LOGGED_WITHIN_S
    while time.monotonic() < end:
        if any(line.startswith("REPORT RequestId: ") for line in client.log_lines(name, "REPORT")):
            return "yes"
        time.sleep(0.2)
    return "no"
