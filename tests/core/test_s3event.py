"""What happens to objects of S3, who is told of it, and in which words."""

from __future__ import annotations

import pytest

from lambent.core.s3event import (
    EVENTS,
    Deed,
    Happened,
    Request,
    Rule,
    Unacceptable,
    check,
    deed,
    document,
    owner,
    trial,
)

REQUEST = Request(
    account="123456789012",
    region="eu-west-1",
    user="AIDAME",
    address="127.0.0.1",
    request_id="request",
    host_id="host",
    now=1_700_000_000.25,
    number=1_700_000_000_250_000_000,
)


def rule(*events: str, prefix: str | None = None, suffix: str | None = None, name: str = "r") -> Rule:
    return Rule(name, "CloudFunction", "arn:aws:lambda:r:1:function:f", events, prefix, suffix)


@pytest.mark.parametrize(
    ("method", "key", "query", "headers", "event"),
    [
        ("PUT", "k", {}, {}, "ObjectCreated:Put"),
        ("PUT", "k", {"x-id": "PutObject"}, {}, "ObjectCreated:Put"),
        ("PUT", "k", {}, {b"x-amz-copy-source": b"/b/k"}, "ObjectCreated:Copy"),
        ("PUT", "k", {"partNumber": "1", "uploadId": "u"}, {}, None),
        ("PUT", "k", {"tagging": ""}, {}, "ObjectTagging:Put"),
        ("PUT", "k", {"acl": ""}, {}, "ObjectAcl:Put"),
        ("PUT", "k", {"legal-hold": ""}, {}, None),
        ("PUT", "", {}, {}, None),
        ("POST", "k", {"uploads": ""}, {}, None),
        ("POST", "k", {"uploadId": "u"}, {}, "ObjectCreated:CompleteMultipartUpload"),
        ("POST", "k", {"restore": ""}, {}, "ObjectRestore:Post"),
        ("POST", "", {"delete": ""}, {}, "ObjectRemoved:Delete"),
        ("POST", "", {}, {}, None),
        ("DELETE", "k", {}, {}, "ObjectRemoved:Delete"),
        ("DELETE", "k", {"versionId": "v"}, {}, "ObjectRemoved:Delete"),
        ("DELETE", "k", {"uploadId": "u"}, {}, None),
        ("DELETE", "k", {"tagging": ""}, {}, "ObjectTagging:Delete"),
        ("DELETE", "", {}, {}, None),
        ("GET", "k", {}, {}, None),
        ("HEAD", "k", {}, {}, None),
    ],
)
def test_a_request_is_known_by_what_it_does(
    method: str, key: str, query: dict[str, str], headers: dict[bytes, bytes], event: str | None
) -> None:
    assert deed(method, key, query, headers) == (None if event is None else Deed(event, key))


@pytest.mark.parametrize(
    ("events", "prefix", "suffix", "happened", "key", "wanted"),
    [
        (("s3:ObjectCreated:*",), None, None, "ObjectCreated:Put", "k", True),
        (("s3:ObjectCreated:Put",), None, None, "ObjectCreated:Put", "k", True),
        (("s3:ObjectCreated:Put",), None, None, "ObjectCreated:Copy", "k", False),
        (("s3:ObjectRemoved:*",), None, None, "ObjectCreated:Put", "k", False),
        (("s3:ObjectCreated:*",), "in/", ".jpg", "ObjectCreated:Put", "in/a.jpg", True),
        (("s3:ObjectCreated:*",), "in/", ".jpg", "ObjectCreated:Put", "out/a.jpg", False),
        (("s3:ObjectCreated:*",), "in/", ".jpg", "ObjectCreated:Put", "in/a.png", False),
    ],
)
def test_a_rule_wants_its_events_of_its_keys(
    events: tuple[str, ...], prefix: str | None, suffix: str | None, happened: str, key: str, wanted: bool
) -> None:
    assert rule(*events, prefix=prefix, suffix=suffix).wants(happened, key) is wanted


ALL = "s3:ObjectCreated:*"


@pytest.mark.parametrize(
    ("one", "other", "refused"),
    [
        (rule(ALL), rule(ALL, name="s"), "Configurations overlap"),
        (rule(ALL), rule("s3:ObjectCreated:Put", name="s"), "Configurations overlap"),
        (rule(ALL), rule("s3:ObjectRemoved:*", name="s"), None),
        (rule("s3:ObjectCreated:Copy"), rule("s3:ObjectCreated:Put", name="s"), None),
        (rule(ALL, prefix="a"), rule(ALL, prefix="b", name="s"), None),
        (rule(ALL, prefix="a"), rule(ALL, prefix="ab", name="s"), "ambiguously defined"),
        (rule(ALL, suffix=".jpg"), rule(ALL, suffix=".png", name="s"), None),
        (rule(ALL, prefix="a", suffix="b"), rule(ALL, prefix="a", suffix="c", name="s"), None),
        (rule(ALL, suffix="b"), rule(ALL, prefix="a", name="s"), "ambiguously defined"),
        (rule("s3:ObjectCreated:Forge"), rule(ALL, name="s"), "is not supported for notifications"),
        (rule(ALL), rule("s3:ObjectRemoved:*"), "Same ID"),
    ],
)
def test_rules_must_not_share_an_event_of_a_key(one: Rule, other: Rule, refused: str | None) -> None:
    for rules in ((one, other), (other, one)):
        if refused is None:
            check(rules)
        else:
            with pytest.raises(Unacceptable, match=refused):
                check(rules)


def test_an_event_is_written_as_s3_writes_it() -> None:
    happened = Happened("ObjectCreated:Put", "a b/ü+.txt", 1024, "d41d", "v1")
    assert document(happened, "my rule", "photos", REQUEST) == {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-west-1",
        "eventTime": "2023-11-14T22:13:20.250Z",
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:AIDAME"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": "request", "x-amz-id-2": "host"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "my rule",
            "bucket": {
                "name": "photos",
                "ownerIdentity": {"principalId": owner("123456789012")},
                "arn": "arn:aws:s3:::photos",
            },
            "object": {
                "key": "a+b/%C3%BC%2B.txt",
                "size": 1024,
                "eTag": "d41d",
                "versionId": "v1",
                "sequencer": "0017979CFE4510B280",
            },
        },
    }


def test_what_is_removed_has_neither_size_nor_etag() -> None:
    thing = document(Happened("ObjectRemoved:Delete", "k"), "r", "b", REQUEST)["s3"]["object"]
    assert thing.keys() == {"key", "sequencer"}
    tagged = document(Happened("ObjectTagging:Put", "k", etag="d41d"), "r", "b", REQUEST)
    assert (tagged["eventVersion"], tagged["s3"]["object"]) == ("2.3", {"key": "k", "eTag": "d41d"})


def test_a_test_event_names_the_bucket() -> None:
    told = trial("photos", REQUEST)
    assert (told["Event"], told["Bucket"], told["Service"]) == ("s3:TestEvent", "photos", "Amazon S3")


def test_every_event_that_is_made_here_may_be_asked_for() -> None:
    assert {"s3:ObjectCreated:Put", "s3:ObjectTagging:Delete", "s3:ObjectRemoved:DeleteMarkerCreated"} <= EVENTS
