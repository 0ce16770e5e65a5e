"""SNS as its callers meet it, on a store in memory; the services that it delivers to are a list of calls."""

from __future__ import annotations

import asyncio
import io
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from lambent.kit.clock import FakeClock
from lambent.kit.log import Log
from lambent.kit.seal import Seal
from lambent.kit.tasks import Tasks
from lambent.neighbours.sns.background import Deliveries
from lambent.neighbours.sns.operations.publishing import Publishing
from lambent.neighbours.sns.operations.subscriptions import Subscriptions
from lambent.neighbours.sns.operations.tags import TopicTags
from lambent.neighbours.sns.operations.topics import Topics
from lambent.ports import Ports, Trust
from lambent.store.memory import memory_store
from lambent.wire.call import Call, Principal
from lambent.wire.errors import ApiError
from lambent.wire.model import Service, load
from lambent.wire.service import Api

ACCOUNT, REGION = "000000000000", "us-east-1"
NOBODY = cast(Any, None)


class FakeAws:
    """Remembers what it is called with; raises the next of `errors`, if there is one."""

    def __init__(self) -> None:
        self.calls: list[tuple[Call, str, dict[str, Any]]] = []
        self.errors: list[Exception] = []
        self._changed = asyncio.Event()

    async def call(self, call: Call, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append((call, f"{service}.{operation}", dict(request)))
        self._changed.set()
        if self.errors:
            raise self.errors.pop(0)
        return {}

    async def nth(self, count: int) -> dict[str, Any]:
        """The request of the call of this number, from 1 on, once it has come."""
        async with asyncio.timeout(30):
            while len(self.calls) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.calls[count - 1][2]


class Sns:
    """`await sns("CreateTopic", Name=…)` calls an operation as the root of an account."""

    def __init__(self, model: Service) -> None:
        self.clock = FakeClock()
        self.store = memory_store(self.clock)
        self.report = io.StringIO()
        self.log = Log("info", self.report)
        self.tasks = Tasks(self.log)
        self.aws = FakeAws()
        self.ports = Ports(
            records=self.store.records,
            queues=self.store.queues,
            blobs=NOBODY,
            journals=NOBODY,
            seal=Seal(secrets.token_bytes(32)),
            clock=self.clock,
            tasks=self.tasks,
            log=self.log,
            trust=Trust(dev=False),
            aws=self.aws,
            invoker=NOBODY,
            catalogue=NOBODY,
        )
        self.api = Api(model, *(noun(self.ports) for noun in (Topics, TopicTags, Subscriptions, Publishing)))

    async def __call__(
        self,
        operation: str,
        *,
        account: str = ACCOUNT,
        region: str = REGION,
        headers: Mapping[bytes, bytes] | None = None,
        **request: Any,
    ) -> dict[str, Any]:
        """The result. An empty `account`: nobody has signed."""
        principal = Principal(account, f"arn:aws:iam::{account}:root" if account else "", account, "AKIA", is_root=True)
        call = Call(principal, region, "request", "sns", operation, "localhost:4566", headers or {})
        bound = self.api.bound(operation)
        bound.validate(request)
        assert bound.method is not None, operation
        result = await bound.method(call, request)
        assert bound.write(result or {}, "request").status == 200
        return dict(result or {})

    async def refusal(self, operation: str, **request: Any) -> str:
        """Code and text of the error that is answered."""
        with pytest.raises(ApiError) as refused:
            await self(operation, **request)
        return f"{refused.value.code}: {refused.value.message}"

    async def topic(self, name: str = "t", **members: Any) -> str:
        """The ARN of a new topic."""
        return cast(str, (await self("CreateTopic", Name=name, **members))["TopicArn"])

    async def subscribed(self, topic: str, endpoint: str = "", protocol: str = "sqs", **attributes: str) -> str:
        """The ARN of a new subscription, of a queue unless something else is asked for."""
        endpoint = endpoint or f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
        request = {"TopicArn": topic, "Protocol": protocol, "Endpoint": endpoint, "Attributes": attributes}
        return cast(str, (await self("Subscribe", ReturnSubscriptionArn=True, **request))["SubscriptionArn"])

    async def attributes(self, arn: str) -> dict[str, str]:
        """Of a topic or a subscription."""
        if arn.count(":") > 5:
            return (await self("GetSubscriptionAttributes", SubscriptionArn=arn))["Attributes"]
        return (await self("GetTopicAttributes", TopicArn=arn))["Attributes"]

    def deliver(self) -> None:
        """Let what waits be delivered, until `crash`."""
        self.tasks.start("sns", Deliveries(self.ports).run())

    async def crash(self) -> None:
        """End the delivery in the middle of whatever it does, and forget what it had in memory."""
        await self.tasks.close()
        self.tasks = Tasks(self.log)
        self.ports = replace(self.ports, tasks=self.tasks)

    async def waiting(self) -> int:
        """How many messages are in the queues."""
        names = await self.store.queues.names("sns/")
        return sum([await self.store.queues.depth(name) for name in names])

    async def settled(self) -> None:
        """Until nothing waits any more."""
        async with asyncio.timeout(30):
            while await self.waiting():  # noqa: ASYNC110  nothing announces it
                await asyncio.sleep(0.001)

    async def postponed(self) -> float:
        """Until nothing can be delivered now; how long until it can."""
        async with asyncio.timeout(30):
            while True:
                (name,) = await self.store.queues.names("sns/")
                if (await self.store.queues.counts(name)).delayed:
                    due = await self.store.queues.next_due(name, after=self.clock.now())
                    assert due is not None
                    return due - self.clock.now()
                await asyncio.sleep(0.001)

    async def bodies(self, count: int) -> list[Any]:
        """The bodies of the first messages that queues got: parsed if they are JSON."""
        await self.aws.nth(count)
        return [_parsed(request["MessageBody"]) for _, _, request in self.aws.calls[:count]]


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


@pytest.fixture(scope="session")
def sns_model() -> Service:
    return load("sns")


@pytest.fixture
async def sns(sns_model: Service) -> AsyncIterator[Sns]:
    sns = Sns(sns_model)
    yield sns
    await sns.tasks.close()


@pytest.fixture(scope="session")
def make_sns(sns_model: Service) -> Any:
    """Services for tests that need a fresh one for each example."""
    return lambda: Sns(sns_model)
