"""Access keys of users and of the account's root."""

from __future__ import annotations

from dataclasses import replace

from lambent.neighbours.iam import keys
from lambent.neighbours.iam.callers import own_name
from lambent.neighbours.iam.directory import Directory, retried
from lambent.neighbours.iam.keys import AccessKey
from lambent.neighbours.iam.paging import page
from lambent.neighbours.iam.records import Held, User
from lambent.neighbours.iam.shapes import AccessKey as AccessKeyShape
from lambent.neighbours.iam.shapes import (
    AccessKeyMetadata,
    CreateAccessKeyRequest,
    CreateAccessKeyResponse,
    DeleteAccessKeyRequest,
    InvalidInputException,
    LimitExceededException,
    ListAccessKeysRequest,
    ListAccessKeysResponse,
    NoSuchEntityException,
    UpdateAccessKeyRequest,
)
from lambent.ports import Ports
from lambent.store.base import Put
from lambent.wire.call import Call

MOST = 2
"""AccessKeysPerUser."""


class AccessKeys:
    """Operations on access keys. Without a user name they are about the caller's own."""

    def __init__(self, ports: Ports) -> None:
        self._records = ports.records
        self._clock = ports.clock
        self._seal = ports.seal
        self._directory = Directory(ports.records)

    async def create_access_key(self, call: Call, request: CreateAccessKeyRequest) -> CreateAccessKeyResponse:
        async def attempt() -> tuple[AccessKey, str]:
            owner = await self._owner(call, request.get("UserName"))
            if len(owner.noun.keys) >= MOST:
                raise LimitExceededException(f"Cannot exceed quota for AccessKeysPerUser: {MOST}")
            key, secret = keys.new(self._seal, owner.noun, now=self._clock.now())
            changed = replace(owner.noun, keys=[*owner.noun.keys, key.id])
            await self._directory.write(self._put(owner, changed), keys.add(key))
            return key, secret

        key, secret = await retried(attempt)
        shown: AccessKeyShape = {
            "UserName": key.user or "",
            "AccessKeyId": key.id,
            "Status": "Active",
            "SecretAccessKey": secret,
            "CreateDate": key.created,
        }
        return {"AccessKey": shown}

    async def list_access_keys(self, call: Call, request: ListAccessKeysRequest) -> ListAccessKeysResponse:
        owner = await self._owner(call, request.get("UserName"))
        found = page(owner.noun.keys, request, str)
        read = [await keys.read(self._records, access_key) for access_key in found.items]
        return {"AccessKeyMetadata": [_shown(key) for key in read if key is not None], **found.ending}

    async def update_access_key(self, call: Call, request: UpdateAccessKeyRequest) -> None:
        if request["Status"] == "Expired":
            raise InvalidInputException("The status of an access key is Active or Inactive.")
        active = request["Status"] == "Active"

        async def attempt() -> None:
            owner = await self._owner(call, request.get("UserName"))
            key = await self._key(owner, request["AccessKeyId"])
            # The owner is written too: so that a key that is deleted at the same time does not come back.
            await self._directory.write(self._put(owner, owner.noun), keys.put(replace(key, active=active)))

        await retried(attempt)

    async def delete_access_key(self, call: Call, request: DeleteAccessKeyRequest) -> None:
        async def attempt() -> None:
            owner = await self._owner(call, request.get("UserName"))
            key = await self._key(owner, request["AccessKeyId"])
            changed = replace(owner.noun, keys=[id_ for id_ in owner.noun.keys if id_ != key.id])
            await self._directory.write(self._put(owner, changed), keys.remove(key))

        await retried(attempt)

    async def _owner(self, call: Call, name: str | None) -> Held[User]:
        name = own_name(call) if name is None else name
        if name is not None:
            return await self._directory.user(call.account, name)
        root = await self._directory.roots.get(call.account, "root")
        return root if root is not None else Held(keys.root(call.account, self._clock.now()), 0)

    def _put(self, owner: Held[User], changed: User) -> Put:
        table = self._directory.roots if changed.is_root else self._directory.users
        return table.replace(owner, changed)

    async def _key(self, owner: Held[User], access_key: str) -> AccessKey:
        key = await keys.read(self._records, access_key) if access_key in owner.noun.keys else None
        if key is None:
            raise NoSuchEntityException(f"The Access Key with id {access_key} cannot be found.")
        return key


def _shown(key: AccessKey) -> AccessKeyMetadata:
    shown: AccessKeyMetadata = {
        "AccessKeyId": key.id,
        "Status": "Active" if key.active else "Inactive",
        "CreateDate": key.created,
    }
    if key.user is not None:
        shown["UserName"] = key.user
    return shown
