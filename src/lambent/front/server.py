"""The public port: what comes in on a connection, and who answers it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from urllib.parse import parse_qs, parse_qsl

import orjson

from lambent.control.download import PATH as CODE
from lambent.control.download import download
from lambent.control.invocations import too_large
from lambent.control.stats import PATH as STATS_PATH
from lambent.control.stats import Stats
from lambent.core import limits
from lambent.front.abroad import Abroad
from lambent.front.fastdoor import FastDoor
from lambent.front.pipeline import Pipeline
from lambent.kit.http import Connection
from lambent.kit.http_message import Fields, HttpLimits, Request, Response
from lambent.neighbours.sns.certificates import PATH as SIGNING_CERTIFICATES
from lambent.neighbours.sns.certificates import certificate
from lambent.ports import Ports
from lambent.wire.errors import ApiError
from lambent.wire.service import unrouted

HEALTH = b"/_lambent/health"
STATS = STATS_PATH.encode()
_JSON = ((b"Content-Type", b"application/json"),)
_LAYERS = b"/2018-10-31/layers"
_DATED = b"/20"
"""What the paths of Lambda's operations begin with."""
_LARGE_BODIES = (b"/2015-03-31/functions", _LAYERS)
PUBLIC_LIMITS = HttpLimits(unasked_bytes=65_536)
"""What one client may send; a body of so few bytes is below the limit of every operation."""
SPARE = 65_536
"""Beyond the payload limit, so that what is barely too large is answered with its exact size in view."""


class Site:
    """What every connection answers with."""

    def __init__(
        self, ports: Ports, pipeline: Pipeline, fast: FastDoor, abroad: Abroad, stats: Stats, health: dict[str, object]
    ) -> None:
        self.ports = ports
        self.abroad = abroad
        self.stats = stats
        self.pipeline = pipeline
        self.fast = fast
        self.health = orjson.dumps(health)

    def connection(self) -> PublicConnection:
        """The protocol for a client that has just connected."""
        return PublicConnection(self)


class PublicConnection(Connection):
    """One client of the public port, or of the same port inside a sandbox."""

    __slots__ = ("_leave", "_site")

    def __init__(self, site: Site) -> None:
        self._site = site
        self._leave: Callable[[], None] | None = None

    def on_leave(self, leave: Callable[[], None]) -> None:
        """See `Caller` in wire/call.py."""
        self._leave = leave

    def closed(self) -> None:
        """Tell whoever works on the answer and wants to know."""
        if self._leave is not None:
            self._leave()

    def received(self, request: Request) -> None:
        """Invocations take the fast door; all else is a task."""
        if self._site.fast.take(request, self):
            return
        abroad = self._site.abroad
        if (service := abroad.service(request)) is not None:
            self._site.ports.tasks.start("request abroad", abroad.pass_on(service, request, self))
            return
        self._site.ports.tasks.start("request", self._answer(request))

    def body_limit(self, method: str, target: bytes, headers: dict[bytes, bytes]) -> int:
        """By operation: code is larger than payloads are."""
        path, _, query = target.partition(b"?")
        if (abroad := self._site.abroad.body_limit(headers, query)) is not None:
            return abroad
        path = path.rstrip(b"/")
        if path.endswith((b"/invocations", b"/invoke-async", b"/response-streaming-invocations")):
            return limits.SYNC_PAYLOAD
        if path.startswith(_LARGE_BODIES):
            return limits.CREATE_FUNCTION_BODY
        return limits.CONTROL_BODY

    def streams(self, request: Request) -> bool:
        """What is uploaded to S3."""
        return self._site.abroad.streams(request)

    def too_large(self, request: Request, limit: int) -> Response:
        """AWS's 413, and S3's own."""
        if (abroad := self._site.abroad.too_large(request)) is not None:
            return abroad
        if limit == limits.SYNC_PAYLOAD:
            error: ApiError = too_large()
        else:
            operation = "UpdateFunctionCode" if request.method == "PUT" else "CreateFunction"
            operation = "PublishLayerVersion" if request.path.startswith(_LAYERS) else operation
            text = f"Request must be smaller than {limit} bytes for the {operation} operation"
            error = ApiError(text, code="RequestEntityTooLargeException", status=413)
        answer = unrouted(error, self._site.pipeline.request_id(request))
        body = orjson.dumps({"Message": error.message}) if request.path.startswith(_DATED) else answer.body
        return Response(answer.status, answer.headers, body)

    async def _answer(self, request: Request) -> None:
        if request.path.startswith(b"/_lambent/"):
            try:
                answer = await self._own(request)
            except Exception as error:  # the boundary of front/pipeline.py, for our own paths
                log = self._site.ports.log
                log.error("request_failed", error=error, path=request.path.decode("latin-1"))
                answer = Response(500, _JSON, b'{"message":"Internal error."}')
        else:
            handled = await self._site.pipeline.handle(request, self)
            self._leave = None
            if handled.stream is not None:
                await self._stream(handled.status, handled.headers, handled.stream)
                return
            answer = Response(handled.status, handled.headers, handled.body)
        self.respond(answer.status, answer.headers, answer.body)

    async def _stream(self, status: int, headers: Fields, parts: AsyncGenerator[bytes, None]) -> None:
        """Send a body while it is made, no faster than the client takes it."""
        self.start(status, headers)
        async with aclosing(parts):
            try:
                async for part in parts:
                    if not self.send(part):
                        await self.writable()
            except ConnectionResetError:
                return
            except Exception as error:  # the boundary of front/pipeline.py, for what comes after the head
                self._site.ports.log.error("response_failed", error=error)
                self.abort()
                return
        self.finish()

    async def _own(self, request: Request) -> Response:
        """What AWS does not have."""
        if request.method in ("GET", "HEAD"):
            if request.path == HEALTH:
                return Response(200, _JSON, self._site.health)
            if request.path == STATS:
                return await self._stats(request)
            if request.path.startswith(CODE.encode()):
                return await self._code(request)
            if request.path.startswith(SIGNING_CERTIFICATES.encode()):
                return await self._signing_certificate(request)
        return Response(404, _JSON, b'{"message":"Not found."}')

    async def _stats(self, request: Request) -> Response:
        request_id = self._site.pipeline.request_id(request)
        try:
            call = await self._site.pipeline.identified(request, request_id, "GetStats")
            asked = dict(parse_qsl(request.query.decode("latin-1")))
            answer = await self._site.stats.get(call, asked.get("name", ""), asked.get("days", ""))
        except ApiError as error:
            refusal = unrouted(error, request_id)
            return Response(refusal.status, refusal.headers, refusal.body)
        return Response(200, _JSON, orjson.dumps(answer))

    async def _signing_certificate(self, request: Request) -> Response:
        """Whoever gets a message from SNS may ask: it is no secret."""
        found = await certificate(self._site.ports.records, request.path.decode("latin-1"))
        if found is None:
            return Response(404, _JSON, b'{"message":"Not found."}')
        return Response(200, ((b"Content-Type", b"application/x-pem-file"),), found)

    async def _code(self, request: Request) -> Response:
        query = {name: values[0] for name, values in parse_qs(request.query.decode("latin-1")).items()}
        digest = request.path.decode("latin-1").removeprefix(CODE)
        code = await download(self._site.ports, digest, query.get("expires", ""), query.get("proof", ""))
        if code is None:
            return Response(403, _JSON, b'{"message":"This link is wrong or has expired."}')
        disposition = (b"Content-Disposition", b'attachment; filename="code.zip"')
        return Response(200, ((b"Content-Type", b"application/zip"), disposition), code)
