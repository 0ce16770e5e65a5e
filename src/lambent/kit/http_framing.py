"""How the parts of a streamed body are marked on the wire. Pure."""

from __future__ import annotations

from typing import Protocol


class Framing(Protocol):
    """One body's framing."""

    def framed(self, chunk: bytes) -> tuple[bytes, ...]:
        """What to send for a part that is not empty. Raises ValueError when it is more than was announced."""

    def last(self) -> bytes | None:
        """What ends the body; None when it is not whole, so that only a broken connection tells the truth."""


class Chunked:
    """The body says itself where it ends."""

    def framed(self, chunk: bytes) -> tuple[bytes, ...]:
        return (b"%x\r\n" % len(chunk), chunk, b"\r\n")

    def last(self) -> bytes | None:
        return b"0\r\n\r\n"


class Counted:
    """The head said how long the body is."""

    def __init__(self, length: int) -> None:
        self._missing = length

    def framed(self, chunk: bytes) -> tuple[bytes, ...]:
        if len(chunk) > self._missing:
            raise ValueError("the body is longer than it was said to be")
        self._missing -= len(chunk)
        return (chunk,)

    def last(self) -> bytes | None:
        return None if self._missing else b""


class UntilClose:
    """The body ends with the connection, for clients of HTTP/1.0."""

    def framed(self, chunk: bytes) -> tuple[bytes, ...]:
        return (chunk,)

    def last(self) -> bytes | None:
        return b""


class Bodyless:
    """There is none, whatever is given: an answer to HEAD, or one whose status forbids it."""

    def framed(self, chunk: bytes) -> tuple[bytes, ...]:
        return ()

    def last(self) -> bytes | None:
        return b""
