"""The HTTP edge in front of a data plane that answers as it is told to."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from lambent.control.invocations import Invocations, Ways
from lambent.control.stats import Stats
from lambent.core.arn import LATEST, FunctionRef
from lambent.core.function import Code, Version
from lambent.core.invocation import Invocation, Outcome, Result, Status, Throttled
from lambent.delivery.counters import Counters
from lambent.delivery.event import Event, decode, queue_of
from lambent.delivery.intake import Intake
from lambent.foreign.buckets import Buckets
from lambent.foreign.notifications import Notifications
from lambent.foreign.services import Foreign
from lambent.front.abroad import Abroad
from lambent.front.fastdoor import FastDoor
from lambent.front.identity import Identity
from lambent.front.pipeline import Pipeline
from lambent.invoke.billing import Billing
from lambent.invoke.resolve import FunctionMissing, NotActive
from lambent.invoke.settings import FunctionSettings
from lambent.kit.clock import FakeClock
from lambent.kit.http_client import Client
from lambent.kit.http_message import Request
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.ports import Ports, Trust
from lambent.store.base import Put
from lambent.store.memory import MemoryRecords, memory_store
from lambent.wire.call import Principal
from lambent.wire.errors import ExpiredToken
from lambent.wire.message import PlainRequest
from lambent.wire.model import Service, load
from lambent.wire.service import Api, Registry
from lambent.wire.signing import Credentials, sign
from lambent.wire.sigv4 import Key

ACCOUNT = "000000000000"
NOBODY = cast(Any, None)

VERSION = Version(
    account=ACCOUNT,
    region="us-east-1",
    name="thumbs",
    function_id="id-1",
    role=f"arn:aws:iam::{ACCOUNT}:role/runner",
    runtime="python3.11",
    handler="app.handler",
    code=Code("d" * 64, "digest", 3),
    revision_id="r1",
    last_modified="2026-01-01T00:00:00.000+0000",
)


class FakeInvoker:
    """Knows one function that runs and one that does not yet; every invocation ends at once, as the test says."""

    def __init__(self) -> None:
        self.ends: Callable[[], Result | None] = lambda: None
        self.ran: list[tuple[Version, Invocation]] = []
        self.in_store: set[str] = set()
        self.known = {"thumbs", "brokenhearted"}

    def answers(self, payload: bytes, status: Status = Status.SUCCESS, tail: bytes | None = None) -> None:
        result = Result(Outcome(status, payload), LATEST, tail)
        self.ends = lambda: result

    def throttles(self) -> None:
        def refuse() -> None:
            raise Throttled("ReservedFunctionConcurrentInvocationLimitExceeded")

        self.ends = refuse

    def fails(self) -> None:
        self.ends = lambda: None

    def is_at_fault(self) -> None:
        def fail() -> None:
            raise KeyError("a fault of ours")

        self.ends = fail

    # -- what the front calls

    def resolve(self, ref: FunctionRef) -> Version:
        if ref.name == "pending":
            raise NotActive(ref.arn, replace(VERSION, state="Pending"))
        if ref.name not in self.known or ref.qualifier not in (None, LATEST):
            raise FunctionMissing(replace(ref, qualifier=ref.qualifier or LATEST))
        return VERSION

    async def look_again(self, ref: FunctionRef) -> None:
        self.known |= self.in_store

    def run(self, version: Version, invocation: Invocation, done: Callable[[Result | None], None]) -> None:
        result = self.ends()
        self.ran.append((version, invocation))
        if result is not None and not invocation.want_tail:
            result = replace(result, tail=None)
        done(result)

    async def invoke(self, version: Version, invocation: Invocation) -> Result | None:
        results: list[Result | None] = []
        self.run(version, invocation, results.append)
        return results[0]


class Keys:
    """Identities: a user's key, and a session's that is over."""

    def find(self, access_key: str, session_token: str | None, now: float) -> Key | None:
        if access_key == "ASIAOVER":
            raise ExpiredToken("The security token included in the request is expired")
        if access_key != "AKIAUSER" or session_token is not None:
            return None
        return Key("secret", Principal(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/me", "AIDAME", access_key))


class Answer:
    """A connection that keeps what it is to answer."""

    def __init__(self) -> None:
        self.count = 0

    def respond(self, status: int, headers: Any = b"", body: bytes = b"") -> None:
        self.count += 1
        self.status = status
        self.headers = self._parsed(headers) if isinstance(headers, bytes) else list(headers)
        self.body = body

    @staticmethod
    def _parsed(block: bytes) -> list[tuple[bytes, bytes]]:
        assert block.endswith(b"\r\n")
        lines = block[:-2].split(b"\r\n")
        return [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]

    @property
    def whole(self) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        return self.status, sorted(self.headers), self.body


class Edge:
    """Both ways in, on the same parts."""

    Status = Status
    VERSION = VERSION

    def __init__(self, lambda_: Service, logs: Service, *, dev: bool) -> None:
        self.clock = FakeClock()
        self.report = io.StringIO()
        self.log = Log("error", self.report)
        self.tasks = Tasks(self.log)
        self.invoker = FakeInvoker()
        trust = Trust(dev)
        self.ports = Ports(
            records=NOBODY,
            queues=NOBODY,
            blobs=NOBODY,
            journals=NOBODY,
            seal=NOBODY,
            clock=self.clock,
            tasks=self.tasks,
            log=self.log,
            trust=trust,
            aws=NOBODY,
            invoker=cast(Any, self.invoker),
            catalogue=NOBODY,
        )
        self.store = memory_store(self.clock)
        self.counters = Counters()
        self.settings = settings = FunctionSettings(self.store.records)
        ways = Ways(cast(Any, self.invoker), settings, Intake(self.store.queues, self.counters))
        registry = Registry([Api(lambda_, Invocations(ways)), Api(logs)])
        self.identity = Identity(Keys(), trust, self.clock)
        self.pipeline = Pipeline(registry, self.identity, self.tasks, self.log)
        self.billing = Billing(MemoryRecords(), self.tasks, self.clock, self.log)
        self.stats = Stats(self.billing, self.store.queues, self.counters, self.clock)
        self.fast = FastDoor(registry, lambda_, self.identity, self.pipeline, ways, self.log)
        foreign = Foreign((), None, Client(self.tasks), self.clock, self.tasks, self.log)
        notifications = Notifications(MemoryRecords(), NOBODY, self.log)
        buckets = Buckets(foreign, notifications, self.clock, self.log)
        self.abroad = Abroad(registry, foreign, buckets, self.identity, self.pipeline, self.log)

    def request(
        self,
        target: str = "/2015-03-31/functions/thumbs/invocations",
        body: bytes = b"{}",
        headers: dict[str, str] | None = None,
        *,
        method: str = "POST",
        key: str | None = "AKIAUSER",
        service: str = "lambda",
        region: str = "us-east-1",
        late_s: float = 0.0,
    ) -> Request:
        """A signed request; without a key, an unsigned one. Its id is given so that answers can be compared whole."""
        fields = {"host": "localhost:4566", "x-amzn-requestid": "11111111-2222-4333-8444-555555555555"}
        fields |= headers or {}
        sent = {name.encode(): value.encode("latin-1") for name, value in fields.items() if value != "-"}
        path, _, query = target.encode().partition(b"?")
        if key is not None:
            plain = PlainRequest(method, path, query, sent, body)
            sent = sign(plain, Credentials(key, "secret"), region, service, self.clock.now() - late_s)
        request = Request(method, target.encode(), sent, "127.0.0.1")
        request.body = body
        return request

    def quickly(self, request: Request) -> Answer | None:
        """What the fast door answers; None when the request is not for it."""
        answer = Answer()
        if not self.fast.take(request, cast(Any, answer)):
            assert answer.count == 0
            return None
        assert answer.count == 1
        return answer

    def begun(self, request: Request) -> Answer:
        """The answer that the fast door gives later."""
        answer = Answer()
        assert self.fast.take(request, cast(Any, answer))
        return answer

    async def eventually(self, request: Request) -> Answer:
        """The same, when it is given."""
        answer = self.begun(request)
        await self.turns()
        assert answer.count == 1
        return answer

    async def turns(self) -> None:
        """Let what is ready to go on do so."""
        for _ in range(5):
            await asyncio.sleep(0)

    async def events(self) -> list[Event]:
        """Those that were written down."""
        queue = queue_of(ACCOUNT, "us-east-1", "thumbs")
        return [decode(lease.body) for lease in await self.store.queues.lease(queue, limit=10, for_s=60)]

    def store_waits(self) -> asyncio.Future[None]:
        """What the next event's write waits for."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.store.queues.put = lambda *_, **__: future  # type: ignore[method-assign]
        return future

    async def allow_loops(self) -> None:
        """PutFunctionRecursionConfig with Allow."""
        await self.settings.start()
        key = f"lambda/{ACCOUNT}/us-east-1/recursion/thumbs/"
        await self.store.records.write(Put(key, b'{"RecursiveLoop":"Allow"}'))

    async def ordinarily(self, request: Request) -> Answer:
        response = await self.pipeline.handle(request)
        answer = Answer()
        answer.respond(response.status, response.headers, response.body)
        return answer


@pytest.fixture(scope="session")
def services() -> tuple[Service, Service]:
    return load("lambda"), load("logs")


@pytest.fixture
async def edge(services: tuple[Service, Service]) -> AsyncIterator[Edge]:
    edge = Edge(*services, dev=False)
    yield edge
    await edge.tasks.close()


@pytest.fixture
async def dev_edge(services: tuple[Service, Service]) -> AsyncIterator[Edge]:
    edge = Edge(*services, dev=True)
    yield edge
    await edge.tasks.close()
