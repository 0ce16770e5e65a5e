"""Requests for services that are not ours: identified and authorised here, then passed on by the service's name."""

from __future__ import annotations

from lambent.foreign.refusals import refusal
from lambent.foreign.rewriting import bucket_in_host, in_path_style, passed_headers, passed_query, told_headers
from lambent.foreign.services import Foreign, Passed
from lambent.front.identity import Identity
from lambent.front.pipeline import Pipeline, authorise
from lambent.kit.http import Connection
from lambent.kit.http_client import Answer, Broken
from lambent.kit.http_message import Request
from lambent.kit.log import Log
from lambent.wire.call import Call
from lambent.wire.errors import AccessDenied, ApiError, InternalError
from lambent.wire.service import Registry
from lambent.wire.sigv4 import Verified, claimed_scope

_WHOLE_BYTES = 65_536
"""An answer of at most so much is sent in one go."""


class Abroad:
    """The way out."""

    def __init__(self, registry: Registry, foreign: Foreign, identity: Identity, pipeline: Pipeline, log: Log) -> None:
        self._registry = registry
        self._foreign = foreign
        self._identity = identity
        self._pipeline = pipeline
        self._log = log

    def service(self, request: Request) -> str | None:
        """The signing name of the foreign service that a request is for; None when it is for one of ours."""
        scope = claimed_scope(request.headers, request.query)
        if scope is not None:
            name = scope[2]
            return name if self._foreign.replaces(name) or not self._registry.serves(name) else None
        if request.headers.get(b"authorization", b"").startswith(b"AWS ") or b"AWSAccessKeyId=" in request.query:
            return "s3"
        return "s3" if bucket_in_host(request.headers.get(b"host", b"")) is not None else None

    async def pass_on(self, service: str, request: Request, connection: Connection) -> None:
        """Answer `request`, which is for `service`, on `connection`. Never raises."""
        request_id = self._pipeline.request_id(request)
        try:
            await self._answer(service, request, request_id, connection)
        except ApiError as error:
            self._refuse(service, request, error, request_id, connection)
        except ConnectionResetError:
            pass  # the client is gone
        except Exception as error:  # the boundary of front/pipeline.py, for this way
            self._log.error("request_failed", error=error, path=request.path.decode("latin-1"), request_id=request_id)
            self._refuse(service, request, InternalError(), request_id, connection)

    async def _answer(self, service: str, request: Request, request_id: str, connection: Connection) -> None:
        verified = await self._verified(request)
        host = request.headers.get(b"host", b"")
        call = Call(
            verified.principal, verified.region, request_id, service, "", host.decode("latin-1"), request.headers
        )
        authorise(call)
        body = verified.body(request.body)
        path = request.path
        if service == "s3":
            host, path = in_path_style(host, path)
        passed = Passed(
            service=service,
            account=call.account,
            region=call.region,
            method=request.method,
            path=path,
            query=passed_query(request.query),
            headers=passed_headers(request.headers, unframed=body is not request.body),
            body=body,
            host=host,
        )
        async with await self._foreign.send(passed) as answer:
            await _relay(answer, connection)

    async def _verified(self, request: Request) -> Verified:
        """Raises the ApiError of whatever is wrong with the signature."""
        if claimed_scope(request.headers, request.query) is None:
            if request.headers.get(b"authorization", b"").startswith(b"AWS ") or b"AWSAccessKeyId=" in request.query:
                text = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
                raise ApiError(text, code="InvalidRequest", status=400)
            raise AccessDenied("Access Denied")
        return await self._pipeline.verified(request)

    def _refuse(self, service: str, request: Request, error: ApiError, request_id: str, connection: Connection) -> None:
        if not connection.answering:
            return
        answer = refusal(service, request.headers, error, request_id)
        connection.respond(answer.status, answer.headers, answer.body)


async def _relay(answer: Answer, connection: Connection) -> None:
    """Send an answer on while it arrives; break the connection where it breaks."""
    headers, length = told_headers(answer.headers), answer.length
    try:
        if length is not None and length <= _WHOLE_BYTES and not connection.asked_by_head:
            connection.respond(answer.status, headers, await answer.read(length))
            return
        connection.start(answer.status, headers, length)
        async for piece in answer:
            if not connection.send(piece):
                await connection.writable()
        connection.finish()
    except Broken:
        connection.abort()
