"""Event streams of a model: each event of a result becomes a message (wire/eventstream.py)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

from lambent.wire import eventstream
from lambent.wire.errors import ApiError
from lambent.wire.eventstream import Sized
from lambent.wire.model import Shape
from lambent.wire.protocols.base import Values

Events = AsyncGenerator[Mapping[str, Values], None]
"""Each with one member: the event's name and its values. An ApiError that is raised ends the stream as an exception."""
WriteDocument = Callable[[Shape], Callable[[Any], bytes]]
WriteError = Callable[[ApiError], tuple[str, bytes]]
"""The code of an error, and the document that says it."""
_SIZES = {"byte": 1, "short": 2, "integer": 4, "long": 8}


def writer(
    shape: Shape, write_document: WriteDocument, content_type: str, write_error: WriteError
) -> Callable[[Events], AsyncGenerator[bytes, None]]:
    """Compile the writing of a stream of events. `content_type` is that of documents."""
    writers = {name: _event_writer(name, event, write_document, content_type) for name, event in shape.members.items()}

    async def write(events: Events) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(events):
                async for event in events:
                    for name, values in event.items():
                        yield writers[name](values)
        except ApiError as error:
            code, document = write_error(error)
            names = ((":message-type", "exception"), (":exception-type", code), (":content-type", content_type))
            yield eventstream.message(names, document)

    return write


def _event_writer(
    name: str, shape: Shape, write_document: WriteDocument, content_type: str
) -> Callable[[Values], bytes]:
    members = shape.members.items()
    headers = [(n, m) for n, m in members if m.traits.get("eventheader")]
    payload = next(((n, m) for n, m in members if m.traits.get("eventpayload")), None)
    write, kind = _payload_writer(shape, payload, write_document, content_type)
    always = eventstream.encoded(((":message-type", "event"), (":event-type", name), (":content-type", kind)))

    def write_event(values: Values) -> bytes:
        own = [(n, _header(m, values[n])) for n, m in headers if values.get(n) is not None]
        return eventstream.framed(always + eventstream.encoded(own) if own else always, write(values))

    return write_event


def _payload_writer(
    shape: Shape, payload: tuple[str, Shape] | None, write_document: WriteDocument, content_type: str
) -> tuple[Callable[[Values], bytes], str]:
    if payload is None:
        return write_document(shape), content_type
    name, member = payload
    if member.type == "blob":
        return lambda values: bytes(values.get(name) or b""), "application/octet-stream"
    if member.type == "string":
        return lambda values: str(values.get(name) or "").encode(), "text/plain"
    write = write_document(member)
    return lambda values: write(values.get(name) or {}), content_type


def _header(shape: Shape, value: Any) -> eventstream.Value:
    size = _SIZES.get(shape.type)
    made: eventstream.Value = value if size is None else Sized(value, size)
    return made
