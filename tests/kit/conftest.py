"""A running HTTP server for the tests of kit/http*.py, on both event loops, and a client that sends raw bytes."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple, cast

import pytest
import uvloop

from lambent.kit.http import Connection
from lambent.kit.http_message import HttpLimits, Request
from lambent.kit.http_server import Listener, Server
from lambent.kit.log import Log


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Held(Connection):
    """Keeps what it receives for the test, which answers."""

    def __init__(self, arrivals: asyncio.Queue[Held], ends: asyncio.Queue[Held]) -> None:
        self.arrivals = arrivals
        self.ends = ends
        self.requests: list[Request] = []
        self.resumptions = 0
        self.pauses: asyncio.Queue[None] = asyncio.Queue()
        self.sweeps: asyncio.Queue[None] = asyncio.Queue()

    def received(self, request: Request) -> None:
        self.requests.append(request)
        self.arrivals.put_nowait(self)

    def closed(self) -> None:
        self.ends.put_nowait(self)

    def resumed(self) -> None:
        self.resumptions += 1

    def pause_writing(self) -> None:
        super().pause_writing()
        self.pauses.put_nowait(None)

    def swept(self, now: float) -> None:
        super().swept(now)
        self.sweeps.put_nowait(None)


class Echo(Held):
    """Answers at once with the method, the target and the body."""

    def received(self, request: Request) -> None:
        super().received(request)
        self.respond(200, (), b"%b %b %b" % (request.method.encode(), request.target, request.body))


class Answer(NamedTuple):
    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Client:
    """Sends bytes, reads answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> Answer:
        lines = (await self.reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
        pairs = [line.split(b": ", 1) for line in lines[1:]]
        headers = {name.lower(): value for name, value in pairs}
        assert len(headers) == len(pairs)
        assert lines[0].startswith(b"HTTP/1.1 ")
        return Answer(int(lines[0].split(b" ")[1]), headers, b"")

    async def answer(self, *, to_head: bool = False) -> Answer:
        head = await self.head()
        if to_head or head.status < 200 or head.status in (204, 304):
            return head
        if head.headers.get(b"transfer-encoding") == b"chunked":
            body = b""
            while size := int(await self.reader.readline(), 16):
                body += (await self.reader.readexactly(size + 2))[:-2]
            assert await self.reader.readline() == b"\r\n"
            return head._replace(body=body)
        if b"content-length" in head.headers:
            return head._replace(body=await self.reader.readexactly(int(head.headers[b"content-length"])))
        return head._replace(body=await self.reader.read())

    async def asks(self, data: bytes) -> Answer:
        self.send(data)
        return await self.answer()

    async def ended(self) -> bool:
        """Wait for the end: True when the server closed in good order and sent nothing more."""
        try:
            return await self.reader.read() == b""
        except ConnectionError:
            return False

    def close(self) -> None:
        self.writer.close()


@dataclass
class Site:
    """A server with one listener."""

    server: Server
    listener: Listener
    arrivals: asyncio.Queue[Held]
    ends: asyncio.Queue[Held]
    log: io.StringIO
    clients: list[Client]

    async def sweeps(self, count: int) -> None:
        """Until the first connection has been looked at so many times more."""
        connection = cast(Held, self.listener.connections()[0])
        connection.sweeps = asyncio.Queue()
        for _ in range(count):
            await connection.sweeps.get()

    def later(self, seconds: float) -> None:
        """Look at every connection as if so much time had passed."""
        for connection in self.listener.connections():
            connection.swept(self.server.now + seconds)

    async def until(self, condition: Callable[[], object]) -> None:
        """Let the event loop run until it is so, for what nothing announces."""
        for _ in range(100_000):
            if condition():
                return
            await asyncio.sleep(0)
        raise AssertionError("it did not become so")

    async def client(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.listener.port, limit=1 << 26))
        self.clients.append(client)
        return client


Serve = Callable[..., Awaitable[Site]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts servers: `await serve(Held, limits)`."""
    sites: list[Site] = []

    async def start(kind: Callable[..., Held] = Held, limits: HttpLimits | None = None) -> Site:
        log = io.StringIO()
        server = Server(Log(stream=log))
        arrivals: asyncio.Queue[Held] = asyncio.Queue()
        ends: asyncio.Queue[Held] = asyncio.Queue()
        listener = await server.listen("127.0.0.1", 0, lambda: kind(arrivals, ends), limits)
        sites.append(Site(server, listener, arrivals, ends, log, []))
        return sites[-1]

    yield start
    for site in sites:
        for client in site.clients:
            client.close()
        await site.server.close()


class Kinds:
    """What test files need from here without importing it."""

    Held = Held
    Echo = Echo


@pytest.fixture
def kinds() -> type[Kinds]:
    return Kinds
