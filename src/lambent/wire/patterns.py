"""Java's regular expressions, in which the models' patterns are written, as Python's."""

from __future__ import annotations

import re
import sys
import unicodedata
import warnings
from functools import lru_cache

_POSIX = {
    "Lower": "a-z", "Upper": "A-Z", "ASCII": "\\x00-\\x7F", "Alpha": "a-zA-Z", "Digit": "0-9",
    "Alnum": "a-zA-Z0-9", "Punct": "!-/:-@\\[-`{-~", "Graph": "!-~", "Print": " -~", "Blank": " \\t",
    "Cntrl": "\\x00-\\x1F\\x7F", "XDigit": "0-9a-fA-F", "Space": " \\t\\n\\x0B\\f\\r",
}  # fmt: skip
_CATEGORY_ALIASES = {"IsAlphabetic": "L", "IsLetter": "L", "IsDigit": "Nd", "IsPunctuation": "P", "javaLetter": "L"}
_BLANKS = " \\t\\xA0\\u1680\\u180e\\u2000-\\u200a\\u202f\\u205f\\u3000"
_TOKEN = re.compile(
    r"\\Q(?P<quoted>.*?)(?:\\E|$)|\\(?P<negated>[pP])(?:\{(?P<long>[^}]*)\}|(?P<short>.))"
    r"|\\x\{(?P<wide>[0-9a-fA-F]+)\}|(?P<other>\\.|\[\^?\]?|\]|\(\?<(?![=!])|.)",
    re.DOTALL,
)
_SURROGATES = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_SETS = frozenset({"\\w", "\\d", "\\s", "\\W", "\\D", "\\S"})
_SIMPLE = {"\\h": _BLANKS, "\\e": "\\x1B"}


class Untranslatable(ValueError):
    """The pattern uses what Python's regular expressions lack."""


def compile_java(pattern: str) -> re.Pattern[str] | None:
    """The pattern for full matches; None when Python cannot have it, so that nothing is checked."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return re.compile(translate(pattern), re.ASCII)
    except (re.error, Untranslatable, Warning, OverflowError, RecursionError):
        return None


def translate(pattern: str) -> str:
    """Java's \\p{…}, \\Q…\\E, \\x{…}, \\h, \\z and named groups in Python's words. Raises Untranslatable."""
    out: list[str] = []
    in_class = False
    for match in _TOKEN.finditer(_SURROGATES.sub(_joined, pattern)):
        token = match.group("other")
        if match.group("quoted") is not None:
            out.append(re.escape(match.group("quoted")))
        elif match.group("negated"):
            name = match.group("long") or match.group("short")
            out.append(_property(name, is_negated=match.group("negated") == "P", in_class=in_class))
        elif match.group("wide"):
            out.append(f"\\U{int(match.group('wide'), 16):08x}")
        elif token.startswith("[") and in_class:
            # Java would open a class inside the class: a union, or with && an intersection.
            raise Untranslatable(pattern)
        elif token.startswith("["):
            in_class = True
            out.append(token)
        elif token == "]":
            in_class = False
            out.append(token)
        elif token in _SIMPLE:
            out.append(_SIMPLE[token] if in_class else f"[{_SIMPLE[token]}]")
        elif token == "(?<":
            out.append("(?P<")
        elif token == "\\z":
            out.append("\\Z")
        elif token == "-" and in_class and out[-1] in _SETS:
            # After a set it cannot be a range, and Python wants that said.
            out.append("\\-")
        elif token == "&" and in_class and out[-1] == "&":
            raise Untranslatable(pattern)
        else:
            out.append(token)
    return "".join(out)


def _joined(pair: re.Match[str]) -> str:
    """A character beyond the first plane, which Java's patterns may spell as two surrogates."""
    code = 0x10000 + (int(pair[1], 16) - 0xD800) * 0x400 + int(pair[2], 16) - 0xDC00
    return f"\\U{code:08x}"


def _property(name: str, *, is_negated: bool, in_class: bool) -> str:
    members = _POSIX.get(name) or _category(_CATEGORY_ALIASES.get(name, name.removeprefix("Is")))
    if in_class and is_negated:
        raise Untranslatable(name)
    return members if in_class else f"[{'^' if is_negated else ''}{members}]"


@lru_cache(maxsize=32)
def _category(name: str) -> str:
    """The characters of a general category (L, Lu, N, Z, …) as the inside of a class."""
    if not re.fullmatch(r"[LMNPSZC][a-z]?", name):
        raise Untranslatable(name)
    major, minor = _categories()
    runs = re.finditer(f"{name}+", major) if len(name) == 1 else re.finditer(f"{name[1]}+", minor)
    ranges = [f"\\U{run.start():08x}-\\U{run.end() - 1:08x}" for run in runs if major[run.start()] == name[0]]
    if name in ("L", "Lo"):
        ranges.append("\\U00020000-\\U000323af")
    if name in ("C", "Cn", "Co"):
        ranges.append(f"\\U000e1000-\\U{sys.maxunicode:08x}")
    return "".join(ranges)


@lru_cache(maxsize=1)
def _categories() -> tuple[str, str]:
    """The first and the second letter of each character's category, up to U+1FFFF.

    The planes above hold CJK letters almost alone; walking them too would make these 30 ms a tenth of a second.
    """
    both = [unicodedata.category(chr(code)) for code in range(0x20000)]
    return "".join([c[0] for c in both]), "".join([c[1] for c in both])
