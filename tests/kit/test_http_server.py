"""Sockets that come and go, slow clients found by the sweep, and the end. On asyncio and uvloop."""

from __future__ import annotations

import asyncio
import gc
import socket
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambent.kit.http_message import HttpLimits, date_field

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"


def listening() -> socket.socket:
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


async def connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port)


async def asks(port: int, message: bytes) -> bytes:
    reader, writer = await connect(port)
    writer.write(message)
    answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return answer


# --- listening


async def test_a_port_in_use_is_said_clearly(serve: Any, kinds: Any) -> None:
    site = await serve()
    with pytest.raises(OSError, match=f"port {site.listener.port} of 127.0.0.1 is in use"):
        await site.server.listen("127.0.0.1", site.listener.port, kinds.Held)


async def test_sockets_come_and_go_while_others_serve(serve: Any, kinds: Any) -> None:
    site = await serve(kinds.Echo)
    for _ in range(50):
        sock = listening()
        listener = await site.server.attach(sock, lambda: kinds.Echo(site.arrivals, site.ends))
        assert listener.port == sock.getsockname()[1]
        assert b"200 OK" in await asks(listener.port, GET)
        port = listener.port
        listener.close()
        with pytest.raises(ConnectionRefusedError):
            await connect(port)
    assert b"200 OK" in await asks(site.listener.port, GET)


async def test_closing_a_listener_breaks_its_connections_and_no_others(serve: Any, kinds: Any) -> None:
    site = await serve()
    listener = await site.server.attach(listening(), lambda: kinds.Held(site.arrivals, site.ends))
    client = await site.client()
    client.send(GET)
    kept = await site.arrivals.get()
    _, writer = await connect(listener.port)
    writer.write(GET)
    broken = await site.arrivals.get()
    listener.close()
    assert await site.ends.get() is broken
    assert not listener.connections()
    listener.close()
    kept.respond(200)
    assert (await client.answer()).status == 200
    writer.close()


async def test_listeners_survive_the_garbage_collector(serve: Any, kinds: Any) -> None:
    site = await serve(kinds.Echo)
    listener = await site.server.attach(listening(), lambda: kinds.Echo(site.arrivals, site.ends))
    gc.collect()
    for port in (listener.port, site.listener.port):
        assert b"200 OK" in await asks(port, GET)


async def test_one_connection_too_many_is_closed(serve: Any, kinds: Any) -> None:
    site = await serve(kinds.Echo, HttpLimits(connections=2))
    clients = [await site.client() for _ in range(2)]
    for client in clients:
        assert (await client.asks(GET)).status == 200
    third = await site.client()
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await third.asks(GET)
    await site.ends.get()
    clients[0].close()
    await site.ends.get()
    fourth = await site.client()
    assert (await fourth.asks(GET)).status == 200


async def test_when_all_sockets_together_have_enough_connections_each_gets_only_a_few_more(
    serve: Any, kinds: Any
) -> None:
    site = await serve(kinds.Echo)
    site.server._most = 20
    clients = [await site.client() for _ in range(20)]
    for client in clients:
        assert (await client.asks(GET)).status == 200
    one_more = await site.client()
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await one_more.asks(GET)
    other = await site.server.attach(listening(), lambda: kinds.Echo(site.arrivals, site.ends))
    assert b"200 OK" in await asks(other.port, GET)
    await site.ends.get()
    clients[0].close()
    while site.server.connections >= 20:
        await site.ends.get()
    assert (await (await site.client()).asks(GET)).status == 200


# --- slow clients


