"""Bodies that are taken while they arrive: cut anywhere, held up, broken off, refused, answered early."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.kit.http_message import BodyTooLarge, HttpLimits, Refusal, Request
from lambent.kit.http_reader import SLICE, RequestReader, Stage
from lambent.kit.http_stream import FULL_BYTES, Incoming

POST = b"POST /up HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"
LIMITS = HttpLimits(body_bytes=1_000)
LARGE = HttpLimits(body_bytes=1 << 28)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Heard:
    """Takes a body and remembers it."""

    def __init__(self) -> None:
        self.body = b""
        self.pieces = 0
        self.end: object = None
        self.ended = asyncio.Event()

    def piece(self, data: bytes) -> None:
        assert data
        assert self.end is None
        self.body += data
        self.pieces += 1

    def whole(self) -> None:
        assert self.end is None
        self.end = "whole"
        self.ended.set()

    def broken(self, error: Exception) -> None:
        assert self.end is None
        self.end = error
        self.ended.set()


# --- the reader


def read(*pieces: bytes) -> tuple[RequestReader, list[Request]]:
    it = RequestReader(LIMITS, "", lambda *_: LIMITS.body_bytes, None, lambda request: True)
    requests: list[Request] = []
    for piece in pieces:
        if it.stage is not Stage.ENDED:
            it.feed(piece)
        requests += it.requests
        it.requests.clear()
    return it, requests


def taken(request: Request) -> tuple[bytes, object, dict[bytes, bytes]]:
    assert request.stream is not None
    heard = Heard()
    request.stream.take(heard)
    return heard.body, heard.end, dict(request.stream.trailers)


MESSAGES = {
    "a length": (POST + b"Content-Length: 5\r\n\r\nhello", b"hello", {}),
    "chunks": (CHUNKED + chunk(b"abc") + chunk(b"0123456789") + LAST, b"abc0123456789", {}),
    "no chunk": (CHUNKED + LAST, b"", {}),
    "trailers": (CHUNKED + chunk(b"abc") + b"0\r\nA-Type: E\r\nB: c \r\n\r\n", b"abc", {b"a-type": b"E", b"b": b"c"}),
}


@pytest.mark.parametrize(("message", "body", "trailers"), MESSAGES.values(), ids=MESSAGES.keys())
def test_a_streamed_body_cut_at_any_byte_reads_the_same(message: bytes, body: bytes, trailers: object) -> None:
    cuts = [(message[:at], message[at:]) for at in range(1, len(message))]
    for pieces in ((message,), *cuts, tuple(message[i : i + 1] for i in range(len(message)))):
        it, requests = read(*pieces, NEXT)
        assert it.failure is None
        assert [r.path for r in requests] == [b"/up", b"/next"]
        assert taken(requests[0]) == (body, "whole", trailers)
        assert (requests[0].body, requests[1].stream) == (b"", None)


def test_the_head_comes_out_before_the_body_and_its_parts_as_they_come() -> None:
    it, (request,) = read(CHUNKED)
    heard = Heard()
    assert request.stream is not None
    request.stream.take(heard)
    for part in (b"one", b"two"):
        it.feed(chunk(part))
        request.stream.flush()
    assert (heard.body, heard.pieces, heard.end) == (b"onetwo", 2, None)


def test_tiny_chunks_that_come_together_are_one_piece() -> None:
    _, (request,) = read(CHUNKED + chunk(b"x") * 100 + LAST)
    assert request.stream is not None
    heard = Heard()
    request.stream.take(heard)
    assert (heard.body, heard.pieces) == (b"x" * 100, 1)


def test_what_is_too_large_or_malformed_breaks_the_stream_after_what_was_right() -> None:
    _, (large,) = read(CHUNKED + chunk(b"x" * 900), chunk(b"y" * 200))
    body, end, _ = taken(large)
    assert (body, type(end)) == (b"x" * 900, BodyTooLarge)
    _, (malformed,) = read(CHUNKED + chunk(b"abc"), b"zz\r\n")
    body, end, _ = taken(malformed)
    assert body == b"abc"
    assert isinstance(end, Refusal)
    assert end.status == 400


@st.composite
def _conversations(draw: st.DrawFn) -> bytes:
    """Requests with bodies of both framings, some of them damaged."""
    data = b""
    for _ in range(draw(st.integers(1, 4))):
        body = draw(st.binary(max_size=60))
        if draw(st.booleans()):
            data += POST + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        else:
            cut = draw(st.integers(0, len(body)))
            parts = b"".join(chunk(part) for part in (body[:cut], body[cut:]) if part)
            data += CHUNKED + parts + draw(st.sampled_from((LAST, b"0\r\nT: u\r\n\r\n")))
    if draw(st.booleans()):
        at = draw(st.integers(0, len(data) - 1))
        data = data[:at] + draw(st.binary(max_size=3)) + data[at + 1 :]
    return data


@settings(max_examples=150, deadline=None)
@given(_conversations(), st.lists(st.integers(1, 40), max_size=12))
def test_a_streamed_body_is_what_a_gathered_one_would_have_been(data: bytes, cuts: list[int]) -> None:
    gathered = RequestReader(LIMITS, "", lambda *_: LIMITS.body_bytes)
    streamed = RequestReader(LIMITS, "", lambda *_: LIMITS.body_bytes, None, lambda request: True)
    at = 0
    for size in (*cuts, len(data)):
        for it in (gathered, streamed):
            if it.stage is not Stage.ENDED:
                it.feed(data[at : at + size])
        at += size
    whole = [(r.target, r.body) for r in gathered.requests]
    taken_whole = [
        (r.target, r.body if r.stream is None else taken(r)[0])
        for r in streamed.requests
        if r.stream is None or r.stream.is_whole
    ]
    assert taken_whole == whole
    assert (gathered.failure is None) == (streamed.failure is None)


def test_trailers_are_bounded_however_large_the_body_was() -> None:
    it = RequestReader(LARGE, "", lambda *_: LARGE.body_bytes, None, lambda request: True)
    it.feed(CHUNKED)
    for _ in range(64):
        it.feed(chunk(b"x" * 16_000))
    it.feed(b"0\r\nT: ")
    fed = 0
    while it.stage is not Stage.ENDED:
        it.feed(b"y" * SLICE)
        fed += SLICE
        assert fed < 1_000_000
    assert isinstance(it.failure, Refusal)


# --- a connection


@pytest.fixture
def streaming(kinds: Any) -> type[Any]:
    class Streaming(kinds.Held):  # type: ignore[misc,name-defined]  # kinds are known at run time only
        """Streams the bodies that go to /up."""

        def streams(self, request: Request) -> bool:
            return request.path == b"/up"

    return Streaming


async def body_of(stream: Incoming) -> bytes:
    return b"".join([piece async for piece in stream])


async def test_requests_cut_at_every_byte_are_streamed_over_a_socket(serve: Any, streaming: Any) -> None:
    site = await serve(streaming, LIMITS)
    client = await site.client()
    message = CHUNKED + chunk(b"hel") + chunk(b"lo") + b"0\r\nT: u\r\n\r\n" + NEXT
    for at in range(1, len(message)):
        client.send(message[:at])
        await asyncio.sleep(0)
        client.send(message[at:])
        connection = await site.arrivals.get()
        request = connection.requests[-1]
        assert await body_of(request.stream) == b"hello"
        assert request.stream.trailers == {b"t": b"u"}
        connection.respond(200, (), b"up")
        assert (await client.answer()).body == b"up"
        assert (await site.arrivals.get()).requests[-1].path == b"/next"
        connection.respond(200)
        assert (await client.answer()).status == 200


async def test_a_streamed_body_comes_back_while_it_is_sent(serve: Any, streaming: Any) -> None:
    site = await serve(streaming, LARGE)
    client = await site.client()
    client.send(CHUNKED)
    connection = await site.arrivals.get()
    stream = connection.requests[0].stream
    connection.start(200)
    assert (await client.head()).headers[b"transfer-encoding"] == b"chunked"
    for part in (b"a" * 10, b"b" * 100_000):
        client.send(chunk(part))
        sent = b""
        while len(sent) < len(part):
            sent += await anext(stream)
        connection.send(sent)
        size = int(await client.reader.readline(), 16)
        assert (await client.reader.readexactly(size + 2))[:-2] == part
    client.send(LAST)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    connection.finish()
    assert await client.reader.readline() == b"0\r\n"


async def test_who_sends_faster_than_its_body_is_taken_is_held_up(serve: Any, streaming: Any) -> None:
    site = await serve(streaming, LARGE)
    client = await site.client()
    body = bytes(range(256)) * 40_000
    client.send(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body + NEXT)
    connection = await site.arrivals.get()
    stream, heard = connection.requests[0].stream, Heard()
    stream.pause()
    stream.take(heard)
    await site.until(lambda: not connection._transport.is_reading())
    assert heard.pieces == 0
    assert FULL_BYTES <= stream._held < 8 * FULL_BYTES
    stream.resume()
    await heard.ended.wait()
    assert (heard.body, heard.end) == (body, "whole")
    connection.respond(200)
    assert (await client.answer()).status == 200
    assert (await site.arrivals.get()).requests[-1].path == b"/next"


async def test_iterating_holds_up_too_and_goes_on(serve: Any, streaming: Any) -> None:
    site = await serve(streaming, LARGE)
    client = await site.client()
    body = bytes(range(256)) * 40_000
    client.send(CHUNKED + chunk(body) + LAST)
    connection = await site.arrivals.get()
    await site.until(lambda: not connection._transport.is_reading())
    assert await body_of(connection.requests[0].stream) == body
    connection.respond(200)
    assert (await client.answer()).status == 200


async def test_a_streamed_request_behind_another_waits_for_its_turn(serve: Any, streaming: Any) -> None:
    site = await serve(streaming, LARGE)
    client = await site.client()
    client.send(NEXT + CHUNKED + chunk(b"x" * 200_000) + LAST + NEXT)
    connection = await site.arrivals.get()
    assert [r.path for r in connection.requests] == [b"/next"]
    connection.respond(200)
    await site.arrivals.get()
    assert await body_of(connection.requests[1].stream) == b"x" * 200_000
    assert len(connection.requests) == 2
    connection.respond(200)
    assert [(await client.answer()).status for _ in range(2)] == [200, 200]
    assert (await site.arrivals.get()).requests[2].path == b"/next"


async def test_a_client_that_leaves_in_the_middle_breaks_the_stream(serve: Any, streaming: Any) -> None:
    site = await serve(streaming, LARGE)
    for takes in (True, False):
        client = await site.client()
        client.send(CHUNKED + chunk(b"abc"))
        connection = await site.arrivals.get()
        stream, heard = connection.requests[0].stream, Heard()
        if takes:
            stream.take(heard)
            assert heard.body == b"abc"
        client.close()
        if takes:
            await heard.ended.wait()
            assert isinstance(heard.end, ConnectionResetError)
        else:
            with pytest.raises(ConnectionResetError):
                await body_of(stream)
        connection.respond(200)  # nobody hears it


async def test_pieces_that_came_before_the_client_left_are_given_first(serve: Any, streaming: Any) -> None:
    site = await serve(streaming, LARGE)
    client = await site.client()
    client.send(CHUNKED + chunk(b"abc"))
    stream, heard = (await site.arrivals.get()).requests[0].stream, Heard()
    stream.pause()
    stream.take(heard)
    client.close()
    await site.ends.get()
    assert (heard.body, heard.end) == (b"", None)
    stream.resume()
    assert heard.body == b"abc"
    assert isinstance(heard.end, ConnectionResetError)


@pytest.mark.parametrize(
    ("rest", "status"), [(chunk(b"y" * 2_000), 413), (b"zz\r\n", 400)], ids=["too large", "malformed"]
)
async def test_a_broken_body_is_refused_and_the_connection_closed(
    serve: Any, streaming: Any, rest: bytes, status: int
) -> None:
    site = await serve(streaming, LIMITS)
    client = await site.client()
    client.send(CHUNKED + chunk(b"abc"))
    connection = await site.arrivals.get()
    stream = connection.requests[0].stream
    assert await anext(stream) == b"abc"
    client.send(rest)
    with pytest.raises(Refusal) as raised:
        await body_of(stream)
    connection.refuse(raised.value)
    answer = await client.answer()
    assert (answer.status, answer.headers[b"connection"]) == (status, b"close")
    assert await client.ended()


async def test_an_answer_before_the_body_is_whole_ends_the_connection(serve: Any, streaming: Any) -> None:
    site = await serve(streaming, LARGE)
    client = await site.client()
    client.send(CHUNKED + chunk(b"abc"))
    connection = await site.arrivals.get()
    connection.respond(409, (), b"no")
    client.send(chunk(b"x" * 100_000) + LAST + NEXT)  # is read and forgotten, so that the answer is heard
    answer = await client.answer()
    assert (answer.status, answer.body, answer.headers[b"connection"]) == (409, b"no", b"close")
    assert await client.ended()
    assert len(connection.requests) == 1


async def test_a_client_is_told_to_continue_when_its_body_is_wanted(serve: Any, streaming: Any) -> None:
    site = await serve(streaming, LIMITS)
    client = await site.client()
    client.send(POST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    connection = await site.arrivals.get()
    reading = asyncio.ensure_future(body_of(connection.requests[0].stream))
    assert (await client.answer()).status == 100
    client.send(b"hello")
    assert await reading == b"hello"
    connection.respond(200)
    assert (await client.answer()).status == 200
    client.send(POST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    (await site.arrivals.get()).respond(403)
    assert (await client.answer()).status == 403  # without "100 Continue" before
    assert await client.ended()


async def test_a_streamed_body_may_not_take_for_ever(serve: Any, streaming: Any) -> None:
    site = await serve(streaming, HttpLimits(body_bytes=1_000, body_s=0.05))
    client = await site.client()
    client.send(CHUNKED + chunk(b"abc"))
    connection = await site.arrivals.get()
    with pytest.raises(Refusal, match="too long"):
        await body_of(connection.requests[0].stream)
    connection.refuse(Refusal(408, "too slow"))
    assert (await client.answer()).status == 408


async def test_time_in_which_nobody_takes_the_body_is_not_the_clients(serve: Any, streaming: Any) -> None:
    site = await serve(streaming, HttpLimits(body_bytes=1 << 24, body_s=30, body_bytes_per_s=1 << 20))
    client = await site.client()
    client.send(CHUNKED + chunk(b"x" * 4_000_000))
    connection = await site.arrivals.get()
    await site.until(lambda: not connection._transport.is_reading())
    for seconds in (40, 80, 120):  # each more than what it has for what has arrived
        site.later(seconds)
    client.send(LAST)
    assert len(await body_of(connection.requests[0].stream)) == 4_000_000


async def test_an_error_of_who_takes_it_is_answered_and_logged(serve: Any, streaming: Any) -> None:
    class Faulty(Heard):
        def piece(self, data: bytes) -> None:
            raise RuntimeError("a fault of ours")

    site = await serve(streaming, LIMITS)
    client = await site.client()
    client.send(CHUNKED)
    connection = await site.arrivals.get()
    connection.requests[0].stream.take(Faulty())
    assert (await client.asks(chunk(b"abc"))).status == 500
    assert "a fault of ours" in site.log.getvalue()


async def test_a_server_that_drains_lets_a_streamed_request_end(serve: Any, streaming: Any) -> None:
    site = await serve(streaming, LIMITS)
    client = await site.client()
    client.send(CHUNKED + chunk(b"abc"))
    connection = await site.arrivals.get()
    draining = asyncio.ensure_future(site.server.drain(60))
    await site.until(lambda: site.server.draining)
    client.send(chunk(b"def") + LAST)
    assert await body_of(connection.requests[0].stream) == b"abcdef"
    connection.respond(200, (), b"done")
    assert (await client.answer()).body == b"done"
    assert await draining
