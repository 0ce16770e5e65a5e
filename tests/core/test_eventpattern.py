"""Which texts are event patterns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.core.eventpattern import is_pattern

GOOD = [
    '{"body": ["text"]}',
    '{"a": ["x", "y", 1, null, true]}',
    '{"body": {"p": {"q": ["v"]}}}',
    '{"a": [""]}',
    '{"a": [null]}',
    '{"a": [{"prefix": "eu-"}], "b": [{"suffix": ".png"}]}',
    '{"a": [{"equals-ignore-case": "X"}]}',
    '{"a": [{"anything-but": ["a", "b"]}]}',
    '{"a": [{"anything-but": "a"}]}',
    '{"a": [{"anything-but": 5}]}',
    '{"a": [{"anything-but": {"prefix": "x"}}]}',
    '{"a": [{"numeric": ["=", 5]}]}',
    '{"a": [{"numeric": [">", 0, "<=", 9.5]}]}',
    '{"a": [{"exists": true}], "b": [{"exists": false}]}',
    '{"$or": [{"a": [1]}, {"b": [2]}]}',
    '{"a": [{"prefix": {"equals-ignore-case": "x"}}]}',
]
BAD = [
    "",
    "text",
    "[]",
    "{}",
    "null",
    '{"a": {}}',
    '{"a": []}',
    '{"a": "x"}',
    '{"a": 1}',
    '{"a": [["x"]]}',
    '{"a": [{}]}',
    '{"a": [{"prefix": 1}]}',
    '{"a": [{"prefix": "x", "suffix": "y"}]}',
    '{"a": [{"unknown": "x"}]}',
    '{"a": [{"exists": "yes"}]}',
    '{"a": [{"numeric": []}]}',
    '{"a": [{"numeric": ["=", "5"]}]}',
    '{"a": [{"numeric": ["="]}]}',
    '{"a": [{"numeric": ["<", 5, ">", 1]}]}',
    '{"a": [{"numeric": ["=", true]}]}',
    '{"a": [{"anything-but": []}]}',
    '{"a": [{"anything-but": [null]}]}',
    '{"$or": [{"a": [1]}]}',
    '{"$or": [{"a": [1]}, {}]}',
    '{"a": ' * 600 + '["x"]' + "}" * 600,
]


@pytest.mark.parametrize("text", GOOD)
def test_a_pattern_is_taken(text: str) -> None:
    assert is_pattern(text)


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_pattern_is_refused(text: str) -> None:
    assert not is_pattern(text)


@given(st.text() | st.binary().map(lambda b: b.decode("latin-1")))
def test_any_text_is_one_or_not(text: str) -> None:
    assert is_pattern(text) in (True, False)
