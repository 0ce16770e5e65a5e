"""Lambda's control plane on a store in memory: requests come as HTTP has them, answers are written by the model."""

from __future__ import annotations

import json
import secrets
from typing import Any, cast
from urllib.parse import quote, urlencode

import pytest

from lambent.control.aliases import Aliases
from lambent.control.capacity import CapacityProviders
from lambent.control.configuration import configured, shown
from lambent.control.event_invoke import EventInvokeConfigs
from lambent.control.event_sources import EventSourceMappings
from lambent.control.recursion import RecursionConfigs
from lambent.control.runtime_management import RuntimeManagementConfigs
from lambent.control.scaling import ScalingConfigs
from lambent.control.signing import CodeSigningConfigs
from lambent.control.storage import CodeStorage
from lambent.control.tags import Tags
from lambent.control.urls import FunctionUrls
from lambent.control.versions import Versions
from lambent.core import limits
from lambent.core.eventsource import State, settled
from lambent.core.function import Code, Function, Version
from lambent.delivery.mapping import KIND, Source
from lambent.invoke.records import FunctionRecords
from lambent.invoke.regional import Regional
from lambent.invoke.settings import FunctionSettings
from lambent.kit.clock import FakeClock
from lambent.kit.log import Log
from lambent.kit.seal import Seal
from lambent.ports import Ports, Trust
from lambent.runtimes.catalogue import Catalogue
from lambent.store.memory import MemoryRecords
from lambent.wire.call import Call, Principal
from lambent.wire.errors import ApiError
from lambent.wire.message import PlainRequest, Response
from lambent.wire.model import Service, load
from lambent.wire.service import Api, Registry, unrouted

ACCOUNT, REGION = "000000000000", "us-east-1"
NOBODY = cast(Any, None)


def _quoted(value: object) -> str:
    """As a part of a path, whatever it is."""
    return quote(str(value), safe="", errors="surrogatepass")


class Refused(Exception):
    """An error answer."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(status, code, text)
        self.status, self.code, self.text = status, code, text


class Configurations:
    """What is made of a request's configuration alone: no code, no role, nothing written."""

    def __init__(self, functions: FunctionRecords) -> None:
        self._functions = functions

    async def create_function(self, call: Call, request: dict[str, Any]) -> Any:
        return await self._shown(request)

    async def update_function_configuration(self, call: Call, request: dict[str, Any]) -> Any:
        return await self._shown(request)

    async def _shown(self, request: dict[str, Any]) -> Any:
        found = await self._functions.get(ACCOUNT, REGION, "f")
        assert found is not None
        return shown(configured(found[0].latest, request))


class AnyQueue:
    """A trigger whose sources can always be read."""

    async def check(self, source: Source, *, timeout_s: int) -> None: ...

    def poller(self, source: Source, settings: FunctionSettings) -> Any:
        raise AssertionError("nothing is polled here")


class Lambda:
    """`await control("GetFunctionUrlConfig", FunctionName=…)` calls an operation as the root of an account."""

    def __init__(self, model: Service) -> None:
        self.records = MemoryRecords()
        self.region = REGION
        """Whose endpoint is called."""
        self.follows = True
        """Whether mappings that have been changed are settled after each call."""
        self.clock = FakeClock()
        self.ports = Ports(
            records=self.records,
            queues=NOBODY,
            blobs=NOBODY,
            journals=NOBODY,
            seal=Seal(secrets.token_bytes(32)),
            clock=self.clock,
            tasks=NOBODY,
            log=Log("error"),
            trust=Trust(dev=True),
            aws=NOBODY,
            invoker=NOBODY,
            catalogue=Catalogue({}),
        )
        self.functions = FunctionRecords(self.records, self.ports.seal)
        nouns = (
            EventInvokeConfigs,
            FunctionUrls,
            CodeSigningConfigs,
            RuntimeManagementConfigs,
            RecursionConfigs,
            ScalingConfigs,
            CapacityProviders,
            Tags,
            Aliases,
        )
        versions = Versions(self.ports, CodeStorage(self.ports, limits.CODE_STORAGE))
        mappings = EventSourceMappings(self.ports, {"sqs": AnyQueue()})
        self.api = Api(model, Configurations(self.functions), *(noun(self.ports) for noun in nouns), versions, mappings)
        self.registry = Registry([self.api])

    async def function(self, name: str, **fields: Any) -> Function:
        """A function that is active."""
        version = Version(
            account=ACCOUNT,
            region=REGION,
            name=name,
            function_id=name,
            role="arn:aws:iam::000000000000:role/r",
            runtime="python3.11",
            handler="app.handler",
            code=Code("d", "s", 1),
            revision_id="00000000-0000-4000-8000-000000000000",
            last_modified="2024-01-01T00:00:00.000+0000",
            state="Active",
            state_reason=None,
            state_reason_code=None,
            update_status="Successful",
            **fields,
        )
        function = Function(version, version)
        await self.functions.add(function)
        return function

    async def send(self, operation: str, request: dict[str, Any], body: Any = None) -> Response:
        """The answer to a request whose members are put where the model wants them; `body` replaces what would be in
        the body. Raises what is a fault of ours."""
        model = self.api.service.operations[operation]
        path, query, members = model.uri, list[tuple[str, str]](), dict[str, Any]()
        for name, shape in (model.input.members if model.input is not None else {}).items():
            place = shape.traits.get("location")
            if place == "uri":
                path = path.replace(f"{{{shape.wire_name}}}", _quoted(request.get(name, "")))
            elif name in request and place == "querystring":
                values = request[name] if isinstance(request[name], list) else [request[name]]
                query += [(shape.wire_name, str(value)) for value in values]
            elif name in request:
                members[shape.wire_name or name] = request[name]
        raw = json.dumps(members if body is None else body).encode("utf-8", "surrogatepass")
        plain = PlainRequest(model.method, path.encode(), urlencode(query, errors="surrogatepass").encode(), {}, raw)
        try:
            route = self.registry.route(plain, "lambda")
        except ApiError as error:
            return unrouted(error, "request")
        assert route is not None
        principal = Principal(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT, "AKIA", is_root=True)
        call = Call(principal, self.region, "request", "lambda", operation)
        return await self.registry.handle(route, call, plain)

    async def __call__(self, operation: str, **request: Any) -> dict[str, Any]:
        """The answer's members. Raises Refused."""
        answer = await self.send(operation, request)
        if self.follows:
            await self._follow()
        members = json.loads(answer.body) if answer.body else {}
        if answer.status >= 300:
            code = dict(answer.headers)[b"x-amzn-ErrorType"].decode()
            raise Refused(answer.status, code, members.get("Message") or members.get("message") or "")
        return cast(dict[str, Any], members)

    async def _follow(self) -> None:
        """What the supervisor of the pollers does about mappings that have been changed."""
        mappings = Regional(self.records, KIND)
        async for place, (value, revision) in mappings.everywhere():
            if value["State"] == State.DELETING:
                await mappings.remove(*place, revision)
            else:
                await mappings.replace(*place, {**value, "State": settled(enabled=value["Enabled"])}, revision)


@pytest.fixture(scope="session")
def model() -> Service:
    return load("lambda")


@pytest.fixture
def control(model: Service) -> Lambda:
    return Lambda(model)


@pytest.fixture(scope="session")
def make_control(model: Service) -> Any:
    """Control planes for tests that need a fresh one for each example."""
    return lambda: Lambda(model)


@pytest.fixture(scope="session")
def refusal() -> type[Refused]:
    return Refused
