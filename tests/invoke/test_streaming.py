"""Answers that are streamed: through an environment, to a caller who takes them as they come or wants them whole."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import Any

import pytest

from lambent.core import limits
from lambent.core.invocation import Outcome, Result, Status
from lambent.invoke.environment import TRUNCATED_S
from lambent.invoke.streaming import HELD_BYTES, Reply


class Flow:
    """What makes an answer, and is told to wait."""

    def __init__(self) -> None:
        self.is_paused = False

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False


def begin(start: Any) -> tuple[Reply, Any]:
    """A second invocation, whose caller takes its answer as it comes."""
    reply = Reply()
    invocation = start.world.invocation(tail=True)
    invocation.sink = reply
    start.environment.run(invocation, reply.done)
    return reply, start.runtime


async def rest(reply: Reply) -> bytes:
    return b"".join([piece async for piece in reply.pieces()])


def error(result: Result | None) -> tuple[str, Status]:
    assert result is not None
    return json.loads(result.outcome.payload)["errorType"], result.outcome.status


# --- an environment


async def test_pieces_go_on_to_the_caller_and_the_environment_is_busy_until_the_end(world: Any) -> None:
    start = (await world.started()).answered()
    reply, runtime = begin(start)
    assert runtime.begins_to_stream(content_type="text/html") is None
    await reply.begun()
    assert reply.content_type == "text/html"
    runtime.streams(b"one")
    runtime.streams(b"two")
    assert start.owner.told == []
    runtime.ends_its_stream()
    assert start.owner.told == ["idle"]
    assert await rest(reply) == b"onetwo"
    assert reply.result is not None
    assert (reply.result.outcome, reply.result.version) == (Outcome(Status.SUCCESS, b""), "$LATEST")
    assert b"REPORT" in (reply.result.tail or b"")


async def test_a_runtime_may_stream_more_only_to_a_caller_who_takes_it_so(world: Any) -> None:
    start = (await world.started()).answered()
    _, runtime = begin(start)
    assert runtime.events[-1].response_limit == limits.STREAMED_RESPONSE
    runtime.begins_to_stream()
    runtime.ends_its_stream()
    runtime.next()
    start.run()
    assert runtime.events[-1].response_limit == limits.SYNC_RESPONSE


async def test_a_caller_who_wants_it_whole_gets_it_whole(world: Any) -> None:
    start = (await world.started()).answered()
    told = start.run()
    start.runtime.begins_to_stream()
    start.runtime.streams(b"one")
    start.runtime.streams(b"two")
    start.runtime.ends_its_stream()
    assert told.only.outcome == Outcome(Status.SUCCESS, b"onetwo")
    start.runtime.next()
    told = start.run()
    start.runtime.begins_to_stream()
    start.runtime.streams(b"half")
    start.runtime.ends_its_stream("Boom", b'{"errorType":"Boom"}')
    assert told.only.outcome == Outcome(Status.FAILURE, b'{"errorType":"Boom"}', "Boom")


async def test_an_error_at_the_end_comes_after_the_pieces(world: Any) -> None:
    start = (await world.started()).answered()
    reply, runtime = begin(start)
    runtime.begins_to_stream()
    runtime.streams(b"half")
    runtime.ends_its_stream("Boom", b'{"errorType":"Boom"}')
    assert await rest(reply) == b"half"
    assert error(reply.result) == ("Boom", Status.FAILURE)


async def test_an_answer_beyond_its_limit_is_an_error(world: Any) -> None:
    start = (await world.started()).answered()
    reply, runtime = begin(start)
    runtime.begins_to_stream()
    runtime.streams(b"half")
    runtime.breaks_its_stream(limits.STREAMED_RESPONSE)
    assert await rest(reply) == b"half"
    assert error(reply.result) == ("Function.ResponseSizeTooLarge", Status.ERROR)
    assert b"(209715200 bytes)" in reply.result.outcome.payload  # type: ignore[union-attr]  # error() has seen to it
    assert start.owner.told == ["idle"]


async def test_time_that_is_up_ends_the_stream_and_what_comes_later_is_dropped(world: Any) -> None:
    start = (await world.started(timeout_s=3)).answered()
    reply, runtime = begin(start)
    runtime.begins_to_stream()
    runtime.streams(b"half")
    await world.passes(3.1)
    assert start.owner.told == ["reset", "idle"]
    start.environment.piece("id-2", b"late")
    assert await rest(reply) == b"half"
    assert error(reply.result) == ("Sandbox.Timedout", Status.TIMEOUT)


async def test_a_runtime_that_dies_in_the_middle_is_why_its_stream_broke(world: Any) -> None:
    start = (await world.started()).answered()
    reply, runtime = begin(start)
    runtime.begins_to_stream()
    runtime.streams(b"half")
    runtime.breaks_its_stream()
    await world.passes(TRUNCATED_S / 2)
    start.sandbox.exits(status=3)
    assert await rest(reply) == b"half"
    assert error(reply.result) == ("Runtime.ExitError", Status.ERROR)
    await world.passes(2 * TRUNCATED_S)
    assert start.owner.told == ["reset", "idle"]


async def test_a_stream_that_breaks_while_its_runtime_lives_is_truncated(world: Any) -> None:
    start = (await world.started()).answered()
    reply, runtime = begin(start)
    runtime.begins_to_stream()
    runtime.breaks_its_stream()
    await world.passes(2 * TRUNCATED_S)
    assert await rest(reply) == b""
    assert error(reply.result) == ("Runtime.TruncatedResponse", Status.ERROR)
    assert start.owner.told == ["reset", "idle"]


async def test_an_environment_that_streams_is_not_frozen(world: Any) -> None:
    start = (await world.started()).answered()
    reply, runtime = begin(start)
    runtime.begins_to_stream()
    await start.environment.freeze()
    assert not start.environment.may_freeze(world.clock.monotonic() + 100, world.clock.monotonic() + 100)
    assert not start.environment._is_frozen
    runtime.ends_its_stream()
    assert await rest(reply) == b""


# --- a caller


def whole(payload: bytes, status: Status = Status.SUCCESS) -> Result:
    return Result(Outcome(status, payload), "1")


@pytest.fixture
def reply() -> Reply:
    return Reply()


async def test_an_answer_that_was_not_streamed_is_one_piece(reply: Reply) -> None:
    beginning = asyncio.ensure_future(reply.begun())
    reply.done(whole(b'"x"'))
    await beginning
    assert [piece async for piece in reply.pieces()] == [b'"x"']
    assert reply.content_type is None


async def test_an_error_before_the_first_piece_has_no_piece(reply: Reply) -> None:
    reply.done(whole(b"{}", Status.FAILURE))
    await reply.begun()
    assert [piece async for piece in reply.pieces()] == []


async def test_pieces_that_come_while_nobody_takes_them_are_one(reply: Reply) -> None:
    reply.begin("text/plain", Flow())
    pieces = reply.pieces()
    reply.write(b"a")
    assert await anext(pieces) == b"a"
    for part in (b"b", b"c", b"d"):
        reply.write(part)
    assert await anext(pieces) == b"bcd"
    waiting = asyncio.ensure_future(anext(pieces))
    await asyncio.sleep(0)
    reply.write(b"e")
    assert await waiting == b"e"
    reply.done(whole(b""))
    with pytest.raises(StopAsyncIteration):
        await anext(pieces)


async def test_a_function_is_held_up_until_its_caller_asks_for_more(reply: Reply) -> None:
    flow = Flow()
    reply.begin("text/plain", flow)
    reply.write(b"x" * (HELD_BYTES - 1))
    assert not flow.is_paused
    reply.write(b"x")
    assert flow.is_paused
    pieces = reply.pieces()
    assert len(await anext(pieces)) == HELD_BYTES
    assert flow.is_paused, "it is on its way to the caller only now"
    waiting = asyncio.ensure_future(anext(pieces))
    await asyncio.sleep(0)
    assert not flow.is_paused
    reply.done(whole(b""))
    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_a_caller_that_leaves_holds_nothing_up_any_more(reply: Reply) -> None:
    flow = Flow()
    reply.begin("text/plain", flow)
    async with aclosing(reply.pieces()) as pieces:
        reply.write(b"x" * HELD_BYTES)
        await anext(pieces)
        reply.write(b"x" * HELD_BYTES)
        assert flow.is_paused
    assert not flow.is_paused
    reply.write(b"x" * HELD_BYTES)
    assert not flow.is_paused
    assert reply._pieces == []
    reply.done(whole(b""))
