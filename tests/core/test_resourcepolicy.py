"""Statements of resource policies as AddPermission makes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.core.resourcepolicy import document, principal, statement

ARN = "arn:aws:lambda:us-east-1:000000000000:function:thumbs:Prod"
ASKED = {"StatementId": "s", "Action": "lambda:InvokeFunction"}


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("*", "*"),
        ("111122223333", {"AWS": "arn:aws:iam::111122223333:root"}),
        ("arn:aws:iam::111122223333:root", {"AWS": "arn:aws:iam::111122223333:root"}),
        ("arn:aws:iam::111122223333:role/a/b", {"AWS": "arn:aws:iam::111122223333:role/a/b"}),
        ("arn:aws:sts::111122223333:assumed-role/r/s", {"AWS": "arn:aws:sts::111122223333:assumed-role/r/s"}),
        ("s3.amazonaws.com", {"Service": "s3.amazonaws.com"}),
        ("alexa-appkit.amazon.com", {"Service": "alexa-appkit.amazon.com"}),
        ("11112222333", None),
        ("arn:aws:s3:::bucket", None),
        ("somebody", None),
        ("s3.amazonaws.org", None),
    ],
)
def test_a_principal_is_an_account_an_identity_a_service_or_everybody(text: str, means: Any) -> None:
    assert principal(text) == means


def test_all_equal_strings_are_one_condition() -> None:
    asked = {
        **ASKED,
        "SourceArn": "arn:aws:s3:::b",
        "SourceAccount": "111122223333",
        "EventSourceToken": "t",
        "PrincipalOrgID": "o-1234567890",
        "InvokedViaFunctionUrl": True,
    }
    assert statement(asked, ARN, "*")["Condition"] == {
        "StringEquals": {
            "aws:PrincipalOrgID": "o-1234567890",
            "AWS:SourceAccount": "111122223333",
            "lambda:EventSourceToken": "t",
        },
        "Bool": {"lambda:InvokedViaFunctionUrl": "true"},
        "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"},
    }


def test_without_conditions_there_is_no_such_member() -> None:
    made = statement(ASKED, ARN, {"Service": "s3.amazonaws.com"})
    assert list(made) == ["Sid", "Effect", "Principal", "Action", "Resource"]
    assert json.loads(document([made])) == {"Version": "2012-10-17", "Id": "default", "Statement": [made]}
