"""HTTP request → service, protocol, operation, and what the path says. All services share one port."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from urllib.parse import unquote_to_bytes

from lambent.values import frozen
from lambent.wire.errors import AccessDenied, ApiError, InvalidAction, InvalidSignature, UnknownOperation
from lambent.wire.message import Request
from lambent.wire.model import Operation, Service
from lambent.wire.protocols import form
from lambent.wire.protocols.rest import Query, parse_query, utf8

_REST = ("rest-json", "rest-xml")
_FORM = ("query", "ec2")
_NOTHING: Mapping[str, str] = {}


@frozen
class Route:
    """Where a request goes. Without an operation, `fault` is the answer, for callers that prove who they are."""

    service: Service
    protocol: str
    operation: Operation | None
    captured: Mapping[str, str] = field(default_factory=dict)
    """The path's labels (REST), or the form (query, ec2)."""
    fault: ApiError | None = None


@frozen
class _End:
    """An operation whose URI ends here, and what it wants of the query to be the one that is meant."""

    operation: Operation
    labels: tuple[str, ...]
    literals: tuple[tuple[str, str | None], ...]
    required: tuple[str, ...]
    required_headers: tuple[bytes, ...]

    def fits(self, query: Query) -> bool:
        return all(n in query and (v is None or v in query[n]) for n, v in self.literals)

    def rank(self, query: Query, headers: Mapping[bytes, bytes]) -> tuple[bool, int, int]:
        """How closely the request matches, the more the greater."""
        is_complete = all(n in query for n in self.required) and all(n in headers for n in self.required_headers)
        wanted = len(self.required) + len(self.required_headers)
        return is_complete, len(self.literals), wanted if is_complete else 0


class _Node:
    __slots__ = ("ends", "greedy", "label", "literals")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.label: _Node | None = None
        self.greedy: _Node | None = None
        self.ends: list[_End] = []


class RestTable:
    """The URIs of one REST service, as a tree of path segments for each method."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._roots: dict[str, _Node] = {}
        for operation in operations:
            self._add(operation)

    def _add(self, operation: Operation) -> None:
        path, _, query = operation.uri.partition("?")
        node = self._roots.setdefault(operation.method, _Node())
        labels = []
        for segment in path.strip("/").split("/"):
            node = self._step(node, segment)
            if segment.startswith("{"):
                labels.append(segment.strip("{}+"))
        pairs = (pair.partition("=") for pair in query.split("&") if pair)
        literals = tuple((name, value if equals else None) for name, equals, value in pairs)
        query_names = _required(operation, "querystring")
        header_names = tuple(name.lower().encode("ascii") for name in _required(operation, "header"))
        node.ends.append(_End(operation, tuple(labels), literals, query_names, header_names))

    def _step(self, node: _Node, segment: str) -> _Node:
        if segment.endswith("+}"):
            node.greedy = node.greedy or _Node()
            return node.greedy
        if segment.startswith("{"):
            node.label = node.label or _Node()
            return node.label
        return node.literals.setdefault(segment, _Node())

    def match(self, request: Request) -> tuple[Operation, dict[str, str]] | None:
        """The operation that is meant, with its labels decoded. SerializationError if the path is not UTF-8."""
        root = self._roots.get(request.method)
        if root is None:
            return None
        segments = _segments(request.path)
        found = _walk(root, segments, 0, ())
        if found is None and len(segments) > 1 and not segments[-1]:
            found = _walk(root, segments[:-1], 0, ())
        if found is None:
            return None
        node, values = found
        end = node.ends[0] if len(node.ends) == 1 and not node.ends[0].literals else _choose(node.ends, request)
        return None if end is None else (end.operation, dict(zip(end.labels, values, strict=True)))


def _required(operation: Operation, location: str) -> tuple[str, ...]:
    if operation.input is None:
        return ()
    members = operation.input.members
    return tuple(members[n].wire_name or n for n in operation.input.required if members[n].location == location)


def _segments(path: bytes) -> list[str]:
    """The path's parts, decoded one by one, so that an encoded slash stays inside its part."""
    if b"%" not in path:
        return utf8(path)[1:].split("/")
    return [utf8(unquote_to_bytes(part)) for part in path[1:].split(b"/")]


def _walk(node: _Node, segments: list[str], at: int, values: tuple[str, ...]) -> tuple[_Node, tuple[str, ...]] | None:
    """The deepest fit; literal segments before labels, labels before greedy ones."""
    if at == len(segments):
        return (node, values) if node.ends else None
    segment = segments[at]
    below = node.literals.get(segment)
    if below is not None and (found := _walk(below, segments, at + 1, values)):
        return found
    if node.label is not None and segment and (found := _walk(node.label, segments, at + 1, (*values, segment))):
        return found
    if node.greedy is not None and segment:
        for end in _greedy_ends(node.greedy, len(segments), at):
            taken = (*values, "/".join(segments[at:end]))
            if found := _walk(node.greedy, segments, end, taken):
                return found
    return None


def _greedy_ends(greedy: _Node, count: int, at: int) -> Iterable[int]:
    """Where a greedy label may end: at the end of the path, or earlier if the URI goes on."""
    return range(count, at, -1) if greedy.literals or greedy.label else (count,)


def _choose(ends: list[_End], request: Request) -> _End | None:
    sent = parse_query(request.query)
    fitting = [end for end in ends if end.fits(sent)]
    return max(fitting, key=lambda end: end.rank(sent, request.headers), default=None)


