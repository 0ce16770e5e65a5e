"""One poller for every mapping that is enabled, as the records say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from lambent.delivery import supervisor
from lambent.delivery.mapping import KIND, Source
from lambent.delivery.supervisor import Supervisor
from lambent.delivery.trigger import Received, SourceGone
from lambent.invoke.regional import Place, Regional
from lambent.invoke.settings import FunctionSettings
from lambent.kit.clock import SystemClock
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.store.base import RevisionMismatch, StoreUnavailable
from lambent.store.memory import MemoryRecords

PLACE = Place("000000000000", "us-east-1", "u")
GONE = "The queue is gone."


class Reader:
    """A poller that a test plays."""

    is_refused = False

    def __init__(self, source: Source) -> None:
        self.source = source
        self.stopped = False
        self.handled: list[str] = []
        self.batches: asyncio.Queue[str | Exception] = asyncio.Queue()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def receive(self) -> Received[str] | None:
        batch = await self.batches.get()
        if isinstance(batch, Exception):
            raise batch
        return Received(batch, is_full=False)

    async def handle(self, batch: str) -> None:
        await self.may_end.wait()
        self.handled.append(batch)

    def stop(self) -> None:
        self.stopped = True


class Trigger:
    """Makes them, and keeps them in their order."""

    def __init__(self) -> None:
        self.readers: list[Reader] = []

    async def check(self, source: Source, *, timeout_s: int) -> None: ...

    def poller(self, source: Source, settings: FunctionSettings) -> Reader:
        self.readers.append(Reader(source))
        return self.readers[-1]


class House:
    """A store with mappings, and who supervises them."""

    def __init__(self) -> None:
        self.log = Log("error")
        self.tasks = Tasks(self.log)
        self.trigger = Trigger()
        self.records = MemoryRecords()
        self.mappings = Regional(self.records, KIND)
        self.supervisor = self.another()

    def another(self) -> Supervisor:
        settings = FunctionSettings(self.records)
        return Supervisor(self.records, {"sqs": self.trigger}, settings, self.tasks, SystemClock(), self.log)

    @property
    def reader(self) -> Reader:
        return self.trigger.readers[-1]

    async def put(self, place: Place = PLACE, **members: Any) -> None:
        found = await self.mappings.get(*place)
        value = {
            "UUID": place.name,
            "EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:q",
            "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
            "BatchSize": 10,
            "Enabled": True,
            "State": "Creating",
            "StateTransitionReason": "USER_INITIATED",
            "Tags": {},
            "LastModified": 0.0,
            **(found[0] if found else {}),
            **members,
        }
        await self.mappings.replace(*place, value, found[1] if found else 0)

    async def state(self, place: Place = PLACE) -> tuple[str, str] | None:
        found = await self.mappings.get(*place)
        return None if found is None else (found[0]["State"], found[0]["StateTransitionReason"])


async def until(condition: Callable[[], Any]) -> None:
    """Let the others run until it is so."""
    async with asyncio.timeout(30):
        while not (await value if asyncio.iscoroutine(value := condition()) else value):  # noqa: ASYNC110  nothing says so
            await asyncio.sleep(0)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    yield made
    await made.supervisor.stop()
    await made.tasks.close()


async def becomes(house: House, state: str | None, reason: str = "USER_INITIATED", place: Place = PLACE) -> None:
    wanted = None if state is None else (state, reason)

    async def is_so() -> bool:
        return await house.state(place) == wanted

    await until(is_so)


async def test_a_new_mapping_is_polled_and_becomes_enabled(house: House) -> None:
    await house.supervisor.start()
    await house.put()
    await becomes(house, "Enabled")
    assert house.reader.source == Source(
        "u",
        "000000000000",
        "us-east-1",
        "arn:aws:sqs:us-east-1:000000000000:q",
        "arn:aws:lambda:us-east-1:000000000000:function:f",
        {"BatchSize": 10},
    )
    house.reader.batches.put_nowait("a")
    await until(lambda: house.reader.handled == ["a"])


@pytest.mark.parametrize("left_in", ["Creating", "Enabling", "Updating", "Enabled", None])
async def test_mappings_go_on_after_a_restart_whatever_state_they_were_left_in(house: House, left_in: str) -> None:
    elsewhere = Place("111111111111", "eu-west-1", "v")
    await house.put(State=left_in)
    await house.put(elsewhere, State=left_in)
    await house.put(Place("111111111111", "eu-west-1", "w"), State="Disabled", Enabled=False)
    await house.supervisor.start()
    await becomes(house, "Enabled")
    await becomes(house, "Enabled", place=elsewhere)
    await until(lambda: sorted(reader.source.uuid for reader in house.trigger.readers) == ["u", "v"])


async def test_disabling_stops_the_poller_and_enabling_starts_another(house: House) -> None:
    await house.supervisor.start()
    await house.put()
    await becomes(house, "Enabled")
    first = house.reader
    await house.put(Enabled=False, State="Disabling")
    await becomes(house, "Disabled")
    assert first.stopped
    await house.put(Enabled=True, State="Enabling")
    await becomes(house, "Enabled")
    assert house.reader is not first
    assert not house.reader.stopped


async def test_a_change_of_settings_is_followed_by_another_poller_and_a_tag_is_not(house: House) -> None:
    await house.supervisor.start()
    await house.put()
    await becomes(house, "Enabled")
    first = house.reader
    await house.put(Tags={"a": "b"}, LastModified=1.0, State="Updating")
    await becomes(house, "Enabled")
    assert house.reader is first
    await house.put(BatchSize=5, State="Updating")
    await becomes(house, "Enabled")
    assert first.stopped
    assert house.reader.source.settings == {"BatchSize": 5}


async def test_a_mapping_that_is_deleted_is_gone_when_nothing_polls_any_more(house: House) -> None:
    await house.supervisor.start()
    await house.put()
    await becomes(house, "Enabled")
    await house.put(Enabled=False, State="Deleting")
    await becomes(house, None)
    assert house.reader.stopped
    await house.put()
    await becomes(house, "Enabled")
    assert len(house.trigger.readers) == 2


async def test_a_deletion_that_was_cut_short_is_finished_after_a_restart(house: House) -> None:
    await house.put(Enabled=False, State="Deleting")
    await house.supervisor.start()
    await becomes(house, None)
    assert house.trigger.readers == []


async def test_what_runs_is_finished_after_the_mapping_is_gone(house: House) -> None:
    await house.supervisor.start()
    await house.put()
    await becomes(house, "Enabled")
    reader = house.reader
    reader.may_end.clear()
    reader.batches.put_nowait("a")
    await until(lambda: reader.batches.empty())
    await house.put(Enabled=False, State="Deleting")
    await becomes(house, None)
    reader.may_end.set()
    await house.supervisor.stop()
    assert reader.handled == ["a"]


async def test_a_source_that_is_gone_shows_in_the_state_until_it_is_there_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lambent.delivery.trigger.FIRST_WAIT_S", 0.0)
    await house.supervisor.start()
    await house.put()
    await becomes(house, "Enabled")
    reader = house.reader
    reader.batches.put_nowait(SourceGone(GONE))
    await becomes(house, "Disabled", GONE)
    reader.batches.put_nowait("a")
    await becomes(house, "Enabled")
    assert house.reader is reader
    assert reader.handled == ["a"]


async def test_a_poller_that_fails_is_run_again(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lambent.delivery.trigger.FIRST_WAIT_S", 0.0)
    await house.supervisor.start()
    await house.put()
    await becomes(house, "Enabled")
    house.reader.batches.put_nowait(ZeroDivisionError())
    house.reader.batches.put_nowait("a")
    await until(lambda: house.reader.handled == ["a"])


async def test_a_kind_that_nobody_polls_says_so(house: House) -> None:
    await house.supervisor.start()
    await house.put(EventSourceArn="arn:aws:mq:us-east-1:000000000000:q")
    await becomes(house, "Disabled", "Lambent polls no event source of this kind: mq.")


async def test_a_store_that_cannot_write_is_asked_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lambent.delivery.supervisor.STORE_WAIT_S", 0.0)
    faults: list[Exception] = [StoreUnavailable("full"), RevisionMismatch("k", 1, 2)]
    replace = Regional.replace

    async def fails_first(self: Any, *args: Any) -> None:
        if faults and args[3]["State"] == "Enabled":
            raise faults.pop(0)
        await replace(self, *args)

    monkeypatch.setattr(Regional, "replace", fails_first)
    await house.supervisor.start()
    await house.put()
    await becomes(house, "Enabled")
    assert faults == []


async def test_a_fault_of_ours_does_not_leave_a_mapping_to_itself(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    poller, faults = house.trigger.poller, [KeyError("wanted")]

    def fail_once(*args: Any) -> Reader:
        if faults:
            raise faults.pop()
        return poller(*args)

    monkeypatch.setattr(house.trigger, "poller", fail_once)
    monkeypatch.setattr(supervisor, "STORE_WAIT_S", 0.01)
    await house.put()
    await house.supervisor.start()
    await until(lambda: house.trigger.readers)
    house.reader.batches.put_nowait("a")
    await until(lambda: house.reader.handled == ["a"])
