"""What is left of a request when it is passed on."""

from __future__ import annotations

import pytest

from lambent.foreign.rewriting import bucket_in_host, in_path_style, passed_headers, passed_query, told_headers


def test_the_signature_and_the_connection_stay_behind() -> None:
    sent = {
        b"host": b"127.0.0.1:4566",
        b"authorization": b"AWS4-HMAC-SHA256 ...",
        b"x-amz-date": b"20260101T000000Z",
        b"x-amz-security-token": b"token",
        b"x-amz-content-sha256": b"UNSIGNED-PAYLOAD",
        b"expect": b"100-continue",
        b"content-length": b"5",
        b"connection": b"keep-alive, X-Hop",
        b"x-hop": b"1",
        b"x-moto-account-id": b"111111111111",
        b"x-lambent-token": b"guess",
        b"content-type": b"text/plain",
        b"x-amz-meta-a": b"b",
        b"range": b"bytes=0-4",
    }
    assert passed_headers(sent) == {b"content-type": b"text/plain", b"x-amz-meta-a": b"b", b"range": b"bytes=0-4"}


@pytest.mark.parametrize(("coding", "left"), [(b"aws-chunked", None), (b"gzip,aws-chunked", b"gzip")])
def test_what_was_said_of_chunks_is_not_said_of_a_body_without(coding: bytes, left: bytes | None) -> None:
    sent = {
        b"content-encoding": coding,
        b"x-amz-decoded-content-length": b"5",
        b"x-amz-trailer": b"x-amz-checksum-crc32",
        b"x-amz-sdk-checksum-algorithm": b"CRC32",
    }
    assert passed_headers(sent, unframed=True) == ({} if left is None else {b"content-encoding": left})
    assert passed_headers(sent) == sent


@pytest.mark.parametrize(
    ("query", "left"),
    [
        (b"", b""),
        (b"list-type=2&prefix=a%20b+c", b"list-type=2&prefix=a%20b+c"),
        (
            b"X-Amz-Algorithm=A&X-Amz-Credential=C&X-Amz-Date=D&X-Amz-Expires=1&versionId=x%2By"
            b"&X-Amz-SignedHeaders=host&X-Amz-Security-Token=T&X-Amz-Signature=S",
            b"versionId=x%2By",
        ),
        (b"response-content-type=a&x%2Damz-signature=S&x-id=GetObject", b"response-content-type=a&x-id=GetObject"),
    ],
)
def test_a_presigned_query_loses_its_signature_alone(query: bytes, left: bytes) -> None:
    assert passed_query(query) == left


def test_what_we_say_of_an_answer_ourselves_is_not_said_twice() -> None:
    told = told_headers([(b"date", b"x"), (b"content-length", b"1"), (b"etag", b'"e"'), (b"connection", b"close")])
    assert told == [(b"etag", b'"e"')]


@pytest.mark.parametrize(
    ("host", "bucket"),
    [
        (b"photos.s3.localhost:4566", b"photos"),
        (b"photos.s3.us-east-1.localhost", b"photos"),
        (b"photos.s3.amazonaws.com", b"photos"),
        (b"my.dotted.photos.s3.localhost.localstack.cloud:4566", b"my.dotted.photos"),
        (b"photos.s3-us-west-2.amazonaws.com", b"photos"),
        (b"photos.localhost:4566", b"photos"),
        (b"photos.localhost", b"photos"),
        (b"s3.localhost:4566", None),
        (b"localhost:4566", None),
        (b"127.0.0.1:4566", None),
        (b"lambent.example", None),
        (b"photos.localhost.example", None),
    ],
)
def test_a_bucket_is_found_in_a_host(host: bytes, bucket: bytes | None) -> None:
    found = bucket_in_host(host)
    assert (found[0] if found is not None else None) == bucket


def test_a_bucket_goes_from_the_host_into_the_path() -> None:
    assert in_path_style(b"photos.s3.localhost:4566", b"/a/b") == (b"s3.localhost:4566", b"/photos/a/b")
    assert in_path_style(b"photos.localhost:4566", b"/") == (b"localhost:4566", b"/photos/")
    assert in_path_style(b"127.0.0.1:4566", b"/photos/a") == (b"127.0.0.1:4566", b"/photos/a")
