"""The operations on what happens to functions that call themselves."""

from __future__ import annotations

from lambent.control.naming import function_missing, function_ref
from lambent.control.shapes import (
    GetFunctionRecursionConfigRequest,
    GetFunctionRecursionConfigResponse,
    PutFunctionRecursionConfigRequest,
    PutFunctionRecursionConfigResponse,
    RecursiveLoop,
)
from lambent.invoke.belongings import Belongings
from lambent.invoke.records import FunctionRecords
from lambent.ports import Ports
from lambent.store.optimistic import optimistic
from lambent.wire.call import Call

DEFAULT: RecursiveLoop = "Terminate"


class RecursionConfigs:
    """Whether a recursive loop is ended."""

    def __init__(self, ports: Ports) -> None:
        self._functions = FunctionRecords(ports.records, ports.seal)
        self._configs = Belongings(ports.records, "recursion")

    @optimistic
    async def put_function_recursion_config(
        self, call: Call, request: PutFunctionRecursionConfigRequest
    ) -> PutFunctionRecursionConfigResponse:
        """Terminate ends a loop after 16 invocations of the function by one triggering event; Allow lets it go on."""
        ref = function_ref(call, request["FunctionName"])
        wanted = request["RecursiveLoop"]
        found = await self._functions.get(ref.account, ref.region, ref.name)
        if found is None:
            raise function_missing(ref)
        await self._functions.replace(*found, self._configs.change(ref, {"RecursiveLoop": wanted}))
        return {"RecursiveLoop": wanted}

    async def get_function_recursion_config(
        self, call: Call, request: GetFunctionRecursionConfigRequest
    ) -> GetFunctionRecursionConfigResponse:
        """What was put, else Terminate."""
        ref = function_ref(call, request["FunctionName"])
        if await self._functions.get(ref.account, ref.region, ref.name) is None:
            raise function_missing(ref)
        config = await self._configs.get(ref)
        return {"RecursiveLoop": DEFAULT if config is None else config["RecursiveLoop"]}
