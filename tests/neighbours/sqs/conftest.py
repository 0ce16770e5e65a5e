"""Queues on the shared server, each test its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest


@pytest.fixture
def sqs(shared_server: Any) -> Any:
    """An unmodified boto3 client."""
    return shared_server.client("sqs")


@pytest.fixture
def make_queue(sqs: Any) -> Iterator[Callable[..., str]]:
    """Makes queues by their attributes; their URLs. They are deleted at the end."""
    urls: list[str] = []

    def make(*, fifo: bool = False, **attributes: str) -> str:
        name = f"q-{uuid4().hex[:12]}" + (".fifo" if fifo else "")
        attributes |= {"FifoQueue": "true"} if fifo else {}
        urls.append(sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])
        return urls[-1]

    yield make
    for url in urls:
        try:
            sqs.delete_queue(QueueUrl=url)
        except sqs.exceptions.QueueDoesNotExist:
            pass
