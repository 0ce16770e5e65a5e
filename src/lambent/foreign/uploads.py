"""What is sent to S3, proven while it is passed on: its last part is held back until all of it is what was signed.

So an object that is not, never becomes one: whoever receives it misses its end.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping

from lambent.wire.chunks import Chunks, Unframing
from lambent.wire.errors import ApiError

_HASH = re.compile(rb"[0-9a-f]{64}")
_STREAMING = b"STREAMING-"


class Upload:
    """One request's body."""

    def __init__(self, headers: Mapping[bytes, bytes], chunks: Chunks | None, *, is_presigned: bool) -> None:
        """`chunks` proves them if the signature was checked. Raises ApiError when the headers do not say enough."""
        declared = headers.get(b"x-amz-content-sha256", b"")
        if not declared and not is_presigned:
            text = "Missing required header for this request: x-amz-content-sha256"
            raise ApiError(text, code="InvalidRequest", status=400)
        self.is_framed = declared.startswith(_STREAMING)
        """Whether the body comes in aws-chunked coding."""
        self.length = _length(headers, is_framed=self.is_framed)
        """Of the body as it is passed on."""
        self._unframing: Unframing | None = None
        if self.is_framed:
            self._unframing = Unframing(declared, chunks, headers.get(b"x-amz-trailer", b""))
        self._declared = declared if _HASH.fullmatch(declared) else None
        self._hash = hashlib.sha256()
        self._size = 0

    def whole(self, body: bytes) -> bytes:
        """A body that is here already. Raises ApiError when it is not what was signed."""
        body = b"".join(self._taken(body))
        self._end()
        return body

    async def proven(self, pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """The parts to pass on. Raises ApiError when the body is not what was signed, before its end was given."""
        held = b""
        async for data in pieces:
            for piece in self._taken(data):
                if held:
                    yield held
                held = piece
        self._end()
        yield held

    def _taken(self, data: bytes) -> Iterable[bytes]:
        for piece in self._unframing.feed(data) if self._unframing is not None else (data,):
            self._size += len(piece)
            if self._size > self.length:
                raise _incomplete()
            if self._declared is not None:
                self._hash.update(piece)
            yield piece

    def _end(self) -> None:
        if self._unframing is not None:
            self._unframing.end()
        if self._size != self.length:
            raise _incomplete()
        if self._declared is not None and not hmac.compare_digest(self._hash.hexdigest().encode(), self._declared):
            text = "The provided 'x-amz-content-sha256' header does not match what was computed."
            raise ApiError(text, code="XAmzContentSHA256Mismatch", status=400)


def _length(headers: Mapping[bytes, bytes], *, is_framed: bool) -> int:
    """Raises MissingContentLength, as S3 does."""
    text = headers.get(b"x-amz-decoded-content-length" if is_framed else b"content-length")
    if text is None and not is_framed and b"transfer-encoding" not in headers:
        text = b"0"
    if text is None or not text.isdigit():
        raise ApiError("You must provide the Content-Length HTTP header.", code="MissingContentLength", status=411)
    return int(text)


def _incomplete() -> ApiError:
    text = "You did not provide the number of bytes specified by the Content-Length HTTP header"
    return ApiError(text, code="IncompleteBody", status=400)
