"""The policies on one kind of entity, roles or users: inline ones, attached ones and the boundary."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Generic, Literal, TypeVar

from lambent.neighbours.iam import documents
from lambent.neighbours.iam.directory import Directory, begin_use, end_use, retried
from lambent.neighbours.iam.records import Entity, Held, Table
from lambent.neighbours.iam.shapes import DeleteConflictException, LimitExceededException, NoSuchEntityException
from lambent.store.base import Change
from lambent.values import frozen

E = TypeVar("E", bound=Entity)


@frozen
class Quotas:
    """What may be put on one entity."""

    inline_characters: int
    attached: int
    attached_name: str


ROLE = Quotas(inline_characters=10_240, attached=10, attached_name="PoliciesPerRole")
USER = Quotas(inline_characters=2_048, attached=10, attached_name="PoliciesPerUser")


class Holders(Generic[E]):
    """Puts policies on entities and takes them off."""

    def __init__(
        self,
        directory: Directory,
        kind: Literal["role", "user"],
        table: Table[E],
        find: Callable[[str, str], Awaitable[Held[E]]],
        quotas: Quotas,
    ) -> None:
        self._directory = directory
        self._kind: Literal["role", "user"] = kind
        self._boundary: Literal["role-boundary", "user-boundary"] = (
            "role-boundary" if kind == "role" else "user-boundary"
        )
        self._table = table
        self._find = find
        self._quotas = quotas

    async def edit(self, account: str, name: str, change: Callable[[E], E]) -> E:
        """Replace an entity by what `change` makes of it; the new one. Raises NoSuchEntityException."""

        async def attempt() -> E:
            held = await self._find(account, name)
            changed = change(held.noun)
            await self._directory.write(self._table.replace(held, changed))
            return changed

        return await retried(attempt)

    async def put_inline(self, account: str, name: str, policy: str, document: str) -> None:
        """Raises MalformedPolicyDocumentException, LimitExceededException, NoSuchEntityException."""
        documents.check_identity(document)

        def change(entity: E) -> E:
            inline = {**entity.inline, policy: document}
            most = self._quotas.inline_characters
            if documents.size(inline.values()) > most:
                raise LimitExceededException(f"Maximum policy size of {most} bytes exceeded for {self._kind} {name}")
            return replace(entity, inline=inline)

        await self.edit(account, name, change)

    async def inline(self, account: str, name: str, policy: str) -> str:
        """An inline policy's document. Raises NoSuchEntityException."""
        return _inline((await self._find(account, name)).noun, self._kind, policy)

    async def delete_inline(self, account: str, name: str, policy: str) -> None:
        """Raises NoSuchEntityException."""

        def change(entity: E) -> E:
            _inline(entity, self._kind, policy)
            return replace(entity, inline={k: v for k, v in entity.inline.items() if k != policy})

        await self.edit(account, name, change)

    async def attach(self, account: str, name: str, arn: str) -> None:
        """Attach a managed policy; nothing when it is. Raises NoSuchEntityException, LimitExceededException."""

        async def attempt() -> None:
            held = await self._find(account, name)
            claim = await self._directory.claim(account, arn)
            if claim is None:
                raise NoSuchEntityException(f"Policy {arn} does not exist or is not attachable.")
            entity = held.noun
            if arn in entity.attached:
                return
            if len(entity.attached) >= self._quotas.attached:
                quota = f"{self._quotas.attached_name}: {self._quotas.attached}"
                raise LimitExceededException(f"Cannot exceed quota for {quota}")
            changed = replace(entity, attached=[*entity.attached, arn])
            use = begin_use(entity, arn, self._kind)
            await self._directory.write(self._table.replace(held, changed), *claim, use)

        await retried(attempt)

    async def detach(self, account: str, name: str, arn: str) -> None:
        """Raises NoSuchEntityException also when it is not attached."""

        async def attempt() -> None:
            held = await self._find(account, name)
            if arn not in held.noun.attached:
                raise NoSuchEntityException(f"Policy {arn} was not found.")
            changed = replace(held.noun, attached=[a for a in held.noun.attached if a != arn])
            use = end_use(held.noun, arn, self._kind)
            await self._directory.write(self._table.replace(held, changed), use)

        await retried(attempt)

    async def bound(self, account: str, name: str, arn: str | None) -> None:
        """Set the permissions boundary, or take it away. Raises NoSuchEntityException."""

        async def attempt() -> None:
            held = await self._find(account, name)
            uses = [*self.unbounded(held.noun), *await self.bounded(held.noun, arn)]
            changed = replace(held.noun, boundary=arn)
            await self._directory.write(self._table.replace(held, changed), *uses)

        await retried(attempt)

    async def bounded(self, entity: Entity, arn: str | None) -> list[Change]:
        """What is to be written with an entity that gets this boundary. Raises NoSuchEntityException."""
        if arn is None:
            return []
        claim = await self._directory.claim(entity.account, arn)
        if claim is None:
            raise NoSuchEntityException(f"Scope ARN: {arn} does not exist.")
        return [*claim, begin_use(entity, arn, self._boundary)]

    def unbounded(self, entity: Entity) -> list[Change]:
        """What is to be written with an entity that loses its boundary or its life."""
        return [] if entity.boundary is None else [end_use(entity, entity.boundary, self._boundary)]

    def check_bare(self, entity: Entity) -> None:
        """Raises DeleteConflictException while policies are on it: such an entity cannot be deleted."""
        if entity.attached:
            raise DeleteConflictException("Cannot delete entity, must detach all policies first.")
        if entity.inline:
            raise DeleteConflictException("Cannot delete entity, must delete policies first.")


def _inline(entity: Entity, kind: str, policy: str) -> str:
    document = entity.inline.get(policy)
    if document is None:
        raise NoSuchEntityException(f"The {kind} policy with name {policy} cannot be found.")
    return document
