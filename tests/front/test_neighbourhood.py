"""Neighbours are loaded when they are called, or when they have left something behind; each once."""

from __future__ import annotations

import asyncio
import io
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest

from lambent.front.neighbourhood import Neighbourhood
from lambent.kit.clock import FakeClock
from lambent.kit.log import Log
from lambent.kit.seal import Seal
from lambent.kit.tasks import Tasks
from lambent.neighbours import Neighbour, found
from lambent.ports import Ports, Trust
from lambent.store.base import ABSENT, Put
from lambent.store.memory import Store, memory_store

NOBODY = cast(Any, None)


class Queues:
    def __init__(self, ports: Ports) -> None:
        self.ports = ports

    async def list_queues(self, call: Any, request: Any) -> dict[str, Any]:
        return {}


class Sqs:
    """Stands for a neighbour's folder; says what was asked of it."""

    name = "sqs"
    files = frozenset({"operations", "background", "trigger"})

    def __init__(self) -> None:
        self.imports = 0
        self.begun = asyncio.Event()
        self.error: Exception | None = None

    def operations(self) -> list[type]:
        self.imports += 1
        if self.error is not None:
            raise self.error
        return [Queues]

    def background(self) -> list[Callable[[Ports], Any]]:
        begun = self.begun

        class Housekeeping:
            def __init__(self, ports: Ports) -> None:
                assert not begun.is_set(), "it is begun twice"

            async def run(self) -> None:
                begun.set()

        return [Housekeeping]

    def trigger(self) -> type | None:
        return None


class World:
    def __init__(self) -> None:
        clock = FakeClock()
        self.store: Store = memory_store(clock)
        self.report = io.StringIO()
        log = Log("info", self.report)
        self.tasks = Tasks(log)
        self.ports = Ports(
            records=self.store.records,
            queues=self.store.queues,
            blobs=self.store.blobs,
            journals=self.store.journals,
            seal=Seal(secrets.token_bytes(32)),
            clock=clock,
            tasks=self.tasks,
            log=log,
            trust=Trust(dev=False),
            aws=NOBODY,
            invoker=NOBODY,
            catalogue=NOBODY,
        )
        self.sqs = Sqs()
        self.neighbourhood = Neighbourhood(self.ports, [cast(Neighbour, self.sqs)])


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.tasks.close()


async def test_a_neighbour_is_loaded_once_however_many_call_it_at_first(world: World) -> None:
    (api,) = world.neighbourhood.apis()
    assert world.sqs.imports == 0
    await asyncio.gather(*(api.ready() for _ in range(5)))
    assert world.sqs.imports == 1
    assert list(api.methods) == ["ListQueues"]
    await asyncio.wait_for(world.sqs.begun.wait(), 30)


async def test_a_neighbour_that_left_nothing_is_not_loaded_at_the_start(world: World) -> None:
    await world.store.records.write(Put("sqsx/other", b"", expect=ABSENT))
    await world.neighbourhood.resume()
    await asyncio.sleep(0)
    assert world.sqs.imports == 0


@pytest.mark.parametrize("kind", ["record", "message"])
async def test_a_neighbour_that_left_something_goes_on_with_it_from_the_start(world: World, kind: str) -> None:
    if kind == "record":
        await world.store.records.write(Put("sqs/000000000000/us-east-1/q", b"", expect=ABSENT))
    else:
        await world.store.queues.put("sqs/000000000000/us-east-1/q", b"")
    await world.neighbourhood.resume()
    await asyncio.wait_for(world.sqs.begun.wait(), 30)
    (api,) = world.neighbourhood.apis()
    await api.ready()
    assert world.sqs.imports == 1


async def test_a_neighbour_that_cannot_be_loaded_says_why_each_time_and_is_tried_again(world: World) -> None:
    (api,) = world.neighbourhood.apis()
    world.sqs.error = ImportError("no module named that")
    for _ in range(2):
        with pytest.raises(ImportError, match="no module named that"):
            await api.ready()
    assert "load sqs" in world.report.getvalue()
    world.sqs.error = None
    await api.ready()
    assert list(api.methods) == ["ListQueues"]


async def test_a_caller_who_leaves_does_not_take_the_load_along(world: World) -> None:
    (api,) = world.neighbourhood.apis()
    first = asyncio.ensure_future(api.ready())
    await asyncio.sleep(0)
    first.cancel()
    await api.ready()
    assert world.sqs.imports == 1


@pytest.mark.parametrize("neighbour", [pytest.param(each, id=each.name) for each in found()])
async def test_every_neighbour_that_is_there_fits_its_model(world: World, neighbour: Neighbour) -> None:
    # What a server refuses at the first call must be found here.
    neighbourhood = Neighbourhood(world.ports, [neighbour])
    for api in neighbourhood.apis():
        await api.ready()
        assert api.methods
    for kind in neighbourhood.triggers:
        assert neighbourhood.triggers[kind] is not None
