"""Reads HTTP/1 requests out of bytes, and refuses what two readers could understand differently. No I/O: bytes go
in, whole requests come out; those whose bodies are streamed, as soon as their heads are whole. The parser is llhttp;
the checks that it does not make are made here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from enum import IntEnum

import httptools

from lambent.kit.http_message import BodyTooLarge, HttpLimits, Refusal, Request
from lambent.kit.http_stream import Incoming

SLICE = 16_384
"""The most bytes to feed at once: it bounds how many requests can come out beyond the one that is handled."""


class Stage(IntEnum):
    """Where in a message the bytes that were fed so far end."""

    BETWEEN = 0
    HEAD = 1
    BODY = 2
    ENDED = 3
    """Nothing that follows on this connection is read."""


_BETWEEN, _HEAD, _BODY, _ENDED = Stage  # an enum's attributes are slow to reach
_METHODS: Mapping[bytes, str] = {m.encode(): m for m in ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS")}
_HOST_BYTES = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%!$&'()*+;=:[]"
_SINGLE = frozenset((b"host", b"content-length", b"transfer-encoding"))
_SLASH, _HASH = b"/#"
_PIECES = 1_024


class Room:
    """How much more of unfinished bodies may arrive; shared by the readers of one listening socket."""

    __slots__ = ("left",)

    def __init__(self, most: int) -> None:
        self.left = most


class RequestReader:
    """Reads the requests of one connection.

    `requests` holds the whole ones in order. `stage` tells of the one under way. When it is ENDED, `failure` may say
    why: a Refusal, or an error of `body_limit`; it is to be answered after `requests`.
    """

    __slots__ = (
        "_blocks",
        "_counted",
        "_dry",
        "_fed",
        "_first",
        "_headers",
        "_host",
        "_length",
        "_limit",
        "_limits",
        "_more",
        "_parser",
        "_peer",
        "_received",
        "_repeats",
        "_request",
        "_room",
        "_stream",
        "_taken",
        "_target",
        "body_limit",
        "changes",
        "expects",
        "failure",
        "requests",
        "stage",
        "streams",
    )

    _headers: dict[bytes, bytes]
    _received: int
    _request: Request | None

    def __init__(
        self,
        limits: HttpLimits,
        peer: str,
        body_limit: Callable[[str, bytes, dict[bytes, bytes]], int],
        room: Room | None = None,
        streams: Callable[[Request], bool] | None = None,
    ) -> None:
        self.body_limit = body_limit
        self.streams = streams
        self.requests: deque[Request] = deque()
        self.stage: Stage = _BETWEEN
        self.failure: Exception | None = None
        self.expects = False
        """The client waits for "100 Continue" before it sends the body."""
        self.changes = 0
        """Grows whenever a request begins or ends."""
        self._limits = limits
        self._peer = peer
        self._host: bytes | None = None  # the last one found valid
        self._limit = self._length = 0
        self._more: list[bytes] = []
        self._blocks: list[bytes] = []
        self._target = b""
        self._headers = {}
        self._repeats = self._fed = self._received = self._counted = self._dry = 0
        self._room = room or Room(limits.room_bytes)
        self._taken = 0  # of the room
        self._request = None
        self._stream: Incoming | None = None  # of the request that is under way
        self._parser = httptools.HttpRequestParser(self)

    def feed(self, data: bytes | memoryview) -> None:
        """Read on. At most SLICE bytes at a time keep the promise of bounded requests; nothing is raised."""
        rest = None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            self.fail(Refusal(400, f"The request is malformed: {error}."))  # unless a callback has failed
        if rest is not None:
            self._ignore_upgrade(rest)
        if self.stage:
            self._count(len(data))

    def fail(self, failure: Exception) -> Exception:
        """End with `failure`, unless this ended already."""
        if self.stage is not _ENDED:
            self.stage = _ENDED
            self.failure = failure
            self._drop_body()
            if self._stream is not None:
                self._stream.fail(failure)
                self._stream = None
        return failure

    def release(self) -> None:
        """End, and break the reference cycles; nothing may be fed after."""
        self.stage = _ENDED
        self.requests.clear()
        self._drop_body()
        del self._parser, self.body_limit, self.streams

    def received_bytes(self) -> int:
        """How much has arrived of the body that is under way."""
        return self._received

    def certain_bytes(self) -> int:
        """How many of the next bytes surely belong to the body that is under way."""
        return self._length - self._received if self.stage is _BODY else 0

    # --- what the parser calls, in this order

    def on_message_begin(self) -> None:
        self.stage = _HEAD
        self.changes += 1
        self._target = b""
        self._headers = {}
        self._repeats = self._fed = self._received = self._counted = self._dry = 0

    def on_url(self, piece: bytes) -> None:
        self._target += piece

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        headers = self._headers
        if name in headers:
            self._repeated(name, value)
        else:
            headers[name] = value.rstrip(b" \t")

    def on_headers_complete(self) -> None:
        headers, target, parser = self._headers, self._target, self._parser
        method = _METHODS.get(parser.get_method())
        host = headers.get(b"host")
        try:
            if (
                host is None
                or host != self._host
                or not parser.should_keep_alive()
                or b"connection" in headers  # without it, only HTTP/1.1 is kept alive
                or method is None
                or target[0] != _SLASH
                or _HASH in target
                or len(target) > self._limits.target_bytes
                or len(headers) + self._repeats > self._limits.header_fields
                or self._fed
            ):
                request = self._examined(method, target, headers)
                if b"upgrade" in headers and parser.should_upgrade():
                    return
            else:
                request = Request(method, target, headers, self._peer)
                if method == "HEAD":
                    request.plain = False
            if b"content-length" in headers or b"transfer-encoding" in headers:
                self._expect_body(request)
                if self._stream is not None:
                    self.requests.append(request)
        except Exception as error:  # of body_limit too: it must not pass for one of the parser's
            self.fail(error)
            raise
        self._request = request
        self.stage = _BODY

    def on_body(self, piece: bytes) -> None:
        received = self._received
        self._received = total = received + len(piece)
        if total > self._limit:
            assert self._request is not None
            raise self.fail(BodyTooLarge(self._request, self._limit))
        if self._stream is not None:
            self._stream.feed(piece)
        elif received:
            self._take_room(len(piece))
            self._more.append(piece)
            if len(self._more) == _PIECES:  # tiny chunks must not cost many times their size
                self._blocks.append(b"".join(self._more))
                self._more.clear()
        else:
            self._first = piece

    def on_message_complete(self) -> None:
        request = self._request
        if request is None:  # an upgrade: see _parse
            return
        self._request = None
        if self._stream is not None:
            self._end_stream(self._stream, request)
            return
        if self._received:
            self.expects = False
            request.body = self._whole_body() if self._more or self._blocks else self._first
        self.changes += 1
        self.stage = _BETWEEN if request.keep_alive else _ENDED
        self.requests.append(request)

    # --- the head

    def _repeated(self, name: bytes, value: bytes) -> None:
        self._repeats += 1
        if self._repeats > self._limits.header_fields:
            raise self.fail(Refusal(431, "There are too many header fields."))
        if name in _SINGLE:
            raise self.fail(Refusal(400, f"There is more than one {name.decode()} field."))
        self._headers[name] += b"," + value.rstrip(b" \t")

    def _examined(self, method: str | None, target: bytes, headers: dict[bytes, bytes]) -> Request:
        """The request of a head that is not quite ordinary. Raises Refusal."""
        version = self._parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise Refusal(505, f"HTTP/{version} is not spoken here.")
        if method is None:
            raise Refusal(501, "The method is not implemented.")
        self._check_sizes(target, headers)
        host = headers.get(b"host")
        if host is None and version == "1.1":
            raise Refusal(400, "The host field is missing.")
        if host is not None:
            _check_host(host)
            if self._limits.head_bytes >= SLICE:  # else every head must be measured, as here
                self._host = host
        request = Request(method, target, headers, self._peer)
        request.http_1_0 = version == "1.0"
        request.keep_alive = self._parser.should_keep_alive()
        request.plain = request.keep_alive and version == "1.1" and method != "HEAD"
        if _HASH in target:
            raise Refusal(400, "The target contains a fragment.")
        if not target.startswith(b"/"):
            _take_unusual_target(request)
        return request

    def _check_sizes(self, target: bytes, headers: Mapping[bytes, bytes]) -> None:
        limits = self._limits
        if len(target) > limits.target_bytes:
            raise Refusal(414, f"The target is longer than {limits.target_bytes} bytes.")
        if len(headers) + self._repeats > limits.header_fields:
            raise Refusal(431, f"There are more than {limits.header_fields} header fields.")
        size = len(target) + sum(len(name) + len(value) + 4 for name, value in headers.items())
        if size > limits.head_bytes:
            raise Refusal(431, f"The head is larger than {limits.head_bytes} bytes.")

    # --- the body

    def _expect_body(self, request: Request) -> None:
        """Decide about the body that is announced. Raises Refusal."""
        headers = request.headers
        coding = headers.get(b"transfer-encoding")
        if coding is None:
            length = int(headers[b"content-length"])
            if not length:
                self._length = 0
                return
            self._limit = self._length = length
            if length > self._limits.unasked_bytes:
                self._limit = self.body_limit(request.method, request.target, headers)
                if length > self._limit:
                    raise BodyTooLarge(request, self._limit)
                self._may_stream(request)
        else:
            _check_coding(request, coding)
            self._limit = self.body_limit(request.method, request.target, headers)
            self._length = 0
            self._headers = {}  # trailers are read into this one; they are for streams alone
            self._repeats = 0
            self._may_stream(request)
        if b"expect" in headers:
            self.expects = _expects(request)

    def _may_stream(self, request: Request) -> None:
        if self.streams is not None and self.streams(request):
            self._stream = request.stream = Incoming()
            request.plain = False

    def _end_stream(self, stream: Incoming, request: Request) -> None:
        self._stream = None
        self.expects = False
        stream.end({} if self._headers is request.headers else self._headers)
        self.changes += 1
        self.stage = _BETWEEN if request.keep_alive else _ENDED

    def _whole_body(self) -> bytes:
        body = b"".join((self._first, *self._blocks, *self._more))
        self._drop_body()
        return body

    def _take_room(self, size: int) -> None:
        room = self._room
        if size > room.left:
            raise self.fail(Refusal(503, "Too much is being sent at once."))
        room.left -= size
        self._taken += size

    def _drop_body(self) -> None:
        self._more.clear()
        self._blocks.clear()
        self._room.left += self._taken
        self._taken = 0

    # --- the unusual

    def _ignore_upgrade(self, rest: bytes | memoryview) -> None:
        """Go on in HTTP/1.1 after a request to change the protocol, as a server may. The parser would skip the body,
        so a new one reads the same head without its Upgrade field, then `rest`."""
        head = self._head_without_upgrade()
        self._parser = httptools.HttpRequestParser(self)
        self.feed(head)
        if self.stage is not _ENDED:
            self.feed(rest)

    def _head_without_upgrade(self) -> bytes:
        method, version = self._parser.get_method(), self._parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b\r\n" % (method, self._target, version)]
        lines += [b"%b: %b\r\n" % field for field in self._headers.items() if field[0] != b"upgrade"]
        return b"".join(lines) + b"\r\n"

    def _count(self, fed: int) -> None:
        """Bound what an unfinished message may take: its head, and the framing and trailers around its body."""
        self._fed += fed
        spare = self._limits.head_bytes + SLICE
        if self.stage is _HEAD and self._fed > spare:
            short = self._headers or len(self._target) <= self._limits.target_bytes
            self.fail(Refusal(431, "The head is too large.") if short else Refusal(414, "The target is too long."))
        elif self.stage is _BODY:
            self._dry = self._dry + fed if self._received == self._counted else 0  # trailers are that, too
            self._counted = self._received
            if self._dry > spare or self._fed > 2 * spare + 8 * self._received:
                self.fail(Refusal(400, "The body's chunks are mostly framing."))


def _check_host(host: bytes) -> None:
    if host.translate(None, _HOST_BYTES):
        raise Refusal(400, "The host is invalid.")


def _take_unusual_target(request: Request) -> None:
    """The other forms that a target may have: `*`, and a whole URL, whose authority then replaces the Host field."""
    target = request.target
    if target == b"*" and request.method == "OPTIONS":
        return
    scheme, found, rest = target.partition(b"://")
    if not found or scheme.lower() not in (b"http", b"https"):
        raise Refusal(400, "The target is neither a path nor an HTTP URL.")
    location, _, request.query = rest.partition(b"?")
    authority, _, path = location.partition(b"/")
    if not authority:
        raise Refusal(400, "The target has no host.")
    _check_host(authority)
    request.headers[b"host"] = authority
    request.path = b"/" + path


def _check_coding(request: Request, coding: bytes) -> None:
    if coding.lower() != b"chunked":
        raise Refusal(501, "The only transfer coding here is chunked.")
    if request.http_1_0 or b"content-length" in request.headers:
        raise Refusal(400, "Transfer-Encoding is not allowed here.")


def _expects(request: Request) -> bool:
    if request.headers[b"expect"].lower() != b"100-continue":
        raise Refusal(417, "The expectation is unknown.")
    return not request.http_1_0
