"""Throughput: one signed request, sent again and again on some connections, by wrk or by our own client.

python benchmarks/load.py PORT CONNECTIONS SECONDS < request     our own client, in its own process; prints JSON
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import uvloop
from client import BenchError, Signed, Target

_LUA = """
wrk.method = {method}
wrk.body = {body}
{headers}
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\n{{"answers":%d,"seconds":%.6f,"failed":%d}}\\n',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout))
end
"""
_GRACE_S = 40.0


@dataclass(frozen=True, slots=True)
class Load:
    """What a load did to a server."""

    answers: int
    seconds: float
    failed: int

    @property
    def per_s(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds


def tool() -> str:
    """Which client `press` uses: wrk when it is installed."""
    return "wrk" if shutil.which("wrk") else "own client"


def press(target: Target, request: Signed, connections: int, seconds: float, *, client: str) -> Load:
    """`run`, but raises BenchError when any request fails, too."""
    load = run(target, request, connections, seconds, client=client)
    if not load.answers:
        raise BenchError("no answer to any request")
    if load.failed:
        raise BenchError(f"{load.failed} of {load.answers} requests failed")
    return load


def run(target: Target, request: Signed, connections: int, seconds: float, *, client: str) -> Load:
    """Keep `connections` busy for `seconds`, one request at a time on each. Raises BenchError when it cannot."""
    return (_wrk if client == "wrk" else _own)(target, request, connections, seconds)


def _wrk(target: Target, request: Signed, connections: int, seconds: float) -> Load:
    headers = "\n".join(
        f"wrk.headers[{_lua(name)}] = {_lua(text)}"
        for name, text in request.headers.items()
        if name.lower() != "content-length"  # wrk sets its own
    )
    with tempfile.TemporaryDirectory(prefix="bench-wrk-") as folder:
        script = Path(folder) / "request.lua"
        script.write_text(_LUA.format(method=_lua(request.method), body=_lua(request.body.decode()), headers=headers))
        whole = max(1, round(seconds))
        argv = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{whole}s"]
        argv += ["--timeout", "30s", "--script", str(script), f"http://{target.host}{request.path}"]
        return _result(argv, b"", whole)


def _own(target: Target, request: Signed, connections: int, seconds: float) -> Load:
    argv = [sys.executable, str(Path(__file__).resolve()), str(target.port), str(connections), str(seconds)]
    return _result(argv, request.wire(), seconds)


def _result(argv: list[str], sent: bytes, seconds: float) -> Load:
    try:
        done = subprocess.run(argv, input=sent, capture_output=True, timeout=seconds + _GRACE_S, check=True)
        return Load(**json.loads(done.stdout.strip().splitlines()[-1]))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise BenchError(f"the load generator failed: {error}") from error


def _lua(text: str) -> str:
    """A Lua string: JSON's escapes of ASCII are Lua's too."""
    if not text.isascii():
        raise BenchError("only ASCII requests can be given to wrk")
    return json.dumps(text)


class _Client(asyncio.Protocol):
    """One connection that always has one request under way. Answers must have a Content-Length, or be chunked."""

    def __init__(self, wire: bytes, tally: _Tally) -> None:
        self._wire = wire
        self._tally = tally
        self._got = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none of asyncio's classes
        self._transport.write(self._wire)

    def data_received(self, data: bytes) -> None:
        self._got = self._got + data if self._got else data
        end = self._got.find(b"\r\n\r\n")
        if end < 0 or not _is_whole(self._got, end):
            return
        self._tally.count(is_success=self._got.startswith(b"HTTP/1.1 2"))
        self._got = b""
        assert self._transport is not None
        self._transport.write(self._wire)

    def connection_lost(self, exc: Exception | None) -> None:
        self._tally.lost(self._wire)


def _is_whole(got: bytes, end: int) -> bool:
    head = got[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        return got.endswith(b"0\r\n\r\n")
    line_end = head.find(b"\r\n", at + 2)
    length = int(head[at + 17 : line_end if line_end > 0 else end])
    return len(got) >= end + 4 + length


class _Tally:
    """Counts answers; connects again what a server has closed, as some do after a thousand requests."""

    def __init__(self, port: int) -> None:
        self.answers = 0
        self.failed = 0
        self.closing = False
        self._port = port
        self._connecting: set[asyncio.Task[None]] = set()

    def count(self, *, is_success: bool) -> None:
        self.answers += 1
        self.failed += not is_success

    def lost(self, wire: bytes) -> None:
        if not self.closing:
            task = asyncio.ensure_future(self.connect(wire))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    async def connect(self, wire: bytes) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: _Client(wire, self), "127.0.0.1", self._port)
        except OSError:
            self.failed += 1


async def _press(port: int, connections: int, seconds: float, wire: bytes) -> Load:
    loop = asyncio.get_running_loop()
    tally = _Tally(port)
    begin = loop.time()
    await asyncio.gather(*(tally.connect(wire) for _ in range(connections)))
    await asyncio.sleep(seconds)
    tally.closing = True
    return Load(tally.answers, loop.time() - begin, tally.failed)


def main(port: int, connections: int, seconds: float) -> None:
    """Print what the request on standard input did, as JSON."""
    load = uvloop.run(_press(port, connections, seconds, sys.stdin.buffer.read()))
    print(json.dumps({"answers": load.answers, "seconds": load.seconds, "failed": load.failed}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
