"""What publishing makes of `$LATEST`, and when there is nothing to publish."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lambent.core.function import Code, Function, Logging, Version
from lambent.core.publishing import is_unchanged, publish

LATEST = Version(
    account="000000000000",
    region="us-east-1",
    name="thumbs",
    function_id="id",
    role="arn:aws:iam::000000000000:role/runner",
    runtime="python3.11",
    handler="app.handler",
    code=Code("d" * 64, "digest", 3),
    revision_id="before",
    last_modified="2026-01-01T00:00:00.000+0000",
    generation=4,
    description="mine",
    state="Active",
    state_reason=None,
    state_reason_code=None,
    update_status="Successful",
)


def published(latest: Version = LATEST, description: str | None = None) -> tuple[Function, Version]:
    return publish(Function(latest, latest), description=description, revision_id="v", latest_revision_id="after")


def test_a_version_is_a_copy_with_a_number_and_an_id_of_its_own() -> None:
    function, version = published()
    assert version == replace(LATEST, version="1", revision_id="v")
    assert function.latest == function.serving == replace(LATEST, revision_id="after")
    assert function.published == 1


def test_a_description_of_its_own_does_not_become_the_function_s() -> None:
    function, version = published(description="first")
    assert (version.description, function.latest.description) == ("first", "mine")
    assert is_unchanged(function, version)


def test_what_is_published_while_it_is_made_waits_with_it() -> None:
    updating = replace(LATEST, update_status="InProgress", update_reason="busy", update_reason_code="Creating")
    function, version = publish(
        Function(updating, LATEST), description=None, revision_id="v", latest_revision_id="after"
    )
    assert (version.state, version.state_reason_code, version.update_status) == ("Pending", "Creating", None)
    assert function.latest.update_status == "InProgress"
    assert function.serving == LATEST


@pytest.mark.parametrize(
    "change",
    [
        {"description": "other"},
        {"code": Code("e" * 64, "other", 4)},
        {"environment": {}},
        {"role": "arn:aws:iam::000000000000:role/other"},
        {"logging": Logging("JSON")},
        {"timeout_s": 4},
    ],
    ids=lambda change: next(iter(change)),
)
def test_any_change_of_code_or_configuration_is_worth_a_version(change: dict[str, Any]) -> None:
    function, version = published()
    assert not is_unchanged(replace(function, latest=replace(function.latest, **change)), version)


def test_an_update_that_changes_nothing_is_not() -> None:
    function, version = published()
    renewed = {"generation": 9, "revision_id": "x", "last_modified": "later", "update_status": "InProgress"}
    assert is_unchanged(replace(function, latest=replace(function.latest, **renewed)), version)


def test_a_number_is_never_used_again() -> None:
    function, _ = published()
    assert not is_unchanged(function, None)
    _, second = publish(function, description=None, revision_id="v", latest_revision_id="after")
    assert second.version == "2"
    assert not is_unchanged(replace(function, published=2), published()[1])
