"""`--neighbour s3=URL`: what it is sent is signed anew, with its own keys, and never held whole."""

from __future__ import annotations

import hashlib
import io
import socket
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, IncompleteReadError, ResponseStreamingError

from lambent.wire.message import PlainRequest
from lambent.wire.signing import Credentials, sign

LARGE = 192 << 20
GROWTH_MIB = 48
"""What the server may grow by while so much goes through it: buffers, and what the first requests load."""


def resident_mib(server: Any) -> int:
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("VmHWM"))


def test_requests_are_signed_anew_for_it(neighbourly: Any, fake_s3: Any) -> None:
    s3 = neighbourly.client("s3")
    s3.put_object(Bucket="photos", Key="a b/ü+.txt", Body=b"hello", Metadata={"a": "b"})
    assert fake_s3.objects["/base/photos/a b/ü+.txt"] == b"hello"
    _, _, headers = fake_s3.heads[-1]
    assert "Credential=AKIANEIGHBOUR/" in headers["authorization"]
    assert "/eu-north-1/s3/" in headers["authorization"]
    assert headers["x-amz-meta-a"] == "b"
    assert not any("moto" in name or "lambent" in name for name in headers)
    assert s3.get_object(Bucket="photos", Key="a b/ü+.txt", Range="bytes=1-3")["Body"].read() == b"ell"
    assert s3.head_object(Bucket="photos", Key="a b/ü+.txt")["ContentLength"] == 5
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket="photos", Key="missing")


def test_a_presigned_url_is_signed_anew(neighbourly: Any, fake_s3: Any, tools: Any) -> None:
    s3 = neighbourly.client("s3", config=Config(signature_version="s3v4"))
    s3.put_object(Bucket="photos", Key="k", Body=b"by url")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "photos", "Key": "k"})
    assert tools.http(url)[2] == b"by url"
    assert fake_s3.heads[-1][1] == "/base/photos/k"


def test_an_object_larger_than_memory_should_hold_goes_through_both_ways(neighbourly: Any, fake_s3: Any) -> None:
    s3 = neighbourly.client("s3")
    s3.put_object(Bucket="photos", Key="warm", Body=b"up")
    before = resident_mib(neighbourly)
    s3.put_object(Bucket="photos", Key="large", Body=io.BytesIO(bytes(LARGE)))
    assert fake_s3.sizes["/base/photos/large"] == LARGE
    assert fake_s3.hashes["/base/photos/large"] == hashlib.sha256(bytes(LARGE)).hexdigest()
    received = 0
    for piece in s3.get_object(Bucket="photos", Key="large")["Body"].iter_chunks(1 << 20):
        received += len(piece)
    assert received == LARGE
    assert resident_mib(neighbourly) - before < GROWTH_MIB


