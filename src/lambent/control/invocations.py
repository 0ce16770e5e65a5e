"""Invoke, with a whole answer, with a streamed one and with none: what a request means, in pure steps that the fast
path and the ordinary one share."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import AsyncGenerator
from contextlib import aclosing

import orjson

from lambent.control.naming import function_missing, function_ref
from lambent.control.shapes import (
    InvalidParameterValueException,
    InvalidRequestContentException,
    InvocationRequest,
    InvocationResponse,
    InvokeAsyncRequest,
    InvokeAsyncResponse,
    InvokeWithResponseStreamCompleteEvent,
    InvokeWithResponseStreamRequest,
    InvokeWithResponseStreamResponse,
    InvokeWithResponseStreamResponseEvent,
    NoPublishedVersionException,
    RecursiveInvocationException,
    ResourceConflictException,
    ServiceException,
    TooManyRequestsException,
)
from lambent.core import limits
from lambent.core.arn import PUBLISHED, FunctionRef
from lambent.core.function import Version
from lambent.core.invocation import Invocation, Result, Throttled
from lambent.core.jsonfault import json_fault
from lambent.core.lineage import descended, is_loop
from lambent.core.trace import new_trace
from lambent.delivery.intake import Intake
from lambent.invoke.invoker import Invoker
from lambent.invoke.resolve import FunctionMissing, NotActive
from lambent.invoke.settings import FunctionSettings
from lambent.invoke.streaming import Reply
from lambent.values import frozen
from lambent.wire.call import Call
from lambent.wire.errors import ApiError

_EXPLAINED = 65_536
"""Payloads up to this many bytes are told what is wrong with them in full."""


@frozen
class Asked:
    """The parameters of one Invoke request, as they came."""

    name: str
    qualifier: str | None = None
    kind: str = "RequestResponse"
    log_type: str = "None"
    client_context: str | None = None
    trace: str = ""
    payload: bytes = b""


@frozen
class Accepted:
    """A request that may run."""

    ref: FunctionRef
    version: Version
    """That the name stands for now. An event may be run by another one later."""
    invocation: Invocation


@frozen
class Ways:
    """Where invocations go."""

    invoker: Invoker
    settings: FunctionSettings
    intake: Intake
    """Takes the asynchronous ones."""


class Invocations:
    """The operations that invoke, for callers that do not come through the fast path."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways

    async def invoke(self, call: Call, request: InvocationRequest) -> InvocationResponse:
        """Run a function and answer with its result, or with InvocationType Event accept the event: it is on disk when
        this returns, and runs later. DryRun does neither."""
        if request.get("DurableExecutionName") is not None:
            raise _not_for("DurableExecutionName")
        asked = await self._asked(call, request)
        accepted = accept(self._ways, call, asked)
        if asked.kind == "DryRun":
            return {"StatusCode": 204}
        if asked.kind == "Event":
            await self._ways.intake.accept(accepted.ref, accepted.invocation)
            return {"StatusCode": 202}
        try:
            result = await self._ways.invoker.invoke(accepted.version, accepted.invocation)
        except Throttled as refusal:
            raise refused(refusal) from None
        if result is None:
            raise broken()
        return answered(result)

    async def invoke_with_response_stream(
        self, call: Call, request: InvokeWithResponseStreamRequest
    ) -> InvokeWithResponseStreamResponse:
        """What the function streams goes on at once, as fast as the caller takes it; AWS's limit of 2 MB/s beyond the
        first 6 MB is not kept."""
        asked = await self._asked(call, request)
        accepted = accept(self._ways, call, asked)
        version, invocation = accepted.version, accepted.invocation
        if asked.kind == "DryRun":
            return {"StatusCode": 204}
        reply = invocation.sink = Reply()
        try:
            self._ways.invoker.run(version, invocation, reply.done)
        except Throttled as refusal:
            raise refused(refusal) from None
        await reply.begun()
        if reply.content_type is None and reply.result is None:
            raise broken()
        return {"StatusCode": 200, "ExecutedVersion": version.version, "EventStream": _events(reply)}

    async def invoke_async(self, call: Call, request: InvokeAsyncRequest) -> InvokeAsyncResponse:
        """As Invoke with InvocationType Event: the older way to say it, for payloads up to 256 KB. The trace of the
        request is not carried on, as on AWS."""
        asked = Asked(name=request["FunctionName"], kind="Event", payload=request["InvokeArgs"])
        await self._ways.invoker.look_again(function_ref(call, asked.name))
        accepted = accept(self._ways, call, asked, event_limit=limits.INVOKE_ASYNC_PAYLOAD)
        await self._ways.intake.accept(accepted.ref, accepted.invocation)
        return {"Status": 202}

    async def _asked(self, call: Call, request: InvocationRequest | InvokeWithResponseStreamRequest) -> Asked:
        """The parameters that both ways of invoking have."""
        if request.get("TenantId") is not None:
            raise _not_for("TenantId")
        asked = Asked(
            name=request["FunctionName"],
            qualifier=request.get("Qualifier"),
            kind=request.get("InvocationType", "RequestResponse"),
            log_type=request.get("LogType", "None"),
            client_context=request.get("ClientContext"),
            trace=call.headers.get(b"x-amzn-trace-id", b"").decode("latin-1"),
            payload=request.get("Payload", b""),
        )
        await self._ways.invoker.look_again(function_ref(call, asked.name, asked.qualifier))
        return asked


