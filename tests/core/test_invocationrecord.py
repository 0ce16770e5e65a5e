"""The invocation record and the dead letter, as AWS was recorded to write them."""

from __future__ import annotations

import json

import pytest

from lambent.core.invocationrecord import Answer, Ended, dead_letter_attributes, object_key, record
from lambent.core.retry import Condition

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST"
ID = "11111111-2222-4333-8444-555555555555"
NOW = 1_735_689_600.5
FAILED = Answer(200, b'{"errorMessage": "no", "errorType": "E"}', version="$LATEST", has_failed=True)


def ended(
    condition: Condition = Condition.RETRIES_EXHAUSTED,
    runs: int = 3,
    answer: Answer | None = FAILED,
    payload: bytes = b'{"a": 1}',
) -> Ended:
    return Ended(ID, ARN, condition, runs, payload, answer)


def context(condition: str, runs: int) -> dict[str, object]:
    return {"requestId": ID, "functionArn": ARN, "condition": condition, "approximateInvokeCount": runs}


def test_the_record_of_a_failure() -> None:
    assert record(ended(), now=NOW) == (
        b'{"version":"1.0","timestamp":"2025-01-01T00:00:00.500Z",'
        b'"requestContext":{"requestId":"11111111-2222-4333-8444-555555555555",'
        b'"functionArn":"arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",'
        b'"condition":"RetriesExhausted","approximateInvokeCount":3},"requestPayload":{"a": 1},'
        b'"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},'
        b'"responsePayload":{"errorMessage": "no", "errorType": "E"}}'
    )


def test_the_record_of_a_success_names_no_error() -> None:
    told = json.loads(record(ended(Condition.SUCCESS, 1, Answer(200, b'"ok"', version="7")), now=NOW))
    assert told["requestContext"] == context("Success", 1)
    assert told["responseContext"] == {"statusCode": 200, "executedVersion": "7"}
    assert told["responsePayload"] == "ok"


@pytest.mark.parametrize("condition", [Condition.EVENT_AGE_EXCEEDED, Condition.ZERO_RESERVED_CONCURRENCY])
def test_what_never_ran_has_no_response(condition: Condition) -> None:
    told = json.loads(record(ended(condition, 0, Answer(429, b"{}")), now=NOW))
    assert told["requestContext"] == context(condition, 0)
    assert told.keys() == {"version", "timestamp", "requestContext", "requestPayload"}


def test_payloads_are_left_out_where_the_target_takes_less() -> None:
    whole = record(ended(), now=NOW)
    assert record(ended(), now=NOW, at_most=len(whole)) == whole
    told = json.loads(record(ended(), now=NOW, at_most=len(whole) - 1))
    assert told["requestContext"] == context("RetriesExhausted", 3)
    assert told.keys() == {"version", "timestamp", "requestContext", "responseContext"}


@pytest.mark.parametrize(
    ("payload", "value"),
    [(b"", None), (b"plain", "plain"), (b"\xff", "\ufffd"), (b'"\xff"', '"\ufffd"'), (b"[1,", "[1,"), (b" 1 ", 1)],
)
def test_an_answer_that_is_no_json_is_told_as_a_string(payload: bytes, value: object) -> None:
    told = json.loads(record(ended(answer=Answer(200, payload)), now=NOW))
    assert told["responsePayload"] == value


def test_the_attributes_of_a_dead_letter() -> None:
    assert dead_letter_attributes(ended()) == {
        "RequestID": {"DataType": "String", "StringValue": ID},
        "ErrorCode": {"DataType": "Number", "StringValue": "200"},
        "ErrorMessage": {"DataType": "String", "StringValue": "no"},
    }


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (json.dumps({"errorMessage": "é" * 1000}).encode(), "é" * 512),
        (json.dumps({"errorMessage": "x" + "é" * 1000}).encode(), "x" + "é" * 511),
        (b"no json", "no json"),
        (b'{"errorMessage": 5}', '{"errorMessage": 5}'),
        (b'{"errorMessage": ""}', None),
        (b"", None),
    ],
)
def test_the_error_message_is_cut_to_a_kilobyte_and_never_empty(payload: bytes, message: str | None) -> None:
    attributes = dead_letter_attributes(ended(answer=Answer(200, payload)))
    assert attributes.get("ErrorMessage", {}).get("StringValue") == message


def test_what_never_ran_has_the_status_of_its_refusal() -> None:
    refused = Answer(429, b'{"errorMessage":"Rate Exceeded."}')
    attributes = dead_letter_attributes(ended(Condition.ZERO_RESERVED_CONCURRENCY, 0, refused))
    assert attributes["ErrorCode"]["StringValue"] == "429"
    assert attributes["ErrorMessage"]["StringValue"] == "Rate Exceeded."
    assert dead_letter_attributes(ended(runs=0, answer=None)).keys() == {"RequestID"}


def test_the_key_of_a_record_in_a_bucket() -> None:
    assert object_key(ended(), "f", now=NOW, unique="u") == "aws/lambda/async/f/2025/01/01/2025-01-01T00.00.00-u"
