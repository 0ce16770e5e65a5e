"""smithy-rpc-v2-cbor: POST /service/<name>/operation/<operation>, one CBOR map both ways."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any, ClassVar

from lambent.wire.errors import ApiError, SerializationError
from lambent.wire.message import Request, Response
from lambent.wire.model import Operation, Service, Shape
from lambent.wire.protocols import base, values
from lambent.wire.protocols.base import Captured, Compiler, Convert, Plan, Values, late_converter

_DEEPEST = 128
_TYPE = (b"Content-Type", b"application/cbor")
_PROTOCOL = (b"smithy-protocol", b"rpc-v2-cbor")
_HALF, _SINGLE, _DOUBLE = struct.Struct(">e"), struct.Struct(">f"), struct.Struct(">d")
_BREAK = object()
_SIMPLE = {20: False, 21: True, 22: None, 23: None}


class Timestamp(float):
    """Seconds since the epoch that go over the wire with CBOR's tag 1."""


class Cbor:
    """The smithy-rpc-v2-cbor protocol as one service speaks it."""

    name: ClassVar = "smithy-rpc-v2-cbor"

    def __init__(self, service: Service) -> None:
        self._service = service
        self._readers = Compiler(_reader, late_converter)
        self._writers = Compiler(_writer, late_converter)

    def plan(self, operation: Operation) -> Plan:
        """Compile an operation."""
        read = self._readers(operation.input) if operation.input is not None else None
        write = self._writers(operation.output) if operation.output is not None else None

        def parse(request: Request, _captured: Captured) -> dict[str, Any]:
            return {} if read is None or not request.body else dict(read(loads(request.body)))

        def write_result(result: Values, request_id: str) -> Response:
            headers = [(b"x-amzn-RequestId", request_id.encode("ascii")), _PROTOCOL]
            if write is None:
                return Response(200, headers, b"")
            return Response(200, [*headers, _TYPE], dumps(write(result)))

        return Plan(parse, write_result)

    def error(self, error: ApiError, request_id: str) -> Response:
        """A map with `__type` and the error's members."""
        fault = base.fault(self._service, self.name, error, request_id)
        members = fault.members if fault.shape is None else self._writers(fault.shape)(fault.members)
        headers = [*fault.headers, _PROTOCOL, _TYPE]
        if self._service.is_query_compatible:
            query_code = fault.shape.error_code if fault.shape is not None else fault.code
            blame = "Receiver" if fault.is_ours else "Sender"
            headers.append((b"x-amzn-query-error", f"{query_code};{blame}".encode()))
        return Response(fault.status, headers, dumps({"__type": fault.code, **members}))


# --- shapes -----------------------------------------------------------------------------------------------


def _reader(shape: Shape, compiler: Compiler[Convert]) -> Convert:
    if shape.type == "structure":
        plan = {m.wire_name or name: (name, compiler(m)) for name, m in shape.members.items()}
        return lambda value: {
            plan[k][0]: plan[k][1](v) for k, v in _a(dict, value).items() if k in plan and v is not None
        }
    if shape.type == "list":
        member = compiler(shape.member)
        return lambda value: [None if v is None else member(v) for v in _a(list, value)]
    if shape.type == "map":
        item = compiler(shape.value)
        return lambda value: {_a(str, k): None if v is None else item(v) for k, v in _a(dict, value).items()}
    return _scalar_reader(shape)


def _scalar_reader(shape: Shape) -> Convert:
    if shape.type in values.INTEGERS:
        bits = values.bits_of(shape)
        return lambda value: values.within(_a(int, value), bits)
    if shape.type in values.FLOATS:
        return lambda value: value if type(value) is int else _a(float, value)
    if shape.type == "timestamp":
        return lambda value: values.checked_epoch(value if type(value) is int else float(_a(Timestamp, value)))
    kind = {"blob": bytes, "boolean": bool}.get(shape.type, str)
    return lambda value: _a(kind, value)


