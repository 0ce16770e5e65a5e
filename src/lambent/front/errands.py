"""Calls that Lambent makes in a function's name: to the queues, topics, functions, buses and buckets that are told of
asynchronous events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.delivery.targets import Errand, Undelivered
from lambent.front.pipeline import service_call
from lambent.kit.ids import uuid4
from lambent.ports import Aws
from lambent.wire.errors import ApiError

_FOR_NOW = frozenset(
    ("InternalError", "InternalFailure", "ServiceException", "ServiceUnavailable", "SlowDown", "ThrottlingException",
     "TooManyRequestsException", "RequestThrottled", "Throttled")
)  # fmt: skip
"""Codes of answers that may be others another time."""


class Errands:
    """Delivery's `Post`, by the `Aws` port."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    async def send(self, errand: Errand) -> Mapping[str, Any]:
        """The answer. Raises Undelivered."""
        call = service_call(errand.account, errand.region, uuid4())
        if errand.trace:
            call.headers = {b"x-amzn-trace-id": errand.trace.encode("latin-1", "replace")}
        try:
            return await self._aws.call(call, errand.service, errand.operation, errand.members)
        except ApiError as error:
            status = error.status or 400
            may_pass = error.code in _FOR_NOW or status == 429 or (status >= 500 and status != 501)
            raise Undelivered(f"{error.code}: {error.message}", may_pass=may_pass) from error
