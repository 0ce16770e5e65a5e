"""The public port on a socket: who answers what, and how large a body may be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from lambent.control.download import location
from lambent.core import limits
from lambent.front.server import Site
from lambent.kit.http_server import Server
from lambent.kit.seal import Seal
from lambent.store.base import StoreUnavailable
from lambent.store.memory import MemoryBlobs
from lambent.wire.call import Call, Principal

INVOKE = "/2015-03-31/functions/thumbs/invocations"

Ask = Callable[..., Any]


@pytest.fixture
async def site(edge: Any) -> Site:
    ports = replace(edge.ports, blobs=MemoryBlobs(), seal=Seal(bytes(32)))
    return Site(ports, edge.pipeline, edge.fast, edge.abroad, edge.stats, {"status": "running"})


@pytest.fixture
async def ask(edge: Any, site: Site) -> AsyncIterator[Ask]:
    """Asks on a connection of its own; the answer is (status, headers by lower-case name, body)."""
    server = Server(edge.log)
    listener = await server.listen("127.0.0.1", 0, site.connection)

    async def ask(method: str, target: str, body: bytes = b"", *, announced: int | None = None, **fields: str) -> Any:
        length = len(body) if announced is None else announced
        sent = {"host": "localhost:4566", "connection": "close", "content-length": str(length), **fields}
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(head.encode() + b"\r\n" + body)
        answer = await reader.read()
        writer.close()
        first, _, rest = answer.partition(b"\r\n")
        block, _, payload = rest.partition(b"\r\n\r\n")
        headers = dict(line.lower().split(": ", 1) for line in block.decode().split("\r\n"))
        return int(first.split()[1]), headers, payload

    yield ask
    await server.close()


def signed(edge: Any, target: str, body: bytes) -> dict[str, str]:
    """The headers of a signed POST."""
    request = edge.request(target, body)
    return {name.decode(): value.decode() for name, value in request.headers.items()}


@pytest.mark.parametrize("body", [b'{"a":1}', b'"' + b"x" * 300_000 + b'"'], ids=["small", "large"])
async def test_invocations_are_answered_by_either_way(edge: Any, ask: Ask, body: bytes) -> None:
    edge.invoker.answers(b'"ok"')
    status, headers, payload = await ask("POST", INVOKE, body, **signed(edge, INVOKE, body))
    assert (status, payload, headers["x-amz-executed-version"]) == (200, b'"ok"', "$latest")
    assert [invocation.payload for _, invocation in edge.invoker.ran] == [body]


async def test_what_aws_has_not_is_under_a_path_of_its_own(ask: Ask) -> None:
    assert (await ask("GET", "/_lambent/health"))[::2] == (200, b'{"status":"running"}')
    status, headers, payload = await ask("HEAD", "/_lambent/health")
    assert (status, headers["content-length"], payload) == (200, "20", b"")
    for method, target in (("POST", "/_lambent/health"), ("GET", "/_lambent/nothing"), ("GET", "/_lambent/")):
        assert (await ask(method, target))[0] == 404


async def test_what_functions_have_used_is_told_to_whoever_signs_for_it(edge: Any, ask: Ask) -> None:
    bill = edge.billing.open(edge.VERSION)
    bill.add(1500, 40.2, failed=False)
    bill.add(548, None, failed=True)

    async def asked(target: str, **signer: Any) -> Any:
        request = edge.request(target, b"", method="GET", **signer)
        headers = {name.decode(): value.decode() for name, value in request.headers.items()}
        status, _, body = await ask("GET", target, **headers)
        return status, json.loads(body)

    used = {
        "invocations": 2,
        "errors": 1,
        "billed_ms": 2048,
        "init_ms": 41,
        "gb_seconds": 0.256,
        "provisioned_gb_seconds": 0.0,
    }
    for query in ("?days=1", "?days=1&name=thumbs", "?name=thumbs%3A%24LATEST&days=1"):
        status, told = await asked(f"/_lambent/stats{query}")
        assert (status, told["functions"]) == (200, [{"function": "thumbs", "version": "$LATEST", **used}])
        assert told["days"] == [{"day": "2023-11-14", **used}]
    status, told = await asked("/_lambent/stats?name=thumbs:7")
    assert (told["functions"], [row["invocations"] for row in told["days"]]) == ([], [0] * 7)
    assert (await asked("/_lambent/stats", region="eu-west-1"))[1]["functions"] == []
    assert told["events"] == []
    await edge.eventually(edge.request(headers={"x-amz-invocation-type": "Event"}))
    events = {"function": "thumbs", "waiting": 1, "running": 0, "AsyncEventsReceived": 1, "AsyncEventsDropped": 0}
    events |= {"DeadLetterErrors": 0, "DestinationDeliveryFailures": 0, "RecursiveInvocationsDropped": 0}
    for query, shown in (("", [events]), ("?name=thumbs", [events]), ("?name=other", [])):
        assert (await asked(f"/_lambent/stats{query}"))[1]["events"] == shown
    assert (await asked("/_lambent/stats", region="eu-west-1"))[1]["events"] == []
    for target in ("?days=0", "?days=401", "?days=many", "?name=thumbs:live", "?name=no%20name"):
        status, told = await asked(f"/_lambent/stats{target}")
        assert (status, told["__type"]) == (400, "ValidationException")
    for signer, code in (({"key": None}, "MissingAuthenticationTokenException"), ({"late_s": 3600.0}, "InvalidSig")):
        status, told = await asked("/_lambent/stats", **signer)
        assert (status, told["__type"][: len(code)]) == (403, code)


async def test_code_is_given_to_whoever_has_a_link_until_it_ends(edge: Any, site: Site, ask: Ask) -> None:
    digest = await site.ports.blobs.put(b"PK zip")
    root = Principal("000000000000", "arn:aws:iam::000000000000:root", "000000000000", "", is_root=True)
    call = Call(root, "us-east-1", "id", "lambda", "GetFunction", host="localhost:4566")
    link = location(site.ports, call, digest).removeprefix("http://localhost:4566")
    status, headers, payload = await ask("GET", link)
    assert (status, payload, headers["content-type"]) == (200, b"PK zip", "application/zip")
    other = await site.ports.blobs.put(b"another's")
    for wrong in (
        link.replace(digest, other),
        link[:-1] + ("0" if link[-1] != "0" else "1"),
        link.partition("?")[0],
        link.replace("expires=", "expires=9"),
        link.replace(digest, "../../master.key"),
        link.partition("proof=")[0] + "proof=%C3%A9",
        link.partition("expires=")[0] + "expires=%C2%B2&proof=0",
        link.partition("expires=")[0] + f"expires={'9' * 5000}&proof=0",
    ):
        assert (await ask("GET", wrong))[0] == 403
    edge.clock.advance(3600)
    assert (await ask("GET", link))[0] == 403


async def test_a_fault_of_ours_is_answered_too(
    edge: Any, site: Site, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(digest: str) -> bytes:
        raise StoreUnavailable("disk I/O error")

    root = Principal("000000000000", "arn:aws:iam::000000000000:root", "000000000000", "", is_root=True)
    call = Call(root, "us-east-1", "id", "lambda", "GetFunction", host="localhost:4566")
    monkeypatch.setattr(site.ports.blobs, "get", unavailable)
    status, _, payload = await ask("GET", location(site.ports, call, "0" * 64).removeprefix("http://localhost:4566"))
    assert (status, b"disk" in payload) == (500, False)
    assert "StoreUnavailable: disk I/O error" in edge.report.getvalue()


@pytest.mark.parametrize(
    ("method", "target", "limit", "text"),
    [
        (
            "POST",
            INVOKE,
            limits.SYNC_PAYLOAD,
            "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
        ),
        (
            "POST",
            "/2015-03-31/functions",
            limits.CREATE_FUNCTION_BODY,
            "Request must be smaller than 70167211 bytes for the CreateFunction operation",
        ),
        (
            "PUT",
            "/2015-03-31/functions/thumbs/code",
            limits.CREATE_FUNCTION_BODY,
            "Request must be smaller than 70167211 bytes for the UpdateFunctionCode operation",
        ),
        (
            "POST",
            "/2018-10-31/layers/words/versions",
            limits.CREATE_FUNCTION_BODY,
            "Request must be smaller than 70167211 bytes for the PublishLayerVersion operation",
        ),
    ],
)
async def test_a_body_that_is_too_large_is_refused_unread(
    edge: Any, ask: Ask, method: str, target: str, limit: int, text: str
) -> None:
    status, headers, payload = await ask(method, target, announced=limit + 1)
    assert status == 413
    assert headers["x-amzn-errortype"] == "requestentitytoolargeexception"
    assert text in json.loads(payload).values()
    assert edge.invoker.ran == []


async def test_a_payload_of_the_limit_s_size_runs(edge: Any, ask: Ask) -> None:
    edge.invoker.answers(b"1")
    body = b'"' + b"x" * (limits.SYNC_PAYLOAD - 2) + b'"'
    status, _, _ = await ask("POST", INVOKE, body, **signed(edge, INVOKE, body))
    assert status == 200
    assert len(edge.invoker.ran[0][1].payload) == limits.SYNC_PAYLOAD


async def test_requests_that_come_at_once_are_answered_in_their_order(edge: Any, site: Site) -> None:
    server = Server(edge.log)
    listener = await server.listen("127.0.0.1", 0, site.connection)
    edge.invoker.answers(b'"ok"')
    request = edge.request(INVOKE, b"{}")
    lines = b"".join(b"%b: %b\r\n" % field for field in request.headers.items())
    invoke = b"POST " + INVOKE.encode() + b" HTTP/1.1\r\n" + lines + b"content-length: 2\r\n\r\n{}"
    health = b"GET /_lambent/health HTTP/1.1\r\nhost: x\r\n\r\n"
    last = b"GET /_lambent/none HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(invoke + health + invoke + last)
    answer = await reader.read()
    writer.close()
    bodies = [b'"ok"', b'{"status":"running"}', b'"ok"', b'{"message":"Not found."}']
    places = [answer.index(bodies[0]), answer.index(bodies[1]), answer.rindex(bodies[2]), answer.index(bodies[3])]
    assert places == sorted(places)
    assert answer.count(b"HTTP/1.1 ") == 4
    await server.close()
