"""Signature version 4: verify requests (header, presigned URL, streamed chunks) and sign our own.

Pure: keys come from an Identities, the time is an argument. Two steps, so that the hash of a large body can be
taken in a thread between them: `Signature.parse` reads what the request claims, `Signature.check` proves it.
"""

from __future__ import annotations

import base64
import calendar
import hashlib
import hmac
import re
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn, Protocol
from urllib.parse import quote, quote_from_bytes, unquote_to_bytes

from lambent.wire.call import Principal
from lambent.wire.errors import (
    AccessDenied,
    ApiError,
    IncompleteSignature,
    InvalidSignature,
    MissingAuthenticationToken,
    UnrecognizedClient,
)
from lambent.wire.message import Request

ALGORITHM = b"AWS4-HMAC-SHA256"
SKEW_S = 300
"""How far a signature's time may be from ours."""
LONGEST_EXPIRY_S = 604_800
"""A presigned URL lives a week at most."""
UNSIGNED = b"UNSIGNED-PAYLOAD"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest().encode("ascii")

_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
    "Key and signing method. Consult the service documentation for details."
)
_UNKNOWN_KEY = "The security token included in the request is invalid."
_HEADER = re.compile(
    rb"AWS4-HMAC-SHA256 Credential=([^/,=\s]+)/(\d{8})/([^/,\s]+)/([^/,\s]+)/aws4_request, ?"
    rb"SignedHeaders=([a-z0-9;_.-]+), ?Signature=([0-9a-f]{64})"
)
_STAMP = re.compile(rb"\d{8}T\d{6}Z")
_PLAIN_PATH = re.compile(rb"[A-Za-z0-9/_.~-]*")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?\r\n")
_TRAILER = re.compile(rb"(?:[!-9;-~]+:[!-~]*\r\n)*(?:\r\n)?")
_SHOWN = 256


class Identities(Protocol):
    """Where the secrets of access keys are found."""

    def find(self, access_key: str, session_token: str | None, now: float) -> Key | None:
        """The key, None when it is not known or the token is not its own. Raises ExpiredToken."""


@dataclass(frozen=True, slots=True)
class Key:
    """An access key's secret, and who signs with it."""

    secret: str
    principal: Principal


# This and Signature are made for every request; frozen ones take three times as long to make.
@dataclass(slots=True)
class Verified:
    """A proven signature."""

    principal: Principal
    region: str
    service: str
    chunks: Chunks | None = None
    """Set when the body is made of chunks that are signed one by one."""

    def body(self, sent: bytes) -> bytes:
        """The body without its chunk framing. Raises InvalidSignature when a chunk is not what was signed."""
        return sent if self.chunks is None else self.chunks.decode(sent)


# --- what a request claims --------------------------------------------------------------------------------


