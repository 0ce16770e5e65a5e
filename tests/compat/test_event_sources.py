"""Event source mappings as boto3 sees them, and what they do: messages of a queue reach the function."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

LAMBDA = "arn:aws:lambda:us-east-1:000000000000"
INVALID = (400, "InvalidParameterValueException")
CONFLICT = (409, "ResourceConflictException")
MISSING = (404, "ResourceNotFoundException", "The resource you requested does not exist.")
NO_QUEUE = (
    "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
    "SQS Error Message: The specified queue does not exist."
)
HANDLER = """
import json, os

def handler(event, context):
    if not event["Records"]:
        return None
    print("GOT", json.dumps(event["Records"]))
    # "x!2" cannot be handled before it comes for the third time.
    failed = [
        record["messageId"]
        for record in event["Records"]
        if int(record["body"].partition("!")[2] or 0) >= int(record["attributes"]["ApproximateReceiveCount"])
    ]
    if not failed:
        return None
    if "REPORTS" not in os.environ:
        raise ValueError("cannot be handled")
    in_order = [record["messageId"] for record in event["Records"]]
    if "IN_ORDER" in os.environ:
        failed = in_order[in_order.index(failed[0]):]
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}
"""
LOOP = """
import json, os
import boto3

sqs = boto3.client("sqs")

def handler(event, context):
    print("GOT", json.dumps(event["Records"]))
    for record in event["Records"]:
        sqs.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=record["body"])
"""


class Line:
    """Queues, a function and mappings of one test; all are deleted after it."""

    def __init__(self, server: Any, tools: Any) -> None:
        self.server = server
        self.aws = server.client("lambda")
        self.sqs = server.client("sqs")
        self.name = f"line-{uuid4().hex[:10]}"
        self._tools = tools
        self._logs = server.client("logs")
        self._queues: list[str] = []
        self._uuids: list[str] = []

    def function(self, **variables: str) -> None:
        """It has run once: on a busy machine its start may take as long as messages are hidden."""
        environment = {"Variables": variables}
        self.server.function(self.name, {"app.py": HANDLER}, Environment=environment, Timeout=2)
        answer = self.aws.invoke(FunctionName=self.name, Payload=b'{"Records": []}')
        assert "FunctionError" not in answer

    def queue(self, suffix: str = "", **attributes: str) -> tuple[str, str]:
        """(URL, ARN). Only tests in which messages come again have them hidden for a short time."""
        attributes = {"VisibilityTimeout": "30", **attributes}
        url = self.sqs.create_queue(QueueName=self.name + suffix, Attributes=attributes)["QueueUrl"]
        self._queues.append(url)
        return url, f"arn:aws:sqs:us-east-1:000000000000:{self.name}{suffix}"

    def map(self, arn: str, **members: Any) -> str:
        made = self.aws.create_event_source_mapping(FunctionName=self.name, EventSourceArn=arn, **members)
        self._uuids.append(made["UUID"])
        return str(made["UUID"])

    def becomes(self, uuid: str, state: str) -> Any:
        """The mapping as soon as it has that state."""

        def found() -> Any:
            mapping = self.aws.get_event_source_mapping(UUID=uuid)
            return mapping if mapping["State"] == state else None

        return self._tools.wait_for(found)

    def goes(self, uuid: str) -> None:
        """Wait until the mapping is gone."""

        def is_gone() -> bool:
            try:
                self.aws.get_event_source_mapping(UUID=uuid)
            except self.aws.exceptions.ResourceNotFoundException:
                return True
            return False

        self._tools.wait_for(is_gone)

    def send(self, url: str, *bodies: str, **members: Any) -> None:
        for start in range(0, len(bodies), 10):
            entries = [
                {"Id": str(at), "MessageBody": body, **members} for at, body in enumerate(bodies[start : start + 10])
            ]
            assert "Failed" not in self.sqs.send_message_batch(QueueUrl=url, Entries=entries)

    def batches(self) -> list[list[dict[str, Any]]]:
        """The records of every invocation, in their order."""
        pages = self._logs.get_paginator("filter_log_events")
        found = pages.paginate(logGroupName=f"/aws/lambda/{self.name}", filterPattern='"GOT"')
        events = [event for page in found for event in page["events"]]
        return [json.loads(event["message"].partition(" ")[2]) for event in events]

    def bodies(self) -> list[str]:
        """What the function got, in order."""
        try:
            return [record["body"] for batch in self.batches() for record in batch]
        except self._logs.exceptions.ResourceNotFoundException:
            return []

    def gets(self, condition: Callable[[list[str]], bool], seconds: float = 30.0) -> list[str]:
        """What the function has got as soon as that is so."""
        return list(self._tools.wait_for(lambda: found if condition(found := self.bodies()) else None, seconds))

    def arrived(self, url: str) -> list[dict[str, Any]]:
        """Messages of a queue as soon as there are any."""
        ask = partial(self.sqs.receive_message, QueueUrl=url, WaitTimeSeconds=20)
        return list(self._tools.wait_for(lambda: ask().get("Messages"), seconds=60))

    def empties(self, url: str, seconds: float = 30.0) -> None:
        """Wait until the queue has nothing left, hidden or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

        def is_empty() -> bool:
            counts = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            return all(counts[name] == "0" for name in names)

        self._tools.wait_for(is_empty, seconds)

    def refused(self, operation: str, **request: Any) -> tuple[int, str, str]:
        with pytest.raises(ClientError) as caught:
            getattr(self.aws, operation)(**request)
        answer = caught.value.response
        return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]

    def delete(self, uuid: str) -> bool:
        """Delete a mapping that may be gone already; False while its last change is still being followed."""
        try:
            self.aws.delete_event_source_mapping(UUID=uuid)
        except self.aws.exceptions.ResourceInUseException:
            return False
        except self.aws.exceptions.ResourceNotFoundException:
            pass
        return True

    def clear(self) -> None:
        for uuid in self._uuids:
            self._tools.wait_for(partial(self.delete, uuid))
        for url in self._queues:
            try:
                self.sqs.delete_queue(QueueUrl=url)
            except self.sqs.exceptions.QueueDoesNotExist:
                pass
        try:
            self.aws.delete_function(FunctionName=self.name)
        except self.aws.exceptions.ResourceNotFoundException:
            pass


