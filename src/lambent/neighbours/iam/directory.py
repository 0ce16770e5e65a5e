"""The account's users, roles and policies as operations find and change them, with IAM's errors."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, TypeVar
from urllib.parse import quote

import orjson

from lambent.neighbours.iam import records as nouns
from lambent.neighbours.iam.aws_policies import aws_policies
from lambent.neighbours.iam.records import Entity, Held, ManagedPolicy, Role, Table, User, every
from lambent.neighbours.iam.shapes import (
    ConcurrentModificationException,
    InvalidInputException,
    NoSuchEntityException,
)
from lambent.store.base import Change, Delete, Put, Records, RevisionMismatch

TRIES = 20
"""How often a change is tried anew when others were faster. Each failure means that another one got through, and
deployment tools attach one policy to many roles at once."""

Usage = Literal["role", "user", "role-boundary", "user-boundary"]
"""What a managed policy is used as, and by whom."""

T = TypeVar("T")

_POLICY_ARN = re.compile(
    r"arn:aws[a-z-]*:iam::(?P<account>\d{12}|aws):policy(?P<path>/(?:[!-~]+/)?)(?P<name>[\w+=,.@-]+)"
)


class Directory:
    """Look-ups, and writes that must find what was read unchanged."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.roles: Table[Role] = nouns.roles(records)
        self.users: Table[User] = nouns.users(records)
        self.roots: Table[User] = nouns.roots(records)
        self.policies: Table[ManagedPolicy] = nouns.policies(records)

    async def role(self, account: str, name: str) -> Held[Role]:
        """The role. Raises NoSuchEntityException."""
        held = await self.roles.get(account, name)
        if held is None:
            raise NoSuchEntityException(f"The role with name {name} cannot be found.")
        return held

    async def user(self, account: str, name: str) -> Held[User]:
        """The user. Raises NoSuchEntityException."""
        held = await self.users.get(account, name)
        if held is None:
            raise NoSuchEntityException(f"The user with name {name} cannot be found.")
        return held

    async def policy(self, account: str, arn: str) -> ManagedPolicy:
        """The account's or AWS's policy. Raises NoSuchEntityException, InvalidInputException."""
        found = await self._find_policy(account, arn)
        if found is None:
            raise NoSuchEntityException(f"Policy {arn} was not found.")
        return found.noun if isinstance(found, Held) else found

    async def own_policy(self, account: str, arn: str) -> Held[ManagedPolicy]:
        """The account's own policy, to be changed. Raises NoSuchEntityException, InvalidInputException."""
        found = await self._find_policy(account, arn)
        if not isinstance(found, Held):
            raise NoSuchEntityException(f"Policy {arn} was not found.")
        return found

    async def claim(self, account: str, arn: str) -> Sequence[Change] | None:
        """Changes to be made together with a new use of a policy, so that it cannot be deleted meanwhile; None
        when there is no such policy. Raises InvalidInputException."""
        found = await self._find_policy(account, arn)
        if isinstance(found, Held):
            return [self.policies.replace(found, found.noun)]
        return None if found is None else []

    async def uses(self, account: str, arn: str, *usages: Usage) -> list[tuple[Usage, Entity]]:
        """Who uses a policy; all usages unless some are named. Of the entities, only name, id and path are told."""
        prefix = _usage_prefix(account, arn)
        records = await every(self._records, prefix)
        found = []
        for record in records:
            usage: Usage = record.key.removeprefix(prefix).split("/")[0]  # type: ignore[assignment]  # as written
            if not usages or usage in usages:
                fields = orjson.loads(record.value)
                found.append((usage, Entity(account=account, created=0.0, **fields)))
        return found

    async def write(self, *changes: Change) -> None:
        """Make all changes or none. Raises RevisionMismatch, for which `retried` is there."""
        await self._records.write(*changes)

    async def _find_policy(self, account: str, arn: str) -> Held[ManagedPolicy] | ManagedPolicy | None:
        parsed = _POLICY_ARN.fullmatch(arn)
        if parsed is None:
            raise InvalidInputException(f"ARN {arn} is not valid.")
        if parsed["account"] == "aws":
            return aws_policies().get(arn)
        if parsed["account"] != account:
            return None
        held = await self.policies.get(account, parsed["name"])
        return held if held is not None and held.noun.arn == arn else None


def begin_use(entity: Entity, arn: str, usage: Usage) -> Put:
    """The change that notes that `entity` uses a policy."""
    value = {"name": entity.name, "id": entity.id, "path": entity.path}
    return Put(_usage_key(entity, arn, usage), orjson.dumps(value))


def end_use(entity: Entity, arn: str, usage: Usage) -> Delete:
    """The change that takes the note back."""
    return Delete(_usage_key(entity, arn, usage))


async def retried(attempt: Callable[[], Awaitable[T]]) -> T:
    """Read, decide and write, again when somebody else has written meanwhile."""
    for _ in range(TRIES):
        try:
            return await attempt()
        except RevisionMismatch:
            continue
    raise ConcurrentModificationException(
        "The request was rejected because multiple requests to change this object were submitted simultaneously. "
        "Wait a few minutes and submit your request again."
    )


def _usage_key(entity: Entity, arn: str, usage: Usage) -> str:
    return f"{_usage_prefix(entity.account, arn)}{usage}/{entity.name.lower()}"


def _usage_prefix(account: str, arn: str) -> str:
    return f"iam/{account}/usage/{quote(arn, safe=':')}/"
