"""Single messages: sending, receiving, deleting them, changing their visibility."""

from __future__ import annotations

from typing import cast

from lambent.neighbours.sqs.errors import invalid_value
from lambent.neighbours.sqs.leases import Received
from lambent.neighbours.sqs.message import Wanted, md5_of
from lambent.neighbours.sqs.receiving import Receiving, Wish
from lambent.neighbours.sqs.records import Queue, QueueRecords
from lambent.neighbours.sqs.requests import named_queue
from lambent.neighbours.sqs.sending import Sending, checked_token, drafted, sequence_number, wrong_kind
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
        wish = Wish(limit, visibility_s, wait_s, _checked_attempt(queue, request), call.caller)
        found = await self._receiving.receive(queue, wish)
        return {"Messages": [_shown(queue, received, wanted) for received in found]} if found else {}

    async def delete_message(self, call: Call, request: DeleteMessageRequest) -> None:
        queue = await named_queue(self._records, call, request["QueueUrl"])
        await self._settling.delete(queue, await self._settling.deletable(queue, request["ReceiptHandle"]))

    async def change_message_visibility(self, call: Call, request: ChangeMessageVisibilityRequest) -> None:
        queue = await named_queue(self._records, call, request["QueueUrl"])
        await self._settling.change_visibility(queue, request["ReceiptHandle"], request["VisibilityTimeout"])


def _checked_attempt(queue: Queue, request: ReceiveMessageRequest) -> str | None:
    attempt = request.get("ReceiveRequestAttemptId")
    if attempt is None:
        return None
    if not queue.rules.is_fifo:
        raise wrong_kind("ReceiveRequestAttemptId", attempt)
    return checked_token("ReceiveRequestAttemptId", attempt)


def _shown(queue: Queue, received: Received, wanted: Wanted) -> Message:
    message = received.message
    shown: Message = {
        "MessageId": message.id,
        "ReceiptHandle": received.receipt.handle(queue.id),
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
    attributes = {
        **received.message.system,
        "ApproximateReceiveCount": str(received.count),
        "ApproximateFirstReceiveTimestamp": str(received.first_ms),
    }
    if received.lease.sequence:
        attributes["SequenceNumber"] = sequence_number(received.lease.sequence)
    return {name: value for name, value in attributes.items() if name in wanted.system}
