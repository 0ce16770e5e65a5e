"""The values of HTTP: a request, a response, the limits, and how a response's head is written. No I/O."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple

from lambent.kit.http_stream import Incoming
from lambent.values import frozen

Fields = Sequence[tuple[bytes, bytes]]
"""Header fields of a response, in order."""


@frozen
class HttpLimits:
    """What one client may send and how long it may take. Times are kept by a sweep, so they may run over by a
    quarter of the shortest of them, at most a second."""

    target_bytes: int = 16_384
    head_bytes: int = 65_536
    """Request line and header fields together."""
    header_fields: int = 100
    body_bytes: int = 6_291_556
    """What `Connection.body_limit` answers unless it is overridden."""
    unasked_bytes: int = 0
    """A body whose length is announced and no larger than this is taken without asking `Connection.body_limit`."""
    room_bytes: int = 1 << 30
    """What has arrived of unfinished bodies, beyond each one's first piece, on all connections of one listening socket
    together; whoever sends more meanwhile is refused with 503."""
    connections: int = 10_000
    """Open at once on one listening socket; one more is closed unread."""
    idle_s: float | None = 75.0
    """Between requests, the first included; None is for ever."""
    head_s: float = 10.0
    body_s: float = 30.0
    """Beside the time that the body's size allows at `body_bytes_per_s`."""
    body_bytes_per_s: int = 1_024
    write_s: float = 60.0
    """Without the client taking a single byte of its answer."""
    linger_s: float = 10.0
    linger_bytes: int = 134_217_728
    """How long, and for how many bytes, a refused client is still listened to, so that it reads the answer to what
    it is sending instead of a reset."""

    def period_s(self) -> float:
        """How often these times must be looked at."""
        times = [self.head_s, self.body_s, self.write_s, self.linger_s]
        if self.idle_s is not None:
            times.append(self.idle_s)
        return max(0.005, min(1.0, min(times) / 4))


class Request:
    """One request, whole but for a body that is streamed. Header names are in lower case, and fields of one name are
    joined by commas."""

    __slots__ = (
        "body",
        "headers",
        "http_1_0",
        "keep_alive",
        "method",
        "path",
        "peer",
        "plain",
        "query",
        "stream",
        "target",
    )

    def __init__(self, method: str, target: bytes, headers: dict[bytes, bytes], peer: str) -> None:
        self.method = method
        self.target = target
        """As sent."""
        self.path, _, self.query = target.partition(b"?")
        """Both as sent, percent signs included."""
        self.headers = headers
        self.peer = peer
        """The client's IP address; empty on a Unix socket."""
        self.body = b""
        self.stream: Incoming | None = None
        """The body, where it is taken as it arrives (`Connection.streams`); `body` stays empty then."""
        self.keep_alive = True
        """Whether the connection may be used again after the answer."""
        self.http_1_0 = False
        self.plain = True
        """HTTP/1.1, kept alive and not HEAD: the answer needs no special care."""


class Response(NamedTuple):
    """A whole answer."""

    status: int
    headers: Fields
    body: bytes


class Refusal(Exception):
    """The bytes on a connection cannot, or must not, be read any further: the status and text to answer with."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class BodyTooLarge(Refusal):
    """The body of `request`, whose own body stays empty, is announced or found larger than `limit` bytes."""

    def __init__(self, request: Request, limit: int) -> None:
        super().__init__(413, f"The body is larger than {limit} bytes.")
        self.request = request
        self.limit = limit


def status_line(status: int) -> bytes:
    """The first line of an answer. Raises ValueError for what is no final status."""
    line = _STATUS_LINES.get(status)
    if line is None:
        if not 200 <= status <= 999:
            raise ValueError(f"{status} is no final HTTP status")
        line = b"HTTP/1.1 %d \r\n" % status
    return line


def may_have_body(status: int) -> bool:
    """Whether an answer of that status has a body, be it an empty one."""
    return status not in (204, 304)


def header_block(fields: Fields) -> bytes:
    """The fields as they are sent. Raises ValueError for fields that would end early and forge the rest."""
    block = b"".join([b"%b: %b\r\n" % field for field in fields])
    count = len(fields)
    if block.count(b"\n") != count or block.count(b"\r") != count or b"\0" in block:
        raise ValueError("a response header contains a line break or NUL")
    return block


def date_field(now: float) -> bytes:
    """The Date header for a time in seconds since the epoch; no locale can change it."""
    t = time.gmtime(now)
    day, month = _DAYS[t.tm_wday], _MONTHS[t.tm_mon - 1]
    text = f"Date: {day}, {t.tm_mday:02} {month} {t.tm_year} {t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} GMT\r\n"
    return text.encode()


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_STATUS_LINES: Mapping[int, bytes] = {
    s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in HTTPStatus if s.value >= 200
}
ORDINARY_LINES: Mapping[int, bytes] = {s: line for s, line in _STATUS_LINES.items() if may_have_body(s)}
"""Status lines of the statuses whose answers have bodies; for the fast path."""
