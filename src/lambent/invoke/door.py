"""The two ways out of a sandbox: the Runtime API on port 9001, and the AWS API where clients outside find it too.

Both listen inside the sandbox's own network; their sockets are accepted on here. They are opened when a sandbox is
made, ahead of any cold start: a waiting runtime has connected already when it is given its function.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from socket import socket as Socket

from lambent.core import limits
from lambent.core.invocation import Flow
from lambent.kit.http import Connection
from lambent.kit.http_message import HttpLimits
from lambent.kit.http_server import Listener as Listening
from lambent.kit.http_server import Server
from lambent.kit.tasks import Tasks
from lambent.runtimes.api.metadata import Metadata
from lambent.runtimes.api.server import API_LIMITS, RuntimeConnection
from lambent.runtimes.api.session import Listener, Session
from lambent.runtimes.base import API_PORT
from lambent.sandbox.base import Sandbox

AWS_LIMITS = HttpLimits(room_bytes=limits.CREATE_FUNCTION_BODY, connections=1100)
"""For a function's own calls: as many connections as it has file descriptors, while the server has enough."""


class Door:
    """The open ways of one sandbox. What its runtime does is told to whoever has bound itself."""

    __slots__ = ("_bound", "_is_closed", "_listening", "metadata", "reached", "session")

    def __init__(self) -> None:
        self.session = Session(self)
        self.metadata = Metadata()
        self.reached = asyncio.Event()
        """Set when something inside has connected to the Runtime API: a waiting runtime does when it has booted."""
        self._bound: Listener | None = None
        self._listening: list[Listening] = []
        self._is_closed = False

    def bind(self, listener: Listener) -> None:
        """From now on `listener` is told."""
        self._bound = listener

    def runtime_connection(self) -> RuntimeConnection:
        """The protocol for a runtime that has just connected."""
        self.reached.set()
        return RuntimeConnection(self.session, self.metadata)

    def renew(self) -> Session:
        """A session for a runtime that is started again; what the old one's process still sends is refused."""
        self.session.close()
        self.session = Session(self)
        return self.session

    def add(self, listening: Listening) -> None:
        """Close it with the door; now, if that is closed already."""
        if self._is_closed:
            listening.close()
        else:
            self._listening.append(listening)

    def close(self) -> None:
        """Break every connection and accept no more."""
        self._is_closed = True
        self._bound = None
        self.session.close()
        for listening in self._listening:
            listening.close()
        self._listening.clear()

    # -- what the session tells

    def runtime_ready(self) -> None:
        if self._bound is not None:
            self._bound.runtime_ready()

    def answered(self, request_id: str, payload: bytes) -> None:
        if self._bound is not None:
            self._bound.answered(request_id, payload)

    def failed(self, request_id: str, error_type: str, payload: bytes) -> None:
        if self._bound is not None:
            self._bound.failed(request_id, error_type, payload)

    def responding(self, request_id: str, content_type: str, flow: Flow) -> None:
        if self._bound is not None:
            self._bound.responding(request_id, content_type, flow)

    def piece(self, request_id: str, piece: bytes) -> None:
        if self._bound is not None:
            self._bound.piece(request_id, piece)

    def too_large(self, request_id: str, limit: int) -> None:
        if self._bound is not None:
            self._bound.too_large(request_id, limit)

    def truncated(self, request_id: str) -> None:
        if self._bound is not None:
            self._bound.truncated(request_id)

    def init_failed(self, error_type: str, payload: bytes) -> None:
        if self._bound is not None:
            self._bound.init_failed(error_type, payload)


class Doors:
    """Opens them."""

    def __init__(self, server: Server, api: Callable[[], Connection], tasks: Tasks) -> None:
        self._server = server
        self._api = api
        self._tasks = tasks

    async def open(self, sandbox: Sandbox) -> Door:
        """Accept on the sandbox's listening sockets, also on those that come later. Raises OSError."""
        door = Door()

        def called(port: int, socket: Socket) -> None:
            self._tasks.start(f"door:{sandbox.id}", self._accept(door, port, socket))

        sandbox.on_called = called
        try:
            for port, socket in sandbox.listeners.items():
                await self._accept(door, port, socket)
        except BaseException:
            sandbox.on_called = None
            door.close()
            raise
        return door

    async def _accept(self, door: Door, port: int, socket: Socket) -> None:
        if port == API_PORT:
            door.add(await self._server.attach(socket, door.runtime_connection, API_LIMITS))
        else:
            door.add(await self._server.attach(socket, self._api, AWS_LIMITS))
