"""The operations on published versions."""

from __future__ import annotations

from lambent.control.configuration import shown
from lambent.control.finding import check_revision, check_settled, find_any, find_function
from lambent.control.paging import marked, unmarked, unmarked_number
from lambent.control.shapes import (
    FunctionConfiguration,
    InvalidParameterValueException,
    ListVersionsByFunctionRequest,
    ListVersionsByFunctionResponse,
    PublishVersionRequest,
    ResourceConflictException,
)
from lambent.control.storage import CodeStorage
from lambent.core import limits
from lambent.core.arn import LATEST
from lambent.core.function import Function, Version
from lambent.core.publishing import is_unchanged, publish
from lambent.core.routing import pointing_to
from lambent.invoke.records import FunctionRecords
from lambent.kit.ids import uuid4
from lambent.ports import Ports
from lambent.store.base import Change
from lambent.store.optimistic import optimistic
from lambent.wire.call import Call


class Versions:
    """Publish and list."""

    def __init__(self, ports: Ports, storage: CodeStorage) -> None:
        self._functions = FunctionRecords(ports.records, ports.seal)
        self._storage = storage
        self._catalogue = ports.catalogue

    @optimistic
    async def publish_version(self, call: Call, request: PublishVersionRequest) -> FunctionConfiguration:
        """Partly: no PublishTo, which is for Managed Instances (refused by name)."""
        if request.get("PublishTo") is not None:
            raise InvalidParameterValueException("PublishTo is not supported by Lambent.")
        found = await find_function(self._functions, call, request)
        self._check(found.function.latest, request)
        function, version = await next_version(self._functions, found.function, request.get("Description"))
        if function is not found.function:
            await self._storage.take(call, version.code.size)
            written = self._functions.put_version(version)
            await self._functions.replace(function, found.revision, written)
        return shown(version, qualifier=version.version, runtime=self._catalogue.find(version.runtime))

    def _check(self, latest: Version, request: PublishVersionRequest) -> None:
        check_settled(latest)
        check_revision(latest.revision_id, request.get("RevisionId"))
        wanted = request.get("CodeSha256")
        if wanted and wanted != latest.code.sha256:
            raise InvalidParameterValueException(
                f"CodeSHA256 ({wanted}) is different from current CodeSHA256 in $LATEST ({latest.code.sha256}). "
                "Please try again with the CodeSHA256 in $LATEST."
            )
        if latest.state == "Failed" or latest.update_status == "Failed":
            raise ResourceConflictException(
                "The operation cannot be performed at this time. The function is currently in the following state: "
                "Failed"
            )

    async def list_versions_by_function(
        self, call: Call, request: ListVersionsByFunctionRequest
    ) -> ListVersionsByFunctionResponse:
        """`$LATEST`, then the published versions in their order; fifty at most a page."""
        found = await find_any(self._functions, call, request)
        latest = found.function.latest
        limit = min(request.get("MaxItems", limits.FUNCTIONS_PAGE), limits.FUNCTIONS_PAGE)
        marker = unmarked(request.get("Marker"))
        after = unmarked_number(marker) if marker else 0
        versions = [] if marker else [latest]
        versions += await self._functions.versions(
            latest.account, latest.region, latest.name, after=after, limit=limit + 1
        )
        answer: ListVersionsByFunctionResponse = {
            "Versions": [shown(version, qualifier=version.version, listed=True) for version in versions[:limit]]
        }
        if len(versions) > limit:
            last = versions[limit - 1].version
            answer["NextMarker"] = marked("0" if last == LATEST else last)
        return answer


async def next_version(
    functions: FunctionRecords, function: Function, description: str | None
) -> tuple[Function, Version]:
    """`function` with its `$LATEST` published, and the version: both are yet to be written. When nothing has changed
    since the version that was published last, that one, and `function` itself."""
    latest = function.latest
    last = await functions.version(latest.account, latest.region, latest.name, str(function.published))
    if last is not None and is_unchanged(function, last):
        return function, last
    return publish(function, description=description, revision_id=uuid4(), latest_revision_id=uuid4())


async def remove_version(
    functions: FunctionRecords, function: Function, revision: int, number: str, *also: Change
) -> None:
    """Delete a published version, and make the changes `also` with that; nothing, when there is none.
    Raises ResourceConflictException when an alias points to it, and RevisionMismatch."""
    latest = function.latest
    where = latest.account, latest.region, latest.name
    version = await functions.version(*where, number)
    if version is None:
        return
    if users := pointing_to(await functions.aliases(*where), number):
        raise ResourceConflictException(
            f"Unable to delete version because the following aliases reference it: [{', '.join(users)}]"
        )
    settings = functions.delete_settings(*where, number)
    await functions.replace(function, revision, functions.delete_version(version), *settings, *also)
