"""Bodies to S3: proven while they pass, whatever they are cut into; one that is not what was signed loses its end."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import AsyncIterator, Callable

import pytest

from lambent.foreign.uploads import Upload
from lambent.wire.canonical import EMPTY_SHA256, mac
from lambent.wire.chunks import Chunks
from lambent.wire.errors import ApiError

BODY = b"0123456789" * 7
SIGNED = b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
UNSIGNED = b"STREAMING-UNSIGNED-PAYLOAD-TRAILER"
Sent = tuple[dict[bytes, bytes], Chunks | None, bytes]


def signed(size: int = 32) -> Sent:
    chunks = Chunks(b"k" * 32, b"20260101T000000Z", b"20260101/r/s3/aws4_request", b"5" * 64, SIGNED)
    previous, sent = chunks.seed, b""
    for part in [*(BODY[at : at + size] for at in range(0, len(BODY), size)), b""]:
        rest = EMPTY_SHA256 + b"\n" + hashlib.sha256(part).hexdigest().encode()
        text = (b"AWS4-HMAC-SHA256-PAYLOAD", chunks.stamp, chunks.scope, previous, rest)
        previous = mac(chunks.signing, b"\n".join(text))
        sent += b"%x;chunk-signature=%b\r\n%b\r\n" % (len(part), previous, part)
    return {b"x-amz-content-sha256": SIGNED, b"x-amz-decoded-content-length": b"%d" % len(BODY)}, chunks, sent


def with_trailer(body: bytes = BODY) -> Sent:
    checksum = base64.b64encode(zlib.crc32(BODY).to_bytes(4))
    sent = b"%x\r\n%b\r\n0\r\nx-amz-checksum-crc32:%b\r\n\r\n" % (len(body), body, checksum)
    headers = {
        b"x-amz-content-sha256": UNSIGNED,
        b"x-amz-decoded-content-length": b"%d" % len(body),
        b"x-amz-trailer": b"x-amz-checksum-crc32",
    }
    return headers, None, sent


def plain(body: bytes = BODY) -> Sent:
    digest = hashlib.sha256(BODY).hexdigest().encode()
    return {b"x-amz-content-sha256": digest, b"content-length": b"%d" % len(body)}, None, body


FORMS: dict[str, Callable[[], Sent]] = {"signed chunks": signed, "a trailer": with_trailer, "a hash": plain}


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def passed(form: Sent, *parts: bytes) -> tuple[bytes, ApiError | None]:
    headers, chunks, _ = form
    got = b""
    try:
        async for piece in Upload(headers, chunks, is_presigned=False).proven(pieces(*parts)):
            got += piece
    except ApiError as error:
        return got, error
    return got, None


@pytest.mark.parametrize("name", FORMS)
async def test_a_body_passes_whatever_it_is_cut_into(name: str) -> None:
    form = FORMS[name]()
    sent = form[2]
    for at in range(len(sent) + 1):
        assert await passed(form, sent[:at], sent[at:]) == (BODY, None)
    assert await passed(form, *(sent[at : at + 1] for at in range(len(sent)))) == (BODY, None)


@pytest.mark.parametrize("name", FORMS)
async def test_a_changed_or_cut_body_never_becomes_whole(name: str) -> None:
    form = FORMS[name]()
    sent = form[2]
    whole = sent[:-2] if sent.endswith(b"\r\n\r\n") and name == "a trailer" else sent
    for at in range(len(whole)):
        changed = sent[:at] + bytes([sent[at] ^ 1]) + sent[at + 1 :]
        got, error = await passed(form, changed[:40], changed[40:])
        assert error is not None, at
        assert len(got) < len(BODY), at
        got, error = await passed(form, sent[:at])
        assert error is not None, at
        assert len(got) < len(BODY), at


async def test_a_wrong_checksum_in_the_trailer_is_a_bad_digest() -> None:
    form = with_trailer(BODY[:-1] + b"x")
    got, error = await passed(form, form[2])
    assert error is not None
    assert (error.code, got) == ("BadDigest", b"")


@pytest.mark.parametrize("body", [BODY + b"x", BODY[:-1]])
async def test_a_body_of_another_length_than_was_said_is_refused(body: bytes) -> None:
    headers, chunks, _ = plain()
    got, error = await passed((headers, chunks, body), body)
    assert error is not None
    assert (error.code, len(got) < len(BODY)) == ("IncompleteBody", True)


async def test_trusted_callers_chunks_are_read_without_a_proof() -> None:
    headers, _, sent = signed()
    assert await passed((headers, None, sent), sent) == (BODY, None)
    assert Upload(headers, None, is_presigned=False).whole(sent) == BODY


def test_what_is_not_said_of_a_body_is_asked_for() -> None:
    with pytest.raises(ApiError, match="x-amz-content-sha256"):
        Upload({b"content-length": b"1"}, None, is_presigned=False)
    with pytest.raises(ApiError, match="Content-Length"):
        Upload({b"transfer-encoding": b"chunked"}, None, is_presigned=True)
    with pytest.raises(ApiError, match="Content-Length"):
        Upload({b"x-amz-content-sha256": UNSIGNED, b"content-length": b"9"}, None, is_presigned=False)
    assert Upload({}, None, is_presigned=True).length == 0
