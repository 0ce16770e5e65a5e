"""A disk that is full under a running server: what cannot be kept is refused by name, and nothing kept is lost."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

SOURCE = "def handler(event, context):\n    return event\n"
ARN = "arn:aws:sqs:us-east-1:000000000000:"


@contextmanager
def full(server: Any) -> Iterator[None]:
    """No file of the server may grow, nor be written where it has bytes: as on a full disk, but sparing the machine."""
    pid = server.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def refusal(call: Callable[..., Any], **members: Any) -> tuple[int, str]:
    """Status and code of the error that a call is answered with."""
    with pytest.raises(ClientError) as caught:
        call(**members)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def test_events_and_messages_are_refused_while_the_disk_is_full_and_none_that_was_accepted_is_lost(
    make_server: Callable[..., Any], tools: Any
) -> None:
    server = make_server().start()
    aws, sqs = server.client("lambda"), server.client("sqs")
    urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("told", "messages")}
    server.function("f", {"app.py": SOURCE})
    aws.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    aws.put_function_event_invoke_config(
        FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": ARN + "told"}}
    )
    sent = {f'{{"n": {number}}}' for number in range(100)}
    for payload in sent:
        aws.invoke(FunctionName="f", InvocationType="Event", Payload=payload)
    sqs.send_message(QueueUrl=urls["messages"], MessageBody="kept")
    with full(server):
        assert refusal(aws.invoke, FunctionName="f", InvocationType="Event", Payload=b"{}") == (500, "InternalFailure")
        assert refusal(sqs.send_message, QueueUrl=urls["messages"], MessageBody="m") == (500, "InternalFailure")
        assert refusal(sqs.receive_message, QueueUrl=urls["messages"]) == (500, "InternalFailure")
        status = refusal(sqs.create_queue, QueueName="another")[0]
        assert status == 500

    told: set[str] = set()

    def all_are_told() -> bool:
        messages = sqs.receive_message(QueueUrl=urls["told"], MaxNumberOfMessages=10).get("Messages", [])
        told.update(message["Body"] for message in messages)
        return len(told) >= len(sent)

    tools.wait_for(all_are_told, 100)
    assert [each["Body"] for each in sqs.receive_message(QueueUrl=urls["messages"])["Messages"]] == ["kept"]
    aws.invoke(FunctionName="f", InvocationType="Event", Payload=b"{}")
    sqs.send_message(QueueUrl=urls["messages"], MessageBody="m")
