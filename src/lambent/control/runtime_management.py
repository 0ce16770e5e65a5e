"""The operations on when a function's runtime is updated."""

from __future__ import annotations

from lambent.control.finding import find_named
from lambent.control.naming import function_missing, function_ref
from lambent.control.shapes import (
    GetRuntimeManagementConfigRequest,
    GetRuntimeManagementConfigResponse,
    InvalidParameterValueException,
    PutRuntimeManagementConfigRequest,
    PutRuntimeManagementConfigResponse,
    UpdateRuntimeOn,
)
from lambent.core.arn import LATEST, FunctionRef
from lambent.core.routing import is_version
from lambent.invoke.belongings import Belongings
from lambent.invoke.records import FunctionRecords
from lambent.ports import Ports
from lambent.store.optimistic import optimistic
from lambent.wire.call import Call

DEFAULT: UpdateRuntimeOn = "Auto"


class RuntimeManagementConfigs:
    """When the runtime of `$LATEST`, or of a version, is updated."""

    def __init__(self, ports: Ports) -> None:
        self._functions = FunctionRecords(ports.records, ports.seal)
        self._configs = Belongings(ports.records, "runtime-management")

    @optimistic
    async def put_runtime_management_config(
        self, call: Call, request: PutRuntimeManagementConfigRequest
    ) -> PutRuntimeManagementConfigResponse:
        """Partly: Auto and FunctionUpdate are kept and returned, but a runtime is the host's and changes only with it;
        Manual is refused, as no other version of a runtime could be had."""
        ref = _version(function_ref(call, request["FunctionName"], request.get("Qualifier")))
        wanted = request["UpdateRuntimeOn"]
        _check(wanted, request.get("RuntimeVersionArn"))
        config = self._configs.change(ref, {"UpdateRuntimeOn": wanted}, qualifier=ref.qualifier or LATEST)
        found = await find_named(self._functions, ref)
        if found is None:
            raise function_missing(ref)
        await self._functions.replace(*found, config)
        return {"UpdateRuntimeOn": wanted, "FunctionArn": ref.arn}

    async def get_runtime_management_config(
        self, call: Call, request: GetRuntimeManagementConfigRequest
    ) -> GetRuntimeManagementConfigResponse:
        """What was put, else Auto."""
        ref = _version(function_ref(call, request["FunctionName"], request.get("Qualifier")))
        if await find_named(self._functions, ref) is None:
            raise function_missing(ref)
        config = await self._configs.get(ref, ref.qualifier or LATEST)
        mode = DEFAULT if config is None else config["UpdateRuntimeOn"]
        return {"UpdateRuntimeOn": mode, "FunctionArn": ref.arn}


def _version(ref: FunctionRef) -> FunctionRef:
    """Raises InvalidParameterValueException for an alias: only versions have a runtime."""
    if ref.qualifier is not None and not is_version(ref.qualifier):
        raise InvalidParameterValueException(
            f"The provided function name {ref.arn} is invalid. Aliases are not allowed."
        )
    return FunctionRef(ref.account, ref.region, ref.name, ref.qualifier or LATEST)


def _check(wanted: UpdateRuntimeOn, arn: str | None) -> None:
    if wanted != "Manual" and arn is not None:
        raise InvalidParameterValueException("RuntimeVersionArn can only be given when UpdateRuntimeOn is Manual.")
    if wanted == "Manual" and arn is None:
        raise InvalidParameterValueException("RuntimeVersionArn must be given when UpdateRuntimeOn is Manual.")
    if wanted == "Manual":
        raise InvalidParameterValueException(
            "UpdateRuntimeOn Manual is not supported by Lambent: a function runs on the runtime that the host has."
        )
