"""One connection: how requests are delivered, how answers are written, and when it ends. On asyncio and uvloop."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from lambent.kit.http_message import HttpLimits, Request, Response
from lambent.kit.http_reader import SLICE

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
SMALL = HttpLimits(body_bytes=10)


def get(target: bytes, fields: bytes = b"") -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: x\r\n%b\r\n" % (target, fields)


def post(body: bytes, fields: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%b\r\n%b" % (len(body), fields, body)


# --- delivering


async def test_a_request_is_answered_and_the_connection_used_again(serve: Any, kinds: Any) -> None:
    site = await serve(kinds.Echo)
    client = await site.client()
    for n in range(3):
        answer = await client.asks(post(b"body %d" % n))
        assert (answer.status, answer.body) == (200, b"POST / body %d" % n)
    connection = await site.arrivals.get()
    assert len(connection.requests) == 3
    assert connection.requests[0].peer == "127.0.0.1"


async def test_an_answer_has_length_and_date_and_nothing_else_of_its_own(serve: Any) -> None:
    site = await serve()
    client = await site.client()
    client.send(GET)
    (await site.arrivals.get()).respond(200, ((b"A", b"1"), (b"B", b"2")), b"xyz")
    head = await client.head()
    assert list(head.headers) == [b"date", b"a", b"b", b"content-length"]
    assert head.headers[b"content-length"] == b"3"
    assert re.fullmatch(rb"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", head.headers[b"date"])


async def test_pipelined_requests_are_delivered_one_at_a_time_and_in_order(serve: Any) -> None:
    site = await serve()
    client = await site.client()
    client.send(b"".join(get(b"/%d" % n) for n in range(50)))
    for n in range(50):
        connection = await site.arrivals.get()
        assert len(connection.requests) == n + 1
        assert connection.followed is (n < 49)
        assert site.arrivals.empty()
        connection.respond(200, b"", b"%d" % n)
    assert [(await client.answer()).body for _ in range(50)] == [b"%d" % n for n in range(50)]


async def test_thousands_of_pipelined_requests_answered_at_once_do_not_recurse(serve: Any, kinds: Any) -> None:
    site = await serve(kinds.Echo)
    client = await site.client()
    client.send(GET * 20_000)
    for _ in range(20_000):
        assert (await client.answer()).body == b"GET / "


async def test_thousands_of_pipelined_requests_answered_later_do_not_recurse(serve: Any) -> None:
    site = await serve()
    client = await site.client()
    client.send(GET * 3_000)
    for _ in range(3_000):
        (await site.arrivals.get()).respond(200)
        await client.answer()


async def test_while_a_request_runs_only_a_bounded_part_of_what_follows_is_read(serve: Any) -> None:
    site = await serve()
    client = await site.client()
    client.send(GET + GET * 1_000_000)
    connection = await site.arrivals.get()
    assert not connection._transport.is_reading()
    assert len(connection._reader.requests) <= SLICE // len(GET)
    connection.respond(200)
    assert (await client.answer()).status == 200
    assert len((await site.arrivals.get()).requests) == 2
    assert not connection._transport.is_reading()


async def test_a_large_body_arrives_whole_and_comes_back(serve: Any, kinds: Any) -> None:
    site = await serve(kinds.Echo)
    client = await site.client()
    body = bytes(range(256)) * 20_000
    assert (await client.asks(post(body))).body == b"POST / " + body
    chunks = b"".join(b"%x\r\n%b\r\n" % (70_000, body[i : i + 70_000]) for i in range(0, 4_900_000, 70_000))
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert (await client.asks(head + chunks + b"0\r\n\r\n")).body == b"POST / " + body[:4_900_000]
    assert (await client.asks(get(b"/next"))).body == b"GET /next "


async def test_requests_cut_at_every_byte_are_answered_over_a_socket(serve: Any, kinds: Any) -> None:
    site = await serve(kinds.Echo)
    client = await site.client()
    message = post(b"hello", b"Expect: 100-continue\r\n") + get(b"/next")
    for at in range(1, len(message)):
        client.send(message[:at])
        await asyncio.sleep(0)
        client.send(message[at:])
        while (answer := await client.answer()).status == 100:
            pass
        assert answer.body == b"POST / hello"
        assert (await client.answer()).body == b"GET /next "


# --- keeping alive


async def test_a_connection_is_closed_after_the_answer_when_the_client_says_so(serve: Any, kinds: Any) -> None:
    site = await serve(kinds.Echo)
    client = await site.client()
    answer = await client.asks(get(b"/", b"Connection: close\r\n"))
    assert answer.headers[b"connection"] == b"close"
    assert await client.ended()
    await site.ends.get()


async def test_bytes_after_a_last_request_are_ignored(serve: Any) -> None:
    site = await serve()
    client = await site.client()
    client.send(get(b"/", b"Connection: close\r\n") + GET + b"\0" * 100_000)
    connection = await site.arrivals.get()
    client.send(b"more")
    connection.respond(200, (), b"yes")
    assert (await client.answer()).body == b"yes"
    assert await client.ended()
    assert len(connection.requests) == 1


async def test_http_1_0_is_closed_unless_it_asks_to_be_kept(serve: Any, kinds: Any) -> None:
    site = await serve(kinds.Echo)
    client = await site.client()
    kept = await client.asks(b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert (kept.headers[b"connection"], kept.body) == (b"keep-alive", b"GET /a ")
    last = await client.asks(b"GET /b HTTP/1.0\r\n\r\n")
    assert (last.headers[b"connection"], last.body) == (b"close", b"GET /b ")
    assert await client.ended()


async def test_an_upgrade_to_http_2_is_answered_in_http_1(serve: Any, kinds: Any) -> None:
    site = await serve(kinds.Echo)
    client = await site.client()
    fields = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAA\r\n"
    assert (await client.asks(post(b"abc", fields))).body == b"POST / abc"
    assert (await client.asks(post(b"def"))).body == b"POST / def"


# --- answering


async def test_head_is_answered_with_the_length_but_no_body(serve: Any, kinds: Any) -> None:
    site = await serve(kinds.Echo)
    client = await site.client()
    client.send(b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n" + get(b"/b"))
    answer = await client.answer(to_head=True)
    assert answer.headers[b"content-length"] == b"8"
    assert (await client.answer()).body == b"GET /b "


@pytest.mark.parametrize("status", [204, 304])
async def test_some_statuses_have_neither_body_nor_length(serve: Any, status: int) -> None:
    site = await serve()
    client = await site.client()
    client.send(GET)
    (await site.arrivals.get()).respond(status, (), b"dropped")
    answer = await client.answer()
    assert answer.status == status
    assert b"content-length" not in answer.headers
    client.send(GET)
    (await site.arrivals.get()).respond(299, b"A: b\r\n", b"kept")
    assert (await client.answer()).body == b"kept"


@pytest.mark.parametrize("field", [(b"A", b"b\r\nC: d"), (b"A", b"b\nc"), (b"A\r\nB", b"c"), (b"A", b"\0")])
async def test_a_header_that_would_forge_others_is_refused(serve: Any, field: tuple[bytes, bytes]) -> None:
    site = await serve()
    client = await site.client()
    client.send(GET)
    connection = await site.arrivals.get()
    with pytest.raises(ValueError, match="line break"):
        connection.respond(200, (field,))
    with pytest.raises(ValueError, match="line break"):
        connection.start(200, (field,))
    connection.respond(200, ((b"A", b"b"),))
    assert (await client.answer()).headers[b"a"] == b"b"


@pytest.mark.parametrize("status", [0, 100, 199, 1000])
async def test_what_is_no_final_status_is_refused(serve: Any, status: int) -> None:
    site = await serve()
    client = await site.client()
    client.send(GET)
    connection = await site.arrivals.get()
    with pytest.raises(ValueError, match="status"):
        connection.respond(status)
    connection.respond(200)


async def test_a_ready_answer_is_written_as_it_is_or_adapted(serve: Any) -> None:
    site = await serve()
    client = await site.client()
    ready = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    client.send(GET)
    (await site.arrivals.get()).write_response(ready)
    assert await client.reader.readexactly(len(ready)) == ready
    client.send(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    (await site.arrivals.get()).write_response(ready)
    assert await client.reader.readexactly(len(ready) - 2) == ready[:-2]
    client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    (await site.arrivals.get()).write_response(ready)
    assert (await client.answer()).headers[b"connection"] == b"keep-alive"
    client.send(get(b"/", b"Connection: close\r\n"))
    (await site.arrivals.get()).write_response(ready)
    assert await client.answer() == (200, {b"content-length": b"2", b"connection": b"close"}, b"hi")
    assert await client.ended()


async def test_ready_answers_let_pipelined_requests_follow(serve: Any) -> None:
    site = await serve()
    client = await site.client()
    client.send(GET * 3)
    for n in range(3):
        (await site.arrivals.get()).write_response(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % n)
    assert [(await client.answer()).body for _ in range(3)] == [b"0", b"1", b"2"]


async def test_an_answer_that_nobody_asked_for_is_an_error(serve: Any) -> None:
    site = await serve()
    client = await site.client()
    client.send(GET)
    connection = await site.arrivals.get()
    assert connection.answering
    connection.respond(200)
    assert not connection.answering
    for late in (
        lambda: connection.respond(200),
        lambda: connection.write_response(b"HTTP/1.1 200 OK\r\n\r\n"),
        lambda: connection.start(200),
        lambda: connection.send(b"x"),
        connection.finish,
    ):
        with pytest.raises(RuntimeError):
            late()
    assert (await client.answer()).status == 200


async def test_an_answer_after_the_client_has_gone_is_dropped(serve: Any) -> None:
    site = await serve()
    client = await site.client()
    client.send(GET)
    connection = await site.arrivals.get()
    client.close()
    assert await site.ends.get() is connection
    connection.respond(200, (), b"late")
    connection.write_response(b"late")
    connection.start(200)
    assert not connection.send(b"late")
    connection.finish()
    with pytest.raises(ConnectionResetError):
        await connection.writable()


async def test_closed_is_told_once_however_the_connection_ends(serve: Any) -> None:
    site = await serve()
    for end in ("client closes", "client sends no more", "client aborts", "server aborts"):
        client = await site.client()
        client.send(GET)
        connection = await site.arrivals.get()
        if end == "client closes":
            client.close()
        elif end == "client sends no more":
            client.writer.write_eof()
        elif end == "client aborts":
            client.writer.transport.abort()
        else:
            connection.abort()
        assert await site.ends.get() is connection
    assert site.ends.empty()


# --- streaming


async def test_a_streamed_answer_is_sent_in_chunks(serve: Any) -> None:
    site = await serve()
    client = await site.client()
    client.send(GET + get(b"/next"))
    connection = await site.arrivals.get()
    connection.start(200, ((b"A", b"b"),))
    assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
    for part, wire in ((b"abc", b"3\r\nabc\r\n"), (b"0123456789", b"a\r\n0123456789\r\n")):
        assert connection.send(part)
        assert await client.reader.readexactly(len(wire)) == wire
    connection.send(b"")
    assert len(connection.requests) == 1
    with pytest.raises(RuntimeError):
        connection.respond(200)
    connection.finish()
    assert await client.reader.readexactly(5) == b"0\r\n\r\n"
    (await site.arrivals.get()).respond(200, (), b"next")
    assert (await client.answer()).body == b"next"


async def test_a_streamed_answer_of_known_length_is_sent_bare(serve: Any) -> None:
    site = await serve()
    client = await site.client()
    client.send(GET)
    connection = await site.arrivals.get()
    connection.start(200, b"", 6)
    connection.send(b"abc")
    with pytest.raises(ValueError, match="longer"):
        connection.send(b"defg")
    connection.send(b"def")
    connection.finish()
    assert await client.answer() == (200, {b"date": connection.date_line[6:-2], b"content-length": b"6"}, b"abcdef")
    client.send(GET)
    connection = await site.arrivals.get()
    connection.start(200, b"", 6)
    connection.send(b"abc")
    connection.finish()
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await client.answer()


async def test_a_streamed_answer_to_http_1_0_ends_with_the_connection(serve: Any) -> None:
    site = await serve()
    client = await site.client()
    client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    connection = await site.arrivals.get()
    connection.start(200)
    connection.send(b"abc")
    connection.send(b"def")
    connection.finish()
    answer = await client.answer()
    assert (answer.headers[b"connection"], answer.body) == (b"close", b"abcdef")
    assert await client.ended()


async def test_a_streamed_answer_to_head_has_no_body(serve: Any) -> None:
    site = await serve()
    client = await site.client()
    client.send(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    connection = await site.arrivals.get()
    connection.start(200)
    connection.send(b"abc")
    connection.finish()
    assert (await client.answer(to_head=True)).headers[b"transfer-encoding"] == b"chunked"
    (await site.arrivals.get()).respond(200, (), b"next")
    assert (await client.answer()).body == b"next"


async def test_a_broken_off_stream_does_not_look_whole(serve: Any) -> None:
    site = await serve()
    client = await site.client()
    client.send(GET)
    connection = await site.arrivals.get()
    connection.start(200)
    connection.send(b"abc")
    connection.abort()
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError, ValueError)):
        await client.answer()
    await site.ends.get()


async def test_a_client_that_does_not_read_holds_the_stream_up_until_it_does(serve: Any) -> None:
    site = await serve()
    client = await site.client()
    client.writer.transport.pause_reading()
    client.send(GET)
    connection = await site.arrivals.get()
    connection.start(200)
    sent = 0

    def one_more() -> bool:
        nonlocal sent
        sent += 65_536
        return not connection.send(b"x" * 65_536)

    await site.until(one_more)
    waits = asyncio.ensure_future(connection.writable())
    await asyncio.sleep(0)
    assert not waits.done()
    client.writer.transport.resume_reading()
    await waits
    assert connection.resumptions == 1
    connection.finish()
    assert len((await client.answer()).body) == sent


async def test_waiting_for_a_client_that_goes_away_ends(serve: Any) -> None:
    site = await serve()
    client = await site.client()
    client.writer.transport.pause_reading()
    client.send(GET)
    connection = await site.arrivals.get()
    connection.start(200)
    await site.until(lambda: not connection.send(b"x" * 65_536))
    waits = asyncio.ensure_future(connection.writable())
    client.writer.transport.abort()
    with pytest.raises(ConnectionResetError):
        await waits


async def test_no_request_is_delivered_to_a_client_that_does_not_read_its_answers(serve: Any, kinds: Any) -> None:
    class Large(kinds.Held):
        def received(self, request: Request) -> None:
            super().received(request)
            self.respond(200, (), b"x" * 1_000_000)

    site = await serve(Large)
    client = await site.client()
    client.writer.transport.pause_reading()
    client.send(GET * 200)
    connection = await site.arrivals.get()
    await connection.pauses.get()
    delivered = len(connection.requests)
    assert delivered < 100
    client.writer.transport.resume_reading()
    for _ in range(200):
        assert len((await client.answer()).body) == 1_000_000
    assert len(connection.requests) == 200


# --- expecting


async def test_a_client_that_waits_for_it_is_told_to_continue(serve: Any, kinds: Any) -> None:
    site = await serve(kinds.Echo)
    client = await site.client()
    message = post(b"hello", b"Expect: 100-continue\r\n")
    client.send(message[:-5])
    assert (await client.answer()).status == 100
    assert (await client.asks(b"hello")).body == b"POST / hello"


async def test_continue_is_not_said_into_the_answer_of_an_earlier_request(serve: Any) -> None:
    site = await serve()
    client = await site.client()
    client.send(GET + post(b"hello", b"Expect: 100-continue\r\n")[:-5])
    first = await site.arrivals.get()
    first.start(200)
    first.send(b"abc")
    first.finish()
    assert (await client.answer()).body == b"abc"
    assert (await client.answer()).status == 100
    client.send(b"hello")
    assert (await site.arrivals.get()).requests[1].body == b"hello"


async def test_a_body_that_is_too_large_is_refused_before_it_is_sent(serve: Any) -> None:
    site = await serve(limits=SMALL)
    client = await site.client()
    client.send(post(b"x" * 11, b"Expect: 100-continue\r\n")[:-11])
    answer = await client.answer()
    assert (answer.status, answer.headers[b"connection"]) == (413, b"close")
    assert await client.ended()


# --- refusing


async def test_a_client_that_sends_everything_first_still_reads_that_it_was_too_much(serve: Any) -> None:
    site = await serve(limits=SMALL)
    client = await site.client()
    body = b"x" * 30_000_000
    client.send(post(body))
    await client.writer.drain()
    answer = await client.answer()
    assert (answer.status, answer.body) == (413, b"The body is larger than 10 bytes.\n")
    assert await client.ended()
    client.close()
    await site.ends.get()
    assert site.arrivals.empty()


async def test_more_than_is_drained_is_cut_off(serve: Any) -> None:
    site = await serve(limits=HttpLimits(body_bytes=10, linger_bytes=100_000, linger_s=1_000))
    client = await site.client()
    client.send(post(b"x" * 50_000_000))
    await site.ends.get()


async def test_a_subclass_decides_about_limits_and_words(serve: Any, kinds: Any) -> None:
    class Strict(kinds.Echo):
        def body_limit(self, method: str, target: bytes, headers: dict[bytes, bytes]) -> int:
            return int(headers[b"allowed"]) if target == b"/" and method == "POST" else 0

        def too_large(self, request: Request, limit: int) -> Response:
            return Response(413, ((b"Target", request.target),), b"%d" % limit)

        def refused(self, status: int, reason: str) -> Response:
            return Response(status, (), b"no: " + reason.encode())

    site = await serve(Strict)
    client = await site.client()
    assert (await client.asks(post(b"abc", b"Allowed: 3\r\n"))).status == 200
    chunked = b"POST / HTTP/1.1\r\nHost: x\r\nAllowed: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    assert (await client.asks(chunked + b"0\r\n\r\n")).body == b"POST / abc"
    answer = await client.asks(chunked + b"1\r\nd\r\n0\r\n\r\n")
    assert (answer.status, answer.headers[b"target"], answer.body) == (413, b"/", b"3")
    client = await site.client()
    assert (await client.asks(b"garbage\r\n\r\n")).body.startswith(b"no: ")


async def test_garbage_is_refused_after_the_answer_to_what_came_before(serve: Any) -> None:
    site = await serve()
    client = await site.client()
    client.send(GET + b"garbage\r\n\r\n" + GET)
    connection = await site.arrivals.get()
    connection.respond(200, (), b"first")
    assert (await client.answer()).body == b"first"
    answer = await client.answer()
    assert (answer.status, answer.headers[b"connection"]) == (400, b"close")
    assert await client.ended()
    assert len(connection.requests) == 1


# --- failing


async def test_an_error_in_received_is_logged_answered_and_ends_the_connection(serve: Any, kinds: Any) -> None:
    class Failing(kinds.Held):
        def received(self, request: Request) -> None:
            raise ZeroDivisionError("of ours")

        def failure_response(self, request: Request | None, error: Exception) -> Response:
            assert request is not None
            return Response(500, (), b"%b: %b" % (request.target, str(error).encode()))

    site = await serve(Failing)
    client = await site.client()
    answer = await client.asks(get(b"/a"))
    assert (answer.status, answer.headers[b"connection"], answer.body) == (500, b"close", b"/a: of ours")
    assert await client.ended()
    assert "http_request_failed" in site.log.getvalue()
    assert "ZeroDivisionError" in site.log.getvalue()


async def test_an_error_after_the_answer_has_begun_breaks_the_connection(serve: Any, kinds: Any) -> None:
    class Failing(kinds.Held):
        def received(self, request: Request) -> None:
            self.start(200)
            raise ZeroDivisionError

    site = await serve(Failing)
    client = await site.client()
    client.send(GET)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError, ValueError)):
        await client.answer()
    await site.ends.get()


async def test_errors_in_every_hook_are_survived(serve: Any, kinds: Any) -> None:
    class Failing(kinds.Held):
        def received(self, request: Request) -> None:
            raise ZeroDivisionError

        def body_limit(self, method: str, target: bytes, headers: dict[bytes, bytes]) -> int:
            raise ZeroDivisionError

        def refused(self, status: int, reason: str) -> Response:
            raise ZeroDivisionError

        def failure_response(self, request: Request | None, error: Exception) -> Response:
            raise ZeroDivisionError

        def closed(self) -> None:
            super().closed()
            raise ZeroDivisionError

    site = await serve(Failing)
    for message in (GET, post(b"abc"), b"garbage\r\n\r\n"):
        client = await site.client()
        assert (await client.asks(message)).status == 500
        assert await client.ended()
        client.close()
        await site.ends.get()
    assert site.log.getvalue().count("http_closed_failed") == 3
