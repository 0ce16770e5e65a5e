"""An answer that is streamed to the Runtime API, as bytes on a connection."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from lambent.core import limits

BASE = "/2018-06-01/runtime/invocation"
LAST = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def asked(self) -> None:
        self.send(f"GET {BASE}/next HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert (await self.receive())[0] == 200

    def begin(self, request_id: str, fields: str = "Lambda-Runtime-Function-Response-Mode: streaming\r\n") -> None:
        head = f"POST {BASE}/{request_id}/response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        self.send(f"{head}Content-Type: text/plain\r\n{fields}\r\n".encode())

    async def receive(self) -> tuple[int, dict[str, str], bytes]:
        async with asyncio.timeout(30):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            headers = {n.lower(): v for n, v in (line.split(": ", 1) for line in head.split("\r\n")[1:-2])}
            return int(head.split()[1]), headers, await self.reader.readexactly(int(headers["content-length"]))


async def begun(api: Any, **event: Any) -> tuple[Client, str]:
    """A runtime that has taken an event."""
    client = Client(*await asyncio.open_connection("127.0.0.1", api.listener.port))
    request_id = api.offer(**event)
    await client.asked()
    return client, request_id


async def told(api: Any, kind: str) -> Any:
    event = await api.outcome()
    assert event[0] == kind
    return event[2:]


async def pieces(api: Any, size: int) -> bytes:
    body = b""
    while len(body) < size:
        body += (await told(api, "piece"))[0]
    return body


async def test_pieces_are_told_as_they_come_and_the_end_is_acknowledged(api: Any) -> None:
    client, request_id = await begun(api)
    client.begin(request_id)
    assert await told(api, "responding") == ("text/plain",)
    for part in (b"one", b"two"):
        client.send(chunk(part))
        assert await pieces(api, 3) == part
    client.send(LAST)
    assert await told(api, "answered") == (b"",)
    status, _, body = await client.receive()
    assert (status, json.loads(body)) == (202, {"status": "OK"})
    second = api.offer()
    await client.asked()
    assert (await api.heard.told.get())[0] == "ready"
    assert second != request_id


async def test_an_answer_sent_with_the_next_request_is_acknowledged_with_the_next_event(api: Any) -> None:
    client, request_id = await begun(api)
    client.begin(request_id)
    client.send(chunk(b"all") + LAST + f"GET {BASE}/next HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await told(api, "responding")
    await told(api, "piece")
    await told(api, "answered")
    api.offer()
    assert [(await client.receive())[0] for _ in range(2)] == [202, 200]


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (base64.b64encode(b'{"errorType": "E", "n": 1}'), b'{"errorType": "E", "n": 1}'),
        (b"no base64!", b'{"errorType": "E"}'),
        (None, b'{"errorType": "E"}'),
    ],
)
async def test_trailers_tell_of_an_error(api: Any, body: bytes | None, document: bytes) -> None:
    client, request_id = await begun(api)
    client.begin(request_id)
    trailers = b"Lambda-Runtime-Function-Error-Type: E\r\n"
    if body is not None:
        trailers += b"Lambda-Runtime-Function-Error-Body: %b\r\n" % body
    client.send(chunk(b"part") + b"0\r\n" + trailers + b"\r\n")
    await told(api, "responding")
    await told(api, "piece")
    assert await told(api, "failed") == ("E", document)
    assert (await client.receive())[0] == 202


async def test_a_runtime_is_held_up_when_nobody_takes_its_answer(api: Any) -> None:
    client, request_id = await begun(api, response_limit=limits.STREAMED_RESPONSE)
    client.begin(request_id)
    await told(api, "responding")
    api.heard.flow.pause()
    body = b"x" * 30_000_000
    client.send(chunk(body) + LAST)
    (connection,) = api.listener.connections()
    for _ in range(100_000):
        if not connection._transport.is_reading():
            break
        await asyncio.sleep(0)
    assert not connection._transport.is_reading()
    assert api.heard.told.empty()
    api.heard.flow.resume()
    assert await pieces(api, len(body)) == body
    await told(api, "answered")


async def test_more_than_the_caller_takes_ends_the_event(api: Any) -> None:
    client, request_id = await begun(api, response_limit=1_000_000)
    client.begin(request_id)
    client.send(chunk(b"x" * 900_000))
    await told(api, "responding")
    await pieces(api, 900_000)
    client.send(chunk(b"y" * 200_000) + LAST)
    while (event := await api.outcome())[0] == "piece":
        pass
    assert event == ("too_large", request_id)
    status, headers, body = await client.receive()
    assert (status, headers["connection"], json.loads(body)["errorType"]) == (413, "close", "RequestEntityTooLarge")


async def test_an_answer_that_is_not_streamed_has_the_ordinary_limit_whoever_waits(api: Any) -> None:
    client, request_id = await begun(api, response_limit=limits.STREAMED_RESPONSE)
    client.begin(request_id, fields="")
    client.send(chunk(b"x" * (limits.SYNC_RESPONSE + 1)) + LAST)
    assert await api.outcome() == ("too_large", request_id)


async def test_a_connection_that_breaks_in_the_middle_is_told(api: Any) -> None:
    client, request_id = await begun(api)
    client.begin(request_id)
    client.send(chunk(b"part"))
    await told(api, "responding")
    await told(api, "piece")
    client.writer.close()
    assert await api.outcome() == ("truncated", request_id)


async def test_what_is_no_http_in_the_middle_is_told_and_refused(api: Any) -> None:
    client, request_id = await begun(api)
    client.begin(request_id)
    client.send(b"zz\r\n")
    await told(api, "responding")
    assert await api.outcome() == ("truncated", request_id)
    status, headers, body = await client.receive()
    assert (status, headers["connection"], json.loads(body)) == (
        400,
        "close",
        {"errorMessage": "HTTP request detected as truncated", "errorType": "TruncatedHTTPRequest"},
    )


async def test_a_stream_for_another_event_is_refused_at_once(api: Any) -> None:
    client, _ = await begun(api)
    client.begin("other")
    client.send(chunk(b"part"))
    status, headers, body = await client.receive()
    assert (status, headers["connection"], json.loads(body)["errorType"]) == (400, "close", "InvalidRequestID")


async def test_no_event_is_given_while_an_answer_is_streamed(api: Any) -> None:
    client, request_id = await begun(api)
    client.begin(request_id)
    await told(api, "responding")
    other = Client(*await asyncio.open_connection("127.0.0.1", api.listener.port))
    other.send(f"GET {BASE}/next HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    status, _, body = await other.receive()
    assert (status, json.loads(body)["errorMessage"].split(" failed")[0]) == (
        403,
        "State transition from InvocationResponse to Ready",
    )


async def test_a_short_answer_of_known_length_may_be_called_streamed(api: Any) -> None:
    client, request_id = await begun(api)
    head = f"POST {BASE}/{request_id}/response HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
    client.send(f"{head}Lambda-Runtime-Function-Response-Mode: streaming\r\n\r\nabc".encode())
    assert await told(api, "responding") == ("application/octet-stream",)
    assert await told(api, "piece") == (b"abc",)
    assert await told(api, "answered") == (b"",)
    assert (await client.receive())[0] == 202


async def test_an_unknown_mode_is_refused(api: Any) -> None:
    client, request_id = await begun(api)
    client.begin(request_id, fields="Lambda-Runtime-Function-Response-Mode: sideways\r\n")
    client.send(chunk(b"x") + LAST)
    status, _, body = await client.receive()
    assert (status, json.loads(body)["errorType"]) == (400, "InvalidFunctionResponseMode")
    assert (await told(api, "failed"))[0] == "Runtime.InvalidResponseModeHeader"


async def test_what_nobody_waits_for_is_neither_kept_nor_told(api: Any) -> None:
    client, request_id = await begun(api)
    api.session.close()
    client.begin(request_id)
    client.send(chunk(b"x" * 100_000) + LAST)
    assert (await client.receive())[0] in (403, 413)
    assert api.heard.told.qsize() == 1  # it was ready once
