"""What happens to an asynchronous event: when it runs, when it runs again, and when it is given up. Pure: the caller
brings the counts and the times. All times are seconds."""

from __future__ import annotations

from enum import StrEnum

from lambent.core import limits
from lambent.core.backoff import backoff_s
from lambent.values import frozen

DELAYS_S = (60.0, 120.0)
"""AWS's: before the second run, and before the third."""
_BACK_OFF_S = (1.0, 300.0)
_REACH_S = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Between the attempts to reach a target; after the last of them it is given up."""


class Condition(StrEnum):
    """How an event ended, as its invocation record says it."""

    SUCCESS = "Success"
    RETRIES_EXHAUSTED = "RetriesExhausted"
    EVENT_AGE_EXCEEDED = "EventAgeExceeded"
    ZERO_RESERVED_CONCURRENCY = "ZeroReservedConcurrency"
    RECURSIVE_LOOP = "RecursiveLoopDetected"
    """AWS does not document what it says here."""


@frozen
class Policy:
    """How persistent the server is with the events of one function, version or alias."""

    retries: int = limits.ASYNC_RETRIES
    """After the first run: MaximumRetryAttempts."""
    max_age_s: float = limits.ASYNC_AGE_S[1]
    """MaximumEventAgeInSeconds."""
    delays_s: tuple[float, ...] = DELAYS_S
    """Before each retry; the last one before all that follow."""


@frozen
class Again:
    """The event goes back to its queue for so long."""

    delay_s: float


def before_run(policy: Policy, *, age_s: float, reserved: int | None, is_loop: bool) -> Condition | None:
    """Why an event is not run any more, or None: it may run. `reserved`: the function's reserved concurrency."""
    if reserved == 0:
        return Condition.ZERO_RESERVED_CONCURRENCY
    if is_loop:
        return Condition.RECURSIVE_LOOP
    return Condition.EVENT_AGE_EXCEEDED if age_s >= policy.max_age_s else None


def after_run(policy: Policy, *, runs: int, has_failed: bool, age_s: float) -> Condition | Again:
    """What follows the run number `runs`. One that could only run again when it is too old is given up at once."""
    if not has_failed:
        return Condition.SUCCESS
    if runs > policy.retries:
        return Condition.RETRIES_EXHAUSTED
    delay_s = policy.delays_s[min(runs, len(policy.delays_s)) - 1]
    return Condition.EVENT_AGE_EXCEEDED if age_s + delay_s >= policy.max_age_s else Again(delay_s)


def after_refusal(policy: Policy, *, refusals: int, age_s: float) -> Again:
    """What follows when the function was throttled, or could not be run through no fault of its own, for the
    `refusals`th time in a row. No retry is used up. No event waits beyond its greatest age: then it is given up."""
    first_s, most_s = _BACK_OFF_S
    delay_s = backoff_s(refusals, first_s=first_s, most_s=most_s)
    return Again(max(0.0, min(delay_s, policy.max_age_s - age_s)))


def after_no_delivery(attempts: int) -> Again | None:
    """What follows when the target of a record or a dead letter could not be reached in so many attempts; None: no
    more."""
    return Again(_REACH_S[attempts - 1]) if attempts <= len(_REACH_S) else None
