"""Signature version 4: verifies requests (header, presigned URL, streamed chunks). signing.py makes them.

Pure: keys come from an Identities, the time is an argument. Two steps, so that the hash of a large body can be
taken in a thread between them: `Signature.parse` reads what the request claims, `Signature.check` proves it.
"""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NoReturn, Protocol

from lambent.values import frozen
from lambent.wire.call import Principal
from lambent.wire.canonical import (
    ALGORITHM,
    MISMATCH,
    UNSIGNED,
    canonical_headers,
    canonical_path,
    canonical_query,
    hash_of,
    query_pairs,
    signature_of,
    signed_names,
    signing_key,
    stamp_of,
)
from lambent.wire.chunks import Chunks
from lambent.wire.errors import (
    AccessDenied,
    ApiError,
    IncompleteSignature,
    InvalidSignature,
    MissingAuthenticationToken,
    UnrecognizedClient,
)
from lambent.wire.message import Request

SKEW_S = 300
"""How far a signature's time may be from ours."""
LONGEST_EXPIRY_S = 604_800
"""A presigned URL lives a week at most."""

_UNKNOWN_KEY = "The security token included in the request is invalid."
_BEFORE_SIGNATURE = re.compile(
    rb"AWS4-HMAC-SHA256 Credential=([^/,=\s]+)/(\d{8})/([^/,\s]+)/([^/,\s]+)/aws4_request, ?"
    rb"SignedHeaders=([a-z0-9;_.-]+), ?Signature="
)
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/[^/,\s]*/([^/,\s]+)/([^/,\s]+)")
_SIGNATURE_BYTES = 64
_STAMP_BYTES = 16
_STAMP = re.compile(rb"\d{8}T\d{6}Z")
_SHOWN = 256
_LONGEST_NAMES = 4096
_LONGEST_SCOPE = 64
_LONGEST_CACHED = 1024


class Identities(Protocol):
    """Where the secrets of access keys are found."""

    def find(self, access_key: str, session_token: str | None, now: float) -> Key | None:
        """The key, None when it is not known or the token is not its own. Raises ExpiredToken."""


@frozen
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
        expected = signature_of(signing, self.stamp, scope, self._canonical(signed_hash))
        if not hmac.compare_digest(expected, self.signature):
            raise InvalidSignature(MISMATCH)
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
        names, is_signed = signed_names(self.signed_headers)
        for name in headers:
            if name[:6] == b"x-amz-" and name not in is_signed:
                raise InvalidSignature(f"'{_title(name)}' must be a 'SignedHeader' in the AWS Authorization.")
        query = b""
        if request.query:
            query = canonical_query(request.query, is_presigned=self.expires_s is not None)
        path = canonical_path(request.path, is_s3=self.service == "s3")
        lines = canonical_headers(names, headers)
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


def require_service(signature: Signature | Verified, signing_name: str) -> None:
    """Raise InvalidSignature unless the signature is for this service."""
    if signature.service != signing_name:
        raise InvalidSignature(f"Credential should be scoped to correct service: '{signing_name}'. ")


def claimed_scope(headers: Mapping[bytes, bytes], query: bytes) -> tuple[str, str, str] | None:
    """(access key, region, service) as a request claims them, proven by nobody; None when it claims nothing.

    For `--dev`, which trusts them, and for routing requests whose signature is not well-formed.
    """
    authorization = headers.get(b"authorization", b"")
    if not authorization:
        if not query:
            return None
        return _scope_in(b"Credential=" + dict(query_pairs(query)).get(b"X-Amz-Credential", b""))
    if len(authorization) <= _LONGEST_CACHED:
        found = _scope_before(authorization[:-_SIGNATURE_BYTES])
        if found is not None:
            return found
    return _scope_in(authorization)


@lru_cache(maxsize=1024)  # the same for all that a client signs within a day
def _scope_before(signature: bytes) -> tuple[str, str, str] | None:
    """What is claimed in front of the signature; None if it may go on in what is taken for the signature."""
    text = signature.decode("latin-1")
    found = _CREDENTIAL.search(text)
    return (found[1], found[2], found[3]) if found and found.end() < len(text) else None


def _scope_in(text: bytes) -> tuple[str, str, str] | None:
    found = _CREDENTIAL.search(text.decode("latin-1"))
    return (found[1], found[2], found[3]) if found else None


# --- parsing ----------------------------------------------------------------------------------------------


def _from_header(request: Request, authorization: bytes) -> Signature:
    stamp = request.headers.get(b"x-amz-date")
    if stamp is None or len(stamp) != _STAMP_BYTES or len(authorization) > _LONGEST_CACHED:
        return _from_unusual_header(request, authorization)
    usual = _read_usual(authorization[:-_SIGNATURE_BYTES], stamp)
    if usual is None:
        return _from_unusual_header(request, authorization)
    token = request.headers.get(b"x-amz-security-token")
    return Signature(
        *usual,
        authorization[-_SIGNATURE_BYTES:],
        stamp,
        token.decode("latin-1") if token is not None else None,
        None,
        request,
    )


@lru_cache(maxsize=1024)  # the same for all that a client signs within a second
def _read_usual(before_signature: bytes, stamp: bytes) -> tuple[str, bytes, str, str, bytes] | None:
    """Access key, date, region, service and signed headers, when they are written as all SDKs do and right."""
    match = _BEFORE_SIGNATURE.fullmatch(before_signature)
    if match is None or not _STAMP.fullmatch(stamp):
        return None
    access_key, date, region, service, signed = match.groups()
    scope_is_short = len(region) <= _LONGEST_SCOPE and len(service) <= _LONGEST_SCOPE
    if date != stamp[:8] or not scope_is_short or b"host" not in signed_names(signed)[1]:
        return None
    return access_key.decode("latin-1"), date, region.decode("latin-1"), service.decode("latin-1"), signed


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
    fields = dict(query_pairs(request.query))
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
    """The rules between the parts of a signature. Their lengths are bounded because what they lead to is cached."""
    if len(signature.signed_headers) > _LONGEST_NAMES:
        raise IncompleteSignature("Too many 'SignedHeaders' in the AWS Authorization.")
    if not 0 < len(signature.region) <= _LONGEST_SCOPE:
        raise InvalidSignature("Credential should be scoped to a valid region.")
    if not 0 < len(signature.service) <= _LONGEST_SCOPE:
        raise InvalidSignature("Credential should be scoped to a valid service.")
    if b"host" not in signed_names(signature.signed_headers)[1]:
        raise InvalidSignature("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    if signature.stamp[:8] != signature.date:
        stamp = signature.stamp.decode("ascii")
        raise InvalidSignature(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{signature.date[:_SHOWN].decode('latin-1')}' != '{stamp[:8]}', from '{stamp}'."
        )
    return signature


def _title(name: bytes) -> str:
    return "-".join(part.capitalize() for part in name.decode("latin-1").split("-"))


# --- times ------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _epoch(stamp: bytes) -> int:
    text = stamp.decode("ascii")
    try:
        if _STAMP.fullmatch(stamp) is None:
            raise ValueError
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        raise IncompleteSignature(
            f"Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601"
        ) from None


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
