"""The body of a request that is taken piece by piece while it arrives. No I/O: its connection (http.py) feeds it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

FULL_BYTES = 65_536
"""When so much waits to be taken, no more is read from the client."""


class Taker(Protocol):
    """Who takes a body by callbacks. Its methods are called in order, never from within one another."""

    def piece(self, data: bytes) -> None:
        """The next part, not empty. What arrives in small parts at once comes as one."""

    def whole(self) -> None:
        """That was all. The trailers are known now."""

    def broken(self, error: Exception) -> None:
        """It ends before its end: a Refusal (http_message.py) for what cannot, or must not, be read on, among them
        BodyTooLarge; ConnectionResetError when the client is gone. Any but the last may be answered."""


class Incoming:
    """One body. It is taken either by callbacks (`take`), with `pause` and `resume`; or by `async for`, which raises
    what a Taker would be told by `broken`."""

    __slots__ = (
        "_failure",
        "_held",
        "_is_flushing",
        "_is_paused",
        "_is_told",
        "_pieces",
        "_ready",
        "_taker",
        "_waiter",
        "is_wanted",
        "is_whole",
        "trailers",
    )

    def __init__(self) -> None:
        self.is_whole = False
        """All of it has arrived, be it taken or not."""
        self.is_wanted = False
        """Somebody has begun to take it; a client that waits for "100 Continue" is told so then."""
        self.trailers: Mapping[bytes, bytes] = {}
        """The fields after a chunked body, once it is whole; names in lower case."""
        self._pieces: list[bytes] = []
        self._held = 0
        self._failure: Exception | None = None
        self._taker: Taker | None = None
        self._ready: Callable[[], None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._is_paused = self._is_flushing = self._is_told = False

    # -- taking

    def take(self, taker: Taker) -> None:
        """Give everything to `taker`, from what is here already to the end."""
        self._taker = taker
        self.is_wanted = True
        self._go_on()

    def pause(self) -> None:
        """Give nothing more until `resume`; the client is held up once enough waits."""
        self._is_paused = True

    def resume(self) -> None:
        """Go on after `pause`."""
        if self._is_paused:
            self._is_paused = False
            self._go_on()

    def drop(self) -> None:
        """Take the rest and forget it; whoever took it hears no more."""
        self._taker = None
        self._is_told = self.is_wanted = True
        self._pieces.clear()
        self._held = 0
        if not self.is_whole:
            self._call_ready()

    def __aiter__(self) -> Incoming:
        return self

    async def __anext__(self) -> bytes:
        if not self.is_wanted:
            self.is_wanted = True
            self._call_ready()
        while not self._pieces:
            if self._failure is not None:
                raise self._failure
            if self.is_whole:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        was_full = self.is_full
        data = self._taken()
        if was_full:
            self._call_ready()
        return data

    # -- what the reader and the connection call

    @property
    def is_full(self) -> bool:
        """Whether enough waits, so that nothing more should be read."""
        return self._held >= FULL_BYTES

    @property
    def is_over(self) -> bool:
        """Whether it is whole, and all of it has been given to who takes it."""
        return self.is_whole and (self._is_told or (self._taker is None and not self._pieces))

    def feed(self, data: bytes) -> None:
        """A part has arrived; `flush` gives it on."""
        if not self._is_told:
            self._pieces.append(data)
            self._held += len(data)

    def end(self, trailers: Mapping[bytes, bytes]) -> None:
        """All has arrived."""
        self.is_whole = True
        self.trailers = trailers

    def fail(self, error: Exception) -> None:
        """No more will arrive, unless all has."""
        if not self.is_whole and self._failure is None:
            self._failure = error

    def on_ready(self, ready: Callable[[], None]) -> None:
        """`ready` is called when more may be fed after it was full, and when somebody begins to take it."""
        self._ready = ready

    def flush(self) -> None:
        """Give on what is here."""
        if self._taker is None:
            waiter, self._waiter = self._waiter, None
            if waiter is not None and not waiter.done():
                waiter.set_result(None)
            return
        if self._is_flushing:
            return
        self._is_flushing = True
        try:
            self._give(self._taker)
        finally:
            self._is_flushing = False

    def _give(self, taker: Taker) -> None:
        while self._pieces and not self._is_paused and not self._is_told:
            taker.piece(self._taken())
        if self._is_paused or self._is_told:
            return
        if self._failure is not None:
            self._is_told = True
            taker.broken(self._failure)
        elif self.is_whole:
            self._is_told = True
            taker.whole()

    def _go_on(self) -> None:
        self.flush()
        self._call_ready()

    def _call_ready(self) -> None:
        if self._ready is not None:
            self._ready()

    def _taken(self) -> bytes:
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._held = 0
        return data
