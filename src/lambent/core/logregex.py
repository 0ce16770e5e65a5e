"""The regular expressions of log filter patterns, matched in time linear in the text. Pure.

Users write them and our process runs them, so Python's backtracking `re` is not for them: `.*.*.*x` over a long
line would hang the server. CloudWatch allows no groups, so an expression is a list of alternatives, each a row
of characters with quantifiers: an automaton that fits into the bits of an integer.
"""

from __future__ import annotations

import string
from typing import Final

from lambent.values import frozen

MAX_POSITIONS: Final = 1000
"""Characters of an expression after `{m,n}` is written out: a bound of ours on the work per character."""

_MAX_STATES: Final = 500
_LITERALS: Final = frozenset(string.ascii_letters + string.digits + " :_#=@/;,-")
_CONTROLS: Final = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}
_ASCII: Final = (1 << 128) - 1


class BadExpression(ValueError):
    """Not an expression that CloudWatch Logs allows. `characters` are the ones that it does not know, if any."""

    def __init__(self, characters: str = "") -> None:
        super().__init__(characters)
        self.characters = characters


class Expression:
    """A compiled expression. States are made when they are first reached, and thrown away when they are many."""

    def __init__(self, source: str) -> None:
        """Raises BadExpression."""
        alternatives = _Parser(source).alternatives()
        self._needed = _literal_part(alternatives[0]) if len(alternatives) == 1 else ""
        self._automaton = _Automaton(alternatives)
        self._states: dict[int, _State] = {}
        self._start = self._state(self._automaton.start)

    def search(self, text: str) -> bool:
        """Whether the expression matches anywhere in `text`."""
        if self._needed not in text:
            return False
        # As in Java, `$` also stands before a newline that ends the text; log lines mostly end with one.
        body, newline = (text[:-1], "\n") if text.endswith("\n") else (text, "")
        state = self._start
        if state.accepts:
            return True
        for character in body:
            state = state[character]
            if state.accepts:
                return True
        if state.accepts_at_end or not newline:
            return state.accepts_at_end
        last = state[newline]
        return last.accepts or last.accepts_at_end

    def _state(self, gaps: int) -> _State:
        state = self._states.get(gaps)
        if state is None:
            state = self._states[gaps] = _State(self, self._automaton, gaps)
        return state

    def _after(self, gaps: int, character: str) -> _State:
        if len(self._states) >= _MAX_STATES:
            for state in self._states.values():
                state.clear()
            self._states = {self._start.gaps: self._start}
        return self._state(self._automaton.step(gaps, character))


class _State(dict[str, "_State"]):
    """A set of gaps that the automaton may stand in; as a mapping, where each character leads from here."""

    __slots__ = ("_owner", "accepts", "accepts_at_end", "gaps")

    def __init__(self, owner: Expression, automaton: _Automaton, gaps: int) -> None:
        super().__init__()
        self._owner = owner
        self.gaps = gaps
        self.accepts = bool(gaps & automaton.final)
        self.accepts_at_end = bool(gaps & (automaton.final | automaton.final_at_end))

    def __missing__(self, character: str) -> _State:
        after = self._owner._after(self.gaps, character)
        if character < "\x80":
            self[character] = after
        return after


@frozen
class _Class:
    """A set of characters: bits of the ASCII ones, and whether all others belong to it."""

    ascii: int
    others: bool

    def __contains__(self, character: str) -> bool:
        code = ord(character)
        return bool(self.ascii >> code & 1) if code < 128 else self.others

    def __or__(self, other: _Class) -> _Class:
        return _Class(self.ascii | other.ascii, self.others or other.others)

    def __invert__(self) -> _Class:
        return _Class(self.ascii ^ _ASCII, not self.others)


def _of(characters: str) -> _Class:
    bits = 0
    for character in characters:
        bits |= 1 << ord(character)
    return _Class(bits, others=False)


_DIGITS: Final = _of(string.digits)
_WORDS: Final = _of(string.ascii_letters + string.digits + "_")
_SPACES: Final = _of(" \t\n\r\f\v")
_ESCAPES: Final = {
    "d": _DIGITS,
    "D": ~_DIGITS,
    "w": _WORDS,
    "W": ~_WORDS,
    "s": _SPACES,
    "S": ~_SPACES,
}
_DOT: Final = ~_of("\n\r")


@frozen
class _Position:
    """One place for a character: it may be left out, or be repeated."""

    characters: _Class
    optional: bool = False
    repeated: bool = False


@frozen
class _Alternative:
    positions: tuple[_Position, ...]
    from_start: bool
    to_end: bool


class _Automaton:
    """Bit g of a state is the gap before position g; an alternative of n positions has n + 1 gaps, in a row."""

    def __init__(self, alternatives: list[_Alternative]) -> None:
        self.start = self.final = self.final_at_end = 0
        self._optional = self._anywhere = 0
        self._rows: list[tuple[int, _Position]] = []
        gap = 0
        for alternative in alternatives:
            self.start |= 1 << gap
            if not alternative.from_start:
                self._anywhere |= 1 << gap
            for position in alternative.positions:
                self._rows.append((gap, position))
                if position.optional:
                    self._optional |= 1 << gap
                gap += 1
            if alternative.to_end:
                self.final_at_end |= 1 << gap
            else:
                self.final |= 1 << gap
            gap += 1
        self._masks: dict[str, tuple[int, int]] = {}
        self.start = self._skip_optional(self.start)
        self._anywhere = self._skip_optional(self._anywhere)

    def step(self, gaps: int, character: str) -> int:
        """Where one more character leads."""
        # Characters beyond ASCII are all alike: a class has every one of them or none.
        advance, stay = self._masks_of(character if character < "\x80" else "\x80")
        return self._skip_optional((gaps & advance) << 1 | gaps & stay) | self._anywhere

    def _masks_of(self, character: str) -> tuple[int, int]:
        masks = self._masks.get(character)
        if masks is None:
            advance = stay = 0
            for gap, position in self._rows:
                if character in position.characters:
                    advance |= 1 << gap
                    if position.repeated:
                        stay |= 1 << gap + 1
            masks = self._masks[character] = (advance, stay)
        return masks

    def _skip_optional(self, gaps: int) -> int:
        # An addition carries from each gap over the optional positions that follow it, all rows at once.
        return gaps | (self._optional + (gaps & self._optional)) ^ self._optional


