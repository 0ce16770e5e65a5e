"""Scalars as text: numbers, booleans, base64, and the three forms of a timestamp.

Inside Lambent a timestamp is a number: seconds since the epoch, with a fraction where there is one.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from lambent.wire.errors import SerializationError
from lambent.wire.model import Shape

FromText = Callable[[str], Any]
ToText = Callable[[Any], str]

INTEGERS = frozenset({"byte", "short", "integer", "long", "bigInteger"})
FLOATS = frozenset({"float", "double", "bigDecimal"})

_BITS = {"byte": 8, "short": 16, "integer": 32, "long": 64}
_INTEGER = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?|NaN|-?Infinity", re.ASCII)
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)", re.ASCII | re.IGNORECASE)
_HTTP_DATE = re.compile(r"[A-Za-z]{3}, (\d\d) ([A-Za-z]{3}) (\d{4}) (\d\d):(\d\d):(\d\d)(\.\d{1,9})? GMT", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_YEAR_10000 = 253402300800.0


def from_text(shape: Shape, default_timestamp: str) -> FromText:
    """A reader of one scalar; it raises SerializationError for text that is none."""
    if shape.type in INTEGERS:
        name, most = shape.type.capitalize(), 1 << _BITS.get(shape.type, 1024) - 1
        return lambda text: _to_int(text, name, most)
    if shape.type in FLOATS:
        return _to_float
    if shape.type == "boolean":
        return _to_bool
    if shape.type == "timestamp":
        return TIMESTAMP_READERS[shape.traits.get("timestampFormat", default_timestamp)]
    if shape.type == "blob":
        return to_bytes
    return str


def to_text(shape: Shape, default_timestamp: str) -> ToText:
    """A writer of one scalar."""
    if shape.type in INTEGERS:
        return lambda value: str(int(value))
    if shape.type in FLOATS:
        return float_text
    if shape.type == "boolean":
        return lambda value: "true" if value else "false"
    if shape.type == "timestamp":
        return TIMESTAMP_WRITERS[shape.traits.get("timestampFormat", default_timestamp)]
    if shape.type == "blob":
        return lambda value: base64.b64encode(value).decode("ascii")
    return str


def bits_of(shape: Shape) -> int | None:
    """The width of an integer type; None when it has no limit."""
    return _BITS.get(shape.type)


def within(value: int, bits: int | None) -> int:
    """The value, if an integer of that many bits holds it."""
    if bits is not None and not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise SerializationError(f"Numeric value ({value}) out of range")
    return value


def to_bytes(text: str) -> bytes:
    """Base64 to bytes, strictly."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SerializationError("Invalid base64 data") from None


def float_text(value: float) -> str:
    """A number as AWS writes it: 1, 1.5, NaN, Infinity."""
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
    return repr(value)


def _to_int(text: str, name: str, most: int) -> int:
    if not _INTEGER.fullmatch(text) or not -most <= (value := int(text)) < most:
        raise SerializationError(f"'{text[:100]}' can not be converted to {name}")
    return value


def _to_float(text: str) -> float:
    if not _FLOAT.fullmatch(text):
        raise SerializationError(f"Could not convert '{text[:100]}' to a number")
    return float(text)


def _to_bool(text: str) -> bool:
    lowered = text.lower()
    if lowered not in ("true", "false"):
        raise SerializationError(f"Could not convert '{text[:100]}' to a boolean")
    return lowered == "true"


def _from_iso(text: str) -> float:
    if not _ISO.fullmatch(text):
        return _from_epoch(text)
    try:
        return _plain(datetime.fromisoformat(text.upper()).timestamp())
    except (ValueError, OverflowError):
        raise _no_timestamp(text) from None


def _from_http_date(text: str) -> float:
    match = _HTTP_DATE.fullmatch(text)
    if not match:
        return _from_iso(text)
    day, month, year, hour, minute, second, fraction = match.groups()
    try:
        month_number = _MONTHS.index(month.title()) + 1
        date = datetime(int(year), month_number, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError:
        raise _no_timestamp(text) from None
    return _plain(date.timestamp() + float(fraction or 0))


def _from_epoch(text: str) -> float:
    if not _FLOAT.fullmatch(text):
        raise _no_timestamp(text)
    return checked_epoch(float(text))


def checked_epoch(seconds: float) -> float:
    """Seconds since the epoch, if they lie within the years 1 to 9999; whole ones as an int."""
    if not -62135596800.0 <= seconds < _YEAR_10000:
        raise _no_timestamp(str(seconds))
    return _plain(seconds)


def _plain(seconds: float) -> float:
    return int(seconds) if seconds == int(seconds) else seconds


def _no_timestamp(text: str) -> SerializationError:
    return SerializationError(f"Could not convert '{text[:100]}' to a timestamp")


def iso_text(seconds: float) -> str:
    """2015-01-25T08:00:00Z; with milliseconds where there are any."""
    millis = round(seconds * 1000)
    whole, rest = divmod(millis, 1000)
    t = time.gmtime(whole)
    stamp = f"{t.tm_year:04}-{t.tm_mon:02}-{t.tm_mday:02}T{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02}"
    return f"{stamp}.{rest:03}Z" if rest else f"{stamp}Z"


def http_date_text(seconds: float) -> str:
    """Sun, 25 Jan 2015 08:00:00 GMT; with milliseconds where there are any."""
    millis = round(seconds * 1000)
    whole, rest = divmod(millis, 1000)
    t = time.gmtime(whole)
    fraction = f".{rest:03}" if rest else ""
    return (
        f"{_DAYS[t.tm_wday]}, {t.tm_mday:02} {_MONTHS[t.tm_mon - 1]} {t.tm_year:04} "
        f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02}{fraction} GMT"
    )


def epoch_number(seconds: float) -> int | float:
    """Seconds with at most milliseconds, whole ones as an int: how JSON carries a timestamp."""
    rounded = round(float(seconds), 3)
    return int(rounded) if rounded.is_integer() else rounded


TIMESTAMP_READERS: dict[str, FromText] = {
    "iso8601": _from_iso,
    "rfc822": _from_http_date,
    "unixTimestamp": _from_epoch,
}
TIMESTAMP_WRITERS: dict[str, ToText] = {
    "iso8601": iso_text,
    "rfc822": http_date_text,
    "unixTimestamp": lambda seconds: str(epoch_number(seconds)),
}