@pytest.mark.parametrize("begun", [b"G", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nA: "])
async def test_a_head_that_never_ends_is_cut_off(serve: Any, begun: bytes) -> None:
    site = await serve(limits=HttpLimits(head_s=0.02, idle_s=None))
    client = await site.client()
    client.send(begun)
    answer = await client.answer()
    assert (answer.status, answer.headers[b"connection"]) == (408, b"close")
    assert await client.ended()
    client.close()
    await site.ends.get()
    assert site.arrivals.empty()


async def test_a_head_that_trickles_is_cut_off(serve: Any) -> None:
    site = await serve(limits=HttpLimits(head_s=0.02, idle_s=None))
    client = await site.client()
    client.send(b"GET / HTTP/1.1\r\n")
    answer = asyncio.ensure_future(client.answer())
    while not answer.done():
        client.send(b"A: b\r\n")
        await asyncio.sleep(0.002)
    assert (await answer).status in (408, 431)


async def test_a_body_that_stops_is_cut_off(serve: Any) -> None:
    site = await serve(limits=HttpLimits(body_s=0.02, idle_s=None))
    client = await site.client()
    client.send(POST + b"x")
    assert (await client.answer()).status == 408
    assert await client.ended()


async def test_a_body_may_take_the_time_that_its_size_allows(serve: Any) -> None:
    site = await serve(limits=HttpLimits(body_s=0.02, body_bytes_per_s=10, idle_s=None))
    client = await site.client()
    client.send(POST + b"x" * 99)  # which allows ten seconds more
    await site.sweeps(12)
    client.send(b"x")
    assert (await site.arrivals.get()).requests[0].body == b"x" * 100


async def test_an_idle_connection_is_closed_and_a_busy_one_is_not(serve: Any) -> None:
    site = await serve(limits=HttpLimits(idle_s=30))
    busy, idle, used = [await site.client() for _ in range(3)]
    busy.send(GET)
    running = await site.arrivals.get()
    used.send(GET)
    (await site.arrivals.get()).respond(200)
    assert (await used.answer()).status == 200
    for seconds in (31, 62, 93):
        site.later(seconds)
    assert await idle.ended()
    assert await used.ended()
    running.respond(200)
    assert (await busy.answer()).status == 200
    site.later(124)
    assert await busy.ended()


async def test_without_an_idle_limit_a_connection_waits_for_ever(serve: Any) -> None:
    site = await serve(limits=HttpLimits(idle_s=None, head_s=0.02, body_s=0.02, linger_s=0.02))
    client = await site.client()
    await site.sweeps(20)
    client.send(GET)
    connection = await site.arrivals.get()
    await site.sweeps(20)
    connection.respond(200)
    assert (await client.answer()).status == 200
    await site.sweeps(20)
    client.send(GET)
    await site.arrivals.get()


@pytest.mark.parametrize("at", [0, 20])
async def test_a_pipelined_head_waits_as_long_as_the_request_before_it(serve: Any, at: int) -> None:
    site = await serve(limits=HttpLimits(head_s=30, body_s=30, linger_s=0.02))
    client = await site.client()
    client.send(GET + GET[:at])
    connection = await site.arrivals.get()
    client.send(GET[at:25])
    await site.sweeps(12)
    for seconds in (31, 62, 93):
        site.later(seconds)
    connection.respond(200)
    assert (await client.answer()).status == 200
    client.send(GET[25:])
    (await site.arrivals.get()).respond(200)
    assert (await client.answer()).status == 200


async def test_a_client_that_never_reads_its_answer_is_cut_off(serve: Any) -> None:
    site = await serve(limits=HttpLimits(write_s=0.02, idle_s=None))
    for message in (GET, b"GET / HTTP/1.0\r\n\r\n"):
        client = await site.client()
        client.writer.transport.pause_reading()
        client.send(message)
        connection = await site.arrivals.get()
        connection.respond(200, (), b"x" * 50_000_000)
        assert await site.ends.get() is connection


async def test_a_refused_client_that_does_not_go_is_cut_off(serve: Any) -> None:
    site = await serve(limits=HttpLimits(linger_s=0.02))
    client = await site.client()
    client.send(b"garbage\r\n\r\n")
    assert (await client.answer()).status == 400
    await site.ends.get()


# --- the end


async def test_a_drain_finishes_what_runs_and_closes_what_idles(serve: Any) -> None:
    site = await serve()
    running, streaming, idle, fresh = [await site.client() for _ in range(4)]
    idle.send(GET)
    (await site.arrivals.get()).respond(200)
    await idle.answer()
    running.send(GET * 3)
    connection = await site.arrivals.get()
    streaming.send(GET)
    stream = await site.arrivals.get()
    stream.start(200)
    port = site.listener.port
    await site.until(lambda: len(site.listener.connections()) == 4)
    drained = asyncio.ensure_future(site.server.drain(30))
    assert await idle.ended()
    assert await fresh.ended()
    with pytest.raises(ConnectionRefusedError):
        await connect(port)
    assert not drained.done()
    connection.respond(200, (), b"last")
    answer = await running.answer()
    assert (answer.body, answer.headers[b"connection"]) == (b"last", b"close")
    assert await running.ended()
    running.close()
    assert len(connection.requests) == 1
    stream.send(b"abc")
    stream.finish()
    assert (await streaming.answer()).body == b"abc"
    assert await drained is True


async def test_a_drain_lets_a_request_that_is_arriving_be_answered(serve: Any) -> None:
    site = await serve()
    client = await site.client()
    client.send(POST + b"x" * 50)
    await site.until(lambda: [c._reader.received_bytes() for c in site.listener.connections()] == [50])
    drained = asyncio.ensure_future(site.server.drain(30))
    await asyncio.sleep(0)
    client.send(b"x" * 50)
    (await site.arrivals.get()).respond(200, (), b"last")
    answer = await client.answer()
    assert (answer.body, answer.headers[b"connection"]) == (b"last", b"close")
    assert await drained is True


async def test_a_drain_breaks_off_what_takes_too_long(serve: Any) -> None:
    site = await serve()
    client = await site.client()
    client.send(GET)
    connection = await site.arrivals.get()
    assert await site.server.drain(0.01) is False
    assert await site.ends.get() is connection
    connection.respond(200, (), b"late")


async def test_close_ends_a_drain(serve: Any) -> None:
    site = await serve()
    client = await site.client()
    client.send(GET)
    await site.arrivals.get()
    drained = asyncio.ensure_future(site.server.drain(30))
    await asyncio.sleep(0)
    await site.server.close()
    assert await drained is True


# --- whatever comes


async def fuzz(site: Any, pieces: list[bytes]) -> None:
    """Whatever was sent, every answer that comes is well formed, and the server serves on."""
    client = await site.client()
    for piece in pieces:
        client.send(piece)
        await asyncio.sleep(0)
    client.writer.write_eof()
    try:
        while not client.reader.at_eof():
            answer = await client.answer()
            assert answer.status in (100, 200, 400, 408, 413, 414, 417, 431, 501, 505)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    client.close()
    probe = await site.client()
    assert (await probe.asks(GET)).status == 200
    probe.close()


PIECES = st.one_of(
    st.binary(max_size=100),
    st.sampled_from(
        (
            *(GET, POST, b"x" * 100, GET * 50, b"\r\n", b"GET ", b"/ ", b"HTTP/1.1\r\n", b"\0" * 20_000),
            *(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n"),
            *(b"GET / HTTP/1.0\r\n", b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"Host: x\r\n"),
            b"Connection: Upgrade\r\nUpgrade: x\r\n",
        )
    ),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(pieces=st.lists(PIECES, max_size=12))
async def test_no_bytes_hang_or_crash_the_server(serve: Any, kinds: Any, pieces: list[bytes]) -> None:
    site = await serve(kinds.Echo, HttpLimits(body_bytes=1_000))
    await fuzz(site, pieces)
    assert site.log.getvalue() == ""
    await site.server.close()


@pytest.mark.parametrize(
    ("now", "line"),
    [
        (0, b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"),
        (1_700_000_000.9, b"Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n"),
        (951_782_400, b"Date: Tue, 29 Feb 2000 00:00:00 GMT\r\n"),
    ],
)
def test_the_date_is_written_as_http_wants_it(now: float, line: bytes) -> None:
    assert date_field(now) == line
