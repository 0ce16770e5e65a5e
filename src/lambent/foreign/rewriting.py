"""What a request is made into before it is passed on: nothing of its signature, or of its connection, is left. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote_to_bytes

HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade")
)
_OURS = HOP_BY_HOP | {
    b"authorization",
    b"content-length",
    b"expect",
    b"host",
    b"x-amz-content-sha256",
    b"x-amz-date",
    b"x-amz-security-token",
}
_SIGNATURE = frozenset(
    (
        b"x-amz-algorithm",
        b"x-amz-content-sha256",
        b"x-amz-credential",
        b"x-amz-date",
        b"x-amz-expires",
        b"x-amz-security-token",
        b"x-amz-signature",
        b"x-amz-signedheaders",
    )
)
_SECOND_VERSION = frozenset((b"awsaccesskeyid", b"signature", b"expires"))
_FRAMING = frozenset((b"x-amz-decoded-content-length", b"x-amz-trailer", b"x-amz-sdk-checksum-algorithm"))
"""Said of a body in chunks, and not true any more once it has none."""
_TOLD_BY_US = frozenset((b"connection", b"content-length", b"date", b"keep-alive", b"transfer-encoding", b"upgrade"))
_BUCKET_HOST = re.compile(rb"(?!s3[.-])(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}?[a-z0-9])\.(?:s3[.-]|localhost(?::|$))")


def passed_headers(headers: Mapping[bytes, bytes], *, unframed: bool = False) -> dict[bytes, bytes]:
    """The headers of a request that are passed on; `unframed`: its aws-chunked coding was taken off the body."""
    named = {name.strip().lower() for name in headers.get(b"connection", b"").split(b",")}
    passed = {
        name: value
        for name, value in headers.items()
        if name not in _OURS and name not in named and not name.startswith((b"x-moto-", b"x-lambent-", b"proxy-"))
    }
    if unframed:
        for name in _FRAMING:
            passed.pop(name, None)
        codings = [coding.strip() for coding in passed.pop(b"content-encoding", b"").split(b",")]
        if kept := b",".join(coding for coding in codings if coding not in (b"aws-chunked", b"")):
            passed[b"content-encoding"] = kept
    return passed


def passed_query(query: bytes) -> bytes:
    """The query without a presigned URL's signature; the rest is as it was, byte by byte."""
    pairs = query.split(b"&")
    names = [unquote_to_bytes(pair.partition(b"=")[0]).lower() for pair in pairs]
    left_out = _SIGNATURE | _SECOND_VERSION if b"awsaccesskeyid" in names else _SIGNATURE
    return b"&".join(pair for pair, name in zip(pairs, names, strict=True) if name not in left_out)


def told_headers(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of an answer that are passed back."""
    return [(name, value) for name, value in headers if name not in _TOLD_BY_US]


def bucket_in_host(host: bytes) -> tuple[bytes, bytes] | None:
    """(bucket, the host without it) of a host like photos.s3.localhost:4566 or photos.localhost."""
    found = _BUCKET_HOST.match(host.lower())
    if found is None:
        return None
    return found["bucket"], host[len(found["bucket"]) + 1 :]


def in_path_style(host: bytes, path: bytes) -> tuple[bytes, bytes]:
    """(host, path) of a request to S3 with its bucket in the path, wherever it was before."""
    found = bucket_in_host(host)
    if found is None:
        return host, path
    bucket, rest = found
    return rest, b"/" + bucket + (path if path != b"/" else b"/")
