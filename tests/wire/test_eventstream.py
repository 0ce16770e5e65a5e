"""The event-stream encoding, against the vectors that AWS publishes for it, and what a model's events become."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from botocore.eventstream import EventStreamBuffer

from lambent.wire.errors import ApiError
from lambent.wire.eventstream import PAYLOAD_BYTES, Sized, message
from lambent.wire.model import Service
from lambent.wire.protocols.rest_json import RestJson
from lambent.wire.protocols.rest_xml import RestXml

JSON = b"{'foo':'bar'}"


def decoded(data: bytes) -> list[tuple[dict[str, Any], bytes]]:
    """What botocore reads, which checks both sums."""
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(dict(event.headers), event.payload) for event in buffer]


def test_a_message_without_anything_is_aws_s() -> None:
    assert message((), b"") == bytes.fromhex("00000010 00000000 05c248eb 7d98c8ff")


def test_a_message_with_a_payload_is_aws_s() -> None:
    wanted = "0000001d 00000000 fd528c5a 7b27666f 6f273a27 62617227 7d c36539 36"
    assert message((), JSON) == bytes.fromhex(wanted)


def test_a_message_with_a_header_is_aws_s() -> None:
    wanted = (
        "0000003d 00000020 07fd8396 0c 636f6e74 656e742d 74797065 07 0010 6170706c 69636174 696f6e2f 6a736f6e"
        "7b27666f 6f273a27 62617227 7d 8d9c08b1"
    )
    assert message((("content-type", "application/json"),), JSON) == bytes.fromhex(wanted)


def test_a_message_with_an_integer_is_aws_s() -> None:
    wanted = "0000002d 00000010 41c424b8 0a 6576656e 742d7479 7065 04 0000a00c 7b27666f 6f273a27 62617227 7d 36f480a0"
    assert message((("event-type", Sized(40_972, 4)),), JSON) == bytes.fromhex(wanted)


def test_every_kind_of_header_is_read_back() -> None:
    uuid = UUID("01020304-0506-0708-090a-0b0c0d0e0f10")
    headers = (
        ("true", True),
        ("false", False),
        ("byte", Sized(-49, 1)),
        ("short", Sized(42, 2)),
        ("integer", Sized(40_972, 4)),
        ("long", Sized(42_424_242, 8)),
        ("blob", b"I'm a little teapot!"),
        ("string", "application/json, ü"),
        ("time", datetime.fromtimestamp(8_675_309, UTC)),
        ("uuid", uuid),
    )
    ((read, payload),) = decoded(message(headers, JSON))
    assert payload == JSON
    assert read == {
        "true": True,
        "false": False,
        "byte": -49,
        "short": 42,
        "integer": 40_972,
        "long": 42_424_242,
        "blob": b"I'm a little teapot!",
        "string": "application/json, ü",
        "time": 8_675_309_000,
        "uuid": uuid.bytes,
    }


@pytest.mark.parametrize("name", ["", "x" * 256])
def test_what_cannot_be_carried_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        message(((name, "v"),), b"")
    with pytest.raises(ValueError, match="too long"):
        message((("n", "v" * 32_768),), b"")
    with pytest.raises(ValueError, match="headers"):
        message([(f"n{i}", "v" * 32_000) for i in range(5)], b"")
    with pytest.raises(ValueError, match="payload"):
        message((), b"x" * (PAYLOAD_BYTES + 1))


# --- events of a model

MODEL = {
    "metadata": {"protocol": "rest-json", "serviceId": "Any", "apiVersion": "1"},
    "operations": {
        "Watch": {"name": "Watch", "http": {"method": "GET", "requestUri": "/"}, "output": {"shape": "Out"}}
    },
    "shapes": {
        "Out": {
            "type": "structure",
            "members": {
                "Events": {"shape": "Events"},
                "Kind": {"shape": "Text", "location": "header", "locationName": "K"},
            },
            "payload": "Events",
        },
        "Events": {
            "type": "structure",
            "eventstream": True,
            "members": {n: {"shape": n} for n in ("Bytes", "Words", "Document", "Members", "Nothing")},
        },
        "Bytes": {"type": "structure", "event": True, "members": {"B": {"shape": "Blob", "eventpayload": True}}},
        "Words": {
            "type": "structure",
            "event": True,
            "members": {
                "T": {"shape": "Text", "eventpayload": True},
                "H": {"shape": "Text", "eventheader": True},
                "N": {"shape": "Number", "eventheader": True},
            },
        },
        "Document": {"type": "structure", "event": True, "members": {"D": {"shape": "Inner", "eventpayload": True}}},
        "Members": {"type": "structure", "event": True, "members": {"T": {"shape": "Text"}, "N": {"shape": "Number"}}},
        "Nothing": {"type": "structure", "event": True, "members": {}},
        "Inner": {"type": "structure", "members": {"T": {"shape": "Text"}}},
        "Text": {"type": "string"},
        "Number": {"type": "integer"},
        "Blob": {"type": "blob"},
        "Gone": {
            "type": "structure",
            "exception": True,
            "members": {"message": {"shape": "Text"}},
            "error": {"httpStatusCode": 410},
        },
    },
}
EVENTS: list[dict[str, Any]] = [
    {"Bytes": {"B": b"\0\1"}},
    {"Words": {"T": "ü", "H": "head", "N": 7}},
    {"Words": {"T": "no headers"}},
    {"Document": {"D": {"T": "t"}}},
    {"Members": {"T": "t", "N": 1}},
    {"Nothing": {}},
]


async def written(codec: type[Any], *events: dict[str, Any], error: Exception | None = None) -> Any:
    async def source() -> AsyncGenerator[dict[str, Any], None]:
        for event in events:
            yield event
        if error is not None:
            raise error

    service = Service("any", MODEL)
    write = codec(service).plan(service.operations["Watch"]).write
    response = write({"Events": source(), "Kind": "k"}, "id")
    assert (response.status, response.body) == (200, b"")
    assert (b"Content-Type", b"application/vnd.amazon.eventstream") in response.headers
    assert (b"K", b"k") in response.headers
    return decoded(b"".join([part async for part in response.stream]))


def head(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {":message-type": "event", ":event-type": name, ":content-type": kind, **more}


async def test_events_become_messages_as_the_model_says() -> None:
    assert await written(RestJson, *EVENTS) == [
        (head("Bytes", "application/octet-stream"), b"\0\1"),
        (head("Words", "text/plain", H="head", N=7), "ü".encode()),
        (head("Words", "text/plain"), b"no headers"),
        (head("Document", "application/json"), b'{"T":"t"}'),
        (head("Members", "application/json"), b'{"T":"t","N":1}'),
        (head("Nothing", "application/json"), b"{}"),
    ]


async def test_documents_are_xml_where_the_protocol_is() -> None:
    ((headers, payload),) = await written(RestXml, EVENTS[3])
    assert headers == head("Document", "text/xml")
    assert payload.endswith(b"<T>t</T></Inner>")


async def test_an_error_ends_the_stream_as_an_exception() -> None:
    first, last = await written(RestJson, EVENTS[0], error=ApiError("no more", code="Gone"))
    assert first[0][":event-type"] == "Bytes"
    assert last == (
        {":message-type": "exception", ":exception-type": "Gone", ":content-type": "application/json"},
        b'{"message":"no more"}',
    )


async def test_a_fault_of_ours_is_not_hidden_in_the_stream() -> None:
    with pytest.raises(KeyError):
        await written(RestJson, error=KeyError("ours"))


def test_a_result_without_events_has_no_body() -> None:
    service = Service("any", MODEL)
    response = RestJson(service).plan(service.operations["Watch"]).write({"Kind": "k"}, "id")
    assert (response.body, response.stream) == (b"", None)
    assert b"Content-Type" not in dict(response.headers)


async def test_who_closes_the_messages_closes_the_events() -> None:
    closed = []

    async def source() -> AsyncGenerator[dict[str, Any], None]:
        try:
            while True:
                yield EVENTS[0]
        finally:
            closed.append(True)

    service = Service("any", MODEL)
    response = RestJson(service).plan(service.operations["Watch"]).write({"Events": source()}, "id")
    assert response.stream is not None
    await anext(response.stream)
    await response.stream.aclose()
    assert closed
