"""Posting to HTTP endpoints: where a URL leads, and one request within a strict time."""

from __future__ import annotations

import asyncio
import contextlib
import re
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from lambent.kit.http_client import AnswerTooLarge, Broken, Client, ClientLimits, Origin, Outgoing, Unreachable
from lambent.kit.tasks import Tasks
from lambent.values import frozen

TIMEOUT_S = 15.0
"""From the first byte until the answer is there, as on AWS."""
_ANSWER_BYTES = 65_536
"""An answer's body is not looked at; a small one is taken so that the connection can be used again."""
_PRINTABLE = re.compile(r"[!-~]+")


class Undelivered(Exception):
    """The endpoint could not be reached, or did not answer as HTTP in time; the text says what happened."""


@frozen
class Target:
    """Where a URL leads."""

    origin: Origin
    path: str
    credentials: str | None = None
    """`user:password`, which the URL may name."""

    @classmethod
    def parse(cls, url: str) -> Target | None:
        """None for what is no http or https URL."""
        try:
            origin, parts = Origin.of(url), urlsplit(url)
        except ValueError:
            return None
        if not _PRINTABLE.fullmatch(url) or parts.port == 0:
            return None
        user, named, _ = parts.netloc.rpartition("@")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(origin, path, unquote(user) if named else None)


def new_client(tasks: Tasks) -> Client:
    """A client that waits no longer than a delivery may take."""
    return Client(tasks, ClientLimits(connect_s=TIMEOUT_S, head_s=TIMEOUT_S, silent_s=TIMEOUT_S))


async def post(client: Client, target: Target, headers: Mapping[str, str], body: bytes) -> int:
    """The status that the endpoint answers with. Raises Undelivered."""
    fields = {b"Host": target.origin.authority} | {n.encode(): v.encode("latin-1") for n, v in headers.items()}
    if target.credentials is not None:
        fields[b"Authorization"] = b"Basic " + b64encode(target.credentials.encode())
    request = Outgoing("POST", target.path.encode(), fields, body)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            answer = await client.send(target.origin, request)
    except TimeoutError:
        raise Undelivered(f"no answer within {TIMEOUT_S:g} seconds") from None
    except (Unreachable, Broken) as error:
        raise Undelivered(str(error)) from None
    async with answer:
        with contextlib.suppress(Broken, AnswerTooLarge, TimeoutError):
            async with asyncio.timeout(1.0):
                await answer.read(_ANSWER_BYTES)
    return answer.status
