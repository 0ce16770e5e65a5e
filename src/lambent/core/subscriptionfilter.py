"""SNS's filter policies: checked in AWS's own words, and whether a message passes one. Pure.

A policy is an event pattern (core/eventpattern.py) with limits of its own. On a message's body it matches as patterns
match events, and `a.b` is the same there as `b` in `a`. On the message's attributes each value's type is the
attribute's; a message without any attributes passes no policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import orjson

from lambent.core import eventpattern
from lambent.core.eventpattern import NotAPattern, Pattern
from lambent.values import frozen

ATTRIBUTES: Final = "MessageAttributes"
BODY: Final = "MessageBody"
SCOPES: Final = (ATTRIBUTES, BODY)

KEYS: Final = 5
COMBINATIONS: Final = 150
BYTES: Final = 262_144
_LONGEST_NUMBER = 40
"""Characters of an attribute that is compared as a number."""
_TEXTS: Final = ("prefix", "suffix", "equals-ignore-case", "wildcard", "cidr")
_EXCLUDING: Final = ("prefix", "suffix", "equals-ignore-case", "wildcard")
"""What `anything-but` may exclude by."""
_LOWER: Final = (">", ">=")
_UPPER: Final = ("<", "<=")


class Refused(ValueError):
    """The policy is none; AWS's reason is its text."""


class Nested(Refused):
    """A policy on attributes has an object in it."""

    def __init__(self) -> None:
        super().__init__("Filter policy scope MessageAttributes does not support nested filter policy")


@frozen
class Filter:
    """A policy that was read."""

    scope: str
    pattern: Pattern
    is_dotted: bool
    """A key has a dot in it."""

    def passes(self, body: str, attributes: Mapping[str, tuple[str, str]]) -> bool:
        """Whether a message is wanted. `attributes`: (type, value as text) by name, those of binary type left out."""
        if self.scope == ATTRIBUTES:
            values = {name: _value(*attribute) for name, attribute in attributes.items()}
            return bool(values) and self.pattern.matches(values)
        try:
            parsed = orjson.loads(body)
        except orjson.JSONDecodeError:
            return False
        if not isinstance(parsed, dict):
            return False
        return self.pattern.matches(_spread(parsed, eventpattern.DEEPEST) if self.is_dotted else parsed)


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
    is_dotted = scope == BODY and any("." in key for key in _own_keys(policy))
    wanted = _spread_policy(policy) if is_dotted else policy
    try:
        return Filter(scope, eventpattern.parse(orjson.dumps(wanted), also=eventpattern.WIDER), is_dotted)
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
        for name in operand:
            if name not in _EXCLUDING:
                raise Refused(f"Unsupported anything-but pattern: {name}")
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


def _own_keys(policy: Mapping[str, Any]) -> Iterator[str]:
    """The keys of all objects, as they are written."""
    for key, value in policy.items():
        if key == "$or":
            for each in value:
                yield from _own_keys(each)
            continue
        yield key
        if isinstance(value, dict):
            yield from _own_keys(value)


def _spread_policy(policy: Mapping[str, Any]) -> dict[str, Any]:
    """The policy with `b` in `a` for each `a.b`. Raises Refused for a key that is there in both forms, at odds."""
    result: dict[str, Any] = {}
    for key, value in policy.items():
        if key == "$or":
            result[key] = [_spread_policy(each) for each in value]
            continue
        first, *others = _path(key)
        _join(result, first, _within(others, _spread_policy(value) if isinstance(value, dict) else value))
    return result


def _join(result: dict[str, Any], key: str, value: object) -> None:
    known = result.setdefault(key, value)
    if known is value:
        return
    if not isinstance(known, dict) or not isinstance(value, dict):
        raise Refused(f'"{key}" is there twice')
    for name, each in value.items():
        _join(known, name, each)


def _spread(event: object, deepest: int) -> object:
    """The same of an event, in which values that come to the same place stand side by side. Patterns look no deeper."""
    if not deepest:
        return event
    if isinstance(event, list):
        return [_spread(each, deepest - 1) for each in event]
    if not isinstance(event, dict):
        return event
    result: dict[str, Any] = {}
    for key, value in event.items():
        first, *others = _path(key)
        inner = _within(others, _spread(value, deepest - 1))
        result[first] = _both(result[first], inner) if first in result else inner
    return result


def _both(one: object, other: object) -> object:
    if isinstance(one, dict) and isinstance(other, dict):
        shared = {key: _both(one[key], other[key]) for key in one if key in other}
        return {**one, **other, **shared}
    return [one, other]


def _path(key: str) -> list[str]:
    """As deep as patterns look, and one level more."""
    return key.split(".", eventpattern.DEEPEST)


def _within(path: Sequence[str], value: object) -> object:
    for key in reversed(path):
        value = {key: value}
    return value


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
