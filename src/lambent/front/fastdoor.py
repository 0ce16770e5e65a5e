"""The fast door: an Invoke by callbacks, without a task and without the model's generic parsing.

It decides with the same functions as the ordinary way (front/pipeline.py, control/invocations.py) and hands over to it
whatever is not plain: large payloads, odd parameters. A test compares both ways.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache, partial
from urllib.parse import parse_qsl, unquote

from lambent.control.invocations import Accepted, Asked, Ways, accept, answered, broken, refused
from lambent.core.arn import FunctionRef
from lambent.core.invocation import Invocation, Result, Throttled
from lambent.core.trace import told_trace
from lambent.front.identity import Identity
from lambent.front.pipeline import LARGE_BODY, Pipeline, authorise, check_request_id
from lambent.kit.http import Connection
from lambent.kit.http_message import Request
from lambent.kit.log import Log
from lambent.wire.call import Call
from lambent.wire.errors import ApiError, InternalError
from lambent.wire.model import Service
from lambent.wire.route import Route
from lambent.wire.service import Registry

_PREFIX = b"/2015-03-31/functions/"
_SUFFIX = b"/invocations"
_KINDS = {None: "RequestResponse", b"RequestResponse": "RequestResponse", b"Event": "Event"}
_LOG_TYPES = {None: "None", b"None": "None", b"Tail": "Tail"}
_UNUSUAL = frozenset(
    (
        b"x-amz-tenant-id",
        b"x-amz-durable-execution-name",
        b"x-amz-client-context",
        # Both may mean another service, whatever the path says.
        b"x-amz-target",
        b"smithy-protocol",
    )
)
_LONGEST_NAME = 140
_LONGEST_PATH = len(_PREFIX) + 3 * _LONGEST_NAME + len(_SUFFIX)


class FastDoor:
    """Takes the invocations that are plain."""

    def __init__(
        self, registry: Registry, service: Service, identity: Identity, pipeline: Pipeline, ways: Ways, log: Log
    ) -> None:
        self._registry = registry
        self._route = Route(service, service.protocol, service.operations["Invoke"], {})
        self._identity = identity
        self._pipeline = pipeline
        self._ways = ways
        self._log = log

    def take(self, request: Request, connection: Connection) -> bool:
        """Answer `request` on `connection`, now or later, if it is a plain invocation; False: it is not for here."""
        asked = plain_invocation(request)
        if asked is None:
            return False
        request_id = self._pipeline.request_id(request)
        try:
            accepted = self._accepted(request, asked, request_id)
            if accepted is None:
                return False
            invocation = accepted.invocation
            if asked.kind == "Event":
                written = self._ways.intake.accept(accepted.ref, invocation)
                written.add_done_callback(partial(self._written, connection, invocation))
            else:
                self._ways.invoker.run(accepted.version, invocation, partial(self._finished, connection, invocation))
        except Throttled as refusal:
            self._refuse(connection, request_id, refused(refusal))
        except Exception as error:  # the boundary of front/pipeline.py, for this way in
            self._log.error("invocation_failed", error=error, request_id=request_id)
            self._refuse(connection, request_id, InternalError())
        return True

    def _accepted(self, request: Request, asked: Asked, request_id: str) -> Accepted | None:
        """What to run; None for a request to refuse. The ordinary way says why, and it asks the store before it says
        that a function is missing."""
        try:
            verified = self._identity.verify(request)
            if verified.service != "lambda" or verified.chunks is not None:
                return None
            check_request_id(request)
            call = Call(verified.principal, verified.region, request_id, "lambda", "Invoke", headers=request.headers)
            authorise(call)
            return accept(self._ways, call, asked)
        except ApiError:
            return None

    def _finished(self, connection: Connection, invocation: Invocation, result: Result | None) -> None:
        request_id = invocation.id
        if result is None:
            self._refuse(connection, request_id, broken())
            return
        outcome = result.outcome
        head = (
            f"Content-Type: application/json\r\nx-amzn-RequestId: {request_id}\r\n"
            f"X-Amz-Executed-Version: {result.version}\r\nx-amzn-Remapped-Content-Length: 0\r\n"
            f"X-Amzn-Trace-Id: {told_trace(invocation.trace, request_id)}\r\n"
        )
        if outcome.is_error:
            head += "X-Amz-Function-Error: Unhandled\r\n"
        if result.tail is not None:
            head += f"X-Amz-Log-Result: {answered(result)['LogResult']}\r\n"
        connection.respond(200, head.encode(), outcome.payload)

    def _written(self, connection: Connection, invocation: Invocation, written: asyncio.Future[None]) -> None:
        request_id = invocation.id
        if written.cancelled() or (error := written.exception()) is not None:
            self._log.error("event_not_written", error=None if written.cancelled() else error, request_id=request_id)
            self._refuse(connection, request_id, InternalError())
            return
        trace = told_trace(invocation.trace, request_id)
        head = f"x-amzn-RequestId: {request_id}\r\nx-amzn-Remapped-Content-Length: 0\r\nX-Amzn-Trace-Id: {trace}\r\n"
        connection.respond(202, head.encode())

    def _refuse(self, connection: Connection, request_id: str, error: ApiError) -> None:
        answer = self._registry.refusal(self._route, error, request_id)
        connection.respond(answer.status, answer.headers, answer.body)


def plain_invocation(request: Request) -> Asked | None:
    """The parameters of a plain invocation; None when it is not one. Pure."""
    if request.method != "POST" or len(request.path) > _LONGEST_PATH:
        return None
    name = _invoked(request.path)
    if name is None:
        return None
    headers = request.headers
    kind = _KINDS.get(headers.get(b"x-amz-invocation-type"))
    log_type = _LOG_TYPES.get(headers.get(b"x-amz-log-type"))
    if kind is None or log_type is None or len(request.body) > LARGE_BODY:
        return None
    if not _UNUSUAL.isdisjoint(headers):
        return None
    qualifier = None
    if request.query and (qualifier := _qualifier(request.query)) is None:
        return None
    return Asked(
        name=name,
        qualifier=qualifier,
        kind=kind,
        log_type=log_type,
        trace=headers.get(b"x-amzn-trace-id", b"").decode("latin-1"),
        payload=request.body,
    )


@lru_cache(maxsize=4096)  # every invocation asks, mostly for the same few paths
def _invoked(path: bytes) -> str | None:
    """The name of the function that `path` invokes, in any spelling; None for another path or no name."""
    if not path.startswith(_PREFIX) or not path.endswith(_SUFFIX):
        return None
    name = unquote(path[len(_PREFIX) : -len(_SUFFIX)].decode("latin-1"))
    is_name = len(name) <= _LONGEST_NAME and FunctionRef.parse(name, account="", region="") is not None
    return name if is_name else None


def _qualifier(query: bytes) -> str | None:
    """The value of Qualifier; None when the query says anything else."""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    if len(pairs) != 1 or pairs[0][0] != "Qualifier":
        return None
    qualifier = pairs[0][1]
    return None if FunctionRef.parse(f"f:{qualifier}", account="", region="") is None else qualifier
