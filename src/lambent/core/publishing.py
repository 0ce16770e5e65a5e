"""When `$LATEST` becomes a version of its own, and what that version is. Pure."""

from __future__ import annotations

from dataclasses import replace

from lambent.core.function import Function, Version


def is_unchanged(function: Function, last: Version | None) -> bool:
    """Whether `$LATEST` is still what `last`, the version published last, was made from."""
    if last is None or last.version != str(function.published):
        return False
    latest = function.latest
    return latest.description == function.published_description and _content(latest) == _content(last)


def publish(
    function: Function, *, description: str | None, revision_id: str, latest_revision_id: str
) -> tuple[Function, Version]:
    """`function` after its `$LATEST` was published, and the new version.

    `description` is the version's own, if it has one; `latest_revision_id` the id that publishing gives `$LATEST`.
    While `$LATEST` is being created or updated the version is Pending: both are settled together.
    """
    latest = function.latest
    version = replace(
        latest,
        version=str(function.published + 1),
        revision_id=revision_id,
        description=latest.description if description is None else description,
    )
    if not latest.settled:
        version = _pending(version)
    after = replace(
        function.renewed(latest_revision_id),
        published=function.published + 1,
        published_description=latest.description,
    )
    return after, version


def _pending(version: Version) -> Version:
    return replace(
        version,
        state="Pending",
        state_reason="The function is being created.",
        state_reason_code="Creating",
        update_status=None,
        update_reason=None,
        update_reason_code=None,
    )


def _content(version: Version) -> Version:
    """Code and configuration alone: what is said of a version, and the description, are the same for all."""
    return replace(_pending(version), version="", revision_id="", last_modified="", generation=0, description="")
