"""Tags of log groups, by the group's name (the older operations) and by its ARN."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from lambent.core import limits
from lambent.neighbours.logs.names import GroupRef
from lambent.neighbours.logs.records import Group, LogRecords
from lambent.neighbours.logs.requests import check_tag_keys, named_group, tagged_group
from lambent.neighbours.logs.shapes import (
    InvalidParameterException,
    ListTagsForResourceRequest,
    ListTagsForResourceResponse,
    ListTagsLogGroupRequest,
    ListTagsLogGroupResponse,
    TagLogGroupRequest,
    TagResourceRequest,
    TooManyTagsException,
    UntagLogGroupRequest,
    UntagResourceRequest,
)
from lambent.ports import Ports
from lambent.wire.call import Call
from lambent.wire.errors import ApiError

_TOO_MANY = f"A resource can have at most {limits.TAGS} tags."


class LogTags:
    """The operations on tags."""

    def __init__(self, ports: Ports) -> None:
        self._groups = LogRecords(ports.records, ports.journals)

    async def tag_resource(self, call: Call, request: TagResourceRequest) -> None:
        ref = tagged_group(call, request["resourceArn"])
        await self._tag(ref, request["tags"], TooManyTagsException(_TOO_MANY))

    async def untag_resource(self, call: Call, request: UntagResourceRequest) -> None:
        await self._untag(tagged_group(call, request["resourceArn"]), request["tagKeys"])

    async def list_tags_for_resource(
        self, call: Call, request: ListTagsForResourceRequest
    ) -> ListTagsForResourceResponse:
        group = await self._groups.group(tagged_group(call, request["resourceArn"]))
        return {"tags": dict(group.tags)}

    async def tag_log_group(self, call: Call, request: TagLogGroupRequest) -> None:
        ref = named_group(call, request["logGroupName"])
        await self._tag(ref, request["tags"], InvalidParameterException(_TOO_MANY))

    async def untag_log_group(self, call: Call, request: UntagLogGroupRequest) -> None:
        await self._untag(named_group(call, request["logGroupName"]), request["tags"])

    async def list_tags_log_group(self, call: Call, request: ListTagsLogGroupRequest) -> ListTagsLogGroupResponse:
        group = await self._groups.group(named_group(call, request["logGroupName"]))
        return {"tags": dict(group.tags)}

    async def _tag(self, ref: GroupRef, tags: Mapping[str, str], too_many: ApiError) -> None:
        check_tag_keys(tags)

        def tagged(group: Group) -> Group:
            merged = {**group.tags, **tags}
            if len(merged) > limits.TAGS:
                raise too_many
            return replace(group, tags=merged)

        await self._groups.change_group(ref, tagged)

    async def _untag(self, ref: GroupRef, keys: Iterable[str]) -> None:
        gone = frozenset(keys)

        def untagged(group: Group) -> Group:
            return replace(group, tags={k: v for k, v in group.tags.items() if k not in gone})

        await self._groups.change_group(ref, untagged)
