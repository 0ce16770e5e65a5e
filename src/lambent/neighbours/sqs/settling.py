"""What receivers do with a message that they have: delete it, or change how long it stays hidden."""

from __future__ import annotations

from lambent.neighbours.sqs.errors import InvalidParameterValue, invalid_value
from lambent.neighbours.sqs.message import Receipt
from lambent.neighbours.sqs.receiving import Receiving
from lambent.neighbours.sqs.records import Queue
from lambent.neighbours.sqs.shapes import ReceiptHandleIsInvalid
from lambent.ports import Ports

LONGEST_S = 43_200
"""A message may be hidden that long from when it was received."""


class Settling:
    """Deletes messages and changes their visibility."""

    def __init__(self, ports: Ports) -> None:
        self._queues = ports.queues
        self._clock = ports.clock
        self._receiving = ports.shared(Receiving)

    async def delete(self, queue: Queue, handle: str) -> None:
        """Delete the message of a receipt handle, unless somebody else has received it since. Raises
        ReceiptHandleIsInvalid."""
        receipt = parsed(queue, handle)
        self._receiving.settled(queue, await self._queues.ack(receipt.receipt))

    async def change_visibility(self, queue: Queue, handle: str, visibility_s: int) -> None:
        """Hide the message of a receipt handle for so long from now, or show it at once. Raises ReceiptHandleIsInvalid
        and InvalidParameterValue."""
        receipt = parsed(queue, handle)
        if not 0 <= visibility_s <= LONGEST_S:
            reason = f"VisibilityTimeout must be an integer between 0 and {LONGEST_S}."
            raise invalid_value("VisibilityTimeout", visibility_s, reason)
        if self._clock.now() + visibility_s > receipt.leased_ms / 1000 + LONGEST_S + 1:
            reason = f"Total VisibilityTimeout for the message is beyond the limit [{LONGEST_S} seconds]."
            raise invalid_value("VisibilityTimeout", visibility_s, reason)
        if not await self._queues.extend(receipt.receipt, for_s=visibility_s):
            raise no_message(handle)


def parsed(queue: Queue, handle: str) -> Receipt:
    """Raises ReceiptHandleIsInvalid for what is no receipt handle of the queue."""
    receipt = Receipt.parse(handle, queue.id)
    if receipt is None:
        raise ReceiptHandleIsInvalid(f'The input receipt handle "{handle}" is not a valid receipt handle.')
    return receipt


def no_message(handle: str) -> InvalidParameterValue:
    """The refusal of a handle whose message is gone, or somebody else's."""
    reason = "Message does not exist or is not available for visibility timeout change."
    return invalid_value("ReceiptHandle", handle, reason)
