"""The service models: services, operations, shapes.

A model is plain JSON. That of a service of ours is read (kept.py) when an operation of it is first asked for; another
one is botocore's (published.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from lambent.wire.kept import kept
from lambent.wire.overlay import Traits, laid_over

_MESSAGE = "(message)"
"""The name of a shape of ours in every model: an error's message."""


class Shape:
    """A type as it is used in one place: the shape's own traits, overlaid by those of the reference to it."""

    __slots__ = ("_definitions", "_members", "key_of_use", "name", "traits", "type")

    def __init__(self, definitions: Traits, reference: Traits) -> None:
        self._definitions = definitions
        self._members: dict[str, Shape] | None = None
        self.name: str = reference["shape"]
        self.key_of_use = (self.name, repr(reference))
        """Equal for uses that read and write alike: what compiled plans are remembered by."""
        self.traits: Traits = {**definitions[self.name], **reference}
        self.type: str = self.traits["type"]
        """structure, list, map, string, blob, timestamp, boolean, integer, long, float, double, …"""

    @property
    def members(self) -> dict[str, Shape]:
        """A structure's members in the model's order."""
        if self._members is None:
            self._members = {n: self._refer(r) for n, r in self.traits.get("members", {}).items()}
        return self._members

    @property
    def required(self) -> frozenset[str]:
        """Names of the members that must be present."""
        return frozenset(self.traits.get("required") or ())

    @property
    def member(self) -> Shape:
        """What a list is made of."""
        return self._refer(self.traits["member"])

    @property
    def key(self) -> Shape:
        """A map's key."""
        return self._refer(self.traits["key"])

    @property
    def value(self) -> Shape:
        """A map's value."""
        return self._refer(self.traits["value"])

    @property
    def location(self) -> str | None:
        """Where HTTP carries the member: uri, querystring, header, headers, statusCode; None is the body."""
        return self.traits.get("location")

    @property
    def wire_name(self) -> str | None:
        """The name on the wire, where it differs from the member's."""
        return self.traits.get("locationName")

    @property
    def payload(self) -> str | None:
        """The member of this structure that is the whole body."""
        return self.traits.get("payload")

    @property
    def enum(self) -> tuple[str, ...]:
        """The permitted values; empty when any is."""
        return tuple(self.traits.get("enum") or ())

    @property
    def is_error(self) -> bool:
        """An error that operations answer with."""
        return bool(self.traits.get("exception"))

    @property
    def error_code(self) -> str:
        """The code that query protocols (and query-compatible services) call this error."""
        code: str = self.traits.get("error", {}).get("code", self.name)
        return code

    @property
    def status(self) -> int:
        """The HTTP status of an error."""
        error = self.traits.get("error", {})
        status: int | None = error.get("httpStatusCode")
        if status is not None:
            return status
        return 400 if self.is_callers_fault else 500

    @property
    def is_callers_fault(self) -> bool:
        """The caller, not the service, has to change something."""
        return not self.traits.get("fault") and self.traits.get("error", {}).get("senderFault") is not False

    @property
    def is_raw(self) -> bool:
        """As a payload it is the body's bytes as they are: blobs and event streams."""
        return self.type == "blob" or bool(self.traits.get("eventstream"))

    def _refer(self, reference: Traits) -> Shape:
        return Shape(self._definitions, reference)

    def __repr__(self) -> str:
        return f"<Shape {self.name}: {self.type}>"


