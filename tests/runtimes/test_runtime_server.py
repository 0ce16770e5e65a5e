"""The Runtime API as bytes on a connection."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from lambent.core import limits
from lambent.runtimes.api.metadata import zone_id
from lambent.runtimes.api.server import event_head
from lambent.runtimes.api.session import NextEvent

BASE = "/2018-06-01/runtime"


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def to(cls, api: Any) -> Client:
        return cls(*await asyncio.open_connection("127.0.0.1", api.listener.port))

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> None:
        lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + body)

    async def receive(self) -> tuple[int, dict[str, str], bytes]:
        async with asyncio.timeout(30):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.split("\r\n")[:-2]
            headers = {n.lower(): v for n, v in (line.split(": ", 1) for line in lines)}
            body = await self.reader.readexactly(int(headers["content-length"]))
        return int(first.split(" ")[1]), headers, body

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        self.send(method, path, body, **headers)
        return await self.receive()


async def test_an_event_comes_with_its_headers_and_its_bytes(api: Any) -> None:
    client = await Client.to(api)
    request_id = api.offer(b' {"a" : 1} ', client_context='{"custom":\n{}}', tenant_id="blue", deadline_ms=12345)
    status, headers, body = await client.ask("GET", f"{BASE}/invocation/next")
    assert (status, body) == (200, b' {"a" : 1} ')
    del headers["content-length"]
    assert headers == {
        "content-type": "application/json",
        "lambda-runtime-aws-request-id": request_id,
        "lambda-runtime-deadline-ms": "12345",
        "lambda-runtime-invoked-function-arn": "arn:aws:lambda:us-east-1:000000000000:function:thumbs",
        "lambda-runtime-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
        "lambda-runtime-client-context": '{"custom": {}}',
        "lambda-runtime-aws-tenant-id": "blue",
    }


def test_what_an_event_does_not_have_makes_no_header() -> None:
    head = event_head(NextEvent("i", 1, "arn", "", None, b""))
    assert head.count(b"\r\n") == 5


def test_a_value_cannot_add_a_header() -> None:
    head = event_head(NextEvent("i", 1, "arn", "t\r\nEvil: 1\nWorse: 2\rWorst: 3\0", None, b""))
    assert b"Lambda-Runtime-Trace-Id: t  Evil: 1 Worse: 2 Worst: 3 \r\n" in head
    assert head.count(b"\n") == head.count(b"\r") == 6


@pytest.mark.parametrize("size", [0, 70_000, 6_291_456])
async def test_events_of_every_size_pass(api: Any, size: int) -> None:
    client = await Client.to(api)
    client.send("GET", f"{BASE}/invocation/next")
    await api.next_told()
    api.offer(b"x" * size)
    _, _, body = await client.receive()
    assert len(body) == size


async def test_an_answer_is_acknowledged_and_told(api: Any) -> None:
    client = await Client.to(api)
    request_id = api.offer()
    await client.ask("GET", f"{BASE}/invocation/next")
    status, _, body = await client.ask("POST", f"{BASE}/invocation/{request_id}/response", b'{"r": 1}')
    assert (status, json.loads(body)) == (202, {"status": "OK"})
    assert await api.outcome() == ("answered", request_id, b'{"r": 1}')


async def test_an_answer_sent_with_the_next_request_is_acknowledged_with_the_next_event(api: Any) -> None:
    client = await Client.to(api)
    first = api.offer()
    await client.ask("GET", f"{BASE}/invocation/next")
    client.send("POST", f"{BASE}/invocation/{first}/response", b"1")
    client.send("GET", f"{BASE}/invocation/next")
    assert await api.outcome() == ("answered", first, b"1")
    assert await api.next_told() == ("ready",)
    second = api.offer()
    status, _, _ = await client.receive()
    assert status == 202
    status, headers, _ = await client.receive()
    assert (status, headers["lambda-runtime-aws-request-id"]) == (200, second)


async def test_an_acknowledgement_held_back_goes_before_whatever_is_answered_next(api: Any) -> None:
    client = await Client.to(api)
    request_id = api.offer()
    await client.ask("GET", f"{BASE}/invocation/next")
    client.send("POST", f"{BASE}/invocation/{request_id}/response", b"1")
    client.send("POST", f"{BASE}/invocation/{request_id}/response", b"2")
    client.send("GET", "/2018-06-01/ping")
    assert [(await client.receive())[0] for _ in range(3)] == [202, 403, 200]


@pytest.mark.parametrize(
    ("headers", "body", "named"),
    [
        ({"Lambda_Runtime_Function_Error_Type": "Odd"}, b'{"errorType": "Inner"}', "Odd"),
        ({}, b'{"errorType": "Inner"}', "Inner"),
        ({}, b"no json", "Runtime.Unknown"),
        ({}, b"[1]", "Runtime.Unknown"),
        ({"Lambda_Runtime_Function_Error_Type": "x" * 1000}, b"{}", "x" * 256),
    ],
)
async def test_an_error_is_told_with_its_type(api: Any, headers: Any, body: bytes, named: str) -> None:
    client = await Client.to(api)
    request_id = api.offer()
    await client.ask("GET", f"{BASE}/invocation/next")
    status, _, _ = await client.ask("POST", f"{BASE}/invocation/{request_id}/error", body, **headers)
    assert status == 202
    assert await api.outcome() == ("failed", request_id, named, body)


async def test_the_cause_that_a_runtime_sends_for_tracing_is_not_the_caller_s(api: Any) -> None:
    client = await Client.to(api)
    request_id = api.offer()
    await client.ask("GET", f"{BASE}/invocation/next")
    body = b'{"errorMessage": "m", "errorType": "T", "errorCause": {"paths": []}}'
    kind = "application/vnd.aws.lambda.error.cause+json"
    await client.ask("POST", f"{BASE}/invocation/{request_id}/error", body, Content_Type=kind)
    *_, payload = await api.outcome()
    assert json.loads(payload) == {"errorMessage": "m", "errorType": "T"}


async def test_an_initialisation_error_is_told_once(api: Any) -> None:
    client = await Client.to(api)
    status, _, _ = await client.ask("POST", f"{BASE}/init/error", b'{"errorType": "T"}')
    assert status == 202
    assert await api.outcome() == ("init_failed", "T", b'{"errorType": "T"}')
    status, _, body = await client.ask("POST", f"{BASE}/init/error", b"{}")
    assert (status, json.loads(body)["errorType"]) == (403, "InvalidStateTransition")


async def test_a_wrong_id_is_refused(api: Any) -> None:
    client = await Client.to(api)
    api.offer()
    await client.ask("GET", f"{BASE}/invocation/next")
    for act in ("response", "error"):
        status, _, body = await client.ask("POST", f"{BASE}/invocation/other/{act}", b"{}")
        assert (status, json.loads(body)) == (
            400,
            {"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"},
        )


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_an_answer_that_is_too_large_ends_the_event(api: Any, is_chunked: bool) -> None:
    client = await Client.to(api)
    request_id = api.offer()
    await client.ask("GET", f"{BASE}/invocation/next")
    body = b"x" * (limits.SYNC_RESPONSE + 1)
    path = f"{BASE}/invocation/{request_id}/response"
    if is_chunked:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        client.writer.write(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
    else:
        client.send("POST", path, body)
    status, _, answer = await client.receive()
    assert (status, json.loads(answer)) == (
        413,
        {
            "errorMessage": "Exceeded maximum allowed payload size (6291556 bytes).",
            "errorType": "RequestEntityTooLarge",
        },
    )
    assert await api.outcome() == ("too_large", request_id)


async def test_an_answer_of_the_largest_size_is_taken(api: Any) -> None:
    client = await Client.to(api)
    request_id = api.offer()
    await client.ask("GET", f"{BASE}/invocation/next")
    body = b"x" * limits.SYNC_RESPONSE
    status, _, _ = await client.ask("POST", f"{BASE}/invocation/{request_id}/response", body)
    assert status == 202
    assert await api.outcome() == ("answered", request_id, body)


async def test_an_event_survives_the_connection_that_asked_for_it(api: Any) -> None:
    first = await Client.to(api)
    first.send("GET", f"{BASE}/invocation/next")
    await api.next_told()
    first.writer.close()
    await first.writer.wait_closed()
    second = await Client.to(api)
    while (answer := await _try_next(second, api)) is None:
        pass
    assert answer[0] == 200


async def _try_next(client: Client, api: Any) -> tuple[int, dict[str, str], bytes] | None:
    """Ask; the server may not have noticed yet that the other connection is gone, and then refuses."""
    client.send("GET", f"{BASE}/invocation/next")
    told = asyncio.ensure_future(api.next_told())
    answer = asyncio.ensure_future(client.receive())
    done, _ = await asyncio.wait({told, answer}, return_when=asyncio.FIRST_COMPLETED)
    if told in done:
        api.offer()
        return await answer
    told.cancel()
    return None


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/2018-06-01/ping", 200),
        ("POST", f"{BASE}/invocation/next", 405),
        ("GET", f"{BASE}/invocation/x/response", 405),
        ("GET", f"{BASE}/init/error", 405),
        ("POST", f"{BASE}/invocation/x/other", 404),
        ("POST", "/2020-01-01/extension/register", 404),
        ("PUT", "/2022-07-01/telemetry", 404),
        ("GET", "/", 404),
    ],
)
async def test_other_paths(api: Any, method: str, path: str, expected: int) -> None:
    client = await Client.to(api)
    status, _, _ = await client.ask(method, path)
    assert status == expected


@pytest.mark.parametrize(
    ("path", "name"),
    [("/2020-01-01/extension/register", "The Extensions API"), ("/2022-07-01/telemetry", "The Telemetry API")],
)
async def test_what_comes_later_is_refused_by_its_name(api: Any, path: str, name: str) -> None:
    client = await Client.to(api)
    _, _, body = await client.ask("POST", path)
    assert json.loads(body)["errorMessage"] == f"{name} is not supported yet."


async def test_a_large_body_that_nobody_waits_for_is_not_kept(api: Any) -> None:
    client = await Client.to(api)
    client.send("GET", f"{BASE}/invocation/next")
    await api.next_told()
    other = await Client.to(api)
    status, _, _ = await other.ask("POST", f"{BASE}/invocation/x/response", b"x" * 100_000)
    assert status == 400
    again = await Client.to(api)
    status, _, _ = await again.ask("POST", f"{BASE}/init/error", b"x" * 100_000)
    assert status == 413


async def test_a_huge_error_is_passed_on_without_being_read(api: Any) -> None:
    client = await Client.to(api)
    request_id = api.offer()
    await client.ask("GET", f"{BASE}/invocation/next")
    body = b"[" * 300_000
    await client.ask("POST", f"{BASE}/invocation/{request_id}/error", body)
    assert await api.outcome() == ("failed", request_id, "Runtime.Unknown", body)


@pytest.mark.parametrize("kind", ["application/json", "application/vnd.aws.lambda.error.cause+json"])
@pytest.mark.parametrize("depth", [10_000, 200_000])
async def test_a_deeply_nested_error_is_harmless(api: Any, depth: int, kind: str) -> None:
    client = await Client.to(api)
    request_id = api.offer()
    await client.ask("GET", f"{BASE}/invocation/next")
    body = b"[" * depth
    status, _, _ = await client.ask("POST", f"{BASE}/invocation/{request_id}/error", body, Content_Type=kind)
    assert status == 202
    assert await api.outcome() == ("failed", request_id, "Runtime.Unknown", body)


async def test_a_closed_session_refuses(api: Any) -> None:
    client = await Client.to(api)
    api.session.close()
    status, _, body = await client.ask("GET", f"{BASE}/invocation/next")
    assert (status, json.loads(body)["errorType"]) == (403, "InvalidStateTransition")


async def test_a_client_that_wants_the_connection_closed_gets_that(api: Any) -> None:
    client = await Client.to(api)
    api.offer()
    status, headers, _ = await client.ask("GET", f"{BASE}/invocation/next", Connection="close")
    assert (status, headers["connection"]) == (200, "close")
    assert await client.reader.read() == b""


async def test_the_metadata_are_told_to_who_shows_the_token(api: Any) -> None:
    client = await Client.to(api)
    api.metadata.region = "us-east-1"
    path = "/2026-01-15/metadata/execution-environment"
    status, headers, body = await client.ask("GET", path, Authorization=f"Bearer {api.metadata.token}")
    assert (status, json.loads(body)) == (200, {"AvailabilityZoneID": "use1-az1"})
    assert headers["cache-control"] == "private, max-age=43200, immutable"
    for method, shown, expected in (("GET", "Bearer x", 401), ("GET", api.metadata.token, 401), ("POST", "", 405)):
        assert (await client.ask(method, path, Authorization=shown))[0] == expected
    assert (await client.ask("GET", path))[0] == 401


@pytest.mark.parametrize(
    ("region", "zone"),
    [
        ("eu-west-1", "euw1-az1"),
        ("ap-southeast-2", "apse2-az1"),
        ("us-gov-west-1", "usgw1-az1"),
        ("cn-north-1", "cnn1-az1"),
        ("ca-central-1", "cac1-az1"),
        ("my-own-1", "myo1-az1"),
    ],
)
def test_a_zone_is_named_after_its_region(region: str, zone: str) -> None:
    assert zone_id(region) == zone
