"""CloudWatch Logs on a running server, as unmodified boto3 uses it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture
def group(shared_server: Any) -> Iterator[str]:
    logs = shared_server.client("logs")
    logs.create_log_group(logGroupName="/test/group", tags={"a": "b"})
    yield "/test/group"
    logs.delete_log_group(logGroupName="/test/group")


def now_ms() -> int:
    return int(time.time() * 1000)


def put(logs: Any, group: str, stream: str, *messages: str) -> None:
    events = [{"timestamp": now_ms(), "message": message} for message in messages]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def test_boto3_pages_through_groups_streams_and_events(shared_server: Any, group: str) -> None:
    logs = shared_server.client("logs")
    for i in range(60):
        logs.create_log_stream(logGroupName=group, logStreamName=f"s/{i:02}")
        put(logs, group, f"s/{i:02}", f"INFO {i}", f"ERROR {i}")
    pages = logs.get_paginator("describe_log_streams").paginate(logGroupName=group, orderBy="LastEventTime")
    assert [s["logStreamName"] for p in pages for s in p["logStreams"]] == [f"s/{i:02}" for i in range(60)]
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupIdentifier=f"arn:aws:logs:us-east-1:000000000000:log-group:{group}",
        filterPattern="ERROR",
        PaginationConfig={"PageSize": 7},
    )
    assert [e["message"] for p in pages for e in p["events"]] == [f"ERROR {i}" for i in range(60)]
    (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert logs.list_tags_for_resource(resourceArn=found["logGroupArn"])["tags"] == {"a": "b"}


def test_a_follower_sees_every_event_once(shared_server: Any, group: str) -> None:
    """What `aws logs tail --follow` does: ask again from the newest time, and leave out the ids that it has seen."""
    logs = shared_server.client("logs")
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    request: dict[str, Any] = {"logGroupIdentifier": group, "startTime": now_ms(), "interleaved": True}
    seen: dict[str, int] = {}
    messages: list[str] = []
    for i in range(30):
        put(logs, group, "s", f"{i}a", f"{i}b")
        for event in logs.filter_log_events(**request)["events"]:
            if event["eventId"] not in seen:
                seen[event["eventId"]] = event["timestamp"]
                messages.append(event["message"])
        request["startTime"] = max(seen.values())
    assert messages == [f"{i}{part}" for i in range(30) for part in "ab"]


@pytest.mark.parametrize("end", [0, 2**53, 2**63 - 1])
@pytest.mark.parametrize("start", [0, 2**53, 2**63 - 1])
def test_any_time_may_be_asked_for(shared_server: Any, group: str, start: int, end: int) -> None:
    logs = shared_server.client("logs")
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    put(logs, group, "s", "a")
    expected = ["a"] if start == 0 and end > 0 else []
    found = logs.filter_log_events(logGroupName=group, startTime=start, endTime=end)
    assert [e["message"] for e in found["events"]] == expected
    request = {"logGroupName": group, "logStreamName": "s", "startTime": start, "endTime": end}
    page = logs.get_log_events(**request)
    assert [e["message"] for e in page["events"]] == expected
    assert logs.get_log_events(**request, nextToken=page["nextForwardToken"])["events"] == []


def test_boto3_knows_the_errors(shared_server: Any, group: str) -> None:
    logs = shared_server.client("logs")
    with pytest.raises(logs.exceptions.ResourceAlreadyExistsException, match="log group already exists"):
        logs.create_log_group(logGroupName=group)
    with pytest.raises(logs.exceptions.ResourceNotFoundException, match="log stream does not exist"):
        logs.get_log_events(logGroupName=group, logStreamName="no")
    with pytest.raises(logs.exceptions.InvalidParameterException, match="Invalid character"):
        logs.filter_log_events(logGroupName=group, filterPattern="a:b")


def test_events_that_were_answered_survive_kill_9(make_server: Callable[..., Any]) -> None:
    server = make_server().start()
    logs = server.client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    messages = [f"line {i}" for i in range(20)]
    for message in messages:
        put(logs, "g", "s", message)
    server.kill()
    logs = server.start().client("logs")
    assert [e["message"] for e in logs.filter_log_events(logGroupName="g")["events"]] == messages
    put(logs, "g", "s", "after")
    page = logs.get_log_events(logGroupName="g", logStreamName="s", limit=2)
    assert [e["message"] for e in page["events"]] == ["line 19", "after"]
