"""Where the data plane's log lines go: the port. The lines themselves are made by core/report.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class LogStream(Protocol):
    """One log stream, open for one execution environment."""

    def write(self, entries: Sequence[tuple[int, str]]) -> None:
        """Add (time in epoch milliseconds, message) pairs, without waiting."""


class LogSink(Protocol):
    """Fills log groups; filled by neighbours/logs."""

    def stream(self, *, account: str, region: str, group: str, stream: str) -> LogStream:
        """The stream, which is made with its group (in the background) where they do not exist."""


class NoLogs:
    """Throws lines away: for a release without the logs neighbour, and for tests."""

    def stream(self, *, account: str, region: str, group: str, stream: str) -> LogStream:
        return self

    def write(self, entries: Sequence[tuple[int, str]]) -> None:
        return None
