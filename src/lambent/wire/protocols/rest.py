"""HTTP bindings: labels, query, headers, status, payload. rest-json and rest-xml add only their documents."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

from lambent.values import frozen
from lambent.wire import eventstream
from lambent.wire.errors import SerializationError
from lambent.wire.message import Headers, Request, Response
from lambent.wire.model import Operation, Shape
from lambent.wire.protocols import json_values, values
from lambent.wire.protocols.base import Captured, Plan, Values, header_bytes
from lambent.wire.protocols.events import Events

ReadBody = Callable[[bytes], dict[str, Any]]
WriteBody = Callable[[Values], bytes]
WriteEvents = Callable[[Events], AsyncGenerator[bytes, None]]
Query = dict[str, list[str]]

_QUOTED_OR_PLAIN = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*))\s*(?:,|$)')
_DATES = re.compile(r"\s*([^,]+,[^,]+|[^,]+)\s*(?:,|$)")


@frozen
class Documents:
    """How a REST protocol reads and writes the bodies that are documents."""

    content_type: bytes
    read_members: Callable[[Mapping[str, Shape]], ReadBody]
    """For the members of a request that are bound to nowhere else."""
    read_payload: Callable[[Shape], Callable[[bytes], Any]]
    """For one member, a structure, list or map, that is the whole body."""
    write_members: Callable[[Shape, Mapping[str, Shape]], WriteBody]
    """For the members of a result (its shape, and those members) that are bound to nowhere else."""
    write_payload: Callable[[Shape], Callable[[Any], bytes]]
    empty: bytes
    """The body of a result whose output is a document without members."""
    write_events: Callable[[Shape], WriteEvents]
    """For the member of a result that is the whole body and a stream of events."""


def plan(operation: Operation, documents: Documents) -> Plan:
    """Compile an operation."""
    return Plan(_parser(operation.input, documents), writer(operation.output, operation.status, documents))


def parse_query(query: bytes) -> Query:
    """The query's values by name, decoded; a bare name has the empty text. SerializationError if not UTF-8."""
    result: Query = {}
    for pair in query.split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            result.setdefault(_decoded(name), []).append(_decoded(value))
    return result


def _decoded(raw: bytes) -> str:
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        raw = unquote_to_bytes(raw)
    return utf8(raw)


