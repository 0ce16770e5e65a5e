"""How results and log lines look on a terminal. Where no terminal is, they are left as they are."""

from __future__ import annotations

import json

import click

_PLATFORM = ("START RequestId:", "END RequestId:", "INIT_START ")
_REPORT = ("REPORT RequestId:", "INIT_REPORT ")
_FAILURE = ("[ERROR]", "\tERROR\t", "Task timed out after", "Runtime exited", "Status: timeout", "Status: error")
_WARNING = ("[WARNING]", "\tWARN\t")


def log_line(text: str) -> str:
    """A log line, coloured by what it is."""
    if any(mark in text for mark in _FAILURE):
        return click.style(text, fg="red")
    if any(mark in text for mark in _WARNING):
        return click.style(text, fg="yellow")
    if text.startswith(_REPORT):
        return click.style(text, fg="cyan")
    if text.startswith(_PLATFORM):
        return click.style(text, dim=True)
    return text


def pretty(payload: bytes) -> str:
    """A result laid out for reading; one that is no JSON as it is."""
    try:
        value = json.loads(payload)
    except ValueError:
        return payload.decode("utf-8", "replace")
    return json.dumps(value, indent=2, ensure_ascii=False)
