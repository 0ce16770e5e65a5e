"""Where the environment offers an event and its runtime takes and answers it. No I/O: callbacks on both sides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol

from lambent.core import limits
from lambent.core.invocation import Flow


class NextEvent(NamedTuple):
    """What a runtime gets when it asks for its next event."""

    request_id: str
    deadline_ms: int
    """Epoch milliseconds."""
    arn: str
    trace: str
    client_context: str | None
    """JSON text."""
    payload: bytes
    cognito_identity: str | None = None
    """JSON text."""
    tenant_id: str | None = None
    response_limit: int = limits.SYNC_RESPONSE
    """How many bytes its answer may have."""


class Listener(Protocol):
    """Whom a session tells what its runtime does; each method is called at most once for one act of the runtime."""

    def runtime_ready(self) -> None:
        """It asked for its next event; it may be offered one right now."""

    def answered(self, request_id: str, payload: bytes) -> None:
        """It answered the event; without payload if it has streamed that."""

    def responding(self, request_id: str, content_type: str, flow: Flow) -> None:
        """It begins to stream its answer: `piece` brings the parts, then one of the three below how it ended."""

    def piece(self, request_id: str, piece: bytes) -> None:
        """A part of the streamed answer."""

    def failed(self, request_id: str, error_type: str, payload: bytes) -> None:
        """It reported an error for the event, perhaps at the end of a streamed answer."""

    def too_large(self, request_id: str, limit: int) -> None:
        """It answered the event with more than `limit` bytes, which are allowed."""

    def truncated(self, request_id: str) -> None:
        """Its streamed answer broke off; the runtime may have ended."""

    def init_failed(self, error_type: str, payload: bytes) -> None:
        """It reported that it could not initialise."""


class Refusal(NamedTuple):
    """Why the runtime may not do what it asked for: an HTTP status and the API's error."""

    status: int
    error_type: str
    message: str


class State(StrEnum):
    """What the runtime did last; the values are the API's names. Strings, because those are hashed quickly."""

    STARTED = "Started"
    READY = "Ready"
    """It waits for an event."""
    RUNNING = "Running"
    RESPONDING = "InvocationResponse"
    """Its answer is being streamed."""
    ANSWERED = "RuntimeResponseSent"
    INIT_FAILED = "InitError"
    CLOSED = "Closed"


class Act(StrEnum):
    """What a runtime, or for it the environment, does; the values are the names of the states it would lead to."""

    NEXT = "Ready"
    GIVEN = "Running"
    RESPONSE = "InvocationResponse"
    ERROR = "InvocationErrorResponse"
    BEGIN = "InvocationResponseBegun"
    END = "RuntimeResponseSent"
    INIT_ERROR = "InitError"


NEXT: Mapping[tuple[State, Act], State] = {
    (State.STARTED, Act.NEXT): State.READY,
    (State.STARTED, Act.INIT_ERROR): State.INIT_FAILED,
    (State.READY, Act.NEXT): State.READY,
    (State.READY, Act.GIVEN): State.RUNNING,
    (State.RUNNING, Act.RESPONSE): State.ANSWERED,
    (State.RUNNING, Act.ERROR): State.ANSWERED,
    (State.RUNNING, Act.BEGIN): State.RESPONDING,
    (State.RESPONDING, Act.END): State.ANSWERED,
    (State.ANSWERED, Act.NEXT): State.READY,
}
"""Everything that is allowed; the rest is refused. READY again: a runtime whose connection broke asks once more."""

INVALID_MODE = Refusal(400, "InvalidFunctionResponseMode", "Invalid function response mode")
_MODE_DOCUMENT = b'{"errorType":"Runtime.InvalidResponseModeHeader","errorMessage":"Invalid function response mode"}'
TRUNCATED = Refusal(400, "TruncatedHTTPRequest", "HTTP request detected as truncated")
INVALID_ID = Refusal(400, "InvalidRequestID", "Invalid request ID")

Take = Callable[[NextEvent], None]


