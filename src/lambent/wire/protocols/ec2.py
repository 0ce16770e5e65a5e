"""ec2: query with capital letters, flattened lists and answers without a wrapper."""

from __future__ import annotations

from typing import ClassVar

from lambent.wire.errors import ApiError
from lambent.wire.message import Request, Response
from lambent.wire.model import Operation, Service, Shape
from lambent.wire.protocols import base, form, xml_values
from lambent.wire.protocols.base import Captured, Plan, Values
from lambent.wire.protocols.xml_values import escaped

CONTENT_TYPE = (b"Content-Type", b"text/xml;charset=UTF-8")


class Ec2:
    """The ec2 protocol as one service speaks it."""

    name: ClassVar = "ec2"

    def __init__(self, service: Service) -> None:
        self._service = service
        self._readers = form.readers(_names, flat_lists=True)
        self._writers = xml_values.writers()
        self._xmlns = xml_values.service_namespace(service)

    def plan(self, operation: Operation) -> Plan:
        """Compile an operation."""
        read = self._readers(operation.input) if operation.input is not None else None

        def parse(_request: Request, captured: Captured) -> dict[str, object]:
            return {} if read is None else dict(read(form.tree(captured)))

        return Plan(parse, self._result_writer(operation))

    def _result_writer(self, operation: Operation) -> base.Write:
        name, output = operation.name, operation.output
        write_members = None
        if output is not None:
            write_members = xml_values.members_writer(output, output.members, self._writers)

        def write(result: Values, request_id: str) -> Response:
            out = [xml_values.PROLOGUE, f"<{name}Response{self._xmlns}><requestId>{request_id}</requestId>"]
            if write_members is not None:
                write_members(result, out)
            out.append(f"</{name}Response>")
            headers = [(b"x-amzn-RequestId", request_id.encode("ascii")), CONTENT_TYPE]
            return Response(200, headers, "".join(out).encode("utf-8"))

        return write

    def error(self, error: ApiError, request_id: str) -> Response:
        """A Response with Errors, each a code and a message."""
        fault = base.fault(self._service, self.name, error, request_id)
        members = xml_values.error_members(fault, self._writers)
        text = (
            f"{xml_values.PROLOGUE}<Response><Errors><Error><Code>{escaped(fault.code)}</Code>{members}</Error>"
            f"</Errors><RequestID>{request_id}</RequestID></Response>"
        )
        return Response(fault.status, [*fault.headers, CONTENT_TYPE], text.encode("utf-8"))


def _names(name: str, shape: Shape) -> tuple[str, ...]:
    query_name: str | None = shape.traits.get("queryName")
    if query_name is not None:
        return (query_name,)
    wire_name = shape.wire_name or name
    return (wire_name[:1].upper() + wire_name[1:],)
