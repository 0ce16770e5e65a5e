"""Signing what we send ourselves: requests, and URLs that others may use for a while."""

from __future__ import annotations

from urllib.parse import quote

from lambent.values import frozen
from lambent.wire.canonical import (
    ALGORITHM,
    EMPTY_SHA256,
    UNSIGNED,
    canonical_headers,
    canonical_path,
    canonical_query,
    hash_of,
    signature_of,
    signing_key,
    stamp_of,
)
from lambent.wire.message import Request


@frozen
class Credentials:
    """What we sign with ourselves."""

    access_key: str
    secret: str
    session_token: str | None = None


def sign(
    request: Request,
    credentials: Credentials,
    region: str,
    service: str,
    now: float,
    *,
    payload_hash: bytes | None = None,
) -> dict[bytes, bytes]:
    """The request's headers (which must have host) with date, token and Authorization added; all are signed.

    `payload_hash`, in hex, or UNSIGNED for S3, is for a body that is not at hand."""
    stamp = stamp_of(now).encode("ascii")
    headers = {**request.headers, b"x-amz-date": stamp}
    if credentials.session_token is not None:
        headers[b"x-amz-security-token"] = credentials.session_token.encode("latin-1")
    payload_hash = payload_hash or hash_of(request.body)
    if service == "s3":
        headers[b"x-amz-content-sha256"] = payload_hash
    names = sorted(headers)
    signed_headers = b";".join(names)
    lines = canonical_headers(tuple(names), headers)
    path = canonical_path(request.path, is_s3=service == "s3")
    query = canonical_query(request.query)
    canonical = b"\n".join((request.method.encode(), path, query, lines, signed_headers, payload_hash))
    signing, scope = signing_key(credentials.secret, stamp[:8], region, service)
    signature = signature_of(signing, stamp, scope, canonical)
    headers[b"authorization"] = b"%b Credential=%b/%b, SignedHeaders=%b, Signature=%b" % (
        ALGORITHM,
        credentials.access_key.encode(),
        scope,
        signed_headers,
        signature,
    )
    return headers


def presign(
    method: str,
    path: bytes,
    query: bytes,
    host: str,
    credentials: Credentials,
    *,
    region: str,
    service: str,
    now: float,
    expires_s: int,
) -> bytes:
    """The query of a presigned URL for this path and host, `query` included; the body may be anything for S3."""
    stamp = stamp_of(now)
    signing, scope = signing_key(credentials.secret, stamp[:8].encode(), region, service)
    fields = {
        "X-Amz-Algorithm": ALGORITHM.decode(),
        "X-Amz-Credential": f"{credentials.access_key}/{scope.decode()}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(expires_s),
        "X-Amz-SignedHeaders": "host",
    }
    if credentials.session_token is not None:
        fields["X-Amz-Security-Token"] = credentials.session_token
    added = "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in fields.items()).encode("ascii")
    query = query + b"&" + added if query else added
    payload_hash = UNSIGNED if service == "s3" else EMPTY_SHA256
    canonical = b"\n".join(
        (
            method.encode(),
            canonical_path(path, is_s3=service == "s3"),
            canonical_query(query),
            b"host:" + host.encode() + b"\n",
            b"host",
            payload_hash,
        )
    )
    signature = signature_of(signing, stamp.encode(), scope, canonical)
    return query + b"&X-Amz-Signature=" + signature
