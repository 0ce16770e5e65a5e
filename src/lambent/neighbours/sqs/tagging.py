"""The tags of queues, and what they may be. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from lambent.core import limits
from lambent.neighbours.sqs.errors import InvalidParameterValue
from lambent.neighbours.sqs.names import QueueRef


def checked_tags(ref: QueueRef, old: Mapping[str, str], new: Mapping[str, str | None]) -> dict[str, str]:
    """The tags of a queue after `new` were added. Raises InvalidParameterValue."""
    for key, value in new.items():
        if not 1 <= len(key) <= 128:
            raise InvalidParameterValue("Tag keys must be between 1 and 128 characters in length.")
        if key.lower().startswith("aws:"):
            raise InvalidParameterValue("Tag keys can't start with 'aws:': that prefix is reserved for AWS use.")
        if len(value or "") > 256:
            raise InvalidParameterValue("Tag values must be between 0 and 256 characters in length.")
    tags = {**old, **{key: value or "" for key, value in new.items()}}
    if len(tags) > limits.TAGS:
        raise InvalidParameterValue(f"Too many tags added for queue {ref.name}.")
    return tags