def utf8(raw: bytes) -> str:
    """Bytes as text. SerializationError if they are not UTF-8."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise SerializationError("The request is not valid UTF-8") from None


# --- requests ---------------------------------------------------------------------------------------------


def _parser(shape: Shape | None, documents: Documents) -> Callable[[Request, Captured], dict[str, Any]]:
    if shape is None:
        return lambda _request, _captured: {}
    members = shape.members.items()
    labels = [(n, m.wire_name or n, _text_reader(m, "iso8601")) for n, m in members if m.location == "uri"]
    headers = [_header_reader(n, m) for n, m in members if m.location == "header"]
    prefixes = [(n, (m.wire_name or "").lower()) for n, m in members if m.location == "headers"]
    query = _query_parser({n: m for n, m in members if m.location == "querystring"})
    read_body = _body_parser(shape, documents)

    def parse(request: Request, captured: Captured) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, label, convert in labels:
            result[name] = captured[label] if convert is None else convert(captured[label])
        sent = request.headers
        for name, header, read in headers:
            if header in sent:
                result[name] = read(sent[header])
        for name, prefix in prefixes:
            if found := _prefixed(sent, prefix):
                result[name] = found
        if query is not None and request.query:
            query(request.query, result)
        if read_body is not None and request.body:
            result.update(read_body(request.body))
        return result

    return parse


def _text_reader(shape: Shape, default_timestamp: str) -> values.FromText | None:
    """None where the text is the value."""
    if shape.type in ("string", "character") and not shape.traits.get("jsonvalue"):
        return None
    return values.from_text(shape, default_timestamp)


def _header_reader(name: str, shape: Shape) -> tuple[str, bytes, Callable[[bytes], Any]]:
    header = (shape.wire_name or name).lower().encode("ascii")
    if shape.type == "list":
        split = _split_dates if shape.member.type == "timestamp" else _split_header
        convert = values.from_text(shape.member, "rfc822")
        return name, header, lambda raw: [convert(item) for item in split(utf8(raw))]
    if shape.traits.get("jsonvalue"):
        return name, header, lambda raw: json_values.loads(values.to_bytes(utf8(raw)))
    if shape.traits.get("mediaType") and shape.type == "string":
        return name, header, lambda raw: utf8(values.to_bytes(utf8(raw)))
    convert_text = _text_reader(shape, "rfc822")
    if convert_text is None:
        return name, header, utf8
    return name, header, lambda raw: convert_text(utf8(raw))


def _split_header(text: str) -> list[str]:
    """Comma-separated values, of which some may be quoted."""
    found, position = [], 0
    while position < len(text):
        match = _QUOTED_OR_PLAIN.match(text, position)
        if match is None or match.end() == position:
            raise SerializationError("Malformed list in a header")
        quoted, plain = match.groups()
        found.append(plain.strip() if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        position = match.end()
    return found


def _split_dates(text: str) -> list[str]:
    """HTTP dates have a comma of their own."""
    return [match.group(1).strip() for match in _DATES.finditer(text) if match.group(1).strip()]


def _prefixed(headers: Mapping[bytes, bytes], prefix: str) -> dict[str, str]:
    start = prefix.encode("ascii")
    return {utf8(n[len(start) :]): utf8(v) for n, v in headers.items() if n.startswith(start)}


def _query_parser(members: Mapping[str, Shape]) -> Callable[[bytes, dict[str, Any]], None] | None:
    if not members:
        return None
    named = {m.wire_name or n: (n, _query_reader(m)) for n, m in members.items() if m.type != "map"}
    numbers = {m.wire_name or n for n, m in members.items() if m.type in values.INTEGERS}
    whole = [(n, m.value.type == "list") for n, m in members.items() if m.type == "map"]

    def parse(query: bytes, result: dict[str, Any]) -> None:
        sent = parse_query(query)
        for wire_name, texts in sent.items():
            entry = named.get(wire_name)
            if entry is not None and (texts[0] or wire_name not in numbers):  # AWS takes an empty number for none
                result[entry[0]] = entry[1](texts)
        for name, is_multiple in whole:
            result[name] = sent if is_multiple else {k: v[0] for k, v in sent.items()}

    return parse


def _query_reader(shape: Shape) -> Callable[[list[str]], Any]:
    if shape.type == "list":
        item = values.from_text(shape.member, "iso8601")
        return lambda texts: [item(text) for text in texts]
    one = values.from_text(shape, "iso8601")
    return lambda texts: one(texts[0])


def _body_parser(shape: Shape, documents: Documents) -> ReadBody | None:
    if shape.payload is not None:
        name, member = shape.payload, shape.members[shape.payload]
        read = _payload_reader(member, documents)
        return lambda body: {name: read(body)}
    members = {n: m for n, m in shape.members.items() if m.location is None}
    return documents.read_members(members) if members else None


def _payload_reader(shape: Shape, documents: Documents) -> Callable[[bytes], Any]:
    if shape.is_raw:
        return bytes
    if shape.type in ("string", "character"):
        return utf8
    return documents.read_payload(shape)


# --- results ----------------------------------------------------------------------------------------------


def writer(shape: Shape | None, status: int, documents: Documents) -> Callable[[Values, str], Response]:
    """Compile the writing of an output, or of an error's shape."""
    if shape is None:
        return lambda _result, request_id: Response(status, [_request_id(request_id)], b"")
    if shape.payload is not None and shape.members[shape.payload].traits.get("eventstream"):
        return _events_writer(shape, shape.payload, status, documents)
    write_head = _head_writer(shape, status)
    write_body = _body_writer(shape, documents)

    def write(result: Values, request_id: str) -> Response:
        code, sent = write_head(result, request_id)
        body, content_type = write_body(result)
        if code in (204, 304):
            return Response(code, sent, b"")
        _add_content_type(sent, content_type)
        return Response(code, sent, body)

    return write


def _events_writer(shape: Shape, name: str, status: int, documents: Documents) -> Callable[[Values, str], Response]:
    """The same where the body is a stream of events; without events there is no body, either."""
    write_head = _head_writer(shape, status)
    write_events = documents.write_events(shape.members[name])

    def write(result: Values, request_id: str) -> Response:
        code, sent = write_head(result, request_id)
        events = result.get(name)
        if events is None:
            return Response(code, sent, b"")
        _add_content_type(sent, eventstream.CONTENT_TYPE.encode())
        return Response(code, sent, b"", write_events(events))

    return write


