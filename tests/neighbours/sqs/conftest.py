"""The service in this process, on a store in memory and a clock that stands still; and on the shared server."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import cache
from typing import Any
from uuid import uuid4

import pytest

from lambent import neighbours
from lambent.kit.clock import FakeClock
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.neighbours.sqs.background import Housekeeping
from lambent.ports import Ports, Trust
from lambent.store.base import Store
from lambent.store.memory import memory_store
from lambent.wire.call import Call, Principal
from lambent.wire.errors import ApiError
from lambent.wire.model import Service, load
from lambent.wire.service import Api

ACCOUNT, REGION = "000000000000", "us-east-1"


@cache
def _model() -> Service:
    return load("sqs")


@cache
def _kinds() -> list[type]:
    return next(each.operations() for each in neighbours.found() if each.name == "sqs")


class Sqs:
    """SQS, called by operation names as a client would."""

    def __init__(self, store: Store, clock: FakeClock, tasks: Tasks, *, dev: bool = False) -> None:
        nothing: Any = None
        self.clock = clock
        self.store = store
        self.ports = Ports(
            records=store.records,
            queues=store.queues,
            blobs=store.blobs,
            journals=store.journals,
            seal=nothing,
            clock=clock,
            tasks=tasks,
            log=Log(stream=io.StringIO()),
            trust=Trust(dev),
            aws=nothing,
            invoker=nothing,
            catalogue=nothing,
        )
        self._api = Api(_model(), *(kind(self.ports) for kind in _kinds()))
        self.housekeeping = Housekeeping(self.ports)

    async def __call__(
        self,
        operation: str,
        *,
        account: str = ACCOUNT,
        headers: dict[bytes, bytes] | None = None,
        caller: Any = None,
        region: str = REGION,
        **request: Any,
    ) -> Any:
        principal = Principal(account, f"arn:aws:iam::{account}:root", account, "AKIA", is_root=True)
        call = Call(principal, region, "id", "sqs", operation, "aws.test", headers or {}, caller)
        bound = self._api.bound(operation)
        bound.validate(request)
        assert bound.method is not None
        return dict(await bound.method(call, request) or {})

    async def refusal(self, operation: str, **request: Any) -> str:
        """`code: text` of the error that a call is answered with, by its code in the query protocol."""
        with pytest.raises(ApiError) as refused:
            await self(operation, **request)
        error = refused.value
        return f"{error.codes.get('query', error.code)}: {error.message}"

    async def queue(self, name: str = "q", tags: dict[str, str] | None = None, **attributes: str) -> str:
        """Make a queue; its URL."""
        if name.endswith(".fifo"):
            attributes = {"FifoQueue": "true", **attributes}
        answer = await self("CreateQueue", QueueName=name, Attributes=attributes, tags=tags or {})
        url: str = answer["QueueUrl"]
        return url

    async def with_dead_letters(self, most: int, suffix: str = "", **attributes: str) -> tuple[str, str]:
        """(URL of a queue, URL of where its dead letters go)."""
        dead = await self.queue(f"dead{suffix}")
        policy = f'{{"deadLetterTargetArn":"{arn(f"dead{suffix}")}","maxReceiveCount":{most}}}'
        return await self.queue(f"q{suffix}", RedrivePolicy=policy, **attributes), dead

    async def send(self, url: str, *texts: str, **members: Any) -> None:
        for text in texts:
            await self("SendMessage", QueueUrl=url, MessageBody=text, **members)

    async def receive(self, url: str, limit: int = 10, **members: Any) -> list[Any]:
        answer = await self(
            "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=limit, AttributeNames=["All"], **members
        )
        return list(answer.get("Messages", ()))

    async def bodies(self, url: str, limit: int = 10, **members: Any) -> list[str]:
        return [message["Body"] for message in await self.receive(url, limit, **members)]

    async def delete(self, url: str, messages: Sequence[Any]) -> None:
        for message in messages:
            await self("DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    async def attributes(self, url: str, *names: str) -> dict[str, str]:
        answer = await self("GetQueueAttributes", QueueUrl=url, AttributeNames=list(names or ("All",)))
        return dict(answer.get("Attributes", {}))

    async def counts(self, url: str) -> tuple[int, int, int]:
        """Visible, in flight, delayed."""
        shown = await self.attributes(url)
        names = ("", "NotVisible", "Delayed")
        visible, in_flight, delayed = (int(shown[f"ApproximateNumberOfMessages{name}"]) for name in names)
        return visible, in_flight, delayed


def arn(name: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def make_sqs(clock: FakeClock) -> AsyncIterator[Callable[..., Sqs]]:
    """Makes the service; given a store, as after a restart on it."""
    tasks = Tasks(Log(stream=io.StringIO()))

    def make(store: Store | None = None, *, dev: bool = False) -> Sqs:
        return Sqs(store or memory_store(clock), clock, tasks, dev=dev)

    yield make
    await tasks.close()


@pytest.fixture
async def sqs(make_sqs: Callable[..., Sqs]) -> Sqs:
    return make_sqs()


@pytest.fixture
def aws(shared_server: Any) -> Any:
    """An unmodified boto3 client of a server."""
    return shared_server.client("sqs")


@pytest.fixture
def make_queue(aws: Any) -> Iterator[Callable[..., str]]:
    """Makes queues of that server by their attributes; their URLs. They are deleted at the end."""
    urls: list[str] = []

    def make(*, fifo: bool = False, **attributes: str) -> str:
        name = f"q-{uuid4().hex[:12]}" + (".fifo" if fifo else "")
        attributes |= {"FifoQueue": "true"} if fifo else {}
        urls.append(aws.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])
        return urls[-1]

    yield make
    for url in urls:
        try:
            aws.delete_queue(QueueUrl=url)
        except aws.exceptions.QueueDoesNotExist:
            pass


@pytest.fixture(scope="session")
def sqs_class() -> type[Sqs]:
    """For tests that make the service themselves."""
    return Sqs
