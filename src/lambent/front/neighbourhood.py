"""The services around Lambda: each is loaded when an operation of it is first called, or at the start if it has left
something. Until then only its folder's name and the head of its model are known of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from lambent.delivery.trigger import PollerTrigger
from lambent.neighbours import Neighbour
from lambent.ports import Ports
from lambent.values import frozen
from lambent.wire.model import load
from lambent.wire.service import Api


@frozen
class _Kinds:
    """What a neighbour's modules have, imported."""

    operations: Sequence[type]
    background: Sequence[type]


class Neighbourhood:
    """Loads neighbours, each once and whole."""

    def __init__(self, ports: Ports, neighbours: Sequence[Neighbour]) -> None:
        self._ports = ports
        self._neighbours = neighbours
        self._loading: dict[str, asyncio.Task[Sequence[object]]] = {}
        self.triggers: Mapping[str, PollerTrigger] = _Triggers(ports, neighbours)
        """By the kind of source, which is the neighbour's name."""

    def apis(self) -> Iterator[Api]:
        """Of those that have one."""
        for neighbour in self._neighbours:
            if "operations" in neighbour.files:
                yield Api(load(neighbour.name), provide=partial(self.load, neighbour))

    async def resume(self) -> None:
        """Let those go on, from now on and in the background, that have something to do on their own: what a neighbour
        stores is under its name."""
        for neighbour in self._neighbours:
            if "background" in neighbour.files and await self._has_left_something(f"{neighbour.name}/"):
                self._loaded(neighbour)

    async def load(self, neighbour: Neighbour) -> Sequence[object]:
        """Its operations' objects, once what it does on its own has begun. Raises what is wrong with its modules."""
        return await asyncio.shield(self._loaded(neighbour))

    def _loaded(self, neighbour: Neighbour) -> asyncio.Task[Sequence[object]]:
        task = self._loading.get(neighbour.name)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._ports.tasks.start(f"load {neighbour.name}", self._load(neighbour))
            self._loading[neighbour.name] = task
        return task

    async def _load(self, neighbour: Neighbour) -> Sequence[object]:
        kinds = await self._ports.tasks.in_thread(_imported, neighbour)
        background = [kind(self._ports) for kind in kinds.background]
        operations = [kind(self._ports) for kind in kinds.operations]
        for each in background:
            self._ports.tasks.start(neighbour.name, each.run())
        return operations

    async def _has_left_something(self, root: str) -> bool:
        return bool(await self._ports.records.list(root, limit=1) or await self._ports.queues.names(root))


class _Triggers(Mapping[str, PollerTrigger]):
    """Made when a mapping first asks."""

    def __init__(self, ports: Ports, neighbours: Sequence[Neighbour]) -> None:
        self._ports = ports
        self._neighbours = {each.name: each for each in neighbours if "trigger" in each.files}
        self._made: dict[str, PollerTrigger] = {}

    def __getitem__(self, name: str) -> PollerTrigger:
        if name not in self._made:
            kind = self._neighbours[name].trigger()
            assert kind is not None
            self._made[name] = kind(self._ports)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._neighbours)

    def __len__(self) -> int:
        return len(self._neighbours)


def _imported(neighbour: Neighbour) -> _Kinds:
    neighbour.trigger()  # so that no mapping has to wait for it
    return _Kinds(neighbour.operations(), neighbour.background())
