"""Event patterns: which events an event source mapping, a rule or a subscription is for. Parsed once, then matched
often. Pure.

A pattern follows the event's own nesting; its leaves are arrays of what a value may be. A list in the event stands for
each of its elements, so one that matches is enough, and members that are asked for together must be of one element.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeGuard

import orjson

from lambent.values import frozen

DEEPEST = 32
"""Levels of objects in one another: a bound of ours, far above real patterns."""
WIDER = frozenset({"cidr", "wildcard"})
"""What rules and subscriptions may ask for beyond what event source mappings offer."""

Test = Callable[[object], bool]
"""Whether one value, that is neither an object nor a list, is what a leaf asks for."""

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda value, bound: value == bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
}


class NotAPattern(ValueError):
    """It cannot be matched with; the text says which part is wrong."""


@frozen
class Pattern:
    """A pattern that events are matched with."""

    _root: _Members

    def matches(self, event: object) -> bool:
        """Whether `event`, as JSON is read into Python, is one of those that the pattern is for."""
        return self._root.matches(event, event)


def parse(text: str | bytes, *, also: Collection[str] = ()) -> Pattern:
    """The pattern that a JSON text is; `also` names operators of WIDER that it may use. Raises NotAPattern."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise NotAPattern(f"not JSON: {error}") from None
    return Pattern(_Reader(frozenset(also)).members(value, ()))


def is_pattern(text: str) -> bool:
    """Whether `text` is a pattern of an event source mapping."""
    try:
        parse(text)
    except NotAPattern:
        return False
    return True


# -- matching ---------------------------------------------------------------------------------------------------------


@frozen
class _Leaf:
    """What one value may be."""

    path: tuple[str, ...]
    strings_and_numbers: frozenset[object]
    """Taken as they are; None is among them. True and False are not: in Python they equal 1 and 0."""
    booleans: frozenset[bool]
    tests: tuple[Test, ...]
    may_be_absent: bool

    def matches(self, value: object, event: object) -> bool:
        """`value` is what the event has at this place, or _ABSENT."""
        if any(self._takes(each) for each in _scalars(value)):
            return True
        # Absent is what no part of the event has: an element of a list that lacks it does not make it so.
        return self.may_be_absent and not _is_present(event, self.path)

    def _takes(self, value: object) -> bool:
        exact = self.booleans if isinstance(value, bool) else self.strings_and_numbers
        return value in exact or any(test(value) for test in self.tests)


@frozen
class _Members:
    """What the members of one object must be, and lists of patterns of which one must match each."""

    children: tuple[tuple[str, _Leaf | _Members], ...]
    choices: tuple[tuple[_Members, ...], ...]

    def matches(self, value: object, event: object) -> bool:
        """`value` is what the event has at this place."""
        if isinstance(value, list) and value:
            return any(self._matches_one(each, event) for each in _elements(value))
        return self._matches_one(value, event)

    def _matches_one(self, value: object, event: object) -> bool:
        members = value if isinstance(value, dict) else {}
        return all(child.matches(members.get(key, _ABSENT), event) for key, child in self.children) and all(
            any(choice.matches(value, event) for choice in choices) for choices in self.choices
        )


_ABSENT: Mapping[str, object] = {}
"""Stands for what is not there: leaves see no value in an object, and an empty one has no members."""


def _elements(values: Sequence[object]) -> Iterator[object]:
    """What lists in lists hold, without recursion: an event may be nested deeper than Python goes."""
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        else:
            yield value


def _scalars(value: object) -> Iterator[object]:
    if isinstance(value, list):
        yield from (each for each in _elements(value) if not isinstance(each, dict))
    elif not isinstance(value, dict):
        yield value


def _is_present(event: object, path: tuple[str, ...]) -> bool:
    """Whether any part of `event` has a value, that is no object, at `path`."""
    values = [event]
    for key in path:
        values = [each[key] for each in _elements(values) if isinstance(each, dict) and key in each]
    return any(True for _ in _scalars(values))


# -- reading ----------------------------------------------------------------------------------------------------------


