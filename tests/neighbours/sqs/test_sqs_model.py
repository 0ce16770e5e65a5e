"""Whatever is asked of queues in whatever order: groups keep their order, counts are right, dead letters arrive."""

from __future__ import annotations

import asyncio
import io
import itertools
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambent.kit.clock import FakeClock
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.store.memory import memory_store
from lambent.wire.errors import ApiError

BOUNDED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
VISIBILITY_S = 30
GROUPS = st.sampled_from(["x", "y", "z"])
NTH = st.integers(0, 5)
FIFO_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), GROUPS),
        st.tuples(st.just("receive"), st.integers(1, 4)),
        st.tuples(st.just("delete"), NTH),
        st.tuples(st.just("show"), NTH),
        st.tuples(st.just("wait"), st.sampled_from([1, VISIBILITY_S])),
    ),
    max_size=40,
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.just("")),
        st.tuples(st.just("receive"), st.integers(1, 4)),
        st.tuples(st.just("delete"), NTH),
        st.tuples(st.just("show"), NTH),
        st.tuples(st.just("wait"), st.sampled_from([1, VISIBILITY_S])),
    ),
    max_size=40,
)


@dataclass
class Held:
    """A message in a receiver's hands, hidden until a time."""

    body: str
    handle: str
    until: float


@dataclass
class Fifo:
    """A FIFO queue by the letter: what is there of each group, in order, and what is hidden until when."""

    groups: dict[str, list[str]] = field(default_factory=dict)
    hidden: dict[str, float] = field(default_factory=dict)

    def given(self, now: float) -> list[str]:
        """All that may be received: of each group what comes before its first hidden message, oldest group first."""
        free = [
            list(itertools.takewhile(lambda body: self.hidden.get(body, 0.0) <= now, bodies))
            for bodies in self.groups.values()
        ]
        return list(itertools.chain.from_iterable(sorted(filter(None, free), key=lambda bodies: int(bodies[0][1:]))))


def run(work: Callable[[Any, FakeClock], Coroutine[Any, Any, None]], make: Callable[..., Any]) -> None:
    """On a service of its own."""

    async def whole() -> None:
        clock = FakeClock()
        tasks = Tasks(Log(stream=io.StringIO()))
        await work(make(memory_store(clock), clock, tasks), clock)
        await tasks.close()

    asyncio.run(whole())


@BOUNDED
@given(steps=FIFO_STEPS)
def test_of_every_group_the_messages_come_in_order(sqs_class: Any, steps: list[Any]) -> None:
    async def work(sqs: Any, clock: FakeClock) -> None:
        url = await sqs.queue("q.fifo", ContentBasedDeduplication="true", VisibilityTimeout=str(VISIBILITY_S))
        model = Fifo()
        held: dict[str, Held] = {}
        for number, (step, argument) in enumerate(steps):
            now = clock.now()
            if step == "send":
                body = f"{argument}{number}"
                await sqs.send(url, body, MessageGroupId=argument)
                model.groups.setdefault(argument, []).append(body)
            elif step == "receive":
                free = model.given(now)
                taken = await sqs.receive(url, argument)
                assert [message["Body"] for message in taken] == free[:argument]
                for message in taken:
                    held[message["Body"]] = Held(message["Body"], message["ReceiptHandle"], now + VISIBILITY_S)
                    model.hidden[message["Body"]] = now + VISIBILITY_S
            elif step == "wait":
                clock.advance(argument)
            elif held:
                one = [*held.values()][argument % len(held)]
                if one.until <= now:
                    assert "has expired" in await sqs.refusal("DeleteMessage", QueueUrl=url, ReceiptHandle=one.handle)
                elif step == "delete":
                    await sqs("DeleteMessage", QueueUrl=url, ReceiptHandle=one.handle)
                    model.groups[one.body[0]].remove(one.body)
                    model.hidden.pop(one.body)
                else:
                    change = {"ReceiptHandle": one.handle, "VisibilityTimeout": 0}
                    await sqs("ChangeMessageVisibility", QueueUrl=url, **change)
                    model.hidden[one.body] = now
                del held[one.body]

    run(work, sqs_class)


@BOUNDED
@given(steps=STEPS, most=st.integers(1, 3))
def test_a_message_is_received_so_often_and_then_a_dead_letter(sqs_class: Any, steps: list[Any], most: int) -> None:
    async def work(sqs: Any, clock: FakeClock) -> None:
        url, dead = await sqs.with_dead_letters(most, VisibilityTimeout=str(VISIBILITY_S))
        counts: dict[str, int] = {}
        refusals: list[str] = []
        held: dict[str, Held] = {}
        for number, (step, argument) in enumerate(steps):
            now = clock.now()
            if step == "send":
                await sqs.send(url, str(number))
                counts[str(number)] = 0
            elif step == "receive":
                for message in await sqs.receive(url, argument):
                    body = message["Body"]
                    counts[body] += 1
                    assert message["Attributes"]["ApproximateReceiveCount"] == str(counts[body])
                    assert counts[body] <= most
                    held[body] = Held(body, message["ReceiptHandle"], now + VISIBILITY_S)
            elif step == "wait":
                clock.advance(argument)
            elif held:
                one = [*held.values()][argument % len(held)]
                request = {"QueueUrl": url, "ReceiptHandle": one.handle}
                if step == "show":
                    try:
                        await sqs("ChangeMessageVisibility", **request, VisibilityTimeout=0)
                    except ApiError as error:
                        refusals.append(str(error))
                        del held[one.body]
                        assert counts[one.body] == most  # It is a dead letter by now.
                    continue
                await sqs("DeleteMessage", **request)
                # It was deleted unless it had become a dead letter before.
                if await sqs.store.queues.depth(f"sqs/{'0' * 12}/us-east-1/q") + await buried(sqs) < len(counts):
                    del counts[one.body]
                del held[one.body]
        clock.advance(VISIBILITY_S)
        while left := await sqs.receive(url):
            for message in left:
                counts[message["Body"]] += 1
            clock.advance(VISIBILITY_S)
        assert all("Message does not exist" in refusal for refusal in refusals)
        letters = await everything(sqs, dead)
        assert letters == {body: str(most + 1) for body in counts}

    run(work, sqs_class)


async def buried(sqs: Any) -> int:
    depth: int = await sqs.store.queues.depth(f"sqs/{'0' * 12}/us-east-1/dead")
    return depth


async def everything(sqs: Any, url: str) -> dict[str, str]:
    """Receive counts of all messages of a queue, which are received once more for that."""
    found = {}
    while messages := await sqs.receive(url):
        found.update({m["Body"]: m["Attributes"]["ApproximateReceiveCount"] for m in messages})
    return found
