"""Pending → Active | Failed, and InProgress → Successful | Failed, in the background.

A version that was published by the creation or the update itself is settled with it.

A server that died in between finds the unsettled functions at its next start and goes on.
"""

from __future__ import annotations

from dataclasses import replace

from lambent.control.configuration import activated, not_activated
from lambent.core.function import Function, Version
from lambent.invoke.artifacts import ArtifactMissing
from lambent.invoke.package import BadPackage
from lambent.invoke.records import FunctionRecords
from lambent.kit.ids import uuid4
from lambent.ports import Ports
from lambent.runtimes.catalogue import RuntimeMissing
from lambent.sandbox.base import SandboxDied
from lambent.store.optimistic import optimistic


class Activation:
    """Settles functions that were created or updated."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._functions = FunctionRecords(ports.records, ports.seal)

    async def resume(self) -> None:
        """Settle what a dead predecessor left unsettled."""
        for function, _ in await self._functions.all():
            if not function.latest.settled:
                self.begin(function.latest)

    def begin(self, version: Version) -> None:
        """Settle `version` in the background."""
        self._ports.tasks.start(f"activate:{version.name}", self._settle(version))

    async def _settle(self, version: Version) -> None:
        await self._record(version, await self._made_ready(version))

    @optimistic
    async def _record(self, version: Version, reason: str | None) -> None:
        """Write down that `version` is active, or failed with this reason, unless another has taken its place."""
        found = await self._functions.get(version.account, version.region, version.name)
        if found is None:
            return
        function, revision = found
        latest = function.latest
        if latest.function_id != version.function_id or latest.generation != version.generation:
            return
        more = [self._functions.put_version(each) for each in await self._published_with(function, reason)]
        await self._functions.replace(_settled(function, reason), revision, *more)

    async def _published_with(self, function: Function, reason: str | None) -> list[Version]:
        """The version that waits with `$LATEST`, as it is now; none, mostly."""
        latest = function.latest
        published = await self._functions.version(latest.account, latest.region, latest.name, str(function.published))
        if published is None or published.state != "Pending":
            return []
        # Its id stays what the answer to the publishing said.
        revision_id = published.revision_id
        if reason is not None:
            return [not_activated(published, reason, revision_id=revision_id)]
        return [activated(published, revision_id=revision_id)]

    async def _made_ready(self, version: Version) -> str | None:
        """Why it cannot be invoked, or None when it can."""
        try:
            await self._ports.invoker.prepare(version)
        except (BadPackage, ArtifactMissing, RuntimeMissing, SandboxDied) as error:
            self._ports.log.warning("activation_failed", function=version.arn, reason=error)
            return str(error) or type(error).__name__
        return None


def _settled(function: Function, reason: str | None) -> Function:
    if reason is not None:
        return replace(function, latest=not_activated(function.latest, reason, revision_id=uuid4()))
    latest = activated(function.latest, revision_id=uuid4())
    return replace(function, latest=latest, serving=latest)
