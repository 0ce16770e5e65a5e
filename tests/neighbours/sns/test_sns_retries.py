"""Delivery policies: which are taken, and the delays that follow from them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.neighbours.sns import retries
from lambent.neighbours.sns.retries import MANAGED, Refused, Retries


def delays(policy: Retries) -> list[float]:
    found = []
    while (delay := policy.delay(len(found) + 1)) is not None:
        found.append(round(delay, 2))
    return found


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Retries(), [20, 20, 20]),
        (Retries(count=0), []),
        (Retries(1, 9, 5), [1, 3, 5, 7, 9]),
        (Retries(1, 8, 4, function="geometric"), [1, 2, 4, 8]),
        (Retries(1, 20, 6, function="exponential"), [1, 2, 4, 8, 16, 20]),
        (Retries(1, 9, 5, function="arithmetic"), [1, 1.8, 3.4, 5.8, 9]),
        (Retries(2, 6, 7, at_once=1, at_min=1, at_max=2), [0, 2, 2, 4, 6, 6, 6]),
        (Retries(2, 6, 1), [2]),
    ],
)
def test_delays_go_through_four_phases(policy: Retries, expected: list[float]) -> None:
    assert delays(policy) == expected


def test_queues_and_functions_are_tried_for_23_days() -> None:
    found = delays(MANAGED)
    assert found[:16] == [0, 0, 0, 1, 1, 1, 2, 4, 8, 16, 20, 20, 20, 20, 20, 20]
    assert set(found[16:]) == {20}
    assert len(found) == 100_015
    assert 23 < sum(found) / 86_400 < 24


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ([], "it must be a JSON object"),
        ({"x": 1}, "x is not recognized"),
        ({"sicklyRetryPolicy": {"numRetries": 1}}, "sicklyRetryPolicy is not supported"),
        ({"guaranteed": True}, "guaranteed is not supported"),
        ({"healthyRetryPolicy": 5}, "healthyRetryPolicy must be an object"),
        ({"healthyRetryPolicy": {"x": 1}}, "healthyRetryPolicy.x is not recognized"),
        ({"healthyRetryPolicy": {"numRetries": 101}}, "healthyRetryPolicy.numRetries must be between 0 and 100"),
        ({"healthyRetryPolicy": {"numRetries": True}}, "healthyRetryPolicy.numRetries must be between 0 and 100"),
        (
            {"healthyRetryPolicy": {"minDelayTarget": "1"}},
            "healthyRetryPolicy.minDelayTarget must be between 1 and 3600",
        ),
        (
            {"healthyRetryPolicy": {"minDelayTarget": 30}},
            "healthyRetryPolicy.maxDelayTarget must be greater than or equal to minDelayTarget",
        ),
        (
            {"healthyRetryPolicy": {"numMinDelayRetries": 4}},
            "healthyRetryPolicy.numRetries must be greater than or equal to the sum of the retries of all phases",
        ),
        (
            {"healthyRetryPolicy": {"numRetries": 100, "minDelayTarget": 60, "maxDelayTarget": 60}},
            "healthyRetryPolicy: all retries together may take 3600 seconds at most",
        ),
        (
            {"healthyRetryPolicy": {"backoffFunction": "cubic"}},
            "healthyRetryPolicy.backoffFunction must be one of: linear, arithmetic, geometric, exponential",
        ),
        (
            {"throttlePolicy": {"maxReceivesPerSecond": 0}},
            "throttlePolicy.maxReceivesPerSecond must be a number greater than or equal to 1",
        ),
    ],
)
def test_what_is_no_policy_is_refused(policy: Any, text: str) -> None:
    with pytest.raises(Refused) as refused:
        retries.check_subscription(json.dumps(policy))
    assert str(refused.value) == text


@pytest.mark.parametrize("content_type", ["image/png", "text/plain\r\nX: y", "", 5, None])
def test_content_types_are_of_a_list(content_type: object) -> None:
    with pytest.raises(Refused, match="headerContentType must be one of"):
        retries.check_subscription(json.dumps({"requestPolicy": {"headerContentType": content_type}}))


def test_a_topic_may_keep_its_subscriptions_from_overriding() -> None:
    own = json.dumps({"healthyRetryPolicy": {"numRetries": 1}})
    default: dict[str, Any] = {"http": {"defaultHealthyRetryPolicy": {"numRetries": 7}}}
    assert retries.effective(json.dumps(default), own).retries.count == 1
    default["http"]["disableSubscriptionOverrides"] = True
    assert retries.effective(json.dumps(default), own).retries.count == 7
    assert retries.effective(None, None) == retries.Policy()
