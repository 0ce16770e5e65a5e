"""What an event source mapping may be told, and where results may go."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.core.destination import Destination, can_take
from lambent.core.eventsource import Queue, kind_of, refusal

SQS = "arn:aws:sqs:us-east-1:000000000000:q"
POLLERS = "ProvisionedPollerConfig"


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"BatchSize": 10},
        {"BatchSize": 10_000, "MaximumBatchingWindowInSeconds": 1},
        {"FilterCriteria": {"Filters": [{"Pattern": '{"body": ["x"]}'}] * 5}},
        {"FilterCriteria": {}},
        {"ScalingConfig": {"MaximumConcurrency": 2}},
        {POLLERS: {"MinimumPollers": 2, "MaximumPollers": 2}},
        {POLLERS: {}},
        {"MetricsConfig": {"Metrics": ["EventCount"]}},
        {"EventSourceArn": f"{SQS}.fifo", "BatchSize": 10},
    ],
)
def test_a_queue_may_be_read_so(members: dict[str, Any]) -> None:
    request = {"EventSourceArn": SQS, **members}
    assert refusal(kind_of(request), request) is None


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"EventSourceArn": "arn:aws:sqs:us-east-1::q"}, "Unrecognized event source."),
        ({"EventSourceArn": f"{SQS}/x"}, "Unrecognized event source."),
        ({"StartingPosition": "LATEST"}, "StartingPosition is not valid for SQS event sources."),
        ({"StartingPositionTimestamp": 1.0}, "Unsupported StartingPositionTimestamp parameter"),
        ({"Topics": ["t"]}, "Unsupported Topics parameter"),
        ({"BisectBatchOnFunctionError": False}, "Unsupported BisectBatchOnFunctionError parameter"),
        ({"LoggingConfig": {"SystemLogLevel": "INFO"}}, "Unsupported LoggingConfig parameter"),
        ({"MetricsConfig": {"Metrics": ["KafkaMetrics"]}}, "Unsupported metric KafkaMetrics"),
        ({POLLERS: {"MinimumPollers": 201}}, "MinimumPollers must be between 2 and 200."),
        ({POLLERS: {"MinimumPollers": 5, "MaximumPollers": 4}}, "MaximumPollers must not be less than MinimumPollers."),
        ({POLLERS: {"MaximumPollers": 4, "PollerGroupName": "g"}}, "Unsupported PollerGroupName parameter"),
        ({POLLERS: {"MaximumPollers": 4}, "ScalingConfig": {"MaximumConcurrency": 2}}, "cannot be used together"),
        ({"EventSourceArn": "arn:aws:rds:us-east-1:000000000000:cluster:c"}, "DocumentDB"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused_by_name(members: dict[str, Any], text: str) -> None:
    request = {"EventSourceArn": SQS, **members}
    assert text in (refusal(kind_of(request), request) or "")


def test_a_queue_is_known_by_its_arn() -> None:
    assert Queue.parse(f"{SQS}.fifo") == Queue(f"{SQS}.fifo", "us-east-1", "000000000000", "q.fifo")
    assert Queue.parse("arn:aws:sns:us-east-1:000000000000:q") is None


@pytest.mark.parametrize(
    ("arn", "for_success", "well_formed"),
    [
        (SQS, True, True),
        (f"{SQS}.fifo", True, False),
        ("arn:aws:sns:us-east-1:000000000000:t", True, True),
        ("arn:aws:sns:us-east-1:000000000000:t:subscription", True, False),
        ("arn:aws:events:us-east-1:000000000000:event-bus/b", True, True),
        ("arn:aws:events:us-east-1:000000000000:rule/b", True, False),
        ("arn:aws:lambda:us-east-1:000000000000:function:f:A", True, True),
        ("arn:aws:lambda:us-east-1:000000000000:layer:f", True, False),
        ("arn:aws:lambda:us-east-1::function:f", True, False),
        ("arn:aws:s3:::bucket", False, True),
        ("arn:aws:s3:us-east-1::bucket", False, False),
    ],
)
def test_a_destination_is_known_by_its_arn(arn: str, for_success: bool, well_formed: bool) -> None:
    destination = Destination.parse(arn)
    assert destination is not None
    assert can_take(destination, failures=True)
    assert can_take(destination, failures=False) == for_success
    assert destination.well_formed == well_formed


@pytest.mark.parametrize(
    "arn", ["", "kafka://t", "arn:aws:kinesis:us-east-1:000000000000:stream/s", "arn:aws:iam::1:u"]
)
def test_nothing_else_is_a_destination(arn: str) -> None:
    assert not can_take(Destination.parse(arn), failures=True)
