"""A sandbox's door: who answers on which port, and that nothing stays open."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from lambent.invoke.door import Doors
from lambent.kit.http import Connection
from lambent.kit.http_message import Request
from lambent.kit.http_server import Server
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.runtimes.base import API_PORT


class Hello(Connection):
    """The AWS API, as far as a door is concerned."""

    def __init__(self) -> None:
        pass

    def received(self, request: Request) -> None:
        self.respond(200, b"", b"aws")


class Box:
    """What a door sees of a sandbox."""

    def __init__(self) -> None:
        self.listeners = {port: self._listening() for port in (API_PORT, 4566)}
        self.on_called: Callable[[int, socket.socket], None] | None = None
        self.id = "s1"

    @staticmethod
    def _listening() -> socket.socket:
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        return listening

    def address(self, port: int) -> tuple[str, int]:
        host, number = self.listeners[port].getsockname()
        return str(host), int(number)


class Ears:
    """Whom a door tells."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.is_ready = asyncio.Event()

    def runtime_ready(self) -> None:
        self.told.append("ready")
        self.is_ready.set()

    def init_failed(self, error_type: str, payload: bytes) -> None:
        self.told.append(error_type)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server(Log("error", io.StringIO()))
    yield server
    await server.close()


@pytest.fixture
async def doors(server: Server) -> AsyncIterator[Doors]:
    tasks = Tasks(Log("error", io.StringIO()))
    yield Doors(server, Hello, tasks)
    await tasks.close()


async def ask(address: tuple[str, int], text: bytes) -> bytes:
    """The answer's body on a connection of its own."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(text + b"Host: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.partition(b"\r\n\r\n")[2]


NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n"
INIT_ERROR = b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nLambda-Runtime-Function-Error-Type: A.B\r\n"


async def test_the_runtime_api_and_the_aws_api_have_ports_of_their_own(doors: Doors) -> None:
    box: Any = Box()
    door = await doors.open(box)
    ears: Any = Ears()
    door.bind(ears)
    assert await ask(box.address(4566), b"GET / HTTP/1.1\r\n") == b"aws"
    assert b"OK" in await ask(box.address(API_PORT), INIT_ERROR)
    assert ears.told == ["A.B"]
    assert b"InvalidStateTransition" in await ask(box.address(API_PORT), NEXT)
    door.close()


async def test_a_renewed_session_is_for_new_connections_only(doors: Doors) -> None:
    box: Any = Box()
    door = await doors.open(box)
    ears: Any = Ears()
    door.bind(ears)
    reader, writer = await asyncio.open_connection(*box.address(API_PORT))
    writer.write(b"GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"pong")
    door.renew()
    writer.write(NEXT + b"Host: x\r\n\r\n")
    assert b"403" in await reader.readline()
    assert ears.told == []
    await ask(box.address(API_PORT), INIT_ERROR)
    assert ears.told == ["A.B"]
    writer.close()
    door.close()


async def test_closing_breaks_connections_and_accepts_no_more(doors: Doors) -> None:
    box: Any = Box()
    door = await doors.open(box)
    address = box.address(API_PORT)
    ears: Any = Ears()
    door.bind(ears)
    reader, writer = await asyncio.open_connection(*address)
    writer.write(NEXT + b"Host: x\r\n\r\n")
    await ears.is_ready.wait()
    door.close()
    assert await reader.read() == b""
    with pytest.raises(OSError):
        await asyncio.open_connection(*address)
    writer.close()
    door.close()


async def test_a_port_that_is_called_late_is_answered_too(doors: Doors) -> None:
    box: Any = Box()
    late = box.listeners.pop(4566)
    door = await doors.open(box)
    address = late.getsockname()
    asked = asyncio.create_task(ask(address, b"GET / HTTP/1.1\r\n"))
    box.on_called(4566, late)
    assert await asked == b"aws"
    door.close()
    with pytest.raises(OSError):
        await asyncio.open_connection(*address)


async def test_a_port_that_is_called_when_the_door_is_closed_is_closed(doors: Doors) -> None:
    box: Any = Box()
    late = box.listeners.pop(4566)
    address = late.getsockname()
    door = await doors.open(box)
    door.close()
    reader, _ = await asyncio.open_connection(*address)
    box.on_called(4566, late)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(reader.readexactly(1), 10)


async def test_a_door_that_opens_by_half_is_closed(doors: Doors, server: Server) -> None:
    box: Any = Box()
    address = box.address(API_PORT)
    box.listeners[4566].close()
    with pytest.raises((OSError, ValueError)):
        await doors.open(box)
    with pytest.raises(OSError):
        await asyncio.open_connection(*address)
