"""Groups and streams in the store: making, finding, changing, and deleting them with all they hold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import field, replace

import orjson

from lambent.neighbours.logs.names import ROOT, GroupRef, StreamRef
from lambent.neighbours.logs.shapes import (
    OperationAbortedException,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
)
from lambent.store.base import ABSENT, Delete, Journals, Put, Record, Records, RevisionMismatch
from lambent.values import frozen

DAY_MS = 86_400_000

_TRIES = 3
_AFTER_ALL = "\U0010ffff"


@frozen(kw_only=True)
class Group:
    """What is known of a log group."""

    name: str
    created_ms: int
    retention_days: int | None = None
    log_class: str = "STANDARD"
    kms_key: str | None = None
    protected: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)

    def oldest_ms(self, now_ms: int) -> int:
        """Events from before this time have expired."""
        return 0 if self.retention_days is None else max(0, now_ms - self.retention_days * DAY_MS)


@frozen(kw_only=True)
class Stream:
    """What is known of a log stream, besides its journal."""

    name: str
    created_ms: int


@frozen
class _Deletion:
    """What a tombstone says: which journals to delete, and the stream records that somebody added meanwhile."""

    journals: str
    streams: str | None = None


class LogRecords:
    """Groups and streams. Raises the API's errors for what is not there, or is already.

    A deletion concerns records and journals, which no single write covers. So the records go in one write that
    also leaves a tombstone; then the journals go; then the tombstone. A crash in between leaves the tombstone,
    and `finish_deletions` does the rest.
    """

    def __init__(self, records: Records, journals: Journals) -> None:
        self._records = records
        self._journals = journals

    async def group(self, ref: GroupRef) -> Group:
        """The group. Raises ResourceNotFoundException."""
        return (await self._held(ref))[0]

    async def has_group(self, ref: GroupRef) -> bool:
        """Whether the group is there."""
        return await self._records.get(ref.key) is not None

    async def group_of(self, ref: StreamRef) -> Group:
        """The group of a stream; both must be there. Raises ResourceNotFoundException."""
        group = await self.group(ref.group)
        if await self._records.get(ref.key) is None:
            raise ResourceNotFoundException("The specified log stream does not exist.")
        return group

    async def groups(self, ref: GroupRef, *, after: str = "") -> AsyncIterator[Group]:
        """The groups of the account and region whose name begins with `ref.name`, in the order of their names."""
        async for record in self._all(ref.key, after=replace(ref, name=after).key if after else ""):
            yield _group(record)

    async def streams(self, ref: GroupRef, prefix: str = "", *, after: str = "") -> AsyncIterator[Stream]:
        """The streams of a group whose name begins with `prefix`, in the order of their names."""
        async for record in self._all(ref.streams + prefix, after=ref.streams + after if after else ""):
            yield _stream(record)

    async def every_group(self) -> AsyncIterator[tuple[GroupRef, Group]]:
        """The groups of all accounts and regions."""
        async for scope in self._scopes():
            async for group in self.groups(scope):
                yield replace(scope, name=group.name), group

    async def add_group(self, ref: GroupRef, group: Group) -> None:
        """Make a group. Raises ResourceAlreadyExistsException, and OperationAbortedException while it is deleted."""
        await self._refuse_while_deleting(ref.tombstone)
        try:
            await self._records.write(Put(ref.key, orjson.dumps(group), expect=ABSENT))
        except RevisionMismatch:
            raise ResourceAlreadyExistsException("The specified log group already exists") from None

    async def add_stream(self, ref: StreamRef, stream: Stream) -> None:
        """Make a stream. Raises as `group` and `add_group` do."""
        await self.group(ref.group)
        await self._refuse_while_deleting(ref.tombstone)
        try:
            await self._records.write(Put(ref.key, orjson.dumps(stream), expect=ABSENT))
        except RevisionMismatch:
            raise ResourceAlreadyExistsException("The specified log stream already exists") from None
        if not await self.has_group(ref.group):
            # It was deleted before our write, so the deletion need not have seen the stream.
            await self._records.write(Delete(ref.key))
            raise _no_group()

    async def change_group(self, ref: GroupRef, change: Callable[[Group], Group]) -> None:
        """Write `change(group)` in the group's place. Raises ResourceNotFoundException, and
        OperationAbortedException when others change it all the time."""
        for _ in range(_TRIES):
            group, revision = await self._held(ref)
            try:
                await self._records.write(Put(ref.key, orjson.dumps(change(group)), expect=revision))
            except RevisionMismatch:
                continue
            return
        raise _conflict()

    async def delete_group(self, ref: GroupRef, allowed: Callable[[Group], None]) -> None:
        """Delete a group with its streams and their events; `allowed(group)` may raise. Raises as `change_group`."""
        tombstone = Put(ref.tombstone, orjson.dumps(_Deletion(ref.journals, ref.streams)))
        for _ in range(_TRIES):
            group, revision = await self._held(ref)
            allowed(group)
            gone = [Delete(record.key) async for record in self._all(ref.streams)]
            try:
                await self._records.write(tombstone, Delete(ref.key, expect=revision), *gone)
            except RevisionMismatch:
                continue
            return await self._finish(ref.tombstone, tombstone.value)
        raise _conflict()

    async def delete_stream(self, ref: StreamRef, allowed: Callable[[Group], None]) -> None:
        """Delete a stream with its events; `allowed(its group)` may raise. Raises ResourceNotFoundException."""
        allowed(await self.group_of(ref))
        tombstone = Put(ref.tombstone, orjson.dumps(_Deletion(ref.journal)))
        await self._records.write(tombstone, Delete(ref.key))
        await self._finish(ref.tombstone, tombstone.value)

    async def finish_deletions(self) -> None:
        """Do what a crash left undone."""
        async for scope in self._scopes():
            async for record in self._all(f"{scope.scope}deleting/"):
                await self._finish(record.key, record.value)

    async def _finish(self, tombstone: str, value: bytes) -> None:
        deletion = _Deletion(**orjson.loads(value))
        if deletion.streams is not None:
            added = [Delete(record.key) async for record in self._all(deletion.streams)]
            if added:
                await self._records.write(*added)
        await self._journals.delete(deletion.journals)
        await self._records.write(Delete(tombstone))

    async def _refuse_while_deleting(self, tombstone: str) -> None:
        if await self._records.get(tombstone) is not None:
            raise _conflict()

    async def _held(self, ref: GroupRef) -> tuple[Group, int]:
        record = await self._records.get(ref.key)
        if record is None:
            raise _no_group()
        return _group(record), record.revision

    async def _all(self, prefix: str, *, after: str = "") -> AsyncIterator[Record]:
        while batch := await self._records.list(prefix, after=after):
            for record in batch:
                yield record
            after = batch[-1].key

    async def _scopes(self) -> AsyncIterator[GroupRef]:
        """Each account and region that has anything, as a group without a name."""
        after = ""
        while batch := await self._records.list(ROOT, after=after, limit=1):
            account, region = batch[0].key.removeprefix(ROOT).split("/")[:2]
            scope = GroupRef(account, region, "")
            yield scope
            after = scope.scope + _AFTER_ALL


def _group(record: Record) -> Group:
    return Group(**orjson.loads(record.value))


def _stream(record: Record) -> Stream:
    return Stream(**orjson.loads(record.value))


def _no_group() -> ResourceNotFoundException:
    return ResourceNotFoundException("The specified log group does not exist.")


def _conflict() -> OperationAbortedException:
    return OperationAbortedException(
        "A conflicting operation is currently in progress against this resource. Please try again."
    )
