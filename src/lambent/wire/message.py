"""HTTP messages as the protocols see them: whole requests in, whole responses out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


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


@dataclass(frozen=True, slots=True)
class PlainRequest:
    """A request made by hand: for the in-process client, and after a streaming signature was taken off."""

    method: str
    path: bytes
    query: bytes
    headers: Mapping[bytes, bytes]
    body: bytes


Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Response:
    """A complete HTTP response, without what belongs to the connection (Content-Length, Date)."""

    status: int
    headers: Headers
    body: bytes
