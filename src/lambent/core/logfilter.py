"""CloudWatch Logs filter patterns: parsed once, then asked about each message. Pure.

Three kinds: terms (`ERROR -Exiting`, `?WARN ?ERROR`, `"two words"`, `%4\\d\\d%`), JSON (`{ $.code = 4* }`) and
space-delimited fields (`[ip, ..., status >= 400]`). Whatever a user writes, asking costs time linear in the
message. The grammar of regular expressions is in logregex.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

import orjson

from lambent.core.logregex import BadExpression, Expression
from lambent.values import frozen

MAX_EXPRESSIONS: Final = 2
"""Regular expressions in one pattern."""

_MAX_NESTING: Final = 50


class BadPattern(ValueError):
    """The pattern cannot be read; the text is the API's."""

    def __init__(self, text: str = "Invalid filter pattern") -> None:
        super().__init__(text)


class Filter(Protocol):
    """A parsed pattern."""

    def matches(self, message: str) -> bool:
        """Whether the pattern selects the message."""

    def extract(self, message: str) -> dict[str, str]:
        """What the pattern names in a message that it selects: `$field` or `$.path` → text."""


def parse(pattern: str) -> Filter:
    """The filter that `pattern` describes; an empty one selects everything. Raises BadPattern."""
    text = pattern.strip()
    for opening, closing in ("{}", "[]"):
        if text.startswith(opening) and not (text.endswith(closing) and len(text) > 1):
            raise BadPattern(f"If a filter pattern starts with '{opening}' it must end with '{closing}'")
    try:
        if text.startswith("{"):
            return _json(text[1:-1])
        return _fields(text[1:-1]) if text.startswith("[") else _terms(text)
    except BadExpression as error:
        raise (_unknown(error.characters) if error.characters else BadPattern()) from None


def selects_everything(filter: Filter) -> bool:
    """Whether no message need be asked about."""
    return isinstance(filter, Terms) and not (filter.required or filter.excluded or filter.any_of)


def _unknown(characters: str) -> BadPattern:
    return BadPattern(f"Invalid character(s) in term '{characters}'")


# --- tokens -------------------------------------------------------------------------------------------------


@frozen
class _Token:
    """A piece of a pattern: kind is `space`, `quoted`, `regex`, `bare`, `selector` or `mark`."""

    kind: str
    text: str


_COMMON = r"""(?P<space>\s+) | "(?P<quoted>(?:[^"\\]|\\.)*)" | %(?P<regex>(?:[^%\\]|\\.)+)% """
_TERM_TOKENS = re.compile(_COMMON + r"| (?P<bare>\w+) | (?P<mark>[-?])", re.VERBOSE | re.DOTALL)
_JSON_TOKENS = re.compile(
    _COMMON
    + r"""| (?P<selector>\$(?:\.[\w-]+|\[\d{1,9}\])+)
          | (?P<mark>&&|\|\||[()]|!=|<=|>=|[=<>]) | (?P<bare>[\w.*:/#+-]+)""",
    re.VERBOSE | re.DOTALL,
)
_FIELD_TOKENS = re.compile(
    _COMMON + r"""| (?P<mark>&&|\|\||[(),]|!=|<=|>=|[=<>]) | (?P<bare>[^\s"%,()&|=<>!]+)""",
    re.VERBOSE | re.DOTALL,
)
_UNKNOWN = re.compile(r"[^\w\s]+")
_ESCAPED = re.compile(r'\\(["\\])')


def _tokens(text: str, grammar: re.Pattern[str]) -> Iterator[_Token]:
    at, expressions = 0, 0
    while at < len(text):
        found = grammar.match(text, at)
        if found is None:
            unknown = _UNKNOWN.match(text, at)
            raise _unknown(unknown[0]) if unknown and unknown[0] != '"' else BadPattern()
        kind = found.lastgroup or ""
        expressions += kind == "regex"
        if expressions > MAX_EXPRESSIONS:
            raise BadPattern()
        value = found[kind]
        yield _Token(kind, _ESCAPED.sub(r"\1", value) if kind == "quoted" else value)
        at = found.end()


# --- terms --------------------------------------------------------------------------------------------------

Test = Callable[[str], bool]


@frozen
class Terms:
    """Texts that must be in the message, that must not, and of which one must."""

    required: tuple[Test, ...]
    excluded: tuple[Test, ...]
    any_of: tuple[Test, ...]

    def matches(self, message: str) -> bool:
        if self.any_of:
            return any(test(message) for test in self.any_of)
        return all(test(message) for test in self.required) and not any(test(message) for test in self.excluded)

    def extract(self, message: str) -> dict[str, str]:
        return {}


