"""The aws-chunked coding of bodies: each chunk signed after the one before it, or only framed, with a trailer.

It is taken off whole (`Chunks.decode`), or while the body arrives (`Unframing`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import zlib
from collections.abc import Iterable

from lambent.values import frozen
from lambent.wire.canonical import ALGORITHM, EMPTY_SHA256, MISMATCH, hash_of, mac
from lambent.wire.errors import ApiError, IncompleteSignature, InvalidSignature

_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?\r\n")
_TRAILER = re.compile(rb"(?:[!-9;-~]+:[!-~]*\r\n)*(?:\r\n)?")
_LONGEST_HEAD = 92
_LONGEST_TRAILER = 8_192
_CHECKSUM = b"x-amz-checksum-"
_KINDS = (b"crc32", b"sha1", b"sha256")
"""The checksums that Python has; others pass, as the chunks or TLS protect them."""


@frozen
class Chunks:
    """What proves a request's chunks: the signature of each continues the one before, the first one the request's."""

    signing: bytes
    stamp: bytes
    scope: bytes
    seed: bytes
    declared: bytes
    """The literal in x-amz-content-sha256: with or without signatures, with or without a trailer."""

    def decode(self, sent: bytes) -> bytes:
        """The body. Raises InvalidSignature for a wrong signature, IncompleteSignature for a wrong frame."""
        unframing = Unframing(self.declared, self)
        body = b"".join(unframing.feed(sent))
        unframing.end()
        return body

    def check(self, kind: bytes, previous: bytes, rest: bytes, signature: bytes) -> bytes:
        """The signature, if it is right, of a chunk or trailer. Raises InvalidSignature."""
        lines = (ALGORITHM + b"-" + kind, self.stamp, self.scope, previous, rest)
        expected = mac(self.signing, b"\n".join(lines))
        if not hmac.compare_digest(expected, signature):
            raise InvalidSignature(MISMATCH)
        return expected


class Unframing:
    """Takes the coding off a body while it arrives. What a chunk carries is given on before the chunk is proven: only
    after `end` may the whole be believed.

    Without a proof (the request's own signature is not known, but trusted) signatures are read and not checked.
    """

    def __init__(self, declared: bytes, proof: Chunks | None, announced: bytes | None = None) -> None:
        """`announced`: the x-amz-trailer header, so that only those checksums are made; None makes all."""
        self._is_signed = declared.startswith(b"STREAMING-AWS4")
        self._has_trailer = declared.endswith(b"-TRAILER")
        self._promised = _names(announced or b"") if self._has_trailer else []
        self._proof = proof
        self._previous = proof.seed if proof is not None else b""
        self._signature = b""
        self._hash = hashlib.sha256()
        self._checksums = Checksums(_checksum_kinds(announced) if self._has_trailer else ())
        self._left = 0
        """Bytes of the present chunk that are still to come."""
        self._pending = b""
        """A chunk's head, or the line end behind its bytes, or the trailer, as far as it is here."""
        self._stage = _HEAD

    def feed(self, data: bytes) -> Iterable[bytes]:
        """The parts of the body in `data`. Raises InvalidSignature and IncompleteSignature."""
        at, end = 0, len(data)
        while at < end:
            if self._stage is _BYTES:
                piece = data[at : at + self._left]
                at += len(piece)
                self._take(piece)
                yield piece
            else:
                # At most what a head, or the trailer, may have: the rest of `data` stays where it is.
                taken = data[at : at + _LONGEST_TRAILER + 1]
                at += len(taken)
                at -= self._read_frame(self._pending + taken)

    def end(self) -> None:
        """The body is over. Raises IncompleteSignature, InvalidSignature, and BadDigest for a wrong checksum."""
        if self._stage is not _TRAILER_BEGUN:
            started = self._stage is not _HEAD or not self._pending
            text = "The body ends before its last chunk." if started else _NOT_CHUNKED
            raise IncompleteSignature(text)
        self._check_trailer(self._pending)

    def _read_frame(self, frame: bytes) -> int:
        """Read what is no part of the body; how many bytes at its end belong to what follows."""
        if self._stage is _TRAILER_BEGUN:
            self._pending = frame
            if len(frame) > _LONGEST_TRAILER:
                raise IncompleteSignature(_BAD_END)
            return 0
        if self._stage is _LINE_END:
            if not b"\r\n".startswith(frame[:2]):
                raise IncompleteSignature("The body ends before its last chunk.")
            if len(frame) < 2:
                self._pending = frame
                return 0
            self._pending, self._stage = b"", _HEAD
            return len(frame) - 2
        head = _CHUNK.match(frame)
        if head is None:
            if len(frame) >= _LONGEST_HEAD or b"\n" in frame:
                raise IncompleteSignature(_NOT_CHUNKED)
            self._pending = frame
            return 0
        if (head.group(2) is not None) != self._is_signed:
            raise IncompleteSignature(_NOT_CHUNKED)
        self._pending, self._signature = b"", head.group(2) or b""
        self._left = int(head.group(1), 16)
        self._hash = hashlib.sha256()
        if self._left:
            self._stage = _BYTES
        else:
            self._check_chunk()
            self._stage = _TRAILER_BEGUN
        return len(frame) - head.end()

    def _take(self, piece: bytes) -> None:
        self._left -= len(piece)
        self._checksums.feed(piece)
        if self._is_signed and self._proof is not None:
            self._hash.update(piece)
        if not self._left:
            self._check_chunk()
            self._stage = _LINE_END

    def _check_chunk(self) -> None:
        if self._is_signed and self._proof is not None:
            rest = EMPTY_SHA256 + b"\n" + self._hash.hexdigest().encode("ascii")
            self._previous = self._proof.check(b"PAYLOAD", self._previous, rest, self._signature)

    def _check_trailer(self, trailer: bytes) -> None:
        if not (_TRAILER.fullmatch(trailer) if self._has_trailer else trailer == b"\r\n"):
            raise IncompleteSignature(_BAD_END)
        fields = [line.partition(b":") for line in trailer.split(b"\r\n") if line]
        pairs = {name.lower(): value for name, _, value in fields}
        signature = pairs.pop(b"x-amz-trailer-signature", None)
        if self._has_trailer and self._is_signed and self._proof is not None:
            text = b"".join(name + b":" + value + b"\n" for name, value in pairs.items())
            self._proof.check(b"TRAILER", self._previous, hash_of(text), signature or b"")
        if not pairs.keys() >= set(self._promised):
            raise ApiError(_BAD_TRAILER, code="MalformedTrailerError", status=400)
        for name, value in pairs.items():
            self._checksums.check(name, value)


class Checksums:
    """The checksums of a body that arrives in parts."""

    def __init__(self, kinds: Iterable[bytes]) -> None:
        wanted = frozenset(kinds)
        self._crc32 = 0 if b"crc32" in wanted else None
        self._hashes = {
            kind: hashlib.new(kind.decode("ascii"), usedforsecurity=False)
            for kind in (b"sha1", b"sha256")
            if kind in wanted
        }

    def feed(self, piece: bytes) -> None:
        """The next part."""
        if self._crc32 is not None:
            self._crc32 = zlib.crc32(piece, self._crc32)
        for each in self._hashes.values():
            each.update(piece)

    def check(self, name: bytes, value: bytes) -> None:
        """Compare with a header or trailer field, if it is one of these checksums. Raises ApiError BadDigest."""
        kind = name.removeprefix(_CHECKSUM)
        if kind == b"crc32" and self._crc32 is not None:
            computed = self._crc32.to_bytes(4)
        elif kind in self._hashes:
            computed = self._hashes[kind].digest()
        else:
            return
        if base64.b64encode(computed) != value:
            text = f"The {kind.decode('ascii').upper()} you specified did not match the calculated checksum."
            raise ApiError(text, code="BadDigest", status=400)


def _checksum_kinds(announced: bytes | None) -> Iterable[bytes]:
    if announced is None:
        return _KINDS
    return [name.removeprefix(_CHECKSUM) for name in _names(announced) if name.startswith(_CHECKSUM)]


def _names(announced: bytes) -> list[bytes]:
    return [name.strip().lower() for name in announced.split(b",") if name.strip()]


_HEAD, _BYTES, _LINE_END, _TRAILER_BEGUN = range(4)
_NOT_CHUNKED = "The body is not in the chunked form that its headers announce."
_BAD_END = "The body does not end as its chunked form must."
_BAD_TRAILER = (
    "The request contained trailing data that was not well-formed or did not conform to our published schema."
)