class _Reader:
    """Makes tests of a pattern's JSON. Every method raises NotAPattern."""

    def __init__(self, also: frozenset[str]) -> None:
        self._also = also

    def members(self, pattern: object, path: tuple[str, ...], depth: int = 0) -> _Members:
        if not isinstance(pattern, dict) or not pattern:
            raise NotAPattern(f"{_place(path)} must be an object that is not empty")
        if depth == DEEPEST:
            raise NotAPattern(f"objects are nested more than {DEEPEST} levels deep")
        children: list[tuple[str, _Leaf | _Members]] = []
        choices: list[tuple[_Members, ...]] = []
        for key, value in pattern.items():
            if key == "$or" and isinstance(value, list):
                if len(value) < 2:
                    raise NotAPattern("$or must have more than one pattern")
                choices.append(tuple(self.members(each, path, depth + 1) for each in value))
            elif isinstance(value, dict):
                children.append((key, self.members(value, (*path, key), depth + 1)))
            else:
                children.append((key, self._leaf(value, (*path, key))))
        return _Members(tuple(children), tuple(choices))

    def _leaf(self, alternatives: object, path: tuple[str, ...]) -> _Leaf:
        if not isinstance(alternatives, list) or not alternatives:
            raise NotAPattern(f"{_place(path)} must be an object or an array that is not empty")
        plain = [each for each in alternatives if not isinstance(each, dict)]
        if any(isinstance(each, list) for each in plain):
            raise NotAPattern(f"{_place(path)} has an array in its array")
        operators = [_single(each, path) for each in alternatives if isinstance(each, dict)]
        return _Leaf(
            path,
            frozenset(each for each in plain if not isinstance(each, bool)),
            frozenset(each for each in plain if isinstance(each, bool)),
            tuple(self._test(name, operand) for name, operand in operators if (name, operand) != ("exists", False)),
            may_be_absent=("exists", False) in operators,
        )

    def _test(self, name: str, operand: object) -> Test:
        match name, operand:
            case "exists", bool():
                return _anything
            case "prefix" | "suffix" | "equals-ignore-case", _:
                return _textual(name, operand)
            case "numeric", list():
                return _range(operand)
            case "anything-but", _:
                return self._anything_but(operand)
            case "wildcard", str() if name in self._also:
                return _wildcard(operand)
            case "cidr", str() if name in self._also:
                return _network(operand)
        raise NotAPattern(f"{name} is no operator here, or cannot take {orjson.dumps(operand).decode()}")

    def _anything_but(self, operand: object) -> Test:
        if isinstance(operand, dict):
            name, inner = _single(operand, ("anything-but",))
            if name not in ("prefix", "suffix", "equals-ignore-case", *(self._also & {"wildcard"})):
                raise NotAPattern(f"anything-but cannot take {name}")
            tests = [self._test(name, each) for each in _several(inner)]
            return lambda value: not any(test(value) for test in tests)
        values = _several(operand)
        if not values or not all(_is_number(each) or isinstance(each, str) for each in values):
            raise NotAPattern("anything-but takes strings and numbers")
        excluded = frozenset(values)
        return lambda value: isinstance(value, bool) or value not in excluded


def _single(operator: Mapping[str, object], path: tuple[str, ...]) -> tuple[str, object]:
    if len(operator) != 1:
        raise NotAPattern(f"{_place(path)} has an object that is not one operator")
    ((name, operand),) = operator.items()
    return name, operand


def _several(operand: object) -> list[object]:
    return operand if isinstance(operand, list) else [operand]


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _anything(value: object) -> bool:
    return True


def _textual(name: str, operand: object) -> Test:
    if isinstance(operand, dict) and name != "equals-ignore-case":
        inner, text = _single(operand, (name,))
        if inner != "equals-ignore-case" or not isinstance(text, str):
            raise NotAPattern(f"{name} takes a string, or one to equal whatever its case")
        lowered = text.lower()
        if name == "prefix":
            return lambda value: isinstance(value, str) and value.lower().startswith(lowered)
        return lambda value: isinstance(value, str) and value.lower().endswith(lowered)
    if not isinstance(operand, str):
        raise NotAPattern(f"{name} takes a string")
    if name == "prefix":
        return lambda value: isinstance(value, str) and value.startswith(operand)
    if name == "suffix":
        return lambda value: isinstance(value, str) and value.endswith(operand)
    lowered = operand.lower()
    return lambda value: isinstance(value, str) and value.lower() == lowered


def _range(operand: Sequence[object]) -> Test:
    """`["=", 5]`, or one bound or two."""
    signs = [str(sign) for sign in operand[::2]]
    bounds = [bound for bound in operand[1::2] if _is_number(bound)]
    if 2 * len(bounds) != len(operand) or not all(sign in _COMPARISONS for sign in signs):
        raise NotAPattern("numeric takes comparisons, each with its number")
    two = len(signs) == 2 and signs[0] in (">", ">=") and signs[1] in ("<", "<=")
    if len(signs) != 1 and not two:
        raise NotAPattern("numeric takes one comparison, or a lower bound and then an upper one")
    comparisons = [(_COMPARISONS[sign], bound) for sign, bound in zip(signs, bounds, strict=True)]
    return lambda value: _is_number(value) and all(holds(value, bound) for holds, bound in comparisons)


def _wildcard(text: str) -> Test:
    """`*` stands for any characters; `\\*` and `\\\\` for themselves."""
    if "**" in text.replace("\\\\", "").replace("\\*", ""):
        raise NotAPattern("wildcard has two * one after the other")
    parts = [""]
    characters = iter(text)
    for character in characters:
        if character == "*":
            parts.append("")
            continue
        if character == "\\" and (character := next(characters, "")) not in ("*", "\\"):
            raise NotAPattern("wildcard has a \\ that is not followed by * or \\")
        parts[-1] += character
    return lambda value: isinstance(value, str) and _has_in_order(value, parts)


def _has_in_order(value: str, parts: Sequence[str]) -> bool:
    """Whether `value` is the parts with anything between them; each is looked for once, so no value takes long."""
    first, *rest = parts
    if not rest:
        return value == first
    *middle, last = rest
    at, end = len(first), len(value) - len(last)
    if not value.startswith(first) or end < at or not value.endswith(last):
        return False
    for part in middle:
        found = value.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _network(text: str) -> Test:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise NotAPattern(f"cidr cannot take {text}") from None

    def contains(value: object) -> bool:
        try:
            return isinstance(value, str) and ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return contains


def _place(path: tuple[str, ...]) -> str:
    return ".".join(path) or "the pattern"
