"""The function or version that a request names, read from the store, and the checks before a change; with AWS's answers
for what is not there or not as expected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.control.naming import function_missing, function_ref
from lambent.control.shapes import PreconditionFailedException, ResourceConflictException
from lambent.core.arn import LATEST, FunctionRef
from lambent.core.function import Function, Version
from lambent.core.routing import main_version
from lambent.invoke.records import FunctionRecords
from lambent.values import frozen
from lambent.wire.call import Call


@frozen
class Found:
    """A function as it is in the store."""

    ref: FunctionRef
    """As the caller named it."""
    function: Function
    revision: int
    """Of the record: what the next write must name."""


async def find_function(functions: FunctionRecords, call: Call, request: Mapping[str, Any]) -> Found:
    """The function itself, for what is done to it or its `$LATEST`. Raises ResourceNotFoundException, also when the
    name is qualified with anything else."""
    found = await find_any(functions, call, request)
    if found.ref.qualifier not in (None, LATEST):
        raise function_missing(found.ref)
    return found


async def find_any(functions: FunctionRecords, call: Call, request: Mapping[str, Any]) -> Found:
    """The function, whatever qualifier the request bears. Raises ResourceNotFoundException."""
    ref = function_ref(call, request["FunctionName"], request.get("Qualifier"))
    found = await functions.get(ref.account, ref.region, ref.name)
    if found is None:
        raise function_missing(ref)
    return Found(ref, *found)


async def find_version(
    functions: FunctionRecords, call: Call, request: Mapping[str, Any]
) -> tuple[FunctionRef, Function, Version]:
    """What a request's name and Qualifier name: `$LATEST`, a version, or an alias's version (its FunctionVersion, when
    two share its traffic). Raises ResourceNotFoundException."""
    found = await find_any(functions, call, request)
    version = await version_named(functions, found.function, found.ref.qualifier or LATEST)
    if version is None:
        raise function_missing(found.ref)
    return found.ref, found.function, version


async def find_named(functions: FunctionRecords, ref: FunctionRef) -> tuple[Function, int] | None:
    """The function that `ref` names and its record's revision; None when there is no such function, or no such version
    or alias of it."""
    found = await functions.get(ref.account, ref.region, ref.name)
    if found is None or await version_named(functions, found[0], ref.qualifier or LATEST) is None:
        return None
    return found


async def version_named(functions: FunctionRecords, function: Function, qualifier: str) -> Version | None:
    """The version that `qualifier` stands for, or None when there is no such version or alias."""
    latest = function.latest
    where = latest.account, latest.region, latest.name
    number = main_version({}, qualifier) or main_version(await functions.aliases(*where), qualifier)
    if number is None:
        return None
    return latest if number == LATEST else await functions.version(*where, number)


def check_settled(version: Version) -> None:
    """Raises ResourceConflictException while a creation or an update is under way."""
    if not version.settled:
        raise ResourceConflictException(
            "The operation cannot be performed at this time. An update is in progress for resource: " + version.arn
        )


def check_revision(revision_id: str, wanted: str | None) -> None:
    """Raises PreconditionFailedException when the caller wants another revision than there is."""
    if wanted is not None and wanted != revision_id:
        raise PreconditionFailedException(
            "The Revision Id provided does not match the latest Revision Id. "
            "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
        )
