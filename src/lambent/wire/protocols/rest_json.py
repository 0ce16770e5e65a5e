"""rest-json: HTTP bindings with JSON documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from lambent.wire.errors import ApiError, SerializationError
from lambent.wire.message import Response
from lambent.wire.model import Operation, Service, Shape
from lambent.wire.protocols import base, events, json_values, rest
from lambent.wire.protocols.base import Convert, Plan, Values


class RestJson:
    """The rest-json protocol as one service speaks it."""

    name: ClassVar = "rest-json"

    def __init__(self, service: Service) -> None:
        self._service = service
        self._readers = json_values.readers()
        self._writers = json_values.writers()
        self._documents = rest.Documents(
            content_type=b"application/json",
            read_members=self._read_members,
            read_payload=self._read_payload,
            write_members=self._write_members,
            write_payload=self._write_payload,
            empty=b"{}",
            write_events=self._write_events,
        )

    def plan(self, operation: Operation) -> Plan:
        """Compile an operation."""
        return rest.plan(operation, self._documents)

    def error(self, error: ApiError, request_id: str) -> Response:
        """The error's shape as any output, with its name in a header; `{"message": …}` without a shape."""
        fault = base.fault(self._service, self.name, error, request_id)
        kind = (b"x-amzn-ErrorType", fault.code.encode("ascii"))
        if fault.shape is None:
            headers = [*fault.headers, kind, (b"Content-Type", b"application/json")]
            # AWS says null where it has nothing to say: to callers from other accounts.
            members = fault.members or {base.message_key(self._service, fault.code, None): None}
            return Response(fault.status, headers, json_values.dumps(members))
        written = rest.writer(fault.shape, fault.status, self._documents)(fault.members, request_id)
        return Response(written.status, [*written.headers, kind, *fault.headers[1:]], written.body)

    def _read_members(self, members: Mapping[str, Shape]) -> rest.ReadBody:
        plan = {m.wire_name or name: (name, self._readers(m)) for name, m in members.items()}
        read: Convert = json_values.structure_reader(plan)
        return lambda body: read(_object(json_values.loads(body)))

    def _read_payload(self, shape: Shape) -> Callable[[bytes], Any]:
        read = self._readers(shape)
        return lambda body: read(json_values.loads(body))

    def _write_members(self, shape: Shape, members: Mapping[str, Shape]) -> rest.WriteBody:
        plan = {name: (m.wire_name or name, self._writers(m)) for name, m in members.items()}
        write = json_values.structure_writer(shape.name, plan)
        names = tuple(members)

        def write_body(result: Values) -> bytes:
            return json_values.dumps(write(rest.only(result, names)))

        return write_body

    def _write_payload(self, shape: Shape) -> Callable[[Any], bytes]:
        write = self._writers(shape)
        return lambda value: json_values.dumps(write(value))

    def _write_events(self, shape: Shape) -> rest.WriteEvents:
        return events.writer(shape, self._write_payload, "application/json", self._exception)

    def _exception(self, error: ApiError) -> tuple[str, bytes]:
        return base.fault(self._service, self.name, error, "").code, self.error(error, "").body


def _object(document: Any) -> Any:
    if type(document) is not dict:
        raise SerializationError("The request body must be a JSON object")
    return document
