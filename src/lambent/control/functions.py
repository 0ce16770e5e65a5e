"""The function operations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lambent.control.activation import Activation
from lambent.control.attaching import attached, check_size
from lambent.control.code import checked, package
from lambent.control.configuration import (
    changed,
    configured,
    last_modified,
    refuse_unsupported,
    shown,
)
from lambent.control.download import location
from lambent.control.finding import check_revision, check_settled, find_function, find_version
from lambent.control.naming import function_missing, function_ref
from lambent.control.paging import marked, unmarked, unmarked_number
from lambent.control.roles import check_role
from lambent.control.shapes import (
    CreateFunctionRequest,
    DeleteFunctionRequest,
    DeleteFunctionResponse,
    FunctionConfiguration,
    GetFunctionConfigurationRequest,
    GetFunctionRequest,
    GetFunctionResponse,
    InvalidParameterValueException,
    ListFunctionsRequest,
    ListFunctionsResponse,
    ResourceConflictException,
    UpdateFunctionCodeRequest,
    UpdateFunctionConfigurationRequest,
)
from lambent.control.signing import SigningConfigs
from lambent.control.storage import CodeStorage
from lambent.control.versions import next_version, remove_version
from lambent.core import limits
from lambent.core.arn import LATEST, FunctionRef
from lambent.core.function import Code, Function, Version
from lambent.core.routing import is_version
from lambent.invoke.allotments import AllotmentRecords
from lambent.invoke.artifacts import Artifacts
from lambent.invoke.records import FunctionRecords
from lambent.kit.ids import uuid4
from lambent.ports import Ports
from lambent.runtimes.catalogue import RuntimeMissing, RuntimeRefused
from lambent.store.base import Change, RevisionMismatch
from lambent.store.optimistic import optimistic
from lambent.wire.call import Call

NONE = Code("", "", 0)


class Functions:
    """Create, read, update, list and delete functions."""

    def __init__(self, ports: Ports, artifacts: Artifacts, activation: Activation, storage: CodeStorage) -> None:
        self._ports = ports
        self._storage = storage
        self._artifacts = artifacts
        self._activation = activation
        self._functions = FunctionRecords(ports.records, ports.seal)
        self._allotments = AllotmentRecords(ports.records)
        self._signing = SigningConfigs(ports)

    async def create_function(self, call: Call, request: CreateFunctionRequest) -> FunctionConfiguration:
        """Partly: no VPC, images, SnapStart, KMS keys, file systems, tenant isolation, durable executions or Managed
        Instances (refused by name)."""
        ref = self._creatable(call, request["FunctionName"])
        version = self._new_version(ref, request)
        if await self._functions.get(ref.account, ref.region, ref.name) is not None:
            raise _exists(ref)
        await check_role(self._ports, call, version.role, version.arn)
        signing = request.get("CodeSigningConfigArn") or None
        await self._signing.check(call, ref.name, signing)
        layers = await attached(self._ports, call, request.get("Layers") or ())
        data = await package(self._ports, call, request["Code"])
        version = replace(version, code=await checked(self._ports, self._artifacts, data), layers=layers)
        await check_size(self._ports, version.code, layers, data)
        await self._storage.take(call, version.code.size * (2 if request.get("Publish") else 1))
        await self._ports.blobs.put(data)
        function = Function(version, tags=_tags(request.get("Tags") or {}))
        answer, more = version, []
        if request.get("Publish"):
            function, answer = await next_version(self._functions, function, None)
            more = [self._functions.put_version(answer)]
        await self._add(call, ref, function, more, signing)
        self._activation.begin(version)
        return self._shown(answer)

    async def get_function(self, call: Call, request: GetFunctionRequest) -> GetFunctionResponse:
        """The configuration, where the code can be fetched for ten minutes, the tags, and what is reserved."""
        ref, function, version = await find_version(self._functions, call, request)
        answer: GetFunctionResponse = {
            "Configuration": self._shown(version, ref.qualifier),
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
        ref, _, version = await find_version(self._functions, call, request)
        return self._shown(version, ref.qualifier)

    async def update_function_code(self, call: Call, request: UpdateFunctionCodeRequest) -> FunctionConfiguration:
        """Partly: no images (no function can be one)."""
        function = (await find_function(self._functions, call, request)).function
        if request.get("ImageUri") is not None:
            raise InvalidParameterValueException(
                "Please don't provide ImageUri when updating a function with packageType Zip."
            )
        refuse_unsupported(request)
        _check_updatable(function, request)
        await self._check_signature(call, function)
        data = await package(self._ports, call, request)
        code = await checked(self._ports, self._artifacts, data)
        await check_size(self._ports, code, function.latest.layers, data)
        architectures = request.get("Architectures")

        def update(version: Version) -> Version:
            architecture = architectures[0] if architectures else version.architecture
            return replace(version, code=code, architecture=architecture)

        if request.get("DryRun"):
            return self._shown(update(function.latest))
        grown = code.size - function.latest.code.size
        await self._storage.take(call, grown + (code.size if request.get("Publish") else 0))
        await self._ports.blobs.put(data)
        return await self._update(call, request, update)

    async def update_function_configuration(
        self, call: Call, request: UpdateFunctionConfigurationRequest
    ) -> FunctionConfiguration:
        """Partly: as CreateFunction. Changes what the request names."""
        function = (await find_function(self._functions, call, request)).function
        _check_updatable(function, request)
        configured(function.latest, request)
        if (runtime := request.get("Runtime")) is not None:
            self._check_runtime(runtime)
        if (role := request.get("Role")) is not None:
            await check_role(self._ports, call, role, function.latest.arn)
        arns = request.get("Layers")
        layers = None if arns is None else await attached(self._ports, call, arns)
        if layers:
            await self._check_signature(call, function)
        await check_size(self._ports, function.latest.code, layers or ())

        def update(version: Version) -> Version:
            return replace(configured(version, request), layers=version.layers if layers is None else layers)

        return await self._update(call, request, update)

    async def list_functions(self, call: Call, request: ListFunctionsRequest) -> ListFunctionsResponse:
        """Fifty at most a page, in name order; with FunctionVersion ALL every function's versions behind it."""
        region = request.get("MasterRegion", "ALL")
        if region not in ("ALL", call.region):
            return {"Functions": []}
        limit = min(request.get("MaxItems", limits.FUNCTIONS_PAGE), limits.FUNCTIONS_PAGE)
        marker = unmarked(request.get("Marker"))
        if request.get("FunctionVersion") == "ALL":
            return await self._list_every_version(call, marker, limit)
        page = await self._functions.page(call.account, call.region, after=marker, limit=limit + 1)
        answer: ListFunctionsResponse = {
            "Functions": [shown(function.latest, listed=True) for function in page[:limit]]
        }
        if len(page) > limit:
            answer["NextMarker"] = marked(page[limit - 1].latest.name)
        return answer

    async def _list_every_version(self, call: Call, marker: str, limit: int) -> ListFunctionsResponse:
        name, _, number = marker.partition(":")
        page: list[Version] = []
        async for version in self._every_version(call, name, unmarked_number(number) if marker else 0):
            page.append(version)
            if len(page) > limit:
                break
        answer: ListFunctionsResponse = {
            "Functions": [shown(version, qualifier=version.version, listed=True) for version in page[:limit]]
        }
        if len(page) > limit:
            last = page[limit - 1]
            answer["NextMarker"] = marked(f"{last.name}:{'0' if last.version == LATEST else last.version}")
        return answer

    async def _every_version(self, call: Call, name: str, number: int) -> AsyncIterator[Version]:
        """Functions' `$LATEST`s and their versions, beginning behind version `number` of the function `name`."""
        where = call.account, call.region
        if name:
            async for version in self._functions.each_version(*where, name, after=number):
                yield version
        while page := await self._functions.page(*where, after=name, limit=limits.FUNCTIONS_PAGE):
            for function in page:
                name = function.latest.name
                yield function.latest
                async for version in self._functions.each_version(*where, name):
                    yield version

    @optimistic
    async def delete_function(self, call: Call, request: DeleteFunctionRequest) -> DeleteFunctionResponse:
        """A function with all its versions and aliases, or one version; environments finish what they run."""
        ref = function_ref(call, request["FunctionName"], request.get("Qualifier"))
        _check_deletable(ref)
        found = await self._functions.get(ref.account, ref.region, ref.name)
        if found is None:
            raise function_missing(replace(ref, qualifier=None))
        await self._remove(ref, *found)
        return {"StatusCode": 204}

    async def _remove(self, ref: FunctionRef, function: Function, revision: int) -> None:
        qualifier = ref.qualifier
        if qualifier is None:
            freed = await self._allotments.changed(ref.account, ref.region, lambda now: now.without(ref.name))
            await self._functions.remove(function, revision, freed)
        else:
            freed = await self._allotments.changed(
                ref.account, ref.region, lambda now: now.with_provisioned(ref.name, qualifier, None)
            )
            await remove_version(self._functions, function, revision, qualifier, freed)

    # -- shared steps ---------------------------------------------------------------------------------------------

    def _shown(self, version: Version, qualifier: str | None = None) -> FunctionConfiguration:
        return shown(version, qualifier=qualifier, runtime=self._ports.catalogue.find(version.runtime))

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

    async def _add(
        self, call: Call, ref: FunctionRef, function: Function, more: Sequence[Change], signing: str | None
    ) -> None:
        """Write a new function, and its use of a code signing configuration, which must still be there."""
        while True:
            use = await self._signing.use(call, ref, signing)
            try:
                await self._functions.add(function, *more, *use)
            except RevisionMismatch:
                if await self._functions.get(ref.account, ref.region, ref.name) is not None:
                    raise _exists(ref) from None
                continue
            return

    async def _check_signature(self, call: Call, function: Function) -> None:
        """Raises CodeVerificationFailedException when the function takes no unsigned code or layers."""
        latest = function.latest
        ref = FunctionRef(latest.account, latest.region, latest.name)
        await self._signing.check(call, latest.name, await self._signing.used_by(ref))

    def _check_runtime(self, name: str) -> None:
        """Raises InvalidParameterValueException for a runtime that AWS, or this host, does not have."""
        try:
            self._ports.catalogue.check(name)
            self._ports.catalogue.get(name)
        except RuntimeRefused as refused:
            raise InvalidParameterValueException(str(refused)) from None
        except RuntimeMissing as missing:
            raise InvalidParameterValueException(f"{missing} `lambent doctor` says what would.") from None

    @optimistic
    async def _update(
        self, call: Call, request: Mapping[str, Any], update: Callable[[Version], Version]
    ) -> FunctionConfiguration:
        """Write the update on what is there now; who comes second finds it in progress."""
        found = await find_function(self._functions, call, request)
        _check_updatable(found.function, request)
        latest = changed(update(found.function.latest), revision_id=uuid4(), now=self._ports.clock.now())
        function = replace(found.function, latest=latest)
        published, more = None, []
        if request.get("Publish"):
            function, published = await next_version(self._functions, function, None)
            more = [self._functions.put_version(published)]
        await self._functions.replace(function, found.revision, *more)
        self._activation.begin(latest)
        return self._shown(latest) if published is None else self._shown(published, published.version)


def _check_deletable(ref: FunctionRef) -> None:
    """Raises what AWS answers to the deletion of anything but a function or a published version, existing or not."""
    qualifier = ref.qualifier
    if qualifier == LATEST:
        raise InvalidParameterValueException("$LATEST version cannot be deleted without deleting the function.")
    if qualifier is None or is_version(qualifier):
        return
    if "$" in qualifier:
        raise function_missing(replace(ref, qualifier=None))
    raise InvalidParameterValueException("Deletion of aliases is not currently supported.")


def _exists(ref: FunctionRef) -> ResourceConflictException:
    return ResourceConflictException(f"Function already exist: {ref.name}")


def _check_updatable(function: Function, request: Mapping[str, Any]) -> None:
    check_settled(function.latest)
    check_revision(function.latest.revision_id, request.get("RevisionId"))


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    if len(tags) > limits.TAGS:
        raise InvalidParameterValueException("Number of tags exceeds resource tag limit.")
    return dict(tags)
