"""Topics: making, listing, changing, deleting them, and their policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lambent.neighbours.sns import topic_attributes
from lambent.neighbours.sns.names import TopicRef, is_topic_name
from lambent.neighbours.sns.records import Topic, TopicRecords
from lambent.neighbours.sns.requests import PAGE, invalid, page_token, read_page_token, tags, topic_ref
from lambent.neighbours.sns.shapes import (
    AddPermissionInput,
    CreateTopicInput,
    CreateTopicResponse,
    DeleteTopicInput,
    GetTopicAttributesInput,
    GetTopicAttributesResponse,
    InvalidParameterException,
    ListTopicsInput,
    ListTopicsResponse,
    RemovePermissionInput,
    SetTopicAttributesInput,
)
from lambent.ports import Ports
from lambent.wire.call import Call


class Topics:
    """The operations on topics."""

    def __init__(self, ports: Ports) -> None:
        self._topics = TopicRecords(ports.records)
        self._queues = ports.queues

    async def create_topic(self, call: Call, request: CreateTopicInput) -> CreateTopicResponse:
        """Partly: `KmsMasterKeyId` is kept and shown, and encrypts nothing; data protection policies, delivery status
        logging and archives are refused."""
        name = request["Name"]
        if not is_topic_name(name):
            raise invalid("Topic Name")
        if request.get("DataProtectionPolicy"):
            raise invalid("DataProtectionPolicy", "it is not supported by Lambent")
        topic = Topic(
            account=call.account,
            region=call.region,
            name=name,
            attributes=topic_attributes.checked_new(name, request.get("Attributes", {})),
            tags=tags(request.get("Tags", [])),
        )
        existing = await self._topics.add(topic)
        if existing is not None:
            _check_same(existing, topic, request)
        return {"TopicArn": topic.ref.arn}

    async def delete_topic(self, call: Call, request: DeleteTopicInput) -> None:
        ref = topic_ref(call, request["TopicArn"])
        gone = await self._topics.delete(ref)
        for queue in (ref.queue, *(subscription.ref.queue for subscription in gone)):
            await self._queues.purge(queue, tokens=True)

    async def list_topics(self, call: Call, request: ListTopicsInput) -> ListTopicsResponse:
        after = read_page_token(request.get("NextToken"))
        scope = TopicRef(call.account, call.region, "")
        found = await self._topics.topics(scope, after=after, limit=PAGE + 1)
        answer: ListTopicsResponse = {"Topics": [{"TopicArn": topic.ref.arn} for topic in found[:PAGE]]}
        if len(found) > PAGE:
            answer["NextToken"] = page_token(found[PAGE - 1].name)
        return answer

    async def get_topic_attributes(self, call: Call, request: GetTopicAttributesInput) -> GetTopicAttributesResponse:
        ref = topic_ref(call, request["TopicArn"])
        topic = await self._topics.topic(ref)
        return {"Attributes": topic_attributes.shown(topic, await self._topics.subscriptions(ref))}

    async def set_topic_attributes(self, call: Call, request: SetTopicAttributesInput) -> None:
        """Partly: as `CreateTopic`."""
        ref = topic_ref(call, request["TopicArn"])
        name, value = request["AttributeName"], request.get("AttributeValue", "")
        await self._topics.topic(ref)
        topic_attributes.check(name, value, is_fifo=ref.is_fifo)
        await self._topics.change(ref, lambda topic: _with_attribute(topic, name, value))

    async def add_permission(self, call: Call, request: AddPermissionInput) -> None:
        """Partly: policies are kept and shown, not yet evaluated."""
        label, accounts, actions = request["Label"], request["AWSAccountId"], request["ActionName"]

        def permitted(topic: Topic) -> Topic:
            policy = topic_attributes.with_permission(topic, label, accounts, actions)
            return _with_attribute(topic, "Policy", topic_attributes.text(policy))

        await self._topics.change(topic_ref(call, request["TopicArn"]), permitted)

    async def remove_permission(self, call: Call, request: RemovePermissionInput) -> None:
        def forbidden(topic: Topic) -> Topic:
            policy = topic_attributes.without_permission(topic, request["Label"])
            return _with_attribute(topic, "Policy", topic_attributes.text(policy))

        await self._topics.change(topic_ref(call, request["TopicArn"]), forbidden)


def _with_attribute(topic: Topic, name: str, value: str) -> Topic:
    others = {n: v for n, v in topic.attributes.items() if n != name}
    return replace(topic, attributes=others | ({name: value} if value else {}))


def _check_same(existing: Topic, wanted: Topic, request: Mapping[str, object]) -> None:
    """A topic may be made again as it is. Raises InvalidParameterException."""
    if request.get("Tags") and any(existing.tags.get(key) != value for key, value in wanted.tags.items()):
        raise InvalidParameterException("Invalid parameter: Tags Reason: Topic already exists with different tags")
    if any(existing.attributes.get(name) != value for name, value in wanted.attributes.items()):
        raise InvalidParameterException(
            "Invalid parameter: Attributes Reason: Topic already exists with different attributes"
        )
