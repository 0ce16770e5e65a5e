"""The model's constraints, compiled: a request's values → "N validation errors detected: …"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from lambent.wire.errors import MissingParameter, ValidationError
from lambent.wire.model import Shape
from lambent.wire.patterns import compile_java
from lambent.wire.protocols.base import Compiler
from lambent.wire.protocols.values import FLOATS, INTEGERS

Check = Callable[[Any, str, list[str]], None]
"""Takes a value, its path, and the list that complaints go to."""
_LONGEST_MATCHED = 1 << 20
_MATCHED_ANYWAY = 1024
_NULL = "Member must not be null"
Rule = tuple[Callable[[Any], bool], str]
"""Whether a value keeps to it, and its text."""


def compile_validator(
    shape: Shape | None, code: str | None = None, *, parameters: bool = False
) -> Callable[[Mapping[str, Any]], None]:
    """A function that raises ValidationError, listing everything that is wrong with a request.

    `code` is the error's code where the service has one of its own for this. With `parameters` the first required
    member that is missing is answered as one of a query service, with MissingParameter.
    """
    if shape is None:
        return lambda _request: None
    check = _structure_check(shape, _checks())
    required = [name for name in shape.members if name in shape.required] if parameters else []

    def validate(request: Mapping[str, Any]) -> None:
        for name in required:
            if request.get(name) is None:
                raise MissingParameter(f"The request must contain the parameter {name}.")
        complaints: list[str] = []
        check(request, "", complaints)
        if complaints:
            many = "s" if len(complaints) > 1 else ""
            text = f"{len(complaints)} validation error{many} detected: {'; '.join(complaints)}"
            raise ValidationError(text, code=code)

    return validate


def _checks() -> Compiler[Check | None]:
    def late(get: Callable[[], Check | None]) -> Check:
        def check(value: Any, path: str, complaints: list[str]) -> None:
            found = get()
            if found is not None:
                found(value, path, complaints)

        return check

    return Compiler(_check, late)


def _check(shape: Shape, compiler: Compiler[Check | None]) -> Check | None:
    """None where there is nothing to check."""
    if shape.traits.get("document") or shape.traits.get("eventstream"):
        return None
    if shape.type == "structure":
        return _structure_check(shape, compiler)
    own = _own_check(shape)
    if shape.type == "list":
        return _both(own, _list_check(shape, compiler))
    if shape.type == "map":
        return _both(own, _map_check(shape, compiler))
    return own


def _both(first: Check | None, second: Check | None) -> Check | None:
    if first is None or second is None:
        return first or second

    def check(value: Any, path: str, complaints: list[str]) -> None:
        first(value, path, complaints)
        second(value, path, complaints)

    return check


def _structure_check(shape: Shape, compiler: Compiler[Check | None]) -> Check:
    required = shape.required
    plan = [
        (name, name[:1].lower() + name[1:], name in required, compiler(member))
        for name, member in shape.members.items()
    ]
    plan = [entry for entry in plan if entry[2] or entry[3] is not None]
    plan.sort(key=lambda entry: shape.members[entry[0]].location != "querystring")  # AWS complains of the query first

    def check(value: Any, path: str, complaints: list[str]) -> None:
        for name, shown, is_required, check_member in plan:
            member = value.get(name)
            if member is None:
                if is_required:
                    complaints.append(_complaint("Value null", path + shown, _NULL))
            elif check_member is not None:
                check_member(member, path + shown, complaints)

    def check_below(value: Any, path: str, complaints: list[str]) -> None:
        check(value, f"{path}." if path else "", complaints)

    return check_below


def _list_check(shape: Shape, compiler: Compiler[Check | None]) -> Check | None:
    member = shape.member
    below, rules = _elements(member, compiler)
    constraint = f"Member must satisfy constraint: [{_listed(rules, shape)}]"
    may_be_null = bool(shape.traits.get("sparse"))

    def check(value: Any, path: str, complaints: list[str]) -> None:
        for number, item in enumerate(value, 1):
            if item is None:
                if not may_be_null:
                    complaints.append(_complaint("Value null", f"{path}.{number}.member", _NULL))
            elif below is not None:
                below(item, f"{path}.{number}.member", complaints)
        if rules and not all(i is None or all(keeps(i) for keeps, _ in rules) for i in value):
            complaints.append(_complaint(_value(value, shape), path, constraint))

    return check


def _map_check(shape: Shape, compiler: Compiler[Check | None]) -> Check | None:
    value_shape = shape.value
    below, value_rules = _elements(value_shape, compiler)
    key_rules = _rules(shape.key)
    keys_text = f"Map keys must satisfy constraint: [{_listed(key_rules, shape)}]"
    values_text = f"Map value must satisfy constraint: [{_listed(value_rules, shape)}]"
    may_be_null = bool(shape.traits.get("sparse"))

    def check(value: Any, path: str, complaints: list[str]) -> None:
        for key, item in value.items():
            if item is None:
                if not may_be_null:
                    complaints.append(_complaint("Value null", f"{path}.{key}.member", _NULL))
            elif below is not None:
                below(item, f"{path}.{key}.member", complaints)
        if key_rules and not all(keeps(key) for key in value for keeps, _ in key_rules):
            complaints.append(_complaint(_value(value, shape), path, keys_text))
        if value_rules and not all(i is None or all(k(i) for k, _ in value_rules) for i in value.values()):
            complaints.append(_complaint(_value(value, shape), path, values_text))

    return check


def _elements(shape: Shape, compiler: Compiler[Check | None]) -> tuple[Check | None, list[Rule]]:
    """How a collection's elements are checked: one by one where they have members, else by common rules."""
    if shape.type in ("structure", "list", "map"):
        return compiler(shape), []
    return None, _rules(shape)