class Raw:
    """A client that sends a PUT part by part."""

    def __init__(self, server: Any, key: str, body: bytes, **fields: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        keys = server.credentials()
        headers = {b"host": b"h", **{n.replace("_", "-").encode(): v.encode() for n, v in fields.items()}}
        plain = PlainRequest("PUT", b"/photos/" + key.encode(), b"", headers, body)
        credentials = Credentials(keys["aws_access_key_id"], keys["aws_secret_access_key"])
        signed = sign(plain, credentials, "us-east-1", "s3", _now())
        lines = b"".join(b"%b: %b\r\n" % pair for pair in signed.items())
        self.head = b"PUT /photos/%b HTTP/1.1\r\n%bcontent-length: %d\r\n" % (key.encode(), lines, len(body))

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def read(self, until: bytes) -> bytes:
        got = b""
        while until not in got and (data := self._socket.recv(65_536)):
            got += data
        return got

    def close(self) -> None:
        self._socket.close()


def _now() -> float:
    from lambent.kit.clock import SystemClock

    return SystemClock().now()


def test_a_body_that_is_not_what_was_signed_never_becomes_an_object(neighbourly: Any, fake_s3: Any, tools: Any) -> None:
    body = bytes(200_000)
    broken = fake_s3.broken
    raw = Raw(neighbourly, "forged", body)
    raw.send(raw.head + b"\r\n" + body[:-1] + b"x")
    assert b"XAmzContentSHA256Mismatch" in raw.read(b"</Error>")
    raw.close()
    assert "/base/photos/forged" not in fake_s3.sizes
    tools.wait_for(lambda: fake_s3.broken > broken)


def test_a_client_that_goes_away_in_the_middle_leaves_nothing(neighbourly: Any, fake_s3: Any, tools: Any) -> None:
    broken = fake_s3.broken
    raw = Raw(neighbourly, "half", bytes(1 << 20))
    raw.send(raw.head + b"\r\n" + bytes(1 << 19))
    raw.close()
    tools.wait_for(lambda: fake_s3.broken > broken)
    assert "/base/photos/half" not in fake_s3.sizes


def test_who_asks_whether_to_go_on_is_told_only_when_the_signature_is_right(neighbourly: Any, fake_s3: Any) -> None:
    body = bytes(100_000)
    raw = Raw(neighbourly, "expected", body)
    raw.send(raw.head + b"expect: 100-continue\r\n\r\n")
    assert raw.read(b"\r\n\r\n").startswith(b"HTTP/1.1 100 Continue")
    raw.send(body)
    assert raw.read(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
    raw.close()
    assert fake_s3.sizes["/base/photos/expected"] == 100_000
    raw = Raw(neighbourly, "expected", body)
    raw.send(raw.head.replace(b"Signature=", b"Signature=0") + b"expect: 100-continue\r\n\r\n")
    assert raw.read(b"\r\n\r\n").startswith(b"HTTP/1.1 4")
    raw.close()


def test_an_object_may_not_be_larger_than_5_gib(neighbourly: Any) -> None:
    raw = Raw(neighbourly, "huge", b"")
    raw.send(raw.head.replace(b"content-length: 0", b"content-length: 6000000000") + b"\r\n")
    assert b"<Code>EntityTooLarge</Code>" in raw.read(b"</Error>")
    raw.close()


def test_a_neighbour_that_is_not_there_is_named_with_the_reason(alone: Any) -> None:
    with pytest.raises(ClientError, match=r"The neighbour kinesis at http://\S+ cannot be reached: Connection refused"):
        alone.client("kinesis").list_streams()


def test_a_neighbour_may_be_asked_with_the_keys_of_a_profile(alone: Any, fake_s3: Any) -> None:
    with pytest.raises(ClientError):
        alone.client("glacier").list_vaults()
    assert "Credential=AKIAPROFILE/" in fake_s3.heads[-1][2]["authorization"]
    with pytest.raises(ClientError, match=r"cannot be asked: The config profile \(no-such\) could not be found"):
        alone.client("ssm").describe_parameters()


def test_a_neighbour_without_keys_is_asked_with_the_account_and_refuses_itself(alone: Any, fake_s3: Any) -> None:
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        alone.client("secretsmanager").list_secrets()
    assert "Credential=000000000000/" in fake_s3.heads[-1][2]["authorization"]


def test_an_answer_that_breaks_off_is_not_taken_for_whole(neighbourly: Any, fake_s3: Any) -> None:
    s3 = neighbourly.client("s3")
    fake_s3.sizes["/base/photos/small"], fake_s3.objects["/base/photos/small"] = 1_000, b"half"
    with pytest.raises(ClientError, match="ServiceUnavailable"):
        s3.get_object(Bucket="photos", Key="small")
    fake_s3.sizes["/base/photos/broken"], fake_s3.objects["/base/photos/broken"] = 5 << 20, b"half" * 100_000
    body = s3.get_object(Bucket="photos", Key="broken")["Body"]
    with pytest.raises((IncompleteReadError, ResponseStreamingError)):
        body.read()
