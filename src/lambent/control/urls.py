"""The operations on function URLs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from lambent.control.finding import find_named
from lambent.control.naming import function_ref
from lambent.control.paging import page
from lambent.control.shapes import (
    CreateFunctionUrlConfigRequest,
    CreateFunctionUrlConfigResponse,
    DeleteFunctionUrlConfigRequest,
    FunctionUrlConfig,
    GetFunctionUrlConfigRequest,
    GetFunctionUrlConfigResponse,
    InvalidParameterValueException,
    ListFunctionUrlConfigsRequest,
    ListFunctionUrlConfigsResponse,
    ResourceConflictException,
    ResourceNotFoundException,
    UpdateFunctionUrlConfigRequest,
    UpdateFunctionUrlConfigResponse,
)
from lambent.core import limits
from lambent.core.arn import LATEST, FunctionRef
from lambent.invoke.belongings import Belongings, Value
from lambent.invoke.records import FunctionRecords
from lambent.kit.ids import small_id
from lambent.ports import Ports
from lambent.store.optimistic import optimistic
from lambent.wire.call import Call

METHODS = frozenset({"GET", "PUT", "HEAD", "POST", "PATCH", "DELETE", "*"})


class FunctionUrls:
    """An address of its own for a function, and for each of its aliases."""

    def __init__(self, ports: Ports) -> None:
        self._clock = ports.clock
        self._functions = FunctionRecords(ports.records, ports.seal)
        self._urls = Belongings(ports.records, "urls")

    @optimistic
    async def create_function_url_config(
        self, call: Call, request: CreateFunctionUrlConfigRequest
    ) -> CreateFunctionUrlConfigResponse:
        """Partly: kept and returned; nothing answers at the address yet."""
        ref = _ref(call, request)
        now = _moment(self._clock.now())
        url = {"Id": small_id(32), "CreationTime": now, "InvokeMode": "BUFFERED", **_settings(request)}
        url["LastModifiedTime"] = now
        found = await self._functions.get(ref.account, ref.region, ref.name)
        if found is None:
            raise _no_function()
        if await self._urls.get(ref, _place(ref)) is not None:
            raise ResourceConflictException(
                f"Failed to create function url config for [functionArn = {ref.arn}]. "
                "Error message:  FunctionUrlConfig exists for this Lambda function"
            )
        found = await find_named(self._functions, ref)
        if found is None:
            raise _no_function()
        await self._functions.replace(*found, self._urls.change(ref, url, qualifier=_place(ref)))
        answer = _shown(ref, url)
        del answer["LastModifiedTime"]
        return cast(CreateFunctionUrlConfigResponse, answer)

    async def get_function_url_config(
        self, call: Call, request: GetFunctionUrlConfigRequest
    ) -> GetFunctionUrlConfigResponse:
        """The settings of a function's address, or of an alias's."""
        ref = _ref(call, request)
        url = await self._urls.get(ref, _place(ref))
        if url is None:
            raise _no_url()
        return cast(GetFunctionUrlConfigResponse, _shown(ref, url))

    @optimistic
    async def update_function_url_config(
        self, call: Call, request: UpdateFunctionUrlConfigRequest
    ) -> UpdateFunctionUrlConfigResponse:
        """Change what the request names; the address stays."""
        ref = _ref(call, request)
        changes = _settings(request)
        found = await find_named(self._functions, ref)
        if found is None:
            raise _no_function()
        before = await self._urls.get(ref, _place(ref))
        if before is None:
            raise _no_url()
        url = {**before, **changes, "LastModifiedTime": _moment(self._clock.now())}
        await self._functions.replace(*found, self._urls.change(ref, url, qualifier=_place(ref)))
        return cast(UpdateFunctionUrlConfigResponse, _shown(ref, url))

    async def delete_function_url_config(self, call: Call, request: DeleteFunctionUrlConfigRequest) -> None:
        """Give the address up; another one would be made in its place."""
        ref = _ref(call, request)
        if not await self._urls.delete(ref, _place(ref)):
            raise _no_url()

    async def list_function_url_configs(
        self, call: Call, request: ListFunctionUrlConfigsRequest
    ) -> ListFunctionUrlConfigsResponse:
        """The addresses of a function and of its aliases, fifty at most a page."""
        ref = _ref(call, request)
        if await self._functions.get(ref.account, ref.region, ref.name) is None:
            raise _no_function()
        urls: dict[str, FunctionUrlConfig] = {}
        for place, url in await self._urls.of(ref):
            qualifier = None if place == LATEST else place
            shown = _shown(FunctionRef(ref.account, ref.region, ref.name, qualifier), url)
            urls[place] = cast(FunctionUrlConfig, shown)
        listed, marker = page(urls, request, limits.SHORT_PAGE)
        answer: ListFunctionUrlConfigsResponse = {"FunctionUrlConfigs": list(listed)}
        if marker is not None:
            answer["NextMarker"] = marker
        return answer


def _ref(call: Call, request: Mapping[str, Any]) -> FunctionRef:
    """Only a function or an alias: the model's patterns let neither `$LATEST` nor a number through in a name."""
    return function_ref(call, request["FunctionName"], request.get("Qualifier"))


def _place(ref: FunctionRef) -> str:
    return ref.qualifier or LATEST


def _settings(request: Mapping[str, Any]) -> dict[str, Any]:
    """What the request sets. Raises InvalidParameterValueException for what AWS refuses."""
    given = {name: request[name] for name in ("AuthType", "Cors", "InvokeMode") if request.get(name) is not None}
    for method in (given.get("Cors") or {}).get("AllowMethods", ()):
        if method not in METHODS:
            raise InvalidParameterValueException(f"The CORS method {method} is not supported by function URLs.")
    return given


def _shown(ref: FunctionRef, url: Value) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "FunctionUrl": f"https://{url['Id']}.lambda-url.{ref.region}.on.aws/",
        "FunctionArn": ref.arn,
        "AuthType": url["AuthType"],
        "CreationTime": url["CreationTime"],
        "LastModifiedTime": url["LastModifiedTime"],
        "InvokeMode": url["InvokeMode"],
    }
    if url.get("Cors"):
        answer["Cors"] = url["Cors"]
    return answer


def _moment(now: float) -> str:
    """`2024-01-01T00:00:00.000000Z`, as function URLs bear it."""
    return f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def _no_function() -> ResourceNotFoundException:
    return ResourceNotFoundException("Function does not exist")


def _no_url() -> ResourceNotFoundException:
    return ResourceNotFoundException("The resource you requested does not exist.")
