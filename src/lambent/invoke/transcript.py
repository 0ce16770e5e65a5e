"""What the log of an environment says: the platform's lines and what the program writes, in their true order."""

from __future__ import annotations

import asyncio
import os
import select

from lambent.core import limits
from lambent.core.function import Version
from lambent.core.invocation import Outcome
from lambent.core.report import Json, Text, Usage, application_line_wanted, system_line_wanted, timestamp
from lambent.invoke.report import LogStream
from lambent.kit.clock import Clock
from lambent.runtimes.output import Frames, Lines, Printed
from lambent.sandbox.base import Sandbox

PIPE_BYTES = 65536
"""What a pipe holds at most, and so what is read at once."""

_AT_ONCE_BYTES = 16384
"""What is read of a pipe in one turn while the function runs: others want theirs."""
_ENOUGH_CHUNKS = 4
"""Of PIPE_BYTES. What comes in while these are read is for the next turn, lest a writer in the background keep us
reading."""
_MANY = 1000
LINES_PER_S = 100_000
"""Of whoever writes more than _MANY lines in one turn, no more are taken in: each costs everybody's time, however
short it is. The pipe holds the writer up."""

EARLIEST_RECORD_MS = 900_000
"""A record may be written at the beginning of the longest invocation and read at its end."""


