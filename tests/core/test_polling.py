"""How many batches of a source may be under way at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.core.backoff import backoff_s
from lambent.core.polling import Crew, Growth


@pytest.mark.parametrize(
    ("settings", "growth"),
    [
        ({}, Growth(5, 1250, 300)),
        ({"ScalingConfig": {}}, Growth(5, 1250, 300)),
        ({"ScalingConfig": {"MaximumConcurrency": 2}}, Growth(2, 2, 300)),
        ({"ScalingConfig": {"MaximumConcurrency": 1000}}, Growth(5, 1000, 300)),
        ({"ProvisionedPollerConfig": {"MinimumPollers": 3, "MaximumPollers": 4}}, Growth(30, 40, 1000)),
        ({"ProvisionedPollerConfig": {"MaximumPollers": 2}}, Growth(20, 20, 1000)),
    ],
)
def test_the_settings_say_how_many(settings: dict[str, Any], growth: Growth) -> None:
    assert Growth.of(settings) == growth


def test_it_grows_by_three_hundred_a_minute_while_all_are_busy() -> None:
    crew = Crew(Growth())
    working, now = 0, 1000.0
    while now < 1060.0:
        while crew.has_room(working, now):
            working += 1
        now += 0.2
    assert working == pytest.approx(305, abs=2)


def test_it_does_not_grow_while_the_function_takes_no_more_and_falls_back_as_batches_end() -> None:
    crew = Crew(Growth(2, 100, 300))
    assert not crew.has_room(2, 0.0)
    assert crew.has_room(2, 10.0)
    assert not crew.has_room(30, 60.0, refused=True)
    assert not crew.has_room(10, 120.0, refused=True)
    assert not crew.has_room(10, 120.0)
    assert not crew.has_room(2, 130.0, refused=True)
    assert crew.has_room(1, 130.0, refused=True)


def test_time_in_which_there_was_room_does_not_make_it_grow() -> None:
    crew = Crew(Growth())
    assert not crew.has_room(5, 0.0)
    assert crew.has_room(4, 1.0)
    assert not crew.has_room(5, 60.0)


def test_it_stops_at_the_most_and_falls_back_when_there_is_nothing_to_do() -> None:
    crew = Crew(Growth(2, 4, 300))
    assert not crew.has_room(2, 0.0)
    assert crew.has_room(3, 60.0)
    assert not crew.has_room(4, 120.0)
    crew.rested(3)
    assert not crew.has_room(3, 120.0)
    crew.rested(0)
    assert crew.has_room(1, 120.0)
    assert not crew.has_room(2, 120.0)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.floats(0, 100), st.booleans())), st.integers(1, 20), st.integers(0, 30)
)
def test_there_is_always_room_for_the_start_and_never_for_more_than_the_most(
    steps: list[tuple[int, float, bool]], start: int, more: int
) -> None:
    crew, now = Crew(Growth(start, start + more)), 0.0
    for working, elapsed, rests in steps:
        now += elapsed
        room = crew.has_room(working, now)
        assert room or working >= start
        assert not room or working < start + more
        if rests:
            crew.rested(working)


def test_waits_double_up_to_a_bound() -> None:
    waits = [backoff_s(failures, first_s=1.0, most_s=30.0) for failures in range(1, 8)]
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    assert backoff_s(10**6, first_s=1.0, most_s=30.0) == 30