def accept(ways: Ways, call: Call, asked: Asked, *, event_limit: int = limits.ASYNC_PAYLOAD) -> Accepted:
    """Check a request in AWS's order: name, existence, state, size, JSON, recursion. Raises the ApiError.

    A recursive loop of events is ended where they are run: its end is told like that of any other event.
    """
    ref = function_ref(call, asked.name, asked.qualifier)
    version = find(ways.invoker, ref)
    if len(asked.payload) > limits.SYNC_PAYLOAD:
        raise too_large()
    if asked.kind == "Event" and len(asked.payload) > event_limit:
        raise event_too_large(len(asked.payload), event_limit)
    payload = asked.payload or b"{}"
    check_json(payload)
    context = None if asked.client_context is None else client_context(asked.client_context)
    trace = descended(asked.trace or new_trace(call.request_id, sampled=version.tracing == "Active"), ref)
    begins = not asked.trace  # so it cannot have gone round
    if not begins and asked.kind != "Event" and is_loop(trace, ref) and not ways.settings.allows_loops(ref):
        raise RecursiveInvocationException(
            "Lambda has detected your function being invoked in a recursive loop with other Amazon Web Services "
            "resources and stopped your function's invocation."
        )
    want_tail = asked.log_type == "Tail"
    return Accepted(ref, version, Invocation(call.request_id, ref.arn, payload, trace, context, want_tail))


def find(invoker: Invoker, ref: FunctionRef) -> Version:
    """What `ref` runs. Raises ResourceNotFoundException, or ResourceConflictException when it cannot run yet."""
    try:
        return invoker.resolve(ref)
    except FunctionMissing as missing:
        if missing.ref.qualifier == PUBLISHED and _exists(invoker, missing.ref):
            raise NoPublishedVersionException("The function has no published versions available.") from None
        raise function_missing(missing.ref) from None
    except NotActive as inactive:
        raise ResourceConflictException(
            "The operation cannot be performed at this time. The function is currently in the following state: "
            + inactive.state
        ) from None


async def _events(reply: Reply) -> AsyncGenerator[InvokeWithResponseStreamResponseEvent, None]:
    """The answer as a stream of events. Raises ServiceException when the platform fails on the way."""
    async with aclosing(reply.pieces()) as pieces:
        async for piece in pieces:
            yield {"PayloadChunk": {"Payload": piece}}
    if reply.result is None:
        raise broken()
    yield {"InvokeComplete": completed(reply.result)}


