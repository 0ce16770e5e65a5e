"""Binds operations classes to the models, and takes a request through them: parse, validate, call, write."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from lambent.values import frozen
from lambent.wire.call import Call
from lambent.wire.errors import ApiError, InternalError, NotImplementedOperation, SerializationError
from lambent.wire.message import Request, Response, inflated
from lambent.wire.model import Operation, Service
from lambent.wire.protocols import json_values
from lambent.wire.protocols.base import Captured, Codec, Parse, Values, Write
from lambent.wire.route import Route, Router
from lambent.wire.validate import compile_validator

CODECS: Mapping[str, str] = {
    "rest-json": "rest_json:RestJson",
    "json": "json:Json",
    "query": "query:Query",
    "ec2": "ec2:Ec2",
    "rest-xml": "rest_xml:RestXml",
    "smithy-rpc-v2-cbor": "cbor:Cbor",
}
"""Where each protocol is: it is imported when a service first speaks it."""

Method = Callable[[Call, Any], Awaitable[Mapping[str, Any] | None]]
Provide = Callable[[], Awaitable[Iterable[object]]]
"""Gets the objects whose methods are operations."""
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_UNTYPED = frozenset({"dict", "Mapping", "object", "Any"})


class Mismatch(TypeError):
    """An operations class does not fit the service's model."""


@frozen
class Bound:
    """An operation in one protocol, compiled, with the method that does it."""

    operation: Operation
    parse: Parse
    validate: Callable[[Values], None]
    write: Write
    method: Method | None
    """None: the model has the operation, Lambent has not."""

    def request(self, request: Request, captured: Captured) -> dict[str, Any]:
        """The request's values, valid by the model. Raises SerializationError and ValidationError."""
        if self.operation.may_be_compressed:
            request = inflated(request)
        try:
            values = self.parse(request, captured)
            self.validate(values)
        except RecursionError:
            raise SerializationError("The request nests too deep") from None
        return values


class Api:
    """One service as it is served: its model and the objects whose methods are its operations, given now or provided
    when the first of them is called.

    Refuses, with Mismatch, a public coroutine method that is no operation, or one that two objects have.
    """

    def __init__(self, service: Service, *implementations: object, provide: Provide | None = None) -> None:
        self.service = service
        self._provide = provide
        self._methods = _methods(service, implementations) if provide is None else {}
        self._spoken: dict[str, Service] = {}
        self._codecs: dict[str, Codec] = {}
        self._bound: dict[tuple[str, str], Bound] = {}

    async def ready(self) -> None:
        """Return when the operations can be called. Raises what providing them raises; then it is tried again."""
        if self._provide is None:
            return
        methods = _methods(self.service, await self._provide())
        if self._provide is not None:  # whoever else has waited may have been first
            self._methods, self._provide = methods, None

    @property
    def methods(self) -> Mapping[str, Method]:
        """Method by operation name, for the operations that are there; `ready` comes first."""
        assert self._provide is None, f"{self.service.name} is not ready"
        return self._methods

    def bound(self, operation: str, protocol: str | None = None) -> Bound:
        """The operation in this protocol (default: the service's first), compiled at its first use. `ready` comes
        first."""
        key = (protocol or self.service.protocol, operation)
        if key not in self._bound:
            self._bound[key] = self._bind(self._spoken_in(key[0]).operations[operation], key[0])
        return self._bound[key]

    def codec(self, protocol: str) -> Codec:
        """The protocol as this service speaks it."""
        if protocol not in self._codecs:
            self._codecs[protocol] = codec_of(protocol)(self._spoken_in(protocol))
        return self._codecs[protocol]

    def _spoken_in(self, protocol: str) -> Service:
        if protocol not in self._spoken:
            self._spoken[protocol] = self.service.spoken_in(protocol)
        return self._spoken[protocol]

    def _bind(self, operation: Operation, protocol: str) -> Bound:
        plan = self.codec(protocol).plan(operation)
        overrides = self.service.overrides
        validate = compile_validator(
            operation.input, overrides.get("validation_code"), parameters=overrides.get("missing_parameters", False)
        )
        return Bound(operation, plan.parse, validate, plan.write, self.methods.get(operation.name))


def codec_of(protocol: str) -> type[Codec]:
    """A protocol by its name in the models."""
    module, _, name = CODECS[protocol].partition(":")
    kind: type[Codec] = getattr(importlib.import_module(f"lambent.wire.protocols.{module}"), name)
    return kind


