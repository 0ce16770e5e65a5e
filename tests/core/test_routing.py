"""Which version a qualifier leads to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.core.function import Alias
from lambent.core.routing import circle, is_version, main_version, pointing_to, version_of


def alias(name: str, target: str, **weights: float) -> Alias:
    """Weights by `v<number>`."""
    shares = {version[1:]: share for version, share in weights.items()}
    return Alias("000000000000", "us-east-1", "thumbs", name, target, "r1", weights=shares)


def named(*aliases: Alias) -> dict[str, Alias]:
    return {each.name: each for each in aliases}


STAGES = named(
    alias("Dev", "$LATEST"),
    alias("Stage", "2"),
    alias("Prod", "1", v2=0.25),
    alias("Live", "Prod"),
    alias("Public", "Live"),
    alias("Lost", "nowhere"),
)


@pytest.mark.parametrize(
    ("qualifier", "roll", "version"),
    [
        ("$LATEST", 0.0, "$LATEST"),
        ("7", 0.0, "7"),
        ("Dev", 0.9, "$LATEST"),
        ("Stage", 0.0, "2"),
        ("Prod", 0.0, "2"),
        ("Prod", 0.2499, "2"),
        ("Prod", 0.25, "1"),
        ("Prod", 0.999, "1"),
        ("Public", 0.1, "2"),
        ("Public", 0.5, "1"),
        ("Lost", 0.0, None),
        ("prod", 0.0, None),
    ],
)
def test_aliases_are_followed_to_a_version(qualifier: str, roll: float, version: str | None) -> None:
    assert version_of(STAGES, qualifier, roll) == version


@pytest.mark.parametrize(("qualifier", "version"), [("Prod", "1"), ("Public", "1"), ("Dev", "$LATEST"), ("3", "3")])
def test_where_one_version_can_be_shown_it_is_the_main_one(qualifier: str, version: str) -> None:
    assert main_version(STAGES, qualifier) == version


@pytest.mark.parametrize(
    ("weights", "roll", "version"),
    [
        ({"v2": 0.0}, 0.0, "1"),
        ({"v2": 1.0}, 0.999999, "2"),
        ({"v2": 0.5, "v3": 0.25}, 0.6, "3"),
        ({"v2": 0.5, "v3": 0.25}, 0.8, "1"),
    ],
)
def test_a_share_may_be_nothing_or_everything(weights: Mapping[str, float], roll: float, version: str) -> None:
    assert alias("Prod", "1", **weights).pick(roll) == version


@given(st.floats(0, 1), st.integers(100, 400))
def test_of_evenly_spread_rolls_the_additional_version_gets_its_share(share: float, many: int) -> None:
    split = alias("Prod", "1", v2=share)
    got = sum(split.pick(n / many) == "2" for n in range(many))
    assert abs(got - share * many) <= 1


@pytest.mark.parametrize(
    ("name", "target", "way"),
    [
        ("Prod", "Prod", ["Prod", "Prod"]),
        ("Prod", "Live", ["Prod", "Live", "Prod"]),
        ("Prod", "Public", ["Prod", "Public", "Live", "Prod"]),
        ("Public", "Prod", []),
        ("New", "Public", []),
        ("New", "nowhere", []),
        ("New", "1", []),
    ],
)
def test_a_circle_is_seen_before_it_is_made(name: str, target: str, way: Sequence[str]) -> None:
    assert list(circle(STAGES, name, target)) == way


NAMES = st.sampled_from("ABCDE")


@given(st.lists(st.tuples(NAMES, st.one_of(NAMES, st.sampled_from(["1", "2", "$LATEST"]))), max_size=30))
def test_where_circles_are_refused_every_alias_leads_to_a_version(changes: list[tuple[str, str]]) -> None:
    aliases: dict[str, Alias] = {}
    for name, target in changes:
        if (is_version(target) or target in aliases) and not circle(aliases, name, target):
            aliases[name] = alias(name, target)
    assert all(version_of(aliases, name, 0.5) in ("1", "2", "$LATEST") for name in aliases)


@given(st.dictionaries(NAMES, NAMES))
def test_even_a_circle_that_nobody_could_make_ends(targets: dict[str, str]) -> None:
    aliases = named(*(alias(name, target) for name, target in targets.items()))
    assert all(version_of(aliases, name, 0.5) is None for name in aliases)
    assert all(circle(aliases, name, target) == () for name, target in [("F", "A"), ("G", "G2")])


def test_who_points_to_a_version_or_an_alias_is_known() -> None:
    assert pointing_to(STAGES, "1") == ["Prod"]
    assert pointing_to(STAGES, "2") == ["Stage", "Prod"]
    assert pointing_to(STAGES, "Live") == ["Public"]
    assert pointing_to(STAGES, "Public") == []


@pytest.mark.parametrize(
    ("qualifier", "is_one"), [("$LATEST", True), ("1", True), ("12", True), ("v1", False), ("1a", False), ("٣", False)]
)
def test_only_latest_and_numbers_are_versions(qualifier: str, is_one: bool) -> None:
    assert is_version(qualifier) is is_one
