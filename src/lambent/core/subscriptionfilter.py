"""SNS's filter policies: checked in AWS's own words, and whether a message passes one. Pure.

A policy is an event pattern (core/eventpattern.py) with limits of its own. On a message's body it matches as patterns
match events. On the message's attributes each value's type is the attribute's, and null stands for an absent one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson

from lambent.core import eventpattern
from lambent.core.eventpattern import NotAPattern, Pattern

ATTRIBUTES: Final = "MessageAttributes"
BODY: Final = "MessageBody"
SCOPES: Final = (ATTRIBUTES, BODY)

KEYS: Final = 5
COMBINATIONS: Final = 150
BYTES: Final = 262_144
_LONGEST_NUMBER = 40
"""Characters of an attribute that is compared as a number."""
_TEXTS: Final = ("prefix", "suffix", "equals-ignore-case", "wildcard", "cidr")
_LOWER: Final = (">", ">=")
_UPPER: Final = ("<", "<=")


class Refused(ValueError):
    """The policy is none; AWS's reason is its text."""


class Nested(Refused):
    """A policy on attributes has an object in it."""

    def __init__(self) -> None:
        super().__init__("Filter policy scope MessageAttributes does not support nested filter policy")


@dataclass(frozen=True, slots=True)
class Filter:
    """A policy that was read."""

    scope: str
    pattern: Pattern

    def passes(self, body: str, attributes: Mapping[str, tuple[str, str]]) -> bool:
        """Whether a message is wanted. `attributes`: (type, value as text) by name, those of binary type left out."""
        if self.scope == ATTRIBUTES:
            return self.pattern.matches({name: _value(*attribute) for name, attribute in attributes.items()})
        try:
            parsed = orjson.loads(body)
        except orjson.JSONDecodeError:
            return False
        return isinstance(parsed, dict) and self.pattern.matches(parsed)


@lru_cache(maxsize=1024)  # every message asks for the policies of all subscriptions
def parse(text: str, scope: str = ATTRIBUTES) -> Filter:
    """The policy of a JSON text. Raises Refused."""
    if len(text.encode()) > BYTES:
        raise Refused("Filter policy is too long")
    try:
        policy = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Refused(f"failed to parse JSON. {error}") from None
    if not isinstance(policy, dict):
        raise Refused("Filter is not an object")
    _check_object(policy, scope, eventpattern.DEEPEST)
    if len(set(_keys(policy))) > KEYS:
        raise Refused(f"Filter policy can not have more than {KEYS} keys")
    if _combinations(policy, 1) > COMBINATIONS:
        raise Refused("Filter policy is too complex")
    wanted = _with_absence(policy) if scope == ATTRIBUTES else policy
    try:
        return Filter(scope, eventpattern.parse(orjson.dumps(wanted), also=eventpattern.WIDER))
    except NotAPattern as error:
        raise Refused(str(error)) from None


# --- checking -----------------------------------------------------------------------------------------------


def _check_object(policy: Mapping[str, Any], scope: str, deepest: int) -> None:
    if not deepest:
        raise Refused("Filter policy nests too deep")
    for key, value in policy.items():
        if key == "$or" and isinstance(value, list):
            _check_or(value, scope, deepest)
        elif isinstance(value, dict):
            if not value:
                raise Refused("Empty objects are not allowed")
            _check_object(value, scope, deepest - 1)
            if scope == ATTRIBUTES:
                raise Nested()
        elif not isinstance(value, list):
            raise Refused(f'"{key}" must be an object or an array')
        elif not value:
            raise Refused("Empty arrays are not allowed")
        else:
            for each in value:
                _check_alternative(each)


def _check_or(groups: Sequence[object], scope: str, deepest: int) -> None:
    if len(groups) < 2 or not all(isinstance(group, dict) and group for group in groups):
        raise Refused("There must have at least 2 Objects in $or relationship.")
    for group in groups:
        assert isinstance(group, dict)
        _check_object(group, scope, deepest - 1)


