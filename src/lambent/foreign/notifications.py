"""Notifications of S3: which buckets tell whom of what, kept durably, and the telling, which is durable before it is
done: a function's event is accepted like any asynchronous one, a queue's and a topic's message is in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson

from lambent.core.s3event import SERVICES, Happened, Request, Rule, Unacceptable, check, document, trial
from lambent.kit.ids import uuid4
from lambent.kit.log import Log
from lambent.ports import Aws
from lambent.store.base import Delete, Put, Record, Records
from lambent.values import frozen
from lambent.wire.call import Call, Principal
from lambent.wire.errors import ApiError

_ROOT = "s3/notifications/"
_SUBJECT = "Amazon S3 Notification"
_PAGE = 1_000


@frozen
class Configuration:
    """A bucket's rules. `home` is where the bucket is; once there is another one, it is another bucket's."""

    account: str
    region: str
    home: str
    rules: tuple[Rule, ...]


class Notifications:
    """All buckets' configurations, held in memory beside the store."""

    def __init__(self, records: Records, aws: Aws, log: Log) -> None:
        self._records = records
        self._aws = aws
        self._log = log
        self._found: dict[str, Configuration] = {}
        self._unwatch: Callable[[], None] | None = None

    async def start(self) -> None:
        """Read what is kept, and follow it."""
        self._unwatch = self._records.watch(_ROOT, self._seen)
        after = ""
        while page := await self._records.list(_ROOT, after=after, limit=_PAGE):
            for record in page:
                self._seen(record.key, record)
            after = page[-1].key

    def close(self) -> None:
        """Follow no more."""
        if self._unwatch is not None:
            self._unwatch()

    def of(self, bucket: str, home: str) -> Configuration | None:
        """A bucket's configuration, None without any."""
        found = self._found.get(bucket)
        return found if found is not None and found.home == home else None

    async def configure(self, bucket: str, wanted: Configuration, request: Request, *, is_trusted: bool) -> None:
        """Take a bucket's rules, in place of those it had. Queues and topics are sent a test. `is_trusted`: the
        destinations are neither looked for nor sent anything. Raises Unacceptable for rules that cannot be, or whose
        destinations are not there."""
        check(wanted.rules)
        if not is_trusted:
            await self._try_destinations(bucket, wanted.rules, request)
        if wanted.rules:
            await self._records.write(Put(_ROOT + bucket, orjson.dumps(asdict(wanted))))
        else:
            await self.forget(bucket)

    async def forget(self, bucket: str) -> None:
        """The bucket tells nobody any more, or is gone."""
        if bucket in self._found:
            await self._records.write(Delete(_ROOT + bucket))

    async def tell(self, bucket: str, configuration: Configuration, happened: Happened, request: Request) -> None:
        """Tell everybody who wants to know; durable when it returns. Whoever is not there any more is not told, as on
        AWS. Raises ApiError for what may pass: then the client is to try again."""
        for rule in configuration.rules:
            if rule.wants(happened.event, happened.key):
                event = {"Records": [document(happened, rule.id, bucket, request)]}
                await self._send(rule, orjson.dumps(event), request.trace)

    def _seen(self, key: str, record: Record | None) -> None:
        bucket = key.removeprefix(_ROOT)
        if record is None:
            self._found.pop(bucket, None)
            return
        kept = orjson.loads(record.value)
        rules = tuple(Rule(**{**rule, "events": tuple(rule["events"])}) for rule in kept.pop("rules"))
        self._found[bucket] = Configuration(**kept, rules=rules)

    async def _try_destinations(self, bucket: str, rules: Sequence[Rule], request: Request) -> None:
        reasons: dict[str, str] = {}
        for rule in rules:
            if not await self._is_there(rule):
                name, reason = _missing(rule)
                reasons[name] = reason
        if reasons:
            raise Unacceptable.destinations(reasons)
        for rule in rules:
            if rule.kind != "CloudFunction":
                await self._send(rule, orjson.dumps(trial(bucket, request)), "")

    async def _is_there(self, rule: Rule) -> bool:
        """Whether the destination is. Raises ApiError when that cannot be found out."""
        name = rule.arn.rpartition(":")[2]
        try:
            match rule.kind:
                case "CloudFunction":
                    await self._call(rule, "GetFunctionConfiguration", {"FunctionName": rule.arn})
                case "Queue":
                    await self._call(rule, "GetQueueUrl", {"QueueName": name})
                case "Topic":
                    await self._call(rule, "GetTopicAttributes", {"TopicArn": rule.arn})
        except ApiError as error:
            if (error.status or 400) >= 500:
                raise
            return False
        return True

    async def _send(self, rule: Rule, body: bytes, trace: str) -> None:
        try:
            match rule.kind:
                case "CloudFunction":
                    request = {"FunctionName": rule.arn, "InvocationType": "Event", "Payload": body}
                    await self._call(rule, "Invoke", request, trace)
                case "Queue":
                    queue = {"QueueName": rule.arn.rpartition(":")[2]}
                    url = (await self._call(rule, "GetQueueUrl", queue))["QueueUrl"]
                    message: dict[str, Any] = {"QueueUrl": url, "MessageBody": body.decode()}
                    if trace:
                        kept = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}}
                        message["MessageSystemAttributes"] = kept
                    await self._call(rule, "SendMessage", message, trace)
                case "Topic":
                    message = {"TopicArn": rule.arn, "Message": body.decode(), "Subject": _SUBJECT}
                    await self._call(rule, "Publish", message, trace)
        except ApiError as error:
            if (error.status or 400) >= 500 or error.status == 429:
                raise
            self._log.warning("s3_notification_dropped", to=rule.arn, because=f"{error.code}: {error.message}")

    async def _call(self, rule: Rule, operation: str, members: Mapping[str, Any], trace: str = "") -> dict[str, Any]:
        """A call in the name of the account whose function, queue or topic it is."""
        _, _, _, region, account, *_ = rule.arn.split(":")
        principal = Principal(account, f"arn:aws:iam::{account}:root", account, "", is_root=True)
        headers = {b"x-amzn-trace-id": trace.encode("latin-1")} if trace else {}
        call = Call(principal, region, uuid4(), "", "", headers=headers)
        return await self._aws.call(call, SERVICES[rule.kind], operation, members)


def _missing(rule: Rule) -> tuple[str, str]:
    """What S3 calls a destination that is not there, and what it says of it."""
    if rule.kind == "CloudFunction":
        return f"{rule.arn}, null", f"Not authorized to invoke function [{rule.arn}]"
    return rule.arn, f"The destination {rule.kind.lower()} does not exist"
