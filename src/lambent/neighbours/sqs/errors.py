"""The refusals that the service has beside those of its model."""

from __future__ import annotations

from typing import ClassVar

from lambent.neighbours.sqs.shapes import QueueDoesNotExist
from lambent.wire.errors import ApiError


class InvalidParameterValue(ApiError):
    """A parameter's value is not one that the operation takes."""

    code = "InvalidParameterValueException"
    status = 400
    codes: ClassVar = {"query": "InvalidParameterValue"}


def invalid_value(parameter: str, value: object, reason: str) -> InvalidParameterValue:
    """The refusal that says which value of which parameter is wrong, and why."""
    return InvalidParameterValue(f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")


class NoQueue(QueueDoesNotExist):
    """The queue is not there."""

    texts: ClassVar = {"query": "The specified queue does not exist for this wsdl version."}


def no_queue() -> QueueDoesNotExist:
    """The refusal of a queue that is not there."""
    return NoQueue("The specified queue does not exist.")
