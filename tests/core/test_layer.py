"""How layers are named, what they fit, and who may use them."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.core.function import Code
from lambent.core.layer import LayerRef, LayerVersion, statement

OWN, OTHER = "000000000000", "111111111111"
HERE = "us-east-1"


def version(**members: Any) -> LayerVersion:
    return LayerVersion(OWN, HERE, "l", 1, Code("d", "s", 1), 1, "2026-01-01", **members)


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("tools", LayerRef(OWN, HERE, "tools")),
        (f"arn:aws:lambda:eu-west-1:{OTHER}:layer:tools", LayerRef(OTHER, "eu-west-1", "tools")),
        (f"arn:aws:lambda:{HERE}:{OTHER}:layer:tools:12", LayerRef(OTHER, HERE, "tools", 12)),
        (f"arn:aws:lambda:{HERE}:{OTHER}:function:tools", None),
        ("arn:aws:lambda:::awslayer:AmazonLinux1803", None),
        ("to/ols", None),
        ("", None),
    ],
)
def test_a_layer_is_named_by_its_name_or_an_arn(text: str, ref: LayerRef | None) -> None:
    assert LayerRef.parse(text, account=OWN, region=HERE) == ref


def test_a_layers_arn_ends_with_its_version_if_it_has_one() -> None:
    assert LayerRef(OWN, HERE, "l").arn == f"arn:aws:lambda:{HERE}:{OWN}:layer:l"
    assert version().ref.arn == f"arn:aws:lambda:{HERE}:{OWN}:layer:l:1"


@pytest.mark.parametrize(
    ("runtime", "architecture", "fits"),
    [
        (None, None, True),
        ("python3.11", None, True),
        ("python3.12", None, False),
        ("python3.11", "arm64", True),
        ("python3.11", "x86_64", False),
        (None, "x86_64", False),
    ],
)
def test_a_version_fits_what_it_was_published_for(runtime: str | None, architecture: str | None, fits: bool) -> None:
    assert version(runtimes=("python3.11",), architectures=("arm64",)).fits(runtime, architecture) is fits
    assert version().fits(runtime, architecture) is (runtime is None and architecture is None)


@pytest.mark.parametrize(
    ("principal", "organization", "allowed"),
    [
        ("*", None, True),
        (OTHER, None, True),
        (f"arn:aws:iam::{OTHER}:root", None, True),
        ("222222222222", None, False),
        ("*", "o-0123456789", False),
    ],
)
def test_another_account_needs_a_statement_that_names_it(
    principal: str, organization: str | None, allowed: bool
) -> None:
    granted = statement(version().ref, sid="s", principal=principal, organization=organization)
    assert version(statements=(granted,)).may_be_used_by(OTHER) is allowed
    assert version().may_be_used_by(OTHER) is False
    assert version().may_be_used_by(OWN)


def test_a_statement_says_what_aws_says() -> None:
    arn = version().ref.arn
    everybody = statement(version().ref, sid="s", principal="*", organization="o-0123456789")
    assert everybody == {
        "Sid": "s",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "lambda:GetLayerVersion",
        "Resource": arn,
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-0123456789"}},
    }
    one = statement(version().ref, sid="s", principal=OTHER, organization=None)
    assert one["Principal"] == {"AWS": f"arn:aws:iam::{OTHER}:root"}
    assert "Condition" not in one
