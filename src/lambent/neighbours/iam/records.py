"""Users, roles and managed policies: what is known of each, and how it is written to and read from the store.

Each is one record, so that a change of it, its tags and its policies is one checked write. Names are unique without
regard to case, and found only as they were spelt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, Generic, Protocol, TypeVar

import orjson

from lambent.neighbours.iam import paging
from lambent.neighbours.iam.paging import Page
from lambent.store.base import ABSENT, Delete, Put, Record, Records
from lambent.values import frozen


@frozen(kw_only=True)
class Entity:
    """What users and roles have in common: policies can be put on them."""

    account: str
    name: str
    id: str
    created: float
    """Epoch seconds."""
    path: str = "/"
    tags: Mapping[str, str] = field(default_factory=dict)
    boundary: str | None = None
    """The ARN of the policy that bounds its permissions."""
    inline: Mapping[str, str] = field(default_factory=dict)
    """Policy name → document."""
    attached: Sequence[str] = ()
    """ARNs of managed policies."""


@frozen(kw_only=True)
class Role(Entity):
    """A role; `id` begins with AROA and is another one when the role is deleted and made again."""

    trust: str
    description: str | None = None
    max_session_s: int = 3600

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:role{self.path}{self.name}"


@frozen(kw_only=True)
class User(Entity):
    """A user, or the root of an account, which has nothing but keys."""

    keys: Sequence[str] = ()
    """The ids of its access keys."""
    is_root: bool = False

    @property
    def arn(self) -> str:
        if self.is_root:
            return f"arn:aws:iam::{self.account}:root"
        return f"arn:aws:iam::{self.account}:user{self.path}{self.name}"


@frozen
class PolicyVersion:
    """One version of a managed policy."""

    document: str
    created: float


@frozen(kw_only=True)
class ManagedPolicy:
    """A policy with an ARN of its own, the customer's or (account `aws`) AWS's."""

    account: str
    name: str
    id: str
    created: float
    updated: float
    path: str = "/"
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    default: str = "v1"
    versions: Mapping[str, PolicyVersion]
    """Version id → version."""
    latest: int = 1
    """The highest number that a version ever had; numbers are not used twice."""

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:policy{self.path}{self.name}"


class Noun(Protocol):
    """Anything that is found by account and name."""

    @property
    def account(self) -> str: ...

    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Noun)


@frozen
class Held(Generic[N]):
    """What was read, with the revision that its next write must name."""

    noun: N
    revision: int


class Table(Generic[N]):
    """All nouns of one kind, in every account."""

    def __init__(self, records: Records, kind: str, decode: Callable[[bytes], N]) -> None:
        self._records = records
        self._kind = kind
        self._decode = decode

    async def get(self, account: str, name: str) -> Held[N] | None:
        """The noun of exactly this name, or None."""
        record = await self._records.get(self._key(account, name))
        if record is None:
            return None
        noun = self._decode(record.value)
        return Held(noun, record.revision) if noun.name == name else None

    async def is_taken(self, account: str, name: str) -> bool:
        """Whether the name, in whatever case, is in use."""
        return await self._records.get(self._key(account, name)) is not None

    def add(self, noun: N) -> Put:
        """The change that makes a new one."""
        return self._put(noun, ABSENT)

    def replace(self, held: Held[N], noun: N) -> Put:
        """The change that puts `noun` in the place of what was read."""
        return self._put(noun, held.revision)

    def remove(self, held: Held[N]) -> Delete:
        """The change that deletes what was read."""
        return Delete(self._key(held.noun.account, held.noun.name), expect=held.revision)

    async def page(
        self, account: str, marker: str | None, limit: int, wanted: Callable[[N], bool] = lambda _: True
    ) -> Page[N]:
        """Up to `limit` nouns that are wanted, in the order of their names in lower case, from `marker` on."""
        prefix = self._key(account, "")
        after = prefix + paging.position(marker) if marker else ""
        found: list[tuple[str, N]] = []
        while batch := await self._records.list(prefix, after=after, limit=limit + 1):
            found += [(r.key, noun) for r, noun in self._decoded(batch) if wanted(noun)]
            if len(found) > limit:
                last = found[limit - 1][0]
                return Page([noun for _, noun in found[:limit]], paging.marker(last.removeprefix(prefix)))
            after = batch[-1].key
        return Page([noun for _, noun in found], None)

    async def all(self, account: str) -> list[N]:
        """Every noun of an account."""
        return [self._decode(record.value) for record in await every(self._records, self._key(account, ""))]

    def _decoded(self, batch: Sequence[Record]) -> list[tuple[Record, N]]:
        return [(record, self._decode(record.value)) for record in batch]

    def _put(self, noun: N, expect: int) -> Put:
        return Put(self._key(noun.account, noun.name), orjson.dumps(noun), expect=expect)

    def _key(self, account: str, name: str) -> str:
        return f"iam/{account}/{self._kind}/{name.lower()}"


async def every(records: Records, prefix: str) -> list[Record]:
    """All records under a prefix."""
    found: list[Record] = []
    while batch := await records.list(prefix, after=found[-1].key if found else "", limit=1000):
        found += batch
    return found


def roles(records: Records) -> Table[Role]:
    """The roles in the store."""
    return Table(records, "roles", lambda value: Role(**orjson.loads(value)))


def users(records: Records) -> Table[User]:
    """The users in the store."""
    return Table(records, "users", lambda value: User(**orjson.loads(value)))


def roots(records: Records) -> Table[User]:
    """The accounts' roots in the store, each under the name `root`."""
    return Table(records, "root", lambda value: User(**orjson.loads(value)))


def policies(records: Records) -> Table[ManagedPolicy]:
    """The customers' policies in the store."""
    return Table(records, "policies", _policy)


def _policy(value: bytes) -> ManagedPolicy:
    fields: dict[str, Any] = orjson.loads(value)
    fields["versions"] = {name: PolicyVersion(**version) for name, version in fields["versions"].items()}
    return ManagedPolicy(**fields)
