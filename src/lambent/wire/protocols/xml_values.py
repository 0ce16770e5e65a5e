"""Shapes in XML documents: a small safe parser, readers for rest-xml, writers for rest-xml, query and ec2."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from lambent.wire.errors import SerializationError
from lambent.wire.model import Service, Shape
from lambent.wire.protocols import values
from lambent.wire.protocols.base import Compiler, Convert, Fault, late_converter

PROLOGUE = '<?xml version="1.0" encoding="UTF-8"?>\n'

_DEEPEST = 128
_NOT_IN_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SPECIAL = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"})
_IN_ATTRIBUTE = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#xD;", "\n": "&#xA;"})


@dataclass(slots=True)
class Element:
    """A parsed element; names are without prefix, except those of attributes."""

    name: str
    attributes: Mapping[str, str]
    children: list[Element] = field(default_factory=list)
    text: str = ""


# --- reading ----------------------------------------------------------------------------------------------


def parse(body: bytes) -> Element:
    """The root element. SerializationError for what is not well-formed, nests too deep or declares a DTD."""
    parser = expat.ParserCreate()
    root = Element("", {})
    open_elements = [root]
    texts: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(open_elements) > _DEEPEST:
            raise SerializationError("The XML you provided nests too deep")
        element = Element(name.rpartition(":")[2], attributes)
        open_elements[-1].children.append(element)
        open_elements.append(element)
        texts.clear()

    def end(_name: str) -> None:
        element = open_elements.pop()
        if not element.children:
            element.text = "".join(texts)
        texts.clear()

    def doctype(*_arguments: object) -> None:
        # Entities are how a small document becomes a huge one.
        raise SerializationError("The XML you provided declares a document type")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = texts.append
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError):
        raise SerializationError("The XML you provided was not well-formed") from None
    return root.children[0]


def readers() -> Compiler[Convert]:
    """A compiler of shape → converter from an Element to a value."""
    return Compiler(_reader, late_converter)


def item_name(shape: Shape) -> str:
    """What each element of a list, not flattened, is called."""
    return shape.member.wire_name or "member"


def _reader(shape: Shape, compiler: Compiler[Convert]) -> Convert:
    if shape.type == "structure":
        return structure_reader(shape.members, compiler)
    if shape.type == "list":
        name, member = item_name(shape), compiler(shape.member)
        return lambda element: [member(child) for child in element.children if child.name == name]
    if shape.type == "map":
        return _map_reader(shape, compiler)
    convert = values.from_text(shape, "iso8601")
    return lambda element: convert(element.text)


def structure_reader(members: Mapping[str, Shape], compiler: Compiler[Convert]) -> Convert:
    """Members by element name; flattened lists and maps from their repeated elements; attributes."""
    single: dict[str, tuple[str, Convert]] = {}
    repeated: dict[str, tuple[str, Convert]] = {}
    attributes: dict[str, tuple[str, values.FromText]] = {}
    for name, shape in members.items():
        wire_name = shape.wire_name or name
        if shape.traits.get("xmlAttribute"):
            attributes[wire_name] = (name, values.from_text(shape, "iso8601"))
        elif shape.traits.get("flattened"):
            # Clients differ in which of the two names a flattened list goes by.
            repeated[wire_name] = repeated[element_name(name, shape)] = (
                name,
                _repeated_reader(shape, compiler),
            )
        else:
            single[wire_name] = (name, compiler(shape))

    def read(element: Element) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for attribute, text in element.attributes.items():
            if attribute in attributes:
                name, convert = attributes[attribute]
                result[name] = convert(text)
        for child in element.children:
            if child.name in single:
                name, convert_one = single[child.name]
                result[name] = convert_one(child)
            elif child.name in repeated:
                name, add = repeated[child.name]
                result[name] = add((result.get(name), child))
        return result

    return read


def _repeated_reader(shape: Shape, compiler: Compiler[Convert]) -> Convert:
    """From (what was collected so far, the next element) to what is collected now."""
    if shape.type == "map":
        entries = _entry_reader(shape, compiler)

        def add_entry(step: tuple[dict[str, Any] | None, Element]) -> dict[str, Any]:
            collected, element = step
            return {**(collected or {}), **entries(element)}

        return add_entry
    member = compiler(shape.member)

    def add(step: tuple[list[Any] | None, Element]) -> list[Any]:
        collected, element = step
        item = member(element)
        if collected is None:
            return [item]
        collected.append(item)
        return collected

    return add


def _map_reader(shape: Shape, compiler: Compiler[Convert]) -> Convert:
    entries = _entry_reader(shape, compiler)

    def read(element: Element) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for entry in element.children:
            result.update(entries(entry))
        return result

    return read


def _entry_reader(shape: Shape, compiler: Compiler[Convert]) -> Convert:
    key_name, value_name = shape.key.wire_name or "key", shape.value.wire_name or "value"
    key, value = compiler(shape.key), compiler(shape.value)

    def read(entry: Element) -> dict[str, Any]:
        found = {child.name: child for child in entry.children}
        if key_name not in found or value_name not in found:
            raise SerializationError("The XML you provided has a map entry without key or value")
        return {key(found[key_name]): value(found[value_name])}

    return read


# --- writing ----------------------------------------------------------------------------------------------

WriteElement = Callable[[Any, str, list[str]], None]
"""Appends the element(s) of a value, under the given name."""


def writers() -> Compiler[WriteElement]:
    """A compiler of shape → writer of elements."""

    def late(get: Callable[[], WriteElement]) -> WriteElement:
        return lambda value, name, out: get()(value, name, out)

    return Compiler(_writer, late)


def escaped(text: str) -> str:
    """Text for an element; characters that XML 1.0 cannot carry become U+FFFD."""
    if text.isalnum():
        return text
    return _NOT_IN_XML.sub("\ufffd", text).translate(_SPECIAL)


def attribute(text: str) -> str:
    """Text for an attribute's value in double quotes."""
    return _NOT_IN_XML.sub("\ufffd", text).translate(_IN_ATTRIBUTE)


