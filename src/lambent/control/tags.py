"""The tag operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from lambent.control.naming import function_ref
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
from lambent.invoke.records import FunctionRecords
from lambent.ports import Ports
from lambent.store.base import RevisionMismatch
from lambent.wire.call import Call


class Tags:
    """Tags of functions."""

    def __init__(self, ports: Ports) -> None:
        self._functions = FunctionRecords(ports.records, ports.seal)

    async def list_tags(self, call: Call, request: ListTagsRequest) -> ListTagsResponse:
        """Partly: of functions; event source mappings and the rest follow with the resources themselves."""
        function, _ = await self._existing(call, request["Resource"])
        return {"Tags": dict(function.tags)}

    async def tag_resource(self, call: Call, request: TagResourceRequest) -> None:
        """Partly: of functions."""
        tags = request["Tags"]
        if not tags:
            raise InvalidParameterValueException("An error occurred and the request cannot be processed.")
        await self._change(call, request["Resource"], lambda now: {**now, **tags})

    async def untag_resource(self, call: Call, request: UntagResourceRequest) -> None:
        """Partly: of functions."""
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

    async def _change(self, call: Call, arn: str, change: Callable[[Mapping[str, str]], dict[str, str]]) -> None:
        while True:
            function, revision = await self._existing(call, arn)
            tags = change(function.tags)
            if len(tags) > limits.TAGS:
                raise InvalidParameterValueException("Number of tags exceeds resource tag limit.")
            try:
                await self._functions.replace(replace(function, tags=tags), revision)
            except RevisionMismatch:
                continue
            return