def completed(result: Result) -> InvokeWithResponseStreamCompleteEvent:
    """The event that ends a streamed answer."""
    event: InvokeWithResponseStreamCompleteEvent = {}
    if result.outcome.is_error:
        event["ErrorCode"] = "Unhandled"
        event["ErrorDetails"] = result.outcome.payload.decode(errors="replace")
    if result.tail is not None:
        event["LogResult"] = b64encode(result.tail).decode()
    return event


def _not_for(member: str) -> ApiError:
    text = f"{member} is not allowed: the function is neither tenant-isolated nor durable."
    return InvalidParameterValueException(text)


def _exists(invoker: Invoker, ref: FunctionRef) -> bool:
    """Whether there is the function that `ref` names, whatever its qualifier."""
    try:
        invoker.resolve(FunctionRef(ref.account, ref.region, ref.name))
    except FunctionMissing:
        return False
    except NotActive:
        pass
    return True


def answered(result: Result) -> InvocationResponse:
    """The answer to a synchronous request."""
    answer: InvocationResponse = {
        "StatusCode": 200,
        "ExecutedVersion": result.version,
        "Payload": result.outcome.payload,
    }
    if result.outcome.is_error:
        answer["FunctionError"] = "Unhandled"
    if result.tail is not None:
        answer["LogResult"] = b64encode(result.tail).decode()
    return answer


def refused(refusal: Throttled) -> ApiError:
    """The error for an invocation that was not begun."""
    return TooManyRequestsException("Rate Exceeded.", extra={"Reason": refusal.reason, "Type": "User"})


def broken() -> ApiError:
    """The error when the platform could not run the function."""
    return ServiceException("The function could not be run because its execution environment failed.")


def too_large() -> ApiError:
    """The request is beyond the payload limit."""
    return ApiError(
        f"Request must be smaller than {limits.SYNC_PAYLOAD} bytes for the InvokeFunction operation",
        code="RequestEntityTooLargeException",
        status=413,
    )


def event_too_large(size: int, limit: int) -> ApiError:
    """The request is beyond the payload limit of events."""
    return ApiError(
        f"{size} byte payload is too large for the Event invocation type (limit {limit} bytes)",
        code="RequestEntityTooLargeException",
        status=413,
    )


def client_context(encoded: str) -> str:
    """The JSON text in X-Amz-Client-Context. Raises InvalidRequestContentException."""
    if len(encoded) > limits.CLIENT_CONTEXT:
        raise InvalidRequestContentException(
            f"Client context must be no more than {limits.CLIENT_CONTEXT} bytes when base64-encoded"
        )
    try:
        text = b64decode(encoded, validate=True).decode()
        is_object = isinstance(json.loads(text), dict)
    except (Base64Error, ValueError, RecursionError):
        is_object = False
    if not is_object:
        raise InvalidRequestContentException("Client context must be a valid Base64-encoded JSON object.")
    return text


def check_json(payload: bytes) -> None:
    """Raises InvalidRequestContentException, in the words of AWS's parser, when the payload is no JSON."""
    try:
        orjson.loads(payload)
    except orjson.JSONDecodeError:
        _check_slowly(payload)


def _check_slowly(payload: bytes) -> None:
    """orjson refuses what AWS takes: lone surrogates. Only what is not long is looked at byte by byte."""
    fault = json_fault(payload) if len(payload) <= _EXPLAINED else None
    if fault is None:
        try:
            json.loads(payload.decode(errors="surrogatepass"), parse_constant=_no_constant)
        except json.JSONDecodeError as error:
            fault = f"Unexpected character\n at [line: {error.lineno}, column: {error.colno}]"
        except (ValueError, RecursionError):
            fault = "Unexpected value"
        else:
            return
    raise InvalidRequestContentException(
        f"Could not parse request body into json: Could not parse payload into json: {fault}"
    )


def _no_constant(name: str) -> None:
    raise ValueError(name)
