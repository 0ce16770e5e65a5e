"""The operations on reserved concurrency."""

from __future__ import annotations

from collections.abc import Callable

from lambent.control.naming import function_missing, function_ref
from lambent.control.shapes import (
    Concurrency,
    DeleteFunctionConcurrencyRequest,
    GetFunctionConcurrencyRequest,
    GetFunctionConcurrencyResponse,
    InvalidParameterValueException,
    PutFunctionConcurrencyRequest,
)
from lambent.core.arn import LATEST, FunctionRef
from lambent.core.function import Function
from lambent.core.scaling import Allotments, reservation_refusal
from lambent.invoke.allotments import AllotmentRecords
from lambent.invoke.records import FunctionRecords
from lambent.ports import Ports
from lambent.store.base import RevisionMismatch
from lambent.wire.call import Call


class Concurrencies:
    """What is reserved for functions."""

    def __init__(self, ports: Ports) -> None:
        self._invoker = ports.invoker
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
                raise InvalidParameterValueException(refusal)
            return before.with_reserved(ref.name, wanted)

        await self._change(ref, reserved, missing)
        return {"ReservedConcurrentExecutions": wanted}

    async def get_function_concurrency(
        self, call: Call, request: GetFunctionConcurrencyRequest
    ) -> GetFunctionConcurrencyResponse:
        """What is reserved, if anything."""
        ref = _whole_function(call, request["FunctionName"])
        await self._existing(ref, ref)
        allotments, _ = await self._allotments.get(ref.account, ref.region)
        reserved = allotments.reserved.get(ref.name)
        return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}

    async def delete_function_concurrency(self, call: Call, request: DeleteFunctionConcurrencyRequest) -> None:
        """Back to what all functions without a reservation share."""
        ref = _whole_function(call, request["FunctionName"])
        await self._change(ref, lambda before: before.with_reserved(ref.name, None), ref)

    async def _existing(self, ref: FunctionRef, missing: FunctionRef) -> tuple[Function, int]:
        found = await self._functions.get(ref.account, ref.region, ref.name)
        if found is None:
            raise function_missing(missing)
        return found

    async def _change(self, ref: FunctionRef, change: Callable[[Allotments], Allotments], missing: FunctionRef) -> None:
        """Write the change on what is allotted now, as long as the function exists."""
        while True:
            function = await self._existing(ref, missing)
            before, revision = await self._allotments.get(ref.account, ref.region)
            after = change(before)
            if after == before:
                return
            exists = self._functions.unchanged(*function)
            try:
                await self._allotments.replace(ref.account, ref.region, after, revision, exists)
            except RevisionMismatch:
                continue
            return


def _whole_function(call: Call, name: str) -> FunctionRef:
    """The function that a request names. Raises InvalidParameterValueException when it names a version or an alias."""
    ref = function_ref(call, name)
    if ref.qualifier is not None:
        raise InvalidParameterValueException(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
            "Please specify either a function name or an unqualified function ARN."
        )
    return ref
