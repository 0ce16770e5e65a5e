"""The Runtime API over HTTP: one connection of whatever speaks it inside a sandbox, which may be hostile.

An acknowledgement is held back when the request for the next event has arrived with the answer that it acknowledges:
it then leaves with that event, and the runtime wakes once an invocation instead of twice.
"""

from __future__ import annotations

import json
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping

from lambent.core import limits
from lambent.kit.http import Connection
from lambent.kit.http_message import BodyTooLarge, HttpLimits, Request, Response
from lambent.kit.http_stream import Incoming
from lambent.runtimes.api.metadata import PATH as _METADATA
from lambent.runtimes.api.metadata import Metadata
from lambent.runtimes.api.session import TRUNCATED, NextEvent, Refusal, Session, State

UNEXPECTED_BYTES = 64 * 1024
"""What a runtime may send that nobody waits for."""
API_LIMITS = HttpLimits(
    # Runtimes describe errors in a header of up to 1 MB.
    head_bytes=1_200_000,
    body_bytes=limits.SYNC_RESPONSE,
    unasked_bytes=UNEXPECTED_BYTES,
    room_bytes=2 * limits.SYNC_RESPONSE,
    connections=16,
    # A frozen sandbox may stop anywhere, for as long as it stays frozen; what it can hold up is its own alone.
    idle_s=None,
    head_s=100_000.0,
    body_s=100_000.0,
    write_s=100_000.0,
)
"""What one sandbox may send."""

_NEXT = b"/2018-06-01/runtime/invocation/next"
_INVOCATION = b"/2018-06-01/runtime/invocation/"
_INIT_ERROR = b"/2018-06-01/runtime/init/error"
_PING = b"/2018-06-01/ping"
_ERROR_TYPE = b"lambda-runtime-function-error-type"
_ERROR_BODY = b"lambda-runtime-function-error-body"
_MODE = b"lambda-runtime-function-response-mode"
_STREAMING = b"streaming"
_WITH_CAUSE = b"application/vnd.aws.lambda.error.cause+json"
_JSON = ((b"Content-Type", b"application/json"),)
_LARGE_BYTES = 64 * 1024
_TYPE_CHARACTERS = 256
_PARSED_BYTES = 256 * 1024
_LATER = (
    (b"/2020-01-01/extension/", "The Extensions API"),
    (b"/2022-07-01/telemetry", "The Telemetry API"),
    (b"/2020-08-15/logs", "The Logs API"),
    (b"/2018-06-01/runtime/restore/", "SnapStart"),
)


