"""Access key ids, in AWS's form: they carry the account that they belong to, and chance."""

from __future__ import annotations

import re
from base64 import b32decode, b32encode
from typing import Final

LONG_TERM: Final = "AKIA"
"""Begins the key of a user or of an account's root."""
TEMPORARY: Final = "ASIA"
"""Begins the key of a session."""

ENTROPY_BYTES: Final = 5

_FORM = re.compile(f"(?:{LONG_TERM}|{TEMPORARY})[A-Z2-7]{{16}}")
# Of the 80 bits after the prefix: one that marks ids with an account in them, 40 of the account, 39 of chance.
_MARK: Final = 1 << 79
_CHANCE: Final = 39


def access_key_id(prefix: str, account: str, entropy: bytes) -> str:
    """A new id; `entropy` is ENTROPY_BYTES random bytes, of which one bit is dropped."""
    chance = int.from_bytes(entropy, "big") & ((1 << _CHANCE) - 1)
    bits = _MARK | int(account) << _CHANCE | chance
    return prefix + b32encode(bits.to_bytes(10, "big")).decode()


def account_of(access_key: str) -> str | None:
    """The account in an id, also in one that AWS made; None in what is no id or is of a form without it."""
    if not _FORM.fullmatch(access_key):
        return None
    bits = int.from_bytes(b32decode(access_key[4:]), "big")
    account = (bits & (_MARK - 1)) >> _CHANCE
    return f"{account:012d}" if bits & _MARK and account < 10**12 else None
