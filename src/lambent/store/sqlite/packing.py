"""How the lines of one journal become chunks, and come back. Pure.

A chunk is bounded in time and size, so that reading a time range opens only chunks that lie in it or up to
SPAN_MS before it, and never a huge one for one line.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence

import orjson

from lambent.values import frozen

SPAN_MS = 10_000
"""No chunk reaches further than this from its first entry."""

_LINES = 2_000
_CHARACTERS = 1 << 20
_COMPRESS_FROM_BYTES = 1_024
_COMPRESSION_LEVEL = 1


@frozen
class Packed:
    """A chunk as it is stored: times in epoch milliseconds, `size` in bytes of text before packing."""

    first_at: int
    last_at: int
    first_sequence: int
    count: int
    size: int
    data: bytes


Line = tuple[int, int, str]
"""Time in epoch milliseconds, sequence number, text."""


def pack(lines: Iterable[Line]) -> Iterator[Packed]:
    """Chunks of the lines, which come in any order."""
    ordered = sorted(lines)
    if _fits(ordered):  # as nearly all that 50 ms bring
        yield _packed(ordered)
        return
    chunk: list[Line] = []
    characters = 0
    for line in ordered:
        characters += len(line[2])
        if chunk and (line[0] - chunk[0][0] > SPAN_MS or len(chunk) == _LINES or characters > _CHARACTERS):
            yield _packed(chunk)
            chunk, characters = [], len(line[2])
        chunk.append(line)
    if chunk:
        yield _packed(chunk)


def _fits(ordered: Sequence[Line]) -> bool:
    """Whether the lines, of which there are some, may be one chunk."""
    if not 0 < len(ordered) <= _LINES or ordered[-1][0] - ordered[0][0] > SPAN_MS:
        return False
    return sum([len(text) for _, _, text in ordered]) <= _CHARACTERS


def unpack(first_at: int, first_sequence: int, data: bytes) -> list[Line]:
    """The lines of a chunk, in order."""
    # JSON text of ours begins with a bracket, zlib data never does.
    times, sequences, texts = orjson.loads(data if data[:1] == b"[" else zlib.decompress(data))
    return [
        (first_at + at, first_sequence + sequence, text)
        for at, sequence, text in zip(times, sequences, texts, strict=True)
    ]


def _packed(lines: Sequence[Line]) -> Packed:
    times, sequences, texts = zip(*lines, strict=True)
    first_sequence = min(sequences)
    columns = [at - times[0] for at in times], [sequence - first_sequence for sequence in sequences], texts
    try:
        data = orjson.dumps(columns)
    except orjson.JSONEncodeError:
        # Half of a surrogate pair is no text; it came out of somebody's broken JSON.
        return _packed([(at, sequence, _mended(text)) for at, sequence, text in lines])
    size = sum(map(len, texts if all(map(str.isascii, texts)) else map(str.encode, texts)))
    if len(data) >= _COMPRESS_FROM_BYTES:
        data = zlib.compress(data, _COMPRESSION_LEVEL)
    return Packed(times[0], times[-1], first_sequence, len(lines), size, data)


def _mended(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
