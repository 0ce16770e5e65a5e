"""A prefix as a range of keys, so that an index finds what lies under it."""

from __future__ import annotations

_LAST_CODE_POINT = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)

EVERYTHING = b""
"""An upper bound above all text: SQLite sorts any blob after every text."""


def upper_bound(prefix: str) -> str | bytes:
    """The smallest bound above all text that starts with `prefix`."""
    for at in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[at])
        if code < _LAST_CODE_POINT:
            following = code + 1 if code + 1 not in _SURROGATES else _SURROGATES.stop
            return prefix[:at] + chr(following)
    return EVERYTHING


def lower_bound(prefix: str, after: str) -> str:
    """The smallest text that is greater than `after` and not below what starts with `prefix`."""
    return prefix if prefix > after else after + "\0"
