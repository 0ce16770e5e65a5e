"""The counts behind admission, and what changes of the allotments do to invocations that run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.core.invocation import Throttled
from lambent.core.scaling import Allotments, Provisioned
from lambent.invoke.allotments import AllotmentRecords, decode, encode
from lambent.invoke.gate import Gate, Share
from lambent.kit.clock import FakeClock
from lambent.store.memory import MemoryRecords

HERE = ("000000000000", "us-east-1")
ACTS = ("run", "run", "end", "hold", "release", "reserve", "free")


def nobody(account: str, region: str, allotments: Allotments) -> None:
    """Who does not care what is allotted."""


@dataclass
class Place:
    """A gate, and the store that it watches."""

    gate: Gate
    records: AllotmentRecords
    clock: FakeClock

    async def allot(self, **reserved: int) -> None:
        _, revision = await self.records.get(*HERE)
        await self.records.replace(*HERE, Allotments(reserved), revision)

    def share(self, name: str = "f") -> Share:
        return self.gate.share(*HERE, name)

    def enters(self, share: Share, *, new: bool = False) -> str | None:
        """The reason for which it was refused."""
        try:
            self.gate.enter(share, new=new)
        except Throttled as throttled:
            return str(throttled.reason)
        return None


@pytest.fixture
async def place() -> AsyncIterator[Callable[..., Any]]:
    made: list[Gate] = []

    async def make(limit: int = 1000, allotments: Allotments | None = None) -> Place:
        clock = FakeClock()
        records = AllotmentRecords(MemoryRecords())
        if allotments is not None:
            await records.replace(*HERE, allotments, 0)
        gate = Gate(limit, records, clock)
        made.append(gate)
        await gate.start(nobody)
        return Place(gate, records, clock)

    yield make
    for gate in made:
        gate.close()


async def test_functions_without_a_reservation_share_what_the_others_leave(place: Any) -> None:
    here = await place(limit=300, allotments=Allotments({"vip": 298}))
    one, two, vip = here.share("one"), here.share("two"), here.share("vip")
    assert [here.enters(share) for share in (one, two, one)] == [None, None, "ConcurrentInvocationLimitExceeded"]
    assert here.enters(vip) is None
    here.gate.leave(one)
    assert here.enters(two) is None
    assert here.gate.running == 3


async def test_a_reservation_takes_effect_for_what_comes_next_and_counts_what_runs(place: Any) -> None:
    here = await place()
    share, other = here.share(), here.share("other")
    for _ in range(3):
        assert here.enters(share) is None
    await here.allot(f=2)
    assert here.enters(share) == "ReservedFunctionConcurrentInvocationLimitExceeded"
    here.gate.leave(share)
    here.gate.leave(share)
    assert here.enters(share) is None
    assert other.account.busy == 0
    await here.allot()
    assert other.account.busy == 2
    for _ in range(2):
        here.gate.leave(share)
    assert (other.account.busy, here.gate.running) == (0, 0)


async def test_zero_stops_a_function_and_taking_it_back_starts_it_at_once(place: Any) -> None:
    here = await place(allotments=Allotments({"f": 0}))
    share = here.share()
    assert here.enters(share) == "ReservedFunctionConcurrentInvocationLimitExceeded"
    await here.allot()
    assert here.enters(share) is None


async def test_what_was_allotted_while_it_was_read_is_not_overwritten(place: Any) -> None:
    here = await place(allotments=Allotments({"f": 0}))
    gate = Gate(1000, here.records, here.clock)
    starting = asyncio.ensure_future(gate.start(nobody))
    await here.allot(f=5)
    await starting
    assert gate.share(*HERE, "f").reserved == 5
    gate.close()


async def test_an_account_and_a_region_have_their_own(place: Any) -> None:
    here = await place(limit=1, allotments=Allotments({"f": 0}))
    elsewhere = here.gate.share("000000000000", "eu-west-1", "f")
    assert here.enters(elsewhere) is None
    assert here.enters(here.share("g")) is None


async def test_a_thousand_environments_begin_at_once_and_a_hundred_more_each_second(place: Any) -> None:
    here = await place(limit=3000)
    share = here.share()
    burst = [here.enters(share, new=True) for _ in range(1001)]
    assert burst == [None] * 1000 + ["FunctionInvocationRateLimitExceeded"]
    assert here.enters(share) is None  # an idle environment is no new one
    assert here.enters(here.share("other"), new=True) is None
    here.clock.advance(0.5)
    assert [here.enters(share, new=True) for _ in range(51)][-2:] == [None, "FunctionInvocationRateLimitExceeded"]
    share.not_made()
    assert here.enters(share, new=True) is None


async def test_requests_of_a_second_are_ten_times_the_concurrency(place: Any) -> None:
    here = await place(allotments=Allotments({"f": 2}))
    share = here.share()

    def at_once(number: int) -> list[str | None]:
        reasons = []
        for _ in range(number):
            reasons.append(here.enters(share))
            if reasons[-1] is None:
                here.gate.leave(share)
        return reasons

    assert at_once(21) == [None] * 20 + ["ReservedFunctionInvocationRateLimitExceeded"]
    here.clock.advance(0.125)
    assert at_once(3) == [None, None, "ReservedFunctionInvocationRateLimitExceeded"]
    assert share.busy == 0


async def test_events_are_bounded_by_places_and_not_by_requests_per_second(place: Any) -> None:
    here = await place()
    await here.allot(f=1)
    share = here.share()
    for _ in range(50):
        here.gate.enter(share, new=False, is_event=True)
        here.gate.leave(share)
        here.gate.enter_provisioned(share, is_event=True)
        here.gate.leave_provisioned()
    assert here.enters(share) is None
    with pytest.raises(Throttled):
        here.gate.enter(share, new=False, is_event=True)


async def test_the_room_that_there_is(place: Any) -> None:
    here = await place(limit=10)
    await here.allot(f=3, z=0)
    f, g, z = here.share("f"), here.share("g"), here.share("z")
    assert [here.gate.room(share) for share in (f, g, z)] == [3, 7, 0]
    here.gate.enter(f, new=False)
    here.gate.enter(g, new=False)
    assert [here.gate.room(share) for share in (f, g, z)] == [2, 6, 0]
    await here.allot(f=10)
    assert [here.gate.room(share) for share in (f, g)] == [9, 0]


async def test_a_refused_invocation_uses_nothing_up(place: Any) -> None:
    here = await place(limit=1)
    share = here.share()
    assert here.enters(share, new=True) is None
    before = share.requests, share.environments
    assert here.enters(share, new=True) == "ConcurrentInvocationLimitExceeded"
    assert (share.requests, share.environments) == before
    assert (here.gate.running, share.busy) == (1, 1)


async def test_provisioned_environments_hold_places_whether_they_run_something_or_not(place: Any) -> None:
    here = await place(limit=102, allotments=Allotments({"f": 2}))
    share, other = here.share(), here.share("other")
    share.hold()
    share.hold()
    assert here.enters(share) == "ReservedFunctionConcurrentInvocationLimitExceeded"
    here.gate.enter_provisioned(share)
    assert (here.gate.running, share.busy) == (1, 2)
    await here.allot()
    assert other.account.busy == 2
    share.release()
    assert other.account.busy == 1
    here.gate.leave_provisioned()
    assert (here.gate.running, share.busy) == (0, 1)


async def test_who_asks_is_told_what_is_allotted_and_of_every_change(place: Any) -> None:
    here = await place(allotments=Allotments({"f": 1}))
    told: list[Allotments] = []
    gate = Gate(1000, here.records, here.clock)
    await gate.start(lambda account, region, allotments: told.append(allotments))
    await here.allot(f=5)
    gate.close()
    await here.allot(f=6)
    assert told == [Allotments({"f": 1}), Allotments({"f": 5})]


def test_what_is_allotted_is_read_as_it_was_written() -> None:
    allotments = Allotments({"f": 3}, {"f": {"live": Provisioned(2, "2026-01-01T00:00:00.000+0000")}})
    assert decode(encode(allotments)) == allotments


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(ACTS), st.integers(0, 4)), max_size=60))
def test_every_place_is_counted_once_whatever_is_allotted_meanwhile(acts: list[tuple[str, str, int]]) -> None:
    """Against a count of one's own: who runs, what is held, and for whom something is reserved."""
    clock = FakeClock()
    gate = Gate(5, AllotmentRecords(MemoryRecords()), clock)
    shares = {name: gate.share(*HERE, name) for name in "abc"}
    runs, held, reserved = dict.fromkeys("abc", 0), dict.fromkeys("abc", 0), dict[str, int]()
    for name, act, number in acts:
        clock.advance(10)  # rates are not the matter here
        share = shares[name]
        free = [other for other in "abc" if other not in reserved]
        used = sum(runs[other] + held[other] for other in free)
        if act == "run":
            own = runs[name] + held[name]
            fits = own < reserved[name] if name in reserved else used < max(0, 5 - sum(reserved.values()))
            if fits:
                gate.enter(share, new=False)
                runs[name] += 1
            else:
                with pytest.raises(Throttled, match="^Reserved" if name in reserved else "^Concurrent"):
                    gate.enter(share, new=False)
        elif act == "end" and runs[name]:
            gate.leave(share)
            runs[name] -= 1
        elif act == "hold":
            share.hold()
            held[name] += 1
        elif act == "release" and held[name]:
            share.release()
            held[name] -= 1
        elif act in ("reserve", "free"):
            reserved.pop(name, None)
            if act == "reserve":
                reserved[name] = number
            gate.allotted(*HERE, Allotments(dict(reserved)))
    assert gate.running == sum(runs.values())
    free = [other for other in "abc" if other not in reserved]
    assert shares["a"].account.busy == sum(runs[other] + held[other] for other in free)
