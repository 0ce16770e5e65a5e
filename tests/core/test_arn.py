"""The many spellings of a function's name."""

from __future__ import annotations

import pytest

from lambent.core.arn import FunctionRef, RoleRef

HERE = {"account": "000000000000", "region": "us-east-1"}


@pytest.mark.parametrize(
    ("text", "account", "region", "name", "qualifier"),
    [
        ("f", "000000000000", "us-east-1", "f", None),
        ("f:PROD", "000000000000", "us-east-1", "f", "PROD"),
        ("f:7", "000000000000", "us-east-1", "f", "7"),
        ("f:$LATEST", "000000000000", "us-east-1", "f", "$LATEST"),
        ("function:f", "000000000000", "us-east-1", "f", None),
        ("111122223333:f", "111122223333", "us-east-1", "f", None),
        ("111122223333:function:f:live", "111122223333", "us-east-1", "f", "live"),
        ("arn:aws:lambda:eu-west-1:111122223333:function:f", "111122223333", "eu-west-1", "f", None),
        ("arn:aws:lambda:eu-west-1:111122223333:function:f:3", "111122223333", "eu-west-1", "f", "3"),
        ("arn:aws:lambda:us-east-1:000000000000:function", "000000000000", "us-east-1", "function", None),
    ],
)
def test_every_spelling_is_understood(text: str, account: str, region: str, name: str, qualifier: str | None) -> None:
    assert FunctionRef.parse(text, **HERE) == FunctionRef(account, region, name, qualifier)


@pytest.mark.parametrize("text", ["", "a b", "f:", "f:a:b:c", "arn:aws:s3:::bucket", "f/x", "f:$latest!", "ü"])
def test_what_is_no_spelling_is_none(text: str) -> None:
    assert FunctionRef.parse(text, **HERE) is None


def test_an_arn_is_printed_as_it_is_parsed() -> None:
    arn = "arn:aws:lambda:eu-west-1:111122223333:function:f:live"
    ref = FunctionRef.parse(arn, **HERE)
    assert ref is not None
    assert ref.arn == arn


def test_a_role_with_a_path_is_named_by_its_last_part() -> None:
    assert RoleRef.parse("arn:aws:iam::111122223333:role/service-role/r") == RoleRef("111122223333", "r")
    assert RoleRef.parse("arn:aws:iam::111122223333:user/r") is None
