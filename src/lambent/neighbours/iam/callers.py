"""Callers that say nothing of whom they mean: then they mean themselves."""

from __future__ import annotations

from lambent.wire.call import Call
from lambent.wire.errors import ValidationError


def own_name(call: Call) -> str | None:
    """The caller's user name, None for the account's root. Raises ValidationError for one that is no user."""
    if call.principal.is_root:
        return None
    kind, _, name = call.principal.arn.rpartition(":")[2].partition("/")
    if kind != "user":
        raise ValidationError("Must specify userName when calling with non-User credentials")
    return name.rpartition("/")[2]
