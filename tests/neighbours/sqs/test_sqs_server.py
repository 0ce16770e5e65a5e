"""Messages as unmodified boto3 sends and receives them: it compares the MD5s of all that it sends."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError


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


def test_boto3_knows_the_errors(aws: Any, make_queue: Callable[..., str]) -> None:
    url = make_queue()
    with pytest.raises(aws.exceptions.QueueDoesNotExist):
        aws.get_queue_url(QueueName="none")
    with pytest.raises(aws.exceptions.ReceiptHandleIsInvalid):
        aws.delete_message(QueueUrl=url, ReceiptHandle="x")
    with pytest.raises(aws.exceptions.EmptyBatchRequest):
        aws.send_message_batch(QueueUrl=url, Entries=[])
    code, text = refused(lambda: aws.get_queue_url(QueueName="none"))
    assert (code, text) == ("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
    code, text = refused(lambda: aws.receive_message(QueueUrl=url, MaxNumberOfMessages=11))
    assert code == "InvalidParameterValue"
    code, text = refused(lambda: aws.send_message(QueueUrl=url, MessageBody=""))
    assert (code, text) == ("MissingParameter", "The request must contain the parameter MessageBody.")


def test_the_largest_message_goes_through(aws: Any, make_queue: Callable[..., str]) -> None:
    url = make_queue()
    body = "\t" * 1_048_576  # two bytes each in JSON
    aws.send_message(QueueUrl=url, MessageBody=body)
    assert bodies(aws.receive_message(QueueUrl=url)) == [body]
    _, text = refused(lambda: aws.send_message(QueueUrl=url, MessageBody=body + "x"))
    assert text == "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes."


def test_dead_letters_and_move_tasks_as_boto3_drives_them(aws: Any, make_queue: Callable[..., str], tools: Any) -> None:
    dead = make_queue()
    arn = aws.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "1"})
    url = make_queue(RedrivePolicy=policy, VisibilityTimeout="0")
    aws.send_message(QueueUrl=url, MessageBody="a")
    assert bodies(aws.receive_message(QueueUrl=url)) == ["a"]
    assert bodies(aws.receive_message(QueueUrl=url)) == []
    assert aws.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]
    aws.start_message_move_task(SourceArn=arn)
    tools.wait_for(lambda: aws.list_message_move_tasks(SourceArn=arn)["Results"][0]["Status"] == "COMPLETED")
    assert bodies(aws.receive_message(QueueUrl=url)) == ["a"]


def test_a_server_that_stops_lets_those_go_who_wait(make_server: Callable[..., Any]) -> None:
    server = make_server().start()
    aws = server.client("sqs")
    url = aws.create_queue(QueueName="q")["QueueUrl"]
    answers: list[list[str]] = []

    def wait() -> None:
        try:
            answers.append(bodies(aws.receive_message(QueueUrl=url, WaitTimeSeconds=20)))
        except BotoCoreError:
            answers.append([])  # The server was quicker than the request.

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert server.stop() == 0
    waiting.join(timeout=60)
    assert answers == [[]]


def test_a_client_that_hangs_up_while_it_waits_takes_no_message_along(
    shared_server: Any, aws: Any, make_queue: Callable[..., str]
) -> None:
    url = make_queue()
    impatient = shared_server.client("sqs", config=Config(read_timeout=0.3, retries={"total_max_attempts": 1}))
    with pytest.raises(ReadTimeoutError):
        impatient.receive_message(QueueUrl=url, WaitTimeSeconds=20)
    aws.send_message(QueueUrl=url, MessageBody="a")
    assert bodies(aws.receive_message(QueueUrl=url, WaitTimeSeconds=10)) == ["a"]