@pytest.fixture
def line(shared_server: Any, tools: Any) -> Iterator[Line]:
    made = Line(shared_server, tools)
    yield made
    made.clear()


# -- the API ----------------------------------------------------------------------------------------------------------


def test_a_mapping_answers_as_on_aws(line: Line) -> None:
    line.function()
    _, source = line.queue()
    created = line.aws.create_event_source_mapping(FunctionName=line.name, EventSourceArn=source, Tags={"team": "a"})
    uuid, modified = created["UUID"], created.pop("LastModified")
    arn = f"{LAMBDA}:event-source-mapping:{uuid}"
    assert created.pop("ResponseMetadata")["HTTPStatusCode"] == 202
    settled = {
        "UUID": uuid,
        "EventSourceMappingArn": arn,
        "EventSourceArn": source,
        "FunctionArn": f"{LAMBDA}:function:{line.name}",
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "FunctionResponseTypes": [],
        "StateTransitionReason": "USER_INITIATED",
    }
    assert created == {**settled, "State": "Creating"}
    found = line.becomes(uuid, "Enabled")
    assert found.pop("LastModified") == modified
    assert found.pop("ResponseMetadata")["HTTPStatusCode"] == 200
    assert found == {**settled, "State": "Enabled"}
    assert line.aws.list_tags(Resource=arn)["Tags"] == {"team": "a"}
    disabled = line.aws.update_event_source_mapping(UUID=uuid, Enabled=False)
    assert (disabled["ResponseMetadata"]["HTTPStatusCode"], disabled["State"]) == (202, "Disabling")
    assert line.becomes(uuid, "Disabled")["StateTransitionReason"] == "USER_INITIATED"
    assert line.aws.update_event_source_mapping(UUID=uuid, Enabled=True)["State"] == "Enabling"
    line.becomes(uuid, "Enabled")
    assert line.aws.update_event_source_mapping(UUID=uuid, BatchSize=5)["State"] == "Updating"
    line.becomes(uuid, "Enabled")
    deleted = line.aws.delete_event_source_mapping(UUID=uuid)
    assert (deleted["ResponseMetadata"]["HTTPStatusCode"], deleted["State"]) == (202, "Deleting")
    line.goes(uuid)
    assert line.refused("get_event_source_mapping", UUID=uuid) == MISSING


