"""The event-stream encoding, application/vnd.amazon.eventstream: messages with headers, a payload and two checksums.

How a model's event streams become messages is in protocols/events.py. Only writing is here: no operation that
Lambent has takes a stream of events.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID
from zlib import crc32

from lambent.values import frozen

CONTENT_TYPE = "application/vnd.amazon.eventstream"
PAYLOAD_BYTES = 16 << 20
"""What SDKs take in one message; a larger payload must be sent in several."""
_HEADERS_BYTES = 128 << 10
_TRUE, _FALSE, _BYTE, _SHORT, _INTEGER, _LONG, _BLOB, _STRING, _TIMESTAMP, _UUID = range(10)


@frozen
class Sized:
    """A header's integer of 1, 2, 4 or 8 bytes."""

    value: int
    size: int


Value = bool | Sized | bytes | str | datetime | UUID
Headers = Iterable[tuple[str, Value]]


def message(headers: Headers, payload: bytes) -> bytes:
    """One message. Raises ValueError for names, values or payloads that the encoding cannot carry."""
    return framed(encoded(headers), payload)


def encoded(headers: Headers) -> bytes:
    """Headers as they stand in a message, for those that many messages share."""
    block = b"".join(_header(name, value) for name, value in headers)
    if len(block) > _HEADERS_BYTES:
        raise ValueError("the headers of an event are too large")
    return block


def framed(headers: bytes, payload: bytes) -> bytes:
    """One message, of headers that are encoded already."""
    if len(payload) > PAYLOAD_BYTES:
        raise ValueError("the payload of an event is too large")
    sizes = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    prelude = sizes + struct.pack(">I", crc32(sizes))
    checksum = crc32(payload, crc32(headers, crc32(prelude)))
    return b"".join((prelude, headers, payload, struct.pack(">I", checksum)))


def _header(name: str, value: Value) -> bytes:
    raw = name.encode()
    if not 1 <= len(raw) <= 255:
        raise ValueError(f"{name!r} is no name for the header of an event")
    return bytes((len(raw),)) + raw + _value(value)


def _value(value: Value) -> bytes:
    if isinstance(value, bool):
        return bytes((_TRUE if value else _FALSE,))
    if isinstance(value, str):
        return _counted(_STRING, value.encode())
    if isinstance(value, bytes):
        return _counted(_BLOB, value)
    if isinstance(value, Sized):
        kind = {1: _BYTE, 2: _SHORT, 4: _INTEGER, 8: _LONG}[value.size]
        return bytes((kind,)) + value.value.to_bytes(value.size, "big", signed=True)
    if isinstance(value, datetime):
        return struct.pack(">Bq", _TIMESTAMP, round(value.timestamp() * 1000))
    return bytes((_UUID,)) + value.bytes


def _counted(kind: int, raw: bytes) -> bytes:
    if len(raw) > 32_767:
        raise ValueError("the header of an event is too long")
    return struct.pack(">BH", kind, len(raw)) + raw
