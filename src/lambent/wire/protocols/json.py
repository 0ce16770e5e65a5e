"""json 1.0 and 1.1: POST /, the operation in X-Amz-Target, a JSON object both ways."""

from __future__ import annotations

from typing import Any, ClassVar

from lambent.wire.errors import ApiError
from lambent.wire.message import Request, Response
from lambent.wire.model import Operation, Service
from lambent.wire.protocols import base, json_values
from lambent.wire.protocols.base import Captured, Convert, Plan, Values


class Json:
    """The json protocol as one service speaks it."""

    name: ClassVar = "json"

    def __init__(self, service: Service) -> None:
        self._service = service
        self._type = (b"Content-Type", f"application/x-amz-json-{service.json_version}".encode("ascii"))
        self._readers = json_values.readers()
        self._writers = json_values.writers()

    def plan(self, operation: Operation) -> Plan:
        """Compile an operation."""
        read = self._readers(operation.input) if operation.input is not None else None
        write = self._writers(operation.output) if operation.output is not None else None

        def parse(request: Request, _captured: Captured) -> dict[str, Any]:
            return {} if read is None or not request.body else dict(read(json_values.loads(request.body)))

        return Plan(parse, self._result_writer(write))

    def _result_writer(self, convert: Convert | None) -> base.Write:
        def write(result: Values, request_id: str) -> Response:
            headers = [self._type, (b"x-amzn-RequestId", request_id.encode("ascii"))]
            # An operation without output answers with nothing at all, as AWS does.
            body = b"" if convert is None else json_values.dumps(convert(result))
            return Response(200, headers, body)

        return write

    def error(self, error: ApiError, request_id: str) -> Response:
        """`{"__type": …, "message": …}`, and the query code for services that once spoke query."""
        fault = base.fault(self._service, self.name, error, request_id)
        kind = self._service.overrides.get("error_type_prefix", "") + fault.code
        members = fault.members
        if fault.shape is not None:
            members = self._writers(fault.shape)(members)
        headers = [self._type, *fault.headers]
        if self._service.is_query_compatible:
            query_code = error.codes.get("query", fault.code) if fault.shape is None else fault.shape.error_code
            blame = "Receiver" if fault.is_ours else "Sender"
            headers.append((b"x-amzn-query-error", f"{query_code};{blame}".encode()))
        return Response(fault.status, headers, json_values.dumps({"__type": kind, **members}))
