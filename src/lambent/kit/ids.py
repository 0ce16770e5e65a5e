"""Identifiers: the one place, with kit/seal.py, where chance enters."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping

_VARIANT: Mapping[str, str] = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_SMALL = "abcdefghijklmnopqrstuvwxyz0123456789"


_AT_ONCE = 256
# Every call of the system gives the interpreter's lock away, and may have to wait until the store's writer returns it:
# for each of thousands of requests a second that would be their greatest cost. So randomness is fetched for many ids.
_stock: list[str] = []
os.register_at_fork(after_in_child=_stock.clear)


def uuid4() -> str:
    """A random (version 4) UUID in its 36-character form; several times as fast as the standard library's."""
    try:
        h = _stock.pop()
    except IndexError:
        drawn = os.urandom(16 * _AT_ONCE).hex()
        h, *rest = (drawn[at : at + 32] for at in range(0, len(drawn), 32))
        _stock.extend(rest)
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{_VARIANT[h[16]]}{h[17:20]}-{h[20:]}"


def unique_id(prefix: str, length: int = 20) -> str:
    """An IAM unique id or access key id: `prefix`, then random characters up to `length`."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length - len(prefix)))


def secret_key() -> str:
    """A 40-character secret access key."""
    return secrets.token_urlsafe(30)


def small_id(length: int) -> str:
    """Random lower-case letters and digits: function URLs have 32 of them, code signing configurations 17."""
    return "".join(secrets.choice(_SMALL) for _ in range(length))


def token(count: int) -> str:
    """`count` random bytes as hexadecimal digits, for what nobody may guess."""
    return secrets.token_hex(count)
