"""Tags of queues."""

from __future__ import annotations

from dataclasses import replace

from lambent.neighbours.sqs.records import QueueRecords
from lambent.neighbours.sqs.requests import named_queue
from lambent.neighbours.sqs.shapes import (
    ListQueueTagsRequest,
    ListQueueTagsResult,
    TagQueueRequest,
    UntagQueueRequest,
)
from lambent.neighbours.sqs.tagging import checked_tags
from lambent.ports import Ports
from lambent.wire.call import Call
from lambent.wire.errors import MissingParameter


class SqsTags:
    """The operations on tags."""

    def __init__(self, ports: Ports) -> None:
        self._records = ports.shared(QueueRecords)

    async def tag_queue(self, call: Call, request: TagQueueRequest) -> None:
        queue = await named_queue(self._records, call, request["QueueUrl"])
        if not request["Tags"]:
            raise MissingParameter("The request must contain the parameter Tags.")
        added = request["Tags"]
        await self._records.change(
            queue.ref, lambda queue: replace(queue, tags=checked_tags(queue.ref, queue.tags, added))
        )

    async def untag_queue(self, call: Call, request: UntagQueueRequest) -> None:
        queue = await named_queue(self._records, call, request["QueueUrl"])
        if not request["TagKeys"]:
            raise MissingParameter("The request must contain the parameter TagKeys.")
        gone = frozenset(request["TagKeys"])
        await self._records.change(
            queue.ref, lambda queue: replace(queue, tags={k: v for k, v in queue.tags.items() if k not in gone})
        )

    async def list_queue_tags(self, call: Call, request: ListQueueTagsRequest) -> ListQueueTagsResult:
        queue = await named_queue(self._records, call, request["QueueUrl"])
        return {"Tags": dict(queue.tags)} if queue.tags else {}
