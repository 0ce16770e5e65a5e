"""The published service models: services, operations, shapes. The only importer of botocore.

A model is plain JSON inside botocore's package; nothing of botocore's code runs. Reading one takes 1-10 ms,
so a service is loaded when it is first asked for, by whoever owns it.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import botocore
import orjson

Traits = Mapping[str, Any]
_MESSAGE = "(message)"
"""The name of a shape of ours in every model: an error's message."""


class ModelNotFound(LookupError):
    """botocore publishes no model of this name."""


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

    def __init__(self, name: str, model: Traits, overrides: Traits | None = None) -> None:
        self.name = name
        """botocore's name of it: the folder under botocore/data."""
        self.overrides: Traits = overrides or {}
        self._model = model
        metadata = {**model["metadata"], **self.overrides.get("metadata", {})}
        definitions = {**_overridden(model["shapes"], self.overrides), _MESSAGE: {"type": "string"}}
        self._definitions = definitions
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
        self.operations: dict[str, Operation] = {
            n: Operation(definitions, n, o)
            for n, o in _overlaid(model["operations"], self.overrides.get("operations", {})).items()
        }

    def spoken_in(self, protocol: str) -> Service:
        """The service as a protocol sees it that its model no longer describes: names on the wire that only this
        protocol has are `in_protocols` of the overrides."""
        own = self.overrides.get("in_protocols", {}).get(protocol)
        if own is None:
            return self
        model = {**self._model, "shapes": _overridden(self._model["shapes"], self.overrides)}
        rest = {name: value for name, value in self.overrides.items() if name not in ("shapes", "members")}
        return Service(self.name, model, {**rest, "in_protocols": {}, **own})

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
    """Read a service's newest model. Raises ModelNotFound."""
    return Service(name, _read(name), _read_overrides(name))


def published() -> Iterator[str]:
    """The names of all services that botocore has a model of."""
    for folder in sorted(_data().iterdir()):
        if folder.is_dir() and any(folder.glob("*/service-2.json*")):
            yield folder.name


def _data() -> Path:
    return Path(botocore.__file__).parent / "data"


def _read(name: str) -> Traits:
    versions = sorted((_data() / name).glob("*/service-2.json*"))
    if not name or "/" in name or not versions:
        raise ModelNotFound(name)
    newest = versions[-1].read_bytes()
    if versions[-1].suffix == ".gz":
        newest = gzip.decompress(newest)
    model: Traits = orjson.loads(newest)
    return model


def _read_overrides(name: str) -> Traits | None:
    file = Path(__file__).parent / "overrides" / f"{name}.json"
    if not file.is_file():
        return None
    overrides: Traits = orjson.loads(file.read_bytes())
    return overrides


def _overlaid(named: Traits, overrides: Traits) -> dict[str, Any]:
    """What is named, with the overrides' traits laid over it; a name that the model lacks is an error."""
    changed = dict(named)
    for name, traits in overrides.items():
        changed[name] = {**changed[name], **traits}
    return changed


def _overridden(shapes: Traits, overrides: Traits) -> dict[str, Any]:
    """The shapes with the overrides' traits laid over them; a trait of null is taken away.

    `shapes` names a shape, `members` a member as Structure.Member. A name that the model lacks is an error:
    an override that no longer fits must not go unnoticed.
    """
    changed = _overlaid(shapes, overrides.get("shapes", {}))
    for path, traits in overrides.get("members", {}).items():
        name, member = path.split(".")
        members = changed[name]["members"]
        changed[name] = {**changed[name], "members": {**members, member: {**members[member], **traits}}}
    return changed
