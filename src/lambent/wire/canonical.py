"""What a version 4 signature is made of: canonical forms, the signing key, the arithmetic. Used by both sides."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes, unquote_to_bytes

from lambent.wire.errors import InvalidSignature

if TYPE_CHECKING:
    from _hashlib import HASH

ALGORITHM = b"AWS4-HMAC-SHA256"
UNSIGNED = b"UNSIGNED-PAYLOAD"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest().encode("ascii")
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
    "Key and signing method. Consult the service documentation for details."
)

_BLOCK_BYTES = 64
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))
_PLAIN_PATH = re.compile(rb"[A-Za-z0-9/_.~-]*")


def hash_of(body: bytes) -> bytes:
    """The SHA-256 in hex. Releases the interpreter lock for large bodies, so a thread may take it."""
    return hashlib.sha256(body).hexdigest().encode("ascii")


@lru_cache(maxsize=1024)
def signed_names(signed_headers: bytes) -> tuple[tuple[bytes, ...], frozenset[bytes]]:
    """The names in a SignedHeaders, in their order and as a set."""
    names = tuple(signed_headers.split(b";"))
    return names, frozenset(names)


def canonical_headers(names: tuple[bytes, ...], headers: Mapping[bytes, bytes]) -> bytes:
    """The lines of the named headers. InvalidSignature if one is not there."""
    lines, values = _lines(names)
    try:
        block = lines % values(headers)
    except KeyError as missing:
        raise InvalidSignature(MISMATCH) from missing
    if (b" " in block and (b"  " in block or b": " in block or b" \n" in block)) or b"\t" in block:
        return b"".join([name + b":" + _trimmed(headers[name]) + b"\n" for name in names])
    return block


@lru_cache(maxsize=1024)
def _lines(names: tuple[bytes, ...]) -> tuple[bytes, Callable[[Mapping[bytes, bytes]], object]]:
    """The lines without their values, and what takes those out of the headers."""
    return b"".join([name.replace(b"%", b"%%") + b":%b\n" for name in names]), itemgetter(*names)


def _trimmed(value: bytes) -> bytes:
    return b" ".join(value.split())


@lru_cache(maxsize=512)
def canonical_path(path: bytes, *, is_s3: bool) -> bytes:
    """The path as it is signed: S3's encoded once, all others normalised and what is encoded encoded again."""
    if is_s3:
        return quote_from_bytes(unquote_to_bytes(path), safe="/-_.~").encode("ascii")
    if b"//" in path or b"/." in path:
        path = _without_dots(path)
    if _PLAIN_PATH.fullmatch(path):
        return path
    return quote_from_bytes(path, safe="/-_.~").encode("ascii")


def _without_dots(path: bytes) -> bytes:
    kept: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            del kept[-1:]
        elif segment and segment != b".":
            kept.append(segment)
    return b"/" + b"/".join(kept) + (b"/" if kept and path.endswith(b"/") else b"")


def query_pairs(query: bytes) -> list[tuple[bytes, bytes]]:
    """Names and values, decoded as the operations will read them: a plus sign is a blank."""
    pairs = (pair.partition(b"=") for pair in query.replace(b"+", b" ").split(b"&") if pair)
    return [(unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in pairs]


def canonical_query(query: bytes, *, is_presigned: bool = False) -> bytes:
    """The query as it is signed: encoded anew and sorted; a presigned one without its signature."""
    encoded = [
        (quote_from_bytes(name, safe="-_.~"), quote_from_bytes(value, safe="-_.~"))
        for name, value in query_pairs(query)
        if not (is_presigned and name == b"X-Amz-Signature")
    ]
    encoded.sort()
    return "&".join([f"{name}={value}" for name, value in encoded]).encode("ascii")


def signature_of(signing: bytes, stamp: bytes, scope: bytes, canonical: bytes) -> bytes:
    """The signature, in hex, of a canonical request."""
    hashed = hashlib.sha256(canonical).hexdigest().encode("ascii")
    return mac(signing, b"\n".join((ALGORITHM, stamp, scope, hashed)))


def mac(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256 in hex."""
    inner, outer = _keyed(key)
    inner, outer = inner.copy(), outer.copy()
    inner.update(message)
    outer.update(inner.digest())
    return outer.hexdigest().encode("ascii")


@lru_cache(maxsize=4096)
def _keyed(key: bytes) -> tuple[HASH, HASH]:
    """The two hashes that HMAC is made of (RFC 2104), with the key taken up: most of the work, and a key is good for a
    day. The standard library's HMAC objects take twice as long to copy."""
    block = (key if len(key) <= _BLOCK_BYTES else hashlib.sha256(key).digest()).ljust(_BLOCK_BYTES, b"\0")
    return hashlib.sha256(block.translate(_INNER)), hashlib.sha256(block.translate(_OUTER))


@lru_cache(maxsize=4096)
def signing_key(secret: str, date: bytes, region: str, service: str) -> tuple[bytes, bytes]:
    """The key of a day, a region and a service, and that scope as it is signed."""
    key = hmac.digest(b"AWS4" + secret.encode(), date, "sha256")
    parts = (region.encode("latin-1"), service.encode("latin-1"), b"aws4_request")
    for part in parts:
        key = hmac.digest(key, part, "sha256")
    return key, b"/".join((date, *parts))


def stamp_of(now: float) -> str:
    """A time in ISO 8601's basic form, which signatures use."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
