"""From a request to a message in its queue."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lambent.kit.ids import uuid4
from lambent.neighbours.sqs.errors import InvalidParameterValue, invalid_value
from lambent.neighbours.sqs.message import (
    TRACE,
    Attributes,
    Message,
    check_attributes,
    checked_body,
    checked_system,
    md5_of,
    md5_of_body,
    plain,
    size,
)
from lambent.neighbours.sqs.records import Queue
from lambent.neighbours.sqs.shapes import SendMessageResult
from lambent.ports import Ports
from lambent.values import frozen
from lambent.wire.call import Call
from lambent.wire.errors import MissingParameter

REMEMBERED_S = 300.0
"""How long a duplicate is known for one."""
_TOKEN = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,./:;<=>?@\[\\\]^_`{|}~-]{1,128}")


@frozen
class Draft:
    """A message that may be sent."""

    body: str
    attributes: Attributes
    system: Attributes
    size: int
    group: str | None
    token: str | None
    """What tells duplicates, in a FIFO queue."""
    delay_s: int


def drafted(queue: Queue, request: Mapping[str, Any], *, in_batch: bool = False) -> Draft:
    """What a SendMessage request, or a batch's entry, wants sent, checked. Raises InvalidParameterValue,
    MissingParameter and InvalidMessageContents."""
    body = checked_body(request["MessageBody"])
    attributes, system = request.get("MessageAttributes") or {}, request.get("MessageSystemAttributes") or {}
    if attributes:
        attributes = plain(attributes)
        check_attributes(attributes)
    if system:
        system = checked_system(plain(system))
    bytes_ = size(body, attributes)
    if bytes_ > queue.rules.largest:
        wrong = "cannot be validated" if in_batch else "are invalid"
        raise InvalidParameterValue(
            f"One or more parameters {wrong}. Reason: Message must be shorter than {queue.rules.largest} bytes."
        )
    group, token = request.get("MessageGroupId"), request.get("MessageDeduplicationId")
    if group is not None:
        checked_token("MessageGroupId", group)
    if token is not None:
        checked_token("MessageDeduplicationId", token)
    delay_s = request.get("DelaySeconds")
    if queue.rules.is_fifo:
        token = _fifo_token(queue, group, token, body)
        if delay_s:
            raise wrong_kind("DelaySeconds", delay_s)
    elif token is not None:
        raise wrong_kind("MessageDeduplicationId", token)
    if delay_s is not None and not 0 <= delay_s <= 900:
        raise invalid_value("DelaySeconds", delay_s, "DelaySeconds must be >= 0 and <= 900.")
    delay_s = queue.rules.delay_s if delay_s is None or queue.rules.is_fifo else delay_s
    return Draft(body, attributes, system, bytes_, group, token, delay_s)


class Sending:
    """Puts drafts into queues."""

    def __init__(self, ports: Ports) -> None:
        self._queues = ports.queues
        self._clock = ports.clock

    async def send(self, call: Call, queue: Queue, draft: Draft) -> SendMessageResult:
        """What SendMessage answers, once the message is on disk."""
        if queue.rules.is_fifo:
            return await self._placed(call, queue, draft)
        answer, stored = self._put(call, queue, draft)
        await stored
        return answer

    async def send_all(self, call: Call, queue: Queue, drafts: Sequence[Draft]) -> Sequence[SendMessageResult]:
        """The same for several messages at once, which keep their order."""
        if queue.rules.is_fifo:
            # They are placed in the order in which they are started here.
            return await asyncio.gather(*(self._placed(call, queue, draft) for draft in drafts))
        puts = [self._put(call, queue, draft) for draft in drafts]
        await asyncio.gather(*(stored for _, stored in puts))
        return [answer for answer, _ in puts]

    def _put(self, call: Call, queue: Queue, draft: Draft) -> tuple[SendMessageResult, asyncio.Future[None]]:
        """Into a standard queue: the answer, and when it may be given."""
        now = self._clock.now()
        message = _message(call, draft, now)
        stored = self._queues.put(queue.ref.messages, message.stored(), not_before=_not_before(draft, now))
        return _answer(message, draft), stored

    async def _placed(self, call: Call, queue: Queue, draft: Draft) -> SendMessageResult:
        """Into a FIFO queue."""
        assert draft.group is not None
        assert draft.token is not None
        now = self._clock.now()
        message = _message(call, draft, now)
        placed = await self._queues.put_once(
            queue.ref.messages,
            message.stored(),
            token=f"{draft.group}\n{draft.token}" if queue.rules.by_group else draft.token,
            for_s=REMEMBERED_S,
            label=message.id,
            group=draft.group,
            not_before=_not_before(draft, now),
        )
        # A duplicate is answered as the message was that it is one of.
        number = sequence_number(placed.sequence)
        return {**_answer(message, draft), "MessageId": placed.label, "SequenceNumber": number}


def _answer(message: Message, draft: Draft) -> SendMessageResult:
    answer: SendMessageResult = {"MessageId": message.id, "MD5OfMessageBody": message.md5}
    if draft.attributes:
        answer["MD5OfMessageAttributes"] = md5_of(draft.attributes)
    if draft.system:
        answer["MD5OfMessageSystemAttributes"] = md5_of(draft.system)
    return answer


def _not_before(draft: Draft, now: float) -> float:
    return now + draft.delay_s if draft.delay_s else 0.0


def sequence_number(sequence: int) -> str:
    """As AWS writes it: 20 digits, so that they are in order as texts, too."""
    return f"{sequence:020d}"


def _message(call: Call, draft: Draft, now: float) -> Message:
    system = {"SenderId": call.principal.user_id, "SentTimestamp": str(int(now * 1000))}
    if draft.system:
        system[TRACE] = draft.system[TRACE]["StringValue"]
    elif trace := call.headers.get(b"x-amzn-trace-id"):
        system[TRACE] = trace.decode("latin-1")
    if draft.group is not None:
        system["MessageGroupId"] = draft.group
    if draft.token is not None:
        system["MessageDeduplicationId"] = draft.token
    return Message(uuid4(), draft.body, md5_of_body(draft.body), system, draft.attributes)


def _fifo_token(queue: Queue, group: str | None, token: str | None, body: str) -> str:
    if group is None:
        raise MissingParameter("The request must contain the parameter MessageGroupId.")
    if token is not None:
        return token
    if not queue.rules.by_content:
        raise InvalidParameterValue(
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
            "explicitly"
        )
    return hashlib.sha256(body.encode()).hexdigest()


def checked_token(parameter: str, value: str) -> str:
    """Raises InvalidParameterValue for what is no group, no id of a duplicate and none of an attempt."""
    if not _TOKEN.fullmatch(value):
        reason = f"{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length."
        raise invalid_value(parameter, value, reason)
    return value


def wrong_kind(parameter: str, value: object) -> InvalidParameterValue:
    """The refusal of a parameter that is for the other kind of queue."""
    return invalid_value(parameter, value, "The request include parameter that is not valid for this queue type.")
