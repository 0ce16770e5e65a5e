"""The operations on reserved and provisioned concurrency."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

from lambent.control.configuration import last_modified
from lambent.control.finding import version_named
from lambent.control.naming import UNTYPED, function_missing, function_ref
from lambent.control.paging import page
from lambent.control.shapes import (
    Concurrency,
    DeleteFunctionConcurrencyRequest,
    DeleteProvisionedConcurrencyConfigRequest,
    GetFunctionConcurrencyRequest,
    GetFunctionConcurrencyResponse,
    GetProvisionedConcurrencyConfigRequest,
    GetProvisionedConcurrencyConfigResponse,
    InvalidParameterValueException,
    ListProvisionedConcurrencyConfigsRequest,
    ListProvisionedConcurrencyConfigsResponse,
    ProvisionedConcurrencyConfigNotFoundException,
    PutFunctionConcurrencyRequest,
    PutProvisionedConcurrencyConfigRequest,
    PutProvisionedConcurrencyConfigResponse,
    ResourceConflictException,
    ResourceNotFoundException,
)
from lambent.core import limits
from lambent.core.arn import LATEST, FunctionRef, function_arn
from lambent.core.function import Function
from lambent.core.provisioning import UNPUBLISHED, clash, is_unpublished
from lambent.core.routing import is_version
from lambent.core.scaling import Allotments, Provisioned, provision_refusal, reservation_refusal
from lambent.invoke.allotments import AllotmentRecords
from lambent.invoke.records import FunctionRecords
from lambent.ports import Ports
from lambent.store.optimistic import optimistic
from lambent.wire.call import Call

NOT_PUBLISHED = "The function resource provided must be an alias or a published version."


class Concurrencies:
    """What is reserved for functions, and kept initialised for their aliases and versions."""

    def __init__(self, ports: Ports) -> None:
        self._invoker = ports.invoker
        self._clock = ports.clock
        self._functions = FunctionRecords(ports.records, ports.seal)
        self._allotments = AllotmentRecords(ports.records)

    async def put_function_concurrency(self, call: Call, request: PutFunctionConcurrencyRequest) -> Concurrency:
        """Reserve executions: as many, and no more, for all versions together. 0 stops the function."""
        wanted = request["ReservedConcurrentExecutions"]
        ref = _whole_function(call, request["FunctionName"])
        missing = FunctionRef(ref.account, ref.region, ref.name, LATEST)

        def reserved(before: Allotments) -> Allotments:
            refusal = reservation_refusal(before, ref.name, wanted, self._invoker.limit)
            if refusal is not None:
                raise InvalidParameterValueException(refusal, extra=UNTYPED)
            return before.with_reserved(ref.name, wanted)

        await self._change(ref, _always(reserved), partial(self._existing, missing=missing))
        return {"ReservedConcurrentExecutions": wanted}

    async def get_function_concurrency(
        self, call: Call, request: GetFunctionConcurrencyRequest
    ) -> GetFunctionConcurrencyResponse:
        """What is reserved, if anything."""
        ref = _whole_function(call, request["FunctionName"])
        await self._existing(ref)
        allotments, _ = await self._allotments.get(ref.account, ref.region)
        reserved = allotments.reserved.get(ref.name)
        return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}

    async def delete_function_concurrency(self, call: Call, request: DeleteFunctionConcurrencyRequest) -> None:
        """Back to what all functions without a reservation share."""
        ref = _whole_function(call, request["FunctionName"])
        await self._change(ref, _always(lambda before: before.with_reserved(ref.name, None)), self._existing)

    async def put_provisioned_concurrency_config(
        self, call: Call, request: PutProvisionedConcurrencyConfigRequest
    ) -> PutProvisionedConcurrencyConfigResponse:
        """Keep environments initialised. They are made in the background: Status is IN_PROGRESS until all are there."""
        ref = function_ref(call, request["FunctionName"], request["Qualifier"])
        qualifier = _published(ref, UNPUBLISHED)
        wanted = Provisioned(request["ProvisionedConcurrentExecutions"], last_modified(self._clock.now()))

        async def provisioned(function: Function, before: Allotments) -> Allotments:
            await self._check_target(function, ref, before)
            refusal = provision_refusal(before, ref.name, qualifier, wanted.requested, self._invoker.limit)
            if refusal is not None:
                raise InvalidParameterValueException(refusal)
            return before.with_provisioned(ref.name, qualifier, wanted)

        await self._change(ref, provisioned, self._target)
        return {
            "RequestedProvisionedConcurrentExecutions": wanted.requested,
            "AllocatedProvisionedConcurrentExecutions": 0,
            "AvailableProvisionedConcurrentExecutions": 0,
            "Status": "IN_PROGRESS",
            "LastModified": wanted.last_modified,
        }

    async def get_provisioned_concurrency_config(
        self, call: Call, request: GetProvisionedConcurrencyConfigRequest
    ) -> GetProvisionedConcurrencyConfigResponse:
        """How many are wanted, and how far they are."""
        ref = function_ref(call, request["FunctionName"], request["Qualifier"])
        qualifier = _published(ref, NOT_PUBLISHED)
        await self._target(ref)
        allotments, _ = await self._allotments.get(ref.account, ref.region)
        provisioned = allotments.provisioned.get(ref.name, {}).get(qualifier)
        if provisioned is None:
            raise ProvisionedConcurrencyConfigNotFoundException(
                "No Provisioned Concurrency Config found for this function"
            )
        return cast(GetProvisionedConcurrencyConfigResponse, self._shown(ref, qualifier, provisioned))

    async def delete_provisioned_concurrency_config(
        self, call: Call, request: DeleteProvisionedConcurrencyConfigRequest
    ) -> None:
        """Keep none; also when none were asked for."""
        ref = function_ref(call, request["FunctionName"], request["Qualifier"])
        qualifier = _published(ref, NOT_PUBLISHED)
        await self._change(
            ref, _always(lambda before: before.with_provisioned(ref.name, qualifier, None)), self._target
        )

    async def list_provisioned_concurrency_configs(
        self, call: Call, request: ListProvisionedConcurrencyConfigsRequest
    ) -> ListProvisionedConcurrencyConfigsResponse:
        """Of all aliases and versions of a function, by qualifier."""
        ref = function_ref(call, request["FunctionName"])
        await self._existing(ref)
        allotments, _ = await self._allotments.get(ref.account, ref.region)
        there = {each: (each, provisioned) for each, provisioned in allotments.provisioned.get(ref.name, {}).items()}
        shown, marker = page(there, request, limits.PROVISIONED_PAGE)
        unqualified = function_arn(ref.account, ref.region, ref.name)
        configs: list[dict[str, Any]] = [
            {"FunctionArn": f"{unqualified}:{qualifier}", **self._shown(ref, qualifier, provisioned)}
            for qualifier, provisioned in shown
        ]
        answer: dict[str, Any] = {"ProvisionedConcurrencyConfigs": configs}
        if marker is not None:
            answer["NextMarker"] = marker
        return cast(ListProvisionedConcurrencyConfigsResponse, answer)

    def _shown(self, ref: FunctionRef, qualifier: str, provisioned: Provisioned) -> dict[str, Any]:
        standing = self._invoker.standing(ref.account, ref.region, ref.name, qualifier)
        answer: dict[str, Any] = {
            "RequestedProvisionedConcurrentExecutions": provisioned.requested,
            "AvailableProvisionedConcurrentExecutions": min(standing.available, provisioned.requested),
            "AllocatedProvisionedConcurrentExecutions": min(standing.allocated, provisioned.requested),
            "Status": standing.status.value,
            "LastModified": provisioned.last_modified,
        }
        if standing.reason is not None:
            answer["StatusReason"] = standing.reason
        return answer

    async def _check_target(self, function: Function, ref: FunctionRef, before: Allotments) -> None:
        """Raises the ApiError of an alias or a version that cannot have provisioned environments."""
        assert ref.qualifier is not None
        aliases = await self._functions.aliases(ref.account, ref.region, ref.name)
        if is_unpublished(aliases, ref.qualifier):
            raise InvalidParameterValueException(UNPUBLISHED)
        if reason := clash(aliases, before.provisioned.get(ref.name, {}), ref.qualifier):
            raise ResourceConflictException(reason)

    async def _existing(self, ref: FunctionRef, missing: FunctionRef | None = None) -> tuple[Function, int]:
        """The function. Raises ResourceNotFoundException, which names `missing` if that is given."""
        found = await self._functions.get(ref.account, ref.region, ref.name)
        if found is None:
            raise function_missing(missing or ref)
        return found

    async def _target(self, ref: FunctionRef) -> tuple[Function, int]:
        """The function, if it has the version or alias that `ref` names. Raises ResourceNotFoundException."""
        assert ref.qualifier is not None
        found = await self._functions.get(ref.account, ref.region, ref.name)
        if found is not None and await version_named(self._functions, found[0], ref.qualifier) is not None:
            return found
        if is_version(ref.qualifier):
            raise function_missing(ref)
        raise ResourceNotFoundException(f"Cannot find alias arn: {ref.arn}")

    @optimistic
    async def _change(self, ref: FunctionRef, change: Change, find: Find) -> None:
        """Write the change on what is allotted now, as long as the function, its versions and aliases are as they were
        when it was made."""
        found = await find(ref)
        before, revision = await self._allotments.get(ref.account, ref.region)
        after = await change(found[0], before)
        if after == before:
            return
        same = self._functions.unchanged(*found)
        await self._allotments.replace(ref.account, ref.region, after, revision, same)


Change = Callable[[Function, Allotments], Awaitable[Allotments]]
Find = Callable[[FunctionRef], Awaitable[tuple[Function, int]]]


def _always(change: Callable[[Allotments], Allotments]) -> Change:
    """A change that asks nothing of the function."""

    async def changed(function: Function, before: Allotments) -> Allotments:
        return change(before)

    return changed


def _published(ref: FunctionRef, refusal: str) -> str:
    """The qualifier. Raises InvalidParameterValueException with `refusal` for `$LATEST`."""
    if ref.qualifier is None or ref.qualifier.startswith("$"):
        raise InvalidParameterValueException(refusal)
    return ref.qualifier


def _whole_function(call: Call, name: str) -> FunctionRef:
    """The function that a request names. Raises InvalidParameterValueException when it names a version or an alias."""
    ref = function_ref(call, name)
    if ref.qualifier is not None:
        raise InvalidParameterValueException(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
            "Please specify either a function name or an unqualified function ARN."
        )
    return ref
