"""The operations on capacity providers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from lambent.control.configuration import last_modified
from lambent.control.paging import page
from lambent.control.resources import Resource, tags_given
from lambent.control.roles import check_role
from lambent.control.shapes import (
    CapacityProvider,
    CreateCapacityProviderRequest,
    CreateCapacityProviderResponse,
    DeleteCapacityProviderRequest,
    DeleteCapacityProviderResponse,
    GetCapacityProviderRequest,
    GetCapacityProviderResponse,
    InvalidParameterValueException,
    ListCapacityProvidersRequest,
    ListCapacityProvidersResponse,
    ListFunctionVersionsByCapacityProviderRequest,
    ListFunctionVersionsByCapacityProviderResponse,
    ResourceConflictException,
    ResourceNotFoundException,
    UpdateCapacityProviderRequest,
    UpdateCapacityProviderResponse,
)
from lambent.core import limits
from lambent.invoke.regional import Regional, Value
from lambent.ports import Ports
from lambent.store.base import RevisionMismatch
from lambent.store.optimistic import optimistic
from lambent.wire.call import Call
from lambent.wire.errors import AccessDenied

KIND = "capacity-provider"
_CHANGEABLE = ("CapacityProviderScalingConfig", "PropagateTags", "TelemetryConfig")
_MEMBERS = ("VpcConfig", "PermissionsConfig", "InstanceRequirements", *_CHANGEABLE)


class CapacityProviders:
    """Where functions of Lambda Managed Instances would run: kept, but there are no instances here, so that no function
    can be put on one (CreateFunction refuses CapacityProviderConfig by name)."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._providers = Regional(ports.records, KIND)

    async def create_capacity_provider(
        self, call: Call, request: CreateCapacityProviderRequest
    ) -> CreateCapacityProviderResponse:
        """Partly: kept and returned; no instance is ever started, and no function can use it."""
        resource = _resource(call, request["CapacityProviderName"])
        if request.get("KmsKeyArn"):
            raise InvalidParameterValueException("KmsKeyArn is not supported by Lambent yet.")
        _check_scaling(request)
        provider = {name: request[name] for name in _MEMBERS if request.get(name) is not None}  # type: ignore[literal-required]
        provider["TelemetryConfig"] = _telemetry(resource.name, request.get("TelemetryConfig") or {})
        provider["LastModified"] = last_modified(self._ports.clock.now())
        provider["Tags"] = tags_given(request.get("Tags") or {})
        role = request["PermissionsConfig"]["CapacityProviderOperatorRoleArn"]
        await check_role(self._ports, call, role, resource.arn)
        try:
            await self._providers.add(resource.account, resource.region, resource.name, provider)
        except RevisionMismatch:
            raise ResourceConflictException(f"Capacity provider already exist: {resource.name}") from None
        return {"CapacityProvider": _shown(resource, provider, state="Pending")}

    async def get_capacity_provider(
        self, call: Call, request: GetCapacityProviderRequest
    ) -> GetCapacityProviderResponse:
        """One capacity provider."""
        resource = _resource(call, request["CapacityProviderName"])
        provider, _ = await self._existing(resource)
        return {"CapacityProvider": _shown(resource, provider)}

    @optimistic
    async def update_capacity_provider(
        self, call: Call, request: UpdateCapacityProviderRequest
    ) -> UpdateCapacityProviderResponse:
        """Partly: as CreateCapacityProvider. Changes what the request names."""
        resource = _resource(call, request["CapacityProviderName"])
        _check_scaling(request)
        changes = {name: request[name] for name in _CHANGEABLE if request.get(name) is not None}  # type: ignore[literal-required]
        if "TelemetryConfig" in changes:
            changes["TelemetryConfig"] = _telemetry(resource.name, changes["TelemetryConfig"])
        before, revision = await self._existing(resource)
        provider = {**before, **changes, "LastModified": last_modified(self._ports.clock.now())}
        await self._providers.replace(resource.account, resource.region, resource.name, provider, revision)
        return {"CapacityProvider": _shown(resource, provider)}

    @optimistic
    async def delete_capacity_provider(
        self, call: Call, request: DeleteCapacityProviderRequest
    ) -> DeleteCapacityProviderResponse:
        """Remove it."""
        resource = _resource(call, request["CapacityProviderName"])
        provider, revision = await self._existing(resource)
        await self._providers.remove(resource.account, resource.region, resource.name, revision)
        return {"CapacityProvider": _shown(resource, provider, state="Deleting")}

    async def list_capacity_providers(
        self, call: Call, request: ListCapacityProvidersRequest
    ) -> ListCapacityProvidersResponse:
        """Those of the account and region, of one state or of all, fifty at most a page."""
        found = await self._providers.all(call.account, call.region)
        providers = {n: _shown(Resource(call.account, call.region, KIND, n), p) for n, p in found.items()}
        wanted = request.get("State")
        if wanted is not None:
            providers = {n: p for n, p in providers.items() if p["State"] == wanted}
        shown, marker = page(providers, request, limits.SHORT_PAGE)
        answer: ListCapacityProvidersResponse = {"CapacityProviders": list(shown)}
        if marker is not None:
            answer["NextMarker"] = marker
        return answer

    async def list_function_versions_by_capacity_provider(
        self, call: Call, request: ListFunctionVersionsByCapacityProviderRequest
    ) -> ListFunctionVersionsByCapacityProviderResponse:
        """Partly: always empty, as no function can be put on a capacity provider."""
        resource = _resource(call, request["CapacityProviderName"])
        await self._existing(resource)
        return {"CapacityProviderArn": resource.arn, "FunctionVersions": []}

    async def _existing(self, resource: Resource) -> tuple[Value, int]:
        found = await self._providers.get(resource.account, resource.region, resource.name)
        if found is None:
            raise ResourceNotFoundException(f"Capacity provider not found: {resource.arn}")
        return found


def _resource(call: Call, name: str) -> Resource:
    """The provider that a name or an ARN names. Raises AccessDenied for another account's, and
    ResourceNotFoundException for another region's."""
    if not name.startswith("arn:"):
        return Resource(call.account, call.region, KIND, name)
    resource = Resource.parse(name)
    assert resource is not None  # the model's pattern lets no other ARN through
    if resource.account != call.account:
        raise AccessDenied(None)
    if resource.region != call.region:
        raise ResourceNotFoundException(f"Capacity provider not found: {name}")
    return resource


def _check_scaling(request: Mapping[str, Any]) -> None:
    """Raises InvalidParameterValueException for policies that would have nothing to say."""
    scaling = request.get("CapacityProviderScalingConfig") or {}
    if scaling.get("ScalingPolicies") and scaling.get("ScalingMode", "Auto") == "Auto":
        raise InvalidParameterValueException("ScalingPolicies can only be given when ScalingMode is Manual.")
    tags = request.get("PropagateTags") or {}
    if tags.get("ExplicitTags") and tags.get("Mode", "None") == "None":
        raise InvalidParameterValueException(
            "ExplicitTags can only be given when the Mode of PropagateTags is Explicit."
        )


def _telemetry(name: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    logging = {"LogGroup": f"/aws/lambda/capacity-provider/{name}", **(wanted.get("LoggingConfig") or {})}
    return {"LoggingConfig": logging}


def _shown(resource: Resource, provider: Value, *, state: str = "Active") -> CapacityProvider:
    answer = {name: value for name, value in provider.items() if name != "Tags"}
    return cast(CapacityProvider, {"CapacityProviderArn": resource.arn, "State": state, **answer})
