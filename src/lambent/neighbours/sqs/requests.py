"""What operations ask of their requests: which queue is meant, which entries a batch has."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from lambent.neighbours.sqs.errors import InvalidParameterValue, no_queue
from lambent.neighbours.sqs.message import unique
from lambent.neighbours.sqs.names import QueueRef, is_any_name, parse_url
from lambent.neighbours.sqs.records import Queue, QueueRecords
from lambent.neighbours.sqs.shapes import (
    BatchEntryIdsNotDistinct,
    BatchResultErrorEntry,
    EmptyBatchRequest,
    InvalidAddress,
    InvalidBatchEntryId,
    TooManyEntriesInBatchRequest,
)
from lambent.wire.call import Call
from lambent.wire.errors import ApiError

MOST_ENTRIES = 10
_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")

T = TypeVar("T")
E = TypeVar("E", bound=Mapping[str, Any])


async def named_queue(records: QueueRecords, call: Call, url: str) -> Queue:
    """The caller's queue with this URL. Raises InvalidAddress for what is no queue URL, and QueueDoesNotExist, also for
    the queue of another account: nobody but its owner may use a queue."""
    await records.ready()
    # AWS takes a bare name, too.
    ref = parse_url(url, call.region) if "/" in url else _by_name(call, url)
    if ref is None:
        raise InvalidAddress(f"The address {url} is not valid for this endpoint.")
    if ref.account != call.account:
        raise no_queue()
    return records.get(ref)


def _by_name(call: Call, name: str) -> QueueRef | None:
    return QueueRef(call.account, call.region, name) if is_any_name(name) else None


async def queue_of_arn(records: QueueRecords, call: Call, arn: str) -> Queue | None:
    """The caller's queue with this ARN, or None."""
    await records.ready()
    ref = QueueRef.parse(arn)
    return None if ref is None or (ref.account, ref.region) != (call.account, call.region) else records.find(ref)


def checked_entries(entries: Sequence[E], kind: str) -> Mapping[str, E]:
    """A batch's entries by their ids, in their order. Raises the errors of a batch that is none."""
    if not entries:
        raise EmptyBatchRequest(f"There should be at least one {kind} in the request.")
    if len(entries) > MOST_ENTRIES:
        raise TooManyEntriesInBatchRequest(
            f"Maximum number of entries per request are {MOST_ENTRIES}. You have sent {len(entries)}."
        )
    if not all(_ENTRY_ID.fullmatch(entry["Id"]) for entry in entries):
        raise InvalidBatchEntryId(
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 "
            "letters long."
        )
    repeated = unique(entry["Id"] for entry in entries)
    if repeated is not None:
        raise BatchEntryIdsNotDistinct(f"Id {repeated} repeated.")
    return {entry["Id"]: entry for entry in entries}


def failed_entry(id_: str, error: ApiError) -> BatchResultErrorEntry:
    """What a batch's answer says of an entry that failed. Errors are named here as in the query protocol."""
    code = error.codes.get("query", error.code)
    return {"Id": id_, "SenderFault": (error.status or 400) < 500, "Code": code, "Message": error.message or ""}


def page(
    items: Sequence[T], names: Sequence[str], request: Mapping[str, Any], *, most: int = 1000
) -> tuple[Sequence[T], str | None]:
    """The page of `items`, which are in the order of their `names`, that a request asks for, and its NextToken. Without
    MaxResults there is but one page. Raises InvalidParameterValue."""
    limit = request.get("MaxResults")
    if limit is not None and not 1 <= limit <= most:
        raise InvalidParameterValue(
            f"Value for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and {most}."
        )
    after = _untoken(request.get("NextToken"))
    shown = [item for item, name in zip(items, names, strict=True) if name > after]
    beyond = len(shown) > (limit or most)
    if not beyond:
        return shown, None
    shown = shown[: limit or most]
    last = names[items.index(shown[-1])]
    return shown, base64.urlsafe_b64encode(last.encode()).decode() if limit is not None else None


def _untoken(token: str | None) -> str:
    if not token:
        return ""
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise InvalidParameterValue("Invalid or expired next token.") from None
