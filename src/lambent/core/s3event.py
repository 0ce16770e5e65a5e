"""What happens to objects of S3, and who is told of it in which words. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import combinations
from typing import Any, Literal
from urllib.parse import quote_plus

from lambent.values import frozen

Kind = Literal["CloudFunction", "Queue", "Topic"]
SERVICES: Mapping[Kind, str] = {"CloudFunction": "lambda", "Queue": "sqs", "Topic": "sns"}

CREATED = ("Put", "Post", "Copy", "CompleteMultipartUpload")
EVENTS = frozenset(
    f"s3:{name}"
    for name in (
        "ReducedRedundancyLostObject",
        "ObjectCreated:*",
        *(f"ObjectCreated:{kind}" for kind in CREATED),
        "ObjectRemoved:*",
        "ObjectRemoved:Delete",
        "ObjectRemoved:DeleteMarkerCreated",
        "ObjectRestore:*",
        "ObjectRestore:Post",
        "ObjectRestore:Completed",
        "ObjectRestore:Delete",
        "Replication:*",
        "Replication:OperationFailedReplication",
        "Replication:OperationNotTracked",
        "Replication:OperationMissedThreshold",
        "Replication:OperationReplicatedAfterThreshold",
        "LifecycleTransition",
        "IntelligentTiering",
        "ObjectAcl:Put",
        "LifecycleExpiration:*",
        "LifecycleExpiration:Delete",
        "LifecycleExpiration:DeleteMarkerCreated",
        "ObjectTagging:*",
        "ObjectTagging:Put",
        "ObjectTagging:Delete",
    )
)
"""What may be asked for. What nothing here does (replication, tiering, lost objects) never happens."""
MOST_KEYS = 1_000
"""In one DeleteObjects."""


class Unacceptable(Exception):
    """A configuration that S3 refuses: the message of its InvalidArgument, and the error's other members, which say
    what was given where."""

    def __init__(self, message: str, arguments: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.arguments: Mapping[str, str] = arguments or {}

    @classmethod
    def argument(cls, message: str, name: str, value: str) -> Unacceptable:
        """Because of one value."""
        return cls(message, {"ArgumentName": name, "ArgumentValue": value})

    @classmethod
    def destinations(cls, reasons: Mapping[str, str]) -> Unacceptable:
        """Because of where the events would go; `reasons`: why not, by what S3 calls the destination."""
        arguments: dict[str, str] = {}
        for number, (name, reason) in enumerate(reasons.items(), 1):
            arguments |= {f"ArgumentName{number}": name, f"ArgumentValue{number}": reason}
        return cls("Unable to validate the following destination configurations", arguments)


@frozen
class Rule:
    """Whom a bucket tells of which events."""

    id: str
    kind: Kind
    arn: str
    events: tuple[str, ...]
    prefix: str | None = None
    suffix: str | None = None

    def wants(self, event: str, key: str) -> bool:
        """Whether it is told of `event` (without `s3:`) of the object `key`."""
        if not key.startswith(self.prefix or "") or not key.endswith(self.suffix or ""):
            return False
        family = event.partition(":")[0]
        return f"s3:{event}" in self.events or f"s3:{family}:*" in self.events


def check(rules: Sequence[Rule]) -> None:
    """Raises Unacceptable for what S3 would not take, whoever the rules are for."""
    if any(event not in EVENTS for rule in rules for event in rule.events):
        raise Unacceptable("A specified event is not supported for notifications.")
    if len({rule.id for rule in rules}) < len(rules):
        raise Unacceptable("Same ID used for multiple configurations. IDs must be unique.")
    for one, other in combinations(rules, 2):
        if not _share_an_event(one, other) or not _overlap(one, other):
            continue
        if any(text for rule in (one, other) for text in (rule.prefix, rule.suffix)):
            raise Unacceptable(
                "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes "
                "are overlapping for the same event type."
            )
        raise Unacceptable(
            "Configurations overlap. Configurations on the same bucket cannot share a common event type."
        )


def _share_an_event(one: Rule, other: Rule) -> bool:
    return any(_same(event, another) for event in one.events for another in other.events)


def _same(one: str, other: str) -> bool:
    if one == other:
        return True
    wild, plain = (one, other) if one.endswith(":*") else (other, one)
    return wild.endswith(":*") and plain.startswith(wild[:-1])


def _overlap(one: Rule, other: Rule) -> bool:
    prefixes, suffixes = (one.prefix or "", other.prefix or ""), (one.suffix or "", other.suffix or "")
    starts = prefixes[0].startswith(prefixes[1]) or prefixes[1].startswith(prefixes[0])
    ends = suffixes[0].endswith(suffixes[1]) or suffixes[1].endswith(suffixes[0])
    return starts and ends


@frozen
class Deed:
    """What a request, if it succeeds, does to a bucket's objects; the rest is in the answer."""

    event: str
    """ObjectCreated:Put and so on; of a deletion, what it is unless a marker was made."""
    key: str = ""
    """Empty: the answer lists the keys."""


