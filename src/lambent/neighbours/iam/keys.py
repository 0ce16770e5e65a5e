"""Access keys: their records, the look-up of a caller's key, and the administrator's, made at the first start.

A secret is sealed with the master key and bound to its key's id. Nothing of it is ever shown again after creation,
but for the administrator's, which is written to a file that only the owner of the data directory can read.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson

from lambent.core.accesskey import ENTROPY_BYTES, LONG_TERM, access_key_id
from lambent.kit.ids import secret_key
from lambent.kit.seal import Seal
from lambent.neighbours.iam import records as nouns
from lambent.neighbours.iam.directory import retried
from lambent.neighbours.iam.records import Held, User, every
from lambent.store.base import ABSENT, Delete, Put, Record, Records
from lambent.values import frozen
from lambent.wire.call import Principal
from lambent.wire.sigv4 import Key

_PREFIX = "iam/keys/"


@frozen
class AccessKey:
    """A long-term access key as it is stored."""

    id: str
    account: str
    user: str | None
    """None: the account's root."""
    user_id: str
    arn: str
    created: float
    sealed: str
    """The secret, sealed, in base64."""
    active: bool = True

    @property
    def principal(self) -> Principal:
        """Whoever signs with it."""
        return Principal(self.account, self.arn, self.user_id, self.id, is_root=self.user is None)


class Keys:
    """All access keys, in memory: `start` reads them and follows every change until `close`.

    What is looked up has been written before; a key that was deleted or made inactive is not found any more as soon
    as the operation that did it is answered.
    """

    def __init__(self, records: Records, seal: Seal) -> None:
        self._records = records
        self._seal = seal
        self._keys: dict[str, AccessKey] = {}
        self._found: dict[str, Key] = {}
        self._unwatch: Callable[[], None] | None = None

    async def start(self) -> None:
        """Read what is there."""
        meanwhile: dict[str, Record | None] = {}
        unwatch = self._records.watch(_PREFIX, meanwhile.__setitem__)
        there = {record.key: record for record in await every(self._records, _PREFIX)}
        self._unwatch = self._records.watch(_PREFIX, self._changed)
        unwatch()
        # What was changed while the records were read is newer than what was read.
        for key, record in {**there, **meanwhile}.items():
            self._changed(key, record)

    def close(self) -> None:
        """Follow no more."""
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None

    def find(self, access_key: str) -> Key | None:
        """An active key, or None. Raises SealBroken when the master key is another one."""
        key = self._keys.get(access_key)
        if key is None or not key.active:
            return None
        found = self._found.get(access_key)
        if found is None:
            found = self._found[access_key] = Key(unsealed(self._seal, key), key.principal)
        return found

    def _changed(self, record_key: str, record: Record | None) -> None:
        access_key = record_key.removeprefix(_PREFIX)
        self._found.pop(access_key, None)
        if record is not None:
            self._keys[access_key] = _decode(record)
        else:
            self._keys.pop(access_key, None)


def new(seal: Seal, owner: User, *, now: float) -> tuple[AccessKey, str]:
    """A key for a user or root, and its secret; neither is stored yet."""
    id_ = access_key_id(LONG_TERM, owner.account, secrets.token_bytes(ENTROPY_BYTES))
    secret = secret_key()
    key = AccessKey(
        id=id_,
        account=owner.account,
        user=None if owner.is_root else owner.name,
        user_id=owner.id,
        arn=owner.arn,
        created=float(int(now)),
        sealed=b64encode(seal.seal(secret.encode(), _context(id_))).decode(),
    )
    return key, secret


def unsealed(seal: Seal, key: AccessKey) -> str:
    """A key's secret. Raises SealBroken."""
    return seal.unseal(b64decode(key.sealed), _context(key.id)).decode()


def add(key: AccessKey) -> Put:
    """The change that stores a new key."""
    return Put(_PREFIX + key.id, orjson.dumps(key), expect=ABSENT)


def put(key: AccessKey) -> Put:
    """The change that stores a changed key."""
    return Put(_PREFIX + key.id, orjson.dumps(key))


def remove(key: AccessKey) -> Delete:
    """The change that removes a key."""
    return Delete(_PREFIX + key.id)


async def read(records: Records, access_key: str) -> AccessKey | None:
    """The key of this id, or None."""
    record = await records.get(_PREFIX + access_key)
    return None if record is None else _decode(record)


def root(account: str, now: float) -> User:
    """The root of an account that has no keys yet."""
    return User(account=account, name="root", id=account, created=float(int(now)), is_root=True)


async def ensure_administrator(records: Records, seal: Seal, account: str, *, now: float) -> Key:
    """The account's root with a key of its: the first active one, or a new one when there is none, which is the
    case at the first start. Raises SealBroken when the master key is not the one that sealed it."""
    table = nouns.roots(records)

    async def attempt() -> Key:
        held = await table.get(account, "root") or Held(root(account, now), ABSENT)
        for access_key in held.noun.keys:
            key = await read(records, access_key)
            if key is not None and key.active:
                return Key(unsealed(seal, key), key.principal)
        key, secret = new(seal, held.noun, now=now)
        changed = replace(held.noun, keys=[*held.noun.keys, key.id])
        await records.write(table.replace(held, changed), add(key))
        return Key(secret, key.principal)

    return await retried(attempt)


def write_credentials(file: Path, key: Key, *, region: str, endpoint: str) -> None:
    """Write the administrator's key as an AWS shared-credentials file, whole or not at all, for its owner only.
    Nothing is written when the file says so already."""
    text = (
        f"# The administrator of account {key.principal.account}; made by lambent, which writes it anew.\n"
        "[default]\n"
        f"aws_access_key_id = {key.principal.access_key}\n"
        f"aws_secret_access_key = {key.secret}\n"
        f"region = {region}\n"
        f"endpoint_url = {endpoint}\n"
    )
    with contextlib.suppress(FileNotFoundError):
        if file.stat().st_mode & 0o077 == 0 and file.read_text("utf-8") == text:
            return
    aside = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        _write(aside, text.encode())
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)


def _write(file: Path, content: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(descriptor)


def _decode(record: Record) -> AccessKey:
    return AccessKey(**orjson.loads(record.value))


def _context(access_key: str) -> str:
    return f"iam/access-key/{access_key}"
