"""What is behind our door in these tests: the embedded moto, and a server of S3 that checks what it is sent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import pytest

from lambent.foreign.moto import is_installed
from lambent.kit.clock import SystemClock
from lambent.wire.call import Principal
from lambent.wire.errors import ApiError
from lambent.wire.message import PlainRequest
from lambent.wire.sigv4 import Key, Signature

KEY_ID, SECRET = "AKIANEIGHBOUR", "its secret"


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory: pytest.TempPathFactory, tools: Any) -> Iterator[Any]:
    if not is_installed():
        pytest.skip("moto is not installed: pip install 'lambent[moto]'")
    server = tools.Server(tmp_path_factory.mktemp("abroad") / "data").start()
    yield server
    server.stop()


@pytest.fixture
def bucket(moto_server: Any) -> str:
    """An empty bucket of the test's own."""
    name = f"bucket-{uuid4().hex[:12]}"
    moto_server.client("s3").create_bucket(Bucket=name)
    return name


@dataclass
class FakeS3:
    """Keeps objects' hashes, and the small ones themselves; refuses what is not signed with its key."""

    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    heads: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """(method, target, headers) of every request."""
    broken: int = 0
    """Uploads that ended early."""

    def find(self, access_key: str, session_token: str | None, now: float) -> Key | None:
        return Key(SECRET, Principal("1" * 12, "arn", "id", access_key)) if access_key == KEY_ID else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def do_PUT(self) -> None:
        fake: FakeS3 = self.server.fake
        left = int(self.headers.get("content-length", 0))
        digest, size, kept = hashlib.sha256(), left, b""
        while left:
            data = self.rfile.read(min(left, 1 << 20))
            if not data:
                fake.broken += 1
                self.close_connection = True
                return
            digest.update(data)
            left -= len(data)
            kept = kept + data if size < 1 << 20 else b""
        if self._signed():
            fake.objects[self._key] = kept
            fake.sizes[self._key], fake.hashes[self._key] = size, digest.hexdigest()
            self._answer(200, etag=f'"{digest.hexdigest()[:32]}"')

    def do_GET(self) -> None:
        fake: FakeS3 = self.server.fake
        if not self._signed():
            return
        if self._key not in fake.sizes:
            text = b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"
            self._answer(404, text)
        elif self.headers.get("range") == "bytes=1-3":
            self._answer(206, fake.objects[self._key][1:4])
        else:
            self._answer(200, fake.objects[self._key] or None, size=fake.sizes[self._key])

    do_HEAD = do_GET

    def do_DELETE(self) -> None:
        if self._signed():
            self.server.fake.sizes.pop(self._key, None)
            self._answer(204)

    do_POST = do_DELETE

    def log_message(self, *_: object) -> None:
        pass

    @property
    def _key(self) -> str:
        return unquote(urlsplit(self.path).path)

    def _signed(self) -> bool:
        fake: FakeS3 = self.server.fake
        fake.heads.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
        headers = {k.lower().encode(): v.encode("latin-1") for k, v in self.headers.items()}
        path, _, query = self.path.encode().partition(b"?")
        request = PlainRequest(self.command, path, query, headers, b"")
        try:
            signature = Signature.parse(request)
            assert signature is not None
            signature.check(fake, SystemClock().now(), None)
        except ApiError as error:
            self._answer(403, f"<Error><Code>{error.code}</Code><Message>{error.message}</Message></Error>".encode())
            return False
        return True

    def _answer(self, status: int, body: bytes | None = b"", size: int | None = None, **fields: str) -> None:
        size = len(body or b"") if size is None else size
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(size))
        self.end_headers()
        if self.command == "HEAD":
            return
        if body is not None:
            self.wfile.write(body)
            self.close_connection = len(body) < size
            return
        for _ in range(size >> 20):
            self.wfile.write(bytes(1 << 20))


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Uploads that break off are what some tests want."""


@pytest.fixture(scope="session")
def fake_s3() -> Iterator[FakeS3]:
    server = _Quiet(("127.0.0.1", 0), _Handler)
    fake = FakeS3(f"http://127.0.0.1:{server.server_port}")
    server.fake = fake  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, daemon=True).start()
    yield fake
    server.shutdown()


@pytest.fixture(scope="session")
def neighbourly(tmp_path_factory: pytest.TempPathFactory, tools: Any, fake_s3: FakeS3) -> Iterator[Any]:
    """A server whose S3 is the fake one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAMBENT_NEIGHBOUR_S3_ACCESS_KEY_ID", KEY_ID)
        patch.setenv("LAMBENT_NEIGHBOUR_S3_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("LAMBENT_NEIGHBOUR_S3_REGION", "eu-north-1")
        data = tmp_path_factory.mktemp("neighbourly") / "data"
        server = tools.Server(data, "--no-moto", "--neighbour", f"s3={fake_s3.url}/base").start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory, tools: Any, fake_s3: FakeS3) -> Iterator[Any]:
    """A server without moto and without S3; its Kinesis and its SQS are not there, its Secrets Manager wants other
    keys."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "credentials").write_text("[work]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = secret\n")
    nobody = tools.reserved_port()
    there = dict.fromkeys(("kinesis", "sqs"), f"http://127.0.0.1:{nobody.getsockname()[1]}")
    there |= dict.fromkeys(("secretsmanager", "glacier", "ssm"), fake_s3.url)
    named = [word for name, url in there.items() for word in ("--neighbour", f"{name}={url}")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
        patch.setenv("LAMBENT_NEIGHBOUR_GLACIER_PROFILE", "work")
        patch.setenv("LAMBENT_NEIGHBOUR_SSM_PROFILE", "no-such")
        server = tools.Server(folder / "data", "--no-moto", *named).start()
    yield server
    server.stop()
    nobody.close()
