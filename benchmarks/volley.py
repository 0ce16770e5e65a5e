"""Many requests at the same moment, each on a connection of its own, and what became of every one of them.

python benchmarks/volley.py < order     in its own process, with as many descriptors as it may have; prints JSON
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import uvloop
from client import BenchError, Signed, Target

_GRACE_S = 60.0
_CONNECTING = 50
"""At the same time, so that no server's queue of new connections runs over before the clock starts."""
_SPARE_DESCRIPTORS = 100
_SHOWN_BYTES = 160


@dataclass(frozen=True, slots=True)
class Stay:
    """One invocation as its function tells it: in which environment, and from when to when (Unix time, seconds)."""

    environment: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Volley:
    """What became of the requests."""

    sent_at: float
    """Unix time at which the first was sent."""
    seconds: float
    """From then until the last answer, or until patience ended."""
    stays: Sequence[Stay]
    failures: Mapping[str, int]
    """Why others have failed, and how many each."""

    @property
    def failed(self) -> int:
        """How many requests had no success."""
        return sum(self.failures.values())

    @property
    def environments(self) -> int:
        """How many environments ran them."""
        return len({stay.environment for stay in self.stays})

    @property
    def at_once(self) -> int:
        """The most that ran at the same moment."""
        changes = sorted([(stay.began, 1) for stay in self.stays] + [(stay.ended, -1) for stay in self.stays])
        running = most = 0
        for _, change in changes:
            running += change
            most = max(most, running)
        return most

    @property
    def created_per_s(self) -> float:
        """Environments a second, until the last one had begun its first invocation."""
        first: dict[str, float] = {}
        for stay in self.stays:
            first[stay.environment] = min(stay.began, first.get(stay.environment, stay.began))
        return len(first) / (max(first.values()) - self.sent_at)

    def reasons(self) -> str:
        """The failures in words."""
        return "; ".join(f"{count:,} × {why}" for why, count in self.failures.items())


def fire(target: Target, requests: Sequence[Signed], count: int, patience_s: float) -> Volley:
    """Send `count` requests at once, taking `requests` in turn; functions answer as `Stay`. Raises BenchError."""
    order = {
        "port": target.port,
        "wires": [request.wire().decode("latin-1") for request in requests],
        "count": count,
        "patience": patience_s,
    }
    argv = [sys.executable, str(Path(__file__).resolve())]
    try:
        # A file: what thousands of answers tell is more than a pipe holds.
        with tempfile.TemporaryFile() as answers:
            whole = json.dumps(order).encode()
            subprocess.run(argv, input=whole, stdout=answers, timeout=patience_s + _GRACE_S, check=True)
            answers.seek(0)
            told = json.load(answers)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise BenchError(f"the volley failed: {error}") from error
    stays = [Stay(*each) for each in told["stays"]]
    return Volley(told["sent_at"], told["seconds"], stays, told["failures"])


class _One(asyncio.Protocol):
    """One connection, one request, one answer: it must have a Content-Length, or be chunked."""

    def __init__(self, wire: bytes) -> None:
        self.got = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_closed = False
        self._wire = wire
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def send(self) -> None:
        """Now."""
        assert self._transport is not None
        if self.is_closed:
            self._settle()
        else:
            self._transport.write(self._wire)

    def data_received(self, data: bytes) -> None:
        self.got += data
        if _is_whole(self.got):
            self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = True
        self._settle()

    def close(self) -> None:
        """The answer is not waited for any more."""
        assert self._transport is not None
        self._transport.abort()

    def _settle(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


def _is_whole(got: bytes) -> bool:
    head, end, body = got.partition(b"\r\n\r\n")
    if not end:
        return False
    headers = _headers(head)
    if b"chunked" in headers.get(b"transfer-encoding", b""):
        return body.endswith(b"0\r\n\r\n")
    return len(body) >= int(headers.get(b"content-length", b"0"))


def _headers(head: bytes) -> dict[bytes, bytes]:
    pairs = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return {name.strip().lower(): text.strip() for name, _, text in pairs}


def _judged(one: _One) -> Stay | str:
    """What the function told, or why there is nothing."""
    if not one.got:
        return "connection closed" if one.is_closed else "no answer"
    head, _, body = one.got.partition(b"\r\n\r\n")
    headers = _headers(head)
    if b"chunked" in headers.get(b"transfer-encoding", b""):
        body = body.partition(b"\r\n")[2].partition(b"\r\n")[0]  # such short answers are one chunk
    status = head.split(b" ")[1].decode()
    try:
        environment, began, ended = json.loads(body)
        return Stay(environment, began, ended)
    except (ValueError, TypeError):
        kind = headers.get(b"x-amzn-errortype") or headers.get(b"x-amz-function-error") or b""
        return f"{status} {kind.decode('latin-1')} {body[:_SHOWN_BYTES].decode('utf-8', 'replace')}".strip()


async def _fire(port: int, wires: Sequence[bytes], count: int, patience_s: float) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    connecting = asyncio.Semaphore(_CONNECTING)

    async def connected(number: int) -> _One:
        async with connecting:
            _, one = await loop.create_connection(lambda: _One(wires[number % len(wires)]), "127.0.0.1", port)
        return one

    ones = await asyncio.gather(*(connected(number) for number in range(count)))
    sent_at, begin = time.time(), time.perf_counter()
    for one in ones:
        one.send()
    await asyncio.wait([one.done for one in ones], timeout=patience_s)
    seconds = time.perf_counter() - begin
    judged = [_judged(one) for one in ones]
    for one in ones:
        one.close()
    stays = [[each.environment, each.began, each.ended] for each in judged if isinstance(each, Stay)]
    failures = Counter(each for each in judged if isinstance(each, str))
    return {"sent_at": sent_at, "seconds": seconds, "stays": stays, "failures": dict(failures)}


def main(order: dict[str, Any]) -> None:
    """Carry out the order that `fire` wrote."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = order["count"] + _SPARE_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < needed:
        most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    wires = [wire.encode("latin-1") for wire in order["wires"]]
    print(json.dumps(uvloop.run(_fire(order["port"], wires, order["count"], order["patience"]))))


if __name__ == "__main__":
    main(json.load(sys.stdin))
