"""The forms in which messages arrive: for queues and HTTP endpoints, for functions; what is signed of them. Pure."""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

from lambent.neighbours.sns.message import NOTIFICATION, SUBSCRIPTION, Message
from lambent.neighbours.sns.names import SubscriptionRef
from lambent.values import frozen

USER_AGENT = "Amazon Simple Notification Service Agent"


@frozen
class Links:
    """Where the messages of a subscription lead to."""

    base: str
    """The server, as whoever subscribed called it: http://host:port."""
    certificate: str
    """The path of the signing certificate."""

    @property
    def signing_cert(self) -> str:
        return self.base + self.certificate

    def unsubscribe(self, ref: SubscriptionRef) -> str:
        """Ends the subscription when it is visited."""
        return f"{self.base}/?Action=Unsubscribe&SubscriptionArn={quote(ref.arn, safe=':')}"

    def confirm(self, ref: SubscriptionRef, token: str) -> str:
        """Confirms the subscription when it is visited."""
        return f"{self.base}/?Action=ConfirmSubscription&TopicArn={quote(ref.topic.arn, safe=':')}&Token={token}"


@frozen
class Signature:
    """A signature in Base64, and which kind it is."""

    version: str
    value: str


def timestamp(at_ms: int) -> str:
    """2012-05-02T00:54:06.655Z"""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_ms // 1000))
    return f"{whole}.{at_ms % 1000:03d}Z"


def signed_text(message: Message, ref: SubscriptionRef, links: Links) -> bytes:
    """The text that the signature is of: names and values in AWS's order."""
    fields = {"Message": message.text, "MessageId": message.id}
    if message.kind == NOTIFICATION:
        if message.subject is not None:
            fields["Subject"] = message.subject
    else:
        fields["SubscribeURL"] = links.confirm(ref, message.token)
    fields["Timestamp"] = timestamp(message.at_ms)
    if message.kind != NOTIFICATION:
        fields["Token"] = message.token
    fields |= {"TopicArn": ref.topic.arn, "Type": message.kind}
    return "".join(f"{name}\n{value}\n" for name, value in fields.items()).encode()


def document(message: Message, ref: SubscriptionRef, links: Links, signature: Signature | None) -> str:
    """What a queue or an HTTP endpoint gets. FIFO topics sign nothing, as on AWS."""
    fields: dict[str, Any] = {"Type": message.kind, "MessageId": message.id}
    if message.sequence:
        fields["SequenceNumber"] = message.sequence
    if message.token:
        fields["Token"] = message.token
    fields["TopicArn"] = ref.topic.arn
    if message.subject is not None:
        fields["Subject"] = message.subject
    fields["Message"] = message.text
    if message.kind != NOTIFICATION:
        fields["SubscribeURL"] = links.confirm(ref, message.token)
    fields["Timestamp"] = timestamp(message.at_ms)
    if signature is not None:
        fields["SignatureVersion"] = signature.version
        fields["Signature"] = signature.value
        fields["SigningCertURL"] = links.signing_cert
    if message.kind == NOTIFICATION:
        fields["UnsubscribeURL"] = links.unsubscribe(ref)
    if message.attributes:
        fields["MessageAttributes"] = _attributes(message)
    return _pretty(fields)


def lambda_event(message: Message, ref: SubscriptionRef, links: Links, signature: Signature | None) -> bytes:
    """The event of a function: one record."""
    sns: dict[str, Any] = {
        "Type": message.kind,
        "MessageId": message.id,
        "TopicArn": ref.topic.arn,
        "Subject": message.subject,
        "Message": message.text,
        "Timestamp": timestamp(message.at_ms),
    }
    if signature is not None:
        sns["SignatureVersion"] = signature.version
        sns["Signature"] = signature.value
        sns["SigningCertUrl"] = links.signing_cert
    sns["UnsubscribeUrl"] = links.unsubscribe(ref)
    sns["MessageAttributes"] = _attributes(message)
    record = {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": ref.arn, "Sns": sns}
    return orjson.dumps({"Records": [record]})


def raw_attributes(message: Message) -> dict[str, dict[str, Any]]:
    """The message attributes as a queue keeps them."""
    return {
        name: {"DataType": attribute.type, "BinaryValue": b64decode(attribute.value)}
        if attribute.is_binary
        else {"DataType": attribute.type, "StringValue": attribute.value}
        for name, attribute in message.attributes.items()
    }


def headers(message: Message, ref: SubscriptionRef, content_type: str, *, is_raw: bool) -> dict[str, str]:
    """The header fields of a request to an HTTP endpoint."""
    fields = {
        "x-amz-sns-message-type": message.kind,
        "x-amz-sns-message-id": message.id,
        "x-amz-sns-topic-arn": ref.topic.arn,
    }
    if message.kind != SUBSCRIPTION:
        fields["x-amz-sns-subscription-arn"] = ref.arn
    if is_raw:
        fields["x-amz-sns-rawdelivery"] = "true"
    return {**fields, "Content-Type": content_type, "User-Agent": USER_AGENT, "Accept-Encoding": "gzip,deflate"}


def confirmation_text(kind: str, ref: SubscriptionRef) -> str:
    """What a confirmation says to people."""
    if kind == SUBSCRIPTION:
        return (
            f"You have chosen to subscribe to the topic {ref.topic.arn}.\n"
            "To confirm the subscription, visit the SubscribeURL included in this message."
        )
    return (
        f"You have chosen to deactivate subscription {ref.arn}.\n"
        "To cancel this operation and restore the subscription, visit the SubscribeURL included in this message."
    )


def _attributes(message: Message) -> dict[str, dict[str, str]]:
    return {name: {"Type": each.type, "Value": each.value} for name, each in message.attributes.items()}


def _pretty(fields: Mapping[str, Any]) -> str:
    """JSON as AWS lays it out: a line for each member, and for each message attribute."""
    return "{\n" + ",\n".join(f"  {_json(name)} : {_member(value)}" for name, value in fields.items()) + "\n}"


def _member(value: Any) -> str:
    if isinstance(value, str):
        return _json(value)
    lines = ",\n".join(f"    {_json(name)} : {_json(each)}" for name, each in value.items())
    return "{\n" + lines + "\n  }"


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
