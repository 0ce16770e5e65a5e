"""Messages as unmodified boto3 sends and receives them: it compares the MD5s of all that it sends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError


def bodies(answer: Any) -> list[str]:
    return [message["Body"] for message in answer.get("Messages", [])]


def refused(work: Callable[[], Any]) -> tuple[str, str]:
    """(code, text) of the error that a call is answered with."""
    with pytest.raises(ClientError) as caught:
        work()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_message_is_sent_received_and_deleted(aws: Any, make_queue: Callable[..., str]) -> None:
    url = make_queue()
    attributes = {
        "text": {"DataType": "String", "StringValue": "größe"},
        "number": {"DataType": "Number.int", "StringValue": "-1.5e3"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\0\1\xff"},
    }
    sent = aws.send_message(QueueUrl=url, MessageBody="hallo, Welt: ü", MessageAttributes=attributes)
    (message,) = aws.receive_message(QueueUrl=url, MessageAttributeNames=["All"], AttributeNames=["All"])["Messages"]
    assert (message["MessageId"], message["Body"]) == (sent["MessageId"], "hallo, Welt: ü")
    assert message["MessageAttributes"] == attributes
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert bodies(aws.receive_message(QueueUrl=url)) == []
    aws.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    counts = aws.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (counts["ApproximateNumberOfMessages"], counts["ApproximateNumberOfMessagesNotVisible"]) == ("0", "0")


def test_who_waits_is_woken_by_a_message(aws: Any, make_queue: Callable[..., str]) -> None:
    url = make_queue()
    found: list[str] = []

    def wait() -> None:
        while not found:
            found.extend(bodies(aws.receive_message(QueueUrl=url, WaitTimeSeconds=20)))

    waiting = threading.Thread(target=wait)
    waiting.start()
    aws.send_message(QueueUrl=url, MessageBody="here")
    waiting.join(timeout=60)
    assert found == ["here"]
