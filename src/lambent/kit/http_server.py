"""The listening sockets of HTTP connections (http.py), the one timer that finds the slow ones, and the end of all."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import time
from collections.abc import Callable

from lambent.kit.http import Connection
from lambent.kit.http_message import HttpLimits, date_field
from lambent.kit.http_reader import Room
from lambent.kit.log import Log

_BACKLOG = 4_096
_GUARANTEED = 16
"""Connections that a listening socket may have however many the others hold."""


class Listener:
    """A listening socket and the connections that came in by it."""

    __slots__ = ("_accepting", "_connections", "_factory", "_sockets", "limits", "room", "server")

    def __init__(self, server: Server, factory: Callable[[], Connection], limits: HttpLimits) -> None:
        self.server = server
        self.limits = limits
        self.room = Room(limits.room_bytes)
        self._factory = factory
        self._connections: set[Connection] = set()
        self._sockets: asyncio.Server | None = None
        self._accepting = True

    @property
    def port(self) -> int:
        """The port it listens on; the first one's if the host has several addresses. 0 when closed."""
        sockets = self._sockets.sockets if self._sockets is not None else ()
        return int(sockets[0].getsockname()[1]) if sockets else 0

    def connections(self) -> tuple[Connection, ...]:
        """Those that are open now."""
        return tuple(self._connections)

    def stop(self) -> None:
        """Accept nothing more; the socket is closed, the connections go on."""
        self._accepting = False
        if self._sockets is not None:
            self._sockets.close()
            self._sockets = None

    def close(self) -> None:
        """Accept nothing more, break every connection, and be forgotten by the server."""
        self.stop()
        self.server.forget(self)
        for connection in self.connections():
            connection.abort()

    # --- what the server and the connections call

    def listen_on(self, sockets: asyncio.Server) -> None:
        """Keep the accepting object alive: uvloop collects one that nobody holds."""
        self._sockets = sockets

    def connection(self) -> Connection:
        """The protocol for a connection that has just come in."""
        connection = self._factory()
        connection.listener = self
        return connection

    def admit(self, connection: Connection) -> bool:
        """Count a connection in; False when it is one too many, or too late."""
        held = len(self._connections)
        if held >= self.limits.connections or not self._accepting or (held >= _GUARANTEED and self.server.is_full):
            return False
        self._connections.add(connection)
        self.server.connections += 1
        return True

    def leave(self, connection: Connection) -> None:
        """A connection is gone."""
        if connection in self._connections:
            self._connections.remove(connection)
            self.server.connections -= 1
        self.server.left()


class Server:
    """Listens on any number of sockets that may come and go, and ends with `drain` or `close`. When `most` connections
    are open, a socket that has more than a few gets no further ones."""

    def __init__(self, log: Log, most: int | None = None) -> None:
        self.log = log
        self.connections = 0
        """Open on all sockets."""
        self._most = most
        self.draining = False
        self.now = 0.0
        """The event loop's time at the last sweep."""
        self.date_line = date_field(time.time())
        self._listeners: set[Listener] = set()
        self._period_s = 1.0
        self._timer: asyncio.TimerHandle | None = None
        self._empty: asyncio.Future[None] | None = None

    async def listen(
        self, host: str, port: int, factory: Callable[[], Connection], limits: HttpLimits | None = None
    ) -> Listener:
        """Listen on an address; port 0 takes any free one. Raises OSError, which says so when the port is taken."""
        listener = self._listener(factory, limits)
        loop = asyncio.get_running_loop()
        try:
            if (sock := _bound(host, port)) is not None:
                sockets = await loop.create_server(listener.connection, sock=sock, backlog=_BACKLOG)
            else:
                sockets = await loop.create_server(listener.connection, host, port, backlog=_BACKLOG)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                text = f"port {port} of {host} is in use by another program"
                raise OSError(errno.EADDRINUSE, text) from error
            raise
        return self._begun(listener, sockets)

    async def attach(
        self, sock: socket.socket, factory: Callable[[], Connection], limits: HttpLimits | None = None
    ) -> Listener:
        """Accept on a socket that listens already; the Listener owns it from now on, and closes it."""
        listener = self._listener(factory, limits)
        sockets = await asyncio.get_running_loop().create_server(listener.connection, sock=sock)
        return self._begun(listener, sockets)

    async def drain(self, timeout_s: float) -> bool:
        """Accept nothing more, close the idle connections, let running requests be answered, and end. What is not
        done after `timeout_s` seconds is broken off, and the answer is False."""
        self.draining = True
        for listener in self._listeners:
            listener.stop()
            for connection in listener.connections():
                connection.drain()
        finished = await self._emptied(timeout_s)
        await self.close()
        return finished

    async def close(self) -> None:
        """End at once: break every connection, and close every socket."""
        self.draining = True
        for listener in tuple(self._listeners):
            listener.stop()
            for connection in listener.connections():
                connection.abort()
        await self._emptied(None)
        self._listeners.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- what listeners call

    @property
    def is_full(self) -> bool:
        """Whether all connections together are as many as may be."""
        return self._most is not None and self.connections >= self._most

    def forget(self, listener: Listener) -> None:
        """A listener has closed."""
        self._listeners.discard(listener)

    def left(self) -> None:
        """A connection is gone."""
        if self._empty is not None and not self._empty.done() and not self._open():
            self._empty.set_result(None)

    def _listener(self, factory: Callable[[], Connection], limits: HttpLimits | None) -> Listener:
        self.now = asyncio.get_running_loop().time()  # a connection may come in before the first sweep
        return Listener(self, factory, limits or HttpLimits())

    def _begun(self, listener: Listener, sockets: asyncio.Server) -> Listener:
        listener.listen_on(sockets)
        self._listeners.add(listener)
        period_s = listener.limits.period_s()
        if self._timer is None or period_s < self._period_s:
            self._period_s = min(period_s, self._period_s)
            if self._timer is not None:
                self._timer.cancel()
            self._sweep()
        return listener

    def _sweep(self) -> None:
        """One look at every connection, in place of a timer for each."""
        loop = asyncio.get_running_loop()
        self.now = loop.time()
        self.date_line = date_field(time.time())
        self._timer = loop.call_later(self._period_s, self._sweep)
        for listener in tuple(self._listeners):
            for connection in listener.connections():
                connection.swept(self.now)

    def _open(self) -> bool:
        return any(listener.connections() for listener in self._listeners)

    async def _emptied(self, timeout_s: float | None) -> bool:
        """Wait until no connection is open; False when that took too long."""
        if not self._open():
            return True
        if self._empty is None or self._empty.done():
            self._empty = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.shield(self._empty)
        except TimeoutError:
            return False
        return True


def _bound(host: str, port: int) -> socket.socket | None:
    """A socket on an address that is written in numbers; None for a name, which must be looked up: that starts four
    threads and loads what spells international names. Raises OSError."""
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return None
    if "%" in host:  # the interface's name has to be looked up
        return None
    sock = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if version == 6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"port {port} of {host}: {error.strerror}") from None
    return sock
