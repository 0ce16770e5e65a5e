"""How many events of a function run at once."""

from __future__ import annotations

import pytest

from lambent.core.pace import LEAST, MOST_AHEAD, PERIOD_S, Pace, Pacer, are_pressed, next_pace, slower, spare


@pytest.mark.parametrize(
    ("what", "cap", "finished", "elapsed_s", "following"),
    [
        ("nothing has ended yet", 8, 0, 0.25, 16),
        ("runs of a second", 512, 128, 0.25, 1024),
        ("runs of a millisecond", 8, 2000, 0.25, LEAST),
        ("runs of a millisecond, after slower ones", 512, 128_000, 0.25, LEAST),
        ("runs of 20 ms come to what the aim takes", 32, 400, 0.25, 40),
        ("what was quick before is slow now", 40, 0, 0.25, 80),
    ],
)
def test_slow_runs_get_more_and_quick_ones_stay_few(
    what: str, cap: int, finished: int, elapsed_s: float, following: int
) -> None:
    pace = next_pace(Pace(cap), finished=finished, elapsed_s=elapsed_s, is_crowded=False)
    assert pace == Pace(following), what


@pytest.mark.parametrize(("cap", "finished", "following"), [(4, 0, 5), (16, 1, 17), (16, 8000, LEAST), (16, 500, 16)])
def test_on_a_crowded_machine_there_is_one_more_at_most(cap: int, finished: int, following: int) -> None:
    pace = next_pace(Pace(cap), finished=finished, elapsed_s=0.25, is_crowded=True)
    assert pace == Pace(following)


def test_runs_that_press_on_their_timeout_become_fewer_and_then_grow_by_one_at_a_time() -> None:
    assert slower(Pace(64)) == Pace(48, 48)
    assert next_pace(Pace(48, 48), finished=0, elapsed_s=0.25, is_crowded=False) == Pace(49, 48)
    assert next_pace(Pace(12, 48), finished=0, elapsed_s=0.25, is_crowded=False) == Pace(24, 48)
    assert slower(Pace(2)) == slower(Pace(1)) == Pace(1, 1)
    assert next_pace(Pace(1, 1), finished=0, elapsed_s=0.25, is_crowded=True) == Pace(2, 1)


@pytest.mark.parametrize(
    ("recent", "pressed"),
    [
        ([], False),
        ([False] * 20, False),
        ([True], True),
        ([True] * 4 + [False] * 16, False),
        ([True] * 5 + [False] * 15, True),
    ],
)
def test_a_few_runs_that_hang_press_nobody(recent: list[bool], pressed: bool) -> None:
    assert are_pressed(recent) is pressed


@pytest.mark.parametrize(("limit", "left"), [(1, 0), (9, 0), (10, 1), (1000, 100), (3000, 100)])
def test_a_tenth_of_an_account_is_left_to_others(limit: int, left: int) -> None:
    assert spare(limit) == left


def pressed(pacer: Pacer, runs: int = 8) -> None:
    for _ in range(runs):
        pacer.took(0.8, timeout_s=1.0)
        pacer.ended()


def test_a_pacer_lets_more_run_only_while_more_would() -> None:
    pacer = Pacer(0.0)
    assert not pacer.is_due(PERIOD_S / 2)
    assert pacer.is_due(PERIOD_S)
    pacer.look(PERIOD_S, is_crowded=False, is_full=False)
    assert pacer.cap == LEAST
    pacer.look(2 * PERIOD_S, is_crowded=False, is_full=True)
    assert pacer.cap == 2 * LEAST


def test_a_pacer_slows_down_once_for_runs_that_began_together() -> None:
    pacer = Pacer(0.0)
    pressed(pacer)
    pacer.look(1.0, is_crowded=True, is_full=True)
    assert pacer.cap == LEAST * 3 // 4
    pressed(pacer)
    pacer.look(1.25, is_crowded=True, is_full=True)  # these began before it had slowed down
    assert pacer.cap == LEAST * 3 // 4
    pressed(pacer)
    pacer.look(2.0, is_crowded=True, is_full=True)
    assert pacer.cap == (LEAST * 3 // 4) * 3 // 4
    pacer.look(2.25, is_crowded=True, is_full=True)  # too early to try one more
    assert pacer.cap == (LEAST * 3 // 4) * 3 // 4
    pacer.look(3.0, is_crowded=True, is_full=True)
    assert pacer.cap == (LEAST * 3 // 4) * 3 // 4 + 1


def test_runs_that_take_long_by_themselves_slow_nobody_down() -> None:
    pacer = Pacer(0.0)
    pressed(pacer)
    pacer.look(1.0, is_crowded=False, is_full=False)
    assert pacer.cap == LEAST


def test_events_are_held_ahead_of_quick_functions_alone() -> None:
    pacer = Pacer(0.0)
    for _ in range(1000):
        pacer.ended()
    pacer.look(PERIOD_S, is_crowded=False, is_full=False)
    assert pacer.ahead == MOST_AHEAD
    pacer.look(2 * PERIOD_S, is_crowded=False, is_full=False)
    assert pacer.ahead == 0
