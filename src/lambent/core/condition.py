"""Condition blocks of policies: which operators there are, and whether a block is met by a request's context.

Patterns are the policy writer's, so they are never made into regular expressions, which could run away.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from lambent.values import frozen

if TYPE_CHECKING:
    from decimal import Decimal

Context = Mapping[str, Sequence[str]]
"""What a request says about itself: condition keys in lower case, each with its values."""

Conditions = Mapping[str, Mapping[str, Sequence[str]]]
"""Operator → condition key → values, as written in a policy."""

_Test = Callable[[str, str], bool]
"""(value in the context, value in the policy) → does it hold."""

_MINIMUM_YEAR: Final = -292_275_054
_MAXIMUM_YEAR: Final = 292_278_993
_MAXIMUM_EPOCH: Final = 2**63 - 1


@frozen
class Operator:
    """An operator as it is written: `ForAllValues:StringLikeIfExists` is StringLike with a quantifier and if_exists."""

    test: str
    quantifier: str | None
    if_exists: bool

    @classmethod
    def parse(cls, text: str) -> Operator | None:
        """None when there is no such operator."""
        quantifier, colon, name = text.rpartition(":")
        if colon and quantifier not in ("ForAllValues", "ForAnyValue"):
            return None
        test = name.removesuffix("IfExists")
        if test not in _TESTS and test not in _NEGATED and test != "Null":
            return None
        return cls(test, quantifier or None, test != name)


def met(conditions: Conditions, context: Context) -> bool:
    """Whether every operator of a block holds. One that is unknown, or a value it cannot read, does not hold."""
    return all(
        _holds(Operator.parse(name), key.lower(), values, context)
        for name, keys in conditions.items()
        for key, values in keys.items()
    )


def glob(text: str, pattern: str) -> bool:
    """Whether all of `text` fits `pattern`, in which `*` is any text and `?` any one character."""
    at = position = 0
    star, resume = -1, 0
    while at < len(text):
        wanted = pattern[position] if position < len(pattern) else ""
        if wanted == "*":
            star, resume = position, at
            position += 1
        elif wanted and wanted in ("?", text[at]):
            at += 1
            position += 1
        elif star >= 0:
            resume += 1
            at, position = resume, star + 1
        else:
            return False
    return not pattern[position:].strip("*")


def arn_like(arn: str, pattern: str) -> bool:
    """Whether an ARN fits a pattern, each of the six parts on its own."""
    parts, patterns = arn.split(":", 5), pattern.split(":", 5)
    return len(parts) == len(patterns) == 6 and all(map(glob, parts, patterns))


def is_date(text: str) -> bool:
    """Whether a date operator takes this value: a date of ISO 8601 as laxly as AWS reads it, or epoch seconds."""
    text = text.lower()
    if "t" not in text and "-" not in text:
        return _within(text, 0, _MAXIMUM_EPOCH)
    date, _, time = text.partition("t")
    negative = date.startswith("-")
    year, *rest = date.removeprefix("-").split("-")
    signed_year = f"-{year}" if negative else year
    bounds = ((1, 12), (1, 31))
    return (
        _within(signed_year, _MINIMUM_YEAR, _MAXIMUM_YEAR)
        and len(rest) <= len(bounds)
        and all(_within(part, *bound) for part, bound in zip(rest, bounds, strict=False))
        and _is_time(time)
    )


def _is_time(text: str) -> bool:
    clock, plus, zone = text.removesuffix("z").partition("+")
    whole, dot, fraction = clock.partition(".")
    parts = whole.split(":") if whole else []
    return (
        len(parts) <= 3
        and all(_within(part, 0, limit) for part, limit in zip(parts, (23, 59, 59), strict=False))
        and (not dot or _within(fraction, 0, 999_999_999))
        and (not plus or _is_zone(zone))
    )


def _is_zone(text: str) -> bool:
    hours, colon, minutes = text.partition(":")
    return len(hours) == 2 and _within(hours, 0, 23) and (not colon or (len(minutes) == 2 and _within(minutes, 0, 59)))


def _within(text: str, low: int, high: int) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) <= 19 and low <= int(text) <= high


def _holds(operator: Operator | None, key: str, wanted: Sequence[str], context: Context) -> bool:
    if operator is None:
        return False
    found = context.get(key)
    if operator.test == "Null":
        return any((value.lower() == "true") is (found is None) for value in wanted)
    negated = operator.test in _NEGATED
    test = _TESTS[_NEGATED.get(operator.test, operator.test)]

    def fits(value: str) -> bool:
        return any(test(value, pattern) for pattern in wanted) is not negated

    if operator.quantifier == "ForAllValues":
        return all(map(fits, found or ()))
    if found is None:
        return operator.if_exists or (negated and operator.quantifier is None)
    if negated and operator.quantifier is None:
        return all(map(fits, found))
    return any(map(fits, found))


def _number(text: str) -> Decimal | None:
    from decimal import Decimal, InvalidOperation  # few conditions are about numbers, and it is a large module

    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _numeric(compare: Callable[[Decimal, Decimal], bool]) -> _Test:
    def test(value: str, wanted: str) -> bool:
        left, right = _number(value), _number(wanted)
        return left is not None and right is not None and compare(left, right)

    return test


def _moment(text: str) -> float | None:
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _date(compare: Callable[[float, float], bool]) -> _Test:
    def test(value: str, wanted: str) -> bool:
        left, right = _moment(value), _moment(wanted)
        return left is not None and right is not None and compare(left, right)

    return test


def _in_network(value: str, wanted: str) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


def _same(value: str, wanted: str) -> bool:
    return value == wanted


def _same_folded(value: str, wanted: str) -> bool:
    return value.casefold() == wanted.casefold()


_TESTS: Final[Mapping[str, _Test]] = {
    "StringEquals": _same,
    "StringEqualsIgnoreCase": _same_folded,
    "StringLike": glob,
    "NumericEquals": _numeric(lambda a, b: a == b),
    "NumericLessThan": _numeric(lambda a, b: a < b),
    "NumericLessThanEquals": _numeric(lambda a, b: a <= b),
    "NumericGreaterThan": _numeric(lambda a, b: a > b),
    "NumericGreaterThanEquals": _numeric(lambda a, b: a >= b),
    "DateEquals": _date(lambda a, b: a == b),
    "DateLessThan": _date(lambda a, b: a < b),
    "DateLessThanEquals": _date(lambda a, b: a <= b),
    "DateGreaterThan": _date(lambda a, b: a > b),
    "DateGreaterThanEquals": _date(lambda a, b: a >= b),
    "Bool": _same_folded,
    "BinaryEquals": _same,
    "IpAddress": _in_network,
    # AWS reads wildcards in both forms.
    "ArnEquals": arn_like,
    "ArnLike": arn_like,
}

_NEGATED: Final[Mapping[str, str]] = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}
