"""HTTP messages as the protocols see them: whole requests in, responses out."""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator, Mapping
from typing import Protocol

from lambent.values import frozen
from lambent.wire.errors import SerializationError

INFLATED_AT_MOST = 64 << 20
"""Bytes that a compressed body may become."""


class Request(Protocol):
    """A complete HTTP request; kit/http.py's has this form."""

    @property
    def method(self) -> str:
        """GET, POST, …"""

    @property
    def path(self) -> bytes:
        """The path as sent, percent-encoded, without the query."""

    @property
    def query(self) -> bytes:
        """What follows the `?`, as sent; empty without one."""

    @property
    def headers(self) -> Mapping[bytes, bytes]:
        """Values by lower-case name."""

    @property
    def body(self) -> bytes:
        """The whole body."""


@frozen
class PlainRequest:
    """A request made by hand: for the in-process client, and after a streaming signature was taken off."""

    method: str
    path: bytes
    query: bytes
    headers: Mapping[bytes, bytes]
    body: bytes


Headers = list[tuple[bytes, bytes]]


@frozen
class Response:
    """An HTTP response, without what belongs to the connection (Content-Length, Date)."""

    status: int
    headers: Headers
    body: bytes
    stream: AsyncGenerator[bytes, None] | None = None
    """The parts of a body that is still being made; to be closed by whoever sends them. `body` is empty then."""


def inflated(request: Request) -> Request:
    """The request with its gzip coding, the outermost of Content-Encoding, taken off; else as it is.

    SerializationError for what is not gzip, or becomes larger than INFLATED_AT_MOST.
    """
    *inner, outermost = request.headers.get(b"content-encoding", b"").split(b",")
    if outermost.strip().lower() != b"gzip":
        return request
    stream = zlib.decompressobj(wbits=31)
    try:
        body = stream.decompress(request.body, INFLATED_AT_MOST)
    except zlib.error:
        raise SerializationError("The request body is not valid gzip") from None
    if not stream.eof or stream.unused_data:
        raise SerializationError("The request body is not valid gzip, or too large")
    headers = {n: v for n, v in request.headers.items() if n != b"content-encoding"}
    if inner:
        headers[b"content-encoding"] = b",".join(inner)
    return PlainRequest(request.method, request.path, request.query, headers, body)