class _Parser:
    """Reads an expression from left to right."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0

    def alternatives(self) -> list[_Alternative]:
        found = [self._alternative()]
        while self._take("|"):
            found.append(self._alternative())
        if sum(len(a.positions) + 1 for a in found) > MAX_POSITIONS:
            raise BadExpression
        return found

    def _alternative(self) -> _Alternative:
        positions: list[_Position] = []
        from_start = self._take("^")
        while self._at < len(self._source) and self._peek() not in "|$":
            positions += self._quantified(self._characters())
            if len(positions) > MAX_POSITIONS:
                raise BadExpression
        to_end = self._take("$")
        if self._at < len(self._source) and self._peek() != "|":
            raise BadExpression
        return _Alternative(tuple(positions), from_start, to_end)

    def _characters(self) -> _Class:
        character = self._next()
        if character == "\\":
            return self._escape()
        if character == "[":
            return self._bracket()
        if character == ".":
            return _DOT
        return _of(_literal(character))

    def _escape(self) -> _Class:
        character = self._next()
        if character in _ESCAPES:
            return _ESCAPES[character]
        if character in _CONTROLS:
            return _of(_CONTROLS[character])
        if character == "x":
            return self._hexadecimal()
        if character.isalnum() or not character.isascii():
            raise BadExpression
        return _of(character)

    def _hexadecimal(self) -> _Class:
        digits = self._next() + self._next()
        if any(d not in string.hexdigits for d in digits) or int(digits, 16) > 127:
            raise BadExpression
        return _of(chr(int(digits, 16)))

    def _bracket(self) -> _Class:
        negated = self._take("^")
        found = self._range()
        while not self._take("]"):
            found |= self._range()
        return ~found if negated else found

    def _range(self) -> _Class:
        first = self._member()
        if self._peek() != "-" or self._source[self._at + 1 : self._at + 2] in ("", "]"):
            return first
        self._next()
        low, high = _single(first), _single(self._member())
        if low > high:
            raise BadExpression
        return _of("".join(map(chr, range(low, high + 1))))

    def _member(self) -> _Class:
        character = self._next()
        if character == "\\":
            return self._escape()
        if character in "[]":
            raise BadExpression
        return _of(character if character in "^$?{}|*+." else _literal(character))

    def _quantified(self, characters: _Class) -> list[_Position]:
        operator = self._peek()
        if operator == "{":
            least, most = self._counts()
        elif operator and operator in "?*+":
            self._next()
            least, most = int(operator == "+"), 1 if operator == "?" else None
        else:
            return [_Position(characters)]
        self._take("?")  # reluctant: it asks for a shorter match, and whether there is one is the same
        if self._peek() in tuple("?*+{"):
            raise BadExpression
        return _written_out(characters, least, most)

    def _counts(self) -> tuple[int, int | None]:
        end = self._source.find("}", self._at)
        low, comma, high = self._source[self._at + 1 : end].partition(",")
        if end < 0 or not _is_count(low) or (high and not _is_count(high)):
            raise BadExpression
        self._at = end + 1
        most = None if comma and not high else int(high or low)
        if most is not None and most < int(low):
            raise BadExpression
        return int(low), most

    def _peek(self) -> str:
        return self._source[self._at : self._at + 1]

    def _next(self) -> str:
        if self._at >= len(self._source):
            raise BadExpression
        self._at += 1
        return self._source[self._at - 1]

    def _take(self, character: str) -> bool:
        if self._peek() != character:
            return False
        self._at += 1
        return True


def _literal_part(alternative: _Alternative) -> str:
    """The longest text that every match contains: most lines are refused by looking for it."""
    longest = run = ""
    for position in alternative.positions:
        certain = not (position.optional or position.repeated or position.characters.others)
        if certain and position.characters.ascii.bit_count() == 1:
            run += chr(_single(position.characters))
            longest = max(longest, run, key=len)
        else:
            run = ""
    return longest


def _literal(character: str) -> str:
    if character in _LITERALS:
        return character
    raise BadExpression("" if character in "^$?[]{}|*+." else character)


def _single(characters: _Class) -> int:
    """The code of the only member."""
    if characters.others or characters.ascii.bit_count() != 1:
        raise BadExpression
    return characters.ascii.bit_length() - 1


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4 and int(text) <= MAX_POSITIONS


def _written_out(characters: _Class, least: int, most: int | None) -> list[_Position]:
    positions = [_Position(characters)] * least
    if most is not None:
        return positions + [_Position(characters, optional=True)] * (most - least)
    if least:
        return [*positions[:-1], _Position(characters, repeated=True)]
    return [_Position(characters, optional=True, repeated=True)]
