"""What an event source mapping may be told, by the kind of its source, and the states that it goes through. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from lambent.core.eventpattern import is_pattern
from lambent.values import frozen

FILTERS = 5
FIFO_BATCH = 10
PLAIN_BATCH = 10
"""The largest batch that one receive can give: a larger one has to be waited for."""
_QUEUE = re.compile(
    r"arn:aws[a-zA-Z-]*:sqs:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):(?P<name>[a-zA-Z0-9_-]{1,80}(\.fifo)?)"
)
_NAMES = {
    "kinesis": "Kinesis streams",
    "dynamodb": "DynamoDB streams",
    "kafka": "Kafka",
    "mq": "Amazon MQ",
    "rds": "DocumentDB",
}
_STREAMS = ("kinesis", "dynamodb")
_NOT_OF_QUEUES = (
    "StartingPositionTimestamp",
    "ParallelizationFactor",
    "DestinationConfig",
    "MaximumRecordAgeInSeconds",
    "BisectBatchOnFunctionError",
    "MaximumRetryAttempts",
    "TumblingWindowInSeconds",
    "Topics",
    "Queues",
    "SourceAccessConfigurations",
    "SelfManagedEventSource",
    "AmazonManagedKafkaEventSourceConfig",
    "SelfManagedKafkaEventSourceConfig",
    "DocumentDBEventSourceConfig",
    "LoggingConfig",
)


class State(StrEnum):
    """Of a mapping, in AWS's words."""

    CREATING = "Creating"
    ENABLING = "Enabling"
    ENABLED = "Enabled"
    UPDATING = "Updating"
    DISABLING = "Disabling"
    DISABLED = "Disabled"
    DELETING = "Deleting"


IN_TRANSITION = frozenset({State.CREATING, State.ENABLING, State.UPDATING, State.DISABLING, State.DELETING})
"""The mapping has been changed, and what polls its source has not followed yet: no other change is taken."""


def settled(*, enabled: bool) -> State:
    """The state in which every transition but Deleting ends."""
    return State.ENABLED if enabled else State.DISABLED


def after_update(*, was_enabled: bool, enabled: bool) -> State:
    """The state that an update begins."""
    if enabled == was_enabled:
        return State.UPDATING
    return State.ENABLING if enabled else State.DISABLING


@frozen
class Queue:
    """An SQS queue by its ARN."""

    arn: str
    region: str
    account: str
    name: str

    @property
    def is_fifo(self) -> bool:
        """Whether it keeps an order."""
        return self.name.endswith(".fifo")

    @classmethod
    def parse(cls, arn: str) -> Queue | None:
        """None when it is not a queue's."""
        found = _QUEUE.fullmatch(arn)
        return None if found is None else cls(arn, found["region"], found["account"], found["name"])


def kind_of(request: Mapping[str, Any]) -> str | None:
    """The kind of a request's source: sqs, kinesis, …; None when it names none."""
    if request.get("SelfManagedEventSource"):
        return "kafka"
    arn = request.get("EventSourceArn")
    return arn.split(":")[2] if arn else None


def refusal(kind: str | None, request: Mapping[str, Any]) -> str | None:
    """Why a mapping with these members cannot be, in AWS's words and order; None when it can.

    `request`: all members that the mapping would have. What Lambent cannot poll is refused by its name, after what AWS
    itself refuses.
    """
    if (request.get("DestinationConfig") or {}).get("OnSuccess"):
        return _unsupported("DestinationConfig")
    if request.get("SelfManagedEventSource") and request.get("SourceAccessConfigurations") is None:
        return "Required 'sourceAccessConfigurations' parameter is missing."
    if kind is None:
        return "Unrecognized event source."
    if kind in _STREAMS and (text := _position_refusal(kind, request)) is not None:
        return text
    if kind == "sqs":
        return _queue_refusal(request) or _filter_refusal(request)
    if kind in _NAMES:
        return (
            _filter_refusal(request)
            or f"Event sources other than SQS queues ({_NAMES[kind]}) are not supported by Lambent yet."
        )
    return "Unrecognized event source."


def _position_refusal(kind: str, request: Mapping[str, Any]) -> str | None:
    position = request.get("StartingPosition")
    if request.get("StartingPositionTimestamp") is not None and position != "AT_TIMESTAMP":
        return "Timestamp only valid with StartingPosition AT_TIMESTAMP"
    if position is None:
        return (
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: "
            "Member must not be null."
        )
    if kind == "dynamodb" and position == "AT_TIMESTAMP":
        return f"Unsupported starting position for arn type: {request['EventSourceArn']}"
    return None


def _queue_refusal(request: Mapping[str, Any]) -> str | None:
    if request.get("StartingPosition") is not None:
        return "StartingPosition is not valid for SQS event sources."
    for name in _NOT_OF_QUEUES:
        if request.get(name) is not None:
            return _unsupported(name)
    queue = Queue.parse(request["EventSourceArn"])
    if queue is None:
        return "Unrecognized event source."
    size, window = request.get("BatchSize", PLAIN_BATCH), request.get("MaximumBatchingWindowInSeconds", 0)
    if queue.is_fifo and size > FIFO_BATCH:
        return f"Batch size {size} is larger than {FIFO_BATCH}, the most that FIFO queues support."
    if queue.is_fifo and window:
        return "Batching window is not supported for FIFO queues."
    if size > PLAIN_BATCH and window == 0:
        return "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
    if request.get("KMSKeyArn"):
        return "KMSKeyArn is not supported by Lambent yet."
    for metric in (request.get("MetricsConfig") or {}).get("Metrics", ()):
        if metric != "EventCount":
            return f"Unsupported metric {metric} for given event source mapping type."
    return _poller_refusal(request)


def _poller_refusal(request: Mapping[str, Any]) -> str | None:
    pollers = request.get("ProvisionedPollerConfig")
    if not pollers:
        return None
    if request.get("ScalingConfig"):
        return "ScalingConfig and ProvisionedPollerConfig cannot be used together."
    if pollers.get("PollerGroupName"):
        return "Unsupported PollerGroupName parameter for given event source mapping type."
    least, most = pollers.get("MinimumPollers", 2), pollers.get("MaximumPollers", 200)
    if not 2 <= least <= 200:
        return "MinimumPollers must be between 2 and 200."
    if most < least:
        return "MaximumPollers must not be less than MinimumPollers."
    return None


def _filter_refusal(request: Mapping[str, Any]) -> str | None:
    filters = (request.get("FilterCriteria") or {}).get("Filters") or ()
    if len(filters) > FILTERS:
        return f"An event source mapping can have at most {FILTERS} filters."
    if not all(is_pattern(each.get("Pattern") or "") for each in filters):
        return "Invalid filter pattern definition."
    return None


def _unsupported(name: str) -> str:
    return f"Unsupported {name} parameter for given event source mapping type."
