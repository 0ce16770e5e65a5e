"""What receivers do with a message that they have: delete it, or change how long it stays hidden."""

from __future__ import annotations

from lambent.neighbours.sqs.errors import invalid_value
from lambent.neighbours.sqs.message import Receipt
from lambent.neighbours.sqs.receiving import Receiving
from lambent.neighbours.sqs.records import Queue
from lambent.neighbours.sqs.shapes import MessageNotInflight, ReceiptHandleIsInvalid
from lambent.ports import Ports

LONGEST_S = 43_200
"""A message may be hidden that long from when it was received."""


class Settling:
    """Deletes messages and changes their visibility."""

    def __init__(self, ports: Ports) -> None:
        self._queues = ports.queues
        self._clock = ports.clock
        self._receiving = ports.shared(Receiving)

    async def deletable(self, queue: Queue, handle: str) -> Receipt:
        """What may be deleted by a receipt handle. Raises ReceiptHandleIsInvalid, and of a FIFO queue
        InvalidParameterValue for a handle whose time is over."""
        receipt = parsed(queue, handle)
        if queue.rules.is_fifo and await self._has_expired(receipt):
            raise invalid_value("ReceiptHandle", handle, "The receipt handle has expired.")
        return receipt

    async def delete(self, queue: Queue, *receipts: Receipt) -> None:
        """Delete messages, all at once. What somebody else has received since, a standard queue keeps."""
        if receipts:
            count = await self._queues.ack(*(receipt.receipt for receipt in receipts))
            self._receiving.deleted(queue, receipts, count)

    async def change_visibility(self, queue: Queue, handle: str, visibility_s: int) -> None:
        """Hide the message of a receipt handle for so long from now, or show it at once. Raises ReceiptHandleIsInvalid,
        InvalidParameterValue, and MessageNotInflight for a message that somebody else has received since."""
        receipt = parsed(queue, handle)
        if not 0 <= visibility_s <= LONGEST_S:
            reason = f"VisibilityTimeout must be an integer between 0 and {LONGEST_S}."
            raise invalid_value("VisibilityTimeout", visibility_s, reason)
        if self._clock.now() + visibility_s > receipt.leased_ms / 1000 + LONGEST_S + 1:
            reason = f"Total VisibilityTimeout for the message is beyond the limit [{LONGEST_S} seconds]."
            raise invalid_value("VisibilityTimeout", visibility_s, reason)
        if queue.rules.is_fifo and await self._has_expired(receipt):
            raise invalid_value("ReceiptHandle", handle, "The receipt handle has expired.")
        if await self._queues.extend(receipt.receipt, for_s=visibility_s):
            self._receiving.changed(queue, receipt)
            return
        if await self._queues.hold(receipt.receipt) is not None:
            raise MessageNotInflight("The specified message isn't in flight.")
        reason = "Message does not exist or is not available for visibility timeout change."
        raise invalid_value("ReceiptHandle", handle, reason)

    async def _has_expired(self, receipt: Receipt) -> bool:
        """Whether a message of a FIFO queue is there, and not its receiver's any more. Of one that is gone that is not
        said: deleting it twice does no harm."""
        hold = await self._queues.hold(receipt.receipt)
        if hold is None or hold.sequence != receipt.sequence:
            return False
        return not hold.is_ours or hold.until <= self._clock.now()


def parsed(queue: Queue, handle: str) -> Receipt:
    """Raises ReceiptHandleIsInvalid for what is no receipt handle of the queue."""
    receipt = Receipt.parse(handle, queue.id)
    if receipt is None:
        raise ReceiptHandleIsInvalid(f'The input receipt handle "{handle}" is not a valid receipt handle.')
    return receipt
