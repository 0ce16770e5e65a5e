"""An HTTP/1.1 client whose bodies are streamed both ways: neither side is ever further ahead than a small buffer.

Connections are kept for a moment and used again. Redirects, cookies and codings are the caller's business.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections import deque
from collections.abc import AsyncIterator, Mapping
from functools import cache
from typing import cast
from urllib.parse import urlsplit

import httptools

from lambent.kit.http_message import header_block
from lambent.kit.tasks import Tasks
from lambent.values import frozen

FULL_BYTES = 262_144
"""When so much of an answer waits to be taken, no more is read."""
_KEPT_PER_ORIGIN = 16
_PORTS = {"http": 80, "https": 443}


class Unreachable(Exception):
    """Nobody answers there; the text says why, without the address."""


class Broken(Exception):
    """The connection ended, or went silent, before its answer did."""


class AnswerTooLarge(Exception):
    """The body is larger than was asked for."""


@frozen
class Origin:
    """Where to connect: host and port, or the path of a Unix socket."""

    host: str
    port: int
    is_tls: bool = False
    socket: str | None = None

    @classmethod
    def of(cls, url: str) -> Origin:
        """The origin of an http or https URL. Raises ValueError with what is wrong."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS:
            raise ValueError("it must begin with http:// or https://")
        if not parts.hostname:
            raise ValueError("it names no host")
        return cls(parts.hostname, parts.port or _PORTS[parts.scheme], parts.scheme == "https")

    @property
    def authority(self) -> bytes:
        """The Host header: without the port where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = _PORTS["https" if self.is_tls else "http"]
        return (host if self.port == usual else f"{host}:{self.port}").encode("idna" if not host.isascii() else "ascii")


@frozen
class ClientLimits:
    """How long to wait. All in seconds."""

    connect_s: float = 5.0
    head_s: float = 300.0
    """From the request's last byte to the answer's head: completing a large upload takes a while."""
    silent_s: float = 60.0
    """Without a byte, while more of an answer is waited for, or without the other side taking one of the request."""
    idle_s: float = 4.0
    """An unused connection older than that is not used again: servers close theirs after five seconds and more."""


@frozen
class Outgoing:
    """A request. Content-Length or Transfer-Encoding are the client's own matter and must not be among `headers`;
    Host must be."""

    method: str
    target: bytes
    headers: Mapping[bytes, bytes]
    body: bytes | AsyncIterator[bytes] = b""
    length: int | None = None
    """Of a streamed body; None sends it in chunks."""


class Answer:
    """An answer whose head is here: iterate over its body, or `read` it; then `close`, or use it as a context."""

    def __init__(self, wire: _Wire, client: Client) -> None:
        self.status = wire.status
        self.headers = wire.headers
        """In order, names in lower case."""
        self._wire = wire
        self._client = client

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header."""
        return next((value for found, value in self.headers if found == name), None)

    @property
    def length(self) -> int | None:
        """What the head says of the body's length; for HEAD too, where no body follows."""
        text = self.header(b"content-length")
        return int(text) if text is not None and text.isdigit() else None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The body's parts. Raises Broken."""
        while (piece := await self._wire.take(self._client.limits.silent_s)) is not None:
            yield piece

    async def read(self, at_most: int) -> bytes:
        """The whole body. Raises AnswerTooLarge and Broken."""
        parts, size = [], 0
        async for piece in self:
            size += len(piece)
            if size > at_most:
                raise AnswerTooLarge
            parts.append(piece)
        return b"".join(parts)

    def close(self) -> None:
        """Done: the connection is kept if the body was taken to its end, else broken."""
        self._client.give_back(self._wire)

    async def __aenter__(self) -> Answer:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


