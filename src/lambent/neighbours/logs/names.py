"""What groups and streams are called: to callers, in ARNs, in the store, and in the journals. Pure."""

from __future__ import annotations

import re

from lambent.core.arn import PARTITION
from lambent.values import frozen

ROOT = "logs/"
"""Under it is everything that this service stores."""

_GROUP_ARN = re.compile(
    r"arn:aws[a-z-]*:logs:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):log-group:(?P<name>[^:*]+)(?::\*)?"
)


@frozen
class GroupRef:
    """A log group."""

    account: str
    region: str
    name: str

    @classmethod
    def parse(cls, identifier: str, *, account: str, region: str) -> GroupRef | None:
        """A group by its name, in this account and region, or by its ARN; None when it is no spelling of a group."""
        if not identifier.startswith("arn:"):
            return cls(account, region, identifier)
        found = _GROUP_ARN.fullmatch(identifier)
        return None if found is None else cls(found["account"], found["region"], found["name"])

    @property
    def arn(self) -> str:
        """The ARN without the `:*` that policies want."""
        return f"arn:{PARTITION}:logs:{self.region}:{self.account}:log-group:{self.name}"

    @property
    def scope(self) -> str:
        """Where the account's things of the region are stored."""
        return f"{ROOT}{self.account}/{self.region}/"

    @property
    def key(self) -> str:
        """The record's key."""
        return f"{self.scope}groups/{self.name}"

    @property
    def streams(self) -> str:
        """What the keys of its streams begin with."""
        return f"{self.scope}streams/{_quoted(self.name)}/"

    @property
    def journals(self) -> str:
        """What the journals of its streams begin with."""
        return f"{self.scope}{_quoted(self.name)}/"

    @property
    def tombstone(self) -> str:
        """The record that stands while the group is being deleted."""
        return f"{self.scope}deleting/{_quoted(self.name)}"

    def journals_from(self, stream_prefix: str) -> str:
        """What the journals of the streams begin with whose name begins with `stream_prefix`."""
        return self.journals + _quoted(stream_prefix)


@frozen
class StreamRef:
    """A stream of a log group."""

    group: GroupRef
    name: str

    @property
    def arn(self) -> str:
        return f"{self.group.arn}:log-stream:{self.name}"

    @property
    def key(self) -> str:
        """The record's key; as its last part the name needs no quoting, so that keys are in the names' order."""
        return self.group.streams + self.name

    @property
    def journal(self) -> str:
        """The journal's name. It ends with a slash, so that none is the beginning of another one."""
        return f"{self.group.journals}{_quoted(self.name)}/"

    @property
    def tombstone(self) -> str:
        """The record that stands while the stream is being deleted."""
        return f"{self.group.tombstone}/{_quoted(self.name)}"


def stream_of(journal: str) -> str:
    """The name of the stream whose journal this is."""
    return _unquoted(journal.rsplit("/", 2)[1])


def _quoted(name: str) -> str:
    return name.replace("%", "%25").replace("/", "%2F")


def _unquoted(name: str) -> str:
    return name.replace("%2F", "/").replace("%25", "%")