def _check_alternative(wanted: object) -> None:
    if isinstance(wanted, list):
        raise Refused("Match value must be String, number, true, false, or null")
    if not isinstance(wanted, dict):
        return
    if len(wanted) != 1:
        raise Refused("Only one key allowed in match expression")
    ((name, operand),) = wanted.items()
    if name in _TEXTS:
        if not isinstance(operand, str):
            raise Refused(f"{name} match pattern must be a string")
    elif name == "exists":
        if not isinstance(operand, bool):
            raise Refused("exists match pattern must be either true or false.")
    elif name == "numeric":
        _check_numeric(operand)
    elif name == "anything-but":
        _check_anything_but(operand)
    else:
        raise Refused(f"Unrecognized match type {name}")


def _check_anything_but(operand: object) -> None:
    if isinstance(operand, dict):
        _check_alternative(operand)
        return
    values = operand if isinstance(operand, list) else [operand]
    if not values or not all(isinstance(each, str) or _is_number(each) for each in values):
        raise Refused("Value of anything-but must be an array or single string/number value.")


def _check_numeric(operand: object) -> None:
    """`["=", 5]`, one bound, or a lower bound and an upper one; the order of the checks is AWS's."""
    if not isinstance(operand, list):
        raise Refused("Value of numeric must be an array.")
    sign = operand[0] if operand else None
    if not isinstance(sign, str):
        raise Refused(f"Invalid member in numeric match: {_json(sign) if operand else ']'}")
    if sign not in ("=", *_LOWER, *_UPPER):
        raise Refused(f"Unrecognized numeric range operator: {sign}")
    bottom = _number(operand, 1, "equals" if sign == "=" else sign)
    if len(operand) > 2:
        if sign not in _LOWER:
            raise Refused("Too many elements in numeric expression")
        _check_upper(operand, bottom)


def _check_upper(operand: Sequence[object], bottom: float) -> None:
    sign = operand[2]
    if not isinstance(sign, str):
        raise Refused(f"Bad value in numeric range: {_json(sign)}")
    if sign not in _UPPER:
        raise Refused(f"Bad numeric range operator: {sign}")
    top = _number(operand, 3, sign)
    if len(operand) > 4:
        raise Refused("Too many terms in numeric range expression")
    if bottom >= top:
        raise Refused("Bottom must be less than top")


def _number(operand: Sequence[object], at: int, name: str) -> float:
    value = operand[at] if at < len(operand) else None
    if not _is_number(value):
        raise Refused(f"Value of {name} must be numeric")
    assert isinstance(value, int | float)
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _keys(policy: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """The paths of all leaves."""
    for key, value in policy.items():
        if key == "$or":
            for each in value:
                yield from _keys(each, path)
        elif isinstance(value, dict):
            yield from _keys(value, f"{path}{key}.")
        else:
            yield path + key


def _combinations(policy: Mapping[str, Any], level: int) -> int:
    """AWS's measure of a policy: the product of how many values each leaf has, times its level; alternatives add up."""
    product = 1
    for key, value in policy.items():
        if key == "$or":
            product *= sum(_combinations(each, level) for each in value)
        elif isinstance(value, dict):
            product *= _combinations(value, level + 1)
        else:
            product *= len(value) * level
    return product


# --- matching -----------------------------------------------------------------------------------------------


def _with_absence(policy: Mapping[str, Any]) -> dict[str, Any]:
    """The policy with null spelled out: attributes are never null, but may be absent."""
    result: dict[str, Any] = {}
    for key, value in policy.items():
        if key == "$or":
            result[key] = [_with_absence(each) for each in value]
        else:
            result[key] = [*value, {"exists": False}] if None in value else value
    return result


def _value(kind: str, text: str) -> object:
    """An attribute as patterns compare it: a list stands for its elements."""
    if kind == "String.Array":
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
    if kind.split(".")[0] == "Number" and len(text) <= _LONGEST_NUMBER:
        try:
            return float(text)
        except ValueError:
            return text
    return text