def test_a_mapping_takes_every_setting_of_a_queue_and_gives_it_back(line: Line) -> None:
    line.function()
    wanted: dict[str, Any] = {
        "BatchSize": 500,
        "MaximumBatchingWindowInSeconds": 5,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": 2},
        "MetricsConfig": {"Metrics": ["EventCount"]},
        "FilterCriteria": {"Filters": [{"Pattern": '{"body": {"n": [{"numeric": [">", 0, "<=", 9]}]}}'}]},
    }
    uuid = line.map(line.queue()[1], Enabled=False, **wanted)
    created = line.aws.get_event_source_mapping(UUID=uuid)
    assert {name: created[name] for name in wanted} == wanted
    assert created["State"] == "Disabled"
    less: dict[str, Any] = {"ScalingConfig": {}, "FilterCriteria": {"Filters": []}, "MetricsConfig": {"Metrics": []}}
    updated = line.aws.update_event_source_mapping(UUID=uuid, FunctionResponseTypes=[], **less)
    assert updated["State"] == "Updating"
    assert not set(less) & set(updated)
    assert updated["FunctionResponseTypes"] == []
    assert (updated["BatchSize"], updated["MaximumBatchingWindowInSeconds"]) == (500, 5)
    line.becomes(uuid, "Disabled")
    assert line.refused("update_event_source_mapping", UUID=uuid, MaximumBatchingWindowInSeconds=0) == (
        *INVALID,
        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
    )
    pollers = {"MinimumPollers": 2, "MaximumPollers": 20}
    updated = line.aws.update_event_source_mapping(UUID=uuid, ProvisionedPollerConfig=pollers)
    assert updated["ProvisionedPollerConfig"] == pollers


def test_a_queue_is_mapped_to_a_function_once(line: Line, tools: Any) -> None:
    other = Line(line.server, tools)
    line.function()
    other.function()
    _, source = line.queue()
    first = line.map(source, Enabled=False)
    conflict = (
        *CONFLICT,
        f'An event source mapping with SQS arn (" {source} ") and function (" {line.name} ") already exists. '
        f"Please update or delete the existing mapping with UUID {first}",
    )
    mapping = {"FunctionName": line.name, "EventSourceArn": source}
    assert line.refused("create_event_source_mapping", **mapping) == conflict
    second = other.map(source, Enabled=False)
    assert line.refused("update_event_source_mapping", UUID=second, FunctionName=line.name) == conflict
    line.aws.delete_event_source_mapping(UUID=first)
    line.goes(first)
    moved = line.aws.update_event_source_mapping(UUID=second, FunctionName=line.name)
    assert moved["FunctionArn"] == f"{LAMBDA}:function:{line.name}"
    other.map(source, Enabled=False)
    line.becomes(second, "Disabled")
    other.clear()


def test_a_mapping_keeps_the_qualifier_that_it_was_made_with(line: Line) -> None:
    line.function()
    _, source = line.queue()
    line.aws.create_alias(FunctionName=line.name, Name="A", FunctionVersion="$LATEST")
    for qualifier in ("A", "$LATEST"):
        qualified = f"{line.name}:{qualifier}"
        made = line.aws.create_event_source_mapping(FunctionName=qualified, EventSourceArn=source, Enabled=False)
        assert made["FunctionArn"] == f"{LAMBDA}:function:{qualified}"
    of_alias = line.aws.list_event_source_mappings(FunctionName=f"{line.name}:A")["EventSourceMappings"]
    assert [each["FunctionArn"] for each in of_alias] == [f"{LAMBDA}:function:{line.name}:A"]
    of_all = line.aws.list_event_source_mappings(FunctionName=line.name)["EventSourceMappings"]
    assert len(of_all) == 2
    for each in of_all:
        assert line.delete(each["UUID"])


