"""What a protocol is: a plan per operation (parse a request, write a result) and a way to write errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from lambent.values import frozen
from lambent.wire.errors import ApiError
from lambent.wire.message import Headers, Request, Response
from lambent.wire.model import Operation, Service, Shape

Values = Mapping[str, Any]
Captured = Mapping[str, str]
"""What routing already took out of the request: the path's labels (REST) or the form (query)."""

Parse = Callable[[Request, Captured], dict[str, Any]]
Write = Callable[[Values, str], Response]
Convert = Callable[[Any], Any]
C = TypeVar("C")


@frozen
class Plan:
    """One operation, compiled: `parse(request, captured)` and `write(result, request_id)`."""

    parse: Parse
    write: Write


class Codec(Protocol):
    """One protocol as one service speaks it."""

    name: ClassVar[str]

    def __init__(self, service: Service) -> None: ...

    def plan(self, operation: Operation) -> Plan:
        """Compile an operation."""

    def error(self, error: ApiError, request_id: str) -> Response:
        """The response that says `error`."""


class Compiler(Generic[C]):
    """Makes one converter per use of a shape; recursive shapes are bound late, to themselves."""

    def __init__(self, make: Callable[[Shape, Compiler[C]], C], late: Callable[[Callable[[], C]], C]) -> None:
        self._make = make
        self._late = late
        self._made: dict[tuple[str, str], C] = {}

    def __call__(self, shape: Shape) -> C:
        key = shape.key_of_use
        if key not in self._made:
            self._made[key] = self._late(lambda: self._made[key])
            self._made[key] = self._make(shape, self)
        return self._made[key]


def late_converter(get: Callable[[], Convert]) -> Convert:
    """A converter that is looked up when it is first used."""
    return lambda value: get()(value)


@frozen
class Fault:
    """An error, looked up in the model: what every protocol writes of it."""

    code: str
    message: str | None
    status: int
    shape: Shape | None
    members: dict[str, Any]
    """The error shape's members: its message under the member's own name, and the extra ones."""
    headers: Headers

    @property
    def is_ours(self) -> bool:
        """The service failed, not the caller."""
        return self.status >= 500


def fault(service: Service, protocol: str, error: ApiError, request_id: str) -> Fault:
    """What the model knows of `error`, under the code that this protocol has for it."""
    code = error.code if error.code in service.errors else error.codes.get(protocol, error.code)
    shape = service.errors.get(code)
    status = _status(service, protocol, error, shape)
    members: dict[str, Any] = dict(error.extra)
    message = error.texts.get(protocol, error.message)
    if message is not None:
        members[message_key(service, code, shape)] = message
    fault_member = service.overrides.get("error_fault_member")
    if shape is not None and fault_member in shape.members:
        members.setdefault(fault_member, "Service" if status >= 500 else "User")
    members = {name: value for name, value in members.items() if value is not None}
    headers = [(b"x-amzn-RequestId", request_id.encode("ascii"))]
    headers += [(header_bytes(n), header_bytes(v)) for n, v in error.headers.items()]
    return Fault(code, message, status, shape, members, headers)


def _status(service: Service, protocol: str, error: ApiError, shape: Shape | None) -> int:
    keeps = service.overrides.get("keeps_status", False)
    if shape is not None and service.is_query_compatible and not keeps and protocol in ("json", "smithy-rpc-v2-cbor"):
        # The status in such a model is the one of its query days.
        return 400 if shape.is_callers_fault else 500
    return error.status or (shape.status if shape is not None else 400)


def message_key(service: Service, code: str, shape: Shape | None) -> str:
    """`message` or `Message`: the member's name where the model has the error, else what AWS was seen to send."""
    for name in shape.members if shape is not None else ():
        if name.lower() in ("message", "errormessage"):
            return name
    known: Mapping[str, str] = service.overrides.get("message_keys", {})
    return known.get(code, "Message" if code.startswith("AccessDenied") else "message")


def header_bytes(value: str) -> bytes:
    """Text for a header line; a line break in it becomes a blank."""
    if "\n" in value or "\r" in value or "\0" in value:
        value = value.replace("\r", " ").replace("\n", " ").replace("\0", " ")
    return value.encode("utf-8")
