"""Cutting a program's output into records: however the bytes arrive, and whatever they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lambent.runtimes.output import RECORD_BYTES, Frame, Frames, Lines, Printed


def frame(text: bytes, *, kind: int = 0xA55A0003, at_us: int = 1_700_000_000_123_456) -> bytes:
    return kind.to_bytes(4, "big") + len(text).to_bytes(4, "big") + at_us.to_bytes(8, "big") + text


def test_a_newline_ends_a_record_and_a_carriage_return_does_not() -> None:
    lines = Lines()
    assert lines.feed(b"one\ntwo\rstill two\n\nthr") == ["one\n", "two\rstill two\n", "\n"]
    assert lines.feed(b"ee\n") == ["three\n"]
    assert lines.end() == []


def test_what_has_no_newline_comes_at_the_end() -> None:
    lines = Lines()
    assert lines.feed(b"unfinished") == []
    assert lines.end() == ["unfinished"]
    assert lines.end() == []


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    assert Lines().feed(b"a\xffb\n") == ["a\ufffdb\n"]


def test_a_line_longer_than_a_record_is_cut_between_characters() -> None:
    text = "é" * RECORD_BYTES + "\n"
    records = Lines().feed(text.encode())
    assert "".join(records) == text
    assert [len(record.encode()) for record in records] == [RECORD_BYTES, RECORD_BYTES, 1]


def test_a_line_that_never_ends_is_not_kept() -> None:
    lines = Lines()
    records = [record for _ in range(40) for record in lines.feed(b"x" * 65_536)]
    assert len(records) == 9
    assert {len(record) for record in records} == {RECORD_BYTES}


@given(st.text(alphabet="aé\n\r☃"), st.lists(st.integers(0, 60)))
def test_lines_do_not_depend_on_how_the_bytes_arrive(text: str, cuts: list[int]) -> None:
    data, lines, found, at = text.encode(), Lines(), [], 0
    for cut in [*sorted(cuts), len(data)]:
        found += lines.feed(data[at:cut])
        at = max(at, min(cut, len(data)))
    assert "".join([*found, *lines.end()]) == text
    assert all(record.endswith("\n") for record in found)


def test_a_frame_is_a_record_with_its_time_and_level() -> None:
    data = frame("two\nlines é".encode(), kind=0xA55A000F) + frame(b"{}", kind=0xA55A0016) + frame(b"plain")
    at_ms = 1_700_000_000_123
    assert Frames().feed(data) == [
        Frame(at_ms, "two\nlines é", "INFO"),
        Frame(at_ms, "{}", "ERROR"),
        Frame(at_ms, "plain", None),
    ]


def test_what_was_printed_is_bytes_in_its_place_among_the_records() -> None:
    printed = "é".encode()[:1]
    data = frame(b"one") + frame(printed, kind=0xA55A0042) + frame(b"two")
    at_ms = 1_700_000_000_123
    assert Frames().feed(data) == [Frame(at_ms, "one", None), Printed(at_ms, printed), Frame(at_ms, "two", None)]


def test_frames_may_arrive_byte_by_byte() -> None:
    frames, data = Frames(), frame(b"one") + frame(b"") + frame(b"three")
    found = [f.text for i in range(len(data)) for f in frames.feed(data[i : i + 1])]
    assert found == ["one", "", "three"]


def test_garbage_before_and_between_frames_is_skipped() -> None:
    data = b"garbage \xa5\x5a\x00" + frame(b"one") + b"\xa5\x5a\xff\xff more" + frame(b"two") + b"\xa5"
    frames = Frames()
    assert [f.text for f in frames.feed(data)] == ["one", "two"]
    assert [f.text for f in frames.feed(frame(b"three")[1:])] == ["three"]


def test_a_frame_that_claims_to_be_huge_is_garbage() -> None:
    claimed = (0xA55A0003).to_bytes(4, "big") + (RECORD_BYTES + 1).to_bytes(4, "big") + bytes(8)
    assert [f.text for f in Frames().feed(claimed + frame(b"real"))] == ["real"]


@given(st.lists(st.binary(max_size=40)))
def test_no_bytes_raise_or_pile_up(chunks: list[bytes]) -> None:
    frames = Frames()
    for chunk in chunks:
        frames.feed(chunk)
    assert len(frames._rest) < RECORD_BYTES + 16


@given(st.binary(max_size=30).filter(lambda data: b"\xa5" not in data), st.text(max_size=10))
def test_a_frame_after_garbage_is_found(garbage: bytes, text: str) -> None:
    data = text.encode()
    assert [f.text for f in Frames().feed(garbage + frame(data) + frame(b"end"))] == [text, "end"]
