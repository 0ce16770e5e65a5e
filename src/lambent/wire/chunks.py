"""The aws-chunked coding of bodies: each chunk signed after the one before it, or only framed, with a trailer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import zlib
from dataclasses import dataclass

from lambent.wire.canonical import ALGORITHM, EMPTY_SHA256, MISMATCH, hash_of, mac
from lambent.wire.errors import ApiError, IncompleteSignature, InvalidSignature

_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?\r\n")
_TRAILER = re.compile(rb"(?:[!-9;-~]+:[!-~]*\r\n)*(?:\r\n)?")


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
        expected = mac(self.signing, b"\n".join(lines))
        if not hmac.compare_digest(expected, signature):
            raise InvalidSignature(MISMATCH)
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
