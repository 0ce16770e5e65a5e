"""The calls to one queue, ours or another service's: what event source mappings need of SQS."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from lambent.core.eventsource import Queue
from lambent.delivery.mapping import Source
from lambent.delivery.trigger import SourceGone, SourceUnreachable
from lambent.kit.ids import uuid4
from lambent.neighbours.sqs.event import Item
from lambent.ports import Ports
from lambent.values import frozen
from lambent.wire.call import Call, Principal
from lambent.wire.errors import ApiError

PER_CALL = 10
"""Messages that one call receives, deletes or changes, at most."""
CALLS_AT_ONCE = 10
"""To settle a large batch with."""
SETTLE_AGAIN_S = (0.2, 1.0, 3.0)
"""Between attempts to settle messages with a service that does not answer."""
FACTS_S = 60.0
"""How long what is known of the queue is taken for right."""
MISSING = (
    "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
    "SQS Error Message: The specified queue does not exist."
)


@frozen
class Facts:
    """What is known of a queue."""

    url: str
    visibility_s: int
    dead: str | None
    """The ARN of its dead-letter queue."""
    read_at: float


class Door:
    """The calls to one queue."""

    def __init__(self, ports: Ports, source: Source) -> None:
        queue = Queue.parse(source.arn)
        assert queue is not None, source.arn  # checked when the mapping was made
        self.queue = queue
        self._aws = ports.aws
        self._clock = ports.clock
        self._log = ports.log
        self._source = source
        self._known = Facts("", 0, None, 0.0)
        self._is_known = False

    async def facts(self) -> Facts:
        """The queue's address and visibility timeout, as of a minute ago at most. Raises SourceGone and
        SourceUnreachable."""
        if not self._is_known or self._clock.monotonic() - self._known.read_at > FACTS_S:
            self._known = await self._read()
            self._is_known = True
        return self._known

    @property
    def visibility_s(self) -> int:
        """How long the queue hides a message, as of the last receive."""
        return self._known.visibility_s

    async def receive(self, limit: int, wait_s: int) -> Sequence[Mapping[str, Any]]:
        """Up to `limit` messages, after `wait_s` seconds at the latest. Raises SourceGone and SourceUnreachable."""
        facts = await self.facts()
        answer = await self.call(
            "ReceiveMessage",
            QueueUrl=facts.url,
            MaxNumberOfMessages=limit,
            WaitTimeSeconds=wait_s,
            AttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return answer.get("Messages") or ()

    async def delete(self, items: Sequence[Item]) -> None:
        """They are done with. What cannot be deleted comes again."""
        await self._on_all("DeleteMessageBatch", items)

    async def hide(self, items: Sequence[Item]) -> None:
        """From now on for the queue's whole visibility timeout."""
        await self._on_all("ChangeMessageVisibilityBatch", items, VisibilityTimeout=self.visibility_s)

    async def bury(self, item: Item) -> None:
        """Put a copy into the queue's dead-letter queue, if there is one. Raises SourceGone and SourceUnreachable."""
        dead = None if self._known.dead is None else Queue.parse(self._known.dead)
        if dead is None:
            return
        found = await self.call("GetQueueUrl", QueueName=dead.name, QueueOwnerAWSAccountId=dead.account)
        attributes = item.record["attributes"]
        members: dict[str, Any] = {"QueueUrl": found["QueueUrl"], "MessageBody": item.message["Body"]}
        if own := item.message.get("MessageAttributes"):
            members["MessageAttributes"] = own
        if dead.is_fifo:
            members["MessageGroupId"] = attributes["MessageGroupId"]
            members["MessageDeduplicationId"] = item.id
        await self.call("SendMessage", **members)

    async def _on_all(self, operation: str, items: Sequence[Item], **members: Any) -> None:
        step = PER_CALL * CALLS_AT_ONCE
        for start in range(0, len(items), step):
            parts = [items[at : at + PER_CALL] for at in range(start, min(start + step, len(items)), PER_CALL)]
            await asyncio.gather(*(self._on_each(operation, part, **members) for part in parts))

    async def _on_each(self, operation: str, items: Sequence[Item], **members: Any) -> None:
        entries = [{"Id": str(at), "ReceiptHandle": each.receipt, **members} for at, each in enumerate(items)]
        try:
            answer = await self._settled(operation, QueueUrl=self._known.url, Entries=entries)
        except (SourceGone, SourceUnreachable) as error:
            self._log.warning("messages_not_settled", operation=operation, queue=self.queue.arn, reason=error)
            return
        for failure in answer.get("Failed") or ():
            reason = failure.get("Message") or failure.get("Code")
            self._log.warning("message_not_settled", operation=operation, queue=self.queue.arn, reason=reason)

    async def _settled(self, operation: str, **members: Any) -> dict[str, Any]:
        """The answer, perhaps only after some attempts: what is not deleted is handled twice. Raises SourceGone and
        SourceUnreachable."""
        for wait_s in SETTLE_AGAIN_S:
            try:
                return await self.call(operation, **members)
            except SourceUnreachable:
                await asyncio.sleep(wait_s)
        return await self.call(operation, **members)

    async def call(self, operation: str, **members: Any) -> dict[str, Any]:
        """An operation of SQS, in the name of the mapping's account. Raises SourceGone and SourceUnreachable."""
        account = self._source.account
        principal = Principal(account, f"arn:aws:iam::{account}:root", account, "", is_root=True)
        call = Call(principal, self._source.region, uuid4(), "sqs", operation)
        try:
            return await self._aws.call(call, "sqs", operation, members)
        except ApiError as error:
            if "NonExistentQueue" in error.code or "QueueDoesNotExist" in error.code:
                self._is_known = False
                raise SourceGone(MISSING) from None
            raise SourceUnreachable(
                f"Error occurred while {operation}. SQS Error Code: {error.code}. SQS Error Message: {error.message}",
                may_pass=(error.status or 400) >= 500 or error.status == 429,
            ) from None

    async def _read(self) -> Facts:
        queue = self.queue
        found = await self.call("GetQueueUrl", QueueName=queue.name, QueueOwnerAWSAccountId=queue.account)
        names = ["VisibilityTimeout", "RedrivePolicy"]
        url = found.get("QueueUrl")
        if not url:
            raise SourceUnreachable("Error occurred while GetQueueUrl. The answer has no QueueUrl.", may_pass=False)
        answer = await self.call("GetQueueAttributes", QueueUrl=url, AttributeNames=names)
        attributes = answer.get("Attributes") or {}
        return Facts(
            url=url,
            visibility_s=int(attributes.get("VisibilityTimeout", 30)),
            dead=json.loads(attributes.get("RedrivePolicy") or "{}").get("deadLetterTargetArn"),
            read_at=self._clock.monotonic(),
        )