def _add_content_type(sent: Headers, content_type: bytes) -> None:
    if content_type and not any(h.lower() == b"content-type" for h, _ in sent):
        sent.append((b"Content-Type", content_type))


def _head_writer(shape: Shape, status: int) -> Callable[[Values, str], tuple[int, Headers]]:
    members = shape.members.items()
    headers = [_header_writer(n, m) for n, m in members if m.location == "header"]
    prefixes = [(n, m.wire_name or "") for n, m in members if m.location == "headers"]
    status_member = next((n for n, m in members if m.location == "statusCode"), None)
    known = frozenset(shape.members)

    def write(result: Values, request_id: str) -> tuple[int, Headers]:
        if not known.issuperset(result):
            raise ValueError(f"{shape.name} has no member {', '.join(result.keys() - known)}")
        sent: Headers = [_request_id(request_id)]
        for name, header, to_bytes in headers:
            value = result.get(name)
            if value is not None:
                sent.append((header, to_bytes(value)))
        for name, prefix in prefixes:
            pairs = result.get(name) or {}
            sent += [(header_bytes(prefix + n), header_bytes(v)) for n, v in pairs.items()]
        code = status
        if status_member is not None and result.get(status_member) is not None:
            code = result[status_member]
        return code, sent

    return write


def _request_id(request_id: str) -> tuple[bytes, bytes]:
    return b"x-amzn-RequestId", request_id.encode("ascii")


def _header_writer(name: str, shape: Shape) -> tuple[str, bytes, Callable[[Any], bytes]]:
    header = (shape.wire_name or name).encode("ascii")
    return name, header, _header_text(shape)


def _header_text(shape: Shape) -> Callable[[Any], bytes]:
    if shape.type == "list":
        item = values.to_text(shape.member, "rfc822")
        quotes = shape.member.type == "string"
        return lambda items: header_bytes(", ".join(_quoted(item(i)) if quotes else item(i) for i in items))
    if shape.traits.get("jsonvalue"):
        return lambda value: base64.b64encode(json_values.dumps(value))
    if shape.traits.get("mediaType") and shape.type == "string":
        return lambda value: base64.b64encode(value.encode("utf-8"))
    if shape.type in ("string", "character"):
        return header_bytes
    text = values.to_text(shape, "rfc822")
    return lambda value: header_bytes(text(value))


def _quoted(text: str) -> str:
    if "," in text or '"' in text:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return text


def _body_writer(shape: Shape, documents: Documents) -> Callable[[Values], tuple[bytes, bytes]]:
    if shape.payload is not None:
        return _payload_writer(shape.payload, shape.members[shape.payload], documents)
    elsewhere = ("header", "headers", "statusCode")
    members = {n: m for n, m in shape.members.items() if m.location not in elsewhere}
    if not members:
        empty = (documents.empty, documents.content_type if documents.empty else b"")
        return lambda _result: empty
    write = documents.write_members(shape, members)
    return lambda result: (write(result), documents.content_type)


def _payload_writer(name: str, shape: Shape, documents: Documents) -> Callable[[Values], tuple[bytes, bytes]]:
    write: Callable[[Any], bytes]
    content_type: str = shape.traits.get("mediaType", "")
    if shape.type == "blob":
        write, content_type = bytes, content_type or "application/octet-stream"
    elif shape.type in ("string", "character"):
        write, content_type = _text_bytes, content_type or "text/plain"
    else:
        write, content_type = documents.write_payload(shape), documents.content_type.decode("ascii")
    kind = content_type.encode("ascii")

    def write_body(result: Values) -> tuple[bytes, bytes]:
        value = result.get(name)
        return (b"", b"") if value is None else (write(value), kind)

    return write_body


def _text_bytes(text: str) -> bytes:
    return text.encode("utf-8")


def only(values_: Values, names: Sequence[str]) -> dict[str, Any]:
    """The named values that are there."""
    return {n: values_[n] for n in names if values_.get(n) is not None}
