"""What `--neighbour NAME=URL` and the variables about a name may say."""

from __future__ import annotations

import pytest

from lambent.foreign.targets import BadNeighbour, neighbour, neighbours
from lambent.kit.http_client import Origin
from lambent.wire.signing import Credentials


def test_a_neighbour_has_a_name_and_an_address() -> None:
    found = neighbour("s3=https://objects.example:9000/base/", {})
    assert (found.name, found.origin, found.path) == ("s3", Origin("objects.example", 9000, True), b"/base")
    assert (found.keys, found.profile, found.region) == (None, None, None)


def test_variables_say_whose_keys_it_is_asked_with() -> None:
    environ = {
        "LAMBENT_NEIGHBOUR_API_ECR_ACCESS_KEY_ID": "AKIA",
        "LAMBENT_NEIGHBOUR_API_ECR_SECRET_ACCESS_KEY": "secret",
        "LAMBENT_NEIGHBOUR_API_ECR_REGION": "eu-west-1",
        "LAMBENT_NEIGHBOUR_S3_PROFILE": "work",
        "AWS_ACCESS_KEY_ID": "not for this",
    }
    found = neighbour("api.ecr=http://127.0.0.1:1", environ)
    assert (found.keys, found.region, found.profile) == (Credentials("AKIA", "secret"), "eu-west-1", None)
    assert neighbour("s3=http://127.0.0.1:1", environ).profile == "work"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("s3", "is not NAME=URL"),
        ("=http://a", "is not NAME=URL"),
        ("S3=http://a", "is not NAME=URL"),
        ("s3=a:9000", "must begin with http"),
        ("s3=http://", "names no host"),
        ("s3=http://a:port", "address of s3"),
        ("s3=http://me:secret@a", "may have a host, a port and a path"),
        ("s3=http://a?b", "may have a host, a port and a path"),
        ("stepfunctions=http://a", "signatures call stepfunctions states: write states=http://a"),
        ("lambda=http://a", "Lambent's own"),
        ("iam=http://a", "Lambent's own"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(BadNeighbour, match=reason):
        neighbour(text, {})


def test_half_a_key_is_refused() -> None:
    with pytest.raises(BadNeighbour, match="belong together"):
        neighbour("s3=http://a", {"LAMBENT_NEIGHBOUR_S3_ACCESS_KEY_ID": "AKIA"})


def test_a_name_is_given_once() -> None:
    with pytest.raises(BadNeighbour, match="twice"):
        neighbours(("s3=http://a", "sqs=http://b", "s3=http://c"), {})
