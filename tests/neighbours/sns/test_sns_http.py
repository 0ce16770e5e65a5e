"""SNS on a running server, as unmodified boto3 uses it, delivering to a listener on the loopback interface."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": CONFIRMATION,
    "UnsubscribeConfirmation": CONFIRMATION,
}


@dataclass
class Listener:
    """An endpoint: what it got, and what it answers next."""

    url: str = ""
    requests: list[tuple[dict[str, str], str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def documents(self, kind: str = "Notification") -> list[dict[str, Any]]:
        parsed = [json.loads(body) for headers, body in self.requests if body.startswith("{")]
        return [document for document in parsed if document.get("Type") == kind]


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            found.requests.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(found.statuses.pop(0) if found.statuses else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}/hook?a=b"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def topic(shared_server: Any) -> Iterator[str]:
    sns = shared_server.client("sns")
    arn = sns.create_topic(Name=f"t-{uuid4().hex[:12]}")["TopicArn"]
    yield arn
    sns.delete_topic(TopicArn=arn)


def confirmed(server: Any, tools: Any, listener: Listener, topic: str, **attributes: str) -> str:
    """The ARN of a subscription of the listener, confirmed as its owner would do it."""
    sns = server.client("sns")
    request = {"TopicArn": topic, "Protocol": "http", "Endpoint": listener.url, "Attributes": attributes}
    assert sns.subscribe(**request)["SubscriptionArn"] == "pending confirmation"
    (document,) = tools.wait_for(lambda: listener.documents("SubscriptionConfirmation"))
    status, _, body = tools.http(document["SubscribeURL"])
    assert status == 200
    (found,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert found["SubscriptionArn"].encode() in body
    return found["SubscriptionArn"]


def verify(tools: Any, document: dict[str, Any]) -> None:
    """As the endpoint's owner would: with the certificate that the message names."""
    status, _, pem = tools.http(document["SigningCertURL"])
    assert status == 200
    key = x509.load_pem_x509_certificate(pem).public_key()
    assert isinstance(key, RSAPublicKey)
    text = "".join(f"{name}\n{document[name]}\n" for name in SIGNED[document["Type"]] if name in document)
    digest = {"1": hashes.SHA1, "2": hashes.SHA256}[document["SignatureVersion"]]()
    key.verify(base64.b64decode(document["Signature"]), text.encode(), PKCS1v15(), digest)


@pytest.mark.parametrize("version", ["1", "2"])
def test_an_endpoint_confirms_by_the_link_and_gets_signed_messages(
    shared_server: Any, tools: Any, listener: Listener, topic: str, version: str
) -> None:
    sns = shared_server.client("sns")
    sns.set_topic_attributes(TopicArn=topic, AttributeName="SignatureVersion", AttributeValue=version)
    arn = confirmed(shared_server, tools, listener, topic)
    (confirmation,) = listener.documents("SubscriptionConfirmation")
    verify(tools, confirmation)
    attributes = {"n": {"DataType": "Number", "StringValue": "1.5"}}
    sent = sns.publish(TopicArn=topic, Message="höw are yöu?", Subject="hi", MessageAttributes=attributes)
    (document,) = tools.wait_for(listener.documents)
    verify(tools, document)
    assert {name: document[name] for name in ("MessageId", "TopicArn", "Subject", "Message", "MessageAttributes")} == {
        "MessageId": sent["MessageId"],
        "TopicArn": topic,
        "Subject": "hi",
        "Message": "höw are yöu?",
        "MessageAttributes": {"n": {"Type": "Number", "Value": "1.5"}},
    }
    headers, _ = listener.requests[-1]
    assert headers["x-amz-sns-message-type"] == "Notification"
    assert headers["x-amz-sns-subscription-arn"] == arn
    assert headers["content-type"] == "text/plain; charset=UTF-8"
    assert tools.http(document["UnsubscribeURL"])[0] == 200
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    (last,) = tools.wait_for(lambda: listener.documents("UnsubscribeConfirmation"))
    verify(tools, last)
    assert arn in last["Message"]
    assert tools.http(last["SubscribeURL"])[0] == 200
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"][0]["SubscriptionArn"] == arn


def test_an_endpoint_that_fails_is_tried_again_and_raw_messages_come_as_they_are(
    shared_server: Any, tools: Any, listener: Listener, topic: str
) -> None:
    retries = {"numRetries": 3, "numNoDelayRetries": 3, "minDelayTarget": 1, "maxDelayTarget": 1}
    policy = {"healthyRetryPolicy": retries, "requestPolicy": {"headerContentType": "application/json"}}
    confirmed(shared_server, tools, listener, topic, RawMessageDelivery="true", DeliveryPolicy=json.dumps(policy))
    listener.requests.clear()
    listener.statuses += [500, 503]
    shared_server.client("sns").publish(TopicArn=topic, Message="as it is")
    tools.wait_for(lambda: len(listener.requests) == 3)
    assert [body for _, body in listener.requests] == ["as it is"] * 3
    headers, _ = listener.requests[-1]
    assert headers["x-amz-sns-rawdelivery"] == "true"
    assert headers["content-type"] == "application/json"


def test_links_need_what_they_carry(shared_server: Any, tools: Any, topic: str) -> None:
    base = f"{shared_server.endpoint}/?Action="
    for query, code in (
        (f"ConfirmSubscription&TopicArn={topic}&Token=wrong", b"Invalid parameter: Token"),
        (f"ConfirmSubscription&TopicArn={topic}&Token={'0' * 288}", b"Invalid token"),
        ("Unsubscribe&SubscriptionArn=nonsense", b"An ARN must have at least 6 elements, not 1"),
        (f"Publish&TopicArn={topic}&Message=m", b""),
        (f"Publish&Version=2010-03-31&TopicArn={topic}&Message=m", b"Missing Authentication Token"),
    ):
        status, _, body = tools.http(base + query)
        assert status >= 400
        assert code in body
    query = f"Unsubscribe&SubscriptionArn={topic}:00000000-0000-4000-8000-000000000000"
    assert tools.http(base + query)[0] == 200
    for wrong in ("nonsense", "AWS4-HMAC-SHA256 Credential=AKIA/20200101/us-east-1/sns/aws4_request"):
        status, _, _ = tools.http(base + query, headers={"Authorization": wrong})
        assert status >= 400, "whoever claims to have signed must have"


def test_what_was_published_is_delivered_after_kill_9(make_server: Any, tools: Any, listener: Listener) -> None:
    server = make_server().start()
    topic = server.client("sns").create_topic(Name="lasting")["TopicArn"]
    policy = {"healthyRetryPolicy": {"numRetries": 3, "minDelayTarget": 1, "maxDelayTarget": 1}}
    confirmed(server, tools, listener, topic, DeliveryPolicy=json.dumps(policy))
    listener.statuses += [500]
    for number in range(20):
        server.client("sns").publish(TopicArn=topic, Message=str(number))
    server.kill()
    server.start()
    wanted = {str(number) for number in range(20)}
    tools.wait_for(lambda: {document["Message"] for document in listener.documents()} == wanted, 60)
