"""Posting to endpoints of every kind: what they answer, and when they do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from lambent.kit.http_client import Client, Origin
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.neighbours.sns import posting
from lambent.neighbours.sns.posting import Target, Undelivered, new_client, post

Serve = Callable[[bytes], Awaitable[Target]]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = new_client(Tasks(Log("error")))
    yield made
    made.close()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """A listener that answers with these bytes once it has the whole request; with none it never answers."""
    servers: list[asyncio.Server] = []
    ends = asyncio.Event()

    async def begin(answer: bytes) -> Target:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"the body")
            if not answer:
                await ends.wait()
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        servers.append(server)
        target = Target.parse(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/p?q")
        assert target is not None
        return target

    yield begin
    ends.set()
    for server in servers:
        server.close()


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        (b"HTTP/1.0 500\r\n\r\nbody", 500),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200),
        (b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n", 404),
    ],
)
async def test_the_status_is_what_counts(client: Client, serve: Serve, answer: bytes, status: int) -> None:
    assert await post(client, await serve(answer), {"X": "y"}, b"the body") == status


@pytest.mark.parametrize("answer", [b"nonsense\r\n", b"HTTP/1.1 200", b"HTTP/1.1 " + b"0" * 100_000, b"\n"])
async def test_what_is_no_answer_is_a_failure(client: Client, serve: Serve, answer: bytes) -> None:
    with pytest.raises(Undelivered):
        await post(client, await serve(answer), {}, b"the body")


async def test_an_endpoint_that_never_answers_is_given_up(
    client: Client, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "TIMEOUT_S", 0.05)
    with pytest.raises(Undelivered, match="no answer within"):
        await post(client, await serve(b""), {}, b"the body")


async def test_credentials_of_a_url_are_sent(client: Client) -> None:
    heads: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"the body"))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    target = Target.parse(f"http://us%65r:p%40ss@127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert target is not None
    assert await post(client, target, {}, b"the body") == 200
    server.close()
    assert b"Authorization: Basic dXNlcjpwQHNz\r\n" in heads[0]
    assert b"Host: 127.0.0.1:" in heads[0]


async def test_nobody_there_is_a_failure(client: Client) -> None:
    target = Target.parse("http://127.0.0.1:9/")
    assert target is not None
    with pytest.raises(Undelivered):
        await post(client, target, {}, b"the body")


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://a.example", Target(Origin("a.example", 80), "/")),
        ("https://a.example/x?y=z#f", Target(Origin("a.example", 443, is_tls=True), "/x?y=z")),
        ("http://u:p@a.example:81/", Target(Origin("a.example", 81), "/", "u:p")),
        ("http://[::1]:80/", Target(Origin("::1", 80), "/")),
        ("ftp://a.example", None),
        ("http://", None),
        ("http://a.example:99999", None),
        ("http://a b/", None),
        ("http://a.example/\r\n", None),
        ("a.example", None),
    ],
)
def test_urls_are_taken_apart(url: str, target: Target | None) -> None:
    assert Target.parse(url) == target
