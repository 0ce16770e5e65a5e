"""Whatever goes wrong, and whenever: every event that was accepted comes to an end that somebody is told of.

Random histories: a store that fails, stalls, or answers late; runs that fail, break, take long; targets that are away;
clocks that are set; faults of ours; kills and stops. Then all is well again, and the books must add up.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.store.base import StoreUnavailable

QUEUES = "arn:aws:sqs:us-east-1:000000000000:"
NAMES = ("wide", "narrow", "closed", "plain")
LONG_S = 30_000.0
"""More than any event's greatest age."""
LOOK_S = 100.0


@dataclass
class History:
    """What happened to one world."""

    world: Any
    chance: random.Random
    trouble: float
    """How likely it is that a call goes wrong."""
    accepted: dict[str, str] = field(default_factory=dict)
    """Functions by event."""
    crashes: int = 0
    running: set[tuple[str, int]] = field(default_factory=set)
    doubled: list[str] = field(default_factory=list)
    """Events that ran while they ran."""
    is_over: bool = False

    # -- what goes wrong

    def happens(self, often: float = 1.0) -> bool:
        return not self.is_over and self.chance.random() < self.trouble * often

    async def before(self) -> None:
        if self.happens():
            await asyncio.sleep(self.chance.choice((0.0, 0.01, 1.0, 30.0)))
        if self.happens():
            raise StoreUnavailable("disk full")

    async def after(self) -> None:
        if self.happens():
            await asyncio.sleep(self.chance.choice((0.0, 0.01, 1.0, 30.0, 90.0)))

    def run(self, run: Any) -> None:
        """One run of a function."""
        end = self.chance.choice((run.succeeds, run.succeeds, run.fails, run.breaks))
        takes_s = self.chance.choice((0.0, 0.0, 0.0, 0.1, 5.0, 200.0))
        if not takes_s:
            end()
            return
        id, life = run.invocation.id, self.crashes
        if (id, life) in self.running:
            self.doubled.append(id)
        self.running.add((id, life))

        def ends() -> None:
            self.running.discard((id, life))
            end()

        asyncio.get_running_loop().call_later(takes_s, ends)

    async def step(self) -> None:
        """Something happens."""
        world, chance = self.world, self.chance
        match chance.randrange(14):
            case 0:
                await self.crash()
            case 1:
                await world.worker.stop()
                await self.crash()
            case 2:
                world.clock.ahead_s += chance.choice((-7200.0, -30.0, 1.0, 30.0, 7200.0))
            case 3:
                world.post.fails(chance.randrange(1, 8), may_pass=chance.random() < 0.7)
            case 4:
                world.invoker.rate_is_exceeded = not world.invoker.rate_is_exceeded
            case 5:
                world.invoker.inactive ^= {chance.choice(NAMES)}
            case 6:
                world.invoker.others = chance.choice((0, 0, world.invoker.limit))
            case 7:
                self.fail_once(chance.choice(("room", "reserved", "resolve")))
            case 8:
                await asyncio.sleep(chance.choice((0.1, 3.0, 61.0, 400.0)))
            case _:
                for _ in range(chance.randrange(1, 30)):
                    await self.send()

    async def send(self) -> None:
        id, name = f"id-{len(self.accepted)}", self.chance.choices(NAMES, (8, 2, 1, 2))[0]
        await self.world.send(name, json.dumps(id).encode(), id=id)
        self.accepted[id] = name

    async def crash(self) -> None:
        self.crashes += 1
        await self.world.crash()

    def fail_once(self, name: str) -> None:
        """A fault of ours, the next time that the invoker is asked."""
        invoker = self.world.invoker

        def fails(*args: Any) -> Any:
            vars(invoker).pop(name, None)
            raise KeyError("wanted")

        setattr(invoker, name, fails)

    def heal(self) -> None:
        world = self.world
        self.is_over = True
        world.post.failures.clear()
        world.invoker.rate_is_exceeded = False
        world.invoker.inactive.clear()
        world.invoker.others = 0

    # -- what has become of all

    def books(self) -> dict[str, Counter[str]]:
        """Ids of events by how they ended."""
        found = {name: Counter[str]() for name in ("succeeded", "failed", "dead")}
        for errand in self.world.post.sent:
            queue = errand.members["QueueUrl"].rpartition("/")[2]
            body = json.loads(errand.members["MessageBody"])
            found[queue][body if queue == "dead" else body["requestPayload"]] += 1
        said = self.world.report.getvalue()
        lost = {"undeliverable": "destination_undeliverable", "lost letter": "dead_letter_undeliverable"}
        for name, event in lost.items():
            lines = [line for line in said.splitlines() if event in line]
            found[name] = Counter(re.findall(r"id-\d+", " ".join(lines)))
        return found


async def lived(world: Any, seed: int) -> History:
    chance = random.Random(seed)
    history = History(world, chance, trouble=chance.choice((0.0, 0.05, 0.3)))
    for name in NAMES:
        world.function(name, history.run, dead_letter_target=None if name == "plain" else QUEUES + "dead")
        ends = {"OnSuccess": "succeeded", "OnFailure": "failed"}
        destinations = {kind: {"Destination": QUEUES + queue} for kind, queue in ends.items()}
        await world.configure(name, MaximumRetryAttempts=chance.randrange(3), DestinationConfig=destinations)
    world.invoker.reservations.update(narrow=1, closed=0)
    world.store.queues.before, world.store.queues.after = history.before, history.after
    await world.start()
    for _ in range(chance.randrange(5, 25)):
        await history.step()
    history.heal()
    for _ in range(int(LONG_S / LOOK_S)):
        await asyncio.sleep(LOOK_S)
        if not world.worker._lanes:
            break
    return history


def check(history: History) -> None:
    books = history.books()
    for id, name in history.accepted.items():
        failed = id in books["failed"] or id in books["undeliverable"]
        dead = name == "plain" or id in books["dead"] or id in books["lost letter"]
        assert id in books["succeeded"] or id in books["undeliverable"] or (failed and dead), id
    assert set().union(*books.values()) <= history.accepted.keys()


@pytest.mark.timeout(600)
@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_every_accepted_event_comes_to_an_end_that_is_told_whatever_goes_wrong(
    worlds: Callable[[], Any], seed: int
) -> None:
    async def scenario() -> None:
        world = worlds()
        try:
            history = await lived(world, seed)
            for name in NAMES:
                assert await world.left(name) == 0, name
            assert world.worker._lanes == {}
            check(history)
            assert history.doubled == []
        finally:
            world.settings.close()
            await world.tasks.close()
        assert "task_failed" not in world.report.getvalue()

    asyncio.run(scenario())
