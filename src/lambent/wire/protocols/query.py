"""query: a form with Action and Version in, XML in a wrapper out."""

from __future__ import annotations

from typing import ClassVar

from lambent.wire.errors import ApiError, UnknownOperation
from lambent.wire.message import Request, Response
from lambent.wire.model import Operation, Service, Shape
from lambent.wire.protocols import base, form, xml_values
from lambent.wire.protocols.base import Captured, Plan, Values
from lambent.wire.protocols.rest import utf8
from lambent.wire.protocols.xml_values import escaped

CONTENT_TYPE = (b"Content-Type", b"text/xml")


class Query:
    """The query protocol as one service speaks it."""

    name: ClassVar = "query"

    def __init__(self, service: Service) -> None:
        self._service = service
        self._readers = form.readers(_names, flat_lists=False)
        self._writers = xml_values.writers()
        self._xmlns = xml_values.service_namespace(service)
        self._path_member: str | None = service.overrides.get("path_member")
        """What the path stands for where a request does not say it: requests may be sent to a resource's URL."""

    def plan(self, operation: Operation) -> Plan:
        """Compile an operation."""
        read = self._readers(operation.input) if operation.input is not None else None
        by_path = self._path_member
        if operation.input is None or by_path not in operation.input.members:
            by_path = None

        def parse(request: Request, captured: Captured) -> dict[str, object]:
            values = {} if read is None else dict(read(form.tree(captured)))
            if by_path is not None and by_path not in values and len(request.path) > 1:
                values[by_path] = utf8(request.path)
            return values

        return Plan(parse, self._result_writer(operation))

    def _result_writer(self, operation: Operation) -> base.Write:
        name, output = operation.name, operation.output
        wrapper = operation.result_wrapper or f"{name}Result"
        write_members = None
        if output is not None:
            write_members = xml_values.members_writer(output, output.members, self._writers)

        def write(result: Values, request_id: str) -> Response:
            out = [f"<{name}Response{self._xmlns}>"]
            if write_members is not None:
                out.append(f"<{wrapper}>")
                write_members(result, out)
                out.append(f"</{wrapper}>")
            out.append(f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>")
            out.append(f"</{name}Response>")
            headers = [(b"x-amzn-RequestId", request_id.encode("ascii")), CONTENT_TYPE]
            return Response(200, headers, "".join(out).encode("utf-8"))

        return write

    def error(self, error: ApiError, request_id: str) -> Response:
        """An ErrorResponse with who is to blame, code and message."""
        fault = base.fault(self._service, self.name, error, request_id)
        if isinstance(error, UnknownOperation):
            text = f"<{fault.code}/>\n"
            return Response(fault.status, [*fault.headers, CONTENT_TYPE], text.encode("utf-8"))
        blame = "Receiver" if fault.is_ours else "Sender"
        code = fault.shape.error_code if fault.shape is not None else fault.code
        members = xml_values.error_members(fault, self._writers) + ("<Detail/>" if self._path_member else "")
        text = (
            f"<ErrorResponse{self._xmlns}><Error><Type>{blame}</Type><Code>{escaped(code)}</Code>"
            f"{members}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return Response(fault.status, [*fault.headers, CONTENT_TYPE], text.encode("utf-8"))


def _names(name: str, shape: Shape) -> tuple[str, ...]:
    # Clients differ in which of the two names a flattened list goes by.
    return (shape.wire_name or name, xml_values.element_name(name, shape))
