"""Messages by the batch: every entry succeeds or fails alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

from lambent.neighbours.sqs.attributes import LARGEST_MESSAGE
from lambent.neighbours.sqs.errors import InvalidParameterValue
from lambent.neighbours.sqs.message import Receipt, plain, size
from lambent.neighbours.sqs.records import QueueRecords
from lambent.neighbours.sqs.requests import checked_entries, failed_entry, named_queue
from lambent.neighbours.sqs.sending import Draft, Sending, drafted
from lambent.neighbours.sqs.settling import Settling
from lambent.neighbours.sqs.shapes import (
    BatchRequestTooLong,
    BatchResultErrorEntry,
    ChangeMessageVisibilityBatchRequest,
    ChangeMessageVisibilityBatchRequestEntry,
    ChangeMessageVisibilityBatchResult,
    DeleteMessageBatchRequest,
    DeleteMessageBatchRequestEntry,
    DeleteMessageBatchResult,
    SendMessageBatchRequest,
    SendMessageBatchResult,
    SendMessageBatchResultEntry,
)
from lambent.ports import Ports
from lambent.wire.call import Call
from lambent.wire.errors import ApiError

E = TypeVar("E")


class SqsBatches:
    """The operations on batches of messages."""

    def __init__(self, ports: Ports) -> None:
        self._records = ports.shared(QueueRecords)
        self._sending = Sending(ports)
        self._settling = Settling(ports)

    async def send_message_batch(self, call: Call, request: SendMessageBatchRequest) -> SendMessageBatchResult:
        queue = await named_queue(self._records, call, request["QueueUrl"])
        entries = checked_entries(request["Entries"], "SendMessageBatchRequestEntry")
        _check_size(entries.values())
        drafts: dict[str, Draft] = {}
        failed: list[BatchResultErrorEntry] = []
        for id_, entry in entries.items():
            try:
                drafts[id_] = drafted(queue, entry, in_batch=True)
            except ApiError as error:
                if queue.rules.is_fifo and _is_about_order(error):
                    raise InvalidParameterValue(error.message) from None
                failed.append(failed_entry(id_, error))
        answers = await self._sending.send_all(call, queue, list(drafts.values()))
        successful: list[SendMessageBatchResultEntry] = [
            {"Id": id_, **answer}  # type: ignore[typeddict-item]  # a SendMessageResult has the same members
            for id_, answer in zip(drafts, answers, strict=True)
        ]
        # AWS leaves empty lists out, and clients ask whether there is `Failed`.
        result: SendMessageBatchResult = {"Successful": successful} if successful else {}
        return {**result, "Failed": failed} if failed else result

    async def delete_message_batch(self, call: Call, request: DeleteMessageBatchRequest) -> DeleteMessageBatchResult:
        queue = await named_queue(self._records, call, request["QueueUrl"])
        entries = checked_entries(request["Entries"], "DeleteMessageBatchRequestEntry")

        receipts: list[Receipt] = []

        async def check(entry: DeleteMessageBatchRequestEntry) -> None:
            receipts.append(await self._settling.deletable(queue, entry["ReceiptHandle"]))

        done, failed = await _each(entries, check)
        await self._settling.delete(queue, *receipts)
        result: DeleteMessageBatchResult = {"Successful": [{"Id": id_} for id_ in done]} if done else {}
        return {**result, "Failed": failed} if failed else result

    async def change_message_visibility_batch(
        self, call: Call, request: ChangeMessageVisibilityBatchRequest
    ) -> ChangeMessageVisibilityBatchResult:
        queue = await named_queue(self._records, call, request["QueueUrl"])
        entries = checked_entries(request["Entries"], "ChangeMessageVisibilityBatchRequestEntry")

        async def change(entry: ChangeMessageVisibilityBatchRequestEntry) -> None:
            visibility_s = entry.get("VisibilityTimeout", queue.rules.visibility_s)
            await self._settling.change_visibility(queue, entry["ReceiptHandle"], visibility_s)

        done, failed = await _each(entries, change)
        result: ChangeMessageVisibilityBatchResult = {"Successful": [{"Id": id_} for id_ in done]} if done else {}
        return {**result, "Failed": failed} if failed else result


async def _each(
    entries: Mapping[str, E], work: Callable[[E], Awaitable[None]]
) -> tuple[list[str], list[BatchResultErrorEntry]]:
    """Do `work` for each entry; the ids of those for which it was done, and what is said of the others."""

    async def outcome(entry: E) -> ApiError | None:
        try:
            await work(entry)
        except ApiError as error:
            return error
        return None

    outcomes = [await outcome(entry) for entry in entries.values()]
    done = [id_ for id_, error in zip(entries, outcomes, strict=True) if error is None]
    failed = [failed_entry(id_, error) for id_, error in zip(entries, outcomes, strict=True) if error is not None]
    return done, failed


def _check_size(entries: Iterable[Mapping[str, Any]]) -> None:
    """Raises BatchRequestTooLong."""
    sent = 0
    for entry in entries:
        attributes = plain(entry.get("MessageAttributes") or {})
        sent += size(entry["MessageBody"], attributes)
    if sent > LARGEST_MESSAGE:
        text = f"Batch requests cannot be longer than {LARGEST_MESSAGE} bytes. You have sent {sent} bytes."
        raise BatchRequestTooLong(text)


def _is_about_order(error: ApiError) -> bool:
    """AWS refuses the whole batch when an entry lacks what a FIFO queue needs, and always as a wrong value."""
    text = error.message or ""
    return text.endswith("parameter MessageGroupId.") or text.startswith("The queue should either have")