def _ready(status: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


_ACCEPTED = _ready(b"202 Accepted", b'{"status":"OK"}\n')


class RuntimeConnection(Connection):
    """Brings what a runtime asks for to its session."""

    __slots__ = ("_metadata", "_owed", "_session")

    def __init__(self, session: Session, metadata: Metadata) -> None:
        self._session = session
        self._metadata = metadata
        self._owed = b""

    # -- what the base calls

    def received(self, request: Request) -> None:
        """Hand the request to the session."""
        path = request.path
        if path == _NEXT:
            if request.method == "GET":
                self._refused_by(self._session.next(self._take))
                return
        elif path.startswith(_INVOCATION):
            if request.method == "POST":
                self._answered_with(path[len(_INVOCATION) :], request)
                return
        elif path == _INIT_ERROR:
            if request.method == "POST":
                body = _error_body(request)
                self._acknowledge(self._session.init_error(_error_type(request, body), body))
                return
        elif path == _PING:
            self._send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong")
            return
        elif path == _METADATA:
            if request.method == "GET":
                self._tell_metadata(request.headers.get(b"authorization"))
                return
        else:
            self._refuse_with(Refusal(404, "NotFound", _absent(path)))
            return
        self._refuse_with(Refusal(405, "MethodNotAllowed", f"{_shown(path)} does not take {request.method}."))

    def body_limit(self, method: str, target: bytes, headers: dict[bytes, bytes]) -> int:
        """Nothing large is kept that nobody waits for."""
        if self._session.state not in _EXPECTING:
            return UNEXPECTED_BYTES
        return limits.SYNC_RESPONSE if headers.get(_MODE) != _STREAMING else self._session.response_limit

    def streams(self, request: Request) -> bool:
        """An answer in this mode goes on while it comes in."""
        return (
            request.headers.get(_MODE) == _STREAMING
            and request.method == "POST"
            and request.path.startswith(_INVOCATION)
            and request.path.endswith(b"/response")
        )

    def closed(self) -> None:
        """Whoever waited for an event here is gone."""
        self._session.withdraw(self._take)

    def too_large(self, request: Request, limit: int) -> Response:
        """A response that exceeds the limit ends its event, and is answered as AWS does."""
        rest = request.path.removeprefix(_INVOCATION)
        request_id, _, act = rest.rpartition(b"/")
        if act == b"response":
            refusal = self._session.respond_too_large(_text(request_id), limit)
            if refusal is not None:
                return Response(refusal.status, _JSON, _document(refusal))
        return Response(413, _JSON, _document(_too_large(limit)))

    def refused(self, status: int, reason: str) -> Response:
        """A request that cannot be read."""
        return Response(status, _JSON, _document(Refusal(status, "InvalidRequest", reason)))

    # -- acts

    def _answered_with(self, rest: bytes, request: Request) -> None:
        request_id, _, act = rest.rpartition(b"/")
        if act == b"response":
            mode = request.headers.get(_MODE)
            if not mode:
                self._acknowledge(self._session.respond(_text(request_id), request.body))
            elif mode == _STREAMING:
                self._stream(_text(request_id), request)
            else:
                self._refuse_with(self._session.mode_unknown(_text(request_id)))
        elif act == b"error":
            body = _error_body(request)
            self._acknowledge(self._session.error(_text(request_id), _error_type(request, body), body))
        else:
            self._refuse_with(Refusal(404, "NotFound", _absent(request.path)))

    def _stream(self, request_id: str, request: Request) -> None:
        """An answer of which the rest may still come."""
        session, stream = self._session, request.stream
        content_type = _text(request.headers.get(b"content-type", b"application/octet-stream"))
        if (refusal := session.begin_response(request_id, content_type, stream or Incoming())) is not None:
            self._refuse_with(refusal)
        elif stream is not None:
            stream.take(_Streamed(self, session, request_id, stream))
        else:
            if request.body:
                session.piece(request_id, request.body)
            session.end_response(request_id, None, b"")
            self._acknowledge(None)

    def streamed(self, refusal: Refusal | None) -> None:
        """A streamed answer has ended, in good order unless there is a reason to refuse it."""
        self._acknowledge(refusal)

    def _tell_metadata(self, authorization: bytes | None) -> None:
        if self._metadata.is_shown_by(authorization):
            self._send(_ready(b"200 OK\r\nCache-Control: private, max-age=43200, immutable", self._metadata.document()))
        else:
            self._refuse_with(Refusal(401, "Unauthorized", "The token is missing or is not this environment's."))

    def _take(self, event: NextEvent) -> None:
        head = event_head(event)
        payload = event.payload
        if len(payload) < _LARGE_BYTES:
            self._send(b"%bContent-Length: %d\r\n\r\n%b" % (head, len(payload), payload))
            return
        owed, self._owed = self._owed, b""
        if owed:
            self._transport.write(owed)
        self.respond(200, head.partition(b"\r\n")[2], payload)

    def _acknowledge(self, refusal: Refusal | None) -> None:
        if refusal is not None:
            self._refuse_with(refusal)
        elif self._current is not None and self._current.plain and self._reader.requests:
            self._owed += _ACCEPTED
            self.write_response(b"")
        else:
            self._send(_ACCEPTED)

    def _refused_by(self, refusal: Refusal | None) -> None:
        if refusal is not None:
            self._refuse_with(refusal)

    def _refuse_with(self, refusal: Refusal) -> None:
        status = b"%d %b" % (refusal.status, _REASONS[refusal.status])
        self._send(_ready(status, _document(refusal)))

    def _send(self, response: bytes) -> None:
        if self._owed:
            response = self._owed + response
            self._owed = b""
        self.write_response(response)


class _Streamed:
    """Brings a streamed answer to its session."""

    __slots__ = ("_connection", "_request_id", "_session", "_stream")

    def __init__(self, connection: RuntimeConnection, session: Session, request_id: str, stream: Incoming) -> None:
        self._connection = connection
        self._session = session
        self._request_id = request_id
        self._stream = stream

    def piece(self, data: bytes) -> None:
        self._session.piece(self._request_id, data)

    def whole(self) -> None:
        error_type, document = _trailing_error(self._stream.trailers)
        self._session.end_response(self._request_id, error_type, document)
        self._connection.streamed(None)

    def broken(self, error: Exception) -> None:
        if isinstance(error, BodyTooLarge):
            self._session.break_response(self._request_id, error.limit)
            self._connection.streamed(_too_large(error.limit))
        else:
            self._session.break_response(self._request_id)
            self._connection.streamed(TRUNCATED)


_EXPECTING = frozenset((State.STARTED, State.RUNNING))
_REASONS = {
    400: b"Bad Request",
    401: b"Unauthorized",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    413: b"Request Entity Too Large",
}


def event_head(event: NextEvent) -> bytes:
    """The head of the answer that carries `event`, but for its Content-Length. Line breaks that a caller smuggled into
    a value become blanks."""
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        f"Lambda-Runtime-Aws-Request-Id: {event.request_id}\r\nLambda-Runtime-Deadline-Ms: {event.deadline_ms}\r\n"
        f"Lambda-Runtime-Invoked-Function-Arn: {event.arn}\r\n"
    )
    foreign = event.request_id + event.arn + event.trace
    if event.trace:
        head += f"Lambda-Runtime-Trace-Id: {event.trace}\r\n"
    if event.client_context is not None:
        head += f"Lambda-Runtime-Client-Context: {event.client_context}\r\n"
        foreign += event.client_context
    if event.cognito_identity is not None:
        head += f"Lambda-Runtime-Cognito-Identity: {event.cognito_identity}\r\n"
        foreign += event.cognito_identity
    if event.tenant_id is not None:
        head += f"Lambda-Runtime-Aws-Tenant-Id: {event.tenant_id}\r\n"
        foreign += event.tenant_id
    if "\n" in foreign or "\r" in foreign or "\0" in foreign:
        return event_head(_harmless(event))
    return head.encode()


