"""The operations on how many environments a function on a capacity provider keeps."""

from __future__ import annotations

from lambent.control.finding import find_named
from lambent.control.naming import function_missing, function_ref
from lambent.control.shapes import (
    GetFunctionScalingConfigRequest,
    GetFunctionScalingConfigResponse,
    InvalidParameterValueException,
    PutFunctionScalingConfigRequest,
    PutFunctionScalingConfigResponse,
)
from lambent.invoke.records import FunctionRecords
from lambent.ports import Ports
from lambent.wire.call import Call


class ScalingConfigs:
    """Scaling of functions on Lambda Managed Instances, which no function here is on."""

    def __init__(self, ports: Ports) -> None:
        self._functions = FunctionRecords(ports.records, ports.seal)

    async def put_function_scaling_config(
        self, call: Call, request: PutFunctionScalingConfigRequest
    ) -> PutFunctionScalingConfigResponse:
        """Partly: refused, as no function can be on a capacity provider."""
        raise await self._refusal(call, request["FunctionName"], request["Qualifier"])

    async def get_function_scaling_config(
        self, call: Call, request: GetFunctionScalingConfigRequest
    ) -> GetFunctionScalingConfigResponse:
        """Partly: refused, as no function can be on a capacity provider."""
        raise await self._refusal(call, request["FunctionName"], request["Qualifier"])

    async def _refusal(self, call: Call, name: str, qualifier: str) -> InvalidParameterValueException:
        """Raises ResourceNotFoundException when there is no such function or version."""
        ref = function_ref(call, name, qualifier)
        if await find_named(self._functions, ref) is None:
            raise function_missing(ref)
        return InvalidParameterValueException(
            "Function scaling configuration is supported only for functions with a capacity provider "
            f"(Lambda Managed Instances): {ref.arn}"
        )
