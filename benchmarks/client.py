"""A Lambda client that costs little: requests are built and signed before the clock starts, then sent on one socket.

Signed by botocore, as every SDK's requests are, so that no server is measured with a signer of its own.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import socket
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

REGION = "us-east-1"
API = "/2015-03-31/functions"
ROLE = "bench"
ROLE_ARN = f"arn:aws:iam::000000000000:role/{ROLE}"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
PATIENCE_S = 30.0
TIMEOUT_S = 60
EVENT = {"hello": "world"}
_POLL_S = 0.002
_numbers = itertools.count(1)

_WORDS, _FEW_WORDS = 200, 60
"""Of an answer's body, in an error's text."""


class BenchError(Exception):
    """A figure cannot be had; the text says why."""


class NotOffered(BenchError):
    """A server has no such thing: that is no failure."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server to measure, and the key to sign with."""

    port: int
    access_key: str
    secret_key: str

    @property
    def host(self) -> str:
        """As it stands in the Host header."""
        return f"127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response; header names in lower case."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes

    def json(self) -> Any:
        """The body, when the status is that of a success. Raises BenchError."""
        if self.status // 100 != 2:
            raise BenchError(self.told)
        return json.loads(self.body or b"null")

    @property
    def told(self) -> str:
        """Status and body, for an error's text."""
        return f"{self.status} {self.body[:_WORDS].decode('utf-8', 'replace')}"

    @property
    def is_success(self) -> bool:
        """Whether an invocation was answered with the function's result, and not with its error."""
        return self.status == 200 and b"x-amz-function-error" not in self.headers


@dataclass(frozen=True, slots=True)
class Signed:
    """A request that can be sent again and again for five minutes."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def wire(self) -> bytes:
        """Its bytes."""
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {text}" for name, text in self.headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


def signed(target: Target, method: str, path: str, body: bytes = b"", **more: str) -> Signed:
    """Sign as of now. `more`: headers, with _ for -; `service` is the service's signing name."""
    service = more.pop("service", "lambda")
    request = AWSRequest(method, f"http://{target.host}{path}", data=body)
    request.headers["Host"] = target.host
    for name, text in more.items():
        request.headers[name.replace("_", "-")] = text
    SigV4Auth(Credentials(target.access_key, target.secret_key), service, REGION).add_auth(request)
    headers = {**dict(request.headers.items()), "Content-Length": str(len(body))}
    return Signed(method, path, headers, body)


def invocation(target: Target, name: str, event: object = None, **more: str) -> Signed:
    """A signed Invoke."""
    body = json.dumps(EVENT if event is None else event).encode()
    return signed(target, "POST", f"{API}/{name}/invocations", body, Content_Type="application/json", **more)


def creation(target: Target, name: str, code: Code, memory_mb: int) -> Signed:
    """A signed CreateFunction."""
    told = {
        "FunctionName": name,
        "Runtime": code.runtime,
        "Handler": code.handler,
        "Role": ROLE_ARN,
        "Timeout": TIMEOUT_S,
        "MemorySize": memory_mb,
        "Code": {"ZipFile": base64.b64encode(code.package()).decode()},
    }
    return signed(target, "POST", API, json.dumps(told).encode(), Content_Type="application/json")


