"""Publishing: answered once everything that is to be delivered is on disk."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from lambent.neighbours.sns import message as messages
from lambent.neighbours.sns.message import Message
from lambent.neighbours.sns.names import TopicRef
from lambent.neighbours.sns.outbox import Outbox, Publication
from lambent.neighbours.sns.records import Topic, TopicRecords
from lambent.neighbours.sns.requests import invalid, topic_ref
from lambent.neighbours.sns.shapes import (
    BatchEntryIdsNotDistinctException,
    BatchRequestTooLongException,
    EmptyBatchRequestException,
    InvalidBatchEntryIdException,
    InvalidParameterException,
    PublishBatchInput,
    PublishBatchResponse,
    PublishBatchResultEntry,
    PublishInput,
    PublishResponse,
    TooManyEntriesInBatchRequestException,
)
from lambent.ports import Ports
from lambent.wire.call import Call

ENTRIES = 10
_ENTRY_ID = re.compile(r"[a-zA-Z0-9_-]{1,80}")


class Publishing:
    """The operations that publish."""

    def __init__(self, ports: Ports) -> None:
        self._topics = TopicRecords(ports.records)
        self._outbox = Outbox(self._topics, ports.queues, ports.clock)

    async def publish(self, call: Call, request: PublishInput) -> PublishResponse:
        """Partly: to topics; there are no phone numbers and no platform endpoints."""
        topic = await self._topics.topic(_target(call, request))
        publication = _publication(topic, request, call)
        if publication.size > messages.BYTES:
            raise InvalidParameterException("Invalid parameter: Message too long")
        sent = await self._outbox.publish(topic, publication)
        return {"MessageId": sent.id, **_sequence(sent)}  # type: ignore[typeddict-item]

    async def publish_batch(self, call: Call, request: PublishBatchInput) -> PublishBatchResponse:
        ref = topic_ref(call, request["TopicArn"])
        entries = request["PublishBatchRequestEntries"]
        topic = await self._topics.topic(ref)
        _check_entries([entry["Id"] for entry in entries])
        publications = [_publication(topic, entry, call) for entry in entries]
        if sum(publication.size for publication in publications) > messages.BYTES:
            raise BatchRequestTooLongException("The length of all the messages put together is more than the limit.")
        sent = await self._outbox.publish_all(topic, publications)
        successful: list[PublishBatchResultEntry] = [
            {"Id": entry["Id"], "MessageId": each.id, **_sequence(each)}  # type: ignore[typeddict-item]
            for entry, each in zip(entries, sent, strict=True)
        ]
        return {"Successful": successful, "Failed": []}


def _target(call: Call, request: PublishInput) -> TopicRef:
    """The topic that is published to. Raises InvalidParameterException."""
    if request.get("PhoneNumber"):
        raise invalid("PhoneNumber", "Lambent sends no text messages")
    if "TopicArn" in request:
        return topic_ref(call, request["TopicArn"])
    target = request.get("TargetArn")
    if target is None:
        raise invalid("TopicArn or TargetArn", "no value for required parameter")
    if ":endpoint/" in target:
        raise invalid("TargetArn", "No endpoint found for the target arn specified")
    return topic_ref(call, target, "TargetArn")


def _publication(topic: Topic, request: Mapping[str, Any], call: Call) -> Publication:
    """A checked message. Raises InvalidParameterException and InvalidParameterValueException."""
    text = request["Message"]
    attributes = messages.attributes(request.get("MessageAttributes", {}))
    texts = messages.texts(text, request.get("MessageStructure"))
    group, deduplication = request.get("MessageGroupId", ""), request.get("MessageDeduplicationId", "")
    if topic.ref.is_fifo:
        deduplication = _checked_order(topic, text, group, deduplication)
    elif "MessageDeduplicationId" in request:
        reason = "The request includes MessageDeduplicationId parameter that is not valid for this topic type"
        raise invalid("MessageDeduplicationId", reason)
    if group and not messages.is_deduplication_id(group):
        raise invalid("MessageGroupId")
    return Publication(
        texts=texts,
        subject=messages.checked_subject(request.get("Subject")),
        attributes=attributes,
        group=group,
        deduplication=deduplication,
        trace=call.headers.get(b"x-amzn-trace-id", b"").decode("latin-1"),
        size=messages.size(text, attributes),
    )


def _checked_order(topic: Topic, text: str, group: str, deduplication: str) -> str:
    """The deduplication id of a message to a FIFO topic. Raises InvalidParameterException."""
    if not group:
        raise InvalidParameterException("Invalid parameter: The MessageGroupId parameter is required for FIFO topics")
    if deduplication:
        if not messages.is_deduplication_id(deduplication):
            raise invalid("MessageDeduplicationId")
        return deduplication
    if topic.attributes.get("ContentBasedDeduplication") != "true":
        raise InvalidParameterException(
            "Invalid parameter: The topic should either have ContentBasedDeduplication enabled "
            "or MessageDeduplicationId provided explicitly"
        )
    return messages.digest(text)


def _check_entries(ids: Sequence[str]) -> None:
    """Raises the error of a batch that is empty, too large, or whose ids are wrong."""
    if not ids:
        raise EmptyBatchRequestException("The batch request doesn't contain any entries.")
    if len(ids) > ENTRIES:
        raise TooManyEntriesInBatchRequestException("The batch request contains more entries than permissible.")
    if not all(_ENTRY_ID.fullmatch(each) for each in ids):
        raise InvalidBatchEntryIdException(
            "The Id of a batch entry in a batch request doesn't abide by the specification."
        )
    if len(set(ids)) < len(ids):
        raise BatchEntryIdsNotDistinctException("Two or more batch entries in the request have the same Id.")


def _sequence(message: Message) -> dict[str, str]:
    return {"SequenceNumber": message.sequence} if message.sequence else {}
