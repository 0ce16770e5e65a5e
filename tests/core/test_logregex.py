"""The linear regular expressions of filter patterns, compared with Python's where that is safe."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.core.logregex import BadExpression, Expression

ATOM = st.sampled_from(["a", "b", "c", ".", r"\d", r"\S", r"\w", "[ab]", "[^a]", "[a-c]", "[b-]", r"\."])
QUANTIFIER = st.sampled_from(["", "", "?", "*", "+", "{2}", "{1,3}", "{0,2}", "{2,}", "{0,}", "*?"])
ROW = st.lists(st.tuples(ATOM, QUANTIFIER).map("".join), max_size=5).map("".join)
ALTERNATIVE = st.tuples(st.sampled_from(["", "^"]), ROW, st.sampled_from(["", "$"])).map("".join)
EXPRESSION = st.lists(ALTERNATIVE, min_size=1, max_size=3).map("|".join)


@given(EXPRESSION, st.text("abc1. \né", max_size=12))
def test_an_expression_finds_what_pythons_finds(source: str, text: str) -> None:
    assert Expression(source).search(text) == bool(re.search(source, text, re.ASCII))


@given(st.lists(st.sampled_from(r"ab^$.[]{}|*+?\-,09d(!é"), max_size=12).map("".join))
def test_any_text_is_an_expression_or_a_clean_refusal(source: str) -> None:
    try:
        Expression(source).search("ab09-")
    except BadExpression:
        pass


@pytest.mark.parametrize(
    "source",
    [".*.*.*.*.*.*.*.*x$", "a?" * 400 + "a{400}", "a.{10,400}[b-f]{3,300}z", "[^x]*[^y]*[^z]*#"],
)
def test_an_expression_that_ruins_backtracking_ends_on_a_long_text(source: str) -> None:
    assert Expression(source).search("abcdef" * 20_000) in (True, False)


def test_states_that_were_thrown_away_are_made_again() -> None:
    expression = Expression("a.{9}[ab]{3}c")
    noise = "".join("ab"[(i * i) // 7 % 2] for i in range(5_000))
    assert not expression.search(noise)
    assert expression.search(noise + "a" * 13 + "c")


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        ("^[hc]at", "hat and cat", True),
        ("^[hc]at", "a hat", False),
        ("[hc]at$", "a cat\n", True),
        ("[hc]at$", "cat food", False),
        ("[hc]at$", "cat\n\n", False),
        (r"\[4\d\d\]", "[404] not found", True),
        (r"10\.10\.0\.1|127\.0\.0\.[1-9]", "127.0.0.7", True),
        (r"\x41B", "AB", True),
        ("colou?r", "color", True),
        ("a{3,5}", "aabaa", False),
        ("[.*]b", "*b", True),
        (r"[\]]", "]", True),
        ("done\\s", "done\n", True),
        ("x", "", False),
        ("", "", True),
        (".b", "éb", True),
    ],
)
def test_what_an_expression_finds(source: str, text: str, found: bool) -> None:
    assert Expression(source).search(text) is found


@pytest.mark.parametrize(
    ("source", "characters"),
    [
        ("(a)", "("),
        ("something!", "!"),
        ("é", "é"),
        ("*a", ""),
        ("a**", ""),
        ("a{2", ""),
        ("a{3,2}", ""),
        ("a{99999}", ""),
        ("a{900}b{900}", ""),
        ("[a", ""),
        ("[]", ""),
        ("[z-a]", ""),
        ("a^b", ""),
        ("a$b", ""),
        ("a\\", ""),
        (r"\b", ""),
        (r"\xZZ", ""),
    ],
)
def test_what_is_no_expression_is_refused(source: str, characters: str) -> None:
    with pytest.raises(BadExpression) as refused:
        Expression(source)
    assert refused.value.characters == characters
