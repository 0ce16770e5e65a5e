"""The query protocol, as SDKs of before 2023 speak it: signed forms, to the root or to a queue's URL."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

NAMESPACE = "{http://queue.amazonaws.com/doc/2012-11-05/}"
Ask = Callable[..., tuple[int, ElementTree.Element]]


@pytest.fixture
def ask(shared_server: Any, tools: Any) -> Ask:
    """Sends a signed form; the status, and the root of the answer."""
    keys = shared_server.credentials()
    credentials = Credentials(keys["aws_access_key_id"], keys["aws_secret_access_key"])

    def send(action: str, url: str | None = None, **fields: str) -> tuple[int, ElementTree.Element]:
        form = {"Action": action, "Version": "2012-11-05", **{n.replace("__", "."): v for n, v in fields.items()}}
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        request = AWSRequest("POST", url or f"{shared_server.endpoint}/", headers=headers, data=urlencode(form))
        SigV4Auth(credentials, "sqs", "us-east-1").add_auth(request)
        status, sent, body = tools.http(request.url, "POST", request.data.encode(), dict(request.headers.items()))
        assert sent["Content-Type"] == "text/xml"
        return status, ElementTree.fromstring(body)

    return send


def texts(root: ElementTree.Element, path: str) -> list[str]:
    return [found.text or "" for found in root.iterfind(".//" + "/".join(NAMESPACE + p for p in path.split("/")))]


def test_a_queue_is_made_and_shown(ask: Ask, aws: Any) -> None:
    status, root = ask(
        "CreateQueue",
        QueueName="query",
        Attribute__1__Name="DelaySeconds",
        Attribute__1__Value="7",
        Tag__1__Key="a",
        Tag__1__Value="b",
    )
    assert (status, root.tag) == (200, f"{NAMESPACE}CreateQueueResponse")
    (url,) = texts(root, "CreateQueueResult/QueueUrl")
    assert aws.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "b"}
    _, root = ask("GetQueueAttributes", QueueUrl=url, AttributeName__1="DelaySeconds", AttributeName__2="QueueArn")
    shown = dict(zip(texts(root, "Attribute/Name"), texts(root, "Attribute/Value"), strict=True))
    assert shown == {"DelaySeconds": "7", "QueueArn": "arn:aws:sqs:us-east-1:000000000000:query"}
    _, root = ask("ListQueues", QueueNamePrefix="query")
    assert texts(root, "ListQueuesResult/QueueUrl") == [url]
    status, root = ask("DeleteQueue", url)
    assert (status, root.tag) == (200, f"{NAMESPACE}DeleteQueueResponse")
    assert len(texts(root, "ResponseMetadata/RequestId")) == 1


def test_messages_go_through_the_url_of_the_queue(ask: Ask, make_queue: Callable[..., str]) -> None:
    url = make_queue()
    _, root = ask(
        "SendMessage",
        url,
        MessageBody="a & b < c",
        MessageAttribute__1__Name="Foo",
        MessageAttribute__1__Value__DataType="String",
        MessageAttribute__1__Value__StringValue="Bar",
        MessageAttribute__2__Name="bytes",
        MessageAttribute__2__Value__DataType="Binary",
        MessageAttribute__2__Value__BinaryValue="AAH/",
    )
    assert texts(root, "MD5OfMessageBody") == [hashlib.md5(b"a & b < c").hexdigest()]
    _, root = ask(
        "ReceiveMessage", url, MessageAttributeName__1="All", AttributeName__1="SenderId", VisibilityTimeout="30"
    )
    assert texts(root, "ReceiveMessageResult/Message/Body") == ["a & b < c"]
    assert texts(root, "Message/Attribute/Name") == ["SenderId"]
    assert texts(root, "Message/MessageAttribute/Name") == ["Foo", "bytes"]
    assert texts(root, "MessageAttribute/Value/StringValue") == ["Bar"]
    assert texts(root, "MessageAttribute/Value/BinaryValue") == ["AAH/"]
    (handle,) = texts(root, "Message/ReceiptHandle")
    status, root = ask("DeleteMessage", url, ReceiptHandle=handle)
    assert (status, root.tag) == (200, f"{NAMESPACE}DeleteMessageResponse")
    _, root = ask("ReceiveMessage", url)
    assert texts(root, "ReceiveMessageResult/Message") == []


def test_batches_have_numbered_entries(ask: Ask, make_queue: Callable[..., str]) -> None:
    url = make_queue()
    fields = {
        f"SendMessageBatchRequestEntry.{n}.{name}": value
        for n, (id_, body) in enumerate([("x", "one"), ("y", "two"), ("z", "\0")], 1)
        for name, value in (("Id", id_), ("MessageBody", body))
    }
    _, root = ask("SendMessageBatch", url, **fields)
    assert texts(root, "SendMessageBatchResultEntry/Id") == ["x", "y"]
    assert texts(root, "BatchResultErrorEntry/Code") == ["InvalidMessageContents"]
    assert texts(root, "BatchResultErrorEntry/SenderFault") == ["true"]


@pytest.mark.parametrize(
    ("action", "fields", "status", "code"),
    [
        ("GetQueueUrl", {"QueueName": "none"}, 400, "AWS.SimpleQueueService.NonExistentQueue"),
        ("CreateQueue", {"QueueName": "a b"}, 400, "InvalidParameterValue"),
        ("CreateQueue", {}, 400, "MissingParameter"),
        ("ListMessageMoveTasks", {"SourceArn": "x"}, 404, "ResourceNotFoundException"),
        ("Fly", {}, 400, "InvalidAction"),
    ],
)
def test_errors_are_named_as_ever(ask: Ask, action: str, fields: dict[str, str], status: int, code: str) -> None:
    found, root = ask(action, **fields)
    assert (found, texts(root, "Error/Code"), texts(root, "Error/Type")) == (status, [code], ["Sender"])


def test_a_queue_that_is_not_there_is_said_so_in_the_words_of_the_protocol(
    ask: Ask, make_queue: Callable[..., str]
) -> None:
    _, root = ask("GetQueueAttributes", f"{make_queue()}x")
    assert texts(root, "Error/Message") == ["The specified queue does not exist for this wsdl version."]
    assert texts(root, "Error/Detail") == [""]


def test_a_repeated_purge_is_forbidden(ask: Ask, aws: Any, make_queue: Callable[..., str]) -> None:
    url = make_queue()
    ask("PurgeQueue", url)
    status, root = ask("PurgeQueue", url)
    assert (status, texts(root, "Error/Code")) == (403, ["AWS.SimpleQueueService.PurgeQueueInProgress"])
    with pytest.raises(aws.exceptions.PurgeQueueInProgress) as refused:
        aws.purge_queue(QueueUrl=url)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
