"""Statements of resource policies as AddPermission makes them."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.core.policydoc import MalformedPolicy, parse_resource
from lambent.core.resourcepolicy import principal, statement, text, with_statements

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
    assert with_statements(None, [made]) == {"Version": "2012-10-17", "Id": "default", "Statement": [made]}


def test_another_document_keeps_its_version_and_id() -> None:
    policy = {"Version": "2008-10-17", "Id": "mine", "Statement": [{"Sid": "a"}]}
    assert with_statements(policy, []) == {"Version": "2008-10-17", "Id": "mine", "Statement": []}


GOOD = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "lambda:*", "Resource": ARN}


def test_a_whole_policy_is_read_with_its_statements_as_a_list() -> None:
    deny = {
        **GOOD,
        "Sid": "no",
        "Effect": "Deny",
        "Principal": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    for given, found in ((GOOD, [GOOD]), ([GOOD, deny], [GOOD, deny])):
        policy = {"Version": "2012-10-17", "Statement": given}
        assert parse_resource(text(policy), ARN) == {**policy, "Statement": found}


@pytest.mark.parametrize(
    ("statements", "fault"),
    [
        ("none", "Syntax errors"),
        ([], "Syntax errors"),
        ([{**GOOD, "Effect": "Maybe"}], "Syntax errors"),
        ([{**GOOD, "Else": 1}], "Syntax errors"),
        ([{**GOOD, "Sid": "a"}, {**GOOD, "Sid": "a"}], "must be unique"),
        ([{**GOOD, "Principal": {"AWS": "nobody"}}], "Invalid principal"),
        ([{**GOOD, "Principal": {"AWS": []}}], "Invalid principal"),
        ([{k: v for k, v in GOOD.items() if k != "Principal"}], "must contain a principal"),
        ([{k: v for k, v in GOOD.items() if k != "Action"}], "must contain actions"),
        ([{k: v for k, v in GOOD.items() if k != "Resource"}], f"must be {ARN}"),
        ([{**GOOD, "Action": "s3:GetObject"}], "another service: s3:GetObject"),
        ([{**GOOD, "Resource": f"{ARN}2"}], f"must be {ARN}"),
        ([{**GOOD, "Resource": "*"}], f"must be {ARN}"),
    ],
)
def test_a_faulty_policy_is_refused_with_its_fault(statements: Any, fault: str) -> None:
    with pytest.raises(MalformedPolicy, match=fault.replace("$", ".")):
        parse_resource(text({"Version": "2012-10-17", "Statement": statements}), ARN)


@pytest.mark.parametrize("given", ["", "[]", "{", "null", "[" * 100_000])
def test_what_is_no_policy_is_refused(given: str) -> None:
    with pytest.raises(MalformedPolicy):
        parse_resource(given, ARN)
