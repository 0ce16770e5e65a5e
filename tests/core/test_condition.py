"""Condition blocks: each operator, its quantifiers and its absent keys."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.core.condition import glob, met

CONTEXT = {
    "name": ["Ada"],
    "count": ["5"],
    "when": ["2024-05-01T12:00:00Z"],
    "epoch": ["1714564800"],
    "secure": ["true"],
    "ip": ["10.1.2.3"],
    "ip6": ["2001:db8::1"],
    "arn": ["arn:aws:sqs:eu-west-1:000000000000:orders"],
    "tags": ["a", "b"],
}


@pytest.mark.parametrize(
    ("operator", "key", "values", "holds"),
    [
        ("StringEquals", "name", ["Ada"], True),
        ("StringEquals", "NAME", ["Ada"], True),
        ("StringEquals", "name", ["ada"], False),
        ("StringEquals", "name", ["x", "Ada"], True),
        ("StringEquals", "name", [], False),
        ("StringEqualsIgnoreCase", "name", ["aDA"], True),
        ("StringNotEquals", "name", ["x", "y"], True),
        ("StringNotEquals", "name", ["x", "Ada"], False),
        ("StringNotEqualsIgnoreCase", "name", ["ADA"], False),
        ("StringLike", "name", ["A*"], True),
        ("StringLike", "name", ["?d?"], True),
        ("StringLike", "name", ["A?"], False),
        ("StringNotLike", "name", ["B*"], True),
        ("NumericEquals", "count", ["5.0"], True),
        ("NumericNotEquals", "count", ["5"], False),
        ("NumericLessThan", "count", ["5"], False),
        ("NumericLessThanEquals", "count", ["5"], True),
        ("NumericGreaterThan", "count", ["4.9"], True),
        ("NumericGreaterThanEquals", "count", ["6"], False),
        ("NumericEquals", "name", ["5"], False),
        ("NumericEquals", "count", ["NaN"], False),
        ("DateEquals", "when", ["2024-05-01T14:00:00+02:00"], True),
        ("DateEquals", "when", ["1714564800"], True),
        ("DateLessThan", "epoch", ["2024-05-02"], True),
        ("DateGreaterThan", "when", ["2024-05-02T00:00:00Z"], False),
        ("DateLessThanEquals", "when", ["nonsense"], False),
        ("DateNotEquals", "when", ["2024-05-02"], True),
        ("Bool", "secure", ["True"], True),
        ("Bool", "secure", ["false"], False),
        ("BinaryEquals", "name", ["Ada"], True),
        ("IpAddress", "ip", ["10.0.0.0/8"], True),
        ("IpAddress", "ip", ["10.1.2.4"], False),
        ("IpAddress", "ip6", ["2001:db8::/32", "10.0.0.0/8"], True),
        ("IpAddress", "name", ["10.0.0.0/8"], False),
        ("NotIpAddress", "ip", ["192.168.0.0/16"], True),
        ("ArnLike", "arn", ["arn:aws:sqs:*:*:orders"], True),
        ("ArnEquals", "arn", ["arn:aws:sqs:*:*:orders"], True),
        ("ArnLike", "arn", ["arn:aws:sqs:*:orders"], False),
        ("ArnNotLike", "arn", ["arn:aws:sns:*:*:*"], True),
        ("ArnNotEquals", "arn", ["arn:aws:sqs:*:*:*"], False),
        ("Null", "name", ["true"], False),
        ("Null", "name", ["false"], True),
        ("Null", "absent", ["true"], True),
        ("StringEquals", "absent", ["x"], False),
        ("StringEqualsIfExists", "absent", ["x"], True),
        ("StringEqualsIfExists", "name", ["x"], False),
        ("StringNotEquals", "absent", ["x"], True),
        ("ForAllValues:StringEquals", "tags", ["a", "b", "c"], True),
        ("ForAllValues:StringEquals", "tags", ["a"], False),
        ("ForAllValues:StringEquals", "absent", ["a"], True),
        ("ForAnyValue:StringEquals", "tags", ["b", "z"], True),
        ("ForAnyValue:StringEquals", "tags", ["z"], False),
        ("ForAnyValue:StringEquals", "absent", ["z"], False),
        ("ForAnyValue:StringNotEquals", "tags", ["a"], True),
        ("ForAllValues:StringNotEquals", "tags", ["a"], False),
        ("NoSuchOperator", "name", ["Ada"], False),
    ],
)
def test_an_operator_holds_as_documented(operator: str, key: str, values: list[str], holds: bool) -> None:
    assert met({operator: {key: values}}, CONTEXT) is holds


def test_all_operators_and_all_keys_must_hold() -> None:
    assert met({}, CONTEXT)
    assert met({"StringEquals": {"name": ["Ada"]}, "NumericEquals": {"count": ["5"]}}, CONTEXT)
    assert not met({"StringEquals": {"name": ["Ada"]}, "NumericEquals": {"count": ["6"]}}, CONTEXT)
    assert not met({"StringEquals": {"name": ["Ada"], "secure": ["false"]}}, CONTEXT)


@given(st.text("ab*?", max_size=8), st.text("ab*?", max_size=8))
def test_a_glob_fits_what_the_regular_expression_of_it_fits(text: str, pattern: str) -> None:
    expression = "".join({"*": ".*", "?": "."}.get(c, c) for c in pattern)
    assert glob(text, pattern) is (re.fullmatch(expression, text, re.DOTALL) is not None)
