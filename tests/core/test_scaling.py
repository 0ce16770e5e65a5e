"""Who may run, how fast a function may grow, and what may be allotted: the worked numbers, and what always holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.core.scaling import (
    Allotments,
    Provisioned,
    Reason,
    least_unreserved,
    no_place,
    provision_refusal,
    refilled,
    request_rate,
    reservation_refusal,
    too_fast,
)

BELOW_100 = "decreases account's UnreservedConcurrentExecution below its minimum value of [100]."
NOBODY = Allotments()


def provisioned(**numbers: int) -> dict[str, Provisioned]:
    return {qualifier: Provisioned(number, "then") for qualifier, number in numbers.items()}


@pytest.mark.parametrize(
    ("reserved", "busy", "account_busy", "unreserved", "reason"),
    [
        (None, 0, 0, 1000, None),
        (None, 0, 999, 1000, None),
        (None, 0, 1000, 1000, Reason.ACCOUNT),
        (None, 0, 0, 0, Reason.ACCOUNT),
        (0, 0, 0, 1000, Reason.RESERVED),
        (2, 1, 0, 1000, None),
        (2, 2, 0, 1000, Reason.RESERVED),
        (2, 5, 0, 1000, Reason.RESERVED),  # it was lowered while they ran
        (2, 1, 1000, 100, None),  # what is reserved is there, however busy the others are
    ],
)
def test_a_place_is_the_functions_own_or_one_of_those_that_are_shared(
    reserved: int | None, busy: int, account_busy: int, unreserved: int, reason: Reason | None
) -> None:
    assert no_place(reserved, busy, account_busy, unreserved) is reason


def test_the_reason_says_whose_rate_it_was() -> None:
    assert too_fast(None) == "FunctionInvocationRateLimitExceeded"
    assert too_fast(5) == "ReservedFunctionInvocationRateLimitExceeded"


def test_requests_are_ten_a_second_for_each_execution() -> None:
    assert request_rate(None, 1000) == 10_000
    assert request_rate(3, 1000) == 30


@pytest.mark.parametrize(
    ("left", "elapsed_s", "now"), [(0.0, 0.5, 50.0), (1000.0, 60.0, 1000.0), (950.0, 1.0, 1000.0), (3.0, 0.0, 3.0)]
)
def test_a_bucket_is_filled_continuously_up_to_its_size(left: float, elapsed_s: float, now: float) -> None:
    assert refilled(left, 100.0, 1000.0, elapsed_s) == now


@given(st.lists(st.floats(0.0, 3.0), max_size=60), st.integers(1, 50))
def test_never_more_is_taken_than_the_size_and_what_has_flowed_in(pauses: list[float], size: int) -> None:
    left, taken, elapsed = float(size), 0, 0.0
    for pause in pauses:
        elapsed += pause
        left = refilled(left, 5.0, float(size), pause)
        if left >= 1.0:
            left -= 1.0
            taken += 1
    assert taken <= size + 5.0 * elapsed + 1e-6
    assert 0.0 <= left <= size


@pytest.mark.parametrize(
    ("before", "wanted", "refusal"),
    [
        (NOBODY, 900, None),
        (NOBODY, 901, f"Specified ReservedConcurrentExecutions for function {BELOW_100}"),
        (NOBODY, 0, None),
        (Allotments({"other": 400}), 500, None),
        (Allotments({"other": 400}), 501, f"Specified ReservedConcurrentExecutions for function {BELOW_100}"),
        (Allotments({"f": 900}), 900, None),
        (Allotments({"f": 950}), 920, None),  # less than before, though the limit was lowered meanwhile
        (
            Allotments({}, {"f": provisioned(live=2)}),
            1,
            " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2].",
        ),
        (Allotments({}, {"f": provisioned(live=2)}), 2, None),
        (Allotments({}, {"other": provisioned(live=800)}), 100, None),
        (
            Allotments({}, {"other": provisioned(live=800)}),
            101,
            f"Specified ReservedConcurrentExecutions for function {BELOW_100}",
        ),
    ],
)
def test_a_reservation_leaves_a_hundred_to_the_others(before: Allotments, wanted: int, refusal: str | None) -> None:
    assert reservation_refusal(before, "f", wanted, 1000) == refusal


@pytest.mark.parametrize(
    ("before", "wanted", "refusal"),
    [
        (NOBODY, 900, None),
        (NOBODY, 901, f"Specified ConcurrentExecutions for function {BELOW_100}"),
        (
            NOBODY,
            1001,
            "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [1000].",
        ),
        (Allotments({}, {"f": provisioned(live=900)}), 900, None),
        (Allotments({}, {"f": provisioned(live=900, old=1)}), 899, None),
        (Allotments({"f": 10}), 10, None),
        (
            Allotments({"f": 10}),
            11,
            "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function",
        ),
        (
            Allotments({"f": 10}, {"f": provisioned(old=5)}),
            6,
            "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function",
        ),
        (Allotments({"other": 900}, {}), 0, None),
    ],
)
def test_provisioned_environments_come_from_the_functions_own_or_from_the_shared_ones(
    before: Allotments, wanted: int, refusal: str | None
) -> None:
    assert provision_refusal(before, "f", "live", wanted, 1000) == refusal


def test_a_small_account_has_nothing_to_reserve() -> None:
    assert least_unreserved(50) == 50
    assert reservation_refusal(NOBODY, "f", 0, 50) is None
    assert reservation_refusal(NOBODY, "f", 1, 50) == (
        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
        "below its minimum value of [50]."
    )


def test_what_is_provisioned_within_a_reservation_is_not_taken_twice() -> None:
    both = Allotments({"f": 100}, {"f": provisioned(live=40), "g": provisioned(live=5, old=2)})
    assert both.unreserved(1000) == 893
    assert both.without("f").unreserved(1000) == 993
    assert both.without("f").without("g") == NOBODY
    assert both.with_reserved("f", None).unreserved(1000) == 953


def test_a_function_whose_last_number_is_taken_away_has_none() -> None:
    one = NOBODY.with_provisioned("f", "live", Provisioned(3, "now"))
    assert one.total_provisioned("f") == 3
    assert one.with_provisioned("f", "live", None) == NOBODY


NAMES = st.sampled_from("abcd")


@given(st.lists(st.tuples(NAMES, st.sampled_from(["reserve", "live", "old"]), st.integers(0, 400)), max_size=30))
def test_whatever_is_asked_for_a_hundred_stay_unreserved(requests: list[tuple[str, str, int]]) -> None:
    now = NOBODY
    for name, kind, number in requests:
        if kind == "reserve":
            if reservation_refusal(now, name, number, 1000) is None:
                now = now.with_reserved(name, number)
        elif provision_refusal(now, name, kind, number, 1000) is None:
            now = now.with_provisioned(name, kind, Provisioned(number, "now"))
    assert now.unreserved(1000) >= 100
    assert all(now.total_provisioned(name) <= most for name, most in now.reserved.items())
