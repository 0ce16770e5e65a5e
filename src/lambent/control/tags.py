"""The tag operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from lambent.control import capacity, signing
from lambent.control.naming import function_ref
from lambent.control.resources import Resource
from lambent.control.shapes import (
    InvalidParameterValueException,
    ListTagsRequest,
    ListTagsResponse,
    ResourceNotFoundException,
    TagResourceRequest,
    UntagResourceRequest,
)
from lambent.core import limits
from lambent.core.function import Function
from lambent.delivery import mapping
from lambent.invoke.records import FunctionRecords
from lambent.invoke.regional import Regional, Value
from lambent.kit.ids import uuid4
from lambent.ports import Ports
from lambent.store.optimistic import optimistic
from lambent.wire.call import Call
from lambent.wire.errors import AccessDenied

Change = Callable[[Mapping[str, str]], dict[str, str]]
MISSING = {
    mapping.KIND: "Event source mapping not found: {}",
    capacity.KIND: "Capacity provider not found: {}",
    signing.KIND: "The Lambda code signing configuration {} can not be found.",
}
"""What can have tags beside functions, with AWS's text when there is none."""


class Tags:
    """Tags of functions, event source mappings, code signing configurations and capacity providers."""

    def __init__(self, ports: Ports) -> None:
        self._functions = FunctionRecords(ports.records, ports.seal)
        self._others = {kind: Regional(ports.records, kind) for kind in MISSING}

    async def list_tags(self, call: Call, request: ListTagsRequest) -> ListTagsResponse:
        """The tags of a resource."""
        arn = request["Resource"]
        if (resource := _other(call, arn)) is not None:
            value, _ = await self._other_existing(resource)
            return {"Tags": dict(value["Tags"])}
        function, _ = await self._existing(call, arn)
        return {"Tags": dict(function.tags)}

    async def tag_resource(self, call: Call, request: TagResourceRequest) -> None:
        """Add tags, or change their values; a function's revision id changes with them."""
        tags = request["Tags"]
        if not tags:
            raise InvalidParameterValueException("An error occurred and the request cannot be processed.")
        await self._change(call, request["Resource"], lambda now: {**now, **tags})

    async def untag_resource(self, call: Call, request: UntagResourceRequest) -> None:
        """Take tags away; keys that are not there are no error."""
        gone = frozenset(request["TagKeys"])
        await self._change(call, request["Resource"], lambda now: {k: v for k, v in now.items() if k not in gone})

    async def _existing(self, call: Call, arn: str) -> tuple[Function, int]:
        ref = function_ref(call, arn)
        if ref.qualifier is not None:
            raise InvalidParameterValueException(
                "Tags on function aliases and versions are not supported. Please specify a function ARN."
            )
        found = await self._functions.get(ref.account, ref.region, ref.name)
        if found is None:
            raise ResourceNotFoundException(f"Function not found: {ref.arn}")
        return found

    async def _other_existing(self, resource: Resource) -> tuple[Value, int]:
        found = None
        if resource.kind in self._others:
            found = await self._others[resource.kind].get(resource.account, resource.region, resource.name)
        if found is None:
            raise _missing(resource)
        return found

    @optimistic
    async def _change(self, call: Call, arn: str, change: Change) -> None:
        resource = _other(call, arn)
        if resource is None:
            function, revision = await self._existing(call, arn)
            tags = _limited(change(function.tags))
            await self._functions.replace(replace(function.renewed(uuid4()), tags=tags), revision)
        else:
            value, revision = await self._other_existing(resource)
            changed = {**value, "Tags": _limited(change(value["Tags"]))}
            where = (resource.account, resource.region, resource.name)
            await self._others[resource.kind].replace(*where, changed, revision)


def _other(call: Call, arn: str) -> Resource | None:
    """What is no function, or None. Raises AccessDenied for another account's, ResourceNotFoundException for another
    region's."""
    resource = Resource.parse(arn)
    if resource is None or resource.kind == "function":
        return None
    if resource.account != call.account:
        raise AccessDenied(None)
    if resource.region != call.region:
        raise _missing(resource)
    return resource


def _missing(resource: Resource) -> ResourceNotFoundException:
    text = MISSING.get(resource.kind, "The resource you requested does not exist.")
    return ResourceNotFoundException(text.format(resource.arn))


def _limited(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > limits.TAGS:
        raise InvalidParameterValueException("Number of tags exceeds resource tag limit.")
    return tags
