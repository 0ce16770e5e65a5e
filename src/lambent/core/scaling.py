"""Concurrency: who may run now, how quickly a function may grow, and how an account's executions are shared out.

Pure: callers bring the counts and the time that has passed. Numbers are concurrent executions unless a name says
otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from enum import StrEnum

from lambent.core import limits
from lambent.values import frozen


class Reason(StrEnum):
    """Why an invocation is throttled, in AWS's words."""

    ACCOUNT = "ConcurrentInvocationLimitExceeded"
    """What the account has left for functions without a reservation is in use."""
    RESERVED = "ReservedFunctionConcurrentInvocationLimitExceeded"
    """What is reserved for the function is in use."""
    RATE = "FunctionInvocationRateLimitExceeded"
    """Too many requests per second, or new environments, for a function without a reservation."""
    RESERVED_RATE = "ReservedFunctionInvocationRateLimitExceeded"
    """The same for a function with one."""


def no_place(reserved: int | None, busy: int, account_busy: int, unreserved: int) -> Reason | None:
    """Why one more invocation finds no place, or None when it has one.

    `busy`: places that the function holds; `account_busy`: those that all functions without a reservation hold, of
    `unreserved` that there are for them. A reservation is floor and ceiling: who has one asks nobody else.
    """
    if reserved is not None:
        return Reason.RESERVED if busy >= reserved else None
    return Reason.ACCOUNT if account_busy >= unreserved else None


def too_fast(reserved: int | None) -> Reason:
    """The reason for a function whose requests or environments come too quickly."""
    return Reason.RATE if reserved is None else Reason.RESERVED_RATE


def refilled(left: float, per_s: float, size: float, elapsed_s: float) -> float:
    """What is in a bucket of `size` now that had `left` in it `elapsed_s` ago. It is filled continuously."""
    now = left + per_s * elapsed_s
    return size if now > size else now


def request_rate(reserved: int | None, limit: int) -> float:
    """Requests per second, and at once, that a function may be sent: ten times what it may run concurrently."""
    return float(limits.REQUESTS_PER_EXECUTION * (limit if reserved is None else reserved))


@frozen
class Provisioned:
    """Environments that are kept initialised for an alias or a version."""

    requested: int
    last_modified: str


@frozen
class Allotments:
    """How one account's executions in one region are shared out."""

    reserved: Mapping[str, int] = field(default_factory=dict)
    """By function name."""
    provisioned: Mapping[str, Mapping[str, Provisioned]] = field(default_factory=dict)
    """By function name and qualifier (alias or version number); no function without one."""

    def total_provisioned(self, name: str) -> int:
        """Requested for all aliases and versions of a function."""
        return sum(each.requested for each in self.provisioned.get(name, {}).values())

    def unreserved(self, limit: int) -> int:
        """What is left for functions to which nothing is allotted. Not lowered by use."""
        shared = sum(self.total_provisioned(name) for name in self.provisioned if name not in self.reserved)
        return max(0, limit - sum(self.reserved.values()) - shared)

    def with_reserved(self, name: str, wanted: int | None) -> Allotments:
        """With another reservation for `name`, or none."""
        rest = {other: number for other, number in self.reserved.items() if other != name}
        return replace(self, reserved=rest if wanted is None else rest | {name: wanted})

    def with_provisioned(self, name: str, qualifier: str, wanted: Provisioned | None) -> Allotments:
        """With another number for one alias or version, or none."""
        own = {other: each for other, each in self.provisioned.get(name, {}).items() if other != qualifier}
        if wanted is not None:
            own[qualifier] = wanted
        rest = {other: each for other, each in self.provisioned.items() if other != name}
        return replace(self, provisioned=rest | {name: own} if own else rest)

    def without(self, name: str) -> Allotments:
        """With nothing for `name`: it has been deleted."""
        rest = {other: each for other, each in self.provisioned.items() if other != name}
        return replace(self.with_reserved(name, None), provisioned=rest)


def least_unreserved(limit: int) -> int:
    """What must stay unreserved: 100, or everything in an account that has less."""
    return min(limits.UNRESERVED_EXECUTIONS, limit)


def reservation_refusal(before: Allotments, name: str, wanted: int, limit: int) -> str | None:
    """AWS's reason to refuse `wanted` as the reservation of `name`, or None."""
    if wanted < (provisioned := before.total_provisioned(name)):
        return (
            f" ReservedConcurrentExecutions  {wanted} should not be lower than function's total provisioned "
            f"concurrency [{provisioned}]."
        )
    if _takes_too_much(before, before.with_reserved(name, wanted), limit):
        return (
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{least_unreserved(limit)}]."
        )
    return None


def provision_refusal(before: Allotments, name: str, qualifier: str, wanted: int, limit: int) -> str | None:
    """AWS's reason to refuse `wanted` provisioned environments for `qualifier` of `name`, or None."""
    after = before.with_provisioned(name, qualifier, Provisioned(wanted, ""))
    if (reserved := before.reserved.get(name)) is not None:
        if after.total_provisioned(name) > reserved:
            return (
                "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution "
                "for function"
            )
        return None
    spare = before.with_provisioned(name, qualifier, None).unreserved(limit)
    if wanted > spare:
        return (
            f"Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [{spare}]."
        )
    if _takes_too_much(before, after, limit):
        return (
            "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its "
            f"minimum value of [{least_unreserved(limit)}]."
        )
    return None


def _takes_too_much(before: Allotments, after: Allotments, limit: int) -> bool:
    """Who gives something back is not refused, however little is left: the limit may have been lowered."""
    left = after.unreserved(limit)
    return left < least_unreserved(limit) and left < before.unreserved(limit)