def namespace(shape: Shape) -> str:
    """The xmlns attribute that the model asks for, with a blank before it; else nothing."""
    trait = shape.traits.get("xmlNamespace")
    if not trait:
        return ""
    uri, prefix = (trait, None) if isinstance(trait, str) else (trait["uri"], trait.get("prefix"))
    return f' xmlns:{prefix}="{attribute(uri)}"' if prefix else f' xmlns="{attribute(uri)}"'


def element_name(name: str, shape: Shape) -> str:
    """What a structure's member is called; a flattened list goes by its items' own name, if they have one."""
    if shape.type == "list" and shape.traits.get("flattened") and shape.member.wire_name:
        return shape.member.wire_name
    return shape.wire_name or name


def _writer(shape: Shape, compiler: Compiler[WriteElement]) -> WriteElement:
    if shape.type == "structure":
        return structure_writer(shape, shape.members, compiler, namespace(shape))
    if shape.type == "list":
        return _list_writer(shape, compiler)
    if shape.type == "map":
        return _map_writer(shape, compiler)
    text = values.to_text(shape, "iso8601")
    attributes = namespace(shape)

    def write(value: Any, name: str, out: list[str]) -> None:
        out.append(f"<{name}{attributes}>{escaped(text(value))}</{name}>")

    return write


def structure_writer(
    shape: Shape, members: Mapping[str, Shape], compiler: Compiler[WriteElement], xmlns: str
) -> WriteElement:
    """An element with the given members of a structure, as children or as attributes."""
    children = members_writer(shape, members, compiler)
    own = {
        n: (m.wire_name or n, values.to_text(m, "iso8601")) for n, m in members.items() if m.traits.get("xmlAttribute")
    }

    def write(value: Any, name: str, out: list[str]) -> None:
        attributes = xmlns
        for member, (wire_name, text) in own.items():
            if value.get(member) is not None:
                attributes += f' {wire_name}="{attribute(text(value[member]))}"'
        out.append(f"<{name}{attributes}>")
        children(value, out)
        out.append(f"</{name}>")

    return write


def members_writer(
    shape: Shape, members: Mapping[str, Shape], compiler: Compiler[WriteElement]
) -> Callable[[Any, list[str]], None]:
    """The elements of the given members of a structure, in the model's order."""
    known = frozenset(shape.members)
    plan = [
        (name, element_name(name, member), compiler(member))
        for name, member in members.items()
        if not member.traits.get("xmlAttribute")
    ]

    def write(value: Any, out: list[str]) -> None:
        if not known.issuperset(value):
            raise ValueError(f"{shape.name} has no member {', '.join(value.keys() - known)}")
        for name, wire_name, write_member in plan:
            member = value.get(name)
            if member is not None:
                write_member(member, wire_name, out)

    return write


def _list_writer(shape: Shape, compiler: Compiler[WriteElement]) -> WriteElement:
    member = compiler(shape.member)
    if shape.traits.get("flattened"):

        def write_flat(items: Any, name: str, out: list[str]) -> None:
            for item in items:
                member(item, name, out)

        return write_flat
    inner, attributes = item_name(shape), namespace(shape)

    def write(items: Any, name: str, out: list[str]) -> None:
        out.append(f"<{name}{attributes}>")
        for item in items:
            member(item, inner, out)
        out.append(f"</{name}>")

    return write


def _map_writer(shape: Shape, compiler: Compiler[WriteElement]) -> WriteElement:
    key_name, value_name = shape.key.wire_name or "key", shape.value.wire_name or "value"
    key, value = compiler(shape.key), compiler(shape.value)

    def entry(name: str, k: Any, v: Any, out: list[str]) -> None:
        out.append(f"<{name}>")
        key(k, key_name, out)
        value(v, value_name, out)
        out.append(f"</{name}>")

    if shape.traits.get("flattened"):

        def write_flat(pairs: Any, name: str, out: list[str]) -> None:
            for k, v in pairs.items():
                entry(name, k, v, out)

        return write_flat
    attributes = namespace(shape)

    def write(pairs: Any, name: str, out: list[str]) -> None:
        out.append(f"<{name}{attributes}>")
        for k, v in pairs.items():
            entry("entry", k, v, out)
        out.append(f"</{name}>")

    return write


def service_namespace(service: Service) -> str:
    """The xmlns attribute of the service's documents, with a blank before it."""
    return f' xmlns="{attribute(service.xml_namespace)}"' if service.xml_namespace else ""


def error_members(fault: Fault, compiler: Compiler[WriteElement]) -> str:
    """What an Error element says besides its code: the message, then the error shape's other members."""
    out = [] if fault.message is None else [f"<Message>{escaped(fault.message)}</Message>"]
    if fault.shape is not None:
        in_body = {
            n: m for n, m in fault.shape.members.items() if m.location is None and n.lower() not in ("message", "code")
        }
        members_writer(fault.shape, in_body, compiler)(fault.members, out)
    return "".join(out)
