"""Chunks: every line comes back, in order, and none of them is larger or longer than it may be."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from lambent.store.sqlite.packing import SPAN_MS, Line, pack, unpack

LINES = st.lists(
    st.tuples(
        st.integers(-(10**12), 10**13) | st.sampled_from([0, SPAN_MS, SPAN_MS + 1]), st.integers(1, 10**9), st.text()
    ),
    unique_by=lambda line: line[1],
    max_size=60,
)


def unpacked(lines: list[Line]) -> list[Line]:
    return [line for chunk in pack(lines) for line in unpack(chunk.first_at, chunk.first_sequence, chunk.data)]


@given(lines=LINES)
def test_every_line_comes_back_in_order(lines: list[Line]) -> None:
    assert unpacked(lines) == sorted(lines)


@given(lines=LINES)
def test_a_chunk_says_truly_what_is_in_it(lines: list[Line]) -> None:
    for chunk in pack(lines):
        its = unpack(chunk.first_at, chunk.first_sequence, chunk.data)
        assert (chunk.first_at, chunk.last_at) == (min(line[0] for line in its), max(line[0] for line in its))
        assert chunk.last_at - chunk.first_at <= SPAN_MS
        assert chunk.first_sequence == min(line[1] for line in its)
        assert (chunk.count, chunk.size) == (len(its), sum(len(line[2].encode()) for line in its))


def test_the_lines_of_one_batch_are_one_chunk() -> None:
    assert len(list(pack([(1_000 + n % 50, n, f"line {n}") for n in range(1000)]))) == 1


def test_long_lines_are_spread_over_chunks() -> None:
    lines = [(1, n, "x" * 250_000) for n in range(20)]
    chunks = list(pack(lines))
    assert unpacked(lines) == lines
    assert max(chunk.size for chunk in chunks) <= 1 << 20


def test_one_line_may_be_longer_than_a_chunk_should_be() -> None:
    lines = [(1, 1, "a"), (1, 2, "x" * (2 << 20)), (1, 3, "b")]
    assert unpacked(lines) == lines


def test_many_lines_are_spread_over_chunks() -> None:
    lines = [(1, n, "") for n in range(5000)]
    assert max(chunk.count for chunk in pack(lines)) <= 2000
    assert unpacked(lines) == lines


def test_ordinary_logs_take_a_fraction_of_their_size() -> None:
    chance = random.Random(1)
    lines = [(n, n, f"REPORT RequestId: {chance.randbytes(16).hex()} Duration: {n} ms\n") for n in range(300)]
    chunks = list(pack(lines))
    assert sum(len(chunk.data) for chunk in chunks) < sum(chunk.size for chunk in chunks) / 2
