"""Operations of foreign services, called by Lambent itself in an account's name: the `Aws` port across the network."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from lambent.core import limits
from lambent.foreign.services import Foreign, Passed
from lambent.kit.http_client import AnswerTooLarge, Broken
from lambent.kit.tasks import Tasks
from lambent.wire.call import Call
from lambent.wire.client import NoAnswer, Remote, UnknownRemote, load_remote
from lambent.wire.errors import ApiError

TOO_LARGE = "AnswerTooLarge"
"""The code of the error when an answer is larger than anything that Lambent fetches."""


class ForeignCalls:
    """Calls operations by their model, like the port for those that live here."""

    def __init__(self, foreign: Foreign, tasks: Tasks) -> None:
        self._foreign = foreign
        self._tasks = tasks
        self._remotes: dict[str, asyncio.Task[Remote]] = {}

    def replaces(self, service: str) -> bool:
        """Whether the service is asked elsewhere though it lives here."""
        return self._foreign.replaces(service)

    async def call(self, call: Call, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """The operation's answer. Raises its ApiError, and ServiceUnavailable when it does not come."""
        remote = await self._remote(service)
        written = remote.request(operation, request)
        passed = Passed(
            service=remote.signing_name,
            account=call.account,
            region=call.region,
            method=written.method,
            path=written.path,
            query=written.query,
            headers=written.headers,
            body=written.body,
        )
        async with await self._foreign.send(passed) as answer:
            try:
                body = await answer.read(limits.FETCHED)
            except AnswerTooLarge:
                text = f"The answer of {service} to {operation} is larger than {limits.FETCHED} bytes."
                raise ApiError(text, code=TOO_LARGE, status=413) from None
            except Broken as error:
                text = f"The answer of {service} to {operation} broke off: {error}."
                raise ApiError(text, code="ServiceUnavailable", status=503) from None
            try:
                return remote.answer(operation, answer.status, dict(answer.headers), body)
            except NoAnswer as error:
                where = self._foreign.called(remote.signing_name)
                text = f"{where} is no {service}, or is out of order: it answers {operation} with {error}."
                raise ApiError(text[:1].upper() + text[1:], code="ServiceUnavailable", status=503) from None

    async def _remote(self, service: str) -> Remote:
        """The service's client, read once however many ask."""
        loading = self._remotes.get(service)
        if loading is None:
            loading = self._tasks.start(f"client of {service}", self._tasks.in_thread(load_remote, service))
            self._remotes[service] = loading
        try:
            return await asyncio.shield(loading)
        except UnknownRemote:
            raise ApiError(f"There is no service {service}.", code="NotImplementedException", status=501) from None
