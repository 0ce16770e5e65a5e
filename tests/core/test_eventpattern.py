"""Which texts are event patterns, and which events they match."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.core.eventpattern import WIDER, NotAPattern, is_pattern, parse

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


def matches(pattern: str, event: object, **options: Any) -> bool:
    return parse(pattern, **options).matches(event)


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        ('{"a": ["x", 1, true, null, ""]}', ["x", 1, 1.0, True, None, ""], ["y", "1", 0, False, "null", " "]),
        ('{"a": [1]}', [1, 1.0], [True, "1"]),
        ('{"a": [false]}', [False], [0, None, ""]),
        ('{"a": [{"prefix": "eu-"}]}', ["eu-", "eu-west-1"], ["us-east-1", "EU-", 1, None]),
        ('{"a": [{"prefix": {"equals-ignore-case": "eu-"}}]}', ["EU-west"], ["us-", None]),
        ('{"a": [{"suffix": ".png"}]}', [".png", "x.png"], ["x.PNG", 5]),
        ('{"a": [{"suffix": {"equals-ignore-case": ".png"}}]}', ["x.PNG"], ["x.jpg"]),
        ('{"a": [{"equals-ignore-case": "Ab"}]}', ["ab", "AB"], ["abc", None]),
        ('{"a": [{"anything-but": ["x", 1]}]}', ["y", 2, True, None, ""], ["x", 1]),
        ('{"a": [{"anything-but": "x"}]}', ["y", 1], ["x"]),
        ('{"a": [{"anything-but": 5}]}', ["5", 6], [5, 5.0]),
        ('{"a": [{"anything-but": {"prefix": "x"}}]}', ["yx", 5], ["x", "xy"]),
        ('{"a": [{"anything-but": {"prefix": ["x", "y"]}}]}', ["z"], ["x", "y1"]),
        ('{"a": [{"anything-but": {"suffix": "x"}}]}', ["xy"], ["yx"]),
        ('{"a": [{"anything-but": {"equals-ignore-case": ["x", "y"]}}]}', ["z"], ["X", "Y"]),
        ('{"a": [{"numeric": ["=", 5]}]}', [5, 5.0], ["5", 4, True, None]),
        ('{"a": [{"numeric": [">", 0, "<=", 9.5]}]}', [1, 9.5], [0, 9.6, True]),
        ('{"a": [{"numeric": [">=", 1]}]}', [1, 10**12], [0.999]),
        ('{"a": [{"numeric": ["<", 1]}]}', [0, -5], [1]),
        ('{"a": [{"exists": true}]}', ["x", None, 0, ["x"]], [{}, {"b": 1}, []]),
        ('{"a": [{"exists": false}]}', [{}, {"b": 1}, []], ["x", None, 0]),
        ('{"a": [{"exists": false}, "x"]}', ["x"], ["y"]),
        ('{"a": [{"prefix": "x"}, {"suffix": "y"}, 5]}', ["xz", "zy", 5], ["z", 6]),
    ],
)
def test_a_value_is_taken_or_left(pattern: str, taken: list[object], left: list[object]) -> None:
    for value in taken:
        assert matches(pattern, {"a": value, "b": "beside"}), value
        assert matches(pattern, {"a": [value]}), value
    for value in left:
        assert not matches(pattern, {"a": value}), value


@pytest.mark.parametrize(
    ("pattern", "event", "is_match"),
    [
        ('{"a": [1], "b": [2]}', {"a": 1, "b": 2}, True),
        ('{"a": [1], "b": [2]}', {"a": 1}, False),
        ('{"a": {"b": {"c": ["v"]}}}', {"a": {"b": {"c": "v", "d": 1}}}, True),
        ('{"a": {"b": {"c": ["v"]}}}', {"a": {"b": "v"}}, False),
        ('{"a": {"b": ["v"]}}', {"a.b": "v"}, False),
        ('{"a": ["x"]}', {"a": ["w", "x"]}, True),
        ('{"a": ["x"]}', {"a": [["w"], [["x"]]]}, True),
        ('{"a": ["x"]}', {"a": [{"x": "x"}]}, False),
        ('{"a": [{"anything-but": "x"}]}', {}, False),
        ('{"a": [{"anything-but": "x"}]}', {"a": ["x", "y"]}, True),
        # members that are asked for together are of one element
        ('{"a": {"b": [1], "c": [2]}}', {"a": [{"b": 1, "c": 1}, {"b": 1, "c": 2}]}, True),
        ('{"a": {"b": [1], "c": [2]}}', {"a": [{"b": 1}, {"c": 2}]}, False),
        # what is absent is absent from the whole event
        ('{"a": {"b": [{"exists": false}]}}', {}, True),
        ('{"a": {"b": [{"exists": false}]}}', {"a": 5}, True),
        ('{"a": {"b": [{"exists": false}]}}', {"a": [{"b": 1}, {"c": 2}]}, False),
        ('{"a": {"b": [{"exists": false}]}}', {"a": []}, True),
        ('{"$or": [{"a": [1]}, {"b": [2]}]}', {"b": 2}, True),
        ('{"$or": [{"a": [1]}, {"b": [2]}]}', {"a": 2, "b": 1}, False),
        ('{"c": [3], "$or": [{"a": [1]}, {"b": [2]}]}', {"a": 1}, False),
        ('{"d": {"$or": [{"a": [1]}, {"b": {"c": [2]}}]}}', {"d": {"b": {"c": 2}}}, True),
        ('{"$or": ["a"], "x": [1]}', {"$or": "a"}, None),
        ('{"$or": {"a": [1]}}', {"$or": {"a": 1}}, True),
        ('{"a": [1]}', "no object", False),
        ('{"a": [1]}', None, False),
        ('{"a": [{"exists": false}]}', "no object", True),
    ],
)
def test_an_event_is_matched_as_it_is_nested(pattern: str, event: object, is_match: bool | None) -> None:
    if is_match is None:
        assert not is_pattern(pattern)
    else:
        assert matches(pattern, event) == is_match


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        ('{"a": [{"cidr": "10.0.0.0/24"}]}', ["10.0.0.9"], ["10.0.1.9", "ten", 5]),
        ('{"a": [{"cidr": "2001:db8::/32"}]}', ["2001:db8::1"], ["10.0.0.1"]),
        ('{"a": [{"wildcard": "a*c"}]}', ["ac", "abc", "abcbc"], ["ab", "xac", 5]),
        ('{"a": [{"wildcard": "*x*y*"}]}', ["xy", "1x2y3"], ["yx"]),
        ('{"a": [{"wildcard": "a*a"}]}', ["aa"], ["a"]),
        ('{"a": [{"wildcard": "a\\\\*\\\\\\\\"}]}', ["a*\\"], ["ab\\"]),
        ('{"a": [{"wildcard": "plain"}]}', ["plain"], ["plainer"]),
        ('{"a": [{"anything-but": {"wildcard": "*/lib/*"}}]}', ["/usr/bin/x"], ["/usr/lib/x"]),
    ],
)
def test_rules_and_subscriptions_have_operators_of_their_own(
    pattern: str, taken: list[object], left: list[object]
) -> None:
    assert not is_pattern(pattern)
    assert [value for value in taken if not matches(pattern, {"a": value}, also=WIDER)] == []
    assert [value for value in left if matches(pattern, {"a": value}, also=WIDER)] == []


@pytest.mark.parametrize("operator", ['{"cidr": "ten"}', '{"wildcard": "a**"}', '{"wildcard": "\\\\a"}'])
def test_their_operands_are_checked_too(operator: str) -> None:
    with pytest.raises(NotAPattern):
        parse(f'{{"a": [{operator}]}}', also=WIDER)


def test_a_deep_event_is_matched_without_recursion() -> None:
    value: object = "x"
    for _ in range(5000):
        value = [value]
    assert matches('{"a": ["x"]}', {"a": value})
    assert matches('{"a": {"b": ["x"]}}', {"a": [value, {"b": value}]})


SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "x", "xy", "5"])
EVENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)


@given(st.dictionaries(st.sampled_from("abc"), EVENTS, min_size=1))
def test_an_event_matches_the_pattern_that_asks_for_what_it_is(event: dict[str, object]) -> None:
    pattern = asking_for(event)
    if pattern:
        assert matches(orjson.dumps(pattern).decode(), event)


def asking_for(event: dict[str, object]) -> dict[str, object]:
    """A pattern with every leaf of `event`."""
    found: dict[str, object] = {}
    for key, value in event.items():
        if isinstance(value, dict) and (inner := asking_for(value)):
            found[key] = inner
        elif not isinstance(value, dict | list):
            found[key] = [value]
    return found


@given(EVENTS, st.sampled_from("abc"), st.lists(SCALARS, min_size=1, max_size=3))
def test_present_and_absent_are_opposites_and_exact_values_are_present(
    event: object, key: str, values: list[object]
) -> None:
    present = matches(f'{{"{key}": [{{"exists": true}}]}}', {"r": event, key: event})
    assert present != matches(f'{{"{key}": [{{"exists": false}}]}}', {"r": event, key: event})
    exact = matches(orjson.dumps({key: values}).decode(), {key: event})
    assert present or not exact


@given(EVENTS, SCALARS, SCALARS)
def test_or_is_either(event: object, one: object, other: object) -> None:
    left, right = ({"a": [value]} for value in (one, other))
    both = [matches(orjson.dumps(each).decode(), {"a": event}) for each in (left, right)]
    assert matches(orjson.dumps({"$or": [left, right]}).decode(), {"a": event}) == any(both)
    assert matches(orjson.dumps({"a": [one, other]}).decode(), {"a": event}) == any(both)
