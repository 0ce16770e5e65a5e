"""The layer operations. What is deleted stays with the functions that have it: they know its code by the digest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast

from lambent.control.attaching import not_allowed
from lambent.control.code import checked, package
from lambent.control.configuration import last_modified
from lambent.control.download import location
from lambent.control.paging import marked, unmarked, unmarked_number
from lambent.control.shapes import (
    DeleteLayerVersionRequest,
    GetLayerVersionByArnRequest,
    GetLayerVersionRequest,
    GetLayerVersionResponse,
    InvalidParameterValueException,
    LayersListItem,
    LayerVersionsListItem,
    ListLayersRequest,
    ListLayersResponse,
    ListLayerVersionsRequest,
    ListLayerVersionsResponse,
    PublishLayerVersionRequest,
    PublishLayerVersionResponse,
    ResourceNotFoundException,
)
from lambent.control.storage import CodeStorage
from lambent.core import limits
from lambent.core.arn import PARTITION
from lambent.core.layer import LayerRef, LayerVersion
from lambent.invoke.artifacts import Artifacts
from lambent.invoke.layers import LayerRecords
from lambent.invoke.package import outline
from lambent.ports import Ports
from lambent.wire.call import Call


class Layers:
    """Publish, read, delete and list layer versions."""

    def __init__(self, ports: Ports, artifacts: Artifacts, storage: CodeStorage) -> None:
        self._ports = ports
        self._storage = storage
        self._artifacts = artifacts
        self._layers = LayerRecords(ports.records)

    async def publish_layer_version(
        self, call: Call, request: PublishLayerVersionRequest
    ) -> PublishLayerVersionResponse:
        """With its content in the request, or from S3."""
        ref = layer_ref(call, request["LayerName"])
        if ref.account != call.account:
            raise not_allowed(call, ref.arn)
        content = request["Content"]
        data = await package(self._ports, call, content)
        code = await checked(self._ports, self._artifacts, data)
        contents = await self._ports.tasks.in_thread(outline, data)
        await self._storage.take(call, code.size)
        await self._ports.blobs.put(data)
        runtimes, architectures = request.get("CompatibleRuntimes"), request.get("CompatibleArchitectures")
        draft = LayerVersion(
            account=ref.account,
            region=ref.region,
            name=ref.name,
            number=0,
            code=code,
            unzipped=contents.unzipped,
            created=last_modified(self._ports.clock.now()),
            description=request.get("Description", ""),
            runtimes=None if runtimes is None else tuple(runtimes),
            architectures=None if architectures is None else tuple(architectures),
            license=request.get("LicenseInfo"),
            extensions=contents.extensions,
        )
        version = await self._layers.publish(draft)
        return cast(PublishLayerVersionResponse, self._shown(call, version))

    async def get_layer_version(self, call: Call, request: GetLayerVersionRequest) -> GetLayerVersionResponse:
        """With where the content can be fetched for ten minutes."""
        ref = version_ref(call, request["LayerName"], request["VersionNumber"])
        return await self._get(call, ref)

    async def get_layer_version_by_arn(
        self, call: Call, request: GetLayerVersionByArnRequest
    ) -> GetLayerVersionResponse:
        """The same."""
        if not request["Arn"].startswith(f"arn:{PARTITION}:"):
            raise InvalidParameterValueException(f"Invalid layer version {request['Arn']}")
        ref = layer_ref(call, request["Arn"])
        return await self._get(call, version_ref(call, ref.layer_arn, ref.number or 0))

    async def delete_layer_version(self, call: Call, request: DeleteLayerVersionRequest) -> None:
        """Delete a version, or one that is not there; functions that have it keep it."""
        ref = version_ref(call, request["LayerName"], request["VersionNumber"])
        if ref.account != call.account:
            raise not_allowed(call, ref.arn)
        await self._layers.remove(ref)

    async def list_layers(self, call: Call, request: ListLayersRequest) -> ListLayersResponse:
        """Layers in name order, each with its newest version that fits the filters; fifty at most a page."""
        limit = min(request.get("MaxItems", limits.LAYERS_PAGE), limits.LAYERS_PAGE)
        page: list[LayersListItem] = []
        async for name in self._layers.names(call.account, call.region, after=unmarked(request.get("Marker"))):
            layer = LayerRef(call.account, call.region, name)
            newest = [version async for version in self._fitting(layer, request, most=1)]
            if not newest:
                continue
            if len(page) == limit:
                return {"Layers": page, "NextMarker": marked(page[-1]["LayerName"])}
            page.append(
                {
                    "LayerName": name,
                    "LayerArn": layer.arn,
                    "LatestMatchingVersion": cast(LayerVersionsListItem, _listed(newest[0])),
                }
            )
        return {"Layers": page}

    async def list_layer_versions(self, call: Call, request: ListLayerVersionsRequest) -> ListLayerVersionsResponse:
        """Newest first; fifty at most a page."""
        layer = layer_ref(call, request["LayerName"])
        if layer.account != call.account:
            raise not_allowed(call, layer.arn)
        limit = min(request.get("MaxItems", limits.LAYERS_PAGE), limits.LAYERS_PAGE)
        marker = unmarked(request.get("Marker"))
        below = unmarked_number(marker) if marker else None
        versions = [version async for version in self._fitting(layer, request, below=below, most=limit + 1)]
        answer: ListLayerVersionsResponse = {
            "LayerVersions": [cast(LayerVersionsListItem, _listed(version)) for version in versions[:limit]]
        }
        if len(versions) > limit:
            answer["NextMarker"] = marked(str(versions[limit - 1].number))
        return answer

    async def _get(self, call: Call, ref: LayerRef) -> GetLayerVersionResponse:
        found = await self._layers.get(ref)
        if found is None and ref.account == call.account:
            raise ResourceNotFoundException("The resource you requested does not exist.")
        if found is None or not found[0].may_be_used_by(call.account):
            raise not_allowed(call, ref.arn)
        return cast(GetLayerVersionResponse, self._shown(call, found[0]))

    async def _fitting(
        self,
        layer: LayerRef,
        request: ListLayersRequest | ListLayerVersionsRequest,
        *,
        most: int,
        below: int | None = None,
    ) -> AsyncIterator[LayerVersion]:
        """The newest versions that fit the request's filters."""
        runtime, architecture = request.get("CompatibleRuntime"), request.get("CompatibleArchitecture")
        count = 0
        async for version in self._layers.versions(layer, below=below):
            if version.fits(runtime, architecture):
                yield version
                count += 1
                if count == most:
                    return

    def _shown(self, call: Call, version: LayerVersion) -> dict[str, Any]:
        code = version.code
        content = {
            "Location": location(self._ports, call, code.digest),
            "CodeSha256": code.sha256,
            "CodeSize": code.size,
        }
        return {"Content": content, "LayerArn": version.ref.layer_arn, **_listed(version)}


def _listed(version: LayerVersion) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "LayerVersionArn": version.ref.arn,
        "Version": version.number,
        "Description": version.description,
        "CreatedDate": version.created,
    }
    if version.runtimes is not None or version.architectures is not None:
        answer["CompatibleRuntimes"] = list(version.runtimes or ())
    if version.architectures is not None:
        answer["CompatibleArchitectures"] = list(version.architectures)
    if version.license is not None:
        answer["LicenseInfo"] = version.license
    return answer


def layer_ref(call: Call, text: str) -> LayerRef:
    """The layer that a request names, or layer version if it is an ARN of one. Raises ResourceNotFoundException."""
    ref = LayerRef.parse(text, account=call.account, region=call.region)
    if ref is None or ref.region != call.region:
        raise ResourceNotFoundException("The resource you requested does not exist.")
    return ref


def version_ref(call: Call, layer: str, number: int) -> LayerRef:
    """The layer version that a request names. Raises InvalidParameterValueException and ResourceNotFoundException."""
    ref = layer_ref(call, layer)
    if number < 1:
        raise InvalidParameterValueException("Layer Version Cannot be less than 1")
    return replace(ref, number=number)
