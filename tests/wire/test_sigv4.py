"""Signatures: botocore's are accepted, everything else is refused with AWS's words."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import re
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.wire import canonical, signing, sigv4
from lambent.wire.call import Principal
from lambent.wire.errors import (
    AccessDenied,
    ApiError,
    ExpiredToken,
    IncompleteSignature,
    InvalidSignature,
    MissingAuthenticationToken,
    UnrecognizedClient,
)
from lambent.wire.message import PlainRequest

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ALICE = Principal("123456789012", "arn:aws:iam::123456789012:user/alice", "AIDA", "AKIDEXAMPLE")
ROLE = Principal("123456789012", "arn:aws:sts::123456789012:assumed-role/r/s", "AROA:s", "ASIAEXAMPLE", "token")
NOW = 1_700_000_000.0
MISMATCH = "The request signature we calculated does not match"


class Keys:
    """Two keys: a user's, and a session's that ends."""

    def find(self, access_key: str, session_token: str | None, now: float) -> sigv4.Key | None:
        if (access_key, session_token) == ("AKIDEXAMPLE", None):
            return sigv4.Key(SECRET, ALICE)
        if (access_key, session_token) == ("ASIAEXAMPLE", "token"):
            if now > NOW + 1000:
                raise ExpiredToken("The security token included in the request is expired")
            return sigv4.Key(SECRET, ROLE)
        return None


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: _utc(remove_tzinfo), raising=False
    )


def _utc(remove_tzinfo: bool) -> datetime.datetime:
    now = datetime.datetime.fromtimestamp(NOW, datetime.UTC)
    return now.replace(tzinfo=None) if remove_tzinfo else now


def by_botocore(
    method: str = "POST",
    url: str = "http://127.0.0.1:4566/2015-03-31/functions/noop/invocations",
    body: bytes = b'{"a": 1}',
    headers: Mapping[str, str] | None = None,
    *,
    service: str = "lambda",
    region: str = "eu-west-1",
    key: tuple[str, str, str | None] = ("AKIDEXAMPLE", SECRET, None),
    auth: Any = None,
    **options: Any,
) -> PlainRequest:
    request = AWSRequest(method, url, data=body, headers=dict(headers or {"X-Amz-Log-Type": "Tail"}))
    (auth or botocore.auth.SigV4Auth)(Credentials(*key), service, region, **options).add_auth(request)
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    sent = {n.lower().encode(): v if isinstance(v, bytes) else v.encode() for n, v in prepared.headers.items()}
    sent |= {b"host": parts.netloc.encode(), b"user-agent": b"Boto3"}
    return PlainRequest(method, parts.path.encode() or b"/", parts.query.encode(), sent, body)


def verify(request: PlainRequest, now: float = NOW, **options: Any) -> tuple[sigv4.Verified, bytes]:
    return sigv4.verify(request, Keys(), now, **options)


def with_header(request: PlainRequest, name: bytes, value: bytes | None) -> PlainRequest:
    headers = {n: v for n, v in request.headers.items() if n != name}
    return replace(request, headers=headers if value is None else {**headers, name: value})


# --- accepted ---------------------------------------------------------------------------------------------


def test_a_header_signature_of_botocore_is_accepted() -> None:
    verified, body = verify(by_botocore())
    assert (verified.principal, verified.region, verified.service) == (ALICE, "eu-west-1", "lambda")
    assert body == b'{"a": 1}'


def test_a_session_is_found_by_its_key_and_its_token() -> None:
    verified, _ = verify(by_botocore(key=("ASIAEXAMPLE", SECRET, "token")))
    assert verified.principal == ROLE


@pytest.mark.parametrize(
    "path",
    [
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af/code",
        "/2015-03-31/functions/arn:aws:lambda:f/code",
        "/a//b/./c/../d/",
        "/a%20b/%E2%82%AC~x/*",
        "/",
    ],
)
@pytest.mark.parametrize(
    "query", ["", "?Marker=&MaxItems=5", "?b=2&a=1&a=0&A=%2F%20x", "?find=LayerVersion&Arn=arn%3Aaws"]
)
def test_odd_paths_and_queries_are_made_canonical_as_botocore_does(path: str, query: str) -> None:
    verify(by_botocore("GET", f"http://localhost:4566{path}{query}", b""))


@settings(deadline=None)
@given(
    path=st.text(min_size=0, max_size=20),
    query=st.lists(st.tuples(st.text(min_size=1, max_size=5), st.text(max_size=5)), max_size=4),
    value=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20),
    body=st.binary(max_size=50),
)
def test_what_botocore_signs_is_accepted(path: str, query: list[tuple[str, str]], value: str, body: bytes) -> None:
    text = "&".join(f"{quote(n, safe='-_.~')}={quote(v, safe='-_.~')}" for n, v in query)
    request = by_botocore("PUT", f"http://h/{quote(path)}?{text}", body, {"X-Amz-Meta": value})
    # The stand-in for the clock is not in force here, so the time is the signature's own.
    signature = sigv4.Signature.parse(request)
    assert signature is not None
    verify(request, now=sigv4._epoch(signature.stamp))


def test_a_presigned_url_of_botocore_is_accepted_until_it_expires() -> None:
    request = by_botocore(
        "GET", "http://h/2015-03-31/functions", b"", {}, auth=botocore.auth.SigV4QueryAuth, expires=600
    )
    verify(request)
    verify(request, now=NOW + 600)
    with pytest.raises(
        InvalidSignature, match=r"^Signature expired: \d{8}T\d{6}Z is now earlier than .* - 10 min\.\)$"
    ):
        verify(request, now=NOW + 601)


def test_an_s3_url_says_that_the_request_has_expired() -> None:
    request = by_botocore(
        "GET", "http://h/bucket/a%20key", b"", {}, service="s3", auth=botocore.auth.S3SigV4QueryAuth, expires=60
    )
    verify(request)
    with pytest.raises(AccessDenied, match="Request has expired"):
        verify(request, now=NOW + 61)


def test_an_s3_header_signature_covers_the_path_as_sent_and_the_declared_hash() -> None:
    request = by_botocore(
        "PUT", "http://h/bucket/a//b%20c/../d", b"data", {}, service="s3", auth=botocore.auth.S3SigV4Auth
    )
    verify(request)
    with pytest.raises(ApiError) as refused:
        verify(replace(request, body=b"other"))
    assert refused.value.code == "XAmzContentSHA256Mismatch"


def test_an_unsigned_body_is_accepted_only_where_that_is_permitted() -> None:
    request = by_botocore(headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}, auth=_UnsignedBody)
    with pytest.raises(InvalidSignature, match=MISMATCH):
        verify(request)
    verified, body = verify(request, may_be_unsigned=True)
    assert verified.principal == ALICE
    assert body == request.body


class _UnsignedBody(botocore.auth.SigV4Auth):  # type: ignore[misc]
    def payload(self, request: Any) -> str:
        return "UNSIGNED-PAYLOAD"


def test_parts_of_the_header_may_come_in_another_order_and_the_time_in_date() -> None:
    request = by_botocore()
    parts = request.headers[b"authorization"].removeprefix(b"AWS4-HMAC-SHA256 ").split(b", ")
    turned = b"AWS4-HMAC-SHA256 " + b",  ".join(reversed(parts))
    verify(with_header(request, b"authorization", turned))

    headers = {b"host": b"h", b"date": b"Tue, 14 Nov 2023 22:13:20 GMT"}
    signed = signing.sign(PlainRequest("GET", b"/", b"", headers, b""), OURS, "eu-west-1", "iam", NOW)
    assert signed[b"x-amz-date"] == b"20231114T221320Z"


OURS = signing.Credentials("AKIDEXAMPLE", SECRET)


@pytest.mark.parametrize("service", ["lambda", "s3"])
@pytest.mark.parametrize("credentials", [OURS, signing.Credentials("ASIAEXAMPLE", SECRET, "token")])
def test_what_we_sign_is_accepted(service: str, credentials: signing.Credentials) -> None:
    request = PlainRequest("POST", b"/a%20b/c:d", b"x=%20&y", {b"host": b"h:1", b"x-amz-meta": b" a  b "}, b"body")
    signed = signing.sign(request, credentials, "us-east-1", service, NOW)
    verified, _ = verify(replace(request, headers=signed))
    assert verified.principal.access_key == credentials.access_key

    query = signing.presign(
        "GET", b"/code/a%2Fb", b"v=1", "h:1", credentials, region="us-east-1", service=service, now=NOW, expires_s=600
    )
    verify(PlainRequest("GET", b"/code/a%2Fb", query, {b"host": b"h:1"}, b""))


NOTHING = (
    "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. "
    "Authorization header requires 'SignedHeaders' parameter."
)


# --- refused ----------------------------------------------------------------------------------------------


def test_a_request_without_a_signature_is_told_so() -> None:
    with pytest.raises(MissingAuthenticationToken, match="Missing Authentication Token"):
        verify(PlainRequest("GET", b"/", b"", {b"host": b"h"}, b""))


@pytest.mark.parametrize(
    ("authorization", "text"),
    [
        (
            b"AWS4-HMAC-SHA256",
            f"{NOTHING} Authorization=AWS4-HMAC-SHA256",
        ),
        (
            b"Bearer abc",
            f"{NOTHING} Authorization=Bearer abc",
        ),
        (
            b"AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=0",
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'a/b/c'",
        ),
        (
            b"AWS4-HMAC-SHA256 Credential, SignedHeaders=host",
            "'Credential' not a valid key=value pair (missing equal-sign) in Authorization header: "
            "'AWS4-HMAC-SHA256 Credential, SignedHeaders=host'.",
        ),
    ],
)
def test_an_incomplete_header_is_refused_with_what_it_lacks(authorization: bytes, text: str) -> None:
    with pytest.raises(IncompleteSignature) as refused:
        verify(with_header(by_botocore(), b"authorization", authorization))
    assert refused.value.message == text


def test_a_signature_without_a_time_is_incomplete() -> None:
    with pytest.raises(IncompleteSignature, match="requires existence of either a 'X-Amz-Date' or a 'Date' header"):
        verify(with_header(by_botocore(), b"x-amz-date", None))
    with pytest.raises(IncompleteSignature, match="Got 'soon'"):
        verify(with_header(by_botocore(), b"x-amz-date", b"soon"))
    with pytest.raises(IncompleteSignature, match="Got '99999999T999999Z'"):
        verify(sent_at(b"99999999T999999Z"))


def sent_at(stamp: bytes) -> PlainRequest:
    request = with_header(by_botocore(), b"x-amz-date", stamp)
    authorization = request.headers[b"authorization"].replace(b"/20231114/", b"/" + stamp[:8] + b"/")
    return with_header(request, b"authorization", authorization)


@pytest.mark.parametrize("late_s", [301, 86_400])
def test_an_old_signature_has_expired(late_s: int) -> None:
    verify(by_botocore(), now=NOW + 300)
    with pytest.raises(InvalidSignature) as refused:
        verify(by_botocore(), now=NOW + late_s)
    now, limit = canonical.stamp_of(NOW + late_s), canonical.stamp_of(NOW + late_s - 300)
    text = f"Signature expired: 20231114T221320Z is now earlier than {limit} ({now} - 5 min.)"
    assert refused.value.message == text


def test_a_signature_of_the_future_is_not_yet_current() -> None:
    verify(by_botocore(), now=NOW - 300)
    with pytest.raises(InvalidSignature) as refused:
        verify(by_botocore(), now=NOW - 301)
    assert refused.value.message == (
        "Signature not yet current: 20231114T221320Z is still later than 20231114T221319Z (20231114T220819Z + 5 min.)"
    )


def test_unknown_keys_and_tokens_are_refused_alike() -> None:
    for key in (("AKIDOTHER", SECRET, None), ("AKIDEXAMPLE", SECRET, "token"), ("ASIAEXAMPLE", SECRET, "wrong")):
        with pytest.raises(UnrecognizedClient, match=r"^The security token included in the request is invalid\.$"):
            verify(by_botocore(key=key))


def test_an_expired_session_is_told_so() -> None:
    request = by_botocore(
        "GET", "http://h/", b"", {}, key=("ASIAEXAMPLE", SECRET, "token"), auth=botocore.auth.SigV4QueryAuth
    )
    with pytest.raises(ExpiredToken):
        verify(request, now=NOW + 1001)


def test_a_wrong_secret_does_not_match() -> None:
    with pytest.raises(InvalidSignature, match=MISMATCH):
        verify(by_botocore(key=("AKIDEXAMPLE", "other", None)))


def test_the_scope_must_be_of_the_day_and_end_as_it_should() -> None:
    request = by_botocore()
    authorization = request.headers[b"authorization"]
    with pytest.raises(InvalidSignature, match="'20231113' != '20231114', from '20231114T221320Z'"):
        verify(with_header(request, b"authorization", authorization.replace(b"/20231114/", b"/20231113/")))
    with pytest.raises(InvalidSignature, match="valid terminator: 'aws4_request', not 'aws5'"):
        verify(with_header(request, b"authorization", authorization.replace(b"aws4_request", b"aws5")))


def test_the_scope_must_name_the_service_that_is_called() -> None:
    signature = sigv4.Signature.parse(by_botocore(service="sqs"))
    assert signature is not None
    with pytest.raises(InvalidSignature, match="Credential should be scoped to correct service: 'lambda'"):
        sigv4.require_service(signature, "lambda")


def test_what_is_cached_of_a_signature_is_bounded() -> None:
    request = by_botocore()
    authorization = request.headers[b"authorization"]
    for part, text in ((b"eu-west-1", "valid region"), (b"lambda", "valid service"), (b"host", "SignedHeaders")):
        with pytest.raises(ApiError, match=text):
            verify(with_header(request, b"authorization", authorization.replace(part, part * 2000)))


def test_a_plus_sign_in_a_query_is_signed_as_the_blank_that_it_means() -> None:
    request = PlainRequest("GET", b"/", b"a=b%20c", {b"host": b"h"}, b"")
    signed = replace(request, headers=signing.sign(request, OURS, "r", "lambda", NOW))
    verify(replace(signed, query=b"a=b+c"))
    with pytest.raises(InvalidSignature):
        verify(replace(signed, query=b"a=b%2Bc"))


def test_a_header_signature_covers_a_query_that_looks_presigned() -> None:
    request = by_botocore()
    with pytest.raises(InvalidSignature, match=MISMATCH):
        verify(replace(request, query=b"X-Amz-Signature=1"))


def test_the_host_and_every_amz_header_must_be_signed() -> None:
    request = by_botocore()
    with pytest.raises(InvalidSignature, match="'X-Amz-Invocation-Type' must be a 'SignedHeader'"):
        verify(with_header(request, b"x-amz-invocation-type", b"Event"))
    authorization = request.headers[b"authorization"].replace(b"host;", b"")
    with pytest.raises(InvalidSignature, match="'Host' or ':authority' must be a 'SignedHeader'"):
        verify(with_header(request, b"authorization", authorization))


@pytest.mark.parametrize(
    "request_",
    [
        replace(by_botocore(), method="PUT"),
        replace(by_botocore(), path=b"/2015-03-31/functions/other/invocations"),
        replace(by_botocore(), query=b"Qualifier=1"),
        replace(by_botocore(), body=b'{"a": 2}'),
    ],
    ids=["method", "path", "query", "body"],
)
def test_what_was_changed_after_signing_does_not_match(request_: PlainRequest) -> None:
    signature = sigv4.Signature.parse(request_)
    assert signature is not None
    with pytest.raises(InvalidSignature, match=MISMATCH):
        verify(request_, now=sigv4._epoch(signature.stamp))


@pytest.mark.parametrize("presigned", [False, True])
@settings(deadline=None)
@given(data=st.data())
def test_no_mutation_of_a_signed_request_is_accepted(presigned: bool, data: st.DataObject) -> None:
    headers = {b"host": b"h:1", b"x-amz-target": b"Logs_20140328.PutLogEvents"}
    request = PlainRequest("POST", b"/a/b", b"q=1", headers, b"body")
    if presigned:
        query = signing.presign(
            "GET", b"/a/b", b"q=1", "h:1", OURS, region="us-east-1", service="lambda", now=NOW, expires_s=60
        )
        request = PlainRequest("GET", b"/a/b", query, {b"host": b"h:1"}, b"")
    else:
        request = replace(request, headers=signing.sign(request, OURS, "us-east-1", "logs", NOW))
    part = data.draw(st.sampled_from(["path", "query", "body", *request.headers]))
    value = request.headers[part] if isinstance(part, bytes) else getattr(request, part)
    at = data.draw(st.integers(0, max(0, len(value) - 1)))
    byte = data.draw(st.integers(33, 126)).to_bytes()
    changed = value[:at] + byte + value[at + 1 :]
    if _canonically_equal(part, value, changed):
        return
    mutant = with_header(request, part, changed) if isinstance(part, bytes) else replace(request, **{part: changed})
    with pytest.raises(ApiError) as refused:
        verify(mutant)
    assert refused.value.status in (400, 403)


def _canonically_equal(part: Any, value: bytes, changed: bytes) -> bool:
    """Changes that mean the same by the rules: unchanged, `//` for `/`, `&&` for `&`, separators of the header."""
    if value == changed:
        return True
    if part == "path":
        return canonical.canonical_path(value, is_s3=False) == canonical.canonical_path(changed, is_s3=False)
    if part == "query":
        same = canonical.canonical_query(value, is_presigned=True) == canonical.canonical_query(
            changed, is_presigned=True
        )
        pairs = [sorted(p for p in canonical.query_pairs(q) if p[0] == b"X-Amz-Signature") for q in (value, changed)]
        return same and pairs[0] == pairs[1]
    return False


@settings(deadline=None)
@given(authorization=st.binary(max_size=200), query=st.binary(max_size=200), stamp=st.binary(max_size=20))
def test_no_bytes_make_the_parser_fail_otherwise_than_with_an_api_error(
    authorization: bytes, query: bytes, stamp: bytes
) -> None:
    prefix = b"AWS4-HMAC-SHA256 Credential="
    for text in (authorization, prefix + authorization):
        request = PlainRequest("GET", b"/", query, {b"host": b"h", b"authorization": text, b"x-amz-date": stamp}, b"")
        with pytest.raises(ApiError):
            verify(request)
        sigv4.claimed_scope(request.headers, query)
    presigned = b"X-Amz-Signature=0&X-Amz-Expires=" + authorization + b"&X-Amz-Credential=" + query
    with pytest.raises(ApiError):
        verify(PlainRequest("GET", b"/", presigned, {b"host": b"h"}, b""))


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("X-Amz-Expires", "604801", "X-Amz-Expires must be less than a week"),
        ("X-Amz-Expires", "-1", "X-Amz-Expires should be a number"),
        ("X-Amz-Algorithm", "AWS4-ECDSA", "X-Amz-Algorithm only supports"),
        ("X-Amz-Credential", "a/b", "exactly 5 slash-delimited elements"),
        ("X-Amz-Date", "", "AWS query-string parameters must include 'X-Amz-Date'"),
    ],
)
def test_a_presigned_url_with_a_bad_part_is_refused(field: str, value: str, text: str) -> None:
    query = signing.presign("GET", b"/", b"", "h", OURS, region="r", service="lambda", now=NOW, expires_s=60)
    parts = [f"{field}={value}".encode() if p.startswith(field.encode() + b"=") else p for p in query.split(b"&")]
    with pytest.raises(IncompleteSignature, match=text):
        verify(PlainRequest("GET", b"/", b"&".join(parts), {b"host": b"h"}, b""))


def test_a_scope_can_be_read_without_proof() -> None:
    request = by_botocore()
    assert sigv4.claimed_scope(request.headers, b"") == ("AKIDEXAMPLE", "eu-west-1", "lambda")
    query = signing.presign("GET", b"/", b"", "h", OURS, region="r", service="s", now=NOW, expires_s=60)
    assert sigv4.claimed_scope({}, query) == ("AKIDEXAMPLE", "r", "s")
    assert sigv4.claimed_scope({}, b"") is None


# --- bodies in chunks -------------------------------------------------------------------------------------


def chunked(body: bytes, size: int, *, trailer: bool = False) -> PlainRequest:
    """A request whose body is signed chunk by chunk, made after the published description of the form."""
    kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else "")
    headers = {"X-Amz-Content-SHA256": kind, "Content-Encoding": "aws-chunked"}
    request = by_botocore("PUT", "http://h/bucket/key", b"", headers, service="s3", region="r", auth=_Streaming)
    previous = request.headers[b"authorization"][-64:].decode()
    out = b""
    for part in [*(body[i : i + size] for i in range(0, len(body), size)), b""]:
        previous = chained(
            "PAYLOAD", previous, f"{hashlib.sha256(b'').hexdigest()}\n{hashlib.sha256(part).hexdigest()}"
        )
        end = b"" if not part and trailer else b"\r\n"
        out += f"{len(part):x};chunk-signature={previous}\r\n".encode() + part + end
    if trailer:
        line = b"x-amz-checksum-crc32:" + base64.b64encode(zlib.crc32(body).to_bytes(4))
        previous = chained("TRAILER", previous, hashlib.sha256(line + b"\n").hexdigest())
        out += line + b"\r\nx-amz-trailer-signature:" + previous.encode() + b"\r\n\r\n"
    return replace(request, body=out)


def chained(kind: str, previous: str, rest: str) -> str:
    key, scope = canonical.signing_key(SECRET, b"20231114", "r", "s3")
    text = f"AWS4-HMAC-SHA256-{kind}\n20231114T221320Z\n{scope.decode()}\n{previous}\n{rest}"
    return hmac.new(key, text.encode(), "sha256").hexdigest()


class _Streaming(botocore.auth.S3SigV4Auth):  # type: ignore[misc]
    def _modify_request_before_signing(self, request: Any) -> None:
        kind = request.headers["X-Amz-Content-SHA256"]
        super()._modify_request_before_signing(request)
        del request.headers["X-Amz-Content-SHA256"]
        request.headers["X-Amz-Content-SHA256"] = kind

    def payload(self, request: Any) -> str:
        return str(request.headers["X-Amz-Content-SHA256"])


@pytest.mark.parametrize("trailer", [False, True])
@pytest.mark.parametrize("body", [b"", b"x", b"0123456789" * 10])
def test_chunks_are_proven_one_by_one_and_joined(body: bytes, trailer: bool) -> None:
    _, decoded = verify(chunked(body, 16, trailer=trailer))
    assert decoded == body


@pytest.mark.parametrize("trailer", [False, True])
def test_no_byte_of_a_chunked_body_can_be_changed(trailer: bool) -> None:
    request = chunked(b"0123456789" * 3, 16, trailer=trailer)
    for at in range(len(request.body)):
        changed = request.body[:at] + bytes([request.body[at] ^ 1]) + request.body[at + 1 :]
        with pytest.raises(ApiError):
            verify(replace(request, body=changed))
    for end in range(len(request.body) - 4):
        with pytest.raises(ApiError):
            verify(replace(request, body=request.body[:end]))


def test_unsigned_chunks_with_a_trailer_are_joined_and_their_checksum_compared() -> None:
    headers = {"X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}
    request = by_botocore("PUT", "http://h/b/k", b"", headers, service="s3", auth=_Streaming)
    checksum = base64.b64encode(hashlib.sha256(b"hello").digest())
    good = b"5\r\nhello\r\n0\r\nx-amz-checksum-sha256:" + checksum + b"\r\n\r\n"
    assert verify(replace(request, body=good))[1] == b"hello"
    with pytest.raises(ApiError, match="The SHA256 you specified did not match"):
        verify(replace(request, body=good.replace(b"hello", b"jello")))


_SCOPE = re.compile(r"Credential=([^/,\s]+)/[^/,\s]*/([^/,\s]+)/([^/,\s]+)")


@pytest.mark.parametrize("before", ["", "Signature=f, ", "Credential=a/b//", "Credential=a b/c/d/e, "])
@pytest.mark.parametrize("after", ["", "/aws4_request, SignedHeaders=host, Signature=f", ", Credential=a/b/c/d"])
def test_the_scope_that_is_claimed_is_the_first_credential_wherever_it_stands(before: str, after: str) -> None:
    for length in range(100):
        text = f"AWS4-HMAC-SHA256 {before}Credential=AKID/20260101/us-east-1/{'s' * length}{after}"
        found = _SCOPE.search(text)
        claimed = sigv4.claimed_scope({b"authorization": text.encode("latin-1")}, b"")
        assert claimed == (found.groups() if found else None), text
