"""The fast door answers as the ordinary way does, or leaves the request to it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from lambent.core.arn import FunctionRef
from lambent.core.lineage import descended
from lambent.store.base import StoreUnavailable

ARN = "arn:aws:lambda:us-east-1:000000000000:function:thumbs"


LOOP = ""
for _ in range(16):
    LOOP = descended(LOOP, FunctionRef("000000000000", "us-east-1", "thumbs"))


def path(name: str, query: str = "") -> str:
    return f"/2015-03-31/functions/{name}/invocations" + (f"?{query}" if query else "")


async def answers(edge: Any, **members: Any) -> tuple[Any, Any]:
    """Of both ways: what the first left to the second is answered by the second."""
    request = edge.request(**members)
    quick = edge.quickly(request)
    ordinary = await edge.ordinarily(edge.request(**members))
    return quick, ordinary


# --- what it takes --------------------------------------------------------------------------------------------

TAKEN: dict[str, dict[str, Any]] = {
    "plain": {},
    "empty body": {"body": b""},
    "null": {"body": b"null"},
    "lone surrogate": {"body": b'"\\ud800"'},
    "its kind by name": {"headers": {"x-amz-invocation-type": "RequestResponse"}},
    "no tail by name": {"headers": {"x-amz-log-type": "None"}},
    "tail": {"headers": {"x-amz-log-type": "Tail"}},
    "trace": {"headers": {"x-amzn-trace-id": "Root=1-aaaaaaaa-bbbbbbbbbbbbbbbbbbbbbbbb;Sampled=1"}},
    "content type": {"headers": {"content-type": "text/plain"}},
    "ARN": {"target": path(ARN)},
    "encoded ARN": {"target": path(quote(ARN, safe=""))},
    "partial ARN": {"target": path("000000000000:function:thumbs")},
    "account and name": {"target": path("000000000000%3Athumbs")},
    "qualified name": {"target": path("thumbs:$LATEST")},
    "qualified ARN": {"target": path(quote(f"{ARN}:$LATEST", safe=""))},
    "qualifier": {"target": path("thumbs", "Qualifier=%24LATEST")},
    "the same qualifier twice over": {"target": path("thumbs:$LATEST", "Qualifier=$LATEST")},
    "dots in the name": {"target": path("thumb%73")},
}


@pytest.mark.parametrize("members", TAKEN.values(), ids=TAKEN)
async def test_a_plain_invocation_is_taken_and_runs_as_in_the_ordinary_way(edge: Any, members: dict[str, Any]) -> None:
    edge.invoker.answers(b'{"a": 1}', tail=b"the log")
    quick, ordinary = await answers(edge, **members)
    assert quick is not None
    assert quick.whole == ordinary.whole
    assert quick.status == 200
    first, second = edge.invoker.ran
    assert first == second


OUTCOMES: dict[str, Callable[[Any], None]] = {
    "success": lambda edge: edge.invoker.answers(b'"ok"'),
    "success without a word": lambda edge: edge.invoker.answers(b""),
    "failure": lambda edge: edge.invoker.answers(b'{"errorType":"E"}', edge.Status.FAILURE),
    "error": lambda edge: edge.invoker.answers(b'{"errorType":"E"}', edge.Status.ERROR),
    "timeout": lambda edge: edge.invoker.answers(b'{"errorType":"E"}', edge.Status.TIMEOUT),
    "bytes": lambda edge: edge.invoker.answers(bytes(range(256))),
    "tail": lambda edge: edge.invoker.answers(b"1", tail="héllo\n".encode() * 500),
    "empty tail": lambda edge: edge.invoker.answers(b"1", tail=b""),
    "throttled": lambda edge: edge.invoker.throttles(),
    "platform failed": lambda edge: edge.invoker.fails(),
    "fault of ours": lambda edge: edge.invoker.is_at_fault(),
}


@pytest.mark.parametrize("log_type", ["None", "Tail"])
@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
async def test_every_outcome_is_answered_as_in_the_ordinary_way(
    edge: Any, outcome: Callable[[Any], None], log_type: str
) -> None:
    outcome(edge)
    quick, ordinary = await answers(edge, headers={"x-amz-log-type": log_type})
    assert quick is not None
    assert quick.whole == ordinary.whole


async def test_the_answer_of_a_function_that_failed(edge: Any) -> None:
    edge.invoker.answers(b'{"errorType":"E"}', edge.Status.FAILURE, tail=b"the log")
    answer = edge.quickly(edge.request(headers={"x-amz-log-type": "Tail"}))
    assert (answer.status, answer.body) == (200, b'{"errorType":"E"}')
    assert dict(answer.headers) == {
        b"Content-Type": b"application/json",
        b"x-amzn-Remapped-Content-Length": b"0",
        b"x-amzn-RequestId": b"11111111-2222-4333-8444-555555555555",
        b"X-Amz-Executed-Version": b"$LATEST",
        b"X-Amzn-Trace-Id": b"Root=1-11111111-222243338444555555555555",
        b"X-Amz-Function-Error": b"Unhandled",
        b"X-Amz-Log-Result": base64.b64encode(b"the log"),
    }


async def test_a_request_without_an_id_gets_one(edge: Any) -> None:
    edge.invoker.answers(b"1")
    quick, ordinary = await answers(edge, headers={"x-amzn-requestid": "-"})
    ids = [dict(answer.headers)[b"x-amzn-RequestId"] for answer in (quick, ordinary)]
    assert len({len(value) for value in ids}) == 1
    assert len(set(ids)) == 2
    assert [invocation.id.encode() for _, invocation in edge.invoker.ran] == ids


# --- events ---------------------------------------------------------------------------------------------------

EVENT = {"x-amz-invocation-type": "Event"}
EVENTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "empty body": {"body": b""},
    "qualified": {"target": path("thumbs:$LATEST")},
    "with a trace": {"headers": {"x-amzn-trace-id": "Root=1-aaaaaaaa-bbbbbbbbbbbbbbbbbbbbbbbb;Sampled=1"}},
    "in a loop, which is ended when it is run": {"headers": {"x-amzn-trace-id": LOOP}},
    "with a tail that nobody gets": {"headers": {"x-amz-log-type": "Tail"}},
}


@pytest.mark.parametrize("members", EVENTS.values(), ids=EVENTS)
async def test_an_event_is_written_down_and_answered_alike_on_both_ways(edge: Any, members: dict[str, Any]) -> None:
    members = {**members, "headers": EVENT | members.get("headers", {})}
    quick = await edge.eventually(edge.request(**members))
    ordinary = await edge.ordinarily(edge.request(**members))
    assert quick.whole == ordinary.whole
    assert (quick.status, quick.body) == (202, b"")
    first, second = await edge.events()
    assert first == second
    assert first.payload == (members.get("body", b"{}") or b"{}")
    assert edge.invoker.ran == []
    assert edge.counters.of("000000000000", "us-east-1") == {"thumbs": {"AsyncEventsReceived": 2}}


async def test_an_event_is_answered_only_when_it_is_on_disk(edge: Any) -> None:
    writing = edge.store_waits()
    answer = edge.begun(edge.request(headers=EVENT))
    await edge.turns()
    assert answer.count == 0
    writing.set_result(None)
    await edge.turns()
    assert (answer.count, answer.status) == (1, 202)


async def test_an_event_that_cannot_be_written_is_refused_on_both_ways(edge: Any) -> None:
    edge.store_waits().set_exception(StoreUnavailable("disk full"))
    quick = await edge.eventually(edge.request(headers=EVENT))
    edge.store_waits().set_exception(StoreUnavailable("disk full"))
    ordinary = await edge.ordinarily(edge.request(headers=EVENT))
    assert quick.whole == ordinary.whole
    assert quick.status == 500
    assert "disk full" in edge.report.getvalue()


async def test_the_old_operation_takes_smaller_events_and_carries_no_trace_on(edge: Any) -> None:
    target = "/2014-11-13/functions/thumbs/invoke-async"
    headers = {"x-amzn-trace-id": "Root=1-aaaaaaaa-bbbbbbbbbbbbbbbbbbbbbbbb"}
    answer = await edge.ordinarily(edge.request(target=target, body=b"[1]", headers=headers))
    assert answer.status == 202
    [event] = await edge.events()
    assert (event.payload, event.qualifier) == (b"[1]", None)
    assert event.trace.startswith("Root=1-11111111-")
    body = b'"' + b"x" * 262_143 + b'"'
    refused = await edge.ordinarily(edge.request(target=target, body=body))
    assert refused.status == 413
    assert b"262145 byte payload is too large for the Event invocation type (limit 262144 bytes)" in refused.body


async def test_a_loop_is_refused_where_the_caller_waits_unless_the_function_allows_it(edge: Any) -> None:
    edge.invoker.answers(b"1")
    refused = await edge.ordinarily(edge.request(headers={"x-amzn-trace-id": LOOP}))
    assert refused.status == 400
    assert dict(refused.headers)[b"x-amzn-ErrorType"] == b"RecursiveInvocationException"
    await edge.allow_loops()
    quick, ordinary = await answers(edge, headers={"x-amzn-trace-id": LOOP})
    assert quick is not None
    assert quick.whole == ordinary.whole
    assert quick.status == 200


async def test_a_function_is_told_how_often_its_trace_has_run_it(edge: Any) -> None:
    edge.invoker.answers(b"1")
    await answers(edge)
    await answers(edge, headers={"x-amzn-trace-id": edge.invoker.ran[0][1].trace})
    counts = [invocation.trace.rpartition(":")[2] for _, invocation in edge.invoker.ran]
    assert counts == ["0", "0", "1", "1"]


# --- what it leaves -------------------------------------------------------------------------------------------

LEFT: dict[str, tuple[dict[str, Any], int]] = {
    # parameters
    "large event": ({"headers": {"x-amz-invocation-type": "Event"}, "body": b'"' + b"x" * 300_000 + b'"'}, 202),
    "too large an event": (
        {"headers": {"x-amz-invocation-type": "Event"}, "body": b'"' + b"x" * 1_048_575 + b'"'},
        413,
    ),
    "event that is no JSON": ({"headers": {"x-amz-invocation-type": "Event"}, "body": b"{"}, 400),
    "event for nobody": ({"headers": {"x-amz-invocation-type": "Event"}, "target": path("nobody")}, 404),
    "loop": ({"headers": {"x-amzn-trace-id": LOOP}}, 400),
    "dry run": ({"headers": {"x-amz-invocation-type": "DryRun"}}, 204),
    "unknown kind": ({"headers": {"x-amz-invocation-type": "Sometimes"}}, 400),
    "unknown log type": ({"headers": {"x-amz-log-type": "Head"}}, 400),
    "client context": ({"headers": {"x-amz-client-context": base64.b64encode(b"{}").decode()}}, 200),
    "bad client context": ({"headers": {"x-amz-client-context": "?"}}, 400),
    "large body": ({"body": b'"' + b"x" * 300_000 + b'"'}, 200),
    "unknown parameter": ({"target": path("thumbs", "Colour=red")}, 200),
    "two qualifiers": ({"target": path("thumbs", "Qualifier=$LATEST&Qualifier=1")}, 200),
    "empty qualifier": ({"target": path("thumbs", "Qualifier=")}, 400),
    "bad qualifier": ({"target": path("thumbs", "Qualifier=a+b")}, 400),
    "contradicting qualifiers": ({"target": path("thumbs:$LATEST", "Qualifier=1")}, 400),
    "bad name": ({"target": path("th%20umbs")}, 400),
    "name that is not UTF-8": ({"target": path("%ff")}, 400),
    "name with other digits": ({"target": path(quote("٠" * 12 + ":function:thumbs"))}, 400),
    "long name": ({"target": path("a" * 150)}, 404),
    "very long name": ({"target": path("a" * 300)}, 400),
    "slash in the name": ({"target": path("a%2Fb")}, 400),
    "slash at the end": ({"target": path("thumbs") + "/"}, 200),
    "bad JSON": ({"body": b"{"}, 400),
    "no UTF-8": ({"body": b'"\xff"'}, 400),
    "id that is none": ({"headers": {"x-amzn-requestid": "1234"}}, 400),
    # functions
    "missing function": ({"target": path("nobody")}, 404),
    "missing version": ({"target": path("thumbs", "Qualifier=7")}, 404),
    "pending function": ({"target": path("pending")}, 409),
    "another region": ({"target": path(ARN.replace("us-east-1", "eu-west-1"))}, 404),
    "another account": ({"target": path(ARN.replace("000000000000", "111111111111"))}, 403),
    # signatures
    "unsigned": ({"key": None}, 403),
    "unknown key": ({"key": "AKIANOBODY"}, 403),
    "session that is over": ({"key": "ASIAOVER"}, 403),
    "expired": ({"late_s": 900.0}, 403),
    "not yet current": ({"late_s": -900.0}, 403),
    "another service": ({"service": "s3"}, 404),
    "another service here": ({"service": "logs"}, 404),
    "malformed": ({"key": None, "headers": {"authorization": "AWS4-HMAC-SHA256 what"}}, 400),
    "malformed, of another service": (
        {"key": None, "headers": {"authorization": "AWS4-HMAC-SHA256 Credential=A/2/us-east-1/s3/aws4_request"}},
        404,
    ),
    "basic": ({"key": None, "headers": {"authorization": "Basic dGVzdDp0ZXN0"}}, 400),
    # other things
    "another method": ({"method": "GET"}, 403),
    "another operation": ({"target": "/2015-03-31/functions/thumbs/configuration"}, 403),
    "target of another service": ({"headers": {"x-amz-target": "Logs_20140328.DescribeLogGroups"}}, 403),
    "another protocol": ({"headers": {"smithy-protocol": "rpc-v2-cbor"}}, 404),
}


@pytest.mark.parametrize(("members", "status"), LEFT.values(), ids=LEFT)
async def test_what_is_not_plain_is_left_to_the_ordinary_way(edge: Any, members: dict[str, Any], status: int) -> None:
    edge.invoker.answers(b'"ok"')
    quick, ordinary = await answers(edge, **members)
    assert quick is None
    assert ordinary.status == status, ordinary.body
    assert len(edge.invoker.ran) == (1 if status == 200 else 0)


async def test_a_wrong_signature_runs_nothing(edge: Any) -> None:
    for spoil in (
        lambda request: setattr(request, "body", b'{"other":1}'),
        lambda request: setattr(request, "path", path("brokenhearted").encode()),
        lambda request: setattr(request, "query", b"Qualifier=$LATEST"),
        lambda request: request.headers.__setitem__(b"x-amz-log-type", b"Tail"),
        lambda request: request.headers.__setitem__(b"host", b"elsewhere"),
    ):
        request = edge.request()
        spoil(request)
        assert edge.quickly(request) is None
        answer = await edge.ordinarily(request)
        assert (answer.status, dict(answer.headers)[b"x-amzn-ErrorType"]) == (403, b"InvalidSignatureException")
    assert edge.invoker.ran == []


async def test_a_body_in_signed_chunks_is_left_to_the_ordinary_way(edge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    monkeypatch.setattr("lambent.wire.signing.hash_of", lambda body: declared.encode())
    request = edge.request(headers={"x-amz-content-sha256": declared}, body=b"not chunked")
    assert edge.identity.verify(request).chunks is not None
    assert edge.quickly(request) is None
    assert (await edge.ordinarily(request)).status != 200
    assert edge.invoker.ran == []


async def test_a_function_that_only_the_store_knows_yet_is_found(edge: Any) -> None:
    edge.invoker.answers(b"1")
    edge.invoker.in_store = {"newborn"}
    quick, ordinary = await answers(edge, target=path("newborn"))
    assert quick is None
    assert ordinary.status == 200


async def test_with_dev_any_well_formed_key_is_believed_by_both(dev_edge: Any) -> None:
    dev_edge.invoker.answers(b"1")
    for members in ({"key": "test"}, {"key": "000000000000"}, {"key": "test", "late_s": 90_000.0}):
        quick, ordinary = await answers(dev_edge, **members)
        assert quick is not None
        assert quick.whole == ordinary.whole
        assert quick.status == 200
    quick, ordinary = await answers(dev_edge, key="111111111111")
    assert (quick.status, ordinary.status) == (200, 200)
    for members in ({"key": None}, {"key": "AKIAUSER", "late_s": 900.0}):
        quick, ordinary = await answers(dev_edge, **members)
        assert quick is None
        assert ordinary.status == 403


async def test_faults_of_ours_are_logged_and_not_told(edge: Any) -> None:
    edge.invoker.is_at_fault()
    answer = edge.quickly(edge.request())
    assert answer.status == 500
    assert b"fault" not in answer.body
    assert "KeyError: 'a fault of ours'" in edge.report.getvalue()
