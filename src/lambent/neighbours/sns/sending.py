"""Delivering one message to one subscription: to a queue, a function, or an HTTP endpoint."""

from __future__ import annotations

import asyncio
from typing import Any

from lambent.kit.http_client import Client
from lambent.kit.ids import uuid4
from lambent.neighbours.sns import envelope, retries
from lambent.neighbours.sns.envelope import Links, Signature
from lambent.neighbours.sns.message import NOTIFICATION, Message
from lambent.neighbours.sns.names import QueueArn
from lambent.neighbours.sns.posting import Target, Undelivered, post
from lambent.neighbours.sns.records import Subscription
from lambent.neighbours.sns.signing import Signer
from lambent.ports import Aws
from lambent.wire.call import Call, Principal
from lambent.wire.errors import ApiError

POSTS = 256
"""Requests to HTTP endpoints at the same time."""
CALL_S = 60.0
"""How long another service may take."""
_DEFAULT_HOST = "localhost:4566"


class Failed(Exception):
    """It was not delivered. `is_final`: trying again would be of no use, for the fault is the endpoint's or the
    subscription's."""

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final


class Sender:
    """Knows how each protocol is delivered to."""

    def __init__(self, aws: Aws, signer: Signer, client: Client) -> None:
        self._aws = aws
        self._signer = signer
        self._client = client
        self._posting = asyncio.Semaphore(POSTS)

    async def send(self, message: Message, subscription: Subscription, policy: retries.Policy) -> None:
        """Deliver a message. Raises Failed."""
        match subscription.protocol:
            case "sqs":
                queue = QueueArn.parse(subscription.endpoint)
                assert queue is not None
                await self._to_queue(queue, message, subscription)
            case "lambda":
                await self._to_function(message, subscription)
            case _:
                await self._to_endpoint(message, subscription, policy)

    async def send_dead(self, message: Message, subscription: Subscription, queue: QueueArn) -> None:
        """Deliver what was given up to a dead-letter queue, in the form that a queue would have got. Raises Failed."""
        await self._to_queue(queue, message, subscription)

    async def _to_queue(self, queue: QueueArn, message: Message, subscription: Subscription) -> None:
        request: dict[str, Any] = {"QueueUrl": queue.url}
        if subscription.is_raw:
            request["MessageBody"] = message.text
            if message.attributes:
                request["MessageAttributes"] = envelope.raw_attributes(message)
        else:
            request["MessageBody"] = await self._document(message, subscription)
        if message.trace:
            trace = {"DataType": "String", "StringValue": message.trace}
            request["MessageSystemAttributes"] = {"AWSTraceHeader": trace}
        if message.group:
            request["MessageGroupId"] = message.group
        if queue.is_fifo:
            request["MessageDeduplicationId"] = message.deduplication
        await self._call(_call(queue.account, queue.region, "sqs", "SendMessage", message), request)

    async def _to_function(self, message: Message, subscription: Subscription) -> None:
        links, signature = await self._signed(message, subscription)
        event = envelope.lambda_event(message, subscription.ref, links, signature)
        request = {"FunctionName": subscription.endpoint, "InvocationType": "Event", "Payload": event}
        _, _, _, region, account, *_ = subscription.endpoint.split(":")
        await self._call(_call(account, region, "lambda", "Invoke", message), request)

    async def _to_endpoint(self, message: Message, subscription: Subscription, policy: retries.Policy) -> None:
        target = Target.parse(subscription.endpoint)
        assert target is not None
        is_raw = subscription.is_raw and message.kind == NOTIFICATION
        text = message.text if is_raw else await self._document(message, subscription)
        content_type = policy.content_type if message.kind == NOTIFICATION else retries.CONTENT_TYPE
        headers = envelope.headers(message, subscription.ref, content_type, is_raw=is_raw)
        try:
            async with self._posting:
                status = await post(self._client, target, headers, text.encode())
        except Undelivered as error:
            raise Failed(str(error)) from None
        if not 200 <= status < 300:
            raise Failed(f"the endpoint answered {status}", is_final=_is_final(status))

    async def _document(self, message: Message, subscription: Subscription) -> str:
        links, signature = await self._signed(message, subscription)
        return envelope.document(message, subscription.ref, links, signature)

    async def _signed(self, message: Message, subscription: Subscription) -> tuple[Links, Signature | None]:
        host = subscription.host or _DEFAULT_HOST
        links = Links(f"http://{host}", await self._signer.certificate_path())
        if message.sequence:
            return links, None
        text = envelope.signed_text(message, subscription.ref, links)
        return links, await self._signer.sign(text, message.signature_version)

    async def _call(self, call: Call, request: dict[str, Any]) -> None:
        """Call another service in its account's name. Raises Failed."""
        try:
            async with asyncio.timeout(CALL_S):
                await self._aws.call(call, call.service, call.operation, request)
        except ApiError as error:
            text = f"{call.operation} answered {error.code}: {error.message}"
            raise Failed(text, is_final=_is_final(error.status or 500) and "Throttl" not in error.code) from None
        except TimeoutError:
            raise Failed(f"{call.operation} did not answer within {CALL_S:.0f} seconds") from None


def _is_final(status: int) -> bool:
    """Whether a status says that the same request will never do: the caller's fault, and no matter of time."""
    return 400 <= status < 500 and status not in (408, 409, 429)


def _call(account: str, region: str, service: str, operation: str, message: Message) -> Call:
    root = Principal(account, f"arn:aws:iam::{account}:root", account, "", is_root=True)
    headers = {b"x-amzn-trace-id": message.trace.encode("latin-1")} if message.trace else {}
    return Call(root, region, uuid4(), service, operation, headers=headers)
