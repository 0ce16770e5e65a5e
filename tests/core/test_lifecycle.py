"""The life of an execution environment: every pair of state and event, the refused ones too."""

from __future__ import annotations

import itertools

import pytest

from lambent.core.lifecycle import NEXT, Event, State, step

PAIRS = list(itertools.product(State, Event))


@pytest.mark.parametrize(("state", "event"), PAIRS, ids=lambda x: x.value)
def test_a_step_is_in_the_table_or_is_refused(state: State, event: Event) -> None:
    if (state, event) in NEXT:
        assert step(state, event) is NEXT[state, event]
    else:
        with pytest.raises(AssertionError, match=event.value):
            step(state, event)


def test_the_dead_stay_dead() -> None:
    assert not [event for state, event in NEXT if state is State.DEAD]


def test_every_living_state_can_die() -> None:
    assert {state for state, event in NEXT if event is Event.DIED} == set(State) - {State.DEAD}
