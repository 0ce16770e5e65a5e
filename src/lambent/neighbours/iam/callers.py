"""Callers that say nothing of whom they mean: then they mean themselves."""

from __future__ import annotations

from lambent.wire.call import Call
from lambent.wire.errors import ApiError


def own_name(call: Call) -> str | None:
    """The caller's user name, None for the account's root. Raises ApiError for one that is no user."""
    if call.principal.is_root:
        return None
    kind, _, name = call.principal.arn.rpartition(":")[2].partition("/")
    if kind != "user":
        raise ApiError(
            "Must specify userName when calling with non-User credentials", code="ValidationError", status=400
        )
    return name.rpartition("/")[2]
