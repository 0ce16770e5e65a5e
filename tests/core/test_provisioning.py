"""Which versions provisioned environments are of, and who may have some."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.core.function import Alias
from lambent.core.provisioning import (
    ALIAS_OF_PROVISIONED,
    VERSION_OF_PROVISIONED,
    clash,
    divided,
    is_unpublished,
)
from lambent.core.routing import shares


def alias(name: str, target: str, **weights: float) -> Alias:
    parts = {number.removeprefix("v"): part for number, part in weights.items()}
    return Alias("000000000000", "us-east-1", "f", name, target, "r", weights=parts)


ALIASES = {
    each.name: each
    for each in (
        alias("live", "2"),
        alias("blue", "2"),
        alias("canary", "2", v3=0.25),
        alias("next", "4"),
        alias("outer", "canary"),
        alias("draft", "$LATEST"),
        alias("lost", "nowhere"),
    )
}


@pytest.mark.parametrize(
    ("qualifier", "parts"),
    [
        ("7", {"7": 1.0}),
        ("live", {"2": 1.0}),
        ("canary", {"2": 0.75, "3": 0.25}),
        ("outer", {"2": 0.75, "3": 0.25}),
        ("lost", {}),
        ("nobody", {}),
    ],
)
def test_a_qualifier_s_invocations_are_shared_by_versions(qualifier: str, parts: Mapping[str, float]) -> None:
    assert shares(ALIASES, qualifier) == parts


@pytest.mark.parametrize(
    ("requested", "parts", "numbers"),
    [
        (3, {"2": 1.0}, {"2": 3}),
        (8, {"2": 0.75, "3": 0.25}, {"2": 6, "3": 2}),
        (10, {"2": 0.75, "3": 0.25}, {"2": 8, "3": 2}),
        (1, {"2": 0.75, "3": 0.25}, {"2": 1}),
        (5, {}, {}),
    ],
)
def test_environments_are_divided_as_the_traffic_is(
    requested: int, parts: Mapping[str, float], numbers: Mapping[str, int]
) -> None:
    assert divided(requested, parts) == numbers


@given(st.integers(1, 5000), st.floats(0.0, 1.0))
def test_none_is_lost_or_added_by_dividing(requested: int, weight: float) -> None:
    numbers = divided(requested, {"1": 1.0 - weight, "2": weight})
    assert sum(numbers.values()) == requested
    assert abs(numbers.get("2", 0) - requested * weight) <= 1


@pytest.mark.parametrize(
    ("provisioned", "qualifier", "reason"),
    [
        ([], "live", None),
        (["live"], "live", None),
        (["2"], "live", ALIAS_OF_PROVISIONED),
        (["live"], "2", VERSION_OF_PROVISIONED),
        (["blue"], "live", ALIAS_OF_PROVISIONED),
        (["3"], "canary", ALIAS_OF_PROVISIONED),
        (["canary"], "3", VERSION_OF_PROVISIONED),
        (["2", "3"], "4", None),
        (["4"], "live", None),
    ],
)
def test_a_version_has_provisioned_environments_only_once(
    provisioned: list[str], qualifier: str, reason: str | None
) -> None:
    assert clash(ALIASES, provisioned, qualifier) == reason


def test_only_what_is_published_can_have_them() -> None:
    assert is_unpublished(ALIASES, "draft")
    assert is_unpublished(ALIASES, "$LATEST")
    assert not is_unpublished(ALIASES, "canary")