def test_mappings_are_listed_by_function_and_by_source_and_outlive_the_function(line: Line) -> None:
    line.function()
    sources = [line.queue(f"-{number}")[1] for number in range(3)]
    uuids = [line.map(source) for source in sources]
    pages = line.aws.get_paginator("list_event_source_mappings").paginate(
        FunctionName=line.name, PaginationConfig={"PageSize": 2}
    )
    assert [len(page["EventSourceMappings"]) for page in pages] == [2, 1]
    by_source = line.aws.list_event_source_mappings(EventSourceArn=sources[1])["EventSourceMappings"]
    assert [each["UUID"] for each in by_source] == [uuids[1]]
    line.aws.delete_function(FunctionName=line.name)
    left = line.aws.list_event_source_mappings(FunctionName=line.name)["EventSourceMappings"]
    assert {each["UUID"] for each in left} == set(uuids)
    for uuid in uuids:
        line.becomes(uuid, "Enabled")


def test_the_queue_must_be_there_and_hide_messages_long_enough(line: Line) -> None:
    line.function()
    mapping = {"FunctionName": line.name, "EventSourceArn": f"arn:aws:sqs:us-east-1:000000000000:{line.name}"}
    assert line.refused("create_event_source_mapping", **mapping) == (*INVALID, NO_QUEUE)
    line.queue(VisibilityTimeout="1")
    assert line.refused("create_event_source_mapping", **mapping) == (
        *INVALID,
        "Queue visibility timeout: 1 seconds is less than Function timeout: 2 seconds",
    )


def test_a_queue_that_is_gone_shows_in_the_state(line: Line, tools: Any) -> None:
    line.function()
    url, source = line.queue()
    uuid = line.map(source)
    line.becomes(uuid, "Enabled")
    line.sqs.delete_queue(QueueUrl=url)
    tools.wait_for(lambda: line.becomes(uuid, "Disabled")["StateTransitionReason"] == NO_QUEUE)
    assert line.aws.update_event_source_mapping(UUID=uuid, Enabled=False)["State"] == "Updating"
    tools.wait_for(lambda: line.becomes(uuid, "Disabled")["StateTransitionReason"] == "USER_INITIATED")


# -- what they do -----------------------------------------------------------------------------------------------------


def test_messages_reach_the_function_in_the_form_that_aws_gives_them(line: Line) -> None:
    line.function()
    url, source = line.queue()
    line.map(source)
    attributes = {"Author": {"StringValue": "X", "DataType": "String"}}
    sent = line.sqs.send_message(QueueUrl=url, MessageBody="Grüße", MessageAttributes=attributes)
    line.gets(lambda bodies: bodies == ["Grüße"])
    ((record,),) = line.batches()
    assert record.pop("receiptHandle")
    times = {name: record["attributes"].pop(name) for name in ("SentTimestamp", "ApproximateFirstReceiveTimestamp")}
    assert times["SentTimestamp"] <= times["ApproximateFirstReceiveTimestamp"]
    assert record["attributes"].pop("SenderId")
    assert record == {
        "messageId": sent["MessageId"],
        "body": "Grüße",
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {
            "Author": {"stringValue": "X", "stringListValues": [], "binaryListValues": [], "dataType": "String"}
        },
        "md5OfMessageAttributes": sent["MD5OfMessageAttributes"],
        "md5OfBody": sent["MD5OfMessageBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": source,
        "awsRegion": "us-east-1",
    }
    line.empties(url)


def test_only_what_a_filter_takes_reaches_the_function_and_the_rest_is_deleted(line: Line) -> None:
    line.function()
    url, source = line.queue()
    line.send(url, '{"kind": "order"}', "plain", '{"kind": "other"}', '{"kind": "order", "n": 2}')
    line.map(source, FilterCriteria={"Filters": [{"Pattern": '{"body": {"kind": ["order"]}}'}]})
    line.empties(url)
    assert line.gets(lambda bodies: len(bodies) == 2) == ['{"kind": "order"}', '{"kind": "order", "n": 2}']


def test_only_the_messages_that_are_reported_come_again(line: Line) -> None:
    line.function(REPORTS="1")
    url, source = line.queue(VisibilityTimeout="2")
    line.send(url, "a", "b!1", "c")
    line.map(source, FunctionResponseTypes=["ReportBatchItemFailures"])
    line.empties(url)
    assert line.gets(lambda bodies: len(bodies) == 4) == ["a", "b!1", "c", "b!1"]


def test_groups_are_handled_in_order_whatever_fails(line: Line) -> None:
    line.function(REPORTS="1", IN_ORDER="1")
    url, source = line.queue(".fifo", FifoQueue="true", ContentBasedDeduplication="true", VisibilityTimeout="2")
    for number in range(5):
        for group in "ab":
            body = f"{group}{number}" + ("!1" if number == 2 else "")
            line.send(url, body, MessageGroupId=group)
    line.map(source, BatchSize=3, FunctionResponseTypes=["ReportBatchItemFailures"])
    line.empties(url)
    line.gets(lambda bodies: {"a4", "b4"} <= set(bodies))
    for group in "ab":
        done: list[str] = []
        for batch in line.batches():
            # What the function reports is everything from the first failure on.
            ok = [record["body"] for record in batch]
            failing = [at for at, record in enumerate(batch) if _fails(record)]
            done += [body for body in ok[: failing[0] if failing else None] if body[0] == group]
        assert done == [f"{group}0", f"{group}1", f"{group}2!1", f"{group}3", f"{group}4"]


def _fails(record: dict[str, Any]) -> bool:
    return int(record["body"].partition("!")[2] or 0) >= int(record["attributes"]["ApproximateReceiveCount"])


def test_a_window_makes_one_batch_of_messages_that_come_one_by_one(line: Line) -> None:
    line.function()
    url, source = line.queue()
    uuid = line.map(source, BatchSize=100, MaximumBatchingWindowInSeconds=1)
    line.becomes(uuid, "Enabled")
    for number in range(20):
        line.send(url, str(number))
    line.gets(lambda bodies: len(bodies) == 20)
    assert len(line.batches()) <= 10, "that many only where sending takes as many seconds"


def test_a_function_that_sends_into_its_own_queue_is_stopped_after_sixteen_runs(line: Line) -> None:
    _, dead = line.queue("-dead")
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 5})
    url, source = line.queue(VisibilityTimeout="30", RedrivePolicy=redrive)
    members = {"Environment": {"Variables": {"QUEUE": url}}, "Timeout": 30, "MemorySize": 1769}
    line.server.function(line.name, {"app.py": LOOP}, **members)
    line.map(source)
    line.send(url, "round")
    dead_url = url + "-dead"
    found = line.arrived(dead_url)
    assert [each["Body"] for each in found] == ["round"]
    line.empties(url)
    assert len(line.gets(lambda bodies: len(bodies) >= 16)) == 16


