"""What is wrong with a payload, as AWS tells it."""
# ruff: noqa: E501  (tables are read by row)

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.core.jsonfault import json_fault

EXPECTED = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
VALUE = f"expected a valid value {EXPECTED}"


def at(line: int, column: int) -> str:
    return (
        f"[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {line}, column: {column}]"
    )


@pytest.mark.parametrize(
    ("payload", "text", "place"),
    [
        # recorded or reported of AWS
        (b"\x99\xeb,j\x07\xa1zYh", f"Unexpected character ((CTRL-CHAR, code 153)): {VALUE}", (1, 1)),
        (b"n\x87r\x9e\xe9\xb5\xd7I\xee\x9bmt", "Invalid UTF-8 start byte 0x87", (1, 3)),
        (b"badbod", f"Unrecognized token 'badbod': was expecting {EXPECTED}", (1, 7)),
        (b"--x", "Unexpected character ('-' (code 45)) in numeric value: expected digit (0-9) to follow minus sign, for "
         "valid numeric value", (1, 2)),
        (b'{"a": "b" 1}', "Unexpected character ('1' (code 49)): was expecting comma to separate Object entries", (1, 11)),
        (b"{'a': 1}", "Unexpected character (''' (code 39)): was expecting double-quote to start field name", (1, 2)),
        (b"\xb2", f"Unexpected character ('\xb2' (code 178)): {VALUE}", (1, 1)),
        # the rest of what the parser has
        (b"{a}", "Unexpected character ('a' (code 97)): was expecting double-quote to start field name", (1, 2)),
        (b'{"a" 1}', "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value", (1, 6)),
        (b"[1,]", "Unexpected character (']' (code 93)): expected a value", (1, 4)),
        (b'{"a":}', "Unexpected character ('}' (code 125)): expected a value", (1, 6)),
        (b"[1 2]", "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries", (1, 4)),
        (b"[1}", f"Unexpected close marker '}}': expected ']' (for Array starting at {at(1, 1)})", (1, 4)),
        (b"]", f"Unexpected close marker ']': expected '}}' (for root starting at {at(1, 0)})", (1, 2)),
        (b'{"a": 1', f"Unexpected end-of-input: expected close marker for Object (start marker at {at(1, 1)})", (1, 8)),
        (b'{"a":', "Unexpected end-of-input within/between Object entries", (1, 6)),
        (b'{"a', "Unexpected end-of-input: was expecting closing '\"' for name", (1, 4)),
        (b'"x', "Unexpected end-of-input: was expecting closing quote for a string value", (1, 3)),
        (b'"\x01"', "Illegal unquoted character ((CTRL-CHAR, code 1)): has to be escaped using backslash to be included in "
         "string value", (1, 2)),
        (b'"\\x"', "Unrecognized character escape 'x' (code 120)", (1, 4)),
        (b'"\\u12g4"', "Unexpected character ('g' (code 103)): expected a hex-digit for character escape sequence", (1, 6)),
        (b'"\xc3("', "Invalid UTF-8 middle byte 0x28", (1, 4)),
        (b"tru", f"Unrecognized token 'tru': was expecting {EXPECTED}", (1, 4)),
        (b"truest of all", f"Unrecognized token 'truest': was expecting {EXPECTED}", (1, 8)),
        (b"NaN", "Non-standard token 'NaN': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow", (1, 4)),
        (b'{"a":01}', "Invalid numeric value: Leading zeroes not allowed", (1, 7)),
        (b"1.x", "Unexpected character ('x' (code 120)) in numeric value: Decimal point not followed by a digit", (1, 3)),
        (b"1ex", "Unexpected character ('x' (code 120)) in numeric value: Exponent indicator not followed by a digit", (1, 3)),
        (b"1x", "Unexpected character ('x' (code 120)): Expected space separating root-level values", (1, 2)),
        (b"{\r\n \x02}", "Illegal character ((CTRL-CHAR, code 2)): only regular white space (\\r, \\n, \\t) is allowed "
         "between tokens", (2, 2)),
        (b'{\n"a": 1,\n b}', "Unexpected character ('b' (code 98)): was expecting double-quote to start field name", (3, 2)),
        (b"[" * 1001, "Document nesting depth (1001) exceeds the maximum allowed (1000, from "
         "`StreamReadConstraints.getMaxNestingDepth()`)", (1, 1002)),
        (b"a" * 300, f"Unrecognized token '{'a' * 256}...': was expecting {EXPECTED}", (1, 257)),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place(payload: bytes, text: str, place: tuple[int, int]) -> None:
    assert json_fault(payload) == f"{text}\n at {at(*place)}"


values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(values, st.booleans(), st.sampled_from([None, 2]))
def test_nothing_is_wrong_with_json(value: object, plain: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=plain, indent=indent)
    assert json_fault(text.encode(errors="surrogatepass")) is None


@given(st.binary(max_size=40) | st.text(alphabet='{}[]",:\\0123e.-+tfnu \n', max_size=20).map(str.encode))
def test_there_is_a_fault_in_all_that_the_standard_library_refuses(payload: bytes) -> None:
    try:
        json.loads(payload.decode(), parse_constant=lambda name: json.loads(""))
    except UnicodeDecodeError:
        return  # this parser is less strict about what UTF-8 may say
    except ValueError:
        assert json_fault(payload) is not None
    else:
        assert json_fault(payload) is None