class Router:
    """Finds the service, the protocol and the operation that a request is meant for."""

    def __init__(self, services: Iterable[Service]) -> None:
        self._by_target: dict[str, Service] = {}
        self._by_version: dict[str, list[Service]] = {}
        self._by_open_action: dict[str, Service] = {}
        """Operations that links lead to: those have neither a signature nor a version."""
        self._by_signing_name: dict[str, list[Service]] = {}
        self._tables: dict[str, RestTable] = {}
        """Made when a service is first asked, as is all that needs to know its operations."""
        self._rest: list[Service] = []
        self._named: dict[tuple[bytes, str | None], Route] = {}
        """What was found by X-Amz-Target and scope: no more than there are operations."""
        for service in services:
            self._add(service)

    def _add(self, service: Service) -> None:
        self._by_signing_name.setdefault(service.signing_name, []).append(service)
        if service.target_prefix:
            self._by_target[service.target_prefix] = service
        if any(protocol in _FORM for protocol in service.protocols):
            self._by_version.setdefault(service.api_version, []).append(service)
            self._by_open_action |= dict.fromkeys(service.unsigned, service)
        if service.protocol in _REST:
            self._rest.append(service)

    def knows(self, signing_name: str) -> bool:
        """Whether a service here has this signing name."""
        return signing_name in self._by_signing_name

    def route(self, request: Request, scope: str | None) -> Route | None:
        """Where the request goes, or None when no service here is meant.

        `scope` is the service's name in the signature's credential scope, None for unsigned requests. Raises
        SerializationError for a path or form that cannot be decoded.
        """
        target = request.headers.get(b"x-amz-target")
        if target is not None:
            route = self._named.get((target, scope)) or self._by_header(target, scope)
            if route is not None:
                return route
        if request.headers.get(b"smithy-protocol") == b"rpc-v2-cbor":
            return self._rpc(request.path, scope)
        if scope is None:
            return self._unsigned(request)
        for service in self._by_signing_name.get(scope, ()):
            route = self._within(service, request)
            if route is not None:
                return route
        return None

    def _by_header(self, target: bytes, scope: str | None) -> Route | None:
        prefix, _, name = target.decode("latin-1").rpartition(".")
        service = self._by_target.get(prefix)
        if service is None:
            # A wrong prefix still belongs to the service that the signature is for.
            named = self._by_signing_name.get(scope or "", ())
            service = next((s for s in named if s.target_prefix), None)
            return Route(service, "json", None, _NOTHING, UnknownOperation()) if service is not None else None
        route = _named(service, "json", name, scope)
        if route.operation is not None:
            self._named[target, scope] = route
        return route

    def _rpc(self, path: bytes, scope: str | None) -> Route | None:
        """POST /service/<target prefix>/operation/<operation>."""
        parts = path.decode("latin-1").split("/")
        if len(parts) != 5 or (parts[1], parts[3]) != ("service", "operation"):
            return None
        service = self._by_target.get(parts[2])
        if service is None or "smithy-rpc-v2-cbor" not in service.protocols:
            return None
        return _named(service, "smithy-rpc-v2-cbor", parts[4], scope)

    def _unsigned(self, request: Request) -> Route | None:
        fields = _form(request)
        if "Action" in fields:
            named = self._by_version.get(fields.get("Version", ""), ())
            service = next((s for s in named if fields["Action"] in s.operations), next(iter(named), None))
            if service is None and "Version" not in fields:
                service = self._by_open_action.get(fields["Action"])
            if service is not None:
                return _action(service, fields, request.path)
        for service in self._rest:
            route = self._rest_route(service, request)
            if route.operation is not None:
                return route
        return None

    def _within(self, service: Service, request: Request) -> Route | None:
        """The route inside the service that the signature names."""
        if service.protocol in _REST:
            return self._rest_route(service, request)
        if any(protocol in _FORM for protocol in service.protocols):
            return _action(service, _form(request), request.path)
        return Route(service, service.protocol, None, _NOTHING, UnknownOperation())

    def _rest_route(self, service: Service, request: Request) -> Route:
        if service.name not in self._tables:
            self._tables[service.name] = RestTable(service.operations.values())
        found = self._tables[service.name].match(request)
        if found is None:
            fault = AccessDenied("Unable to determine service/operation name to be authorized")
            return Route(service, service.protocol, None, _NOTHING, fault)
        return Route(service, service.protocol, *found)


def _named(service: Service, protocol: str, name: str, scope: str | None) -> Route:
    """The operation that a header or path names outright, if the signature is for its service."""
    if scope is not None and scope != service.signing_name:
        text = f"Credential should be scoped to correct service: '{service.signing_name}'. "
        return Route(service, protocol, None, _NOTHING, InvalidSignature(text))
    operation = service.operations.get(name)
    return Route(service, protocol, operation, _NOTHING, None if operation is not None else UnknownOperation())


def _form(request: Request) -> dict[str, str]:
    """The form in the body, or in the query of a GET; the query's fields count beside a body too."""
    fields = form.decode(request.query) if request.query else {}
    if request.body and b"x-www-form-urlencoded" in request.headers.get(b"content-type", b""):
        fields.update(form.decode(request.body))
    return fields


def _action(service: Service, fields: dict[str, str], path: bytes) -> Route:
    protocol = next(p for p in service.protocols if p in _FORM)
    name = fields.get("Action")
    by_resource = "path_member" in service.overrides
    if name is None:
        missing = ApiError("Missing Action", code="MissingAction", status=400)
        return Route(service, protocol, None, fields, UnknownOperation() if by_resource else missing)
    version = fields.get("Version", service.api_version)
    operation = service.operations.get(name) if version == service.api_version else None
    if operation is None or (len(path) > 1 and name in service.overrides.get("root_only", ())):
        text = f"Could not find operation {name} for version {version}"
        if by_resource:
            text = f"The action {name} is not valid for this endpoint."
        return Route(service, protocol, None, fields, InvalidAction(text))
    return Route(service, protocol, operation, fields)
