"""Tags of topics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lambent.neighbours.sns.names import TopicRef
from lambent.neighbours.sns.records import Topic, TopicRecords
from lambent.neighbours.sns.requests import check_tag_count, tags, topic_ref
from lambent.neighbours.sns.shapes import (
    ListTagsForResourceRequest,
    ListTagsForResourceResponse,
    NotFoundException,
    ResourceNotFoundException,
    TagResourceRequest,
    TagResourceResponse,
    UntagResourceRequest,
    UntagResourceResponse,
)
from lambent.ports import Ports
from lambent.wire.call import Call

_NO_RESOURCE = "Resource does not exist"


class TopicTags:
    """The operations on tags."""

    def __init__(self, ports: Ports) -> None:
        self._topics = TopicRecords(ports.records)

    async def tag_resource(self, call: Call, request: TagResourceRequest) -> TagResourceResponse:
        new = tags(request["Tags"])

        def tagged(topic: Topic) -> Topic:
            return replace(topic, tags=check_tag_count({**topic.tags, **new}))

        await self._changed(_ref(call, request["ResourceArn"]), tagged)
        return {}

    async def untag_resource(self, call: Call, request: UntagResourceRequest) -> UntagResourceResponse:
        gone = frozenset(request["TagKeys"])

        def untagged(topic: Topic) -> Topic:
            return replace(topic, tags={key: value for key, value in topic.tags.items() if key not in gone})

        await self._changed(_ref(call, request["ResourceArn"]), untagged)
        return {}

    async def list_tags_for_resource(
        self, call: Call, request: ListTagsForResourceRequest
    ) -> ListTagsForResourceResponse:
        topic = await self._topics.find(_ref(call, request["ResourceArn"]))
        if topic is None:
            raise ResourceNotFoundException(_NO_RESOURCE)
        return {"Tags": [{"Key": key, "Value": value} for key, value in topic.tags.items()]}

    async def _changed(self, ref: TopicRef, change: Callable[[Topic], Topic]) -> None:
        try:
            await self._topics.change(ref, change)
        except NotFoundException:
            raise ResourceNotFoundException(_NO_RESOURCE) from None


def _ref(call: Call, arn: str) -> TopicRef:
    return topic_ref(call, arn, "ResourceArn")
