"""What a server stands on, and what an operations class may use: frozen bundles that app.py and assembly.py fill."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from lambent.values import frozen

if TYPE_CHECKING:
    from lambent.invoke.invoker import Invoker
    from lambent.kit.clock import Clock
    from lambent.kit.log import Log
    from lambent.kit.seal import Seal
    from lambent.kit.tasks import Tasks
    from lambent.runtimes.catalogue import Catalogue
    from lambent.sandbox.base import Driver
    from lambent.store.base import Blobs, Journals, Queues, Records, Store
    from lambent.wire.call import Call

T = TypeVar("T")


class Aws(Protocol):
    """A door to AWS operations: in this process where they live here, else where the service is."""

    async def call(self, call: Call, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """The operation's answer, in model member names; `call` says for whom. Raises its ApiError."""


@frozen
class Ground:
    """What a server stands on, opened and started."""

    store: Store
    driver: Awaitable[Driver]
    """Once it has been found out and started; what needs none is made meanwhile."""
    seal: Seal
    clock: Clock
    tasks: Tasks
    log: Log
    stopping: asyncio.Event
    """Set when the server shall stop."""


@frozen
class Trust:
    """How callers are believed: `dev` takes any well-formed key as its account's root and any role ARN."""

    dev: bool
    default_account: str = "000000000000"
    default_region: str = "us-east-1"


@frozen
class Ports:
    """The collaborators of the control plane and of the neighbour services."""

    records: Records
    queues: Queues
    blobs: Blobs
    journals: Journals
    seal: Seal
    clock: Clock
    tasks: Tasks
    log: Log
    trust: Trust
    aws: Aws
    invoker: Invoker
    catalogue: Catalogue
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the server shall stop, and waits for what runs."""
    _shared: dict[object, Any] = field(default_factory=dict, repr=False, compare=False)

    def shared(self, kind: Callable[[Ports], T]) -> T:
        """The one `kind(ports)` for all who ask: what several classes of a service keep in memory together."""
        if kind not in self._shared:
            self._shared[kind] = kind(self)
        made: T = self._shared[kind]
        return made