@dataclass(slots=True)
class Signature:
    """A request's signature as it was sent: well-formed, not yet proven."""

    access_key: str
    date: bytes
    region: str
    service: str
    signed_headers: bytes
    signature: bytes
    stamp: bytes
    """The time of signing: 20260102T030405Z."""
    session_token: str | None
    expires_s: int | None
    """Set for a presigned URL: how long it lives."""
    request: Request

    @classmethod
    def parse(cls, request: Request) -> Signature | None:
        """The signature of a request; None when it has none. Raises IncompleteSignature and InvalidSignature."""
        authorization = request.headers.get(b"authorization")
        if authorization is not None:
            return _from_header(request, authorization)
        if b"X-Amz-Signature=" in request.query or b"X-Amz-Algorithm=" in request.query:
            return _from_query(request)
        return None

    def wants_hash(self, *, may_be_unsigned: bool = False) -> bool:
        """Whether `check` needs the SHA-256 of the body.

        A body may stay unsigned where the service or operation permits it: S3, and what its model says so of.
        """
        declared = self._declared()
        if declared.startswith(b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD"):
            return False
        permitted = may_be_unsigned or self.service == "s3"
        return not (permitted and (declared == UNSIGNED or declared == b"STREAMING-UNSIGNED-PAYLOAD-TRAILER"))

    def check(self, identities: Identities, now: float, payload_hash: bytes | None) -> Verified:
        """Prove the signature. `payload_hash` is the body's SHA-256 in hex, None where `wants_hash` says no.

        Raises UnrecognizedClient, ExpiredToken, InvalidSignature; for S3 also AccessDenied.
        """
        key = identities.find(self.access_key, self.session_token, now)
        if key is None:
            raise UnrecognizedClient(_UNKNOWN_KEY)
        self._check_time(now)
        signing, scope = signing_key(key.secret, self.date, self.region, self.service)
        declared = self._declared()
        # S3 signs what the header says and compares that with the body; the others sign what the body is.
        signed_hash = payload_hash if payload_hash is not None and not (declared and self.service == "s3") else declared
        expected = _signature(signing, self.stamp, scope, self._canonical(signed_hash))
        if not hmac.compare_digest(expected, self.signature):
            raise InvalidSignature(_MISMATCH)
        chunks = None
        if payload_hash is None and declared.startswith(b"STREAMING-"):
            chunks = Chunks(signing, self.stamp, scope, self.signature, declared)
        if self.service == "s3" and payload_hash is not None and declared not in (b"", payload_hash):
            text = "The provided 'x-amz-content-sha256' header does not match what was computed."
            raise ApiError(text, code="XAmzContentSHA256Mismatch", status=400)
        return Verified(key.principal, self.region, self.service, chunks)

    def _declared(self) -> bytes:
        """What the request says of its payload: a hash, a literal, or nothing."""
        declared = self.request.headers.get(b"x-amz-content-sha256", b"")
        if not declared and self.expires_s is not None and self.service == "s3":
            return UNSIGNED
        return declared

    def _check_time(self, now: float) -> None:
        signed_at = _epoch(self.stamp)
        if signed_at > now + SKEW_S:
            _refuse_early(self.stamp, now)
        if self.expires_s is None:
            if signed_at < now - SKEW_S:
                _refuse_late(self.stamp, now, SKEW_S)
        elif signed_at + self.expires_s < now:
            if self.service == "s3":
                raise AccessDenied("Request has expired")
            _refuse_late(self.stamp, now, self.expires_s)

    def _canonical(self, payload_hash: bytes) -> bytes:
        request = self.request
        headers = request.headers
        names, is_signed = _names(self.signed_headers)
        for name in headers:
            if name[:6] == b"x-amz-" and name not in is_signed:
                raise InvalidSignature(f"'{_title(name)}' must be a 'SignedHeader' in the AWS Authorization.")
        query = _canonical_query(request.query) if request.query else b""
        path = _canonical_path(request.path, is_s3=self.service == "s3")
        lines = _canonical_headers(names, headers)
        return b"\n".join((request.method.encode(), path, query, lines, self.signed_headers, payload_hash))


def verify(
    request: Request, identities: Identities, now: float, *, may_be_unsigned: bool = False
) -> tuple[Verified, bytes]:
    """Both steps at once: who signed, and the body without chunk framing. Raises what the steps raise."""
    signature = Signature.parse(request)
    if signature is None:
        raise MissingAuthenticationToken("Missing Authentication Token")
    payload_hash = None
    if signature.wants_hash(may_be_unsigned=may_be_unsigned):
        payload_hash = hash_of(request.body)
    verified = signature.check(identities, now, payload_hash)
    return verified, verified.body(request.body)


def hash_of(body: bytes) -> bytes:
    """The SHA-256 in hex. Releases the interpreter lock for large bodies, so a thread may take it."""
    return hashlib.sha256(body).hexdigest().encode("ascii")


def require_service(signature: Signature | Verified, signing_name: str) -> None:
    """Raise InvalidSignature unless the signature is for this service."""
    if signature.service != signing_name:
        raise InvalidSignature(f"Credential should be scoped to correct service: '{signing_name}'. ")


# --- parsing ----------------------------------------------------------------------------------------------


def _from_header(request: Request, authorization: bytes) -> Signature:
    match = _HEADER.fullmatch(authorization)
    stamp = request.headers.get(b"x-amz-date")
    if match is None or stamp is None or not _STAMP.fullmatch(stamp):
        return _from_unusual_header(request, authorization)
    access_key, date, region, service, signed, signature = match.groups()
    token = request.headers.get(b"x-amz-security-token")
    return _checked(
        Signature(
            access_key.decode("latin-1"),
            date,
            region.decode("latin-1"),
            service.decode("latin-1"),
            signed,
            signature,
            stamp,
            token.decode("latin-1") if token is not None else None,
            None,
            request,
        )
    )


def _from_unusual_header(request: Request, authorization: bytes) -> Signature:
    """Headers in another order or spacing, times in another header; and all that is wrong."""
    algorithm, _, rest = authorization.partition(b" ")
    shown = authorization[:_SHOWN].decode("latin-1")
    parts: dict[bytes, bytes] = {}
    for pair in rest.split(b",") if algorithm == ALGORITHM else ():
        name, equals, value = pair.strip().partition(b"=")
        if not equals and name:
            bad = name[:_SHOWN].decode("latin-1")
            raise IncompleteSignature(
                f"'{bad}' not a valid key=value pair (missing equal-sign) in Authorization header: '{shown}'."
            )
        parts[name] = value
    stamp = _stamp_of(request)
    missing = [
        f"Authorization header requires '{name.decode()}' parameter."
        for name in (b"Credential", b"Signature", b"SignedHeaders")
        if not parts.get(name)
    ]
    if stamp is None:
        missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if missing or stamp is None:
        raise IncompleteSignature(f"{' '.join(missing)} Authorization={shown}")
    access_key, date, region, service = _credential(parts[b"Credential"])
    token = request.headers.get(b"x-amz-security-token")
    return _checked(
        Signature(
            access_key,
            date,
            region,
            service,
            parts[b"SignedHeaders"],
            parts[b"Signature"],
            stamp,
            token.decode("latin-1") if token is not None else None,
            None,
            request,
        )
    )


def _stamp_of(request: Request) -> bytes | None:
    """The time of signing from X-Amz-Date or Date, in ISO 8601's basic form."""
    stamp = request.headers.get(b"x-amz-date")
    if stamp is None:
        date = request.headers.get(b"date")
        if date is None:
            return None
        try:
            parsed = time.strptime(date.decode("latin-1"), "%a, %d %b %Y %H:%M:%S GMT")
        except ValueError:
            stamp = date
        else:
            stamp = time.strftime("%Y%m%dT%H%M%SZ", parsed).encode("ascii")
    _check_stamp(stamp)
    return stamp


def _check_stamp(stamp: bytes) -> None:
    if not _STAMP.fullmatch(stamp):
        got = stamp[:_SHOWN].decode("latin-1")
        raise IncompleteSignature(
            f"Date must be in ISO-8601 'basic format'. Got '{got}'. See http://en.wikipedia.org/wiki/ISO_8601"
        )


def _credential(credential: bytes) -> tuple[str, bytes, str, str]:
    text = credential.decode("latin-1")
    parts = text.split("/")
    if len(parts) != 5:
        raise IncompleteSignature(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{text[:_SHOWN]}'"
        )
    access_key, date, region, service, term = parts
    if term != "aws4_request":
        raise InvalidSignature(
            f"Credential should be scoped with a valid terminator: 'aws4_request', not '{term[:_SHOWN]}'."
        )
    return access_key, date.encode("latin-1"), region, service


def _from_query(request: Request) -> Signature:
    fields = dict(_query_pairs(request.query))
    names = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date")
    missing = [name for name in (*names, "X-Amz-Expires") if not fields.get(name.encode())]
    if missing:
        wanted = ". ".join(f"AWS query-string parameters must include '{name}'" for name in missing)
        raise IncompleteSignature(f"{wanted}. Re-examine the query-string parameters.")
    if fields[b"X-Amz-Algorithm"] != ALGORITHM:
        raise IncompleteSignature('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"')
    access_key, date, region, service = _credential(fields[b"X-Amz-Credential"])
    _check_stamp(fields[b"X-Amz-Date"])
    token = fields.get(b"X-Amz-Security-Token")
    return _checked(
        Signature(
            access_key,
            date,
            region,
            service,
            fields[b"X-Amz-SignedHeaders"],
            fields[b"X-Amz-Signature"],
            fields[b"X-Amz-Date"],
            token.decode("latin-1") if token is not None else None,
            _expiry(fields[b"X-Amz-Expires"]),
            request,
        )
    )


def _expiry(text: bytes) -> int:
    if not text.isdigit() or len(text) > 9:
        raise IncompleteSignature("X-Amz-Expires should be a number")
    seconds = int(text)
    if seconds > LONGEST_EXPIRY_S:
        raise IncompleteSignature(
            "X-Amz-Expires must be less than a week (in seconds); "
            f"that is, the given X-Amz-Expires must be less than {LONGEST_EXPIRY_S} seconds"
        )
    return seconds


def _checked(signature: Signature) -> Signature:
    """The rules between the parts of a signature."""
    if b"host" not in _names(signature.signed_headers)[1]:
        raise InvalidSignature("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    if signature.stamp[:8] != signature.date:
        stamp = signature.stamp.decode("ascii")
        raise InvalidSignature(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{signature.date[:_SHOWN].decode('latin-1')}' != '{stamp[:8]}', from '{stamp}'."
        )
    return signature


# --- canonical forms --------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _names(signed_headers: bytes) -> tuple[tuple[bytes, ...], frozenset[bytes]]:
    names = tuple(signed_headers.split(b";"))
    return names, frozenset(names)


def _title(name: bytes) -> str:
    return "-".join(part.capitalize() for part in name.decode("latin-1").split("-"))


def _canonical_headers(names: tuple[bytes, ...], headers: Mapping[bytes, bytes]) -> bytes:
    try:
        block = b"".join([name + b":" + headers[name] + b"\n" for name in names])
    except KeyError as missing:
        raise InvalidSignature(_MISMATCH) from missing
    if b"  " in block or b": " in block or b" \n" in block or b"\t" in block:
        return b"".join([name + b":" + _trimmed(headers[name]) + b"\n" for name in names])
    return block


def _trimmed(value: bytes) -> bytes:
    return b" ".join(value.split())


def _canonical_path(path: bytes, *, is_s3: bool) -> bytes:
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


def _query_pairs(query: bytes) -> list[tuple[bytes, bytes]]:
    """Names and values, decoded; a plus sign is a plus sign here."""
    pairs = (pair.partition(b"=") for pair in query.split(b"&") if pair)
    return [(unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in pairs]


def _canonical_query(query: bytes) -> bytes:
    encoded = [
        (quote_from_bytes(name, safe="-_.~"), quote_from_bytes(value, safe="-_.~"))
        for name, value in _query_pairs(query)
        if name != b"X-Amz-Signature"
    ]
    encoded.sort()
    return "&".join([f"{name}={value}" for name, value in encoded]).encode("ascii")


def _signature(signing: bytes, stamp: bytes, scope: bytes, canonical: bytes) -> bytes:
    hashed = hashlib.sha256(canonical).hexdigest().encode("ascii")
    return _mac(signing, b"\n".join((ALGORITHM, stamp, scope, hashed)))


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256").hex().encode("ascii")


@lru_cache(maxsize=4096)
def signing_key(secret: str, date: bytes, region: str, service: str) -> tuple[bytes, bytes]:
    """The key of a day, a region and a service, and that scope as it is signed."""
    key = hmac.digest(b"AWS4" + secret.encode(), date, "sha256")
    parts = (region.encode("latin-1"), service.encode("latin-1"), b"aws4_request")
    for part in parts:
        key = hmac.digest(key, part, "sha256")
    return key, b"/".join((date, *parts))


@lru_cache(maxsize=1024)
def _epoch(stamp: bytes) -> int:
    text = stamp.decode("ascii")
    try:
        return calendar.timegm(time.strptime(text, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        raise IncompleteSignature(
            f"Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601"
        ) from None


def stamp_of(now: float) -> str:
    """A time in ISO 8601's basic form, which signatures use."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))


def _refuse_late(stamp: bytes, now: float, allowed_s: int) -> NoReturn:
    raise InvalidSignature(
        f"Signature expired: {stamp.decode('ascii')} is now earlier than {stamp_of(now - allowed_s)} "
        f"({stamp_of(now)} - {_minutes(allowed_s)})"
    )


def _refuse_early(stamp: bytes, now: float) -> NoReturn:
    raise InvalidSignature(
        f"Signature not yet current: {stamp.decode('ascii')} is still later than {stamp_of(now + SKEW_S)} "
        f"({stamp_of(now)} + {_minutes(SKEW_S)})"
    )


def _minutes(seconds: int) -> str:
    return f"{seconds // 60} min." if seconds % 60 == 0 else f"{seconds} s."


# --- bodies in chunks -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chunks:
    """The aws-chunked coding: each chunk's signature continues the one before it, the first the request's."""

    signing: bytes
    stamp: bytes
    scope: bytes
    seed: bytes
    declared: bytes
    """The literal in x-amz-content-sha256: with or without signatures, with or without a trailer."""

    def decode(self, sent: bytes) -> bytes:
        """The body. Raises InvalidSignature for a wrong signature, IncompleteSignature for a wrong frame."""
        is_signed = self.declared.startswith(b"STREAMING-AWS4")
        previous, at, parts = self.seed, 0, []
        while True:
            head = _CHUNK.match(sent, at)
            if head is None or (head.group(2) is not None) != is_signed:
                raise IncompleteSignature("The body is not in the chunked form that its headers announce.")
            size = int(head.group(1), 16)
            chunk = sent[head.end() : head.end() + size]
            if is_signed:
                previous = self._check(b"PAYLOAD", previous, EMPTY_SHA256 + b"\n" + hash_of(chunk), head.group(2))
            at = head.end() + size
            if not size:
                break
            if len(chunk) != size or sent[at : at + 2] != b"\r\n":
                raise IncompleteSignature("The body ends before its last chunk.")
            parts.append(chunk)
            at += 2
        body = b"".join(parts)
        self._check_trailer(sent[at:], previous, body, is_signed=is_signed)
        return body

    def _check(self, kind: bytes, previous: bytes, rest: bytes, signature: bytes) -> bytes:
        lines = (ALGORITHM + b"-" + kind, self.stamp, self.scope, previous, rest)
        expected = _mac(self.signing, b"\n".join(lines))
        if not hmac.compare_digest(expected, signature):
            raise InvalidSignature(_MISMATCH)
        return expected

    def _check_trailer(self, trailer: bytes, previous: bytes, body: bytes, *, is_signed: bool) -> None:
        has_trailer = self.declared.endswith(b"-TRAILER")
        if not (_TRAILER.fullmatch(trailer) if has_trailer else trailer == b"\r\n"):
            raise IncompleteSignature("The body does not end as its chunked form must.")
        fields = [line.partition(b":") for line in trailer.split(b"\r\n") if line]
        pairs = {name.lower(): value for name, _, value in fields}
        signature = pairs.pop(b"x-amz-trailer-signature", None)
        if has_trailer and is_signed:
            text = b"".join(name + b":" + value + b"\n" for name, value in pairs.items())
            self._check(b"TRAILER", previous, hash_of(text), signature or b"")
        for name, value in pairs.items():
            _check_checksum(name, value, body)


def _check_checksum(name: bytes, value: bytes, body: bytes) -> None:
    """Trailing checksums of the kinds that Python has; others pass, as the chunks or TLS protect them."""
    if name == b"x-amz-checksum-crc32":
        computed = zlib.crc32(body).to_bytes(4)
    elif name == b"x-amz-checksum-sha1":
        computed = hashlib.sha1(body, usedforsecurity=False).digest()
    elif name == b"x-amz-checksum-sha256":
        computed = hashlib.sha256(body).digest()
    else:
        return
    if base64.b64encode(computed) != value:
        kind = name.removeprefix(b"x-amz-checksum-").decode("ascii").upper()
        text = f"The {kind} you specified did not match the calculated checksum."
        raise ApiError(text, code="BadDigest", status=400)


# --- signing ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Credentials:
    """What we sign with ourselves."""

    access_key: str
    secret: str
    session_token: str | None = None


def sign(request: Request, credentials: Credentials, region: str, service: str, now: float) -> dict[bytes, bytes]:
    """The request's headers (which must have host) with date, token and Authorization added; all are signed."""
    stamp = stamp_of(now).encode("ascii")
    headers = {**request.headers, b"x-amz-date": stamp}
    if credentials.session_token is not None:
        headers[b"x-amz-security-token"] = credentials.session_token.encode("latin-1")
    payload_hash = hash_of(request.body)
    if service == "s3":
        headers[b"x-amz-content-sha256"] = payload_hash
    names = sorted(headers)
    signed_headers = b";".join(names)
    lines = _canonical_headers(tuple(names), headers)
    path = _canonical_path(request.path, is_s3=service == "s3")
    query = _canonical_query(request.query)
    canonical = b"\n".join((request.method.encode(), path, query, lines, signed_headers, payload_hash))
    signing, scope = signing_key(credentials.secret, stamp[:8], region, service)
    signature = _signature(signing, stamp, scope, canonical)
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
            _canonical_path(path, is_s3=service == "s3"),
            _canonical_query(query),
            b"host:" + host.encode() + b"\n",
            b"host",
            payload_hash,
        )
    )
    signature = _signature(signing, stamp.encode(), scope, canonical)
    return query + b"&X-Amz-Signature=" + signature


def claimed_scope(headers: Mapping[bytes, bytes], query: bytes) -> tuple[str, str, str] | None:
    """(access key, region, service) as a request claims them, proven by nobody; None when it claims nothing.

    For `--dev`, which trusts them, and for routing requests whose signature is not well-formed.
    """
    text = headers.get(b"authorization", b"").decode("latin-1")
    if not text and query:
        text = "Credential=" + dict(_query_pairs(query)).get(b"X-Amz-Credential", b"").decode("latin-1")
    found = re.search(r"Credential=([^/,\s]+)/[^/,\s]*/([^/,\s]+)/([^/,\s]+)", text)
    return (found[1], found[2], found[3]) if found else None
