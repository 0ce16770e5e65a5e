"""A service's model with Lambent's overrides laid over it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Traits = Mapping[str, Any]
_LAID = frozenset({"metadata", "operations", "shapes", "members"})
"""The overrides that change the model; what else there is stays beside it, as `overrides`."""


def laid_over(model: Traits, overrides: Traits) -> dict[str, Any]:
    """The model, changed; a trait of null is taken away.

    `shapes` names a shape, `members` a member as Structure.Member. A name that the model lacks is an error:
    an override that no longer fits must not go unnoticed.
    """
    return {
        "metadata": {**model["metadata"], **overrides.get("metadata", {})},
        "operations": _overlaid(model["operations"], overrides.get("operations", {})),
        "shapes": _overridden(model["shapes"], overrides),
        "overrides": {name: value for name, value in overrides.items() if name not in _LAID},
    }


def _overlaid(named: Traits, overrides: Traits) -> dict[str, Any]:
    """What is named, with the overrides' traits laid over it."""
    changed = dict(named)
    for name, traits in overrides.items():
        changed[name] = {**changed[name], **traits}
    return changed


def _overridden(shapes: Traits, overrides: Traits) -> dict[str, Any]:
    changed = _overlaid(shapes, overrides.get("shapes", {}))
    for path, traits in overrides.get("members", {}).items():
        name, member = path.split(".")
        members = changed[name]["members"]
        changed[name] = {**changed[name], "members": {**members, member: {**members[member], **traits}}}
    return changed
