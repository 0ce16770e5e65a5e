"""Streamed responses: how soon the first bytes are there, and how fast the rest follows."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from client import PATIENCE_S, BenchError, Code, NotOffered, Target, signed
from figures import ONE_VCPU_MB, Plan
from functions import node_stream
from machine import Watch
from servers import Server
from table import Row, cells, middle, spread
from turns import Sample, deployed, in_turns

PATH = "/2021-11-15/functions/{}/response-streaming-invocations"
PAUSE_MS = 20
"""Between the first piece and the end: whoever gathers the whole answer first shows it."""
_WARM_UP = 3
_MIB = 1 << 20
_AT_ONCE = 1 << 20
_TAIL = 1024
"""Of the answer, in which its last event is."""


@dataclass(frozen=True, slots=True)
class Streamed:
    """One answer, in seconds from sending its request."""

    first_s: float
    whole_s: float


def rows(servers: Sequence[Server], plan: Plan) -> list[Row]:
    """The figures; none where there is no Node.js, whose handlers stream everywhere alike."""
    code = node_stream()
    if code is None:
        return []
    large = {"bytes": 65_536, "pieces": plan.streamed_mb * 16}
    small = {"bytes": 1024, "pieces": plan.streamed_mb * 64}
    return [
        _first(servers, plan, code),
        _rate(servers, plan, code, large, f"{plan.streamed_mb} MiB in pieces of 64 kB"),
        _rate(servers, plan, code, small, f"{plan.streamed_mb / 16:g} MiB in pieces of 1 kB"),
    ]


def _first(servers: Sequence[Server], plan: Plan, code: Code) -> Row:
    per_round = max(1, plan.streams // plan.rounds)
    event = {"pause": PAUSE_MS}
    with deployed(servers, code, ONE_VCPU_MB) as functions:

        def once(server: Server) -> Sample[list[float]]:
            with Watch() as watch:
                taken = _taken(server.target(), functions.on(server), event, 1, per_round)
            return Sample([each.first_s for each in taken], watch.noise)

        taken = in_turns(servers, plan.rounds, once)
    title = f"first bytes of a streamed response, Node.js, p50 / p90, n={per_round * plan.rounds}, ms"
    return Row(title, cells(taken, lambda rounds: spread([each for some in rounds for each in some])), ONE_VCPU_MB)


def _rate(servers: Sequence[Server], plan: Plan, code: Code, event: dict[str, int], what: str) -> Row:
    size = event["bytes"] * event["pieces"]
    with deployed(servers, code, ONE_VCPU_MB) as functions:

        def once(server: Server) -> Sample[float]:
            with Watch() as watch:
                (taken,) = _taken(server.target(), functions.on(server), event, size, 1)
            return Sample(size / _MIB / taken.whole_s, watch.noise)

        taken = in_turns(servers, plan.rounds, once)
    title = f"streamed response, Node.js, {what}, MiB/s"
    return Row(title, cells(taken, middle(lambda value: f"{value:,.0f}")), ONE_VCPU_MB, more_is_better=True)


def _taken(target: Target, name: str, event: dict[str, int], size: int, count: int) -> list[Streamed]:
    """So many answers, one after the other on one connection, behind a few that do not count."""
    body = json.dumps(event).encode()
    wire = signed(target, "POST", PATH.format(name), body, Content_Type="application/json").wire()
    with socket.create_connection(("127.0.0.1", target.port), timeout=PATIENCE_S) as source:
        source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return [_streamed(source, wire, size) for _ in range(_WARM_UP + count)][_WARM_UP:]


def _streamed(source: socket.socket, wire: bytes, size: int) -> Streamed:
    """Send the request and take the whole answer. Raises BenchError for less than `size` bytes, or an error."""
    room = bytearray(_AT_ONCE)
    begin = time.perf_counter()
    source.sendall(wire)
    head, first_s, total, tail = b"", 0.0, 0, b""
    while not (tail.endswith(b"\r\n0\r\n\r\n") and b"InvokeComplete" in tail):
        count = source.recv_into(room)
        if not count:
            raise BenchError("the server closed the connection")
        if not first_s:
            head += room[:count]
            if b"\r\n\r\n" in head and not _is_stream(head):
                raise NotOffered("responses are not streamed")
            if b"InvokeComplete" in head and b"first" not in head:
                raise NotOffered("its handlers do not stream")
            if b"PayloadChunk" in head and b"first" in head:
                first_s = time.perf_counter() - begin
        total += count
        tail = (tail + room[max(0, count - _TAIL) : count])[-_TAIL:]
    if total < size or b"ErrorCode" in tail:
        raise BenchError(f"the stream ended after {total} bytes: {tail[-200:].decode('latin-1')}")
    return Streamed(first_s, time.perf_counter() - begin)


def _is_stream(head: bytes) -> bool:
    return head.startswith(b"HTTP/1.1 200") and b"vnd.amazon.eventstream" in head
