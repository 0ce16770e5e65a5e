"""CloudWatch Logs: what its operations answer and refuse."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

import pytest

from lambent.kit.clock import FakeClock
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.neighbours.logs.names import GroupRef
from lambent.neighbours.logs.operations.events import LogEvents
from lambent.neighbours.logs.operations.groups import LogGroups
from lambent.neighbours.logs.operations.streams import LogStreams
from lambent.neighbours.logs.operations.tags import LogTags
from lambent.neighbours.logs.records import LogRecords
from lambent.neighbours.logs.retention import Retention
from lambent.neighbours.logs.sink import Sink
from lambent.ports import Ports
from lambent.store.base import Put, Store
from lambent.store.memory import memory_store
from lambent.wire.call import Call, Principal
from lambent.wire.errors import ApiError

ACCOUNT, REGION = "000000000000", "us-east-1"
ARN = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:"
NO_GROUP = "ResourceNotFoundException: The specified log group does not exist."
NO_STREAM = "ResourceNotFoundException: The specified log stream does not exist."
BAD_TOKEN = "InvalidParameterException: The specified nextToken is invalid."
DAY = 86_400_000


@dataclass
class Logs:
    """The service on a store in memory, called by operation names."""

    store: Store
    clock: FakeClock
    ports: Ports
    account: str = ACCOUNT
    region: str = REGION

    def __post_init__(self) -> None:
        self._parts = [part(self.ports) for part in (LogGroups, LogStreams, LogEvents, LogTags)]

    @property
    def now(self) -> int:
        return int(self.clock.now() * 1000)

    async def __call__(self, operation: str, **request: Any) -> Any:
        principal = Principal(self.account, f"arn:aws:iam::{self.account}:root", self.account, "AKIA", is_root=True)
        call = Call(principal, self.region, "id", "logs", operation)
        method = next(m for m in (getattr(part, operation, None) for part in self._parts) if m is not None)
        return await cast(Callable[[Call, Any], Awaitable[Any]], method)(call, request)

    async def refusal(self, operation: str, **request: Any) -> str:
        with pytest.raises(ApiError) as refused:
            await self(operation, **request)
        return f"{refused.value.code}: {refused.value.message}"

    async def stream(self, group: str, *streams: str) -> None:
        await self("create_log_group", logGroupName=group)
        for stream in streams:
            await self("create_log_stream", logGroupName=group, logStreamName=stream)

    async def put(self, group: str, stream: str, *events: tuple[int, str]) -> Any:
        batch = [{"timestamp": self.now + at, "message": text} for at, text in events]
        return await self("put_log_events", logGroupName=group, logStreamName=stream, logEvents=batch)

    async def found(self, group: str = "g", **request: Any) -> list[str]:
        answer = await self("filter_log_events", logGroupName=group, **request)
        assert "nextToken" not in answer
        return [event["message"] for event in answer["events"]]

    async def names(self, **request: Any) -> list[str]:
        return [group["logGroupName"] for group in (await self("describe_log_groups", **request))["logGroups"]]

    def sink(self) -> Sink:
        return Sink(self.store.records, self.store.journals, self.ports.tasks, self.clock, self.ports.log)

    def retention(self) -> Retention:
        return Retention(self.store.records, self.store.journals, self.clock, self.ports.log)


@pytest.fixture
async def logs() -> AsyncIterator[Logs]:
    clock, log = FakeClock(), Log(stream=io.StringIO())
    store, tasks = memory_store(clock), Tasks(log)
    nothing: Any = None
    ports = Ports(
        records=store.records,
        queues=store.queues,
        blobs=store.blobs,
        journals=store.journals,
        seal=nothing,
        clock=clock,
        tasks=tasks,
        log=log,
        trust=nothing,
        aws=nothing,
        invoker=nothing,
        catalogue=nothing,
    )
    yield Logs(store, clock, ports)
    await tasks.close()


# --- groups -------------------------------------------------------------------------------------------------


async def test_a_group_is_described_as_it_was_made(logs: Logs) -> None:
    await logs("create_log_group", logGroupName="/aws/lambda/f", kmsKeyId="key", logGroupClass="INFREQUENT_ACCESS")
    await logs("put_retention_policy", logGroupName="/aws/lambda/f", retentionInDays=7)
    assert await logs("describe_log_groups") == {
        "logGroups": [
            {
                "logGroupName": "/aws/lambda/f",
                "creationTime": logs.now,
                "metricFilterCount": 0,
                "arn": f"{ARN}/aws/lambda/f:*",
                "storedBytes": 0,
                "logGroupClass": "INFREQUENT_ACCESS",
                "logGroupArn": f"{ARN}/aws/lambda/f",
                "deletionProtectionEnabled": False,
                "retentionInDays": 7,
                "kmsKeyId": "key",
            }
        ]
    }
    await logs("delete_retention_policy", logGroupName="/aws/lambda/f")
    assert "retentionInDays" not in (await logs("describe_log_groups"))["logGroups"][0]


async def test_groups_are_listed_in_the_order_of_their_names_and_in_pages(logs: Logs) -> None:
    names = ["a#", "a-b", "a.b", "a/b", "a/b/c", "a_b", "b", "Z"]
    for name in names:
        await logs("create_log_group", logGroupName=name)
    assert await logs.names() == sorted(names)
    assert await logs.names(logGroupNamePrefix="a/") == ["a/b", "a/b/c"]
    assert await logs.names(logGroupNamePattern="b/") == ["a/b/c"]
    assert await logs.names(logGroupNamePattern="B") == []
    paged, token = [], {}
    while True:
        page = await logs("describe_log_groups", limit=3, **token)
        paged.append([group["logGroupName"] for group in page["logGroups"]])
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert paged == [sorted(names)[:3], sorted(names)[3:6], sorted(names)[6:]]


async def test_groups_are_chosen_by_class_and_by_identifier(logs: Logs) -> None:
    for name, of_class in (("a", "STANDARD"), ("b", "INFREQUENT_ACCESS"), ("c", "ESSENTIALS")):
        await logs("create_log_group", logGroupName=name, logGroupClass=of_class)
    assert await logs.names(logGroupClass="STANDARD") == ["a"]
    assert await logs.names(logGroupClass="ESSENTIALS") == ["b", "c"]
    assert await logs.names(logGroupIdentifiers=["c", f"{ARN}a", "nothing"]) == ["a", "c"]


async def test_accounts_and_regions_do_not_see_each_other(logs: Logs) -> None:
    await logs.stream("g", "s")
    for account, region in (("111111111111", REGION), (ACCOUNT, "eu-west-1")):
        other = Logs(logs.store, logs.clock, logs.ports, account, region)
        assert await other.names() == []
        assert await other.refusal("filter_log_events", logGroupIdentifier=f"{ARN}g") == NO_GROUP
        assert await other.refusal("list_tags_for_resource", resourceArn=f"{ARN}g") == (
            "ResourceNotFoundException: The specified resource does not exist."
        )


async def test_stored_bytes_are_those_of_all_streams(logs: Logs) -> None:
    await logs.stream("g", "a", "b")
    await logs.stream("gg", "a")
    await logs.put("g", "a", (0, "four"))
    await logs.put("g", "b", (0, "fünf"))
    await logs.put("gg", "a", (0, "x" * 100))
    assert (await logs("describe_log_groups", limit=1))["logGroups"][0]["storedBytes"] == 9


async def test_a_protected_group_is_deleted_only_after_the_protection_ends(logs: Logs) -> None:
    await logs("create_log_group", logGroupName="g", deletionProtectionEnabled=True)
    await logs("create_log_stream", logGroupName="g", logStreamName="s")
    assert (await logs.refusal("delete_log_group", logGroupName="g")).startswith("ValidationException")
    refusal = await logs.refusal("delete_log_stream", logGroupName="g", logStreamName="s")
    assert refusal.startswith("ValidationException")
    protection = {"logGroupIdentifier": f"{ARN}g:*", "deletionProtectionEnabled": False}
    await logs("put_log_group_deletion_protection", **protection)
    await logs("delete_log_group", logGroupName="g")
    assert await logs.names() == []


async def test_a_deleted_group_comes_back_empty(logs: Logs) -> None:
    await logs.stream("g", "s", "t")
    await logs.stream("g/s", "s")
    await logs.put("g", "s", (0, "old"))
    await logs.put("g/s", "s", (0, "other"))
    await logs("delete_log_group", logGroupName="g")
    await logs("create_log_group", logGroupName="g")
    assert (await logs("describe_log_streams", logGroupName="g"))["logStreams"] == []
    await logs("create_log_stream", logGroupName="g", logStreamName="s")
    assert await logs.found("g") == []
    assert await logs.found("g/s") == ["other"]


async def test_a_deletion_that_a_crash_interrupted_is_finished(logs: Logs) -> None:
    await logs.stream("g", "s")
    await logs.stream("h", "s")
    await logs.put("g", "s", (0, "old"))
    await logs.put("h", "s", (0, "kept"))
    ref = GroupRef(ACCOUNT, REGION, "g")

    async def crash(prefix: str, *, before: int | None = None) -> None:
        raise SystemExit

    # The records have gone, the events have not.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs.store.journals, "delete", crash)
        with pytest.raises(SystemExit):
            await logs("delete_log_group", logGroupName="g")
    assert await logs.names() == ["h"]
    assert (await logs.refusal("create_log_group", logGroupName="g")).startswith("OperationAbortedException")
    assert len(await logs.store.journals.read(ref.journals)) == 1
    # A stream that was being made while its group went.
    await logs.store.records.write(Put(f"{ref.streams}late", b'{"name":"late","created_ms":1}'))
    await LogRecords(logs.store.records, logs.store.journals).finish_deletions()
    assert await logs.store.journals.read(ref.journals) == []
    await logs("create_log_group", logGroupName="g")
    assert (await logs("describe_log_streams", logGroupName="g"))["logStreams"] == []
    assert await logs.found("h") == ["kept"]


async def test_a_stream_is_not_made_in_a_group_that_goes_away_meanwhile(logs: Logs) -> None:
    await logs.stream("g")
    write = logs.store.records.write
    wrote = 0

    async def slow(*changes: Any) -> int:
        nonlocal wrote
        wrote += 1
        if wrote == 1:
            await logs("delete_log_group", logGroupName="g")
        return await write(*changes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs.store.records, "write", slow)
        assert await logs.refusal("create_log_stream", logGroupName="g", logStreamName="s") == NO_GROUP
    assert await logs.store.records.list("logs/") == []


# --- tags ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arn", [f"{ARN}g", f"{ARN}g:*"])
async def test_tags_are_put_shown_and_taken_off(logs: Logs, arn: str) -> None:
    await logs("create_log_group", logGroupName="g", tags={"a": "1", "b": "2"})
    await logs("tag_resource", resourceArn=arn, tags={"b": "3", "c": "4"})
    await logs("untag_resource", resourceArn=arn, tagKeys=["a", "nothing"])
    assert await logs("list_tags_for_resource", resourceArn=arn) == {"tags": {"b": "3", "c": "4"}}
    await logs("tag_log_group", logGroupName="g", tags={"d": ""})
    await logs("untag_log_group", logGroupName="g", tags=["b", "c"])
    assert await logs("list_tags_log_group", logGroupName="g") == {"tags": {"d": ""}}


async def test_a_group_takes_fifty_tags_and_none_of_awss(logs: Logs) -> None:
    await logs("create_log_group", logGroupName="g", tags={str(i): "" for i in range(50)})
    refusal = await logs.refusal("tag_resource", resourceArn=f"{ARN}g", tags={"more": ""})
    assert refusal.startswith("TooManyTagsException")
    await logs("tag_resource", resourceArn=f"{ARN}g", tags={"7": "changed"})
    refusal = await logs.refusal("tag_resource", resourceArn=f"{ARN}g", tags={"AWS:x": ""})
    assert refusal.startswith("InvalidParameterException: aws: prefixed tag key names")


# --- streams ------------------------------------------------------------------------------------------------


async def test_a_stream_shows_its_times_once_it_has_events(logs: Logs) -> None:
    name = "2026/11/23/[$LATEST]0%2F"
    await logs.stream("g", name, "empty")
    await logs.put("g", name, (-5, "a"), (7, "b"))
    empty = {"storedBytes": 0, "creationTime": logs.now}
    (full, _) = (await logs("describe_log_streams", logGroupIdentifier=f"{ARN}g"))["logStreams"]
    assert full == {
        **empty,
        "logStreamName": name,
        "arn": f"{ARN}g:log-stream:{name}",
        "firstEventTimestamp": logs.now - 5,
        "lastEventTimestamp": logs.now + 7,
        "lastIngestionTime": logs.now,
        "uploadSequenceToken": full["uploadSequenceToken"],
    }
    assert (await logs("describe_log_streams", logGroupName="g", logStreamNamePrefix="em"))["logStreams"] == [
        {**empty, "logStreamName": "empty", "arn": f"{ARN}g:log-stream:empty"}
    ]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, ["a", "b", "c", "d", "e"]),
        ({"descending": True}, ["e", "d", "c", "b", "a"]),
        ({"orderBy": "LogStreamName", "logStreamNamePrefix": "d"}, ["d"]),
        ({"orderBy": "LastEventTime"}, ["d", "e", "c", "a", "b"]),
        ({"orderBy": "LastEventTime", "descending": True}, ["b", "a", "c", "e", "d"]),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 5, 50])
async def test_streams_come_in_the_order_asked_for_and_in_pages(
    logs: Logs, request_: dict[str, Any], expected: list[str], limit: int
) -> None:
    await logs.stream("g", "a", "b", "c", "d", "e")
    for stream, at in (("a", 20), ("b", 20), ("c", 10)):
        await logs.put("g", stream, (at, "x"))
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = await logs("describe_log_streams", logGroupName="g", limit=limit, **request_, **token)
        assert len(page["logStreams"]) <= limit
        found += [stream["logStreamName"] for stream in page["logStreams"]]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert found == expected


async def test_a_deleted_stream_takes_its_events_and_no_others(logs: Logs) -> None:
    await logs.stream("g", "s", "s/t", "st")
    for stream in ("s", "s/t", "st"):
        await logs.put("g", stream, (0, stream))
    await logs("delete_log_stream", logGroupName="g", logStreamName="s")
    assert await logs.found() == ["s/t", "st"]
    await logs("create_log_stream", logGroupName="g", logStreamName="s")
    assert (await logs("get_log_events", logGroupName="g", logStreamName="s"))["events"] == []


# --- events -------------------------------------------------------------------------------------------------


async def test_events_are_safe_when_put_log_events_answers(logs: Logs) -> None:
    await logs.stream("g", "s")
    flushed: list[int] = []
    flush = logs.store.journals.flush

    async def watched() -> None:
        await flush()
        flushed.append(1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs.store.journals, "flush", watched)
        answer = await logs.put("g", "s", (0, "a"))
    assert flushed == [1]
    assert set(answer) == {"nextSequenceToken"}


async def test_events_too_old_or_too_new_are_rejected_and_the_others_kept(logs: Logs) -> None:
    await logs.stream("g", "s")
    hour = 3_600_000
    answer = await logs.put("g", "s", (-15 * DAY, "old"), (-14 * DAY - 1, "old"), (0, "ok"), (2 * hour, "ok too"),
                            (2 * hour + 1, "new"))  # fmt: skip
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 2, "tooNewLogEventStartIndex": 4}
    assert await logs.found() == ["ok", "ok too"]
    await logs("put_retention_policy", logGroupName="g", retentionInDays=1)
    answer = await logs.put("g", "s", (-2 * DAY, "expired"), (1, "ok"))
    assert answer["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}
    answer = await logs.put("g", "s", (-2 * DAY, "nothing left"))
    assert answer["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}


async def test_a_full_backlog_is_an_error_and_not_a_loss(logs: Logs) -> None:
    await logs.stream("g", "s")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs.store.journals, "_limit", 0)
        with pytest.raises(ApiError, match="cannot complete"):
            await logs.put("g", "s", (0, "a"))


async def test_a_stream_is_read_forward_to_its_end_and_on(logs: Logs) -> None:
    await logs.stream("g", "s", "ss")
    await logs.put("g", "s", *((i, str(i)) for i in range(5)))
    await logs.put("g", "ss", (0, "another's"))
    request = {"logGroupName": "g", "logStreamName": "s", "startFromHead": True, "limit": 2}
    pages, token = [], {}
    while True:
        page = await logs("get_log_events", **request, **token)
        pages.append("".join(event["message"] for event in page["events"]))
        if token and page["nextForwardToken"] == token["nextToken"]:
            break
        token = {"nextToken": page["nextForwardToken"]}
    assert pages == ["01", "23", "4", ""]
    await logs.put("g", "s", (9, "later"))
    page = await logs("get_log_events", **request, **token)
    assert [event["message"] for event in page["events"]] == ["later"]
    assert page["events"] == [{"timestamp": logs.now + 9, "message": "later", "ingestionTime": logs.now}]


async def test_a_stream_is_read_backward_from_its_newest_events(logs: Logs) -> None:
    await logs.stream("g", "s")
    await logs.put("g", "s", *((i, str(i)) for i in range(5)))
    request = {"logGroupName": "g", "logStreamName": "s", "limit": 2}
    pages, token = [], {}
    while True:
        page = await logs("get_log_events", **request, **token)
        pages.append("".join(event["message"] for event in page["events"]))
        if token and page["nextBackwardToken"] == token["nextToken"]:
            break
        token = {"nextToken": page["nextBackwardToken"]}
    assert pages == ["34", "12", "0", ""]
    # And back again: the page at the end turns around over the event it ends at.
    page = await logs("get_log_events", **request, nextToken=page["nextForwardToken"])
    assert [event["message"] for event in page["events"]] == ["0", "1"]


async def test_the_end_of_a_stream_turns_around(logs: Logs) -> None:
    await logs.stream("g", "s")
    await logs.put("g", "s", (0, "a"), (1, "b"))
    request = {"logGroupName": "g", "logStreamName": "s"}
    page = await logs("get_log_events", **request)
    page = await logs("get_log_events", **request, nextToken=page["nextForwardToken"])
    assert page["events"] == []
    page = await logs("get_log_events", **request, nextToken=page["nextBackwardToken"])
    assert [event["message"] for event in page["events"]] == ["a", "b"]


async def test_an_empty_stream_has_tokens_that_find_what_comes(logs: Logs) -> None:
    await logs.stream("g", "s")
    request = {"logGroupName": "g", "logStreamName": "s"}
    page = await logs("get_log_events", **request)
    assert page["events"] == []
    await logs.put("g", "s", (0, "a"))
    forward = await logs("get_log_events", **request, nextToken=page["nextForwardToken"])
    assert [event["message"] for event in forward["events"]] == ["a"]


async def test_the_end_of_a_range_is_in_a_search_and_not_in_a_stream(logs: Logs) -> None:
    await logs.stream("g", "s")
    await logs.put("g", "s", (0, "a"), (1, "b"), (2, "c"))
    span = {"startTime": logs.now + 1, "endTime": logs.now + 2}
    page = await logs("get_log_events", logGroupName="g", logStreamName="s", **span)
    assert [event["message"] for event in page["events"]] == ["b"]
    assert await logs.found(**span) == ["b", "c"]


async def test_a_page_holds_a_mebibyte(logs: Logs) -> None:
    await logs.stream("g", "s")
    for i in range(5):
        await logs.put("g", "s", (i, "é" * 200_000))
    request = {"logGroupName": "g", "logStreamName": "s", "startFromHead": True}
    assert len((await logs("get_log_events", **request))["events"]) == 2
    page = await logs("filter_log_events", logGroupName="g")
    assert len(page["events"]) == 2
    page = await logs("filter_log_events", logGroupName="g", nextToken=page["nextToken"])
    page = await logs("filter_log_events", logGroupName="g", nextToken=page["nextToken"])
    assert len(page["events"]) == 1
    assert "nextToken" not in page


async def test_a_search_goes_over_streams_in_the_order_of_time(logs: Logs) -> None:
    await logs.stream("g", "a", "b", "b/c", "c")
    for i, stream in enumerate(["a", "b", "b/c", "c"] * 60):
        await logs.put("g", stream, (i, f"{i}{stream}"))
    every = [f"{i}{stream}" for i, stream in enumerate(["a", "b", "b/c", "c"] * 60)]
    assert await logs.found() == every
    assert await logs.found(startFromHead=False) == every[::-1]
    assert await logs.found(logStreamNamePrefix="b") == [m for m in every if "b" in m]
    assert await logs.found(logStreamNames=["c", "a", "c"]) == [m for m in every if m[-1] in "ac" and "/" not in m]
    pages = []
    token: dict[str, str] = {}
    while True:
        page = await logs("filter_log_events", logGroupName="g", logStreamNames=["b", "c"], limit=7,
                          startFromHead=False, **token)  # fmt: skip
        pages += [event["message"] for event in page["events"]]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert pages == [m for m in every[::-1] if m[-1] in "bc" and "/" not in m]


async def test_a_found_event_says_where_it_stands(logs: Logs) -> None:
    stream = "2026/11/23/[$LATEST]0"
    await logs.stream("g", stream)
    await logs.put("g", stream, (0, "a"), (0, "b"))
    first, second = (await logs("filter_log_events", logGroupIdentifier=f"{ARN}g"))["events"]
    assert {**first, "eventId": ""} == {
        "logStreamName": stream,
        "timestamp": logs.now,
        "message": "a",
        "ingestionTime": logs.now,
        "eventId": "",
    }
    assert len(first["eventId"]) == len(second["eventId"]) == 56
    assert first["eventId"] < second["eventId"]


async def test_a_search_filters_and_pages_what_it_selects(logs: Logs) -> None:
    await logs.stream("g", "s")
    await logs.put("g", "s", *((i, f"{'ERROR' if i % 10 == 0 else 'INFO'} {i}") for i in range(1000)))
    page = await logs("filter_log_events", logGroupName="g", filterPattern="ERROR", limit=60)
    assert [event["message"] for event in page["events"]] == [f"ERROR {i}" for i in range(0, 600, 10)]
    request = {"filterPattern": "ERROR", "limit": 60, "nextToken": page["nextToken"]}
    assert await logs.found(**request) == [f"ERROR {i}" for i in range(600, 1000, 10)]
    assert await logs.found(filterPattern="{ $.a = 1 }") == []


async def test_a_search_that_finds_little_answers_in_time_with_a_token(logs: Logs) -> None:
    await logs.stream("g", "s")
    for i in range(20):
        await logs.put("g", "s", (i, "x" * 1_000_000))
    await logs.put("g", "s", (99, "needle"))
    page = await logs("filter_log_events", logGroupName="g", filterPattern="needle")
    assert page["events"] == []
    assert await logs.found(filterPattern="needle", nextToken=page["nextToken"]) == ["needle"]


async def test_a_filter_pattern_can_be_tried(logs: Logs) -> None:
    messages = ["127.0.0.1 GET 200", "127.0.0.1 GET 404", "nothing"]
    answer = await logs("test_metric_filter", filterPattern="[ip, method, code=4*]", logEventMessages=messages)
    assert answer == {
        "matches": [
            {
                "eventNumber": 2,
                "eventMessage": "127.0.0.1 GET 404",
                "extractedValues": {"$ip": "127.0.0.1", "$method": "GET", "$code": "404"},
            }
        ]
    }


# --- retention ----------------------------------------------------------------------------------------------


async def test_expired_events_are_hidden_at_once_and_deleted_by_the_sweep(logs: Logs) -> None:
    await logs.stream("g", "s")
    await logs.stream("kept", "s")
    await logs.put("g", "s", (0, "old"))
    await logs.put("kept", "s", (0, "old"))
    logs.clock.advance(2 * 86_400)
    await logs.put("g", "s", (0, "new"))
    await logs("put_retention_policy", logGroupName="g", retentionInDays=1)
    assert await logs.found() == ["new"]
    page = await logs("get_log_events", logGroupName="g", logStreamName="s", startFromHead=True)
    assert [event["message"] for event in page["events"]] == ["new"]
    await logs.retention().sweep()
    await logs("delete_retention_policy", logGroupName="g")
    assert await logs.found() == ["new"]
    assert await logs.found("kept") == ["old"]


# --- refusals -----------------------------------------------------------------------------------------------

INVALID = "InvalidParameterException: "
EVENT = {"timestamp": 1, "message": "x"}


@pytest.mark.parametrize(
    ("operation", "request_", "refusal"),
    [
        (
            "create_log_group",
            {"logGroupName": "g"},
            "ResourceAlreadyExistsException: The specified log group already exists",
        ),
        (
            "create_log_group",
            {"logGroupName": "aws/x"},
            INVALID + "Log groups starting with AWS/ are reserved for AWS.",
        ),
        (
            "create_log_stream",
            {"logGroupName": "g", "logStreamName": "s"},
            "ResourceAlreadyExistsException: The specified log stream already exists",
        ),
        ("create_log_stream", {"logGroupName": "no", "logStreamName": "s"}, NO_GROUP),
        ("delete_log_group", {"logGroupName": "no"}, NO_GROUP),
        ("delete_log_stream", {"logGroupName": "g", "logStreamName": "no"}, NO_STREAM),
        ("delete_log_stream", {"logGroupName": "no", "logStreamName": "s"}, NO_GROUP),
        ("put_retention_policy", {"logGroupName": "no", "retentionInDays": 1}, NO_GROUP),
        (
            "put_retention_policy",
            {"logGroupName": "g", "retentionInDays": 2},
            INVALID
            + "Invalid retention value. Valid values are: [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, "
            "731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]",
        ),
        ("delete_retention_policy", {"logGroupName": "no"}, NO_GROUP),
        ("describe_log_streams", {"logGroupName": "no"}, NO_GROUP),
        ("describe_log_streams", {"logGroupName": "g", "nextToken": "%"}, BAD_TOKEN),
        ("describe_log_streams", {"logGroupName": "g", "descending": True, "nextToken": "YQ=="}, BAD_TOKEN),
        (
            "describe_log_streams",
            {"logGroupName": "g", "orderBy": "LastEventTime", "logStreamNamePrefix": "s"},
            INVALID + "Cannot order by LastEventTime with a logStreamNamePrefix.",
        ),
        ("describe_log_groups", {"nextToken": "é"}, BAD_TOKEN),
        (
            "describe_log_groups",
            {"logGroupNamePrefix": "a", "logGroupNamePattern": "b"},
            INVALID + "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ),
        ("put_log_events", {"logGroupName": "no", "logStreamName": "s", "logEvents": [EVENT]}, NO_GROUP),
        ("put_log_events", {"logGroupName": "g", "logStreamName": "no", "logEvents": [EVENT]}, NO_STREAM),
        (
            "put_log_events",
            {"logGroupName": "g", "logStreamName": "s", "logEvents": [{"timestamp": 2, "message": "x"}, EVENT]},
            INVALID + "Log events in a single PutLogEvents request must be in chronological order.",
        ),
        (
            "put_log_events",
            {"logGroupName": "g", "logStreamName": "s", "logEvents": [{"timestamp": 1, "message": "é" * 524_276}]},
            INVALID + "Log event too large: 1048578 bytes exceeds limit of 1048576",
        ),
        (
            "put_log_events",
            {"logGroupName": "g", "logStreamName": "s", "logEvents": [{"timestamp": 1, "message": "x" * 600_000}] * 2},
            INVALID + "Upload too large: 1200052 bytes exceeds limit of 1048576",
        ),
        (
            "put_log_events",
            {
                "logGroupName": "g",
                "logStreamName": "s",
                "logEvents": [
                    {"timestamp": 1_700_000_000_000 - DAY - 1, "message": "x"},
                    {"timestamp": 1_700_000_000_000, "message": "x"},
                ],
            },
            INVALID + "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        ),
        ("get_log_events", {"logGroupName": "no", "logStreamName": "s"}, NO_GROUP),
        ("get_log_events", {"logGroupName": "g", "logStreamName": "no"}, NO_STREAM),
        ("get_log_events", {"logStreamName": "s"}, INVALID + "Either LogGroup name or LogGroup ARN must be provided."),
        (
            "get_log_events",
            {"logGroupName": "g", "logGroupIdentifier": "g", "logStreamName": "s"},
            INVALID + "LogGroup name and LogGroup ARN are mutually exclusive parameters.",
        ),
        ("get_log_events", {"logGroupName": "g", "logStreamName": "s", "nextToken": "x"}, BAD_TOKEN),
        ("get_log_events", {"logGroupName": "g", "logStreamName": "s", "nextToken": "f/" + "²" * 56 + "/s"}, BAD_TOKEN),
        ("get_log_events", {"logGroupName": "g", "logStreamName": "s", "nextToken": "f/" + "9" * 56 + "/s"}, BAD_TOKEN),
        ("filter_log_events", {"logGroupName": "no"}, NO_GROUP),
        ("filter_log_events", {"logGroupName": "g", "logStreamNames": ["s", "no"]}, NO_STREAM),
        (
            "filter_log_events",
            {"logGroupName": "g", "logStreamNames": ["s"], "logStreamNamePrefix": "s"},
            INVALID + "logStreamNames and logStreamNamePrefix are mutually exclusive parameters.",
        ),
        (
            "filter_log_events",
            {"logGroupName": "g", "filterPattern": "a:"},
            INVALID + "Invalid character(s) in term ':'",
        ),
        ("filter_log_events", {"logGroupName": "g", "nextToken": "abcd"}, BAD_TOKEN),
        (
            "filter_log_events",
            {"logGroupIdentifier": "arn:aws:logs:x"},
            INVALID + "The specified logGroupIdentifier is not valid.",
        ),
        (
            "test_metric_filter",
            {"filterPattern": "{", "logEventMessages": ["x"]},
            INVALID + "If a filter pattern starts with '{' it must end with '}'",
        ),
        ("tag_log_group", {"logGroupName": "no", "tags": {"a": "b"}}, NO_GROUP),
        ("tag_resource", {"resourceArn": f"{ARN}no", "tags": {"a": "b"}}, NO_GROUP),
        ("untag_resource", {"resourceArn": f"{ARN}no", "tagKeys": ["a"]}, NO_GROUP),
        ("list_tags_log_group", {"logGroupName": "no"}, NO_GROUP),
        (
            "list_tags_for_resource",
            {"resourceArn": "arn:aws:logs:us-east-1:000000000000:destination:d"},
            "ResourceNotFoundException: The specified resource does not exist.",
        ),
    ],
)
async def test_what_is_wrong_is_refused_in_awss_words(
    logs: Logs, operation: str, request_: dict[str, Any], refusal: str
) -> None:
    await logs.stream("g", "s")
    assert await logs.refusal(operation, **request_) == refusal
