"""Reading requests out of bytes: whatever way they are cut, and whatever is smuggled into them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.kit.http_message import BodyTooLarge, HttpLimits, Refusal, Request
from lambent.kit.http_reader import SLICE, RequestReader, Room, Stage

LIMITS = HttpLimits(body_bytes=1_000)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = GET + b"After: it\r\n\r\n"


def reader(limits: HttpLimits = LIMITS) -> RequestReader:
    return RequestReader(limits, "192.0.2.1", lambda method, target, headers: limits.body_bytes)


def read(*pieces: bytes, limits: HttpLimits = LIMITS) -> RequestReader:
    it = reader(limits)
    for piece in pieces:
        for start in range(0, len(piece), SLICE):
            if it.stage is not Stage.ENDED:
                it.feed(piece[start : start + SLICE])
    return it


def only(it: RequestReader) -> Request:
    assert it.failure is None
    assert len(it.requests) == 1
    return it.requests[0]


def shown(it: RequestReader) -> list[tuple[object, ...]]:
    return [
        (r.method, r.target, r.path, r.query, r.headers, r.body, r.keep_alive, r.http_1_0, r.plain, r.peer)
        for r in it.requests
    ]


def refusal(it: RequestReader) -> tuple[int, str]:
    assert isinstance(it.failure, Refusal), (it.failure, shown(it))
    assert it.stage is Stage.ENDED
    return it.failure.status, it.failure.reason


MESSAGES = {
    "a plain GET": GET + b"\r\n",
    "a query": b"GET /a%20b/c?d=%2F&e HTTP/1.1\r\nHost: h:1\r\nA: 1\r\nA: 2\r\n\r\n",
    "a body": POST + b"Content-Length: 5\r\n\r\nhello",
    "an empty body": POST + b"Content-Length: 0\r\n\r\n",
    "chunks": CHUNKED + b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
    "chunk extensions and trailers": CHUNKED + b'3;a="b c"\r\nabc\r\n0;x\r\nT: u\r\nHost: evil\r\n\r\n',
    "pipelined": POST
    + b"Content-Length: 2\r\n\r\nab"
    + GET
    + b"\r\n"
    + CHUNKED
    + b"1\r\nx\r\n0\r\nT: u\r\n\r\n"
    + NEXT,
    "HTTP/1.0": b"GET /a HTTP/1.0\r\n\r\n",
    "HTTP/1.0 kept alive": b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + NEXT,
    "Connection: close": GET + b"Connection: close\r\n\r\n",
    "an ignored upgrade": POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc" + NEXT,
    "an ignored upgrade in chunks": POST
    + b"Connection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    + NEXT,
    "empty lines before": b"\r\n\r\n" + NEXT,
    "a whole URL": b"GET http://other:81/p?q HTTP/1.1\r\nHost: x\r\n\r\n",
    "HEAD": b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
    "empty and padded fields": GET + b"A:\r\nB: \r\nC:  d e \t \r\n\r\n",
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES.keys())
def test_a_message_cut_at_any_byte_reads_the_same(message: bytes) -> None:
    whole = shown(read(message))
    assert whole
    for at in range(1, len(message)):
        cut = read(message[:at], message[at:])
        assert cut.failure is None, at
        assert shown(cut) == whole, at
    single = read(*(message[i : i + 1] for i in range(len(message))))
    assert shown(single) == whole


def test_a_request_has_all_its_parts() -> None:
    request = only(read(MESSAGES["a query"]))
    assert (request.method, request.target) == ("GET", b"/a%20b/c?d=%2F&e")
    assert (request.path, request.query) == (b"/a%20b/c", b"d=%2F&e")
    assert request.headers == {b"host": b"h:1", b"a": b"1,2"}
    assert (request.body, request.keep_alive, request.peer) == (b"", True, "192.0.2.1")


def test_fields_lose_the_blanks_around_them() -> None:
    headers = only(read(MESSAGES["empty and padded fields"])).headers
    assert headers == {b"host": b"x", b"a": b"", b"b": b"", b"c": b"d e"}


def test_trailers_change_neither_their_request_nor_the_next() -> None:
    first, second = read(MESSAGES["chunk extensions and trailers"] + NEXT).requests
    assert first.headers == {b"host": b"x", b"transfer-encoding": b"chunked"}
    assert first.body == b"abc"
    assert second.headers == {b"host": b"x", b"after": b"it"}


def test_an_upgrade_is_ignored_and_its_body_read() -> None:
    first, second = read(MESSAGES["an ignored upgrade"]).requests
    assert (first.method, first.body, first.headers[b"content-length"]) == ("POST", b"abc", b"3")
    assert b"upgrade" not in first.headers
    assert second.headers[b"after"] == b"it"


def test_many_upgrades_in_a_row_are_ignored() -> None:
    one = GET + b"Connection: Upgrade\r\nUpgrade: x\r\n\r\n"
    assert len(read(one * 200).requests) == 200


def test_the_authority_of_a_whole_url_replaces_the_host() -> None:
    request = only(read(MESSAGES["a whole URL"]))
    assert request.headers[b"host"] == b"other:81"
    assert (request.path, request.query, request.target) == (b"/p", b"q", b"http://other:81/p?q")
    assert only(read(b"GET HTTPS://other?q HTTP/1.1\r\nHost: x\r\n\r\n")).path == b"/"


def test_a_host_that_was_valid_once_is_not_taken_for_another() -> None:
    it = read(NEXT, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n")
    assert len(it.requests) == 1
    assert refusal(it)[0] == 400


def test_a_body_in_thousands_of_small_chunks_is_whole() -> None:
    body = bytes(range(256)) * 40
    chunks = b"".join(b"2\r\n%b\r\n" % body[i : i + 2] for i in range(0, len(body), 2))
    request = only(read(CHUNKED + chunks + b"0\r\n\r\n", limits=replace(LIMITS, body_bytes=len(body))))
    assert request.body == body


def test_nothing_after_a_last_request_is_read() -> None:
    for last in (MESSAGES["Connection: close"], MESSAGES["HTTP/1.0"]):
        for rest in (NEXT, b"\0garbage"):
            it = read(last + rest)
            assert not only(it).keep_alive
            assert it.stage is Stage.ENDED
            assert len(read(last, rest).requests) == 1


@pytest.mark.parametrize(
    ("head", "keep_alive"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: CLOSE\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: x, close\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", True),
    ],
)
def test_the_connection_field_and_the_version_decide_about_reuse(head: bytes, keep_alive: bool) -> None:
    assert only(read(head)).keep_alive is keep_alive


SMUGGLED = {
    "two equal lengths": POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "two lengths": POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a list of lengths": POST + b"Content-Length: 3, 3\r\n\r\nabc",
    "a signed length": POST + b"Content-Length: +3\r\n\r\nabc",
    "a negative length": POST + b"Content-Length: -3\r\n\r\nabc",
    "a hexadecimal length": POST + b"Content-Length: 0x3\r\n\r\nabc",
    "a length with an underscore": POST + b"Content-Length: 1_0\r\n\r\nabc",
    "a length of two words": POST + b"Content-Length: 3 3\r\n\r\nabc",
    "an empty length": POST + b"Content-Length:\r\n\r\nabc",
    "a length beyond 64 bits": POST + b"Content-Length: 99999999999999999999999\r\n\r\nabc",
    "a length and chunks": POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and a length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "gzip, then chunks": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunks, then gzip": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "identity, then chunks, in two fields": POST
    + b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunks in two fields": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a coding like chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a coding with a parameter": POST + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
    "a coding after a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "an empty coding": POST + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a folded field": GET + b"A: b\r\n c\r\n\r\n",
    "a folded first field": b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
    "a bare LF after a field": GET + b"A: b\nC: d\r\n\r\n",
    "a bare LF after the first line": b"GET / HTTP/1.1\nHost: x\r\n\r\n",
    "a bare LF at the head's end": GET + b"\n",
    "a bare CR in a field": GET + b"A: b\rC: d\r\n\r\n",
    "CR CR LF": GET + b"A: b\r\r\n\r\n",
    "NUL in a value": GET + b"A: b\0c\r\n\r\n",
    "a control character in a value": GET + b"A: b\x01c\r\n\r\n",
    "DEL in a value": GET + b"A: b\x7fc\r\n\r\n",
    "NUL in a name": GET + b"A\0: b\r\n\r\n",
    "a blank after a name": GET + b"Content-Length : 3\r\n\r\nabc",
    "a tab after a name": GET + b"A\t: b\r\n\r\n",
    "an empty name": GET + b": b\r\n\r\n",
    "no colon": GET + b"Abc\r\n\r\n",
    "a name beyond ASCII": GET + b"A\xe9: b\r\n\r\n",
    "a name with brackets": GET + b"A(b): c\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two equal hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "two hosts in HTTP/1.0": b"GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n",
    "a host with a path": b"GET / HTTP/1.1\r\nHost: x/y\r\n\r\n",
    "a host with a user": b"GET / HTTP/1.1\r\nHost: u@x\r\n\r\n",
    "a list of hosts": b"GET / HTTP/1.1\r\nHost: x, y\r\n\r\n",
    "an invalid method": b"G@T / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method in lower case": b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a blank before the method": b" GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method and a tab": b"GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT": b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    "TRACE": b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/0.9 by name": b"GET / HTTP/0.9\r\nHost: x\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: x\r\n\r\n",
    "HTTP/2.0": b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a version in lower case": b"GET / http/1.1\r\nHost: x\r\n\r\n",
    "something after the version": b"GET / HTTP/1.1 x\r\nHost: x\r\n\r\n",
    "a blank in the target": b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "NUL in the target": b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target beyond ASCII": b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a fragment in the target": b"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target without a slash": b"GET foo HTTP/1.1\r\nHost: x\r\n\r\n",
    "an asterisk for GET": b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
    "another scheme": b"GET ftp://a/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "a URL without a host": b"GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n",
    "a URL with a user": b"GET http://u:p@h/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "an unknown expectation": POST + b"Expect: the worst\r\nContent-Length: 3\r\n\r\nabc",
    "a chunk size of nothing": CHUNKED + b"\r\nabc",
    "a negative chunk size": CHUNKED + b"-1\r\na",
    "a prefixed chunk size": CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n",
    "a blank after a chunk size": CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n",
    "a chunk size beyond 64 bits": CHUNKED + b"ffffffffffffffff1\r\nabc",
    "a bare LF after a chunk size": CHUNKED + b"3\nabc\r\n0\r\n\r\n",
    "a bare CR in a chunk extension": CHUNKED + b"3;a\rb\r\nabc\r\n0\r\n\r\n",
    "a bare LF in a chunk extension": CHUNKED + b"3;a\nb\r\nabc\r\n0\r\n\r\n",
    "a chunk longer than its size": CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n",
    "a bare LF after a chunk": CHUNKED + b"3\r\nabc\n0\r\n\r\n",
    "a bare LF at the body's end": CHUNKED + b"3\r\nabc\r\n0\r\n\n",
    "a length among the trailers": CHUNKED + b"3\r\nabc\r\n0\r\nContent-Length: 5\r\n\r\n",
    "a folded trailer": CHUNKED + b"3\r\nabc\r\n0\r\n a: b\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("message", SMUGGLED.values(), ids=SMUGGLED.keys())
def test_what_could_be_understood_in_two_ways_is_refused(message: bytes) -> None:
    it = read(message + NEXT)
    status, reason = refusal(it)
    assert status in (400, 417, 501, 505)
    assert reason
    assert not it.requests
    single = read(*(message[i : i + 1] for i in range(len(message))))
    assert refusal(single)[0] == status
    later = read(NEXT + message)
    assert refusal(later)[0] == status
    assert len(later.requests) == 1


def test_a_second_host_is_refused_by_name() -> None:
    assert refusal(read(SMUGGLED["two equal hosts"])) == (400, "There is more than one host field.")


def test_what_came_before_a_refusal_is_still_there() -> None:
    it = read(NEXT + SMUGGLED["two lengths"])
    assert len(it.requests) == 1
    assert refusal(it)[0] == 400


def test_a_failure_of_the_body_limit_is_not_hidden() -> None:
    def limit(method: str, target: bytes, headers: dict[bytes, bytes]) -> int:
        raise ZeroDivisionError

    it = RequestReader(LIMITS, "", limit)
    it.feed(POST + b"Content-Length: 3\r\n\r\nabc")
    assert isinstance(it.failure, ZeroDivisionError)


def test_a_body_limit_may_refuse() -> None:
    def limit(method: str, target: bytes, headers: dict[bytes, bytes]) -> int:
        raise Refusal(403, "not you")

    it = RequestReader(LIMITS, "", limit)
    it.feed(POST + b"Content-Length: 3\r\n\r\nabc")
    assert refusal(it) == (403, "not you")


@pytest.mark.parametrize(("length", "asked"), [(3, 0), (4, 1)])
def test_the_body_limit_is_not_asked_about_small_bodies(length: int, asked: int) -> None:
    calls = 0

    def limit(method: str, target: bytes, headers: dict[bytes, bytes]) -> int:
        nonlocal calls
        calls += 1
        return 100

    it = RequestReader(HttpLimits(unasked_bytes=3), "", limit)
    it.feed(POST + b"Content-Length: %d\r\n\r\n" % length + b"x" * length)
    assert (it.requests[0].body, calls) == (b"x" * length, asked)


def test_the_body_limit_is_asked_about_bodies_of_unknown_length() -> None:
    it = RequestReader(HttpLimits(unasked_bytes=100), "", lambda method, target, headers: 2)
    it.feed(POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    assert refusal(it)[0] == 413


def test_unfinished_bodies_have_so_much_room_together() -> None:
    room = Room(4)
    first, second = (RequestReader(LIMITS, "", lambda *request: 100, room) for _ in range(2))
    for piece in (POST + b"Content-Length: 9\r\n\r\n", b"ab", b"cdef"):
        first.feed(piece)
    for piece in (POST + b"Content-Length: 9\r\n\r\n", b"ab", b"c"):
        second.feed(piece)
    assert refusal(second) == (503, "Too much is being sent at once.")
    first.release()
    assert room.left == 4


def test_a_whole_body_gives_its_room_back() -> None:
    room = Room(4)
    it = RequestReader(LIMITS, "", lambda *request: 100, room)
    for _ in range(2):
        for piece in (POST + b"Content-Length: 6\r\n\r\n", b"ab", b"cdef"):
            it.feed(piece)
        assert it.requests.popleft().body == b"abcdef"
        assert room.left == 4


SMALL = HttpLimits(target_bytes=50, head_bytes=500, header_fields=5, body_bytes=10)


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 49), None),
        (b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 50), 414),
        (GET + b"".join(b"F%d: y\r\n" % i for i in range(4)) + b"\r\n", None),
        (GET + b"".join(b"F%d: y\r\n" % i for i in range(5)) + b"\r\n", 431),
        (GET + b"F: y\r\n" * 4 + b"\r\n", None),
        (GET + b"F: y\r\n" * 5 + b"\r\n", 431),
        (GET + b"F: y\r\n" * 50 + b"\r\n", 431),
        (GET + b"F: %b\r\n\r\n" % (b"y" * 480), None),
        (GET + b"F: %b\r\n\r\n" % (b"y" * 500), 431),
        (POST + b"Content-Length: 10\r\n\r\n0123456789", None),
        (POST + b"Content-Length: 11\r\n\r\n01234567890", 413),
        (POST + b"Content-Length: 18446744073709551615\r\n\r\n", 413),
        (CHUNKED + b"5\r\n01234\r\n5\r\n01234\r\n0\r\n\r\n", None),
        (CHUNKED + b"5\r\n01234\r\n6\r\n012345\r\n0\r\n\r\n", 413),
    ],
)
def test_a_limit_holds_to_the_byte_however_it_is_reached(message: bytes, status: int | None) -> None:
    for pieces in ([message], [message[:20], message[20:]], [bytes([b]) for b in message]):
        it = read(*pieces, limits=SMALL)
        if status is None:
            only(it)
        else:
            assert refusal(it)[0] == status
    later = read(GET + b"\r\n" + message, limits=SMALL)
    assert len(later.requests) == (2 if status is None else 1)


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 50), 414),
        (GET + b"".join(b"F%d: y\r\n" % i for i in range(5)) + b"\r\n", 431),
        (GET + b"F: %b\r\n\r\n" % (b"y" * (SLICE + 1_000)), 431),
    ],
)
def test_a_limit_holds_for_every_request_of_a_connection(message: bytes, status: int) -> None:
    it = read(GET + b"\r\n" + message, limits=replace(SMALL, head_bytes=SLICE))
    assert len(it.requests) == 1
    assert refusal(it)[0] == status


def test_a_body_that_is_too_large_is_refused_with_its_request() -> None:
    it = read(b"PUT /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n", limits=SMALL)
    assert isinstance(it.failure, BodyTooLarge)
    assert (it.failure.request.method, it.failure.request.path, it.failure.limit) == ("PUT", b"/a", 10)


@pytest.mark.parametrize(
    ("endless", "status"),
    [
        (b"GET /" + b"a" * 100_000, 414),
        (GET + b"F: " + b"y" * 100_000, 431),
        (GET + b"y" * 100_000, 431),
        (CHUNKED + b"1;" + b"e" * 200_000, 400),
        (CHUNKED + b"1\r\nx\r\n0\r\nT: " + b"u" * 200_000, 400),
        (CHUNKED + b"1\r\nx\r\n0\r\n" + b"T: u\r\n" * 200_000, 431),
    ],
)
def test_what_never_ends_is_refused_before_it_fills_the_memory(endless: bytes, status: int) -> None:
    assert refusal(read(endless))[0] == status


def test_the_stage_tells_what_is_under_way() -> None:
    it = reader()
    assert it.stage is Stage.BETWEEN
    it.feed(b"P")
    assert it.stage is Stage.HEAD
    it.feed(b"OST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert it.stage is Stage.BODY
    assert it.expects
    it.feed(b"ab")
    assert (it.received_bytes(), it.certain_bytes()) == (2, 1)
    it.feed(b"c")
    assert it.stage is Stage.BETWEEN
    assert not it.expects


TOKENS = st.sampled_from(
    [
        *(b"GET POST HEAD / /a?b * HTTP/1.1 HTTP/1.0 Host: x Content-Length: Transfer-Encoding: chunked").split(b" "),
        *(b"Connection: close Upgrade: Expect: 100-continue 0 3 5 abc ; , \t").split(b" "),
        *(b" ", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", GET, POST, NEXT, CHUNKED, b"3\r\nabc\r\n", b"0\r\n\r\n"),
        *(b"Connection: Upgrade\r\nUpgrade: h2c\r\n", b"Content-Length: 3\r\n"),
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(TOKENS, st.binary(max_size=8)), max_size=40), st.data())
def test_any_bytes_cut_anyhow_read_the_same(tokens: list[bytes], data: st.DataObject) -> None:
    message = b"".join(tokens)
    whole = read(message)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(message)), max_size=6)))
    pieces = [message[a:b] for a, b in zip([0, *cuts], [*cuts, len(message)], strict=True)]
    cut = read(*pieces)
    assert shown(cut) == shown(whole)
    assert cut.stage is whole.stage
    assert type(cut.failure) is type(whole.failure)
    for it in (cut, whole):
        assert it.failure is None or isinstance(it.failure, Refusal)