def _listed(rules: list[Rule], shape: Shape) -> str:
    """The rules of a collection's elements, as its complaint lists them."""
    texts = [text for _, text in rules]
    return ", ".join([*texts, _NULL] if shape.traits.get("elements_not_null") else texts)


def _own_check(shape: Shape) -> Check | None:
    """The rules of a value itself, each reported on its own."""
    rules = _rules(shape)
    if not rules:
        return None

    def check(value: Any, path: str, complaints: list[str]) -> None:
        for keeps, text in rules:
            if not keeps(value):
                complaints.append(_complaint(_value(value, shape), path, text))

    return check


def _rules(shape: Shape) -> list[Rule]:
    """(predicate, text) for each constraint of a shape; the order is that of AWS's lists."""
    least, most = shape.traits.get("min"), shape.traits.get("max")
    if shape.type in INTEGERS or shape.type in FLOATS:
        return _number_rules(least, most)
    rules: list[Rule] = []
    if shape.type in ("string", "blob", "list", "map"):
        rules = _length_rules(least, most)
    if shape.type == "string":
        rules += _text_rules(shape, most)
    return rules


def _number_rules(least: float | None, most: float | None) -> list[Rule]:
    rules: list[Rule] = []
    if most is not None:
        rules.append((lambda v: v <= most, f"Member must have value less than or equal to {most}"))
    if least is not None:
        rules.append((lambda v: v >= least, f"Member must have value greater than or equal to {least}"))
    return rules


def _length_rules(least: int | None, most: int | None) -> list[Rule]:
    rules: list[Rule] = []
    if most is not None:
        rules.append((lambda v: len(v) <= most, f"Member must have length less than or equal to {most}"))
    if least is not None:
        rules.append((lambda v: len(v) >= least, f"Member must have length greater than or equal to {least}"))
    return rules


def _text_rules(shape: Shape, most: int | None) -> list[Rule]:
    rules: list[Rule] = []
    if shape.enum:
        allowed = frozenset(shape.enum)
        text = f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
        rules.append((allowed.__contains__, text))
    pattern: str | None = shape.traits.get("pattern")
    if pattern:
        # What is far too long has its complaint already; matching it could take for ever.
        longest = _LONGEST_MATCHED if most is None else max(most, _MATCHED_ANYWAY)
        rules.append((_matcher(pattern, longest), f"Member must satisfy regular expression pattern: {pattern}"))
    return rules


def _matcher(pattern: str, longest: int) -> Callable[[str], bool]:
    """Whether a whole text matches, compiled at the first text: some patterns take 10 ms and are seldom asked."""

    @cache
    def fullmatch() -> Callable[[str], object] | None:
        compiled = compile_java(pattern)
        return None if compiled is None else compiled.fullmatch

    def matches(text: str) -> bool:
        match = fullmatch()
        return match is None or len(text) > longest or match(text) is not None

    return matches


def _complaint(value: str, path: str, constraint: str) -> str:
    return f"{value} at '{path}' failed to satisfy constraint: {constraint}"


def _value(value: Any, shape: Shape) -> str:
    return "Value" if shape.traits.get("sensitive") else f"Value '{shown(value, shape)}'"


def shown(value: Any, shape: Shape) -> str:
    """A value as Java's toString gives it, which is what AWS's texts quote."""
    if value is None:
        return "null"
    if shape.traits.get("sensitive"):
        return "***Sensitive Data Redacted***"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    if isinstance(value, list):
        return f"[{', '.join(shown(item, shape.member) for item in value)}]"
    if isinstance(value, dict) and shape.type == "map":
        return f"{{{', '.join(f'{k}={shown(v, shape.value)}' for k, v in value.items())}}}"
    if isinstance(value, dict):
        pairs = (f"{n[:1].lower()}{n[1:]}={shown(v, shape.members[n])}" for n, v in value.items())
        return f"{shape.name}({', '.join(pairs)})"
    return str(value)
