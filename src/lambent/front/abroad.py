"""Requests for services that are not ours: identified and authorised here, then passed on by the service's name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from lambent.core import limits
from lambent.foreign.buckets import Buckets
from lambent.foreign.refusals import refusal
from lambent.foreign.rewriting import bucket_in_host, in_path_style, passed_headers, passed_query, told_headers
from lambent.foreign.services import Foreign, Passed
from lambent.foreign.uploads import Upload
from lambent.front.identity import Identity
from lambent.front.pipeline import Pipeline, authorise
from lambent.kit.http import Connection
from lambent.kit.http_client import Answer, Broken
from lambent.kit.http_message import Refusal, Request, Response
from lambent.kit.log import Log
from lambent.wire import message as wire
from lambent.wire.call import Call
from lambent.wire.errors import AccessDenied, ApiError, InternalError
from lambent.wire.service import Registry
from lambent.wire.sigv2 import is_presigned
from lambent.wire.sigv4 import Verified, claimed_scope

_WHOLE_BYTES = 65_536
"""An answer of at most so much is sent in one go."""


class Abroad:
    """The way out."""

    def __init__(
        self,
        registry: Registry,
        foreign: Foreign,
        buckets: Buckets,
        identity: Identity,
        pipeline: Pipeline,
        log: Log,
    ) -> None:
        self._registry = registry
        self._buckets = buckets
        self._foreign = foreign
        self._identity = identity
        self._pipeline = pipeline
        self._log = log

    def service(self, request: Request) -> str | None:
        """The signing name of the foreign service that a request is for; None when it is for one of ours."""
        return self._named(request.headers, request.query)

    def body_limit(self, headers: dict[bytes, bytes], query: bytes) -> int | None:
        """The most bytes of a request's body; None when it is for one of our services."""
        service = self._named(headers, query)
        if service is None:
            return None
        return limits.OBJECT_BODY if service == "s3" else limits.FOREIGN_BODY

    def streams(self, request: Request) -> bool:
        """Whether the body is to be taken while it arrives: objects of S3, which may be larger than any memory."""
        return self._named(request.headers, request.query) == "s3"

    def too_large(self, request: Request) -> Response | None:
        """S3's answer to a body beyond its limit; None when the request is not for S3."""
        if self._named(request.headers, request.query) != "s3":
            return None
        error = ApiError("Your proposed upload exceeds the maximum allowed size", code="EntityTooLarge", status=400)
        answer = refusal("s3", request.headers, error, self._pipeline.request_id(request))
        return Response(answer.status, answer.headers, answer.body)

    def _named(self, headers: Mapping[bytes, bytes], query: bytes) -> str | None:
        """The foreign service that a signature's scope names; without one, S3 is known by other signs."""
        scope = claimed_scope(headers, query)
        if scope is None:
            is_s3 = is_presigned(query) or headers.get(b"authorization", b"").startswith(b"AWS ")
            return "s3" if is_s3 or bucket_in_host(headers.get(b"host", b"")) is not None else None
        name = scope[2]
        return name if self._foreign.replaces(name) or not self._registry.serves(name) else None

    async def pass_on(self, service: str, request: Request, connection: Connection) -> None:
        """Answer `request`, which is for `service`, on `connection`. Never raises."""
        request_id = self._pipeline.request_id(request)
        try:
            await self._answer(service, request, request_id, connection)
        except ApiError as error:
            self._refuse(service, request, error, request_id, connection)
        except ConnectionResetError:
            pass  # the client is gone
        except Refusal as error:  # of the rest of a body
            connection.refuse(error)
        except Exception as error:  # the boundary of front/pipeline.py, for this way
            self._log.error("request_failed", error=error, path=request.path.decode("latin-1"), request_id=request_id)
            self._refuse(service, request, InternalError(), request_id, connection)

    async def _answer(self, service: str, request: Request, request_id: str, connection: Connection) -> None:
        verified = await self._verified(service, request)
        host = request.headers.get(b"host", b"")
        call = Call(
            verified.principal, verified.region, request_id, service, "", host.decode("latin-1"), request.headers
        )
        authorise(call)
        passed = _passed(service, request, verified)
        if service == "s3":
            answer = await self._buckets.send(call, passed, request.peer)
        else:
            answer = await self._foreign.send(passed)
        if isinstance(answer, wire.Response):
            connection.respond(answer.status, answer.headers, answer.body)
            return
        async with answer:
            await _relay(answer, connection)

    async def _verified(self, service: str, request: Request) -> Verified:
        """Who signed it; the body of a request to S3 is proven later. Raises the ApiError of what is wrong with it."""
        if claimed_scope(request.headers, request.query) is None:
            if is_presigned(request.query):
                found = bucket_in_host(request.headers.get(b"host", b""))
                return self._identity.presigned(request, b"" if found is None else found[0])
            if b"authorization" in request.headers:
                text = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
                raise ApiError(text, code="InvalidRequest", status=400)
            raise AccessDenied("Access Denied")
        if service != "s3":
            return await self._pipeline.verified(request)
        if (trusted := self._identity.trusted(request)) is not None:
            return trusted
        return self._identity.proven(self._identity.claimed(request), None)

    def _refuse(self, service: str, request: Request, error: ApiError, request_id: str, connection: Connection) -> None:
        if not connection.answering:
            return
        answer = refusal(service, request.headers, error, request_id)
        connection.respond(answer.status, answer.headers, answer.body)


def _passed(service: str, request: Request, verified: Verified) -> Passed:
    """What is passed on. Raises ApiError for a body that is not what was signed."""
    host, path, is_framed = request.headers.get(b"host", b""), request.path, False
    body: bytes | AsyncIterator[bytes]
    body, length = request.body, None
    if service == "s3":
        host, path = in_path_style(host, path)
        in_url = b"X-Amz-Signature=" in request.query or is_presigned(request.query)
        upload = Upload(request.headers, verified.chunks, is_presigned=in_url)
        is_framed = upload.is_framed
        if request.stream is None:
            body = upload.whole(request.body)
        else:
            body, length = upload.proven(request.stream), upload.length
    elif verified.chunks is not None:
        body, is_framed = verified.body(request.body), True
    return Passed(
        service=service,
        account=verified.principal.account,
        region=verified.region,
        method=request.method,
        path=path,
        query=passed_query(request.query),
        headers=passed_headers(request.headers, unframed=is_framed),
        body=body,
        length=length,
        host=host,
    )


async def _relay(answer: Answer, connection: Connection) -> None:
    """Send an answer on while it arrives; break the connection where it breaks. Raises ApiError for one that is not
    there whole, as long as nothing of it was sent."""
    headers, length = told_headers(answer.headers), answer.length
    if length is not None and length <= _WHOLE_BYTES and not connection.asked_by_head:
        try:
            body = await answer.read(length)
        except Broken as error:
            text = f"The answer broke off: {error}."
            raise ApiError(text, code="ServiceUnavailable", status=503) from None
        connection.respond(answer.status, headers, body)
        return
    connection.start(answer.status, headers, length)
    try:
        async for piece in answer:
            if not connection.send(piece):
                await connection.writable()
        connection.finish()
    except Broken:
        connection.abort()
    except Exception:
        connection.abort()  # nothing else can be said any more
        raise