class Session:
    """The life of one runtime process at the Runtime API: it asks for an event, answers it, asks for the next."""

    __slots__ = ("_current", "_listener", "_offered", "_take", "response_limit", "state")

    def __init__(self, listener: Listener) -> None:
        self.state = State.STARTED
        self.response_limit = limits.SYNC_RESPONSE
        """How many bytes the answer to the present event may have."""
        self._listener = listener
        self._offered: NextEvent | None = None
        self._take: Take | None = None
        self._current: str | None = None

    # -- the environment's side

    def offer(self, event: NextEvent) -> None:
        """Give `event` to the runtime, at once if it waits for one. The one before must have been taken."""
        assert self._offered is None, "an event is already on offer"
        self._offered = event
        self._deliver()

    def close(self) -> None:
        """Refuse everything from now on; nothing more is told."""
        self.state = State.CLOSED
        self._take = self._offered = None

    # -- the runtime's side

    def next(self, take: Take) -> Refusal | None:
        """The runtime asks for an event: `take` is called with it, now or later, unless this refuses."""
        if self._take is not None:
            return _not_allowed(self.state, Act.NEXT)
        if (refusal := self._step(Act.NEXT)) is not None:
            return refusal
        self._take = take
        self._listener.runtime_ready()
        self._deliver()
        return None

    def withdraw(self, take: Take) -> None:
        """Whoever asked by `next(take)` is gone; an event that is offered waits for the next to ask."""
        if self._take == take:
            self._take = None

    def respond(self, request_id: str, payload: bytes) -> Refusal | None:
        """The runtime answers the event."""
        if (refusal := self._answer(request_id, Act.RESPONSE)) is None:
            self._listener.answered(request_id, payload)
        return refusal

    def respond_too_large(self, request_id: str, limit: int) -> Refusal | None:
        """The runtime answers with more bytes than it may: that is the event's end, too."""
        if (refusal := self._answer(request_id, Act.RESPONSE)) is None:
            self._listener.too_large(request_id, limit)
        return refusal

    def error(self, request_id: str, error_type: str, payload: bytes) -> Refusal | None:
        """The runtime reports an error for the event."""
        if (refusal := self._answer(request_id, Act.ERROR)) is None:
            self._listener.failed(request_id, error_type, payload)
        return refusal

    def mode_unknown(self, request_id: str) -> Refusal:
        """The runtime answers in a mode that there is not: that is the event's end, too."""
        if (refusal := self._answer(request_id, Act.RESPONSE)) is not None:
            return refusal
        self._listener.failed(request_id, "Runtime.InvalidResponseModeHeader", _MODE_DOCUMENT)
        return INVALID_MODE

    def begin_response(self, request_id: str, content_type: str, flow: Flow) -> Refusal | None:
        """The runtime begins to stream its answer; one of the methods below ends it."""
        if (refusal := self._answer(request_id, Act.BEGIN)) is None:
            self._listener.responding(request_id, content_type, flow)
        return refusal

    def piece(self, request_id: str, piece: bytes) -> None:
        """A part of the streamed answer; it is dropped when nobody waits for it any more."""
        if self.state is State.RESPONDING:
            self._listener.piece(request_id, piece)

    def end_response(self, request_id: str, error_type: str | None, payload: bytes) -> None:
        """The streamed answer is whole, or ended by an error of this type and document."""
        if self._step(Act.END) is not None:
            return
        if error_type is None:
            self._listener.answered(request_id, b"")
        else:
            self._listener.failed(request_id, error_type, payload)

    def break_response(self, request_id: str, limit: int | None = None) -> None:
        """The streamed answer broke off, or went beyond its limit."""
        if self._step(Act.END) is not None:
            return
        if limit is not None:
            self._listener.too_large(request_id, limit)
        else:
            self._listener.truncated(request_id)

    def init_error(self, error_type: str, payload: bytes) -> Refusal | None:
        """The runtime reports that it could not initialise."""
        if (refusal := self._step(Act.INIT_ERROR)) is None:
            self._listener.init_failed(error_type, payload)
        return refusal

    def _answer(self, request_id: str, act: Act) -> Refusal | None:
        if request_id != self._current:
            return INVALID_ID
        return self._step(act)

    def _step(self, act: Act) -> Refusal | None:
        state = NEXT.get((self.state, act))
        if state is None:
            return _not_allowed(self.state, act)
        self.state = state
        return None

    def _deliver(self) -> None:
        take, event = self._take, self._offered
        if take is None or event is None or self._step(Act.GIVEN) is not None:
            return
        self._take = self._offered = None
        self._current = event.request_id
        self.response_limit = event.response_limit
        take(event)


def _not_allowed(state: State, act: Act) -> Refusal:
    act = Act.RESPONSE if act is Act.BEGIN else act
    text = f"State transition from {state.value} to {act.value} failed for runtime. "
    return Refusal(403, "InvalidStateTransition", text + "Error: State transition is not allowed")