def test_nothing_is_lost_while_a_mapping_is_changed_again_and_again(line: Line) -> None:
    line.function()
    url, source = line.queue(VisibilityTimeout="2")
    uuid = line.map(source)
    wanted = {f"m{number}" for number in range(300)}
    sender = threading.Thread(target=line.send, args=(url, *sorted(wanted)))
    sender.start()
    for batch_size in (1, 5, 10):
        line.becomes(uuid, "Enabled")
        line.aws.update_event_source_mapping(UUID=uuid, BatchSize=batch_size)
        line.becomes(uuid, "Enabled")
        line.aws.update_event_source_mapping(UUID=uuid, Enabled=False)
        line.becomes(uuid, "Disabled")
        line.aws.update_event_source_mapping(UUID=uuid, Enabled=True)
    line.becomes(uuid, "Enabled")
    line.aws.delete_event_source_mapping(UUID=uuid)
    line.goes(uuid)
    line.map(source)
    sender.join()
    line.empties(url)
    assert set(line.gets(lambda bodies: set(bodies) == wanted)) == wanted


def test_every_message_is_handled_although_the_server_is_killed_meanwhile(make_server: Any, tools: Any) -> None:
    server = make_server().start()
    line = Line(server, tools)
    line.function()
    url, source = line.queue(VisibilityTimeout="2")
    line.map(source, BatchSize=2)
    wanted = {f"m{number}" for number in range(100)}
    line.send(url, *sorted(wanted))
    line.gets(bool)
    server.kill()
    server.start()
    line = _again(line, server, tools)
    line.empties(url, seconds=60)
    assert line.aws.list_event_source_mappings()["EventSourceMappings"][0]["State"] == "Enabled"
    # Lines of log that were not written yet when it was killed are lost; the queue's word is what counts.
    got = line.bodies()
    assert set(got) <= wanted
    assert len(set(got)) > 50


def _again(line: Line, server: Any, tools: Any) -> Line:
    """The same with clients of a server that was started again."""
    again = Line(server, tools)
    again.name = line.name
    return again
