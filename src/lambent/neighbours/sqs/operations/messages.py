"""Single messages: sending, receiving, deleting them, changing their visibility."""

from __future__ import annotations

from typing import cast

from lambent.neighbours.sqs.errors import invalid_value
from lambent.neighbours.sqs.message import Wanted, handle, md5_of
from lambent.neighbours.sqs.receiving import Received, Receiving, first_received_ms
from lambent.neighbours.sqs.records import Queue, QueueRecords
from lambent.neighbours.sqs.requests import named_queue
from lambent.neighbours.sqs.sending import Sending, drafted, sequence_number
from lambent.neighbours.sqs.settling import LONGEST_S, Settling
from lambent.neighbours.sqs.shapes import (
    ChangeMessageVisibilityRequest,
    DeleteMessageRequest,
    Message,
    MessageAttributeValue,
    ReceiveMessageRequest,
    ReceiveMessageResult,
    SendMessageRequest,
    SendMessageResult,
)
from lambent.ports import Ports
from lambent.wire.call import Call

MOST_MESSAGES = 10
LONGEST_WAIT_S = 20


class SqsMessages:
    """The operations on single messages, and ReceiveMessage."""

    def __init__(self, ports: Ports) -> None:
        self._records = ports.shared(QueueRecords)
        self._receiving = ports.shared(Receiving)
        self._sending = Sending(ports)
        self._settling = Settling(ports)

    async def send_message(self, call: Call, request: SendMessageRequest) -> SendMessageResult:
        queue = await named_queue(self._records, call, request["QueueUrl"])
        return await self._sending.send(call, queue, drafted(queue, request))

    async def receive_message(self, call: Call, request: ReceiveMessageRequest) -> ReceiveMessageResult:
        queue = await named_queue(self._records, call, request["QueueUrl"])
        limit = request.get("MaxNumberOfMessages", 1)
        if not 1 <= limit <= MOST_MESSAGES:
            raise invalid_value("MaxNumberOfMessages", limit, f"Must be between 1 and {MOST_MESSAGES}, if provided.")
        visibility_s = request.get("VisibilityTimeout", queue.rules.visibility_s)
        if not 0 <= visibility_s <= LONGEST_S:
            raise invalid_value("VisibilityTimeout", visibility_s, f"Must be between 0 and {LONGEST_S}, if provided.")
        wait_s = request.get("WaitTimeSeconds", queue.rules.wait_s)
        if not 0 <= wait_s <= LONGEST_WAIT_S:
            raise invalid_value("WaitTimeSeconds", wait_s, f"Must be >= 0 and <= {LONGEST_WAIT_S}, if provided.")
        system = [*(request.get("AttributeNames") or ()), *(request.get("MessageSystemAttributeNames") or ())]
        wanted = Wanted.of(system, request.get("MessageAttributeNames") or ())
        found = await self._receiving.receive(queue, limit=limit, visibility_s=visibility_s, wait_s=wait_s)
        leased_ms = [int((received.lease.until - visibility_s) * 1000) for received in found]
        shown = [_shown(queue, *each, wanted) for each in zip(found, leased_ms, strict=True)]
        return {"Messages": shown} if shown else {}

    async def delete_message(self, call: Call, request: DeleteMessageRequest) -> None:
        queue = await named_queue(self._records, call, request["QueueUrl"])
        await self._settling.delete(queue, request["ReceiptHandle"])

    async def change_message_visibility(self, call: Call, request: ChangeMessageVisibilityRequest) -> None:
        queue = await named_queue(self._records, call, request["QueueUrl"])
        await self._settling.change_visibility(queue, request["ReceiptHandle"], request["VisibilityTimeout"])


def _shown(queue: Queue, received: Received, leased_ms: int, wanted: Wanted) -> Message:
    message, lease = received.message, received.lease
    shown: Message = {
        "MessageId": message.id,
        "ReceiptHandle": handle(queue.id, leased_ms, lease.receipt),
        "MD5OfBody": message.md5,
        "Body": message.body,
    }
    if wanted.system:
        shown["Attributes"] = _system_attributes(received, wanted)
    attributes = wanted.among(message.attributes)
    if attributes:
        shown["MD5OfMessageAttributes"] = md5_of(attributes)
        shown["MessageAttributes"] = {name: cast(MessageAttributeValue, value) for name, value in attributes.items()}
    return shown


def _system_attributes(received: Received, wanted: Wanted) -> dict[str, str]:
    message, lease = received.message, received.lease
    attributes = {
        **message.system,
        "ApproximateReceiveCount": str(message.received + lease.attempts),
        "ApproximateFirstReceiveTimestamp": str(first_received_ms(message, lease)),
    }
    if lease.sequence:
        attributes["SequenceNumber"] = sequence_number(lease.sequence)
    return {name: value for name, value in attributes.items() if name in wanted.system}
