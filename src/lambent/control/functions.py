"""The function operations."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from lambent.control.activation import Activation
from lambent.control.code import checked, zip_file
from lambent.control.configuration import (
    changed,
    configured,
    is_latest,
    last_modified,
    refuse_unsupported,
    shown,
)
from lambent.control.download import location
from lambent.control.naming import function_missing, function_ref
from lambent.control.roles import check_role
from lambent.control.shapes import (
    CreateFunctionRequest,
    DeleteFunctionRequest,
    DeleteFunctionResponse,
    FunctionConfiguration,
    GetAccountSettingsRequest,
    GetAccountSettingsResponse,
    GetFunctionCodeSigningConfigRequest,
    GetFunctionCodeSigningConfigResponse,
    GetFunctionConfigurationRequest,
    GetFunctionRequest,
    GetFunctionResponse,
    InvalidParameterValueException,
    ListFunctionsRequest,
    ListFunctionsResponse,
    ListVersionsByFunctionRequest,
    ListVersionsByFunctionResponse,
    PreconditionFailedException,
    ResourceConflictException,
    UpdateFunctionCodeRequest,
    UpdateFunctionConfigurationRequest,
)
from lambent.core import limits
from lambent.core.arn import LATEST, FunctionRef
from lambent.core.function import Code, Function, Version
from lambent.invoke.allotments import AllotmentRecords
from lambent.invoke.artifacts import Artifacts
from lambent.invoke.records import FunctionRecords
from lambent.kit.ids import uuid4
from lambent.ports import Ports
from lambent.runtimes.catalogue import RuntimeMissing, RuntimeRefused
from lambent.store.base import RevisionMismatch
from lambent.wire.call import Call

NONE = Code("", "", 0)


class Functions:
    """Create, read, update, list and delete functions."""

    def __init__(self, ports: Ports, artifacts: Artifacts, activation: Activation) -> None:
        self._ports = ports
        self._artifacts = artifacts
        self._activation = activation
        self._functions = FunctionRecords(ports.records, ports.seal)
        self._allotments = AllotmentRecords(ports.records)

    async def create_function(self, call: Call, request: CreateFunctionRequest) -> FunctionConfiguration:
        """Partly: no Publish, layers, VPC, images, S3 code, SnapStart, dead-letter queues yet (refused by name)."""
        ref = self._creatable(call, request["FunctionName"])
        version = self._new_version(ref, request)
        if await self._functions.get(ref.account, ref.region, ref.name) is not None:
            raise _exists(ref)
        await check_role(self._ports, call, version.role, version.arn)
        data = zip_file(request["Code"])
        version = replace(version, code=await checked(self._ports, self._artifacts, data))
        await self._ports.blobs.put(data)
        try:
            await self._functions.add(Function(version, tags=_tags(request.get("Tags") or {})))
        except RevisionMismatch:
            raise _exists(ref) from None
        self._activation.begin(version)
        return shown(version)

    async def get_function(self, call: Call, request: GetFunctionRequest) -> GetFunctionResponse:
        """The configuration, where the code can be fetched for ten minutes, the tags, and what is reserved."""
        ref, function = await self._existing(call, request)
        version = function.latest
        answer: GetFunctionResponse = {
            "Configuration": shown(version, qualified=ref.qualifier is not None),
            "Code": {"RepositoryType": "S3", "Location": location(self._ports, call, version.code.digest)},
        }
        if function.tags:
            answer["Tags"] = dict(function.tags)
        allotments, _ = await self._allotments.get(ref.account, ref.region)
        if (reserved := allotments.reserved.get(ref.name)) is not None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": reserved}
        return answer

    async def get_function_configuration(
        self, call: Call, request: GetFunctionConfigurationRequest
    ) -> FunctionConfiguration:
        """The configuration alone."""
        ref, function = await self._existing(call, request)
        return shown(function.latest, qualified=ref.qualifier is not None)

    async def update_function_code(self, call: Call, request: UpdateFunctionCodeRequest) -> FunctionConfiguration:
        """Partly: no Publish, images or code from S3 yet (refused by name)."""
        refuse_unsupported(request)
        ref, function = await self._existing(call, request)
        self._updatable(function, request)
        data = zip_file(request)
        code = await checked(self._ports, self._artifacts, data)
        architectures = request.get("Architectures")

        def update(version: Version) -> Version:
            architecture = architectures[0] if architectures else version.architecture
            return replace(version, code=code, architecture=architecture)

        if request.get("DryRun"):
            return shown(update(function.latest))
        await self._ports.blobs.put(data)
        return await self._update(ref, request, update)

    async def update_function_configuration(
        self, call: Call, request: UpdateFunctionConfigurationRequest
    ) -> FunctionConfiguration:
        """Partly: no layers, VPC, SnapStart, dead-letter queues or KMS keys yet (refused by name)."""
        ref, function = await self._existing(call, request)
        self._updatable(function, request)
        configured(function.latest, request)
        if (runtime := request.get("Runtime")) is not None:
            self._check_runtime(runtime)
        if (role := request.get("Role")) is not None:
            await check_role(self._ports, call, role, function.latest.arn)
        return await self._update(ref, request, lambda version: configured(version, request))

    async def list_functions(self, call: Call, request: ListFunctionsRequest) -> ListFunctionsResponse:
        """Fifty at most a page, in name order."""
        region = request.get("MasterRegion", "ALL")
        if region not in ("ALL", call.region):
            return {"Functions": []}
        limit = min(request.get("MaxItems", limits.FUNCTIONS_PAGE), limits.FUNCTIONS_PAGE)
        after = _unmarked(request.get("Marker"))
        page = await self._functions.page(call.account, call.region, after=after, limit=limit + 1)
        every = request.get("FunctionVersion") == "ALL"
        answer: ListFunctionsResponse = {
            "Functions": [shown(function.latest, qualified=every, listed=True) for function in page[:limit]]
        }
        if len(page) > limit:
            answer["NextMarker"] = _marked(page[limit - 1].latest.name)
        return answer

    async def delete_function(self, call: Call, request: DeleteFunctionRequest) -> DeleteFunctionResponse:
        """Remove the function; its environments finish what they run."""
        ref = function_ref(call, request["FunctionName"], request.get("Qualifier"))
        found = await self._functions.get(ref.account, ref.region, ref.name)
        if found is None:
            raise function_missing(FunctionRef(ref.account, ref.region, ref.name))
        if ref.qualifier == LATEST:
            raise InvalidParameterValueException("$LATEST version cannot be deleted without deleting the function.")
        if ref.qualifier is not None and ref.qualifier.isdigit():
            return {"StatusCode": 204}
        if ref.qualifier is not None:
            raise InvalidParameterValueException("Deletion of aliases is not currently supported.")
        while found is not None:
            allotments, revision = await self._allotments.get(ref.account, ref.region)
            freed = self._allotments.change(ref.account, ref.region, allotments.without(ref.name), revision)
            try:
                await self._functions.remove(*found, freed)
            except RevisionMismatch:
                found = await self._functions.get(ref.account, ref.region, ref.name)
                continue
            break
        return {"StatusCode": 204}

    async def list_versions_by_function(
        self, call: Call, request: ListVersionsByFunctionRequest
    ) -> ListVersionsByFunctionResponse:
        """Partly: $LATEST is the only version until versions can be published."""
        ref = function_ref(call, request["FunctionName"])
        found = await self._functions.get(ref.account, ref.region, ref.name)
        if found is None:
            raise function_missing(FunctionRef(ref.account, ref.region, ref.name))
        return {"Versions": [shown(found[0].latest, qualified=True, listed=True)]}

    async def get_function_code_signing_config(
        self, call: Call, request: GetFunctionCodeSigningConfigRequest
    ) -> GetFunctionCodeSigningConfigResponse:
        """Partly: no function can have a code signing configuration yet, so the answer is always empty, as AWS's is
        for such a function."""
        await self._existing(call, request)
        return {}  # type: ignore[typeddict-item]  # AWS's answer for none lacks the members its model requires

    async def get_account_settings(self, call: Call, request: GetAccountSettingsRequest) -> GetAccountSettingsResponse:
        """Limits and usage of the caller's account and region."""
        count = size = 0
        after = ""
        while page := await self._functions.page(call.account, call.region, after=after, limit=1000):
            count += len(page)
            size += sum(function.latest.code.size for function in page)
            after = page[-1].latest.name
        limit = self._ports.invoker.limit
        allotments, _ = await self._allotments.get(call.account, call.region)
        return {
            "AccountLimit": {
                "TotalCodeSize": limits.CODE_STORAGE,
                "CodeSizeUnzipped": limits.UNZIPPED,
                "CodeSizeZipped": limits.ZIPPED,
                "ConcurrentExecutions": limit,
                "UnreservedConcurrentExecutions": allotments.unreserved(limit),
            },
            "AccountUsage": {"TotalCodeSize": size, "FunctionCount": count},
        }

    # -- shared steps ---------------------------------------------------------------------------------------------

    def _creatable(self, call: Call, name: str) -> FunctionRef:
        ref = function_ref(call, name)
        if len(ref.name) > limits.FUNCTION_NAME:
            raise InvalidParameterValueException(
                f"1 validation error detected: Value '{ref.name}' at 'functionName' failed to satisfy constraint: "
                f"Member must have length less than or equal to {limits.FUNCTION_NAME}"
            )
        if ref.qualifier is not None:
            raise InvalidParameterValueException(
                f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: "
                "Member must not have a qualifier"
            )
        return ref

    def _new_version(self, ref: FunctionRef, request: CreateFunctionRequest) -> Version:
        refuse_unsupported(request)
        runtime, handler = request.get("Runtime"), request.get("Handler")
        if not runtime or not handler:
            raise InvalidParameterValueException(
                "Runtime and Handler are mandatory parameters for functions created with deployment packages."
            )
        self._check_runtime(runtime)
        blank = Version(
            account=ref.account,
            region=ref.region,
            name=ref.name,
            function_id=uuid4(),
            role=request["Role"],
            runtime=runtime,
            handler=handler,
            code=NONE,
            revision_id=uuid4(),
            last_modified=last_modified(self._ports.clock.now()),
        )
        return configured(blank, request)

    def _check_runtime(self, name: str) -> None:
        """Raises InvalidParameterValueException for a runtime that AWS, or this host, does not have."""
        try:
            self._ports.catalogue.check(name)
            self._ports.catalogue.get(name)
        except RuntimeRefused as refused:
            raise InvalidParameterValueException(str(refused)) from None
        except RuntimeMissing as missing:
            raise InvalidParameterValueException(f"{missing} `lambent doctor` says what would.") from None

    async def _existing(self, call: Call, request: Mapping[str, Any]) -> tuple[FunctionRef, Function]:
        ref = function_ref(call, request["FunctionName"], request.get("Qualifier"))
        found = await self._functions.get(ref.account, ref.region, ref.name)
        if found is None or not is_latest(ref.qualifier):
            raise function_missing(ref)
        return ref, found[0]

    def _updatable(self, function: Function, request: Mapping[str, Any]) -> None:
        version = function.latest
        if not version.settled:
            raise ResourceConflictException(
                "The operation cannot be performed at this time. An update is in progress for resource: " + version.arn
            )
        revision = request.get("RevisionId")
        if revision is not None and revision != version.revision_id:
            raise PreconditionFailedException(
                "The Revision Id provided does not match the latest Revision Id. "
                "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
            )

    async def _update(
        self, ref: FunctionRef, request: Mapping[str, Any], update: Callable[[Version], Version]
    ) -> FunctionConfiguration:
        """Write the update on what is there now; who comes second finds it in progress."""
        while True:
            found = await self._functions.get(ref.account, ref.region, ref.name)
            if found is None:
                raise function_missing(ref)
            function, revision = found
            self._updatable(function, request)
            latest = changed(update(function.latest), revision_id=uuid4(), now=self._ports.clock.now())
            try:
                await self._functions.replace(replace(function, latest=latest), revision)
            except RevisionMismatch:
                continue
            self._activation.begin(latest)
            return shown(latest)


def _exists(ref: FunctionRef) -> ResourceConflictException:
    return ResourceConflictException(f"Function already exist: {ref.name}")


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    if len(tags) > limits.TAGS:
        raise InvalidParameterValueException("Number of tags exceeds resource tag limit.")
    return dict(tags)


def _marked(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _unmarked(marker: str | None) -> str:
    if not marker:
        return ""
    try:
        return base64.b64decode(marker, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidParameterValueException("Invalid Marker.") from None
