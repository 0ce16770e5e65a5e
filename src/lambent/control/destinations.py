"""Destinations of asynchronous invocations, as a configuration names them: of the right form, and there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.control.finding import find_named
from lambent.control.shapes import InvalidParameterValueException
from lambent.core.arn import FunctionRef
from lambent.core.destination import Destination, can_take
from lambent.invoke.records import FunctionRecords
from lambent.ports import Ports
from lambent.wire.call import Call
from lambent.wire.errors import ApiError


class Destinations:
    """Looks at destinations when they are configured; records are sent by delivery."""

    def __init__(self, ports: Ports) -> None:
        self._aws = ports.aws
        self._log = ports.log
        self._functions = FunctionRecords(ports.records, ports.seal)

    async def check(self, call: Call, ref: FunctionRef, config: Mapping[str, Any]) -> None:
        """Whether the results of `ref` can go where a DestinationConfig says. Raises InvalidParameterValueException,
        and ServiceException when a destination's service cannot be asked."""
        success, failure = destination_in(config, "OnSuccess"), destination_in(config, "OnFailure")
        parsed = {arn: Destination.parse(arn) for arn in (failure, success) if arn}
        if (success and not can_take(parsed[success], failures=False)) or (
            failure and not can_take(parsed[failure], failures=True)
        ):
            on_success = f"OnSuccess(destination={success})" if success else "null"
            on_failure = f"OnFailure(destination={failure})" if failure else "null"
            raise InvalidParameterValueException(
                f"The provided destination config DestinationConfig(onSuccess={on_success}, onFailure={on_failure}) "
                "is invalid."
            )
        for destination in parsed.values():
            assert destination is not None
            await self._check(call, ref, destination)

    async def _check(self, call: Call, ref: FunctionRef, destination: Destination) -> None:
        if destination.function is not None:
            is_there = await self._has_function(ref, destination, destination.function)
        else:
            is_there = destination.well_formed and await self._is_there(call, destination)
        if not is_there:
            raise InvalidParameterValueException(f"The destination ARN {destination.arn} is invalid.")

    async def _has_function(self, ref: FunctionRef, destination: Destination, name: str) -> bool:
        target = FunctionRef(destination.account, destination.region, name, destination.qualifier)
        if (target.account, target.region) != (ref.account, ref.region):
            return False
        if target.name == ref.name:
            raise InvalidParameterValueException("You can't specify the function as a destination for itself.")
        return await find_named(self._functions, target) is not None

    async def _is_there(self, call: Call, destination: Destination) -> bool:
        """Whether the account can reach it: AWS refuses one that it does not find, too."""
        operation, request = _question(destination)
        region = destination.region or call.region
        asked = Call(call.principal, region, call.request_id, destination.service, operation)
        try:
            await self._aws.call(asked, destination.service, operation, request)
        except ApiError as error:
            if error.code == "NotImplementedException":  # nobody has the service here; the text says what to do
                raise InvalidParameterValueException(error.message) from None
            self._log.info("destination_not_found", arn=destination.arn, reason=f"{error.code}: {error.message}")
            if (error.status or 400) >= 500:
                text = f"The destination {destination.arn} cannot be looked for: {error.code}: {error.message}"
                raise ApiError(text, code="ServiceException", status=500) from None
            return False
        return True


def destination_in(config: Mapping[str, Any], name: str) -> str | None:
    """The ARN of OnSuccess or OnFailure; None when none is given, or an empty one."""
    return (config.get(name) or {}).get("Destination") or None


def _question(destination: Destination) -> tuple[str, Mapping[str, str]]:
    """(operation, request) that only one that is there answers."""
    name = destination.arn.rpartition(":")[2]
    match destination.service:
        case "sqs":
            return "GetQueueUrl", {"QueueName": name, "QueueOwnerAWSAccountId": destination.account}
        case "sns":
            return "GetTopicAttributes", {"TopicArn": destination.arn}
        case "events":
            return "DescribeEventBus", {"Name": destination.arn}
        case "s3":
            return "HeadBucket", {"Bucket": name}
        case service:
            raise AssertionError(service)
