"""The HTTP client, against our own server and against servers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lambent.kit import http_client
from lambent.kit.http_client import (
    FULL_BYTES,
    AnswerTooLarge,
    Broken,
    Client,
    ClientLimits,
    Origin,
    Outgoing,
    Unreachable,
)
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HOST = {b"host": b"x"}


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    tasks = Tasks(Log("error"))
    client = Client(tasks)
    yield client
    client.close()
    await tasks.close()


@pytest.fixture
async def listen() -> AsyncIterator[Callable[[Talk], Awaitable[Origin]]]:
    """A server that talks as the test says."""
    servers: list[asyncio.Server] = []

    async def start(talk: Talk) -> Origin:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await talk(reader, writer)
            except ConnectionError:
                pass
            finally:
                writer.close()

        servers.append(await asyncio.start_server(connected, "127.0.0.1", 0))
        return Origin("127.0.0.1", servers[-1].sockets[0].getsockname()[1])

    yield start
    for server in servers:
        server.close()


def saying(*parts: bytes) -> Talk:
    """Waits for a head, then sends the parts, one by one."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)

    return talk


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
        await asyncio.sleep(0)


async def test_a_request_and_its_answer_arrive_whole(client: Client, serve: Any, kinds: Any) -> None:
    site = await serve(kinds.Echo)
    origin = Origin("127.0.0.1", site.listener.port)
    async with await client.send(origin, Outgoing("PUT", b"/a%20b?c", {**HOST, b"x-y": b"z"}, b"body")) as answer:
        assert (answer.status, await answer.read(100)) == (200, b"PUT /a%20b?c body")
        assert answer.length == 17


async def test_a_connection_is_used_again(client: Client, serve: Any, kinds: Any) -> None:
    site = await serve(kinds.Echo)
    origin = Origin("127.0.0.1", site.listener.port)
    for number in range(5):
        async with await client.send(origin, Outgoing("GET", b"/%d" % number, HOST)) as answer:
            assert await answer.read(100) == b"GET /%d " % number
    assert len(site.listener.connections()) == 1


async def test_a_kept_connection_that_was_closed_meanwhile_costs_nothing(
    client: Client, listen: Callable[[Talk], Awaitable[Origin]]
) -> None:
    ends: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        ends.put_nowait(writer)
        await reader.read()

    origin = await listen(talk)
    for _ in range(3):
        async with await client.send(origin, Outgoing("POST", b"/", HOST, b"1")) as answer:
            assert await answer.read(10) == b"ok"
        (await ends.get()).close()


@pytest.mark.parametrize("length", [None, 15])
async def test_a_streamed_body_is_sent_in_chunks_or_by_its_length(
    client: Client, serve: Any, kinds: Any, length: int | None
) -> None:
    site = await serve(kinds.Echo)
    outgoing = Outgoing("POST", b"/", HOST, pieces(b"one, ", b"two, ", b"", b"three"), length)
    async with await client.send(Origin("127.0.0.1", site.listener.port), outgoing) as answer:
        assert await answer.read(100) == b"POST / one, two, three"


