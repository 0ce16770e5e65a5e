"""What comes back from a service that is not ours."""

from __future__ import annotations

import pytest

from lambent.wire.client import NoAnswer, load_remote
from lambent.wire.errors import ApiError


@pytest.mark.parametrize(
    ("service", "operation", "body", "members"),
    [
        ("sqs", "GetQueueUrl", b'{"QueueUrl": "http://q"}', {"QueueUrl": "http://q"}),
        ("sqs", "DeleteMessage", b"", {}),
        ("sns", "Publish", b"<R><PublishResult><MessageId>m</MessageId></PublishResult></R>", {"MessageId": "m"}),
        ("s3", "GetObject", b"no JSON", {"Body": b"no JSON", "Metadata": {}}),
    ],
)
def test_an_answer_is_read_by_its_model(service: str, operation: str, body: bytes, members: dict[str, object]) -> None:
    assert load_remote(service).answer(operation, 200, {}, body) == members


@pytest.mark.parametrize(
    ("service", "operation", "body"),
    [
        ("sqs", "GetQueueUrl", b"<html>welcome</html>"),
        ("sqs", "GetQueueUrl", b'"text"'),
        ("sqs", "GetQueueUrl", b"\xff\x00"),
        ("sns", "Publish", b"<html>welcome"),
        ("s3", "ListObjectsV2", b'{"a": 1}'),
    ],
)
def test_what_is_no_answer_is_not_taken_for_one(service: str, operation: str, body: bytes) -> None:
    with pytest.raises(NoAnswer):
        load_remote(service).answer(operation, 200, {}, body)


def test_an_error_is_its_code_whatever_its_body_is() -> None:
    for body in (b'{"__type": "ns#QueueDoesNotExist", "message": "none"}', b"<html>no</html>"):
        with pytest.raises(ApiError) as caught:
            load_remote("sqs").answer("GetQueueUrl", 400, {}, body)
        assert caught.value.code == ("QueueDoesNotExist" if body[:1] == b"{" else "400")
