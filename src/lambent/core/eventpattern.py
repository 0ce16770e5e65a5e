"""Event patterns, as event source mappings filter with: whether a text is one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

DEEPEST = 32
"""Levels of objects in one another: a bound of ours, far above real patterns."""
_COMPARISONS = ("=", ">", ">=", "<", "<=")


def is_pattern(text: str) -> bool:
    """Whether `text` is a JSON object whose leaves are arrays of what a value may be."""
    try:
        pattern = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return _is_object(pattern, DEEPEST)


def _is_object(pattern: object, deepest: int) -> bool:
    if not isinstance(pattern, dict) or not pattern or deepest == 0:
        return False
    return all(_is_member(key, value, deepest) for key, value in pattern.items())


def _is_member(key: str, value: object, deepest: int) -> bool:
    if key == "$or" and isinstance(value, list):
        return len(value) > 1 and all(_is_object(each, deepest - 1) for each in value)
    if isinstance(value, dict):
        return _is_object(value, deepest - 1)
    return isinstance(value, list) and bool(value) and all(_is_alternative(each) for each in value)


def _is_alternative(value: object) -> bool:
    if isinstance(value, dict):
        return len(value) == 1 and all(_is_comparison(name, operand) for name, operand in value.items())
    return not isinstance(value, list)


def _is_comparison(name: str, operand: object) -> bool:
    match name:
        case "prefix" | "suffix":
            return isinstance(operand, str) or _is_nested(operand, ("equals-ignore-case",))
        case "equals-ignore-case":
            return isinstance(operand, str)
        case "exists":
            return isinstance(operand, bool)
        case "numeric":
            return isinstance(operand, list) and _is_range(operand)
        case "anything-but":
            values = operand if isinstance(operand, list) else [operand]
            plain = bool(values) and all(_is_text_or_number(each) for each in values)
            return plain or _is_nested(operand, ("prefix", "suffix", "equals-ignore-case"))
        case _:
            return False


def _is_nested(operand: object, names: Sequence[str]) -> bool:
    """`{"prefix": "x"}` and the like."""
    if not isinstance(operand, Mapping) or len(operand) != 1:
        return False
    return all(name in names and isinstance(value, str) for name, value in operand.items())


def _is_text_or_number(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _is_range(operand: Sequence[object]) -> bool:
    """`["=", 5]`, or one bound or two."""
    signs, numbers = operand[::2], operand[1::2]
    if len(signs) != len(numbers) or not all(sign in _COMPARISONS for sign in signs):
        return False
    if not all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers):
        return False
    if len(signs) == 2:
        return signs[0] in (">", ">=") and signs[1] in ("<", "<=")
    return len(signs) == 1
