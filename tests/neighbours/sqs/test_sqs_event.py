"""Messages as a function's event, filters on them, and what a function's answer says of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.core.eventsource import Queue
from lambent.neighbours.sqs import event

QUEUE = Queue.parse("arn:aws:sqs:us-east-1:000000000000:orders")
assert QUEUE is not None

MESSAGE: dict[str, Any] = {
    "MessageId": "2e1424d4-f796-459a-8184-9c92662be6da",
    "ReceiptHandle": "AQEB",
    "Body": "Hello",
    "MD5OfBody": "8b1a9953c4611296a827abf8c47804d7",
    "Attributes": {
        "SenderId": "AIDA",
        "ApproximateReceiveCount": "1",
        "ApproximateFirstReceiveTimestamp": "1545082649185",
        "SentTimestamp": "1545082649183",
    },
}


def item(**members: Any) -> event.Item:
    assert QUEUE is not None
    return event.item({**MESSAGE, **members}, QUEUE)


def test_a_message_is_written_as_aws_writes_it() -> None:
    assert json.loads(event.payload([item()])) == {
        "Records": [
            {
                "messageId": "2e1424d4-f796-459a-8184-9c92662be6da",
                "receiptHandle": "AQEB",
                "body": "Hello",
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1545082649183",
                    "SenderId": "AIDA",
                    "ApproximateFirstReceiveTimestamp": "1545082649185",
                },
                "messageAttributes": {},
                "md5OfBody": "8b1a9953c4611296a827abf8c47804d7",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:orders",
                "awsRegion": "us-east-1",
            }
        ]
    }


def test_attributes_are_written_with_their_types_and_digest() -> None:
    record = item(
        MessageAttributes={
            "Author": {"StringValue": "X", "DataType": "String"},
            "Size": {"StringValue": "5", "DataType": "Number.int"},
            "Mark": {"BinaryValue": b"\x00\xff", "DataType": "Binary"},
        },
        MD5OfMessageAttributes="d1",
    ).record
    assert record["messageAttributes"] == {
        "Author": {"stringValue": "X", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
        "Size": {"stringValue": "5", "stringListValues": [], "binaryListValues": [], "dataType": "Number.int"},
        "Mark": {"binaryValue": "AP8=", "stringListValues": [], "binaryListValues": [], "dataType": "Binary"},
    }
    assert record["md5OfMessageAttributes"] == "d1"


def test_a_mapping_with_a_window_tells_that_there_is_no_digest_of_attributes() -> None:
    assert QUEUE is not None
    assert "md5OfMessageAttributes" not in item().record
    assert event.item(MESSAGE, QUEUE, window_s=1).record["md5OfMessageAttributes"] is None


def test_attributes_of_order_trace_and_origin_are_kept() -> None:
    more = {
        "SequenceNumber": "18849496460467696128",
        "MessageGroupId": "g",
        "MessageDeduplicationId": "d",
        "AWSTraceHeader": "Root=1-5e3d83c1-e6a0db584850d61342823d4c",
        "DeadLetterQueueSourceArn": "arn:aws:sqs:us-east-1:000000000000:first",
    }
    attributes = {**MESSAGE["Attributes"], **more}
    assert item(Attributes=attributes).record["attributes"] == attributes


@given(st.lists(st.text(max_size=40), max_size=20), st.integers(1, 10), st.integers(1200, 4000))
def test_events_are_cut_to_size_and_lose_nothing(bodies: list[str], most_items: int, most_bytes: int) -> None:
    items = [item(Body=body, MessageId=str(number)) for number, body in enumerate(bodies)]
    parts = list(event.cut(items, most_items=most_items, most_bytes=most_bytes))
    assert [each for part in parts for each in part] == items
    for part in parts:
        assert 0 < len(part) <= most_items
        assert len(event.payload(part)) <= event.size(part) <= most_bytes


def test_a_message_that_is_too_large_by_itself_is_given_alone() -> None:
    items = [item(Body="x" * size) for size in (10, 5000, 10)]
    assert [len(part) for part in event.cut(items, most_items=10, most_bytes=4000)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("patterns", "body", "is_taken"),
    [
        ([], "anything", True),
        (['{"body": {"a": [1]}}'], '{"a": 1}', True),
        (['{"body": {"a": [1]}}'], ' {"a": 1}', True),
        (['{"body": {"a": [1]}}'], '{"a": 2}', False),
        (['{"body": {"a": [1]}}'], "plain", False),
        (['{"body": {"a": [{"exists": false}]}}'], "plain", False),
        (['{"body": {"a": [{"exists": false}]}}'], "{}", True),
        (['{"body": {"a": [{"exists": false}]}}'], "5", False),
        (['{"body": ["plain"]}'], "plain", True),
        (['{"body": [{"prefix": "pl"}]}'], "plain", True),
        (['{"body": ["5"]}'], "5", True),
        (['{"body": ["plain"]}'], '{"plain": 1}', False),
        (['{"body": [{"anything-but": "x"}]}'], '{"a": 1}', False),
        (['{"body": [{"prefix": "{"}]}'], "{no json", True),
        (['{"body": {"a": [1]}}'], '[{"a": 2}, {"a": 1}]', True),
        (['{"attributes": {"SenderId": ["AIDA"]}}'], "plain", True),
        (['{"attributes": {"SenderId": ["AIDA"]}}'], '{"a": 1}', True),
        (['{"attributes": {"SenderId": ["AROA"]}}'], "plain", False),
        (['{"body": {"a": [1]}}', '{"body": {"b": [2]}}'], '{"b": 2}', True),
        (['{"body": {"a": [1]}, "awsRegion": ["eu-west-1"]}'], '{"a": 1}', False),
        (['{"$or": [{"body": {"a": [1]}}, {"messageAttributes": {"x": {"stringValue": ["y"]}}}]}'], '{"a": 1}', True),
    ],
)
def test_filters_choose_by_body_and_metadata(patterns: list[str], body: str, is_taken: bool) -> None:
    filters = event.Filters({"Filters": [{"Pattern": pattern} for pattern in patterns]})
    assert filters.take(item(Body=body).record) == is_taken


def test_without_criteria_everything_is_taken() -> None:
    assert event.Filters(None).take(item().record)


IDS = ("a", "b", "c")


@pytest.mark.parametrize(
    "answer", ["", "null", "{}", '""', "[]", '{"batchItemFailures": []}', '{"batchItemFailures": null}']
)
def test_an_answer_without_failures_is_success(answer: str) -> None:
    assert event.failed_ids(answer.encode(), IDS) == set()


@pytest.mark.parametrize(
    "answer",
    [
        "no json",
        "5",
        '"a"',
        '["a"]',
        '{"batchItemFailures": "a"}',
        '{"batchItemFailures": {}}',
        '{"batchItemFailures": ["a"]}',
        '{"batchItemFailures": [{"foo": "a"}]}',
        '{"batchItemFailures": [{"itemIdentifier": ""}]}',
        '{"batchItemFailures": [{"itemIdentifier": null}]}',
        '{"batchItemFailures": [{"itemIdentifier": 5}]}',
        '{"batchItemFailures": [{"itemIdentifier": ["a"]}]}',
        '{"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "elsewhere"}]}',
    ],
)
def test_an_answer_of_another_form_fails_the_whole_batch(answer: str) -> None:
    assert event.failed_ids(answer.encode(), IDS) is None


def test_the_messages_that_are_named_have_failed() -> None:
    answer = b'{"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "c"}, {"itemIdentifier": "a"}]}'
    assert event.failed_ids(answer, IDS) == {"a", "c"}
    assert event.failed_ids(b'{"statusCode": 200}', IDS) == set()