def _a(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise SerializationError(f"Expected {kind.__name__}, found {type(value).__name__}")
    return value


def _writer(shape: Shape, compiler: Compiler[Convert]) -> Convert:
    if shape.type == "structure":
        plan = {name: (m.wire_name or name, compiler(m)) for name, m in shape.members.items()}

        def write(value: Any) -> dict[str, Any]:
            if not plan.keys() >= value.keys():
                raise ValueError(f"{shape.name} has no member {', '.join(value.keys() - plan.keys())}")
            return {plan[k][0]: plan[k][1](v) for k, v in value.items() if v is not None}

        return write
    if shape.type == "list":
        member = compiler(shape.member)
        return lambda items: [None if v is None else member(v) for v in items]
    if shape.type == "map":
        item = compiler(shape.value)
        return lambda pairs: {k: None if v is None else item(v) for k, v in pairs.items()}
    if shape.type == "timestamp":
        return Timestamp
    if shape.type in values.FLOATS:
        return float
    return lambda value: value


# --- CBOR -------------------------------------------------------------------------------------------------


def loads(body: bytes) -> Any:
    """The one data item in `body`. SerializationError for what is not well-formed CBOR, or nests too deep."""
    reader = _Reader(body)
    try:
        value = reader.item(0)
    except (IndexError, struct.error, UnicodeDecodeError, OverflowError, TypeError):
        raise SerializationError("The request body is not valid CBOR") from None
    if value is _BREAK or reader.at != len(body):
        raise SerializationError("The request body is not valid CBOR")
    return value


class _Reader:
    """Reads data items one after another."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.at = 0

    def item(self, depth: int) -> Any:
        if depth > _DEEPEST:
            raise SerializationError("The request nests too deep")
        initial = self._body[self.at]
        self.at += 1
        major, info = initial >> 5, initial & 31
        if major == 7:
            return self._simple(info)
        count = None if info == 31 and 2 <= major <= 5 else self._count(info)
        if major < 2:
            assert count is not None
            return count if major == 0 else -1 - count
        if major == 2:
            return self._string(count, depth, bytes, b"".join)
        if major == 3:
            return self._string(count, depth, lambda raw: raw.decode("utf-8"), "".join)
        if major == 4:
            return list(self._items(count, depth))
        if major == 5:
            return self._map(count, depth)
        return self._tagged(count, depth)

    def _count(self, info: int) -> int:
        if info < 24:
            return info
        if info > 27:
            raise IndexError
        return int.from_bytes(self._take(1 << info - 24))

    def _take(self, count: int) -> bytes:
        taken = self._body[self.at : self.at + count]
        if len(taken) != count:
            raise IndexError
        self.at += count
        return taken

    def _string(self, count: int | None, depth: int, decode: Callable[[bytes], Any], join: Callable[[Any], Any]) -> Any:
        return decode(self._take(count)) if count is not None else join(self._items(None, depth))

    def _items(self, count: int | None, depth: int) -> Any:
        if count is not None and count > len(self._body) - self.at:
            raise IndexError
        while count is None or count:
            value = self.item(depth + 1)
            if value is _BREAK:
                if count is None:
                    return
                raise IndexError
            yield value
            count = None if count is None else count - 1

    def _map(self, count: int | None, depth: int) -> dict[Any, Any]:
        flat = list(self._items(None if count is None else 2 * count, depth))
        if len(flat) % 2:
            raise IndexError
        return dict(zip(flat[::2], flat[1::2], strict=True))

    def _tagged(self, tag: int | None, depth: int) -> Any:
        value = self.item(depth + 1)
        if tag == 1 and type(value) in (int, float):
            return Timestamp(value)
        if tag in (2, 3) and type(value) is bytes:
            number = int.from_bytes(value[:64])
            return number if tag == 2 else -1 - number
        return value

    def _simple(self, info: int) -> Any:
        if info in _SIMPLE:
            return _SIMPLE[info]
        if info == 31:
            return _BREAK
        form = {25: _HALF, 26: _SINGLE, 27: _DOUBLE}.get(info)
        if form is None:
            raise IndexError
        return form.unpack(self._take(form.size))[0]


def dumps(value: Any) -> bytes:
    """A data item. Takes None, bool, int, float, Timestamp, str, bytes, lists and dicts."""
    out = bytearray()
    _encode(value, out)
    return bytes(out)


def _encode(value: Any, out: bytearray) -> None:
    if value is None or value is True or value is False:
        out.append({None: 0xF6, True: 0xF5, False: 0xF4}[value])
    elif isinstance(value, Timestamp):
        out.append(0xC1)
        _encode(int(value) if value.is_integer() else float(value), out)
    elif isinstance(value, int):
        _head(0 if value >= 0 else 1, value if value >= 0 else -1 - value, out)
    elif isinstance(value, float):
        out.append(0xFB)
        out += _DOUBLE.pack(math.nan if math.isnan(value) else value)
    elif isinstance(value, str):
        raw = value.encode("utf-8")
        _head(3, len(raw), out)
        out += raw
    elif isinstance(value, bytes):
        _head(2, len(value), out)
        out += value
    elif isinstance(value, list):
        _head(4, len(value), out)
        for item in value:
            _encode(item, out)
    else:
        _head(5, len(value), out)
        for key, item in value.items():
            _encode(key, out)
            _encode(item, out)


def _head(major: int, count: int, out: bytearray) -> None:
    if count < 24:
        out.append(major << 5 | count)
        return
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if count < 1 << 8 * size:
            out.append(major << 5 | info)
            out += count.to_bytes(size)
            return
    raise ValueError("an integer beyond 64 bits")
