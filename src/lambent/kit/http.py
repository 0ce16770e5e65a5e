"""One HTTP/1 connection on the server's side: delivers its requests one at a time, and writes the answers.

Reading is in http_reader.py; sockets, the sweep for timeouts and the drain are in http_server.py.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from lambent.kit.http_framing import Bodyless, Chunked, Counted, Framing, UntilClose
from lambent.kit.http_message import (
    ORDINARY_LINES,
    BodyTooLarge,
    Fields,
    Refusal,
    Request,
    Response,
    header_block,
    may_have_body,
    status_line,
)
from lambent.kit.http_reader import SLICE, RequestReader, Stage
from lambent.kit.http_stream import FULL_BYTES, Incoming

if TYPE_CHECKING:
    from lambent.kit.http_server import Listener

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_BETWEEN, _HEAD, _BODY, _ENDED = Stage
_JOIN_BYTES = 65_536
"""Larger bodies are not copied behind their head."""


class Connection(asyncio.Protocol):
    """Base of a server's connection. A subclass overrides `received`, which answers now or later: by `respond`, by
    `write_response`, or by `start`, `send` and `finish`. Until then no further request is delivered, or even read.

    An answer that comes after the client has gone is dropped; one that nobody asked for is a RuntimeError.
    """

    __slots__ = (
        "_advancing",
        "_current",
        "_discarded",
        "_drained",
        "_ending",
        "_framing",
        "_incoming",
        "_paused",
        "_reader",
        "_seen",
        "_seen_at",
        "_server",
        "_stash",
        "_transport",
        "_unsent",
        "_waiting",
        "_writable",
        "listener",
    )

    _current: Request | None
    _drained: asyncio.Future[None] | None
    _framing: Framing | None
    _incoming: Incoming | None
    _stash: memoryview | None
    _transport: asyncio.Transport
    _advancing: bool
    _ending: bool
    _paused: bool
    _waiting: bool
    _writable: bool
    _discarded: int
    _seen: int
    _unsent: int

    listener: Listener
    """Where the connection came in; set before anything is received."""

    # --- what a subclass overrides

    def received(self, request: Request) -> None:
        """A whole request is here. An exception is logged and answered by `failure_response`."""
        self.respond(404)

    def closed(self) -> None:
        """The connection is gone, perhaps in the middle of a request, whose work may be abandoned. A client that
        closes its sending side counts as gone."""

    def resumed(self) -> None:
        """The client has caught up, after `send` answered False."""

    def body_limit(self, method: str, target: bytes, headers: dict[bytes, bytes]) -> int:
        """The most bytes that the body of this request may have. May raise Refusal."""
        return self.listener.limits.body_bytes

    def streams(self, request: Request) -> bool:
        """Whether the body of this request, which has a head so far, is to be taken while it arrives: `received` is
        called at once then, with the body in `request.stream`. Asked for the bodies that `body_limit` is asked for. May
        raise Refusal. If the answer begins before the body is whole, the connection is closed after it."""
        return False

    def too_large(self, request: Request, limit: int) -> Response:
        """The answer to a request whose body is larger than `limit`; `request` has no body."""
        return self.refused(413, f"The body is larger than {limit} bytes.")

    def refused(self, status: int, reason: str) -> Response:
        """The answer to what is no readable request."""
        return Response(status, ((b"Content-Type", b"text/plain; charset=utf-8"),), reason.encode() + b"\n")

    def failure_response(self, request: Request | None, error: Exception) -> Response:
        """The answer when `received` failed or, with no request, `body_limit`."""
        return self.refused(500, "Internal server error.")

    # --- answering

    @property
    def answering(self) -> bool:
        """Whether a request waits for its answer, or for the end of it."""
        return self._current is not None

    @property
    def asked_by_head(self) -> bool:
        """Whether the request that waits asks for a head alone."""
        return self._current is not None and self._current.method == "HEAD"

    @property
    def followed(self) -> bool:
        """Whether a further request is here already, to be delivered after the answer to the present one."""
        return self._current is not None and self._current.keep_alive and bool(self._reader.requests)

    @property
    def date_line(self) -> bytes:
        """The Date header line of this second, for those who use `write_response`."""
        return self._server.date_line

    def respond(self, status: int, headers: Fields | bytes = b"", body: bytes = b"") -> None:
        """Answer. Content-Length, Date and Connection are added. `headers` may be a ready block of lines, each with
        its line end, that holds nothing foreign. Raises ValueError for a header with a line break."""
        request = self._current
        line = ORDINARY_LINES.get(status)
        if request is None or line is None or not request.plain:
            self._respond_specially(status, headers, body)
            return
        block = headers if isinstance(headers, bytes) else header_block(headers)
        head = b"%b%b%bContent-Length: %d\r\n\r\n" % (line, self._server.date_line, block, len(body))
        self._current = None
        if len(body) < _JOIN_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))
        if self._waiting:
            self._advance()

    def write_response(self, response: bytes) -> None:
        """Answer with ready bytes, head and body, that are right for a kept-alive HTTP/1.1 connection; for any other
        they are adapted."""
        request = self._current
        if request is not None and request.plain:
            self._current = None
            self._transport.write(response)
            if self._waiting:
                self._advance()
        elif (request := self._asked()) is not None:
            self._transport.write(_adapted(response, request))
            self._answered(request)

    def start(self, status: int, headers: Fields | bytes = b"", length: int | None = None) -> None:
        """Begin an answer whose body follows by `send`: `length` bytes in all, if that is known. Raises ValueError
        for a header with a line break."""
        request = self._asked()
        if request is None:
            return
        parts = [status_line(status), self._server.date_line]
        parts.append(headers if isinstance(headers, bytes) else header_block(headers))
        if not may_have_body(status):
            self._framing = Bodyless()
        elif length is not None:
            self._framing = Counted(length)
            parts.append(b"Content-Length: %d\r\n" % length)
        elif request.http_1_0:
            request.keep_alive = False
            self._framing = UntilClose()
        else:
            self._framing = Chunked()
            parts.append(b"Transfer-Encoding: chunked\r\n")
        if request.method == "HEAD":
            self._framing = Bodyless()
        request.plain = False  # so that `respond` notices
        self._transport.write(b"".join((*parts, _reuse(request), b"\r\n")))

    def send(self, chunk: bytes) -> bool:
        """Send a part of the body. False means: wait for `writable` or `resumed` before the next, or the client is
        gone. Raises ValueError when it is more than `start` was told."""
        if self._framing is None:
            self._check_gone()
            return False
        if chunk and (parts := self._framing.framed(chunk)):
            self._transport.writelines(parts)
        return self._writable

    def finish(self) -> None:
        """End the answer that `start` began. If it is shorter than it said, the connection is broken."""
        request, framing = self._current, self._framing
        if framing is None or request is None:
            self._check_gone()
            return
        last = framing.last()
        if last is None:
            self.abort()
            return
        self._framing = None
        if last:
            self._transport.write(last)
        self._answered(request)

    async def writable(self) -> None:
        """Wait until the client has caught up. Raises ConnectionResetError when it is gone."""
        while not self._writable and not self._ending:
            if self._drained is None:
                self._drained = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._drained)
        if self._ending:
            raise ConnectionResetError("the client is gone")

    def refuse(self, error: Exception) -> None:
        """Answer a request whose streamed body is broken for this reason, and close."""
        self._respond_specially(*self._response_to(error))

    def abort(self) -> None:
        """Break the connection at once: so a client notices that an answer is not whole."""
        self._ending = True
        self._current = self._framing = None
        self._cut()
        self._transport.abort()

    # --- reading

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if self._current is not None or len(data) > SLICE or reader.stage is _ENDED or self._stash is not None:
            self._received_specially(data)
            return
        reader.feed(data)
        if reader.requests:
            self._advance()
        elif reader.stage:
            self._settle()

    def _received_specially(self, data: bytes) -> None:
        if self._reader.stage is _ENDED:
            self._discard(len(data))
            return
        self._stash = memoryview(data if self._stash is None else b"".join((self._stash, data)))
        self._advance()

    def _advance(self) -> None:
        """Deliver and read until a request waits for its answer, or nothing is left."""
        if self._advancing:
            return
        self._advancing = True
        reader = self._reader
        requests = reader.requests
        while not self._ending:
            if self._current is not None:
                if self._incoming is None or not self._take_in(self._current, self._incoming):
                    break
            elif not self._writable:
                break
            elif requests:
                request = requests.popleft()
                if self._server.draining:
                    request.keep_alive = request.plain = False
                self._current = request
                if request.stream is not None:
                    self._incoming = request.stream
                    request.stream.on_ready(self._advance)
                try:
                    self.received(request)
                except Exception as error:
                    self._failed(request, error)
            elif self._stash is not None:
                self._feed_stash(self._stash)
            else:
                break
        self._advancing = False
        if reader.stage or requests or self._stash is not None or self._waiting:
            self._settle()

    def _take_in(self, request: Request, incoming: Incoming) -> bool:
        """Go on with the streamed body of the request that is being answered; False when that must wait."""
        try:
            incoming.flush()
        except Exception as error:
            self._failed(request, error)
            return True
        if incoming.is_over:
            if self._incoming is incoming:
                self._incoming = None
            return True
        if incoming.is_full or self._stash is None or self._reader.stage is _ENDED:
            return False
        self._feed_stash(self._stash)
        return True

    def _feed_stash(self, stash: memoryview) -> None:
        size = max(SLICE if self._incoming is None else FULL_BYTES, self._reader.certain_bytes())
        self._stash = stash[size:] if len(stash) > size else None
        if self._reader.stage is _ENDED:
            self._discarded += len(stash)
            self._stash = None
        else:
            self._reader.feed(stash[:size])

    def _settle(self) -> None:
        """See to what is neither a request nor waiting for the running one; read on, or wait."""
        reader, incoming = self._reader, self._incoming
        if self._ending:
            return
        held = bool(reader.requests) or self._stash is not None
        if incoming is not None:
            held = held or incoming.is_full
            if reader.expects and incoming.is_wanted:
                reader.expects = False
                self._transport.write(_CONTINUE)
        if self._current is None and not held:
            if reader.failure is not None:
                self._refuse(reader.failure)
                return
            if reader.expects:
                reader.expects = False
                self._transport.write(_CONTINUE)
        self._waiting = held or reader.stage is not _BETWEEN
        if held is not self._paused:
            self._paused = held
            if held:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _discard(self, count: int) -> None:
        """Bytes that nobody will read. They are taken so that the client gets to reading its answer."""
        self._discarded += count
        if self._discarded > self.listener.limits.linger_bytes:
            self._transport.abort() if self._ending else self._transport.pause_reading()

    # --- the less ordinary answers

    def _respond_specially(self, status: int, headers: Fields | bytes, body: bytes) -> None:
        request = self._asked()
        if request is not None:
            self._transport.write(self._whole(request, status, headers, body))
            self._answered(request)

    def _whole(self, request: Request, status: int, headers: Fields | bytes, body: bytes) -> bytes:
        parts = [status_line(status), self._server.date_line]
        parts.append(headers if isinstance(headers, bytes) else header_block(headers))
        if may_have_body(status):
            parts.append(b"Content-Length: %d\r\n" % len(body))
        parts += (_reuse(request), b"\r\n")
        if may_have_body(status) and request.method != "HEAD":
            parts.append(body)
        return b"".join(parts)

    def _answered(self, request: Request) -> None:
        self._current = None
        incoming, self._incoming = self._incoming, None
        if not request.keep_alive:
            self._end()
        elif self._waiting:
            self._advance()
        if incoming is not None:
            incoming.drop()

    def _asked(self) -> Request | None:
        """The request that waits for an answer; None when its client is gone."""
        if self._current is None or self._framing is not None:
            self._check_gone()
            return None
        if self._incoming is not None and not self._incoming.is_whole:
            self._current.keep_alive = False
        return self._current

    def _check_gone(self) -> None:
        if not self._ending:
            raise RuntimeError("no request waits for this")

    def _failed(self, request: Request, error: Exception) -> None:
        """`received` is at fault: answer if that is still possible, and close."""
        self._server.log.error("http_request_failed", error=error, method=request.method, target=request.target)
        if self._current is not request or self._framing is not None:
            self.abort()
            return
        request.keep_alive = request.plain = False
        self._respond_specially(*self._failure_response(request, error))

    def _failure_response(self, request: Request | None, error: Exception) -> Response:
        try:
            return self.failure_response(request, error)
        except Exception as second:
            self._server.log.error("http_failure_response_failed", error=second)
            return Response(500, (), b"")

    def _refuse(self, failure: Exception) -> None:
        """Answer to what cannot be read, stop reading, and close."""
        self._current = request = Request("GET", b"/", {}, "")
        request.keep_alive = request.plain = False
        self._respond_specially(*self._response_to(failure))

    def _response_to(self, failure: Exception) -> Response:
        try:
            if isinstance(failure, BodyTooLarge):
                return self.too_large(failure.request, failure.limit)
            if isinstance(failure, Refusal):
                return self.refused(failure.status, failure.reason)
            self._server.log.error("http_body_limit_failed", error=failure)
            return self._failure_response(None, failure)
        except Exception as error:
            self._server.log.error("http_refusal_failed", error=error)
            return self._failure_response(None, error)

    def _cut(self) -> None:
        """The body that is under way will not become whole."""
        incoming, self._incoming = self._incoming, None
        if incoming is None:
            return
        incoming.fail(ConnectionResetError("the client is gone"))
        try:
            incoming.flush()
        except Exception as error:
            self._server.log.error("http_closed_failed", error=error)

    def _end(self) -> None:
        """Nothing more is answered. A client that is still sending is listened to for a while: a reset could take
        the answer away from it."""
        reader = self._reader
        sending = self._discarded or self._stash is not None or reader.requests or reader.failure is not None
        sending = sending or reader.stage in (_HEAD, _BODY)
        self._current = self._framing = self._stash = None
        self._ending = True
        self._seen_at = self._server.now
        self._unsent = -1
        reader.fail(Refusal(400, "closed"))
        if sending and self._transport.can_write_eof() and not self._transport.is_closing():
            self._transport.write_eof()
            self._transport.resume_reading()
        else:
            self._transport.close()

    # --- what the server calls

    def drain(self) -> None:
        """Close now if nothing is under way, else after the answer to what is."""
        if self._current is not None:
            self._current.keep_alive = self._current.plain = False
        elif not self._waiting and not self._ending:
            self._end()

    def swept(self, now: float) -> None:
        """Look whether this connection has taken too long over something."""
        limits = self.listener.limits
        if not self._writable or self._ending:
            allowed = limits.linger_s
            unsent = self._transport.get_write_buffer_size()
            if unsent:
                allowed = limits.write_s
                if unsent < self._unsent or self._unsent < 0:
                    self._seen_at = now
                self._unsent = unsent
            if now - self._seen_at > allowed:
                self.abort()
        else:
            self._check_reading(now)

    def _check_reading(self, now: float) -> None:
        reader, limits = self._reader, self.listener.limits
        stage = reader.stage
        busy = self._current is not None and (stage is _BETWEEN or stage is _ENDED or reader.expects)
        if busy or self._paused or reader.changes != self._seen:
            self._seen, self._seen_at = reader.changes, now
            return
        elapsed = now - self._seen_at
        if stage is _BETWEEN:
            if limits.idle_s is not None and elapsed > limits.idle_s:
                self._end()
        elif stage is _HEAD:
            if elapsed > limits.head_s:
                self._give_up("The request's head took too long.")
        elif elapsed > limits.body_s + reader.received_bytes() / limits.body_bytes_per_s:
            self._give_up("The request's body took too long.")

    def _give_up(self, reason: str) -> None:
        self._reader.fail(Refusal(408, reason))
        self._advance()

    # --- the rest of asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._server = self.listener.server
        peer = transport.get_extra_info("peername")
        address = peer[0] if isinstance(peer, tuple) else ""
        self._reader = RequestReader(self.listener.limits, address, self.body_limit, self.listener.room, self.streams)
        self._current = self._framing = self._incoming = self._stash = self._drained = None
        self._writable = True
        self._advancing = self._ending = self._paused = self._waiting = False
        self._discarded = self._seen = 0
        self._unsent = -1
        self._seen_at = self._server.now
        if not self.listener.admit(self):
            self.abort()

    def eof_received(self) -> None:
        self._current = self._framing = self._stash = None
        self._ending = True
        self._cut()
        self._seen_at = self._server.now
        self._unsent = -1
        self._reader.fail(Refusal(400, "closed"))

    def pause_writing(self) -> None:
        self._writable = False
        self._unsent = -1

    def resume_writing(self) -> None:
        self._writable = True
        self._wake()
        if self._current is not None:
            self.resumed()
        if self._waiting:
            self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ending = True
        self._current = self._framing = self._stash = None
        self._cut()
        self._reader.release()
        self._wake()
        self.listener.leave(self)
        try:
            self.closed()
        except Exception as error:
            self._server.log.error("http_closed_failed", error=error)

    def _wake(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None


def _reuse(request: Request) -> bytes:
    """The Connection line, where the version's default does not say it already."""
    if not request.keep_alive:
        return b"Connection: close\r\n"
    return b"Connection: keep-alive\r\n" if request.http_1_0 else b""


def _adapted(response: bytes, request: Request) -> bytes:
    """A ready response for a client that wants the connection closed, speaks HTTP/1.0, or asked by HEAD."""
    line, _, rest = response.partition(b"\r\n")
    if request.method == "HEAD":
        rest = rest.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    return b"%b\r\n%b%b" % (line, _reuse(request), rest)