class Registry:
    """All services behind one port."""

    def __init__(self, apis: Iterable[Api]) -> None:
        self._apis = {api.service.name: api for api in apis}
        self._router = Router(api.service for api in self._apis.values())

    def __contains__(self, service: str) -> bool:
        return service in self._apis

    def __getitem__(self, service: str) -> Api:
        return self._apis[service]

    def serves(self, signing_name: str) -> bool:
        """Whether a service here is signed for by this name."""
        return self._router.knows(signing_name)

    def route(self, request: Request, scope: str | None) -> Route | None:
        """Where a request goes; None when no service here is meant. `scope`: see Router.route."""
        return self._router.route(request, scope)

    def bound(self, route: Route) -> Bound:
        """The compiled operation of a route. Raises the route's fault, and NotImplementedOperation."""
        if route.operation is None:
            raise route.fault or InternalError()
        bound = self._apis[route.service.name].bound(route.operation.name, route.protocol)
        if bound.method is None:
            name = f"{route.service.name}:{route.operation.name}"
            raise NotImplementedOperation(f"Lambent does not have the operation {name} yet.")
        return bound

    async def handle(self, route: Route, call: Call, request: Request) -> Response:
        """Run the operation and write its answer; an ApiError on the way becomes the answer.

        Other exceptions are faults of ours and go to the caller, who logs them and answers InternalError.
        """
        try:
            if route.operation is not None:
                await self._apis[route.service.name].ready()
            bound = self.bound(route)
            values = bound.request(request, route.captured)
            assert bound.method is not None
            result = await bound.method(call, values)
        except ApiError as error:
            return self.refusal(route, error, call.request_id)
        return bound.write(result or {}, call.request_id)

    def refusal(self, route: Route, error: ApiError, request_id: str) -> Response:
        """The answer that says `error`, in the route's protocol."""
        return self._apis[route.service.name].codec(route.protocol).error(error, request_id)


def unrouted(error: ApiError, request_id: str) -> Response:
    """The answer to a request that belongs to no service here, in the JSON that clients of most protocols can read."""
    text = error.message or "No service here takes this request."
    headers = [
        (b"x-amzn-RequestId", request_id.encode("ascii")),
        (b"x-amzn-ErrorType", error.code.encode("ascii")),
        (b"Content-Type", b"application/json"),
    ]
    return Response(error.status or 400, headers, json_values.dumps({"__type": error.code, "message": text}))


def snake_case(operation: str) -> str:
    """The method name of an operation: GetFunctionUrlConfig → get_function_url_config."""
    return _WORDS.sub("_", operation).lower()


def _methods(service: Service, implementations: Iterable[object]) -> dict[str, Method]:
    by_method = {snake_case(name): operation for name, operation in service.operations.items()}
    found: dict[str, Method] = {}
    for implementation in implementations:
        for name, method in _public_coroutines(implementation):
            where = f"{type(implementation).__name__}.{name}"
            if name not in by_method:
                raise Mismatch(f"{where} is no operation of {service.name}")
            operation = by_method[name]
            if operation.name in found:
                raise Mismatch(f"{where}: {operation.name} is there twice")
            _check_signature(where, method, operation)
            found[operation.name] = method
    return found


def is_operation(function: object) -> bool:
    """Whether it is a coroutine function that takes (self, call, request)."""
    if not inspect.iscoroutinefunction(function):
        return False
    code = inspect.unwrap(function).__code__
    parameters: tuple[str, ...] = code.co_varnames[: code.co_argcount]
    return parameters == ("self", "call", "request")


def _public_coroutines(implementation: object) -> Iterable[tuple[str, Method]]:
    for name in dir(type(implementation)):
        if not name.startswith("_") and inspect.iscoroutinefunction(getattr(type(implementation), name)):
            yield name, getattr(implementation, name)


def _check_signature(where: str, method: Method, operation: Operation) -> None:
    function = getattr(method, "__func__", method)
    if not is_operation(function):
        raise Mismatch(f"{where} must take (call, request)")
    annotation = function.__annotations__.get("request")
    if not (isinstance(annotation, str) and annotation.isidentifier()) or annotation in _UNTYPED:
        return
    wanted = operation.input.name if operation.input is not None else None
    if annotation != wanted:
        raise Mismatch(f"{where} takes {annotation}, but {operation.name} takes {wanted}")