def _harmless(event: NextEvent) -> NextEvent:
    """`event` with blanks for what would end a header line."""
    texts = {name: _one_line(value) for name, value in event._asdict().items() if isinstance(value, str)}
    return NextEvent(**(event._asdict() | texts))


def _one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ").replace("\0", " ")


def _error_type(request: Request, body: bytes) -> str:
    named = request.headers.get(_ERROR_TYPE)
    if named:
        return _text(named)[:_TYPE_CHARACTERS]
    if len(body) > _PARSED_BYTES:
        return "Runtime.Unknown"
    try:
        named_inside = json.loads(body)["errorType"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "Runtime.Unknown"
    return str(named_inside)[:_TYPE_CHARACTERS]


def _error_body(request: Request) -> bytes:
    """The error document for the caller; the cause that some runtimes put into it is for tracing alone."""
    if request.headers.get(b"content-type") != _WITH_CAUSE or len(request.body) > _PARSED_BYTES:
        return request.body
    try:
        document = json.loads(request.body)
        document.pop("errorCause", None)
        return json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, AttributeError, RecursionError):
        return request.body


def _trailing_error(trailers: Mapping[bytes, bytes]) -> tuple[str | None, bytes]:
    """The type and the document of the error that a streamed answer ended with; no type when it did not."""
    named = trailers.get(_ERROR_TYPE)
    if not named:
        return None, b""
    error_type = _text(named)[:_TYPE_CHARACTERS]
    try:
        document = b64decode(trailers.get(_ERROR_BODY, b""), validate=True)
    except Base64Error:
        document = b""
    return error_type, document or json.dumps({"errorType": error_type}).encode()


def _too_large(limit: int) -> Refusal:
    return Refusal(413, "RequestEntityTooLarge", f"Exceeded maximum allowed payload size ({limit} bytes).")


def _document(refusal: Refusal) -> bytes:
    return json.dumps({"errorMessage": refusal.message, "errorType": refusal.error_type}).encode() + b"\n"


def _text(value: bytes) -> str:
    return value.decode("latin-1")


def _absent(path: bytes) -> str:
    for prefix, name in _LATER:
        if path.startswith(prefix):
            return f"{name} is not supported yet."
    return f"There is no {_shown(path)} here."


def _shown(path: bytes) -> str:
    return _text(path[:200])
