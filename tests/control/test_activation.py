"""What becomes of functions, and of the versions published with them, when they are settled."""

from __future__ import annotations

import io
from dataclasses import fields, replace
from typing import Any, cast

import pytest

from lambent.control.activation import Activation
from lambent.core.function import Code, Function, Version
from lambent.core.publishing import publish
from lambent.invoke.package import BadPackage
from lambent.invoke.records import FunctionRecords
from lambent.kit.log import Log
from lambent.kit.seal import Seal
from lambent.kit.tasks import Tasks
from lambent.ports import Ports
from lambent.store.memory import MemoryRecords

WHERE = ("000000000000", "us-east-1", "thumbs")
CREATED = Version(
    *WHERE,
    function_id="id",
    role="arn:aws:iam::000000000000:role/runner",
    runtime="python3.11",
    handler="app.handler",
    code=Code("a" * 64, "a", 1),
    revision_id="r",
    last_modified="2026-01-01T00:00:00.000+0000",
)
UPDATED = replace(
    CREATED,
    generation=2,
    state="Active",
    state_reason=None,
    state_reason_code=None,
    update_status="InProgress",
)


class Invoker:
    """Makes everything ready, or nothing."""

    def __init__(self, trouble: Exception | None) -> None:
        self.trouble = trouble

    async def prepare(self, version: Version) -> None:
        if self.trouble is not None:
            raise self.trouble


async def resumed(latest: Version, trouble: Exception | None = None) -> tuple[Function, Version]:
    """A function whose unsettled `$LATEST` was published, and the version, as a server that is started again settles
    them."""
    records, seal, log = MemoryRecords(), Seal(bytes(32)), Log("error", io.StringIO())
    tasks = Tasks(log)
    others = {each.name: cast(Any, None) for each in fields(Ports)}
    given = {"records": records, "seal": seal, "log": log, "tasks": tasks, "invoker": Invoker(trouble)}
    functions = FunctionRecords(records, seal)
    function, version = publish(Function(latest), description=None, revision_id="v", latest_revision_id="r2")
    await functions.add(function, functions.put_version(version))
    settled: list[Any] = []
    functions.watch(lambda place, thing: settled.append(thing))
    await Activation(Ports(**{**others, **given})).resume()
    while len(settled) < 2:
        await tasks.in_thread(lambda: None)
    await tasks.close()
    found = await functions.get(*WHERE)
    published = await functions.version(*WHERE, "1")
    assert found is not None
    assert published is not None
    return found[0], published


@pytest.mark.parametrize("latest", [CREATED, UPDATED], ids=["created", "updated"])
async def test_a_version_is_settled_with_the_function_that_it_was_made_of(latest: Version) -> None:
    function, version = await resumed(latest)
    assert (function.latest.state, function.latest.update_status) == ("Active", "Successful")
    assert function.serving == function.latest
    assert (version.state, version.update_status, version.state_reason) == ("Active", "Successful", None)
    assert version.revision_id == "v"


async def test_a_version_whose_function_cannot_be_made_ready_has_failed() -> None:
    function, version = await resumed(CREATED, BadPackage("no zip"))
    assert function.latest.state == version.state == "Failed"
    assert version.state_reason == "no zip"
    assert function.serving is None


async def test_a_version_whose_update_failed_has_failed_and_the_old_code_is_served() -> None:
    function, version = await resumed(UPDATED, BadPackage("no zip"))
    assert (function.latest.state, function.latest.update_status) == ("Active", "Failed")
    assert version.state == "Failed"
