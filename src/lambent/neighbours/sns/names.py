"""What topics and subscriptions are called: to callers, in ARNs, in the store, and among the queues. Pure."""

from __future__ import annotations

import re

from lambent.core.arn import PARTITION
from lambent.values import frozen

ROOT = "sns/"
"""Under it is everything that this service stores, and its queues."""
FIFO = ".fifo"

_TOPIC_NAME = re.compile(r"(?:[a-zA-Z0-9_-]{1,256}|[a-zA-Z0-9_-]{1,251}\.fifo)")
# None of the parts has a slash: keys and queues are made of them.
_ARN = re.compile(
    r"arn:[^:]*:sns:(?P<region>[^:/]*):(?P<account>[^:/]*):(?P<topic>[a-zA-Z0-9_.-]+)(?::(?P<id>[a-zA-Z0-9_-]+))?"
)
_SQS = re.compile(
    r"arn:aws[a-z-]*:sqs:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):(?P<name>[a-zA-Z0-9_-]{1,80}(?:\.fifo)?)"
)
_LAMBDA = re.compile(
    r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[a-zA-Z0-9-_]{1,140}(?::(?:\$LATEST|[a-zA-Z0-9-_]{1,128}))?"
)
_PARTS = 6
"""Of an ARN."""


class Malformed(ValueError):
    """A text is not the ARN that it should be; AWS's reason is its text."""


@frozen
class TopicRef:
    """A topic."""

    account: str
    region: str
    name: str

    @classmethod
    def parse(cls, arn: str) -> TopicRef:
        """The topic of an ARN. Raises Malformed."""
        found = _parsed(arn)
        if found is None or found["id"] is not None:
            raise Malformed("")
        return cls(found["account"], found["region"], found["topic"])

    @property
    def is_fifo(self) -> bool:
        """It keeps the order of each message group, and drops what comes twice."""
        return self.name.endswith(FIFO)

    @property
    def arn(self) -> str:
        return f"arn:{PARTITION}:sns:{self.region}:{self.account}:{self.name}"

    @property
    def scope(self) -> str:
        """What the keys of the account's topics in the region begin with."""
        return f"{ROOT}topics/{self.account}/{self.region}/"

    @property
    def key(self) -> str:
        """The record's key."""
        return self.scope + self.name

    @property
    def subscriptions(self) -> str:
        """What the keys of its subscriptions begin with."""
        return f"{self.subscription_scope}{self.name}/"

    @property
    def former_subscriptions(self) -> str:
        """What the keys of its subscriptions begin with that links have ended, and may restore."""
        return f"{ROOT}former/{self.account}/{self.region}/{self.name}/"

    @property
    def subscription_scope(self) -> str:
        """What the keys of all subscriptions in the account and region begin with."""
        return f"{ROOT}subscriptions/{self.account}/{self.region}/"

    @property
    def queue(self) -> str:
        """The queue that remembers what was published to a FIFO topic; nothing stays in it."""
        return f"{ROOT}{self.account}/{self.region}/{self.name}"


@frozen
class SubscriptionRef:
    """A subscription to a topic."""

    topic: TopicRef
    id: str

    @classmethod
    def parse(cls, arn: str) -> SubscriptionRef:
        """The subscription of an ARN. Raises Malformed."""
        found = _parsed(arn)
        if found is None or found["id"] is None:
            raise Malformed("")
        return cls(TopicRef(found["account"], found["region"], found["topic"]), found["id"])

    @classmethod
    def of_queue(cls, queue: str) -> SubscriptionRef | None:
        """The subscription whose deliveries wait in this queue; None when it is another's queue."""
        parts = queue.split("/")
        if len(parts) != 5 or not queue.startswith(ROOT):
            return None
        return cls(TopicRef(*parts[1:4]), parts[4])

    @property
    def arn(self) -> str:
        return f"{self.topic.arn}:{self.id}"

    @property
    def key(self) -> str:
        """The record's key."""
        return self.topic.subscriptions + self.id

    @property
    def former_key(self) -> str:
        """The record's key once the subscription was ended by a link."""
        return self.topic.former_subscriptions + self.id

    @property
    def queue(self) -> str:
        """The queue of what is to be delivered to it: one for each, so that none waits for another."""
        return f"{self.topic.queue}/{self.id}"


@frozen
class QueueArn:
    """An SQS queue by its ARN."""

    account: str
    region: str
    name: str

    @classmethod
    def parse(cls, arn: str) -> QueueArn | None:
        """None when it is no queue's."""
        found = _SQS.fullmatch(arn)
        return None if found is None else cls(found["account"], found["region"], found["name"])

    @property
    def is_fifo(self) -> bool:
        return self.name.endswith(FIFO)

    @property
    def url(self) -> str:
        """A QueueUrl: its path says which queue is meant, whatever the host."""
        return f"https://sqs.{self.region}.amazonaws.com/{self.account}/{self.name}"


def is_topic_name(text: str) -> bool:
    """Whether a topic may be called so."""
    return _TOPIC_NAME.fullmatch(text) is not None


def is_function_arn(text: str) -> bool:
    """Whether it is the ARN of a function, a version or an alias."""
    return _LAMBDA.fullmatch(text) is not None


def _parsed(arn: str) -> re.Match[str] | None:
    count = len(arn.split(":"))
    if count < _PARTS:
        raise Malformed(f"An ARN must have at least {_PARTS} elements, not {count}")
    return _ARN.fullmatch(arn)