def deed(method: str, key: str, query: Mapping[str, str], headers: Mapping[bytes, bytes]) -> Deed | None:
    """None for what changes no object, or changes it in a way that has no event. `key` is empty for a bucket's own
    operations."""
    if not key:
        return Deed("ObjectRemoved:Delete") if method == "POST" and "delete" in query else None
    if method == "PUT":
        return _put(key, query, headers)
    if method == "POST":
        if "uploadId" in query:
            return Deed("ObjectCreated:CompleteMultipartUpload", key)
        return Deed("ObjectRestore:Post", key) if "restore" in query else None
    if method == "DELETE" and "uploadId" not in query:
        if "tagging" in query:
            return Deed("ObjectTagging:Delete", key)
        return Deed("ObjectRemoved:Delete", key) if query.keys() <= {"versionId", "x-id"} else None
    return None


def _put(key: str, query: Mapping[str, str], headers: Mapping[bytes, bytes]) -> Deed | None:
    if "tagging" in query:
        return Deed("ObjectTagging:Put", key)
    if "acl" in query:
        return Deed("ObjectAcl:Put", key)
    if query.keys() - {"x-id"}:
        return None  # a part of an upload, a retention, a legal hold, …
    return Deed("ObjectCreated:Copy" if b"x-amz-copy-source" in headers else "ObjectCreated:Put", key)


@frozen
class Happened:
    """One event, with what is known of the object after it."""

    event: str
    key: str
    size: int | None = None
    etag: str = ""
    version: str = ""


@frozen
class Request:
    """Of the request that made it happen, what an event tells."""

    account: str
    region: str
    user: str
    """The caller's user id."""
    address: str
    request_id: str
    host_id: str
    now: float
    """Seconds since the epoch."""
    number: int
    """Rises from event to event: the sequencer."""
    trace: str = ""
    """Its X-Amzn-Trace-Id: what a function causes by an object belongs to its trace."""


def document(happened: Happened, rule_id: str, bucket: str, request: Request) -> dict[str, Any]:
    """The event as S3 writes it."""
    thing: dict[str, Any] = {"key": quote_plus(happened.key, safe="/")}
    if happened.size is not None:
        thing["size"] = happened.size
    if happened.etag:
        thing["eTag"] = happened.etag
    if happened.version:
        thing["versionId"] = happened.version
    is_later = happened.event.startswith(("ObjectTagging", "ObjectAcl"))
    if not is_later:  # those have none on AWS
        thing["sequencer"] = f"{request.number:018X}"
    return {
        "eventVersion": "2.3" if is_later else "2.1",
        "eventSource": "aws:s3",
        "awsRegion": request.region,
        "eventTime": _time(request.now),
        "eventName": happened.event,
        "userIdentity": {"principalId": f"AWS:{request.user}"},
        "requestParameters": {"sourceIPAddress": request.address},
        "responseElements": {"x-amz-request-id": request.request_id, "x-amz-id-2": request.host_id},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": rule_id,
            "bucket": {
                "name": bucket,
                "ownerIdentity": {"principalId": owner(request.account)},
                "arn": f"arn:aws:s3:::{bucket}",
            },
            "object": thing,
        },
    }


def trial(bucket: str, request: Request) -> dict[str, str]:
    """What queues and topics are sent when they are named in a configuration; functions are sent nothing."""
    return {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": _time(request.now),
        "Bucket": bucket,
        "RequestId": request.request_id,
        "HostId": request.host_id,
    }


def owner(account: str) -> str:
    """An account's canonical id, as events show it."""
    return "A" + hashlib.sha256(account.encode()).hexdigest()[:13].upper()


def _time(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
