"""Queues: making, finding, changing, purging and deleting them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lambent.neighbours.sqs.attributes import (
    COUNTS,
    allows,
    changed,
    check_names,
    checked,
    difference,
    effective,
    redrive_of,
)
from lambent.neighbours.sqs.errors import InvalidParameterValue, invalid_value, no_queue
from lambent.neighbours.sqs.names import QueueRef, is_name
from lambent.neighbours.sqs.receiving import Receiving
from lambent.neighbours.sqs.records import REST_S, Queue, QueueRecords
from lambent.neighbours.sqs.requests import named_queue, page
from lambent.neighbours.sqs.shapes import (
    CreateQueueRequest,
    CreateQueueResult,
    DeleteQueueRequest,
    GetQueueAttributesRequest,
    GetQueueAttributesResult,
    GetQueueUrlRequest,
    GetQueueUrlResult,
    InvalidAttributeName,
    InvalidAttributeValue,
    ListDeadLetterSourceQueuesRequest,
    ListDeadLetterSourceQueuesResult,
    ListQueuesRequest,
    ListQueuesResult,
    PurgeQueueInProgress,
    PurgeQueueRequest,
    QueueNameExists,
    SetQueueAttributesRequest,
)
from lambent.neighbours.sqs.tagging import checked_tags
from lambent.ports import Ports
from lambent.wire.call import Call

_NAME = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
_FIFO_NAME = (
    "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo "
    "suffix and be 1 to 80 in length."
)


class SqsQueues:
    """The operations on queues."""

    def __init__(self, ports: Ports) -> None:
        self._records = ports.shared(QueueRecords)
        self._receiving = ports.shared(Receiving)
        self._messages = ports.queues
        self._clock = ports.clock
        self._rest_s = 0 if ports.trust.dev else REST_S
        self._purged_s: dict[str, float] = {}

    async def create_queue(self, call: Call, request: CreateQueueRequest) -> CreateQueueResult:
        await self._records.ready()
        given = request.get("Attributes") or {}
        ref = QueueRef(call.account, call.region, request["QueueName"])
        _check_name(ref, given)
        attributes = checked(given, ref)
        tags = checked_tags(ref, {}, request.get("tags") or {})
        queue = self._records.find(ref)
        if queue is None:
            self._check_dead_letters(ref, attributes)
            queue = await self._records.add(ref, changed({}, attributes), tags) or self._records.get(ref)
        other = difference(queue.attributes, attributes, is_fifo=ref.is_fifo)
        if other is not None:
            text = f"A queue already exists with the same name and a different value for attribute {other}"
            raise QueueNameExists(text)
        return {"QueueUrl": ref.url(call.host)}

    async def get_queue_url(self, call: Call, request: GetQueueUrlRequest) -> GetQueueUrlResult:
        await self._records.ready()
        account = request.get("QueueOwnerAWSAccountId") or call.account
        ref = QueueRef(account, call.region, request["QueueName"])
        if account != call.account or self._records.find(ref) is None:
            raise no_queue()
        return {"QueueUrl": ref.url(call.host)}

    async def list_queues(self, call: Call, request: ListQueuesRequest) -> ListQueuesResult:
        await self._records.ready()
        prefix = request.get("QueueNamePrefix") or ""
        found = [q for q in self._records.of(call.account, call.region) if q.ref.name.startswith(prefix)]
        shown, token = page(found, _names(found), request)
        answer: ListQueuesResult = {"QueueUrls": _urls(shown, call)} if shown else {}
        if token is not None:
            answer["NextToken"] = token
        return answer

    async def list_dead_letter_source_queues(
        self, call: Call, request: ListDeadLetterSourceQueuesRequest
    ) -> ListDeadLetterSourceQueuesResult:
        queue = await named_queue(self._records, call, request["QueueUrl"])
        sources = self._records.sources_of(queue.ref)
        shown, token = page(sources, _names(sources), request)
        answer: ListDeadLetterSourceQueuesResult = {"queueUrls": _urls(shown, call)}
        if token is not None:
            answer["NextToken"] = token
        return answer

    async def get_queue_attributes(self, call: Call, request: GetQueueAttributesRequest) -> GetQueueAttributesResult:
        queue = await named_queue(self._records, call, request["QueueUrl"])
        asked = request.get("AttributeNames") or []
        check_names(asked)
        shown = {
            **effective(queue.attributes, is_fifo=queue.ref.is_fifo),
            "QueueArn": queue.ref.arn,
            "CreatedTimestamp": str(queue.created_s),
            "LastModifiedTimestamp": str(queue.modified_s),
        }
        if "All" in asked or not set(asked).isdisjoint(COUNTS):
            counts = await self._messages.counts(queue.ref.messages)
            numbers = (counts.visible, counts.leased, counts.delayed)
            shown.update(zip(COUNTS, map(str, numbers), strict=True))
        if "All" not in asked:
            shown = {name: shown[name] for name in asked if name in shown}
        return {"Attributes": shown} if shown else {}

    async def set_queue_attributes(self, call: Call, request: SetQueueAttributesRequest) -> None:
        queue = await named_queue(self._records, call, request["QueueUrl"])
        given = request["Attributes"]
        if queue.ref.is_fifo and "FifoQueue" in given and (given["FifoQueue"] or "").lower() != "true":
            text = "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported."
            raise InvalidAttributeValue(text)
        attributes = checked(given, queue.ref)
        self._check_dead_letters(queue.ref, attributes)
        await self._records.change(
            queue.ref, lambda queue: replace(queue, attributes=changed(queue.attributes, attributes))
        )

    async def purge_queue(self, call: Call, request: PurgeQueueRequest) -> None:
        queue = await named_queue(self._records, call, request["QueueUrl"])
        now = self._clock.now()
        if now < self._purged_s.get(queue.id, 0.0) + self._rest_s:
            name = queue.ref.name
            raise PurgeQueueInProgress(f"Only one PurgeQueue operation on {name} is allowed every 60 seconds.")
        self._purged_s = {id_: at for id_, at in self._purged_s.items() if at + REST_S > now} | {queue.id: now}
        # Duplicates of what was purged are none.
        await self._messages.purge(queue.ref.messages, tokens=True)

    async def delete_queue(self, call: Call, request: DeleteQueueRequest) -> None:
        queue = await named_queue(self._records, call, request["QueueUrl"])
        await self._records.delete(queue.ref)
        self._receiving.let_go(queue)

    def _check_dead_letters(self, ref: QueueRef, attributes: Mapping[str, str]) -> None:
        """Raises InvalidParameterValue for a RedrivePolicy whose queue is not there or does not want it."""
        text = attributes.get("RedrivePolicy")
        if not text:
            return
        dead = self._records.find(redrive_of(text).dead)
        if dead is None:
            raise invalid_value("RedrivePolicy", text, "Dead letter target does not exist.")
        if not allows(dead.attributes.get("RedriveAllowPolicy"), ref):
            reason = f"Queue {dead.ref.arn} does not allow {ref.arn} to use it as a dead-letter queue."
            raise invalid_value("RedrivePolicy", text, reason)


def _check_name(ref: QueueRef, attributes: Mapping[str, str]) -> None:
    asks_for_fifo = (attributes.get("FifoQueue") or "").lower() == "true"
    if not is_name(ref.name, fifo=asks_for_fifo):
        raise InvalidParameterValue(_FIFO_NAME if asks_for_fifo else _NAME)
    if not asks_for_fifo and "FifoQueue" in attributes:
        raise InvalidAttributeName("Unknown Attribute FifoQueue.")


def _names(queues: Sequence[Queue]) -> list[str]:
    return [queue.ref.name for queue in queues]


def _urls(queues: Sequence[Queue], call: Call) -> list[str]:
    return [queue.ref.url(call.host) for queue in queues]
