"""What a program in a sandbox writes, cut into log records: lines of its output, and frames of its records pipe. Pure.

Both come from a program that may be hostile: whatever it writes, what is kept is bounded and nothing is raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

RECORD_BYTES = 256 * 1024
"""The most that one log record may have; what exceeds it is cut into further ones."""


class Lines:
    """Standard output and error: a newline ends a record, a carriage return does not."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The records that `data` completes, with their newlines."""
        if self._rest:
            data = self._rest + data
        records = data.split(b"\n")
        self._rest = records.pop()
        texts: list[str] = []
        for record in records:
            texts += _texts(record + b"\n")
        while len(self._rest) > RECORD_BYTES:
            end = _boundary(self._rest, RECORD_BYTES)
            texts.append(self._rest[:end].decode(errors="replace"))
            self._rest = self._rest[end:]
        return texts

    def end(self) -> list[str]:
        """What was written without a newline after it."""
        rest, self._rest = self._rest, b""
        return _texts(rest) if rest else []


class Frame(NamedTuple):
    """A whole record, of any number of lines."""

    at_ms: int
    """Epoch milliseconds, as the writer says; it may say anything that fits into 54 bits."""
    text: str
    level: str | None


class Printed(NamedTuple):
    """A piece of what a program printed by way of the records pipe: for `Lines`, in its place among the records."""

    at_ms: int
    """As in a Frame."""
    data: bytes


LEVELS: Mapping[int, str] = {0x04: "TRACE", 0x08: "DEBUG", 0x0C: "INFO", 0x10: "WARN", 0x14: "ERROR", 0x18: "FATAL"}
_LEVEL_BITS = 0x1C
_PRINTED = 0xA55A0042
"""A kind of our own, which our own programs write; the others are Lambda's."""
_TYPES = (0xA55A0002, 0xA55A0003, _PRINTED)
_MARK = b"\xa5\x5a\x00"
_HEAD = 16


class Frames:
    """The records pipe: type and level u32, length u32, time in microseconds u64, text; big-endian.

    Bytes that cannot be the head of a frame are skipped up to the next that may be.
    """

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Frame | Printed]:
        """The frames that `data` completes."""
        if self._rest:
            data = self._rest + data
        frames: list[Frame | Printed] = []
        at, size = 0, len(data)
        while size - at >= _HEAD:
            kind = int.from_bytes(data[at : at + 4], "big")
            length = int.from_bytes(data[at + 4 : at + 8], "big")
            if kind & ~_LEVEL_BITS not in _TYPES or length > RECORD_BYTES:
                at = _next_mark(data, at + 1)
                continue
            end = at + _HEAD + length
            if end > size:
                break
            at_ms = int.from_bytes(data[at + 8 : at + 16], "big") // 1000
            content = data[at + _HEAD : end]
            if kind == _PRINTED:
                frames.append(Printed(at_ms, content))
            else:
                frames.append(Frame(at_ms, content.decode(errors="replace"), LEVELS.get(kind & _LEVEL_BITS)))
            at = end
        self._rest = data[at:]
        return frames


def _next_mark(data: bytes, start: int) -> int:
    """Where a frame may begin at or after `start`; near the end, a beginning of the mark counts."""
    found = data.find(_MARK, start)
    if found >= 0:
        return found
    for kept in (2, 1):
        if len(data) - kept >= start and data.endswith(_MARK[:kept]):
            return len(data) - kept
    return len(data)


def _texts(record: bytes) -> list[str]:
    if len(record) <= RECORD_BYTES:
        return [record.decode(errors="replace")]
    texts: list[str] = []
    while record:
        end = _boundary(record, RECORD_BYTES)
        texts.append(record[:end].decode(errors="replace"))
        record = record[end:]
    return texts


def _boundary(data: bytes, at: int) -> int:
    """The last place at or before `at` where `data` may be cut without cutting a character."""
    if at >= len(data):
        return len(data)
    end = at
    while end > at - 4 and data[end] & 0xC0 == 0x80:
        end -= 1
    return end if data[end] & 0xC0 != 0x80 else at
