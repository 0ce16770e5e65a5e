"""The operations on how asynchronous invocations are retried, and where their results go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from lambent.control.destinations import Destinations, destination_in
from lambent.control.finding import find_named
from lambent.control.naming import function_ref
from lambent.control.paging import page
from lambent.control.shapes import (
    DeleteFunctionEventInvokeConfigRequest,
    FunctionEventInvokeConfig,
    GetFunctionEventInvokeConfigRequest,
    InvalidParameterValueException,
    ListFunctionEventInvokeConfigsRequest,
    ListFunctionEventInvokeConfigsResponse,
    PutFunctionEventInvokeConfigRequest,
    ResourceNotFoundException,
    UpdateFunctionEventInvokeConfigRequest,
)
from lambent.core import limits
from lambent.core.arn import LATEST, FunctionRef
from lambent.invoke.belongings import Belongings, Value
from lambent.invoke.records import FunctionRecords
from lambent.ports import Ports
from lambent.store.optimistic import optimistic
from lambent.wire.call import Call

NUMBERS = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds")
MEMBERS = (*NUMBERS, "DestinationConfig")


class EventInvokeConfigs:
    """Settings of asynchronous invocations, for `$LATEST`, each version and each alias."""

    def __init__(self, ports: Ports) -> None:
        self._clock = ports.clock
        self._functions = FunctionRecords(ports.records, ports.seal)
        self._configs = Belongings(ports.records, "event-invoke")
        self._destinations = Destinations(ports)

    async def put_function_event_invoke_config(
        self, call: Call, request: PutFunctionEventInvokeConfigRequest
    ) -> FunctionEventInvokeConfig:
        """Retries, the greatest age and the destinations of events that name this qualifier; what is left out is as if
        nothing had been set."""
        return await self._write(call, request, keeping=False)

    async def update_function_event_invoke_config(
        self, call: Call, request: UpdateFunctionEventInvokeConfigRequest
    ) -> FunctionEventInvokeConfig:
        """As PutFunctionEventInvokeConfig; keeps the members that the request leaves out."""
        return await self._write(call, request, keeping=True)

    async def get_function_event_invoke_config(
        self, call: Call, request: GetFunctionEventInvokeConfigRequest
    ) -> FunctionEventInvokeConfig:
        """The settings of one qualifier."""
        ref = _ref(call, request)
        config = await self._configs.get(ref, _qualifier(ref))
        if config is None:
            raise _missing(ref)
        return _shown(ref, _qualifier(ref), config)

    async def delete_function_event_invoke_config(
        self, call: Call, request: DeleteFunctionEventInvokeConfigRequest
    ) -> None:
        """Back to the defaults: two retries, six hours, no destination."""
        ref = _ref(call, request)
        if not await self._configs.delete(ref, _qualifier(ref)):
            raise _missing(ref)

    async def list_function_event_invoke_configs(
        self, call: Call, request: ListFunctionEventInvokeConfigsRequest
    ) -> ListFunctionEventInvokeConfigsResponse:
        """Those of all qualifiers of a function, fifty at most a page."""
        ref = _ref(call, request)
        if await find_named(self._functions, ref) is None:
            raise _no_function()
        configs = {q: _shown(ref, q, config) for q, config in await self._configs.of(ref)}
        shown, marker = page(configs, request, limits.SHORT_PAGE)
        answer: ListFunctionEventInvokeConfigsResponse = {"FunctionEventInvokeConfigs": list(shown)}
        if marker is not None:
            answer["NextMarker"] = marker
        return answer

    @optimistic
    async def _write(self, call: Call, request: Mapping[str, Any], *, keeping: bool) -> FunctionEventInvokeConfig:
        wanted = {name: request[name] for name in MEMBERS if request.get(name) is not None}
        if not wanted:
            raise InvalidParameterValueException(
                "You must specify at least one of error handling or destination setting."
            )
        ref = _ref(call, request)
        qualifier = _qualifier(ref)
        found = await find_named(self._functions, ref)
        if found is None:
            raise _no_function()
        before = await self._configs.get(ref, qualifier) if keeping else {}
        if before is None:
            raise _missing(ref)
        if "DestinationConfig" in wanted:
            await self._destinations.check(call, ref, wanted["DestinationConfig"])
        config = {**before, **wanted, "LastModified": round(self._clock.now(), 3)}
        await self._functions.replace(*found, self._configs.change(ref, config, qualifier=qualifier))
        return _shown(ref, qualifier, config)


def _ref(call: Call, request: Mapping[str, Any]) -> FunctionRef:
    return function_ref(call, request["FunctionName"], request.get("Qualifier"))


def _qualifier(ref: FunctionRef) -> str:
    return ref.qualifier or LATEST


def _shown(ref: FunctionRef, qualifier: str, config: Value) -> FunctionEventInvokeConfig:
    """As AWS answers: numbers only if they are set, both kinds of destination always."""
    destinations = config.get("DestinationConfig") or {}
    targets = {name: destination_in(destinations, name) for name in ("OnSuccess", "OnFailure")}
    answer: dict[str, Any] = {
        "FunctionArn": FunctionRef(ref.account, ref.region, ref.name, qualifier).arn,
        "LastModified": config["LastModified"],
        "DestinationConfig": {name: {"Destination": arn} if arn else {} for name, arn in targets.items()},
    }
    answer |= {name: config[name] for name in NUMBERS if name in config}
    return cast(FunctionEventInvokeConfig, answer)


def _missing(ref: FunctionRef) -> ResourceNotFoundException:
    arn = FunctionRef(ref.account, ref.region, ref.name, _qualifier(ref)).arn
    return ResourceNotFoundException(f"The function {arn} doesn't have an EventInvokeConfig")


def _no_function() -> ResourceNotFoundException:
    return ResourceNotFoundException("The function doesn't exist.")