class Operation:
    """One operation of a service: its HTTP binding and its shapes."""

    def __init__(self, definitions: Traits, name: str, model: Traits) -> None:
        self._definitions = definitions
        self._model = model
        self.name = name
        http = model.get("http", {})
        self.method: str = http.get("method", "POST")
        self.uri: str = http.get("requestUri", "/")
        self.status: int = http.get("responseCode", 200)
        self.is_unsigned = model.get("authtype") == "none"
        """Callers need no credentials (sts AssumeRoleWithWebIdentity and the like)."""
        self.may_have_unsigned_body = model.get("authtype") == "v4-unsigned-body"
        """The signature may leave the body out (UNSIGNED-PAYLOAD)."""
        self.may_be_compressed = "requestcompression" in model
        """SDKs may send the body with Content-Encoding: gzip."""

    @cached_property
    def input(self) -> Shape | None:
        """The request's structure."""
        return self._shape("input")

    @cached_property
    def output(self) -> Shape | None:
        """The response's structure."""
        return self._shape("output")

    @cached_property
    def result_wrapper(self) -> str | None:
        """The element around the result in query responses."""
        wrapper: str | None = self._model.get("output", {}).get("resultWrapper")
        return wrapper

    @cached_property
    def errors(self) -> tuple[Shape, ...]:
        """The errors that the model declares for this operation."""
        return tuple(Shape(self._definitions, e) for e in self._model.get("errors", ()))

    def _shape(self, side: str) -> Shape | None:
        reference = self._model.get(side)
        return Shape(self._definitions, reference) if reference else None

    def __repr__(self) -> str:
        return f"<Operation {self.name}>"


class Service:
    """One service's model, with Lambent's overrides applied."""

    def __init__(self, name: str, model: Traits) -> None:
        self.name = name
        """botocore's name of it: the folder under botocore/data."""
        self._model = model
        metadata = model["metadata"]
        self.protocols: tuple[str, ...] = tuple(metadata.get("protocols") or (metadata["protocol"],))
        self.protocol: str = metadata["protocol"]
        self.api_version: str = metadata.get("apiVersion", "")
        self.service_id: str = metadata.get("serviceId", name)
        self.signing_name: str = metadata.get("signingName") or metadata.get("endpointPrefix", name)
        self.target_prefix: str | None = metadata.get("targetPrefix")
        self.json_version: str = metadata.get("jsonVersion", "1.0")
        self.xml_namespace: str | None = metadata.get("xmlNamespace")
        self.is_query_compatible = "awsQueryCompatible" in metadata
        """Once spoke query: errors carry their query code in a header."""

    @cached_property
    def unsigned(self) -> tuple[str, ...]:
        """The names of the operations whose callers need no credentials."""
        known = self._model.get("unsigned")
        return tuple(known if known is not None else (n for n, o in self.operations.items() if o.is_unsigned))

    @cached_property
    def overrides(self) -> Traits:
        """What Lambent says of the service beside its model."""
        overrides: Traits = self._model.get("overrides", {})
        return overrides

    @cached_property
    def operations(self) -> Mapping[str, Operation]:
        """All of them by name, be they here or not."""
        return {name: Operation(self._definitions, name, model) for name, model in self._model["operations"].items()}

    @cached_property
    def _definitions(self) -> Traits:
        return {**self._model["shapes"], _MESSAGE: {"type": "string"}}

    def spoken_in(self, protocol: str) -> Service:
        """The service as a protocol sees it that its model no longer describes: names on the wire that only this
        protocol has are `in_protocols` of the overrides."""
        own = self.overrides.get("in_protocols", {}).get(protocol)
        if own is None:
            return self
        return Service(self.name, laid_over(self._model, {**self.overrides, "in_protocols": {}, **own}))

    @cached_property
    def errors(self) -> Mapping[str, Shape]:
        """Every error of the service, by shape name and by query code."""
        found: dict[str, Shape] = {}
        for name, definition in self._definitions.items():
            if definition.get("exception"):
                shape = Shape(self._definitions, {"shape": name, **_with_message(definition)})
                found[name] = shape
                found.setdefault(shape.error_code, shape)
        return found

    def __repr__(self) -> str:
        return f"<Service {self.name}>"


def _with_message(error: Traits) -> Traits:
    """The members of an error. AWS answers each with a message, which some models leave out."""
    members = error.get("members", {})
    if any(name.lower() in ("message", "errormessage") for name in members):
        return {}
    return {"members": {**members, "message": {"shape": _MESSAGE}}}


def load(name: str) -> Service:
    """A service by botocore's name of it. Raises ModelNotFound."""
    model: Traits | None = kept(name)
    if model is None:
        from lambent.wire import published  # and with it botocore, which a server needs for none of its own services

        model = published.read(name)
    return Service(name, model)
