"""How many sandboxes wait: as many as a burst took, for a while."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lambent.invoke.demand import HALF_LIFE_S, Demand


def after(*takes: float) -> Demand:
    demand = Demand()
    for at in takes:
        demand.note(at)
    return demand


def test_without_any_demand_the_least_waits() -> None:
    assert Demand().wanted(1e6, least=10, most=64) == 10


def test_a_burst_is_prepared_for_and_then_forgotten() -> None:
    demand = after(*[5.0] * 40)
    assert demand.wanted(5.5, least=10, most=64) == 40
    assert demand.wanted(5.0 + HALF_LIFE_S, least=10, most=64) == 20
    assert demand.wanted(5.0 + 10 * HALF_LIFE_S, least=10, most=64) == 10


def test_one_after_the_other_is_no_burst() -> None:
    assert after(*range(1000)).wanted(1000, least=4, most=64) == 4


def test_a_larger_burst_counts_at_once_and_a_smaller_one_when_the_old_one_has_faded() -> None:
    demand = after(*[1.0] * 20, *[2.0] * 30)
    assert demand.wanted(2.0, least=1, most=64) == 30
    demand = after(*[1.0] * 40, *[1.0 + 3 * HALF_LIFE_S] * 10)
    assert demand.wanted(1.0 + 3 * HALF_LIFE_S, least=1, most=64) == 10


@given(st.lists(st.floats(0, 1000), max_size=60).map(sorted), st.integers(0, 10), st.integers(10, 64))
def test_it_stays_within_its_bounds(takes: list[float], least: int, most: int) -> None:
    assert least <= after(*takes).wanted(1000, least=least, most=most) <= most
