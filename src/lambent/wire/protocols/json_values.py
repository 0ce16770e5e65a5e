"""Shapes in JSON documents: what json and rest-json share."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import Any

import orjson

from lambent.wire.errors import SerializationError
from lambent.wire.model import Shape
from lambent.wire.protocols import values
from lambent.wire.protocols.base import Compiler, Convert, late_converter

_JAVA_NAMES = {
    "string": "String", "boolean": "Boolean", "byte": "Byte", "short": "Short", "integer": "Integer",
    "long": "Long", "float": "Float", "double": "Double", "bigInteger": "BigInteger",
    "bigDecimal": "BigDecimal", "timestamp": "Timestamp", "blob": "Blob",
}  # fmt: skip
_TOKENS = {bool: "BOOLEAN_VALUE", str: "STRING_VALUE", int: "NUMBER_VALUE", float: "NUMBER_VALUE"}
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def loads(body: bytes) -> Any:
    """The document in a body. SerializationError when it is none, or is not UTF-8, or nests too deep."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise SerializationError("Unable to parse the request body as JSON") from None


def dumps(document: Any) -> bytes:
    """A document as UTF-8."""
    return orjson.dumps(document)


def readers() -> Compiler[Convert]:
    """A compiler of shape → converter from what `loads` gave to the values of an operation's request."""
    return Compiler(_reader, late_converter)


def writers() -> Compiler[Convert]:
    """A compiler of shape → converter from the values of a result to what `dumps` takes."""
    return Compiler(_writer, late_converter)


def is_opaque(shape: Shape) -> bool:
    """A document: any JSON, passed on as it is."""
    return bool(shape.traits.get("document"))


def _same(value: Any) -> Any:
    return value


# --- reading ----------------------------------------------------------------------------------------------


def _reader(shape: Shape, compiler: Compiler[Convert]) -> Convert:
    if is_opaque(shape):
        return _same
    if shape.type == "structure":
        return structure_reader(
            {m.wire_name or name: (name, compiler(m)) for name, m in shape.members.items()},
            is_union=bool(shape.traits.get("union")),
        )
    if shape.type == "list":
        return _list_reader(compiler(shape.member))
    if shape.type == "map":
        return _map_reader(compiler(shape.key), compiler(shape.value))
    return _scalar_reader(shape)


def structure_reader(plan: dict[str, tuple[str, Convert]], *, is_union: bool = False) -> Convert:
    """Members by wire name; unknown ones and nulls are left out."""

    def read(document: Any) -> dict[str, Any]:
        if type(document) is not dict:
            raise _unexpected(document, "structure")
        result = {}
        for key, value in document.items():
            entry = plan.get(key)
            if entry is not None and value is not None:
                result[entry[0]] = entry[1](value)
        if is_union and len(result) != 1:
            raise SerializationError("Exactly one member of a union must be set")
        return result

    return read


def _list_reader(member: Convert) -> Convert:
    def read(document: Any) -> list[Any]:
        if type(document) is not list:
            raise _unexpected(document, "list")
        return [None if item is None else member(item) for item in document]

    return read


def _map_reader(key: Convert, value: Convert) -> Convert:
    def read(document: Any) -> dict[Any, Any]:
        if type(document) is not dict:
            raise _unexpected(document, "map")
        return {key(k): None if v is None else value(v) for k, v in document.items()}

    return read


def _scalar_reader(shape: Shape) -> Convert:
    if shape.type in values.INTEGERS:
        return _integer_reader(shape)
    if shape.type in values.FLOATS:
        return _float_reader(shape)
    if shape.type == "timestamp":
        return _timestamp_reader(shape)
    if shape.type == "boolean":
        return _exactly(bool, shape, _same)
    if shape.type == "blob":
        return _exactly(str, shape, values.to_bytes)
    if shape.traits.get("jsonvalue"):
        return _exactly(str, shape, lambda text: loads(text.encode("utf-8")))
    return _string_reader(shape)


def _string_reader(shape: Shape) -> Convert:
    def read(value: Any) -> str:
        if type(value) is str:
            return value
        raise _mistyped(value, shape)

    return read


def _exactly(kind: type, shape: Shape, convert: Callable[[Any], Any]) -> Convert:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise _mistyped(value, shape)
        return convert(value)

    return read


def _integer_reader(shape: Shape) -> Convert:
    bits = values.bits_of(shape)

    def read(value: Any) -> int:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int:
            raise _mistyped(value, shape)
        return values.within(value, bits)

    return read


def _float_reader(shape: Shape) -> Convert:
    def read(value: Any) -> float:
        if type(value) is str and value in _SPECIAL:
            return _SPECIAL[value]
        if type(value) is not int and type(value) is not float:
            raise _mistyped(value, shape)
        number: float = value
        return number

    return read


def _timestamp_reader(shape: Shape) -> Convert:
    read_text = values.TIMESTAMP_READERS[shape.traits.get("timestampFormat", "unixTimestamp")]

    def read(value: Any) -> Any:
        if type(value) is int or type(value) is float:
            return values.checked_epoch(value)
        if type(value) is not str:
            raise _mistyped(value, shape)
        return read_text(value)

    return read


def _mistyped(value: Any, shape: Shape) -> SerializationError:
    token = _TOKENS.get(type(value))
    if token is None:
        return _unexpected(value, shape.type)
    return SerializationError(f"{token} cannot be converted to {_JAVA_NAMES.get(shape.type, shape.type)}")


def _unexpected(value: Any, wanted: str) -> SerializationError:
    if type(value) is list:
        return SerializationError("Start of list found where not expected")
    if type(value) is dict:
        return SerializationError("Start of structure or map found where not expected.")
    return SerializationError(f"Expected {wanted} or null")


# --- writing ----------------------------------------------------------------------------------------------


def _writer(shape: Shape, compiler: Compiler[Convert]) -> Convert:
    if is_opaque(shape):
        return _same
    if shape.type == "structure":
        return structure_writer(
            shape.name, {name: (m.wire_name or name, compiler(m)) for name, m in shape.members.items()}
        )
    if shape.type == "list":
        member = compiler(shape.member)
        return lambda items: [None if item is None else member(item) for item in items]
    if shape.type == "map":
        value = compiler(shape.value)
        return lambda pairs: {k: None if v is None else value(v) for k, v in pairs.items()}
    return _scalar_writer(shape)


def structure_writer(shape_name: str, plan: dict[str, tuple[str, Convert]]) -> Convert:
    """Members under their wire names; None is left out, and a member that the model lacks is our mistake."""

    def write(value: Any) -> dict[str, Any]:
        result = {}
        for name, member in value.items():
            if member is None:
                continue
            entry = plan.get(name)
            if entry is None:
                raise ValueError(f"{shape_name} has no member {name}")
            result[entry[0]] = entry[1](member)
        return result

    return write


def _scalar_writer(shape: Shape) -> Convert:
    if shape.type == "blob":
        return lambda value: base64.b64encode(value).decode("ascii")
    if shape.type in values.FLOATS:
        return lambda value: value if math.isfinite(value) else values.float_text(value)
    if shape.type == "timestamp":
        kind = shape.traits.get("timestampFormat", "unixTimestamp")
        return values.epoch_number if kind == "unixTimestamp" else values.TIMESTAMP_WRITERS[kind]
    if shape.traits.get("jsonvalue"):
        return lambda value: dumps(value).decode("utf-8")
    return _same
