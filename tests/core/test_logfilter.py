"""Filter patterns, mostly the examples of AWS's documentation."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.core.logfilter import BadPattern, parse, selects_everything, split_fields

APACHE = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'
TRAIL = json.dumps(
    {
        "eventType": "UpdateTrail",
        "sourceIPAddress": "111.111.111.111",
        "arrayKey": ["value", "another value"],
        "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
        "SomeObject": None,
        "ThisFlag": True,
        "ThatFlag": False,
        "latency": 612.5,
        "count": 5,
        "status": "404",
        "detail-type": "x_y",
        "id": 9007199254740993,
        "user": {"id": 1, "email": "John.Stiles@example.com"},
        "users": [{"id": 2, "email": "John.Doe@example.com"}],
        "actions": ["GET", "PUT", "DELETE"],
        "coordinates": [[0, 1, 2], [4, 5, 6]],
        "quote": 'say "hi"',
    }
)


@pytest.mark.parametrize(
    ("pattern", "message", "selected"),
    [
        ("", "anything", True),
        ("   ", "anything", True),
        ('""', "anything", True),
        ("ERROR", "[ERROR] A fatal exception", True),
        ("ERROR", "Exiting with ERRORCODE: -1", True),
        ("ERROR", "error", False),
        ("ERROR Exception", "[ERROR] Unhandled Exception", True),
        ("ERROR Exception", "[ERROR] fine", False),
        ("Failed to process", "process the failed: Failed to", True),
        ('"Failed to process"', "Failed to process", True),
        ('"Failed to process"', "process Failed to", False),
        ("ERROR -Exiting", "Exiting with ERROR", False),
        ('"ERROR" - "Exiting now"', "Exiting now: ERROR", False),
        ("-ERROR", "all is well", True),
        ("-ERROR", "ERROR", False),
        ("?ERROR ?WARN", "WARN message", True),
        ("?ERROR ?WARN", "INFO message", False),
        ("?ERROR ?WARN REQUEST", "[INFO] REQUEST", True),
        ("?ERROR ?WARN REQUEST", "[WARN] nothing", False),
        ('"RequestId: 8a-b"', "START RequestId: 8a-b Version", True),
        (r'"say \"hi\""', 'they say "hi"', True),
        (r'"level\\"', r"level\ up", True),
        ("%AUTHORIZED%", "[ERROR 401] UNAUTHORIZED REQUEST", True),
        (r"%\[ERROR 4\d{2}\]%", "[ERROR 419] MISSING ARGUMENTS", True),
        (r"ERROR -%4\d\d%", "ERROR 401", False),
        (r"?%^START% ?%^END%", "END RequestId", True),
        ("größe", "die größe", True),
    ],
)
def test_terms(pattern: str, message: str, selected: bool) -> None:
    assert parse(pattern).matches(message) is selected


@pytest.mark.parametrize(
    ("pattern", "selected"),
    [
        ('{ $.eventType = "UpdateTrail" }', True),
        ("{$.eventType=UpdateTrail}", True),
        ("{ $.eventType = Update* }", True),
        ('{ $.eventType = "*Trail" }', True),
        ("{ $.eventType = *dateT* }", True),
        ("{ $.eventType = Up*ail }", False),
        ("{ $.eventType = * }", True),
        ("{ $.eventType = updatetrail }", False),
        ("{ $.eventType = %Tra[a-i]l% }", True),
        ("{ $.eventType != %^Trail% }", True),
        ("{ $.sourceIPAddress != 123.123.* }", True),
        ("{ $.sourceIPAddress = 111.111.* }", True),
        ('{ $.arrayKey[0] = "value" }', True),
        ("{ $.arrayKey[2] = * }", False),
        ("{ $.arrayKey = * }", False),
        ("{ $.arrayKey != value }", False),
        ("{ $.eventType[0] = U }", False),
        ("{ $.objectList[1].id = 2 }", True),
        ("{ $.SomeObject IS NULL }", True),
        ("{ $.eventType IS NULL }", False),
        ("{ $.SomeObject = * }", False),
        ("{ $.SomeOtherObject NOT EXISTS }", True),
        ("{ $.SomeObject NOT EXISTS }", False),
        ("{ $.missing != x }", False),
        ("{ $.missing != 3 }", False),
        ("{ $.missing IS NULL }", False),
        ("{ $.ThisFlag IS TRUE }", True),
        ("{ $.ThatFlag IS FALSE }", True),
        ("{ $.ThatFlag IS TRUE }", False),
        ("{ $.count IS TRUE }", False),
        ("{ $.ThisFlag = true }", True),
        ("{ $.latency >= 500 }", True),
        ("{ $.latency < 10e3 }", True),
        ("{ $.latency > +1000 }", False),
        ("{ $.latency <= 612.5 }", True),
        ("{ $.count = 5 }", True),
        ("{ $.count = 5.0 }", True),
        ("{ $.count != 5 }", False),
        ("{ $.count > -1 }", True),
        ('{ $.count = "5" }', True),
        ("{ $.status = 404 }", True),
        ("{ $.status = 4* }", True),
        ("{ $.status >= 400 }", True),
        ("{ $.eventType != 3 }", True),
        ("{ $.eventType = 3 }", False),
        ("{ $.id = 9007199254740993 }", True),
        ("{ $.id = 9007199254740992 }", False),
        ('{ $.detail-type = "x_y" }', True),
        (r'{ $.quote = "say \"hi\"" }', True),
        ('{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }', True),
        ('{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }', False),
        (
            '{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch && $.actions[2] = nomatch }',
            True,
        ),
        (
            '{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch) '
            "&& $.actions[2] = nomatch }",
            False,
        ),
    ],
)
def test_json_conditions(pattern: str, selected: bool) -> None:
    assert parse(pattern).matches(TRAIL + "\n") is selected


@pytest.mark.parametrize(
    "message", ["", "plain", "[1]", '"text"', "{", '{"a":', "{" * 100_000, "\ud800{", '{"a":"\ud800"}']
)
def test_a_message_that_is_no_json_object_is_not_selected(message: str) -> None:
    condition = parse("{ $.a NOT EXISTS }")
    assert not condition.matches(message)
    assert condition.extract(message) == {}


@pytest.mark.parametrize(
    ("pattern", "selected"),
    [
        ("[ip, user, username, timestamp, request, status_code, bytes]", True),
        ("[ip, user, username, timestamp, request, status_code]", False),
        ("[..., status_code, bytes]", True),
        ("[ip, user, ..., status_code, bytes]", True),
        ("[ip, user, ...]", True),
        ("[a,b,c,d,e,f,g,h,...]", False),
        ("[a,b,c,d,e,f,g,...]", True),
        ("[ip, user, username, timestamp, request, status_code, bytes > 1000]", True),
        ("[ip, user, username, timestamp, request, status_code, bytes > 2000]", False),
        ("[ip, user, username, timestamp, request, status_code = 4*, bytes]", True),
        ("[ip, user, username, timestamp, request = *html*, status_code = 4*, bytes]", True),
        ("[..., status_code = 4* && status_code != 403, bytes]", True),
        ("[..., status_code = 4* && status_code != 404, bytes]", False),
        ("[..., status_code = 500 || status_code = 404, bytes]", True),
        ("[..., (status_code = 500 || status_code = 404) && status_code > 1, bytes]", True),
        (r"[ip=%127\.0\.0\.[1-9]%, ...]", True),
        ("[..., request=*.html*, status_code=4*,]", True),
        ('[..., request="GET /index.html HTTP/1.0", status_code, bytes]', True),
        ("[..., user != frank, timestamp, request, status_code, bytes]", False),
        ("[…, bytes=1534]", True),
    ],
)
def test_space_delimited_fields(pattern: str, selected: bool) -> None:
    assert parse(pattern).matches(APACHE) is selected


def test_a_field_filter_extracts_named_and_numbered_fields() -> None:
    assert parse("[..., request=*.html*, status_code=4*,]").extract(APACHE) == {
        "$status_code": "404",
        "$request": "GET /index.html HTTP/1.0",
        "$7": "1534",
        "$4": "10/Oct/2000:13:25:15 -0700",
        "$3": "frank",
        "$2": "-",
        "$1": "127.0.0.1",
    }


def test_a_json_filter_extracts_the_values_that_it_names() -> None:
    pattern = "{ $.count = * || $.users[0].id = 2 || $.missing = 1 || $.ThisFlag IS TRUE }"
    assert parse(pattern).extract(TRAIL) == {"$.count": "5", "$.users[0].id": "2", "$.ThisFlag": "true"}


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        ("", []),
        ("  a \t b\n", ["a", "b"]),
        ('[a b] "c d"e', ["a b", "c d", "e"]),
        ('"open [x] y', ['"open', "x", "y"]),
        ("[" * 3 + " b", ["[[[", "b"]),
        ('""', [""]),
    ],
)
def test_the_fields_of_a_message(message: str, fields: list[str]) -> None:
    assert split_fields(message) == fields


@pytest.mark.parametrize("message", ["[ " * 100_000, '" [' * 100_000, "a " * 200_000, "x" * 400_000])
def test_a_hostile_message_is_split_in_linear_time(message: str) -> None:
    assert parse("[..., a, b=2]").matches(message) is False


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("Status:", "Invalid character(s) in term ':'"),
        ("someone@example.com", "Invalid character(s) in term '@'"),
        ("8a1f-22", "Invalid character(s) in term '-'"),
        ('{ $."sc-status" = 5* }', "Invalid character(s) in term '$.\"'"),
        ("a (b)", "Invalid character(s) in term '('"),
        ("ERROR -", "Invalid character(s) in term '-'"),
        ("%something!%", "Invalid character(s) in term '!'"),
        ("50%", "Invalid character(s) in term '%'"),
        ('{ $.a = "x"', "If a filter pattern starts with '{' it must end with '}'"),
        ("[a, b", "If a filter pattern starts with '[' it must end with ']'"),
        ("{", "If a filter pattern starts with '{' it must end with '}'"),
        ('"open', "Invalid filter pattern"),
        ("{}", "Invalid filter pattern"),
        ("{ $.a }", "Invalid filter pattern"),
        ("{ $.a = }", "Invalid filter pattern"),
        ("{ $.a > x }", "Invalid filter pattern"),
        ("{ $.a IS }", "Invalid filter pattern"),
        ("{ $.a IS 3 }", "Invalid filter pattern"),
        ("{ $.a NOT }", "Invalid filter pattern"),
        ("{ $.a = 1 && }", "Invalid filter pattern"),
        ("{ ($.a = 1 }", "Invalid filter pattern"),
        ("{ $.a = 1 $.b = 2 }", "Invalid filter pattern"),
        ("{ a = 1 }", "Invalid filter pattern"),
        ("{" + "(" * 60 + "$.a = 1" + ")" * 60 + "}", "Invalid filter pattern"),
        ("[..., a, ...]", "Invalid filter pattern"),
        ("[ip, status = 4* && bytes > 1000]", "Invalid filter pattern"),
        ("[= 3]", "Invalid filter pattern"),
        ("{ $.a = %x% && $.b = %y% && $.c = %z% }", "Invalid filter pattern"),
        ("%a{5,2}%", "Invalid filter pattern"),
    ],
)
def test_a_pattern_that_cannot_be_read_is_refused_with_a_reason(pattern: str, text: str) -> None:
    with pytest.raises(BadPattern) as refused:
        parse(pattern)
    assert str(refused.value) == text


@given(
    st.lists(
        st.sampled_from(
            ["$.a", "=", "!=", ">", "&&", "||", "(", ")", "x*", "3", '"', "%", ",", "...", "IS", "NULL", "-", "?", " "]
        ),
        max_size=14,
    ),
    st.sampled_from(["", "{}", "[]"]),
    st.sampled_from(['{"a": 3}', "a b 3", ""]),
)
def test_any_text_is_a_pattern_or_a_clean_refusal(pieces: list[str], around: str, message: str) -> None:
    text = around[:1] + "".join(pieces) + around[1:]
    try:
        parse(text).matches(message)
    except BadPattern:
        pass


def test_only_an_empty_pattern_selects_everything_unasked() -> None:
    assert selects_everything(parse(" "))
    assert not selects_everything(parse("a"))
    assert not selects_everything(parse("{ $.a = 1 }"))