class Transcript:
    """Reads the sandbox's two pipes and writes the environment's log stream."""

    __slots__ = (
        "_clock",
        "_frames",
        "_is_reading",
        "_lines",
        "_log",
        "_loop",
        "_pausing",
        "_platform",
        "_readable",
        "_sandbox",
        "_tail",
        "_untold",
        "_version",
        "_wants_info",
    )

    def __init__(self, version: Version, sandbox: Sandbox, log: LogStream, clock: Clock) -> None:
        self._version = version
        self._sandbox = sandbox
        self._log = log
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        json = version.logging.format == "JSON"
        self._platform = Json if json else Text
        self._wants_info = not json or system_line_wanted(version.logging.system_level, "INFO")
        self._lines = Lines()
        self._frames = Frames()
        self._is_reading = False
        self._readable = select.poll()
        self._pausing: asyncio.TimerHandle | None = None
        self._untold: list[tuple[int, str]] = []
        """START, until the next lines are written or `tell` is called."""
        self._tail: bytearray | None = None

    # -- what the program writes ----------------------------------------------------------------------------------

    def open(self) -> None:
        """Begin to read."""
        self._is_reading = True
        for descriptor in (self._sandbox.output, self._sandbox.records):
            self._loop.add_reader(descriptor, self._arrived)
            self._readable.register(descriptor, select.POLLIN)

    def _pause(self, seconds: float) -> None:
        """Read nothing for a while, unless `catch_up` has to."""
        for descriptor in (self._sandbox.output, self._sandbox.records):
            self._loop.remove_reader(descriptor)
        self._pausing = self._loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        self._pausing = None
        for descriptor in (self._sandbox.output, self._sandbox.records):
            self._loop.add_reader(descriptor, self._arrived)

    def close(self) -> None:
        """Let go of the pipes; what is in them is written first."""
        if self._is_reading:
            self.catch_up()
            self._is_reading = False
            if self._pausing is not None:
                self._pausing.cancel()
            self._loop.remove_reader(self._sandbox.output)
            self._loop.remove_reader(self._sandbox.records)

    def catch_up(self) -> None:
        """Write what the program has written by now: an answer must not overtake the lines printed before it."""
        if not self._is_reading:
            return
        # One question about both pipes: mostly they are empty, and reading then costs an exception.
        entries = self._read(_ENOUGH_CHUNKS, PIPE_BYTES) if self._readable.poll(0) else []
        if rest := self._lines.end():
            now = self._now_ms()
            entries += [(now, line) for line in rest if self._is_wanted(line)]
        if entries:
            self._write(entries)

    def _arrived(self) -> None:
        if entries := self._read(1, _AT_ONCE_BYTES):
            self._write(entries)
            if len(entries) > _MANY:
                self._pause(len(entries) / LINES_PER_S)

    def _read(self, most: int, size: int) -> list[tuple[int, str]]:
        """At most so many chunks of this size of each pipe."""
        entries: list[tuple[int, str]] = []
        for chunk in self._chunks(self._sandbox.records, most, size):
            now = self._now_ms()
            for frame in self._frames.feed(chunk):
                at = believable(frame.at_ms, now)
                if isinstance(frame, Printed):
                    entries += [(at, line) for line in self._lines.feed(frame.data) if self._is_wanted(line)]
                else:
                    entries.append((at, frame.text))
        for chunk in self._chunks(self._sandbox.output, most, size):
            now = self._now_ms()
            entries += [(now, line) for line in self._lines.feed(chunk) if self._is_wanted(line)]
        return entries

    def _is_wanted(self, line: str) -> bool:
        logging = self._version.logging
        return logging.format != "JSON" or application_line_wanted(logging.application_level, line)

    def _chunks(self, descriptor: int, most: int, size: int) -> list[bytes]:
        chunks: list[bytes] = []
        while len(chunks) < most:
            try:
                chunk = os.read(descriptor, size)
            except BlockingIOError:
                break
            if not chunk:  # every process that could write is gone
                self._loop.remove_reader(descriptor)
                break
            chunks.append(chunk)
            if len(chunk) < size:
                break
        return chunks

    # -- what the platform says -----------------------------------------------------------------------------------

    def init_start(self, kind: str, runtime_version: str, runtime_arn: str, note: str | None) -> None:
        """The init phase begins, of an initialisation of such a `kind` (core/report.py); `note` says that another
        version stands in for the one that was asked for."""
        now = self._now_ms()
        if self._wants_info:
            self._write([(now, self._platform.init_start(now, kind, runtime_version, runtime_arn, self._version))])
        if note is not None:
            self._write([(now, f"LAMBENT {note}\n")])

    def init_report(self, kind: str, init_ms: float, phase: str, status: str, error_type: str | None = None) -> None:
        """An initialisation failed, or one that no invocation waited for succeeded."""
        now = self._now_ms()
        if self._wants_info or status != "success":
            self._write([(now, self._platform.init_report(now, kind, init_ms, phase, status, error_type))])

    def start(self, request_id: str, *, wants_tail: bool) -> None:
        """An invocation begins. The line waits for company; `tell` writes it alone."""
        self._tail = bytearray() if wants_tail else None
        if self._wants_info:
            now = self._now_ms()
            self._untold.append((now, self._platform.start(now, request_id, self._version.version)))

    def tell(self) -> None:
        """Whoever follows the log shall see what runs."""
        if self._untold:
            self._write([])

    def unsay(self) -> None:
        """The invocation that began begins elsewhere instead."""
        self._untold = []

    def timed_out(self, request_id: str, timeout_s: float) -> None:
        """Time was up."""
        now = self._now_ms()
        self.say(f"{timestamp(now)} {request_id} Task timed out after {timeout_s:.2f} seconds\n\n")

    def say(self, line: str) -> None:
        """A line in the platform's own words."""
        self._write([(self._now_ms(), line)])

    def end(self, request_id: str, usage: Usage, outcome: Outcome) -> bytes | None:
        """The invocation has ended; the last of its log if that was wanted."""
        if self._wants_info or outcome.is_error:  # a failed one's report is of level WARN
            now = self._now_ms()
            report = (now, self._platform.report(now, request_id, self._version.memory_mb, usage, outcome))
            end = self._platform.end(now, request_id)
            self._write([report] if end is None else [(now, end), report])
        tail, self._tail = self._tail, None
        return None if tail is None else bytes(tail)

    def _write(self, entries: list[tuple[int, str]]) -> None:
        if self._untold:
            entries = self._untold + entries
            self._untold = []
        self._log.write(entries)
        if self._tail is not None:
            for _, text in entries:
                self._tail += (text if text.endswith("\n") else text + "\n").encode(errors="replace")
            del self._tail[: -limits.LOG_TAIL]

    def _now_ms(self) -> int:
        return int(self._clock.now() * 1000)


def believable(at_ms: int, now_ms: int) -> int:
    """The time that a program gives its own record, if it can be that of one that arrives now."""
    return at_ms if now_ms - EARLIEST_RECORD_MS <= at_ms <= now_ms else now_ms
