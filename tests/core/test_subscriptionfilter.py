"""Filter policies of SNS: what passes, what is refused and with which words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.core import subscriptionfilter
from lambent.core.subscriptionfilter import ATTRIBUTES, BODY, Refused

Attributes = dict[str, tuple[str, str]]


def passes(policy: object, attributes: Attributes) -> bool:
    return subscriptionfilter.parse(json.dumps(policy), ATTRIBUTES).passes("", attributes)


def lets_through(policy: object, body: object) -> bool:
    text = body if isinstance(body, str) else json.dumps(body)
    return subscriptionfilter.parse(json.dumps(policy), BODY).passes(text, {})


def reason(policy: object, scope: str = ATTRIBUTES) -> str:
    text = policy if isinstance(policy, str) else json.dumps(policy)
    with pytest.raises(Refused) as refused:
        subscriptionfilter.parse(text, scope)
    return str(refused.value)


def string(text: str) -> tuple[str, str]:
    return "String", text


def number(text: str) -> tuple[str, str]:
    return "Number", text


def array(*values: object) -> tuple[str, str]:
    return "String.Array", json.dumps(values)


@pytest.mark.parametrize(
    ("alternatives", "attribute", "expected"),
    [
        (["a", "b"], string("b"), True),
        (["a", "b"], string("A"), False),
        (["a"], None, False),
        (["99"], number("99"), False),
        ([99], number("99.0"), True),
        ([99], string("99"), False),
        ([None], None, False),
        ([None], string("x"), False),
        ([None, {"anything-but": "x"}], None, False),
        ([None], array(None), True),
        ([None, {"anything-but": "x"}], string("x"), False),
        ([{"prefix": "au"}], string("auto"), True),
        ([{"prefix": "au"}], string("Auto"), False),
        ([{"suffix": "to"}], string("auto"), True),
        ([{"equals-ignore-case": "AuTo"}], string("auto"), True),
        ([{"wildcard": "a*o"}], string("auto"), True),
        ([{"wildcard": "a*o"}], string("autos"), False),
        ([{"cidr": "10.0.0.0/24"}], string("10.0.0.255"), True),
        ([{"cidr": "10.0.0.0/24"}], string("10.0.1.0"), False),
        ([{"cidr": "10.0.0.0/24"}], string("no address"), False),
        ([{"anything-but": ["a", "b"]}], string("c"), True),
        ([{"anything-but": ["a", "b"]}], string("a"), False),
        ([{"anything-but": ["a"]}], None, False),
        ([{"anything-but": {"prefix": "a"}}], string("b"), True),
        ([{"anything-but": {"suffix": "a"}}], string("ba"), False),
        ([{"anything-but": [1, 2]}], number("2"), False),
        ([{"numeric": ["=", 301.5]}], number("3.015e2"), True),
        ([{"numeric": [">", 0, "<=", 100]}], number("100"), True),
        ([{"numeric": [">", 0, "<=", 100]}], number("0"), False),
        ([{"numeric": [">", 0]}], string("5"), False),
        ([{"exists": True}], string("x"), True),
        ([{"exists": True}], None, False),
        ([{"exists": False}], string("x"), False),
        ([{"exists": False}], None, True),
        (["a"], array("b", "a"), True),
        (["a"], array("b"), False),
        (["a"], array(), False),
        ([7], array("b", 7), True),
        ([True], array(True), True),
        ([True], string("true"), False),
        ([{"anything-but": "a"}], array("a", "b"), True),
        ([{"anything-but": "a"}], array("a"), False),
        (["no list"], ("String.Array", "no list"), True),
        (["x"], ("String.custom", "x"), True),
        ([{"numeric": ["<", 5]}], ("Number.int", "4"), True),
        ([{"numeric": ["<", 5]}], number("nonsense"), False),
        ([{"numeric": ["<", 5]}], number("1" * 100), False),
    ],
)
def test_an_attribute_is_one_of_the_alternatives(
    alternatives: list[Any], attribute: tuple[str, str] | None, expected: bool
) -> None:
    other = {"other": string("x")}
    assert passes({"k": alternatives}, other if attribute is None else {**other, "k": attribute}) is expected


def test_a_message_without_attributes_passes_no_policy_on_them() -> None:
    for alternatives in ([{"exists": False}], [None, {"anything-but": "x"}]):
        assert not passes({"k": alternatives}, {})


def test_all_keys_must_hold_and_one_of_each_or() -> None:
    policy = {"a": ["1"], "$or": [{"b": ["2"]}, {"c": ["3"], "d": [{"exists": False}]}]}
    assert passes(policy, {"a": string("1"), "b": string("2")})
    assert passes(policy, {"a": string("1"), "c": string("3")})
    assert not passes(policy, {"a": string("1"), "c": string("3"), "d": string("4")})
    assert not passes(policy, {"b": string("2")})


@pytest.mark.parametrize(
    ("policy", "body", "expected"),
    [
        ({"a": {"b": ["x"]}}, {"a": {"b": "x"}}, True),
        ({"a": {"b": ["x"]}}, {"a": {"b": "y"}}, False),
        ({"a": {"b": ["x"]}}, {"a": "x"}, False),
        ({"a": {"b": ["x"]}}, {"a": [{"b": "y"}, {"b": "x"}]}, True),
        ({"a": {"b": ["x"], "c": ["z"]}}, {"a": [{"b": "x"}, {"c": "z"}]}, False),
        ({"a": ["x"]}, {"a": ["y", "x"]}, True),
        ({"a": [1]}, {"a": 1.0}, True),
        ({"a": [1]}, {"a": "1"}, False),
        ({"a": [None]}, {"a": None}, True),
        ({"a": [None]}, {}, False),
        ({"a": [{"exists": False}]}, {"b": 1}, True),
        ({"a": {"b": [{"exists": False}]}}, {"a": {"c": 1}}, True),
        ({"a.b": ["x"]}, {"a": {"b": "x"}}, True),
        ({"a.b": ["x"]}, {"a": {"b": "y"}}, False),
        ({"a.b.c": ["x"]}, {"a": {"b": {"c": "x"}}}, True),
        ({"a.b.c": ["x"]}, {"a.b.c": "x"}, True),
        ({"a.b.c": ["x"]}, {"a.b": {"c": "x"}}, True),
        ({"a.b.c": ["x"]}, {"a": {"b.c": "x"}}, True),
        ({"a.b": ["x"], "a": {"c": ["y"]}}, {"a.b": "x", "a": {"c": "y"}}, True),
        ({"a.b": ["x"]}, {"a.b": "y", "a": {"b": "x"}}, True),
        ({"$or": [{"a.b": ["x"]}, {"c": ["y"]}]}, {"a": {"b": "x"}}, True),
        ({"a": ["x"]}, "no JSON", False),
        ({"a": ["x"]}, '["x"]', False),
        ({"a": [{"exists": False}]}, "17", False),
    ],
)
def test_a_body_matches_as_events_match_patterns(policy: object, body: object, expected: bool) -> None:
    assert lets_through(policy, body) is expected


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ({"key": [["value"]]}, "Match value must be String, number, true, false, or null"),
        ({"key": [{"wrong-operator": True}]}, "Unrecognized match type wrong-operator"),
        ({"key": [{"suffix": "a", "prefix": "b"}]}, "Only one key allowed in match expression"),
        ({"key": [{"suffix": 100}]}, "suffix match pattern must be a string"),
        ({"key": [{"suffix": None}]}, "suffix match pattern must be a string"),
        ({"key": [{"suffix": []}]}, "suffix match pattern must be a string"),
        ({"key": {"suffix": "value"}}, '"suffix" must be an object or an array'),
        ({"key_a": "value_one"}, '"key_a" must be an object or an array'),
        ({"key": [{"numeric": []}]}, "Invalid member in numeric match: ]"),
        ({"key": [{"numeric": ["operator"]}]}, "Unrecognized numeric range operator: operator"),
        ({"key": [{"numeric": [1, "<="]}]}, "Invalid member in numeric match: 1"),
        ({"key": [{"numeric": ["=", "000"]}]}, "Value of equals must be numeric"),
        ({"key": [{"numeric": [">="]}]}, "Value of >= must be numeric"),
        ({"key": [{"numeric": ["<", 100, ">", 10]}]}, "Too many elements in numeric expression"),
        ({"key": [{"numeric": [">=", 1, ">", 2]}]}, "Bad numeric range operator: >"),
        ({"key": [{"numeric": [">", 3, "<", 1]}]}, "Bottom must be less than top"),
        ({"key": [{"numeric": [">", 20, "<="]}]}, "Value of <= must be numeric"),
        ({"key": [{"numeric": [">", 20, 30]}]}, "Bad value in numeric range: 30"),
        ({"key": [{"numeric": [">", 20, "test"]}]}, "Bad numeric range operator: test"),
        ({"key": [{"numeric": [">", "20", "<", "30"]}]}, "Value of > must be numeric"),
        ({"key": [{"numeric": [">", 20, "<", "30"]}]}, "Value of < must be numeric"),
        ({"key": [{"numeric": [">", 20, "<", 30, "<", 50]}]}, "Too many terms in numeric range expression"),
        ({"key": [{"anything-but": {"wrong-operator": None}}]}, "Unsupported anything-but pattern: wrong-operator"),
        ({"key": [{"anything-but": {"exists": False}}]}, "Unsupported anything-but pattern: exists"),
        ({"key": [{"anything-but": {"prefix": False}}]}, "prefix match pattern must be a string"),
        ({"key": [{"exists": None}]}, "exists match pattern must be either true or false."),
        ({"key": [{"exists": "no"}]}, "exists match pattern must be either true or false."),
        ({"a": list(range(16)), "b": list(range(10))}, "Filter policy is too complex"),
        ({"a": list(range(151))}, "Filter policy is too complex"),
        ({f"k{n}": ["v"] for n in range(6)}, "Filter policy can not have more than 5 keys"),
        ({"a": {"b": ["c"]}}, "Filter policy scope MessageAttributes does not support nested filter policy"),
        ({"$or": [{"a": list(range(76))}, {"b": list(range(75))}]}, "Filter policy is too complex"),
        ({"a": []}, "Empty arrays are not allowed"),
        ({"a": {}}, "Empty objects are not allowed"),
        ([], "Filter is not an object"),
    ],
)  # fmt: skip
def test_what_is_no_policy_is_refused_in_awss_words(policy: object, text: str) -> None:
    assert reason(policy) == text


def test_a_policy_on_bodies_counts_levels_too() -> None:
    deep = {"a": {"b": {"c": list(range(10))}}}
    subscriptionfilter.parse(json.dumps({**deep, "d": list(range(5))}), BODY)
    assert reason({**deep, "d": list(range(6))}, BODY) == "Filter policy is too complex"


def test_what_is_not_json_or_nests_without_end_is_refused() -> None:
    assert reason("{invalid}").startswith("failed to parse JSON.")
    nested: Any = ["x"]
    for _ in range(100):
        nested = {"a": nested}
    assert reason(nested, BODY) == "Filter policy nests too deep"
    assert "nested more than" in reason({"." * 100_000: ["x"]}, BODY)
    assert reason({"a.b": ["x"], "a": ["y"]}, BODY) == '"a" is there twice'


KEYS = ["a", "b", "a.b", "a.", "$or", "prefix", "numeric", "exists", "anything-but", "cidr", "wildcard"]
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=12,
)


@given(VALUES, VALUES, st.sampled_from([ATTRIBUTES, BODY]))
def test_any_policy_is_refused_or_decides_about_any_message(policy: Any, body: Any, scope: str) -> None:
    try:
        found = subscriptionfilter.parse(json.dumps(policy), scope)
    except Refused:
        return
    attributes = {"a": ("String.Array", json.dumps(body)), "b": ("Number", "1"), "prefix": ("String", "x")}
    assert found.passes(json.dumps(body), attributes) in (True, False)