class Connection:
    """One keep-alive connection, made anew when the server has closed it."""

    def __init__(self, target: Target) -> None:
        self._address = ("127.0.0.1", target.port)
        self._socket: socket.socket | None = None

    def connect(self) -> None:
        """So that the next exchange need not. Raises OSError."""
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=PATIENCE_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def exchange(self, wire: bytes) -> Answer:
        """Send a request and read its answer. Raises OSError, BenchError."""
        self.connect()
        assert self._socket is not None
        try:
            self._socket.sendall(wire)
            answer = _read(self._socket)
        except (OSError, BenchError):
            self.close()
            raise
        if answer.headers.get(b"connection", b"").lower() == b"close":
            self.close()
        return answer

    def timed(self, wire: bytes) -> float:
        """Seconds from sending an Invoke to having its whole answer. Raises OSError, BenchError."""
        return self.timed_answer(wire)[0]

    def timed_answer(self, wire: bytes) -> tuple[float, bytes]:
        """The same, and the function's result."""
        self.connect()
        begin = time.perf_counter()
        answer = self.exchange(wire)
        seconds = time.perf_counter() - begin
        if not answer.is_success:
            raise BenchError(f"the function failed: {answer.told}")
        return seconds, answer.body

    def close(self) -> None:
        """A next exchange connects again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _read(source: socket.socket) -> Answer:
    got = _more(source, b"")
    while (end := got.find(b"\r\n\r\n")) < 0:
        got = _more(source, got)
    lines = got[:end].split(b"\r\n")
    headers = {}
    for line in lines[1:]:
        name, _, text = line.partition(b":")
        headers[name.strip().lower()] = text.strip()
    rest = got[end + 4 :]
    if b"chunked" in headers.get(b"transfer-encoding", b""):
        body = _chunks(source, rest)
    else:
        length = int(headers.get(b"content-length", b"0"))
        while len(rest) < length:
            rest = _more(source, rest)
        body = rest[:length]
    return Answer(int(lines[0].split(b" ")[1]), headers, body)


def _chunks(source: socket.socket, got: bytes) -> bytes:
    body = b""
    while True:
        while (end := got.find(b"\r\n")) < 0:
            got = _more(source, got)
        size = int(got[:end].split(b";")[0], 16)
        while len(got) < end + 2 + size + 2:
            got = _more(source, got)
        if size == 0:
            return body
        body += got[end + 2 : end + 2 + size]
        got = got[end + 2 + size + 2 :]


def _more(source: socket.socket, got: bytes) -> bytes:
    received = source.recv(65536)
    if not received:
        raise BenchError("the server closed the connection")
    return got + received


class Lambda:
    """The operations that the benchmark needs, on one connection. All raise BenchError and OSError."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.connection = Connection(target)

    def make_role(self) -> None:
        """The execution role of every function here."""
        body = (
            f"Action=CreateRole&Version=2010-05-08&RoleName={ROLE}&AssumeRolePolicyDocument={_quoted(TRUST)}".encode()
        )
        form = "application/x-www-form-urlencoded; charset=utf-8"
        answer = self._send(signed(self.target, "POST", "/", body, service="iam", Content_Type=form))
        if answer.status != 200:
            raise BenchError(f"no role: {answer.told}")

    def create(self, code: Code, memory_mb: int) -> Made:
        """Create a function and wait for State=Active."""
        name = f"bench-{next(_numbers)}"
        request = creation(self.target, name, code, memory_mb)
        begin = time.perf_counter()
        self._send(request).json()
        self.wait_until_active(name)
        return Made(name, time.perf_counter() - begin)

    def wait_until_active(self, name: str) -> None:
        """Return when the function can be called."""
        self._wait(name, "State", "Active")

    def timed_read(self, wire: bytes) -> float:
        """Seconds from sending any request until its answer, which must be a success."""
        begin = time.perf_counter()
        answer = self.connection.exchange(wire)
        seconds = time.perf_counter() - begin
        answer.json()
        return seconds

    def update(self, name: str, code: Code) -> None:
        """Send new code; it may still be on its way when this returns."""
        body = json.dumps({"ZipFile": base64.b64encode(code.package()).decode()}).encode()
        path = f"{API}/{name}/code"
        self._send(signed(self.target, "PUT", path, body, Content_Type="application/json")).json()

    def wait_for_update(self, name: str) -> None:
        """Return when the last update is done."""
        self._wait(name, "LastUpdateStatus", "Successful")

    def delete(self, name: str) -> None:
        """Delete a function."""
        self._send(signed(self.target, "DELETE", f"{API}/{name}")).json()

    def invoke(self, name: str, event: object = None, **more: str) -> Answer:
        """Whatever it answers."""
        return self._send(invocation(self.target, name, event, **more))

    def log_lines(self, name: str, pattern: str) -> list[str]:
        """Lines of the function's log that match a filter pattern."""
        body = json.dumps({"logGroupName": f"/aws/lambda/{name}", "filterPattern": pattern}).encode()
        told = {"X_Amz_Target": "Logs_20140328.FilterLogEvents", "Content_Type": "application/x-amz-json-1.1"}
        events = self._send(signed(self.target, "POST", "/", body, service="logs", **told)).json()["events"]
        return [event["message"] for event in events]

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def _wait(self, name: str, member: str, wanted: str) -> None:
        path = f"{API}/{name}/configuration"
        end = time.monotonic() + PATIENCE_S
        while True:
            told = self._send(signed(self.target, "GET", path)).json()
            value = told.get(member, wanted)
            if value == wanted:
                return
            if value == "Failed" or time.monotonic() > end:
                raise BenchError(f"{member} is {value}: {told.get('StateReason', '')}")
            time.sleep(_POLL_S)

    def _send(self, request: Signed) -> Answer:
        return self.connection.exchange(request.wire())


def _quoted(document: object) -> str:
    return "".join(
        letter if letter.isascii() and letter.isalnum() else f"%{ord(letter):02X}" for letter in json.dumps(document)
    )


@dataclass(frozen=True, slots=True)
class Code:
    """A function's code."""

    runtime: str
    files: tuple[tuple[str, bytes], ...]
    handler: str = "app.handler"
    echoes: bool = True
    """Whether its result is the event."""

    def package(self) -> bytes:
        """Its zip."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in self.files:
                entry = zipfile.ZipInfo(name)
                entry.external_attr = (0o100755 if name == "bootstrap" else 0o100644) << 16
                archive.writestr(entry, content)
        return out.getvalue()

    def check(self, result: bytes, event: object = EVENT) -> None:
        """That it has run, when that can be told from the result: some servers answer in its place. Raises
        BenchError."""
        if self.echoes and json.loads(result or b"null") != event:
            raise BenchError(f"{self.runtime} did not run, answered {result[:_FEW_WORDS].decode('utf-8', 'replace')}…")


@dataclass(frozen=True, slots=True)
class Made:
    """A function that can be called."""

    name: str
    seconds: float | None
    """From CreateFunction until Active; None where functions are there from the start."""
