"""When an event runs, runs again and is given up: AWS's rules as tables."""

from __future__ import annotations

import pytest

from lambent.core.retry import (
    Again,
    Condition,
    Policy,
    after_no_delivery,
    after_refusal,
    after_run,
    before_run,
)

AWS = Policy()
EXHAUSTED, TOO_OLD = Condition.RETRIES_EXHAUSTED, Condition.EVENT_AGE_EXCEEDED

# What, policy, age in seconds, runs that have ended, what follows.
FAILED_RUNS = [
    ("the first of three", AWS, 0.5, 1, Again(60)),
    ("the second of three", AWS, 61, 2, Again(120)),
    ("the third of three", AWS, 182, 3, EXHAUSTED),
    ("the only one", Policy(retries=0), 0.5, 1, EXHAUSTED),
    ("the first of two", Policy(retries=1), 0.5, 1, Again(60)),
    ("the second of two", Policy(retries=1), 61, 2, EXHAUSTED),
    ("age 60: its second try would come too late", Policy(max_age_s=60), 0.1, 1, TOO_OLD),
    ("age 90: a second try", Policy(max_age_s=90), 0.1, 1, Again(60)),
    ("age 90: no third try", Policy(max_age_s=90), 60.2, 2, TOO_OLD),
    ("no retries left goes before too old", Policy(retries=0, max_age_s=60), 900, 1, EXHAUSTED),
    ("shorter delays", Policy(delays_s=(1, 2)), 0.1, 1, Again(1)),
    ("shorter delays, the second", Policy(delays_s=(1, 2)), 1.2, 2, Again(2)),
    ("one delay for all", Policy(delays_s=(1,)), 1.2, 2, Again(1)),
]


@pytest.mark.parametrize(
    ("policy", "age_s", "runs", "verdict"), [c[1:] for c in FAILED_RUNS], ids=[c[0] for c in FAILED_RUNS]
)
def test_what_follows_a_run_that_failed(policy: Policy, age_s: float, runs: int, verdict: Condition | Again) -> None:
    assert after_run(policy, runs=runs, has_failed=True, age_s=age_s) == verdict


@pytest.mark.parametrize("runs", [1, 2, 3])
def test_a_run_that_succeeded_is_the_last_however_old_the_event_is(runs: int) -> None:
    assert after_run(AWS, runs=runs, has_failed=False, age_s=1e6) is Condition.SUCCESS


def test_refusals_back_off_from_a_second_to_five_minutes() -> None:
    tries = [after_refusal(AWS, refusals=n, age_s=0).delay_s for n in range(1, 12)]
    assert tries == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


@pytest.mark.parametrize(
    ("refusals", "age_s", "delay_s"),
    [(9, 21_500, 100), (9, 21_600, 0), (9, 30_000, 0), (1, 21_599.5, 0.5), (100_000, 0, 300)],
)
def test_an_event_is_not_kept_waiting_beyond_its_age(refusals: int, age_s: float, delay_s: float) -> None:
    assert after_refusal(AWS, refusals=refusals, age_s=age_s) == Again(pytest.approx(delay_s))


BEFORE = [
    ("young", 0, None, False, None),
    ("nearly too old", 21_599, None, False, None),
    ("too old", 21_600, None, False, TOO_OLD),
    ("some are reserved", 0, 1, False, None),
    ("none are reserved", 0, 0, False, Condition.ZERO_RESERVED_CONCURRENCY),
    ("none are reserved, and too old", 30_000, 0, False, Condition.ZERO_RESERVED_CONCURRENCY),
    ("a loop", 0, None, True, Condition.RECURSIVE_LOOP),
    ("younger than when the clock was set back", -5, None, False, None),
]


@pytest.mark.parametrize(
    ("age_s", "reserved", "is_loop", "verdict"), [c[1:] for c in BEFORE], ids=[c[0] for c in BEFORE]
)
def test_what_an_event_is_not_run_for(
    age_s: float, reserved: int | None, is_loop: bool, verdict: Condition | None
) -> None:
    assert before_run(AWS, age_s=age_s, reserved=reserved, is_loop=is_loop) is verdict


def test_a_target_that_cannot_be_reached_is_tried_a_bounded_number_of_times() -> None:
    pauses = [after_no_delivery(attempt) for attempt in range(1, 8)]
    assert pauses == [Again(1), Again(2), Again(4), Again(8), Again(16), None, None]
