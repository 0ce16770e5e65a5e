"""What queues are called: in requests, URLs and ARNs, in the store. Pure."""

from __future__ import annotations

import re
from dataclasses import field
from functools import lru_cache

from lambent.core.arn import PARTITION
from lambent.values import frozen

ROOT = "sqs/"
"""Under it is everything that this service stores; the next parts are the account and the region."""
FIFO = ".fifo"

_STANDARD_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_FIFO_NAME = re.compile(r"[A-Za-z0-9_-]{1,75}\.fifo")
_ARN = re.compile(
    r"arn:aws[a-z-]*:sqs:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):(?P<name>[A-Za-z0-9_-]{1,80}(?:\.fifo)?)"
)
_ACCOUNT = re.compile(r"\d{12}")


@frozen
class QueueRef:
    """A queue, which need not exist."""

    account: str
    region: str
    name: str
    messages: str = field(init=False, repr=False, compare=False)
    """What its messages are under in the store's `Queues`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "messages", f"{ROOT}{self.account}/{self.region}/{self.name}")

    @classmethod
    def parse(cls, arn: str) -> QueueRef | None:
        """None when `arn` is not a queue's."""
        found = _ARN.fullmatch(arn)
        return None if found is None else cls(found["account"], found["region"], found["name"])

    @property
    def is_fifo(self) -> bool:
        """FIFO queues are told by their names."""
        return self.name.endswith(FIFO)

    @property
    def arn(self) -> str:
        return f"arn:{PARTITION}:sqs:{self.region}:{self.account}:{self.name}"

    def url(self, host: str) -> str:
        """Where clients of `host` (as in the Host header) find the queue."""
        return f"http://{host or 'localhost'}/{self.account}/{self.name}"

    @property
    def key(self) -> str:
        """The queue's record."""
        return f"{queues_of(self.account, self.region)}{self.name}"

    @property
    def tombstone(self) -> str:
        """The record of its deletion."""
        return f"{scope(self.account, self.region)}deleted/{self.name}"

    @property
    def moves(self) -> str:
        """What the keys of the move tasks begin with that take messages out of it."""
        return f"{scope(self.account, self.region)}moves/{self.name}/"


def scope(account: str, region: str) -> str:
    """What the keys of an account's records in a region begin with."""
    return f"{ROOT}{account}/{region}/"


def queues_of(account: str, region: str) -> str:
    """What the keys of its queues begin with."""
    return f"{scope(account, region)}queues/"


def ref_of_key(key: str) -> QueueRef:
    """The queue whose record has this key, be it of its life, its deletion or one of its moves."""
    account, region, _, name = key.removeprefix(ROOT).split("/")[:4]
    return QueueRef(account, region, name)


def kind_of_key(key: str) -> str:
    """What the record under a key is of: `queues`, `deleted` or `moves`. Regions may be called so, too."""
    return key.split("/", 4)[3]


def is_name(name: str, *, fifo: bool) -> bool:
    """Whether a queue of that kind may be called so."""
    return (_FIFO_NAME if fifo else _STANDARD_NAME).fullmatch(name) is not None


def is_any_name(name: str) -> bool:
    """Whether a queue of one kind or the other may be called so."""
    return _STANDARD_NAME.fullmatch(name) is not None or _FIFO_NAME.fullmatch(name) is not None


@lru_cache(maxsize=4096)  # every request asks, mostly for the same few
def parse_url(url: str, region: str) -> QueueRef | None:
    """The queue in `region` that a queue URL is of, whatever host it names; None when it is no such URL."""
    parts = url.rstrip("/").rsplit("/", 2)
    if len(parts) != 3 or not _ACCOUNT.fullmatch(parts[1]) or not parts[2]:
        return None
    return QueueRef(parts[1], region, parts[2])
