"""The server's end of a message socket, on the event loop."""

from __future__ import annotations

import array
import asyncio
import json
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence

from lambent.values import frozen

_ROOM = 32 * 1024
_DESCRIPTORS = 16
_CREDENTIALS = struct.Struct("iII")


@frozen
class Received:
    """A message, the descriptors that came with it, and its sender's process id as this process sees it."""

    body: dict[str, object]
    fds: tuple[int, ...]
    pid: int


def message_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a message socket: the server's, whose messages bear their sender's id, and the other."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    return ours, theirs


def decode(data: bytes, ancillary: Sequence[tuple[int, int, bytes]]) -> Received:
    """A message from what recvmsg returned."""
    fds = array.array("i")
    pid = 0
    for _, kind, payload in ancillary:
        if kind == socket.SCM_RIGHTS:
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
        elif kind == socket.SCM_CREDENTIALS:
            pid = _CREDENTIALS.unpack_from(payload)[0]
    return Received(json.loads(data), tuple(fds), pid)


def receive_now(sock: socket.socket) -> Received | None:
    """The next message of a server's end; None when the other side has closed. Raises BlockingIOError."""
    room = socket.CMSG_SPACE(4 * _DESCRIPTORS) + socket.CMSG_SPACE(_CREDENTIALS.size)
    try:
        data, ancillary, _, _ = sock.recvmsg(_ROOM, room, socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return None
    return decode(data, ancillary) if data else None


def send_now(sock: socket.socket, data: bytes, fds: Sequence[int] = ()) -> None:
    """Send one encoded message with copies of descriptors. Raises OSError."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds).tobytes())] if fds else []
    sock.sendmsg([data], rights)


class Link:
    """Sends in order without blocking, and calls `on_message` for each message and `on_end` once at the end."""

    def __init__(self, sock: socket.socket, on_message: Callable[[Received], None], on_end: Callable[[], None]) -> None:
        self._sock = sock
        self._on_message = on_message
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[bytes, tuple[int, ...], bool]] = deque()
        self.ended = False
        sock.setblocking(False)
        self._loop.add_reader(sock.fileno(), self._readable)

    def send(self, message: dict[str, object], fds: Sequence[int] = (), *, give: bool = False) -> None:
        """Send, now or as soon as there is room; a side that has closed misses it. The caller keeps `fds` open until
        it is answered, or gives them away: then they are closed once sent."""
        if self.ended:
            if give:
                close_all(fds)
            return
        self._waiting.append((json.dumps(message).encode(), tuple(fds), give))
        if len(self._waiting) == 1:
            self._flush()

    def look(self) -> None:
        """Take in right now what the event loop would bring in a moment."""
        self._readable()

    def finish(self) -> None:
        """Let the other side read the end; `on_end` follows when it has closed too."""
        if not self.ended:
            self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Forget the socket; nothing is called any more."""
        if self._sock.fileno() < 0:
            return
        self.ended = True
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._drop_waiting()
        self._sock.close()

    def _flush(self) -> None:
        while self._waiting:
            data, fds, give = self._waiting[0]
            try:
                send_now(self._sock, data, fds)
            except BlockingIOError:
                self._loop.add_writer(self._sock.fileno(), self._flush)
                return
            except OSError:
                self._drop_waiting()  # the reader will meet the end
                break
            self._waiting.popleft()
            if give:
                close_all(fds)
        self._loop.remove_writer(self._sock.fileno())

    def _drop_waiting(self) -> None:
        for _, fds, give in self._waiting:
            if give:
                close_all(fds)
        self._waiting.clear()

    def _readable(self) -> None:
        while not self.ended:
            try:
                received = receive_now(self._sock)
            except BlockingIOError:
                return
            if received is None:
                self.close()
                self._on_end()
                return
            self._on_message(received)


def close_all(fds: Sequence[int]) -> None:
    """Close descriptors."""
    for fd in fds:
        os.close(fd)
