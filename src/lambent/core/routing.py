"""Qualifier → version: `$LATEST`, numbers, and aliases with weights that may point to one another. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lambent.core.arn import LATEST
from lambent.core.function import Alias


def is_version(qualifier: str) -> bool:
    """Whether it names a version itself; everything else is an alias's name."""
    return qualifier == LATEST or (qualifier.isascii() and qualifier.isdigit())


def version_of(aliases: Mapping[str, Alias], qualifier: str, roll: float) -> str | None:
    """The version (`$LATEST` or a number) that an invocation of `qualifier` runs, for a `roll` in [0, 1).

    None when an alias on the way is missing. One roll is enough: only the last alias of a way has weights.
    """
    for _ in range(len(aliases) + 1):
        if is_version(qualifier):
            return qualifier
        alias = aliases.get(qualifier)
        if alias is None:
            return None
        qualifier = alias.pick(roll)
    return None  # a circle, which nobody could have made


def shares(aliases: Mapping[str, Alias], qualifier: str) -> Mapping[str, float]:
    """The versions that invocations of `qualifier` run, each with its share of them; empty when an alias is missing."""
    for _ in range(len(aliases) + 1):
        if is_version(qualifier):
            return {qualifier: 1.0}
        alias = aliases.get(qualifier)
        if alias is None:
            return {}
        if alias.weights:
            return {alias.target: 1.0 - sum(alias.weights.values()), **alias.weights}
        qualifier = alias.target
    return {}  # a circle, which nobody could have made


def main_version(aliases: Mapping[str, Alias], qualifier: str) -> str | None:
    """The version that `qualifier` stands for where only one can be shown: weights are left aside."""
    return version_of(aliases, qualifier, 1.0)


def circle(aliases: Mapping[str, Alias], name: str, target: str) -> Sequence[str]:
    """The way round, from `name` to `name`, if alias `name` pointed to `target`; empty when there would be none."""
    way = [name, target]
    while way[-1] != name:
        alias = aliases.get(way[-1])
        if alias is None or len(way) > len(aliases) + 2:
            return ()
        way.append(alias.target)
    return way


def pointing_to(aliases: Mapping[str, Alias], qualifier: str) -> Sequence[str]:
    """The names of the aliases that point to `qualifier` themselves, with all or a part of their traffic."""
    return [alias.name for alias in aliases.values() if qualifier == alias.target or qualifier in alias.weights]
