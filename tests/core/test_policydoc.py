"""Policy documents: what IAM refuses, in its words and in its order, and whom a trust policy trusts."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.core.policydoc import (
    Asker,
    MalformedPolicy,
    Trust,
    parse_identity,
    parse_trust,
    trusts,
    trusts_service,
)

BUCKET = "arn:aws:s3:::example_bucket"
LEGACY = "The policy failed legacy parsing"
SYNTAX = "Syntax errors in policy."
VERSION = "Policy document must be version 2012-10-17 or greater."
PREFIX = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
IAM_PATH = (
    'IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, instance-profile/, '
    "mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/."
)


def document(*statements: Any, **top: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **top})


def identity(**changes: Any) -> str:
    """A good identity policy with some elements changed; those that are None are left out."""
    statement = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": BUCKET, **changes}
    return document({k: v for k, v in statement.items() if v is not None})


def trust(**changes: Any) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
        **changes,
    }
    return document({k: v for k, v in statement.items() if v is not None})


@pytest.mark.parametrize(
    "text",
    [
        identity(),
        identity(Resource=[BUCKET, "*"]),
        identity(Action="*"),
        identity(Action="iam: with blanks "),
        identity(Action="s3-s:ListBucket"),
        identity(Action=None, NotAction="s3:*", Resource=None, NotResource="*"),
        identity(Resource="arn:aws:iam:::user/example"),
        identity(Resource="arn:aws:iam::*:role/x"),
        identity(Resource="arn:aws:iam::*"),
        identity(Resource="arn:aws:s3:*"),
        identity(Resource="arn:aws-cn:s3:::b"),
        identity(Resource="arn:aws:fdsasf"),
        identity(Resource="arn:aws:s3:eu-west-1:000000000000:accesspoint/a"),
        identity(Resource="arn:aws:logs:*:*:log-group:/aws/lambda/*"),
        identity(Condition={}),
        identity(Condition={"DateGreaterThan": {}}),
        identity(Condition={"DateGreaterThan": {"a": []}}),
        identity(Condition={"no such operator": {}}),
        identity(Condition={"DateGreaterThan": {"a": "01T"}}),
        identity(Condition={"DateLessThan": {"a": "-292275054"}}),
        identity(Condition={"DateLessThanEquals": {"a": "2016-12-13t2:00:00.593194+23"}}),
        identity(Condition={"ForAnyValue:StringEqualsIfExists": {"a": "x"}}),
        identity(Condition={"Bool": {"aws:SecureTransport": True}}),
        identity(Sid="A1", Effect="Deny"),
        json.dumps({"Version": "2012-10-17", "Id": "x", "Statement": json.loads(identity())["Statement"][0]}),
    ],
)
def test_a_good_identity_policy_is_read(text: str) -> None:
    assert len(parse_identity(text).statements) == 1


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("This is not a json document", SYNTAX),
        ("null", SYNTAX),
        ("[" * 100_000, SYNTAX),
        (document(), SYNTAX),
        (document("afd"), SYNTAX),
        (identity(Extra="value"), SYNTAX),
        (document(json.loads(identity())["Statement"][0], Extra=1), SYNTAX),
        (document(json.loads(identity())["Statement"][0], Version="2013-10-17"), SYNTAX),
        (document(json.loads(identity())["Statement"][0], Id={}), SYNTAX),
        (identity(Effect="invalid"), SYNTAX),
        (identity(Effect=None), SYNTAX),
        (identity(Effect={}), SYNTAX),
        (identity(Resource={"a": BUCKET}), SYNTAX),
        (identity(Resource=["adfdf", {}]), SYNTAX),
        (identity(Action=[[]]), SYNTAX),
        (identity(Action={}), SYNTAX),
        (identity(NotAction="s3:x"), SYNTAX),
        (identity(NotResource=[]), SYNTAX),
        (identity(Condition=[]), SYNTAX),
        (identity(Condition={"a": "b"}), SYNTAX),
        (identity(Condition={"DateGreaterThan": []}), SYNTAX),
        (identity(Condition={"DateGreaterThan": {"a": {}}}), SYNTAX),
        (identity(Condition={"x": {"a": "1"}}), SYNTAX),
        (identity(Condition={"ForAnyValue::StringEquals": {"a": "x"}}), SYNTAX),
        (identity(Sid={}), SYNTAX),
        (document(json.loads(identity())["Statement"][0], Version="2008-10-17"), VERSION),
        (json.dumps({"Statement": json.loads(identity(Effect="denY"))["Statement"]}), VERSION),
        (identity(Effect="denY"), LEGACY),
        (identity(Condition={"DateGreaterThan": {"a": "sdfdsf"}}), LEGACY),
        (identity(Condition={"DateLessThanEquals": {"a": "234-13"}}), LEGACY),
        (identity(Condition={"DateLessThanEquals": {"a": "2016-12-13t2:00:00.593194+1"}}), LEGACY),
        (identity(Condition={"DateLessThan": {"a": "9223372036854775808"}}), LEGACY),
        (identity(Resource="arn:aws:s3::example_bucket"), LEGACY),
        (identity(Resource="arn:aws::::example_bucket"), LEGACY),
        (identity(Action=None, Resource="arn:aws:s3::example_bucket"), LEGACY),
        (identity(Resource=None, NotResource="arn:aws:s3::example_bucket"), LEGACY),
        (identity(Sid="not alphanumeric"), "Statement IDs (SID) must be alpha-numeric."),
        (
            document({"Sid": "x", "Effect": "Allow"}, {"Sid": "x", "Effect": "Allow"}),
            "Statement IDs (SID) in a single policy must be unique.",
        ),
        (identity(Principal="*"), "Policy document should not specify a principal."),
        (identity(Principal={"AWS": "*"}, Resource=None), "Policy document should not specify a principal."),
        (identity(Action=None), "Policy statement must contain actions."),
        (identity(Action=[]), "Policy statement must contain actions."),
        (identity(Action=None, Resource=None), "Policy statement must contain actions."),
        (identity(Resource="adf"), 'Resource adf must be in ARN format or "*".'),
        (identity(Resource=""), 'Resource  must be in ARN format or "*".'),
        (identity(Action="s:3:x", Resource="adf"), 'Resource adf must be in ARN format or "*".'),
        (identity(Resource="a:b"), 'Partition "b" is not valid for resource "arn:b:*:*:*:*".'),
        (identity(Resource="a:b:cad"), 'Partition "b" is not valid for resource "arn:b:cad:*:*:*".'),
        (identity(Resource="a:b:c:d:e:f:g"), 'Partition "b" is not valid for resource "arn:b:c:d:e:f:g".'),
        (identity(Resource="aws:s3:::x"), 'Partition "s3" is not valid for resource "arn:s3:::x:*".'),
        (identity(Resource="arn:aws"), "Resource vendor must be fully qualified and cannot contain regexes."),
        (identity(Resource="arn:aws:iam:::example"), IAM_PATH),
        (
            identity(Resource="arn:aws:iam:us-east-1::user/x"),
            "IAM resource arn:aws:iam:us-east-1::user/x cannot contain region information.",
        ),
        (
            identity(Resource="arn:aws:s3:us-east-1::b"),
            "Resource arn:aws:s3:us-east-1::b can not contain region information.",
        ),
        (identity(Action="invalid"), PREFIX),
        (identity(Action="invalid", Resource=None), PREFIX),
        (identity(Action=None, NotAction=""), PREFIX),
        (identity(Action="s3:List:Bucket"), "Actions/Condition can contain only one colon."),
        (identity(Action="a a:ListBucket"), "Vendor a a is not valid"),
        (identity(Resource=None), "Policy statement must contain resources."),
        (identity(Resource=[]), "Policy statement must contain resources."),
    ],
)
def test_a_bad_identity_policy_is_refused_in_these_words(text: str, fault: str) -> None:
    with pytest.raises(MalformedPolicy) as raised:
        parse_identity(text)
    assert str(raised.value).startswith(fault)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "This policy contains invalid Json"),
        ("7", "This policy contains invalid Json"),
        (document(Version="1999-01-01"), "The policy must contain a valid version string"),
        (document(), "Could not parse the policy: Statement is empty!"),
        ('{"Version":"2012-10-17"}', "Could not parse the policy: Statement is empty!"),
        (document("x"), "Syntax error in policy."),
        (json.dumps({"Statement": "x"}), "Syntax error in policy."),
        (trust(Extra=1), "Syntax error in policy."),
        (trust(Condition="x"), "Syntax error in policy."),
        (trust(Principal=["x"]), "Syntax error in policy."),
        (trust(Effect=None), "Missing required field Effect"),
        (trust(Effect="allow"), "Invalid effect: allow"),
        (trust(Principal=None), "Missing required field Principal"),
        (trust(Principal={}), "Missing required field Principal cannot be empty!"),
        (trust(Principal="*"), 'AssumeRolepolicy contained an invalid principal: "STAR":"*".'),
        (trust(Principal={"Service": "nobody"}), 'Invalid principal in policy: "SERVICE":"nobody"'),
        (trust(Principal={"AWS": "12345"}), 'Invalid principal in policy: "AWS":"12345"'),
        (trust(Principal={"AWS": "arn:aws:iam::1:root"}), 'Invalid principal in policy: "AWS":"arn:aws:iam::1:root"'),
        (trust(Principal={"Pope": "Urban"}), 'Invalid principal in policy: "POPE":"Urban"'),
        (trust(Principal=None, NotPrincipal={"AWS": "*"}), "Allow with NotPrincipal is not allowed."),
        (
            trust(Principal=None, NotPrincipal={"AWS": "*"}, Effect="Deny"),
            "AssumeRole policy must not contain NotPrincipal field.",
        ),
        (trust(Resource="*"), "Has prohibited field Resource"),
        (trust(NotResource="*"), "AssumeRole policy must not contain resources."),
        (trust(Action=None), "Missing required field Action"),
        (trust(Action=[]), "Missing required field Action"),
        (trust(Action="*"), "AssumeRole policy may only specify STS AssumeRole actions."),
        (trust(Action="lambda:InvokeFunction"), "AssumeRole policy may only specify STS AssumeRole actions."),
        (
            document(*(json.loads(trust(Sid="x"))["Statement"] * 2)),
            "The Statement Ids in the policy are not unique",
        ),
    ],
)
def test_a_bad_trust_policy_is_refused_in_these_words(text: str, fault: str) -> None:
    with pytest.raises(MalformedPolicy) as raised:
        parse_trust(text)
    assert str(raised.value) == fault


LAMBDA = Asker(service="lambda.amazonaws.com")
ADA = Asker(account="111111111111", arns=("arn:aws:iam::111111111111:user/ada",))
SESSION = Asker(
    account="222222222222",
    arns=("arn:aws:sts::222222222222:assumed-role/r/s", "arn:aws:iam::222222222222:role/path/r"),
)


@pytest.mark.parametrize(
    ("principal", "asker", "answer"),
    [
        ({"Service": "lambda.amazonaws.com"}, LAMBDA, Trust.NAMED),
        ({"Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"]}, LAMBDA, Trust.NAMED),
        ({"Service": "ec2.amazonaws.com"}, LAMBDA, Trust.REFUSED),
        ({"AWS": "*"}, LAMBDA, Trust.REFUSED),
        ({"Service": "lambda.amazonaws.com"}, ADA, Trust.REFUSED),
        ({"AWS": "*"}, ADA, Trust.NAMED),
        ({"AWS": "111111111111"}, ADA, Trust.DELEGATED),
        ({"AWS": "arn:aws:iam::111111111111:root"}, ADA, Trust.DELEGATED),
        ({"AWS": "arn:aws:iam::222222222222:root"}, ADA, Trust.REFUSED),
        ({"AWS": ["111111111111", "arn:aws:iam::111111111111:user/ada"]}, ADA, Trust.NAMED),
        ({"AWS": "arn:aws:iam::111111111111:user/eve"}, ADA, Trust.REFUSED),
        ({"AWS": "arn:aws:iam::222222222222:role/path/r"}, SESSION, Trust.NAMED),
        ({"AWS": "arn:aws:sts::222222222222:assumed-role/r/s"}, SESSION, Trust.NAMED),
        ({"AWS": "arn:aws:sts::222222222222:assumed-role/r/other"}, SESSION, Trust.REFUSED),
        ({"Federated": "accounts.google.com"}, ADA, Trust.REFUSED),
    ],
)
def test_a_trust_policy_trusts_whom_it_names(principal: Any, asker: Asker, answer: Trust) -> None:
    assert trusts(parse_trust(trust(Principal=principal)), asker) is answer


def test_a_statement_that_denies_beats_one_that_allows() -> None:
    allow = json.loads(trust(Principal={"AWS": "*"}))["Statement"]
    deny = json.loads(trust(Principal={"AWS": ADA.arns[0]}, Effect="Deny"))["Statement"]
    for order in (allow + deny, deny + allow):
        policy = parse_trust(document(*order))
        assert trusts(policy, ADA) is Trust.REFUSED
        assert trusts(policy, SESSION) is Trust.NAMED


@pytest.mark.parametrize(
    ("actions", "asked", "trusted"),
    [
        ("sts:AssumeRole", "sts:AssumeRole", True),
        ("STS:assumerole", "sts:AssumeRole", True),
        ("sts:*", "sts:AssumeRole", True),
        ("sts:TagSession", "sts:AssumeRole", False),
        (["sts:TagSession", "sts:AssumeRole"], "sts:TagSession", True),
    ],
)
def test_a_trust_policy_allows_the_actions_it_lists(actions: Any, asked: str, trusted: bool) -> None:
    policy = parse_trust(trust(Action=actions))
    assert (trusts(policy, LAMBDA, action=asked) is Trust.NAMED) is trusted


def test_a_trust_policy_with_an_external_id_wants_to_hear_it() -> None:
    policy = parse_trust(trust(Principal={"AWS": "*"}, Condition={"StringEquals": {"sts:ExternalId": "secret"}}))
    assert trusts(policy, ADA) is Trust.REFUSED
    assert trusts(policy, ADA, {"sts:externalid": ["wrong"]}) is Trust.REFUSED
    assert trusts(policy, ADA, {"sts:externalid": ["secret"]}) is Trust.NAMED


def test_a_service_is_trusted_by_a_document_that_was_read_already() -> None:
    document = json.loads(trust(Condition={"StringEquals": {"aws:SourceAccount": "000000000000"}}))
    assert trusts_service(document, "lambda.amazonaws.com", {"aws:sourceaccount": ["000000000000"]})
    assert not trusts_service(document, "lambda.amazonaws.com")
    assert not trusts_service(document, "ec2.amazonaws.com", {"aws:sourceaccount": ["000000000000"]})
    assert not trusts_service({}, "lambda.amazonaws.com")


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["*", "Allow", "arn:aws:s3:::b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "Version",
                    "Statement",
                    "Effect",
                    "Action",
                    "NotAction",
                    "Resource",
                    "Principal",
                    "Condition",
                    "Sid",
                    "Bool",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@given(json_values, st.sampled_from([parse_identity, parse_trust]))
def test_any_json_is_read_or_refused_as_malformed(value: Any, parse: Any) -> None:
    for text in (json.dumps(value), json.dumps({"Version": "2012-10-17", "Statement": value})):
        with contextlib.suppress(MalformedPolicy):
            parse(text)
