"""rest-xml: HTTP bindings with XML documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from lambent.wire.errors import ApiError
from lambent.wire.message import Response
from lambent.wire.model import Operation, Service, Shape
from lambent.wire.protocols import base, events, rest, xml_values
from lambent.wire.protocols.base import Plan, Values
from lambent.wire.protocols.xml_values import escaped


class RestXml:
    """The rest-xml protocol as one service speaks it."""

    name: ClassVar = "rest-xml"

    def __init__(self, service: Service) -> None:
        self._service = service
        self._readers = xml_values.readers()
        self._writers = xml_values.writers()
        self._documents = rest.Documents(
            content_type=b"application/xml",
            read_members=self._read_members,
            read_payload=self._read_payload,
            write_members=self._write_members,
            write_payload=self._write_payload,
            empty=b"",
            write_events=self._write_events,
        )

    def plan(self, operation: Operation) -> Plan:
        """Compile an operation."""
        return rest.plan(operation, self._documents)

    def error(self, error: ApiError, request_id: str) -> Response:
        """An ErrorResponse; S3's is the bare Error."""
        fault = base.fault(self._service, self.name, error, request_id)
        headers = [*fault.headers, (b"Content-Type", b"application/xml")]
        code = f"<Code>{escaped(fault.code)}</Code>"
        members = xml_values.error_members(fault, self._writers)
        if self._service.overrides.get("bare_errors"):
            text = f"<Error>{code}{members}<RequestId>{request_id}</RequestId></Error>"
        else:
            kind = f"<Type>{'Receiver' if fault.is_ours else 'Sender'}</Type>"
            text = (
                f"<ErrorResponse{xml_values.service_namespace(self._service)}><Error>{kind}{code}{members}</Error>"
                f"<RequestId>{request_id}</RequestId></ErrorResponse>"
            )
        if fault.shape is not None:
            bound = rest.writer(fault.shape, fault.status, self._documents)
            headers += [h for h in bound(fault.members, request_id).headers[1:] if h[0] != b"Content-Type"]
        return Response(fault.status, headers, (xml_values.PROLOGUE + text).encode("utf-8"))

    def _write_events(self, shape: Shape) -> rest.WriteEvents:
        return events.writer(shape, self._write_payload, "text/xml", self._exception)

    def _exception(self, error: ApiError) -> tuple[str, bytes]:
        return base.fault(self._service, self.name, error, "").code, self.error(error, "").body

    def _read_members(self, members: Mapping[str, Shape]) -> rest.ReadBody:
        read = xml_values.structure_reader(members, self._readers)
        return lambda body: dict(read(xml_values.parse(body)))

    def _read_payload(self, shape: Shape) -> Callable[[bytes], Any]:
        read = self._readers(shape)
        return lambda body: read(xml_values.parse(body))

    def _write_members(self, shape: Shape, members: Mapping[str, Shape]) -> rest.WriteBody:
        name = shape.wire_name or shape.name
        xmlns = xml_values.namespace(shape) or xml_values.service_namespace(self._service)
        write = xml_values.structure_writer(shape, members, self._writers, xmlns)
        names = tuple(members)

        def write_body(result: Values) -> bytes:
            out = [xml_values.PROLOGUE]
            write(rest.only(result, names), name, out)
            return "".join(out).encode("utf-8")

        return write_body

    def _write_payload(self, shape: Shape) -> Callable[[Any], bytes]:
        write = self._writers(shape)
        name = shape.wire_name or shape.name

        def write_body(value: Any) -> bytes:
            out = [xml_values.PROLOGUE]
            write(value, name, out)
            return "".join(out).encode("utf-8")

        return write_body