class Client:
    """Sends requests. `close` breaks what is under way."""

    def __init__(self, tasks: Tasks, limits: ClientLimits | None = None) -> None:
        self.limits = limits or ClientLimits()
        self._tasks = tasks
        self._idle: dict[Origin, deque[_Wire]] = {}
        self._open: set[_Wire] = set()

    async def send(self, origin: Origin, request: Outgoing) -> Answer:
        """The answer, as soon as its head is here. Raises Unreachable, Broken, and what a streamed body raises."""
        kept = self._kept(origin) if isinstance(request.body, bytes) else None
        if kept is not None:
            try:
                return await self._exchange(kept, request)
            except Broken:
                if kept.has_answered:
                    raise  # else the other side had closed it: the request was not seen
        return await self._exchange(await self._connected(origin), request)

    def give_back(self, wire: _Wire) -> None:
        """See Answer.close."""
        self._open.discard(wire)
        if not wire.may_be_kept:
            wire.abort()
            return
        idle = self._idle.setdefault(wire.origin, deque())
        idle.append(wire)
        wire.idle_since = asyncio.get_running_loop().time()
        while len(idle) > _KEPT_PER_ORIGIN:
            idle.popleft().abort()

    def drop(self, origin: Origin) -> None:
        """Break every connection to `origin`: whoever was there is gone, though nothing says so."""
        for wire in (*(wire for wire in self._open if wire.origin == origin), *self._idle.pop(origin, ())):
            wire.abort()

    def close(self) -> None:
        """Break every connection."""
        for wire in (*self._open, *(wire for idle in self._idle.values() for wire in idle)):
            wire.abort()
        self._open.clear()
        self._idle.clear()

    def _kept(self, origin: Origin) -> _Wire | None:
        idle = self._idle.get(origin, deque())
        now = asyncio.get_running_loop().time()
        while idle:
            wire = idle.pop()
            if wire.is_open and now - wire.idle_since < self.limits.idle_s:
                return wire
            wire.abort()
        return None

    async def _connected(self, origin: Origin) -> _Wire:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.limits.connect_s):
                if origin.socket is not None:
                    _, made = await loop.create_unix_connection(lambda: _Wire(origin), origin.socket)
                else:
                    context = system_certificates() if origin.is_tls else None
                    _, made = await loop.create_connection(lambda: _Wire(origin), origin.host, origin.port, ssl=context)
        except TimeoutError:
            raise Unreachable(f"no connection within {self.limits.connect_s:g} seconds") from None
        except ssl.SSLCertVerificationError as error:
            raise Unreachable(f"its certificate is not trusted: {error.verify_message}") from None
        except OSError as error:
            number = error.errno or 0
            raise Unreachable(os.strerror(number) if number > 0 else str(error)) from None
        return made

    async def _exchange(self, wire: _Wire, request: Outgoing) -> Answer:
        self._open.add(wire)
        try:
            wire.begin(request.method)
            wire.write(_head(request))
            if isinstance(request.body, bytes):
                if request.body:
                    wire.write(request.body)
            else:
                await self._send_body(wire, request.body, is_chunked=request.length is None)
            await wire.head(self.limits.head_s)
        except BaseException:
            self._open.discard(wire)
            wire.abort()
            raise
        return Answer(wire, self)

    async def _send_body(self, wire: _Wire, body: AsyncIterator[bytes], *, is_chunked: bool) -> None:
        """Until it is sent, or the answer is there before."""
        sending = self._tasks.start("send", _written(wire, body, self.limits.silent_s, is_chunked=is_chunked))
        answered = wire.answered
        try:
            await asyncio.wait((sending, answered), return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                wire.must_close = True
            elif (failure := sending.result()) is not None and not answered.done():
                raise failure
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending


async def _written(wire: _Wire, body: AsyncIterator[bytes], silent_s: float, *, is_chunked: bool) -> Exception | None:
    """Send a body; what its iterator, or the connection, raises is the result."""
    try:
        async for piece in body:
            if piece:
                wire.write(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
                await wire.drained(silent_s)
    except Exception as error:
        return error
    if is_chunked:
        wire.write(b"0\r\n\r\n")
    return None


def _head(request: Outgoing) -> bytes:
    """Raises ValueError for a header that would forge the rest."""
    if b"\r" in request.target or b"\n" in request.target or b" " in request.target:
        raise ValueError("a request target contains a blank or line break")
    lines = header_block(tuple(request.headers.items()))
    if isinstance(request.body, bytes):
        is_bare = not request.body and request.method in ("GET", "HEAD", "DELETE", "OPTIONS")
        framing = b"" if is_bare else b"content-length: %d\r\n" % len(request.body)
    elif request.length is not None:
        framing = b"content-length: %d\r\n" % request.length
    else:
        framing = b"transfer-encoding: chunked\r\n"
    return b"%b %b HTTP/1.1\r\n%b%b\r\n" % (request.method.encode("ascii"), request.target, lines, framing)


class _Wire(asyncio.Protocol):
    """One connection: an exchange at a time."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self.must_close = False
        self.is_open = False
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self._transport: asyncio.Transport | None = None
        self._is_done = True
        self._error: Exception | None = None
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._is_reading = True
        self._more: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None

    # -- the client's side

    def begin(self, method: str) -> None:
        """Get ready for the answer to a request."""
        self.status = 0
        self.headers = []
        self._is_head = method == "HEAD"
        self._is_done = self._knows_end = False
        self.has_answered = False
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        if self._error is not None:
            self._fail(self._error)

    @property
    def may_be_kept(self) -> bool:
        """Whether another exchange may follow."""
        return self.is_open and self._is_done and not self.must_close and not self._pieces

    def write(self, data: bytes) -> None:
        """Send."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    async def drained(self, silent_s: float) -> None:
        """Wait until the other side has caught up. Raises Broken."""
        if self._error is not None:
            raise self._error
        if self._room is None:
            return
        room, unsent = self._room, self._unsent()
        while not room.done():
            await asyncio.wait((room,), timeout=silent_s)
            if not room.done() and self._unsent() >= unsent:
                raise Broken("it takes no more of the request")
            unsent = self._unsent()
        if self._error is not None:
            raise self._error

    async def head(self, timeout_s: float) -> None:
        """Wait for the answer's head. Raises Broken."""
        done, _ = await asyncio.wait((self.answered,), timeout=timeout_s)
        if not done:
            raise Broken(f"no answer within {timeout_s:g} seconds")
        self.answered.result()

    async def take(self, silent_s: float) -> bytes | None:
        """The next part of the body; None at its end. Raises Broken."""
        while not self._pieces:
            if self._is_done:
                return None
            if self._error is not None:
                raise self._error
            self._more = asyncio.get_running_loop().create_future()
            done, _ = await asyncio.wait((self._more,), timeout=silent_s)
            if not done:
                raise Broken(f"it sent nothing for {silent_s:g} seconds")
        piece = b"".join(self._pieces) if len(self._pieces) > 1 else self._pieces[0]
        self._pieces.clear()
        self._held = 0
        if not self._is_reading and self._transport is not None:
            self._is_reading = True
            self._transport.resume_reading()
        return piece

    def abort(self) -> None:
        """Break the connection."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    # -- the parser's side

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.strip()))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            self.headers = []
            return
        self.status = status
        self.has_answered = True
        names = {name for name, _ in self.headers}
        self._knows_end = b"content-length" in names or b"transfer-encoding" in names or status in (204, 304)
        if not self._parser.should_keep_alive():
            self.must_close = True
        if self._is_head:
            self.must_close = self.must_close or status not in (204, 304)  # the parser waits for a body
            self._is_done = True
        if not self.answered.done():
            self.answered.set_result(None)

    def on_body(self, piece: bytes) -> None:
        if self._is_done:
            return
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held >= FULL_BYTES and self._is_reading and self._transport is not None:
            self._is_reading = False
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self.status:
            self._is_done = True

    # -- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        if self._is_done:
            self.must_close = True  # bytes that nobody asked for
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(Broken(f"its answer is malformed: {error}"))
        self._wake()

    def pause_writing(self) -> None:
        self._room = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self.status and not self._knows_end and exc is None:
            self._is_done = True
        if not self._is_done:
            self._fail(Broken("it closed the connection"))
        self._error = self._error or Broken("it closed the connection")
        self._make_room()
        self._wake()

    def _fail(self, error: Exception) -> None:
        self._error = error
        self.must_close = True
        if not self.answered.done():
            self.answered.set_exception(error)
            self.answered.exception()  # whoever wants it asks again

    def _wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)

    def _make_room(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    def _unsent(self) -> int:
        return self._transport.get_write_buffer_size() if self._transport is not None else 0


@cache
def system_certificates() -> ssl.SSLContext:
    """Who is trusted: those whom the system, or SSL_CERT_FILE, trusts. Read once, which takes a while."""
    return ssl.create_default_context()
