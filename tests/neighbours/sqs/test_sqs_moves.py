"""Message move tasks: what they move, where to, and how they end."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from lambent.kit.clock import FakeClock

ARN = "arn:aws:sqs:us-east-1:000000000000:"
NO_SOURCE = "ResourceNotFoundException: The resource that you specified for the SourceArn parameter doesn't exist."
NO_DESTINATION = NO_SOURCE.replace("SourceArn", "DestinationArn")


async def bury(sqs: Any, clock: FakeClock, url: str, *texts: str) -> None:
    """Send messages, and receive them until they are dead letters (of a queue that allows one receipt)."""
    await sqs.send(url, *texts)
    while await sqs.receive(url, VisibilityTimeout=1):
        clock.advance(1)


async def ended(sqs: Any, source: str = f"{ARN}dead") -> Any:
    """The latest task of a queue, when it does not run any more."""
    while True:
        (task,) = (await sqs("ListMessageMoveTasks", SourceArn=source))["Results"]
        if task["Status"] != "RUNNING":
            return task
        await asyncio.sleep(0)


async def test_messages_go_back_to_where_they_came_from_as_new_ones(sqs: Any, clock: FakeClock) -> None:
    url, dead = await sqs.with_dead_letters(1)
    await bury(sqs, clock, url, "a", "b")
    (old,) = await sqs.receive(dead, 1, VisibilityTimeout=0)
    started = await sqs("StartMessageMoveTask", SourceArn=f"{ARN}dead")
    assert json.loads(base64.b64decode(started["TaskHandle"]))["sourceArn"] == f"{ARN}dead"
    assert await ended(sqs) == {
        "Status": "COMPLETED",
        "SourceArn": f"{ARN}dead",
        "ApproximateNumberOfMessagesMoved": 2,
        "ApproximateNumberOfMessagesToMove": 2,
        "StartedTimestamp": int(clock.now() * 1000),
    }
    assert await sqs.counts(dead) == (0, 0, 0)
    back = {message["Body"]: message for message in await sqs.receive(url)}
    assert sorted(back) == ["a", "b"]
    assert back[old["Body"]]["MessageId"] != old["MessageId"]
    assert back["a"]["Attributes"]["ApproximateReceiveCount"] == "1"
    assert "DeadLetterQueueSourceArn" not in back["a"]["Attributes"]


async def test_messages_go_where_the_task_says(sqs: Any, clock: FakeClock) -> None:
    url, dead = await sqs.with_dead_letters(1)
    other = await sqs.queue("other")
    await bury(sqs, clock, url, "a")
    await sqs.send(dead, "of no queue")
    await sqs("StartMessageMoveTask", SourceArn=f"{ARN}dead", DestinationArn=f"{ARN}other")
    task = await ended(sqs)
    assert (task["Status"], task["DestinationArn"]) == ("COMPLETED", f"{ARN}other")
    assert sorted(await sqs.bodies(other)) == ["a", "of no queue"]


async def test_a_message_that_came_from_nowhere_fails_the_task_and_stays(sqs: Any) -> None:
    _, dead = await sqs.with_dead_letters(1)
    await sqs.send(dead, "of no queue")
    await sqs("StartMessageMoveTask", SourceArn=f"{ARN}dead")
    task = await ended(sqs)
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert await sqs.bodies(dead) == ["of no queue"]


async def test_a_destination_that_is_deleted_fails_the_task(sqs: Any, clock: FakeClock) -> None:
    url, dead = await sqs.with_dead_letters(1)
    await bury(sqs, clock, url, "a")
    await sqs("DeleteQueue", QueueUrl=url)
    # It is no dead-letter queue any more, unless another uses it.
    await sqs.queue("p", RedrivePolicy=json.dumps({"deadLetterTargetArn": f"{ARN}dead", "maxReceiveCount": 1}))
    await sqs("StartMessageMoveTask", SourceArn=f"{ARN}dead")
    task = await ended(sqs)
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "AWS.SimpleQueueService.NonExistentQueue")
    assert await sqs.counts(dead) == (1, 0, 0)


async def test_a_task_is_cancelled_once(sqs: Any) -> None:
    _, dead = await sqs.with_dead_letters(1)
    await sqs.queue("other")
    await sqs.send(dead, *"abcdefghij")
    move = {"SourceArn": f"{ARN}dead", "DestinationArn": f"{ARN}other", "MaxNumberOfMessagesPerSecond": 1}
    handle = (await sqs("StartMessageMoveTask", **move))["TaskHandle"]
    (running,) = (await sqs("ListMessageMoveTasks", SourceArn=f"{ARN}dead"))["Results"]
    assert (running["Status"], running["TaskHandle"]) == ("RUNNING", handle)
    assert running["MaxNumberOfMessagesPerSecond"] == 1
    second = await sqs.refusal("StartMessageMoveTask", **move)
    assert second == (
        "InvalidParameterValue: There is already a task running. Only one active task is allowed for a source queue "
        "arn at a given time."
    )
    moved = (await sqs("CancelMessageMoveTask", TaskHandle=handle))["ApproximateNumberOfMessagesMoved"]
    task = await ended(sqs)
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("CANCELLED", moved)
    assert await sqs.counts(dead) == (10 - moved, 0, 0)
    assert (await sqs.refusal("CancelMessageMoveTask", TaskHandle=handle)).startswith("InvalidParameterValue")


async def test_a_task_goes_on_after_a_restart(sqs: Any, make_sqs: Callable[..., Any], clock: FakeClock) -> None:
    _, dead = await sqs.with_dead_letters(1)
    await sqs.queue("other")
    await sqs.send(dead, *"abc")
    # As a server leaves it that is killed when it has just begun.
    run = sqs.ports.tasks.start
    sqs.ports.tasks.start = lambda _name, work: work.close()
    await sqs("StartMessageMoveTask", SourceArn=f"{ARN}dead", DestinationArn=f"{ARN}other")
    sqs.ports.tasks.start = run
    again = make_sqs(sqs.store)
    housekeeping = asyncio.ensure_future(again.housekeeping.run())
    task = await ended(again)
    housekeeping.cancel()
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 3)
    assert sorted(await again.bodies(dead.replace("dead", "other"))) == ["a", "b", "c"]


async def test_ten_tasks_are_remembered_and_the_latest_is_shown_first(sqs: Any, clock: FakeClock) -> None:
    _, dead = await sqs.with_dead_letters(1)
    await sqs.queue("other")
    for number in range(12):
        await sqs.send(dead, *["x"] * number)
        await sqs("StartMessageMoveTask", SourceArn=f"{ARN}dead", DestinationArn=f"{ARN}other")
        await ended(sqs)
        clock.advance(1)
    tasks = (await sqs("ListMessageMoveTasks", SourceArn=f"{ARN}dead", MaxResults=10))["Results"]
    assert [task["ApproximateNumberOfMessagesMoved"] for task in tasks] == list(range(11, 1, -1))


@pytest.mark.parametrize(
    ("operation", "members", "refusal"),
    [
        ("StartMessageMoveTask", {"SourceArn": f"{ARN}none"}, NO_SOURCE),
        ("StartMessageMoveTask", {"SourceArn": "x"}, NO_SOURCE),
        (
            "StartMessageMoveTask",
            {"SourceArn": f"{ARN}q"},
            "InvalidParameterValue: Source queue must be configured as a Dead Letter Queue.",
        ),
        ("StartMessageMoveTask", {"SourceArn": f"{ARN}dead", "DestinationArn": f"{ARN}none"}, NO_DESTINATION),
        (
            "StartMessageMoveTask",
            {"SourceArn": f"{ARN}dead", "MaxNumberOfMessagesPerSecond": 501},
            "InvalidParameterValue: Value for parameter MaxNumberOfMessagesPerSecond is invalid.",
        ),
        ("ListMessageMoveTasks", {"SourceArn": f"{ARN}none"}, NO_SOURCE),
        ("ListMessageMoveTasks", {"SourceArn": f"{ARN}dead", "MaxResults": 11}, "InvalidParameterValue: Value for"),
        (
            "CancelMessageMoveTask",
            {"TaskHandle": "x"},
            "InvalidParameterValue: Value for parameter TaskHandle is invalid.",
        ),
        (
            "CancelMessageMoveTask",
            {"TaskHandle": base64.b64encode(b"[" * 99_999).decode()},
            "InvalidParameterValue: Value for parameter TaskHandle is invalid.",
        ),
        ("CancelMessageMoveTask", {"TaskHandle": ("t", f"{ARN}none")}, NO_SOURCE),
        (
            "CancelMessageMoveTask",
            {"TaskHandle": ("t", f"{ARN}dead")},
            "ResourceNotFoundException: Task does not exist.",
        ),
    ],
)
async def test_tasks_that_cannot_be_are_refused(
    sqs: Any, operation: str, members: dict[str, Any], refusal: str
) -> None:
    await sqs.with_dead_letters(1)
    if isinstance(members.get("TaskHandle"), tuple):
        task, source = members["TaskHandle"]
        named = json.dumps({"taskId": task, "sourceArn": source})
        members = {"TaskHandle": base64.b64encode(named.encode()).decode()}
    assert (await sqs.refusal(operation, **members)).startswith(refusal)
