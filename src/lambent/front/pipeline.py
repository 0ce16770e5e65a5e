"""The steps of an API call, one visible list: route, identify, authorise, then the operation, then the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lambent.control.shapes import InvalidRequestContentException
from lambent.core.trace import told_trace
from lambent.foreign.calls import ForeignCalls
from lambent.front.identity import Identity
from lambent.kit.ids import uuid4
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.wire.call import NOBODY, Call, Caller, Principal
from lambent.wire.canonical import hash_of
from lambent.wire.errors import ApiError, InternalError, UnknownOperation
from lambent.wire.message import PlainRequest, Request, Response
from lambent.wire.route import Route
from lambent.wire.service import Registry, unrouted
from lambent.wire.sigv4 import Verified, claimed_scope

LARGE_BODY = 262_144
"""Bodies above this are hashed in a thread."""
_TRACED = ("Invoke", "InvokeWithResponseStream")
_UUID = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


_UNSIGNED = (
    "No service here takes this request: it has no signature, and nothing else says which service it is for. "
    "Anonymous requests to S3 and uploads by HTML forms are not supported."
)


class Pipeline:
    """Takes requests through the steps."""

    def __init__(self, registry: Registry, identity: Identity, tasks: Tasks, log: Log) -> None:
        self._registry = registry
        self._identity = identity
        self._tasks = tasks
        self._log = log

    async def handle(self, request: Request, caller: Caller | None = None) -> Response:
        """The answer to any request, which `caller` waits for. Never raises: what is our fault is logged and said."""
        request_id = self.request_id(request)
        try:
            scope = claimed_scope(request.headers, request.query)
            route = self._registry.route(request, scope[2] if scope is not None else None)
        except ApiError as error:
            return unrouted(error, request_id)
        if route is None:
            return unrouted(UnknownOperation(_UNSIGNED if scope is None else None), request_id)
        try:
            return await self._answered(route, request, request_id, caller)
        except ApiError as error:
            return self._registry.refusal(route, error, request_id)
        except Exception as error:  # one of the few boundaries: the client gets an answer whatever happens
            self._log.error("request_failed", error=error, path=request.path.decode("latin-1"), request_id=request_id)
            return self._registry.refusal(route, InternalError(), request_id)

    def request_id(self, request: Request) -> str:
        """The caller's own request id if it is one, else a new one."""
        given = request.headers.get(b"x-amzn-requestid")
        return given.decode() if given is not None and _UUID.fullmatch(given) else uuid4()

    async def identified(self, request: Request, request_id: str, operation: str) -> Call:
        """The call that a signed request to one of our own paths makes. Raises the ApiError of its signature."""
        verified = await self.verified(request)
        call = Call(verified.principal, verified.region, request_id, "lambent", operation, headers=request.headers)
        authorise(call)
        return call

    async def _answered(self, route: Route, request: Request, request_id: str, caller: Caller | None) -> Response:
        if route.operation is not None and route.operation.is_unsigned and _claims_nothing(request):
            verified = Verified(NOBODY, "", route.service.name)
        else:
            verified = await self.verified(request)
        check_request_id(request)
        call = call_of(route, verified, request, request_id)
        call.caller = caller
        authorise(call)
        if verified.chunks is not None:
            body = verified.body(request.body)
            request = PlainRequest(request.method, request.path, request.query, request.headers, body)
        answer = await self._registry.handle(route, call, request)
        if call.service == "lambda" and call.operation in _TRACED and answer.status in (200, 202):
            trace = told_trace(request.headers.get(b"x-amzn-trace-id", b"").decode("latin-1"), request_id)
            answer.headers.append((b"X-Amzn-Trace-Id", trace.encode("latin-1")))
            if answer.stream is None:
                answer.headers.append((b"x-amzn-Remapped-Content-Length", b"0"))
        return answer

    async def verified(self, request: Request) -> Verified:
        """Who signed a request; a large body is hashed in a thread. Raises the ApiError of what is wrong with it."""
        if len(request.body) <= LARGE_BODY:
            return self._identity.verify(request)
        if (trusted := self._identity.trusted(request)) is not None:
            return trusted
        signature = self._identity.claimed(request)
        payload_hash = await self._tasks.in_thread(hash_of, request.body) if signature.wants_hash() else None
        return self._identity.proven(signature, payload_hash)


def _claims_nothing(request: Request) -> bool:
    """It is not signed, be it rightly or wrongly."""
    return b"authorization" not in request.headers and claimed_scope(request.headers, request.query) is None


def check_request_id(request: Request) -> None:
    """Raises InvalidRequestContentException for an x-amzn-RequestId that is no UUID."""
    given = request.headers.get(b"x-amzn-requestid")
    if given is not None and not _UUID.fullmatch(given):
        raise InvalidRequestContentException("The request id in x-amzn-RequestId is not a UUID.")


def call_of(route: Route, verified: Verified, request: Request, request_id: str) -> Call:
    """The call that a verified request makes."""
    return Call(
        principal=verified.principal,
        region=verified.region,
        request_id=request_id,
        service=route.service.name,
        operation=route.operation.name if route.operation is not None else "",
        host=request.headers.get(b"host", b"").decode("latin-1"),
        headers=request.headers,
    )


def authorise(call: Call) -> None:
    """May the caller? Policies are evaluated here once core/policy exists; until then an account's callers may do
    everything in it, and nothing outside of it (operations take the account from the caller)."""


class InProcess:
    """The `Aws` port for operations that live here; others are called abroad."""

    def __init__(self, abroad: ForeignCalls) -> None:
        self._registry: Registry | None = None
        self._abroad = abroad

    def connect(self, registry: Registry) -> None:
        """Operations may call each other only once all of them exist."""
        self._registry = registry

    async def call(self, call: Call, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """The operation's answer. Raises its ApiError."""
        assert self._registry is not None
        if service not in self._registry or self._abroad.replaces(self._registry[service].service.signing_name):
            return await self._abroad.call(call, service, operation, request)
        api = self._registry[service]
        await api.ready()
        return dict(await api.methods[operation](call, dict(request)) or {})


def service_call(account: str, region: str, request_id: str) -> Call:
    """A call that Lambent makes in an account's name."""
    principal = Principal(account, f"arn:aws:iam::{account}:root", account, "", is_root=True)
    return Call(principal, region, request_id, "", "")
