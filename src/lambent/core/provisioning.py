"""Provisioned concurrency: which versions an alias's environments are of, who may have some, and how far they are.
Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from enum import StrEnum

from lambent.core.arn import LATEST
from lambent.core.function import Alias
from lambent.core.routing import is_version, shares
from lambent.values import frozen

INIT_FAILURE = "FUNCTION_ERROR_INIT_FAILURE"

UNPUBLISHED = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
ALIAS_OF_PROVISIONED = "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
VERSION_OF_PROVISIONED = "Version is pointed by a Provisioned Concurrency alias"


class Status(StrEnum):
    """As the API shows it."""

    IN_PROGRESS = "IN_PROGRESS"
    READY = "READY"
    FAILED = "FAILED"


@frozen
class Standing:
    """How far the environments for one alias or version are."""

    allocated: int = 0
    """Those that exist, the ones that still initialise included."""
    available: int = 0
    """Those that have initialised, whether they run something now or not."""
    status: Status = Status.IN_PROGRESS
    reason: str | None = None


def divided(requested: int, parts: Mapping[str, float]) -> Mapping[str, int]:
    """`requested` environments divided among versions by their share of the traffic; versions that get none are left
    out. Largest remainders first, so that all are given away."""
    exact = {version: requested * part for version, part in parts.items()}
    numbers = {version: math.floor(number) for version, number in exact.items()}
    left = requested - sum(numbers.values())
    for version in sorted(exact, key=lambda each: numbers[each] - exact[each])[:left]:
        numbers[version] += 1
    return {version: number for version, number in numbers.items() if number}


def is_unpublished(aliases: Mapping[str, Alias], qualifier: str) -> bool:
    """Whether `qualifier` stands for `$LATEST`, of which no environments can be provisioned."""
    return LATEST in shares(aliases, qualifier)


def clash(aliases: Mapping[str, Alias], provisioned: Iterable[str], qualifier: str) -> str | None:
    """AWS's reason why `qualifier` cannot have provisioned environments beside those that `provisioned` have: a version
    has them for itself or for one alias. None when it can."""
    wanted = shares(aliases, qualifier)
    for other in provisioned:
        if other != qualifier and not wanted.keys().isdisjoint(shares(aliases, other)):
            return VERSION_OF_PROVISIONED if is_version(qualifier) else ALIAS_OF_PROVISIONED
    return None