ANSWERS = {
    "a length": (b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world", b"hello world"),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", b"hello!"),
    "the end": (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello world", b"hello world"),
    "nothing": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "a hundred before": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
async def test_answers_may_be_split_anywhere(
    client: Client, listen: Callable[[Talk], Awaitable[Origin]], name: str
) -> None:
    sent, body = ANSWERS[name]
    splits = [(sent[:at], sent[at:]) for at in range(1, len(sent))]
    turn = iter(splits)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await saying(*next(turn))(reader, writer)

    origin = await listen(talk)
    for _ in splits:
        async with await client.send(origin, Outgoing("GET", b"/", HOST)) as answer:
            assert await answer.read(100) == body


async def test_the_answer_to_head_has_a_length_and_no_body(
    client: Client, listen: Callable[[Talk], Awaitable[Origin]]
) -> None:
    origin = await listen(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n"))
    async with await client.send(origin, Outgoing("HEAD", b"/", HOST)) as answer:
        assert (answer.length, await answer.read(0)) == (5_000_000_000, b"")


async def test_an_answer_that_comes_before_the_body_was_sent_is_given_at_once(
    client: Client, listen: Callable[[Talk], Awaitable[Origin]]
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(65_536)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        await reader.read(1 << 20)

    origin = await listen(talk)
    async with await client.send(origin, Outgoing("PUT", b"/", HOST, endless())) as answer:
        assert (answer.status, await answer.read(10)) == (403, b"no")


async def test_a_body_that_breaks_breaks_the_request(
    client: Client, listen: Callable[[Talk], Awaitable[Origin]]
) -> None:
    seen: asyncio.Queue[bytes] = asyncio.Queue()

    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ValueError("not what was signed")

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received = await reader.readuntil(b"half")
        with contextlib.suppress(ConnectionError):
            received += await reader.read()
        seen.put_nowait(received)

    origin = await listen(talk)
    with pytest.raises(ValueError, match="signed"):
        await client.send(origin, Outgoing("PUT", b"/", HOST, broken(), 8))
    assert await seen.get() == b"PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\nhalf"


async def test_who_does_not_take_an_answer_holds_it_up(
    client: Client, listen: Callable[[Talk], Awaitable[Origin]]
) -> None:
    size = 64 << 20
    sent = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent < size:
            writer.write(bytes(65_536))
            sent += 65_536
            await writer.drain()

    origin = await listen(talk)
    async with await client.send(origin, Outgoing("GET", b"/", HOST)) as answer:
        for _ in range(2_000):
            await asyncio.sleep(0)
        assert sent < size / 2
        received = 0
        async for piece in answer:
            assert len(piece) < 4 * FULL_BYTES
            received += len(piece)
        assert received == size


async def test_who_does_not_take_a_request_holds_it_up(
    client: Client, listen: Callable[[Talk], Awaitable[Origin]]
) -> None:
    gate = asyncio.Event()
    given = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal given
        for _ in range(1_000):
            given += 65_536
            yield bytes(65_536)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        await reader.readuntil(b"\r\n\r\n")
        left = 65_536_000
        while left:
            left -= len(await reader.read(1 << 20))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    origin = await listen(talk)
    sending = asyncio.ensure_future(client.send(origin, Outgoing("PUT", b"/", HOST, body(), 65_536_000)))
    for _ in range(2_000):
        await asyncio.sleep(0)
    assert given < 65_536_000 / 2
    gate.set()
    assert (await sending).status == 200


BROKEN = {
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
}


@pytest.mark.parametrize("name", BROKEN)
async def test_an_answer_that_ends_early_is_broken(
    client: Client, listen: Callable[[Talk], Awaitable[Origin]], name: str
) -> None:
    origin = await listen(saying(BROKEN[name]))
    with pytest.raises(Broken):
        async with await client.send(origin, Outgoing("GET", b"/", HOST)) as answer:
            await answer.read(100)


async def test_silence_is_not_waited_for_for_ever(listen: Callable[[Talk], Awaitable[Origin]]) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    tasks = Tasks(Log("error"))
    client = Client(tasks, ClientLimits(head_s=0.05))
    with pytest.raises(Broken, match="no answer within"):
        await client.send(await listen(talk), Outgoing("GET", b"/", HOST))
    client.close()
    await tasks.close()


async def test_nobody_there_says_so(client: Client, tools: Any) -> None:
    with tools.reserved_port() as place, pytest.raises(Unreachable, match="refused"):
        await client.send(Origin(*place.getsockname()), Outgoing("GET", b"/", HOST))


async def test_a_body_may_be_larger_than_what_was_asked_for(
    client: Client, listen: Callable[[Talk], Awaitable[Origin]]
) -> None:
    origin = await listen(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
    async with await client.send(origin, Outgoing("GET", b"/", HOST)) as answer:
        with pytest.raises(AnswerTooLarge):
            await answer.read(4)


async def test_nothing_can_be_smuggled_in_a_head(client: Client, serve: Any, kinds: Any) -> None:
    origin = Origin("127.0.0.1", (await serve(kinds.Echo)).listener.port)
    for target, headers in ((b"/ HTTP/1.1\r\nx: y", HOST), (b"/", {**HOST, b"a": b"b\r\nc: d"})):
        with pytest.raises(ValueError):
            await client.send(origin, Outgoing("GET", target, headers))


@pytest.mark.parametrize(
    ("url", "origin", "authority"),
    [
        ("http://a.example", Origin("a.example", 80), b"a.example"),
        ("https://a.example", Origin("a.example", 443, True), b"a.example"),
        ("http://127.0.0.1:9000/x", Origin("127.0.0.1", 9000), b"127.0.0.1:9000"),
        ("http://[::1]:9000", Origin("::1", 9000), b"[::1]:9000"),
    ],
)
def test_an_origin_is_read_from_a_url(url: str, origin: Origin, authority: bytes) -> None:
    assert Origin.of(url) == origin
    assert origin.authority == authority


@pytest.mark.parametrize("url", ["", "a.example", "ftp://a.example", "http://", "http://a:99999"])
def test_what_is_no_url_has_no_origin(url: str) -> None:
    with pytest.raises(ValueError):
        Origin.of(url)


async def test_whoever_waits_for_an_origin_that_is_dropped_is_told(
    client: Client, listen: Callable[[Talk], Awaitable[Origin]]
) -> None:
    asked = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()

    origin = await listen(talk)
    waiting = asyncio.ensure_future(client.send(origin, Outgoing("GET", b"/", HOST)))
    await asked.wait()
    client.drop(Origin("127.0.0.1", 1))
    await asyncio.sleep(0)
    assert not waiting.done()
    client.drop(origin)
    with pytest.raises(Broken):
        await waiting


def certificate(folder: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that nobody trusts yet."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = folder / "certificate.pem"
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    return file


async def test_tls_is_spoken_with_those_whose_certificate_is_trusted(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            received = await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(200_000)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(received), received))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    origin = Origin("127.0.0.1", server.sockets[0].getsockname()[1], is_tls=True)
    http_client.system_certificates.cache_clear()
    with pytest.raises(Unreachable, match="its certificate is not trusted"):
        await client.send(origin, Outgoing("PUT", b"/", HOST, bytes(200_000)))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    http_client.system_certificates.cache_clear()
    async with await client.send(
        origin, Outgoing("PUT", b"/", HOST, pieces(bytes(100_000), bytes(100_000)), 200_000)
    ) as it:
        assert (await it.read(1 << 20)).endswith(bytes(200_000))
    http_client.system_certificates.cache_clear()
    server.close()
