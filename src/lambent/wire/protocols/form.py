"""Forms: a request as dotted names (`Tags.member.1.Key=a`), what query and ec2 share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from lambent.wire.errors import SerializationError
from lambent.wire.model import Shape
from lambent.wire.protocols import values
from lambent.wire.protocols.base import Captured, Compiler, Convert, late_converter
from lambent.wire.protocols.rest import utf8

_DEEPEST = 64
_MOST_FIELDS = 50_000
_MOST_NODES = 200_000


class Node:
    """A dotted name's place: the text sent under this very name, and what is below it."""

    __slots__ = ("children", "text")

    def __init__(self) -> None:
        self.text: str | None = None
        self.children: dict[str, Node] = {}


def decode(encoded: bytes) -> dict[str, str]:
    """The fields of a form; of a repeated one the last. SerializationError for what is none."""
    pairs = encoded.split(b"&", _MOST_FIELDS)
    if len(pairs) > _MOST_FIELDS:
        raise SerializationError("The request has too many parameters")
    fields = {}
    for pair in pairs:
        name, _, value = pair.partition(b"=")
        if name:
            fields[_decoded(name)] = _decoded(value)
    return fields


def _decoded(raw: bytes) -> str:
    return utf8(unquote_to_bytes(raw.replace(b"+", b" ")))


def tree(fields: Captured) -> Node:
    """The fields by the parts of their names."""
    root = Node()
    nodes = 0
    for name, text in fields.items():
        parts = name.split(".", _DEEPEST)
        if len(parts) > _DEEPEST:
            raise SerializationError("A parameter's name nests too deep")
        node = root
        for part in parts:
            below = node.children.get(part)
            if below is None:
                below = node.children[part] = Node()
                nodes += 1
            node = below
        node.text = text
        if nodes > _MOST_NODES:
            raise SerializationError("The request has too many parameters")
    return root


NameOf = Callable[[str, Shape], tuple[str, ...]]
"""The names under which a structure's member may be sent."""


def readers(names: NameOf, *, flat_lists: bool) -> Compiler[Convert]:
    """A compiler of shape → converter from a Node to a value; with `flat_lists` all lists are flattened."""

    def read(shape: Shape, compiler: Compiler[Convert]) -> Convert:
        if shape.type == "structure":
            return _structure_reader(shape, compiler, names)
        if shape.type == "list":
            inner = None if flat_lists or shape.traits.get("flattened") else shape.member.wire_name or "member"
            return _list_reader(inner, compiler(shape.member))
        if shape.type == "map":
            return _map_reader(shape, compiler)
        return _scalar_reader(values.from_text(shape, "iso8601"))

    return Compiler(read, late_converter)


def _structure_reader(shape: Shape, compiler: Compiler[Convert], names: NameOf) -> Convert:
    plan = {wire: (n, compiler(m)) for n, m in shape.members.items() for wire in names(n, m)}

    def read(node: Node) -> dict[str, Any]:
        result = {}
        for part, below in node.children.items():
            entry = plan.get(part)
            if entry is not None:
                result[entry[0]] = entry[1](below)
        return result

    return read


def _list_reader(inner: str | None, member: Convert) -> Convert:
    def read(node: Node) -> list[Any]:
        items = node if inner is None else node.children.get(inner)
        # `Name=` with nothing below is how an empty list is sent.
        return [] if items is None else [member(below) for below in _numbered(items.children)]

    return read


def _map_reader(shape: Shape, compiler: Compiler[Convert]) -> Convert:
    is_flat = bool(shape.traits.get("flattened"))
    key_name, value_name = shape.key.wire_name or "key", shape.value.wire_name or "value"
    key, value = compiler(shape.key), compiler(shape.value)

    def read(node: Node) -> dict[str, Any]:
        entries = node if is_flat else node.children.get("entry")
        result = {}
        for entry in _numbered(entries.children) if entries is not None else ():
            if key_name not in entry.children or value_name not in entry.children:
                raise SerializationError("A map's entry lacks its key or its value")
            result[key(entry.children[key_name])] = value(entry.children[value_name])
        return result

    return read


def _numbered(children: Mapping[str, Node]) -> list[Node]:
    """The items of a list in the order of their numbers."""
    for number in children:
        if not (number.isascii() and number.isdigit() and len(number) <= 6):
            raise SerializationError(f"'{number[:100]}' is no index of a list")
    return [children[number] for number in sorted(children, key=int)]


def _scalar_reader(convert: values.FromText) -> Convert:
    def read(node: Node) -> Any:
        if node.text is None:
            raise SerializationError("Unexpected complex element termination")
        return convert(node.text)

    return read
