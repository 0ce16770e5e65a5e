"""Posting to HTTP endpoints: one request on a connection of its own, on the event loop, within a strict time.

The standard library's client blocks a thread for as long as an endpoint takes; endpoints that hang would use up the
few threads that there are. What is needed of HTTP here is little: the answer's status.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote, urlsplit

TIMEOUT_S = 15.0
"""From the first byte to the answer's status, as on AWS."""
_HEAD_BYTES = 65_536
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})(?: [^\r\n]*)?\r?\n")
_PRINTABLE = re.compile(r"[!-~]+")


class Undelivered(Exception):
    """The endpoint could not be reached, or did not answer as HTTP in time; the text says what happened."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads."""

    host: str
    port: int
    is_secure: bool
    path: str
    authority: str
    """As the Host header has it."""
    credentials: str | None = None
    """`user:password`, which the URL may name."""

    @classmethod
    def parse(cls, url: str) -> Target | None:
        """None for what is no http or https URL."""
        try:
            parts = urlsplit(url)
            port = parts.port
            host = parts.hostname
        except ValueError:
            return None
        if not _PRINTABLE.fullmatch(url) or parts.scheme not in ("http", "https") or not host or port == 0:
            return None
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        user, named, authority = parts.netloc.rpartition("@")
        is_secure = parts.scheme == "https"
        credentials = unquote(user) if named else None
        return cls(host, port or (443 if is_secure else 80), is_secure, path, authority, credentials)


async def post(target: Target, headers: Mapping[str, str], body: bytes) -> int:
    """The status that the endpoint answers with. Raises Undelivered."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await _exchange(target, _request(target, headers, body))
    except TimeoutError:
        raise Undelivered(f"no answer within {TIMEOUT_S:.0f} seconds") from None
    except (OSError, ssl.SSLError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise Undelivered(str(error) or type(error).__name__) from None


async def _exchange(target: Target, request: bytes) -> int:
    context = _context() if target.is_secure else None
    reader, writer = await asyncio.open_connection(target.host, target.port, ssl=context, limit=_HEAD_BYTES)
    try:
        writer.write(request)
        await writer.drain()
        while True:
            status = await _status(reader)
            if status >= 200:  # what is below says only that the answer follows
                return status
            while (await reader.readuntil(b"\n")).strip():
                pass
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()


async def _status(reader: asyncio.StreamReader) -> int:
    line = await reader.readuntil(b"\n")
    found = _STATUS_LINE.fullmatch(line)
    if found is None:
        raise Undelivered("the endpoint does not speak HTTP")
    return int(found[1])


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    fields = {"Host": target.authority, "Content-Length": str(len(body)), "Connection": "close", **headers}
    if target.credentials is not None:
        fields["Authorization"] = f"Basic {b64encode(target.credentials.encode()).decode()}"
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {target.path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


@lru_cache(maxsize=1)
def _context() -> ssl.SSLContext:
    """The host's certificate authorities decide which endpoints are believed."""
    return ssl.create_default_context()