def _terms(text: str) -> Terms:
    found: dict[str, list[Test]] = {"": [], "-": [], "?": []}
    sign, before = "", "space"
    for token in _tokens(text, _TERM_TOKENS):
        if token.kind == "mark":
            if sign or before != "space":
                raise _unknown(token.text)
            sign = token.text
        elif token.kind != "space":
            found[sign].append(_term(token))
            sign = ""
        before = token.kind
    if sign:
        raise _unknown(sign)
    # CloudWatch ignores the optional terms of a pattern that has others.
    optional = () if found[""] or found["-"] else tuple(found["?"])
    return Terms(tuple(found[""]), tuple(found["-"]), optional)


def _term(token: _Token) -> Test:
    if token.kind == "regex":
        return Expression(token.text).search
    word = token.text
    return lambda message: word in message


# --- conditions: what JSON and field patterns have in common ------------------------------------------------

Value = object
"""Of a JSON document: None, bool, int, float, str, list or dict; of a field: str."""

Check = Callable[[Value], bool]
_ABSENT: Final = object()
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")


def _number(text: str) -> int | float | None:
    if len(text) > 64 or not text.isascii() or not _NUMBER.fullmatch(text):
        return None
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def _text(value: Value) -> str | None:
    """A value as patterns compare it; None for null, lists, objects and what is absent."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else None


def _amount(value: Value) -> int | float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return _number(value) if isinstance(value, str) else None


_ORDER: Final[dict[str, Callable[[float, float], bool]]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _comparison(operator: str, operand: _Token) -> Check:
    """A check of one value. No operator, `!=` neither, holds for what is no string, number or boolean."""
    number = _number(operand.text) if operand.kind == "bare" else None
    if number is not None:
        return _numeric(operator, number)
    if operator not in ("=", "!="):
        raise BadPattern()
    same = Expression(operand.text).search if operand.kind == "regex" else _wildcard(operand.text)

    def check(value: Value) -> bool:
        text = _text(value)
        return text is not None and same(text) == (operator == "=")

    return check


def _numeric(operator: str, number: int | float) -> Check:
    order = _ORDER[operator]

    def check(value: Value) -> bool:
        amount = _amount(value)
        if amount is None:
            return operator == "!=" and _text(value) is not None
        return order(amount, number)

    return check


def _wildcard(text: str) -> Test:
    """Equality, where an asterisk at either end stands for any text; elsewhere it is itself."""
    if text == "*":
        return lambda value: True
    before, after, word = text.startswith("*"), text.endswith("*"), text.strip("*")
    if before and after:
        return lambda value: word in value
    if before:
        return lambda value: value.endswith(word)
    if after:
        return lambda value: value.startswith(word)
    return lambda value: value == text


class _Conditions:
    """Reads `subject operator operand` joined by `&&`, `||` and parentheses into one check."""

    def __init__(self, tokens: Iterator[_Token], subject: Callable[[_Token, _Conditions], Check]) -> None:
        self._tokens = [token for token in tokens if token.kind != "space"]
        self._at = 0
        self._depth = 0
        self._subject = subject

    def whole(self) -> Check:
        """The check; everything must have been read."""
        check = self._either()
        if self._at != len(self._tokens):
            raise BadPattern()
        return check

    def next(self) -> _Token:
        """The next token, taken."""
        if self._at >= len(self._tokens):
            raise BadPattern()
        self._at += 1
        return self._tokens[self._at - 1]

    def take(self, kind: str, *texts: str) -> _Token | None:
        """The next token if it is one of these, taken."""
        if self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.kind == kind and token.text in texts:
                self._at += 1
                return token
        return None

    def comparison(self) -> Check:
        """An operator and its operand."""
        operator = self.take("mark", *_ORDER)
        operand = self.next()
        if operator is None or operand.kind not in ("bare", "quoted", "regex"):
            raise BadPattern()
        return _comparison(operator.text, operand)

    def _either(self) -> Check:
        checks = [self._both()]
        while self.take("mark", "||"):
            checks.append(self._both())
        return checks[0] if len(checks) == 1 else lambda value: any(check(value) for check in checks)

    def _both(self) -> Check:
        checks = [self._one()]
        while self.take("mark", "&&"):
            checks.append(self._one())
        return checks[0] if len(checks) == 1 else lambda value: all(check(value) for check in checks)

    def _one(self) -> Check:
        if not self.take("mark", "("):
            return self._subject(self.next(), self)
        self._depth += 1
        if self._depth > _MAX_NESTING:
            raise BadPattern()
        check = self._either()
        if not self.take("mark", ")"):
            raise BadPattern()
        self._depth -= 1
        return check


# --- JSON ---------------------------------------------------------------------------------------------------

Path = tuple[str | int, ...]
_STEP = re.compile(r"\.([\w-]+)|\[(\d+)\]")


@frozen
class JsonFilter:
    """A check of a message that is a JSON object."""

    check: Check
    paths: tuple[tuple[str, Path], ...]

    def matches(self, message: str) -> bool:
        document = _document(message)
        return document is not None and self.check(document)

    def extract(self, message: str) -> dict[str, str]:
        document = _document(message)
        found = ((selector, _text(_at(document, path))) for selector, path in self.paths)
        return {selector: text for selector, text in found if text is not None}


def _document(message: str) -> dict[str, Value] | None:
    if not message.lstrip().startswith("{"):
        return None
    try:
        document: dict[str, Value] = orjson.loads(message)
    except orjson.JSONDecodeError:
        return None
    return document


def _at(document: Value, path: Path) -> Value:
    value = document
    for step in path:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step, _ABSENT)
        elif isinstance(step, int) and isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return _ABSENT
    return value


def _path(selector: str) -> Path:
    return tuple(name if name else int(index) for name, index in _STEP.findall(selector))


_IS: Final[dict[str, Check]] = {
    "NULL": lambda value: value is None,
    "TRUE": lambda value: value is True,
    "FALSE": lambda value: value is False,
}


def _json(text: str) -> JsonFilter:
    paths: dict[str, Path] = {}

    def subject(token: _Token, rest: _Conditions) -> Check:
        if token.kind != "selector":
            raise BadPattern()
        path = paths[token.text] = _path(token.text)
        check = _json_check(rest)
        return lambda document: check(_at(document, path))

    check = _Conditions(_tokens(text, _JSON_TOKENS), subject).whole()
    return JsonFilter(check, tuple(paths.items()))


def _json_check(rest: _Conditions) -> Check:
    if rest.take("bare", "IS"):
        state = rest.take("bare", *_IS)
        if state is None:
            raise BadPattern()
        return _IS[state.text]
    if rest.take("bare", "NOT"):
        if not rest.take("bare", "EXISTS"):
            raise BadPattern()
        return lambda value: value is _ABSENT
    return rest.comparison()


# --- space-delimited fields ---------------------------------------------------------------------------------

_NAME = re.compile(r"[\w-]+")


@frozen
class _Field:
    name: str
    check: Check | None


@frozen
class FieldFilter:
    """Checks of the fields of a message: the first ones, and the last ones if there is an ellipsis."""

    head: tuple[_Field, ...]
    tail: tuple[_Field, ...]
    ellipsis: bool

    def matches(self, message: str) -> bool:
        values = split_fields(message)
        named = self._named(values)
        return named is not None and all(field.check is None or field.check(values[index]) for index, field in named)

    def extract(self, message: str) -> dict[str, str]:
        values = split_fields(message)
        names = {index: field.name for index, field in self._named(values) or () if field.name}
        return {f"${names.get(i, str(i + 1))}": value for i, value in enumerate(values)}

    def _named(self, values: Sequence[str]) -> list[tuple[int, _Field]] | None:
        """Each field of the pattern with its place in the message; None when their numbers do not agree."""
        spare = len(values) - len(self.head) - len(self.tail)
        if spare < 0 or (spare and not self.ellipsis):
            return None
        return [*enumerate(self.head), *enumerate(self.tail, len(self.head) + spare)]


_SPACE = re.compile(r"\s")


def split_fields(message: str) -> list[str]:
    """The fields of a message: words, and what stands between brackets or double quotes."""
    fields: list[str] = []
    at, closers = 0, {"[": "]", '"': '"'}
    while at < len(message):
        character = message[at]
        if character.isspace():
            at += 1
            continue
        closer = closers.get(character)
        end = message.find(closer, at + 1) if closer else -1
        if end >= 0:
            fields.append(message[at + 1 : end])
            at = end + 1
            continue
        closers.pop(character, None)  # it is closed nowhere: never look for its end again
        stop = _SPACE.search(message, at)
        end = stop.start() if stop else len(message)
        fields.append(message[at:end])
        at = end
    return fields


def _fields(text: str) -> FieldFilter:
    parts = _parts(text)
    dots = [i for i, part in enumerate(parts) if [t.text for t in part] in (["..."], ["…"])]
    if len(dots) > 1:
        raise BadPattern()
    if not dots:
        return FieldFilter(tuple(map(_field, parts)), (), ellipsis=False)
    head, tail = parts[: dots[0]], parts[dots[0] + 1 :]
    return FieldFilter(tuple(map(_field, head)), tuple(map(_field, tail)), ellipsis=True)


def _parts(text: str) -> list[list[_Token]]:
    """The tokens between the commas."""
    parts: list[list[_Token]] = [[]]
    for token in _tokens(text, _FIELD_TOKENS):
        if token == _Token("mark", ","):
            parts.append([])
        elif token.kind != "space":
            parts[-1].append(token)
    return parts


def _field(tokens: list[_Token]) -> _Field:
    if not tokens:
        return _Field("", None)
    name = next((t.text for t in tokens if t != _Token("mark", "(")), "")
    if not _NAME.fullmatch(name):
        raise BadPattern()
    if len(tokens) == 1:
        return _Field(name, None)

    def subject(token: _Token, rest: _Conditions) -> Check:
        # A condition stands in the field that it is about.
        if token != _Token("bare", name):
            raise BadPattern()
        return rest.comparison()

    return _Field(name, _Conditions(iter(tokens), subject).whole())
