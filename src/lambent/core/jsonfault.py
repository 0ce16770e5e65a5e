"""What is wrong with a payload that should be JSON, and where: in the words of the parser that AWS reads it with. Pure.

Only for what is no JSON, and not too long: it goes through the text byte by byte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

_SOURCE = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {}, column: {}]"
_EXPECTED = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
_DEPTH = 1000
_TOKENS = {"t": "true", "f": "false", "n": "null", "N": "NaN", "I": "Infinity"}
_PLAIN = re.compile(rb'[^"\\\x00-\x1f\x80-\xff]*')
_LINE = re.compile(rb"\r\n|\r|\n")
_DIGITS = re.compile(rb"[0-9]*")
_FOLLOWING = ((0xC0, 0xE0, 1), (0xE0, 0xF0, 2), (0xF0, 0xF8, 3))
"""First bytes of a character of UTF-8, from and before, and how many bytes follow them."""


def json_fault(payload: bytes) -> str | None:
    """The complaint about `payload` with its place; None when this parser finds nothing wrong."""
    reader = _Reader(payload)
    try:
        reader.check()
    except _Fault as fault:
        return f"{fault.text}\n at {_place(payload, fault.at)}"
    return None


class _Fault(Exception):
    def __init__(self, text: str, at: int) -> None:
        super().__init__(text)
        self.text = text
        self.at = at


@dataclass(slots=True)
class _Open:
    """An array or object that is not closed yet."""

    kind: str
    start: int
    """Where its bracket is."""
    entries: int = 0


class _Reader:
    """Reads one value as the parser does, token by token; `at` is the first byte that it has not taken."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._open: list[_Open] = []

    def check(self) -> None:
        """Raises the first fault."""
        self._value(self._past_blanks())
        while self._open:
            self._entry()
        if (following := self._past_blanks()) is not None:
            self._unexpected(following, f"expected a valid value {_EXPECTED}")

    def _entry(self) -> None:
        """One entry of what was opened last, or its end."""
        within = self._open[-1]
        byte = self._past_blanks()
        if byte is None:
            self._fail(
                f"Unexpected end-of-input: expected close marker for {within.kind} "
                f"(start marker at {_place(self._data, within.start)})"
            )
        if chr(byte) in "]}":
            self._close(chr(byte))
            return
        if within.entries:
            if byte != ord(","):
                self._unexpected(byte, f"was expecting comma to separate {within.kind} entries")
            byte = self._some(within.kind)
        within.entries += 1
        if within.kind == "Object":
            if byte != ord('"'):
                self._unexpected(byte, "was expecting double-quote to start field name")
            self._string("name", "closing '\"' for name")
            if (colon := self._some("Object")) != ord(":"):
                self._unexpected(colon, "was expecting a colon to separate field name and value")
            byte = self._some("Object")
        self._value(byte)

    def _close(self, bracket: str) -> None:
        kind = "Array" if bracket == "]" else "Object"
        if not self._open or self._open[-1].kind != kind:
            within = self._open[-1] if self._open else _Open("root", -1)
            place = _place(self._data, within.start) if self._open else _SOURCE.format(1, 0)
            expected = "]" if kind == "Object" else "}"
            self._fail(
                f"Unexpected close marker '{bracket}': expected '{expected}' (for {within.kind} starting at {place})"
            )
        self._open.pop()

    def _value(self, byte: int | None) -> None:
        if byte is None:
            self._fail("Unexpected end-of-input")
        first = chr(byte)
        if first in "{[":
            self._open.append(_Open("Object" if first == "{" else "Array", self._at - 1))
            if len(self._open) > _DEPTH:
                self._fail(
                    f"Document nesting depth ({len(self._open)}) exceeds the maximum allowed ({_DEPTH}, from "
                    "`StreamReadConstraints.getMaxNestingDepth()`)"
                )
        elif first == '"':
            self._string("string value", "closing quote for a string value")
        elif first in _TOKENS:
            self._token(_TOKENS[first])
        elif first in "-0123456789":
            self._number(first)
        elif first == "]" and not self._open:
            self._close(first)
        elif first in ",}" or (first == "]" and self._open[-1].kind == "Array"):
            self._unexpected(byte, "expected a value")
        elif _starts_identifier(first):
            self._unknown_token(first)
        else:
            self._unexpected(byte, f"expected a valid value {_EXPECTED}")

    def _string(self, what: str, end: str) -> None:
        while True:
            plain = _PLAIN.match(self._data, self._at)
            self._at = plain.end() if plain else self._at
            byte = self._take(f": was expecting {end}")
            if byte == ord('"'):
                return
            if byte == ord("\\"):
                self._escape()
            elif byte < 0x20:
                text = (
                    f"Illegal unquoted character ({_shown(byte)}): has to be escaped using backslash to be included in "
                )
                raise _Fault(text + what, self._at - 1)
            else:
                self._rest_of_character(byte)

    def _escape(self) -> None:
        byte = self._take(" in character escape sequence")
        if byte == ord("u"):
            for _ in range(4):
                digit = self._take(" in character escape sequence")
                if chr(digit) not in "0123456789abcdefABCDEF":
                    self._unexpected(digit, "expected a hex-digit for character escape sequence")
        elif chr(byte) not in '"\\/bfnrt':
            self._fail(f"Unrecognized character escape {_shown(byte)}")

    def _rest_of_character(self, byte: int) -> None:
        """The bytes that follow the first one of a character of UTF-8."""
        for start, before, following in _FOLLOWING:
            if start <= byte < before:
                for _ in range(following):
                    middle = self._take(": was expecting closing quote for a string value")
                    if middle & 0xC0 != 0x80:
                        self._fail(f"Invalid UTF-8 middle byte 0x{middle:x}")
                return
        self._fail(f"Invalid UTF-8 start byte 0x{byte:x}")

    def _token(self, wanted: str) -> None:
        """Its first byte has been taken."""
        for length in range(1, len(wanted)):
            if self._data[self._at : self._at + 1] != wanted[length].encode():
                self._unknown_token(wanted[:length])
            self._at += 1
        if wanted in ("NaN", "Infinity"):
            self._fail(f"Non-standard token '{wanted}': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow")
        following = self._data[self._at : self._at + 1]
        if following >= b"0" and following not in (b"]", b"}") and _continues_identifier(chr(following[0])):
            self._unknown_token(wanted)

    def _unknown_token(self, so_far: str) -> NoReturn:
        while self._at < len(self._data):
            character = self._character()
            if not _continues_identifier(character):
                break
            so_far += character
            if len(so_far) >= 256:
                so_far += "..."
                break
        self._fail(f"Unrecognized token '{so_far}': was expecting {_EXPECTED}")

    def _character(self) -> str:
        start, byte = self._at, self._take("")
        if byte >= 0x80:
            self._rest_of_character(byte)
        return self._data[start : self._at].decode(errors="replace")

    def _number(self, first: str) -> None:
        if first == "-":
            byte = self._take("")
            if chr(byte) not in "0123456789":
                self._not_numeric(byte, "expected digit (0-9) to follow minus sign, for valid numeric value")
            first = chr(byte)
        if first == "0" and self._data[self._at : self._at + 1].isdigit():
            self._fail("Invalid numeric value: Leading zeroes not allowed")
        self._digits()
        if self._peek() == ".":
            self._at += 1
            self._digits("Decimal point not followed by a digit")
        if self._peek() in ("e", "E"):
            self._at += 1
            if self._peek() in ("+", "-"):
                self._at += 1
            self._digits("Exponent indicator not followed by a digit")
        if not self._open and self._peek() not in ("", " ", "\t", "\n", "\r"):
            self._unexpected(self._take(""), "Expected space separating root-level values")

    def _digits(self, missing: str | None = None) -> None:
        found = _DIGITS.match(self._data, self._at)
        end = found.end() if found else self._at
        if end == self._at and missing is not None:
            self._not_numeric(self._take(""), missing)
        self._at = end

    def _past_blanks(self) -> int | None:
        """Takes the next byte that is no blank; None at the end."""
        while self._at < len(self._data):
            byte = self._data[self._at]
            self._at += 1
            if byte > 0x20:
                return byte
            if byte not in b" \t\r\n":
                blanks = "only regular white space (\\r, \\n, \\t) is allowed between tokens"
                raise _Fault(f"Illegal character ({_shown(byte)}): {blanks}", self._at - 1)
        return None

    def _some(self, kind: str) -> int:
        """The same, where the text cannot end."""
        byte = self._past_blanks()
        if byte is None:
            self._fail(f"Unexpected end-of-input within/between {kind} entries")
        return byte

    def _take(self, what_ended: str) -> int:
        if self._at >= len(self._data):
            self._fail(f"Unexpected end-of-input{what_ended}")
        self._at += 1
        return self._data[self._at - 1]

    def _peek(self) -> str:
        return self._data[self._at : self._at + 1].decode("latin-1")

    def _unexpected(self, byte: int, why: str) -> NoReturn:
        raise _Fault(f"Unexpected character ({_shown(byte)}): {why}", self._at - 1)

    def _not_numeric(self, byte: int, why: str) -> NoReturn:
        raise _Fault(f"Unexpected character ({_shown(byte)}) in numeric value: {why}", self._at - 1)

    def _fail(self, text: str) -> NoReturn:
        raise _Fault(text, self._at)


def _place(data: bytes, at: int) -> str:
    line, start = 1, 0
    for end in _LINE.finditer(data, 0, at):
        line, start = line + 1, end.end()
    return _SOURCE.format(line, at - start + 1)


def _shown(byte: int) -> str:
    if byte < 0x20 or 0x7F <= byte < 0xA0:
        return f"(CTRL-CHAR, code {byte})"
    return f"'{chr(byte)}' (code {byte})"


def _starts_identifier(character: str) -> bool:
    return character.isalpha() or character in "_$"


def _continues_identifier(character: str) -> bool:
    return character.isalnum() or character in "_$"
