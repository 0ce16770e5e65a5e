"""Calls in a function's name: for whom they are, and what their refusals mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lambent.control.shapes import ResourceNotFoundException, TooManyRequestsException
from lambent.delivery.targets import Errand, Undelivered
from lambent.front.errands import Errands
from lambent.wire.call import Call
from lambent.wire.errors import ApiError, InternalError, NotImplementedOperation

ERRAND = Errand("111111111111", "eu-west-1", "Root=1-a", "sqs", "SendMessage", {"MessageBody": "1"})


class FakeAws:
    """Answers every call alike."""

    def __init__(self, error: ApiError | None = None) -> None:
        self._error = error
        self.calls: list[tuple[Call, str, str, Mapping[str, Any]]] = []

    async def call(self, call: Call, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append((call, service, operation, request))
        if self._error is not None:
            raise self._error
        return {"MessageId": "m"}


async def test_a_call_is_made_for_the_account_and_region_with_the_trace_and_an_id_of_its_own() -> None:
    aws = FakeAws()
    assert await Errands(aws).send(ERRAND) == {"MessageId": "m"}
    await Errands(aws).send(ERRAND)
    call, *rest = aws.calls[0]
    assert (call.account, call.region, call.headers) == ("111111111111", "eu-west-1", {b"x-amzn-trace-id": b"Root=1-a"})
    assert rest == ["sqs", "SendMessage", {"MessageBody": "1"}]
    assert call.request_id != aws.calls[1][0].request_id


@pytest.mark.parametrize(
    ("error", "may_pass"),
    [
        (ResourceNotFoundException("no such function"), False),
        (ApiError("no such queue", code="AWS.SimpleQueueService.NonExistentQueue", status=400), False),
        (NotImplementedOperation("not here"), False),
        (TooManyRequestsException("Rate Exceeded."), True),
        (ApiError("slow down", code="Throttling", status=429), True),
        (InternalError(), True),
        (ApiError("away", code="Away", status=503), True),
    ],
)
async def test_a_refusal_says_whether_another_attempt_is_worth_it(error: ApiError, may_pass: bool) -> None:
    with pytest.raises(Undelivered) as refusal:
        await Errands(FakeAws(error)).send(ERRAND)
    assert refusal.value.may_pass is may_pass
    assert error.code in str(refusal.value)
