"""Responses that are streamed: what an environment keeps of one, and how a caller's task takes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from lambent.core.invocation import Flow, Result, Sink

HELD_BYTES = 262_144
"""When so much waits for a caller to take it, the function is held up."""


class Answer:
    """The response that an environment's runtime is streaming: it goes on to the caller's sink, or is gathered for one
    who wants it whole."""

    __slots__ = ("_pieces", "_sink")

    def __init__(self, sink: Sink | None, content_type: str, flow: Flow) -> None:
        self._sink = sink
        self._pieces: list[bytes] = []
        if sink is not None:
            sink.begin(content_type, flow)

    def add(self, piece: bytes) -> None:
        """The next part."""
        if self._sink is not None:
            self._sink.write(piece)
        else:
            self._pieces.append(piece)

    def whole(self) -> bytes:
        """What has been gathered; empty when it went on."""
        return b"".join(self._pieces)


class Reply:
    """What a caller gets who takes the response while the function makes it: the Sink of one invocation, and its
    `done`. The caller awaits `begun`, iterates `pieces` to the end, and finds the `result`."""

    def __init__(self) -> None:
        self.content_type: str | None = None
        """What the function says that it streams; None for an answer that came whole."""
        self.result: Result | None = None
        """Known after `pieces`; None then says that the platform failed."""
        self._pieces: list[bytes] = []
        self._held = 0
        self._flow: Flow | None = None
        self._is_over = self._is_left = False
        self._waiter: asyncio.Future[None] | None = None

    # -- what the invocation calls

    def begin(self, content_type: str, flow: Flow) -> None:
        self.content_type = content_type
        self._flow = flow
        self._wake()

    def write(self, piece: bytes) -> None:
        if self._is_left:
            return
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held >= HELD_BYTES and self._flow is not None:
            self._flow.pause()
        self._wake()

    def done(self, result: Result | None) -> None:
        """The invocation has ended."""
        self.result = result
        self._is_over = True
        self._flow = None
        if result is not None and self.content_type is None and not result.outcome.is_error and result.outcome.payload:
            self._pieces.append(result.outcome.payload)
        self._wake()

    # -- what the caller does

    async def begun(self) -> None:
        """Return when the answer begins, or all is over."""
        while self.content_type is None and not self._is_over:
            await self._change()

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The parts of the answer; those that came meanwhile are one. A caller that stops iterating, and closes this,
        lets the function go on without being held up, as on AWS."""
        try:
            while not self._is_over or self._pieces:
                if not self._pieces:
                    await self._change()
                    continue
                piece = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
                self._pieces.clear()
                self._held = 0
                yield piece
                # What was given is on its way only now that the next is asked for.
                if not self._pieces and self._flow is not None:
                    self._flow.resume()
        finally:
            self._is_left = True
            self._pieces.clear()
            if self._flow is not None:
                self._flow.resume()

    async def _change(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
