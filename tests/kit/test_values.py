"""`@frozen` makes what the standard frozen dataclass does."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field, fields, replace
from typing import Any

import pytest

from lambent.values import frozen


@frozen
class Ours:
    name: str
    size: int = 3
    secret: str = field(default="s", repr=False)
    note: list[int] = field(default_factory=list, compare=False)


@dataclass(frozen=True, slots=True)
class Standard:
    name: str
    size: int = 3
    secret: str = field(default="s", repr=False)
    note: list[int] = field(default_factory=list, compare=False)


@pytest.mark.parametrize(
    "others",
    [{}, {"name": "b"}, {"size": 4}, {"secret": "t"}, {"note": [1]}, {"name": "b", "note": [1]}],
)
def test_values_are_equal_and_hashed_as_the_standard_ones_are(others: dict[str, Any]) -> None:
    pairs = [(kind("a"), kind(**{"name": "a", **others})) for kind in (Ours, Standard)]
    (ours, standard) = [(one == other, hash(one) == hash(other)) for one, other in pairs]
    assert ours == standard


def test_values_read_as_the_standard_ones_do() -> None:
    assert repr(Ours("a", note=[1])) == repr(Standard("a", note=[1])).replace("Standard", "Ours")


def test_what_works_with_dataclasses_works_with_values() -> None:
    assert replace(Ours("a"), size=4) == Ours("a", 4)
    assert astuple(Ours("a")) == ("a", 3, "s", [])
    assert [each.name for each in fields(Ours)] == ["name", "size", "secret", "note"]
    match Ours("a", 5):
        case Ours("a", size):
            assert size == 5


def test_a_value_is_no_equal_of_another_kind_with_the_same_members() -> None:
    @frozen
    class Other:
        name: str
        size: int = 3
        secret: str = "s"

    assert Ours("a") != Other("a")
    assert Ours("a") != ("a", 3, "s")


@frozen
class One:
    x: int


@frozen
class Nothing:
    pass


@frozen(kw_only=True)
class Named:
    x: int
    y: int = 0

    def __repr__(self) -> str:
        return "its own"


def test_values_of_one_member_and_of_none() -> None:
    assert (One(1) == One(1), One(1) == One(2), hash(One(1)) == hash(One(1))) == (True, False, True)
    assert (Nothing() == Nothing(), hash(Nothing()) == hash(Nothing()), repr(Nothing())) == (True, True, "Nothing()")


def test_members_that_are_only_named_and_a_method_of_the_class_itself() -> None:
    assert repr(Named(x=1)) == "its own"
    with pytest.raises(TypeError):
        Named(1)  # type: ignore[misc]


def test_a_value_has_no_other_members() -> None:
    with pytest.raises(AttributeError):
        Ours("a").other = 1  # type: ignore[attr-defined]
