"""Our own errors in the form that a foreign service's clients read. Its model is not needed for that. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from lambent.wire.errors import ApiError
from lambent.wire.message import Headers, Response
from lambent.wire.protocols.xml_values import escaped
from lambent.wire.service import unrouted

_PROLOGUE = '<?xml version="1.0" encoding="UTF-8"?>\n'


def refusal(service: str, headers: Mapping[bytes, bytes], error: ApiError, request_id: str) -> Response:
    """The answer that says `error` to a client of `service`."""
    if service == "s3":
        return _s3(error, request_id)
    if b"x-www-form-urlencoded" in headers.get(b"content-type", b""):
        return _query(error, request_id)
    return unrouted(error, request_id)


def _s3(error: ApiError, request_id: str) -> Response:
    code = escaped(error.codes.get("rest-xml", error.code))
    more = "".join(f"<{name}>{escaped(str(value))}</{name}>" for name, value in error.extra.items())
    told = f"<Code>{code}</Code><Message>{_message(error)}</Message>{more}<RequestId>{request_id}</RequestId>"
    text = f"<Error>{told}</Error>"
    headers: Headers = [(b"x-amz-request-id", request_id.encode()), (b"Content-Type", b"application/xml")]
    return Response(error.status or 400, headers, (_PROLOGUE + text).encode())


def _query(error: ApiError, request_id: str) -> Response:
    status = error.status or 400
    blame = "Receiver" if status >= 500 else "Sender"
    code = escaped(error.codes.get("query", error.code))
    text = (
        f"<ErrorResponse><Error><Type>{blame}</Type><Code>{code}</Code><Message>{_message(error)}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    headers: Headers = [(b"x-amzn-RequestId", request_id.encode()), (b"Content-Type", b"text/xml")]
    return Response(status, headers, (_PROLOGUE + text).encode())


def _message(error: ApiError) -> str:
    return escaped(error.message or error.code)
