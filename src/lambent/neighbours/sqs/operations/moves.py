"""Message move tasks: out of a dead-letter queue, back to where messages came from or to another queue."""

from __future__ import annotations

from lambent.neighbours.sqs.errors import InvalidParameterValue
from lambent.neighbours.sqs.moves import REMEMBERED, RUNNING, MoveTask, MoveTasks, parse_handle
from lambent.neighbours.sqs.records import Queue, QueueRecords
from lambent.neighbours.sqs.requests import queue_of_arn
from lambent.neighbours.sqs.shapes import (
    CancelMessageMoveTaskRequest,
    CancelMessageMoveTaskResult,
    ListMessageMoveTasksRequest,
    ListMessageMoveTasksResult,
    ListMessageMoveTasksResultEntry,
    ResourceNotFoundException,
    StartMessageMoveTaskRequest,
    StartMessageMoveTaskResult,
)
from lambent.ports import Ports
from lambent.wire.call import Call

HIGHEST_RATE = 500


class SqsMoveTasks:
    """The operations on move tasks."""

    def __init__(self, ports: Ports) -> None:
        self._records = ports.shared(QueueRecords)
        self._moves = ports.shared(MoveTasks)

    async def start_message_move_task(
        self, call: Call, request: StartMessageMoveTaskRequest
    ) -> StartMessageMoveTaskResult:
        source = await self._queue(call, request["SourceArn"], "SourceArn")
        if not self._records.sources_of(source.ref):
            raise InvalidParameterValue("Source queue must be configured as a Dead Letter Queue.")
        destination = None
        if request.get("DestinationArn"):
            destination = await self._queue(call, request["DestinationArn"], "DestinationArn")
            if destination.ref == source.ref:
                raise InvalidParameterValue("Source queue arn and destination queue arn cannot be the same.")
            if destination.ref.is_fifo != source.ref.is_fifo:
                raise InvalidParameterValue("Source queue and destination queue must be of the same type.")
        rate = request.get("MaxNumberOfMessagesPerSecond")
        if rate is not None and not 1 <= rate <= HIGHEST_RATE:
            raise InvalidParameterValue(
                "Value for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: You must enter a value between "
                f"1 and {HIGHEST_RATE}."
            )
        task = await self._moves.start(source.ref, None if destination is None else destination.ref, rate)
        if task is None:
            raise InvalidParameterValue(
                "There is already a task running. Only one active task is allowed for a source queue arn at a given "
                "time."
            )
        return {"TaskHandle": task.handle}

    async def list_message_move_tasks(
        self, call: Call, request: ListMessageMoveTasksRequest
    ) -> ListMessageMoveTasksResult:
        source = await self._queue(call, request["SourceArn"], "SourceArn")
        limit = request.get("MaxResults", 1)
        if not 1 <= limit <= REMEMBERED:
            raise InvalidParameterValue(
                f"Value for parameter MaxResults is invalid. Reason: You must enter a value between 1 and {REMEMBERED}."
            )
        tasks = (await self._moves.list(source.ref))[:limit]
        return {"Results": [_shown(task) for task in tasks]} if tasks else {}

    async def cancel_message_move_task(
        self, call: Call, request: CancelMessageMoveTaskRequest
    ) -> CancelMessageMoveTaskResult:
        named = parse_handle(request["TaskHandle"])
        if named is None:
            raise InvalidParameterValue("Value for parameter TaskHandle is invalid.")
        id_, arn = named
        source = await self._queue(call, arn, "SourceArn")
        task = await self._moves.cancel(source.ref, id_)
        if task is None:
            if any(each.id == id_ for each in await self._moves.list(source.ref)):
                raise InvalidParameterValue("Only active tasks can be cancelled.")
            raise ResourceNotFoundException("Task does not exist.")
        return {"ApproximateNumberOfMessagesMoved": task.moved}

    async def _queue(self, call: Call, arn: str, parameter: str) -> Queue:
        queue = await queue_of_arn(self._records, call, arn)
        if queue is None:
            text = f"The resource that you specified for the {parameter} parameter doesn't exist."
            raise ResourceNotFoundException(text)
        return queue


def _shown(task: MoveTask) -> ListMessageMoveTasksResultEntry:
    shown: ListMessageMoveTasksResultEntry = {
        "Status": task.status,
        "SourceArn": task.source.arn,
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.to_move,
        "StartedTimestamp": task.started_ms,
    }
    if task.status == RUNNING:
        shown["TaskHandle"] = task.handle
    if task.destination is not None:
        shown["DestinationArn"] = task.destination
    if task.rate is not None:
        shown["MaxNumberOfMessagesPerSecond"] = task.rate
    if task.reason is not None:
        shown["FailureReason"] = task.reason
    return shown
