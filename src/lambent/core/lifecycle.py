"""The life of an execution environment, as a table; the diagram in the docs is drawn from it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """Where an environment is. A string, as Event is: those are hashed quickly, and every invocation looks up two."""

    STARTING = "starting"
    """A sandbox has been assigned; the runtime initialises. An invocation may be waiting for it."""
    IDLE = "idle"
    BUSY = "busy"
    RESETTING = "resetting"
    """After a timeout or an exit: the runtime is started again in the same sandbox. It may be given an invocation,
    which then waits for the runtime."""
    DEAD = "dead"


class Event(StrEnum):
    """What happens to it."""

    RUNTIME_READY = "runtime ready"
    ASSIGNED = "invocation assigned"
    FINISHED = "invocation finished"
    BROKEN = "timed out or exited"
    RESET = "runtime started again"
    DIED = "died or retired"


NEXT: Mapping[tuple[State, Event], State] = {
    (State.STARTING, Event.RUNTIME_READY): State.IDLE,
    (State.STARTING, Event.DIED): State.DEAD,
    (State.IDLE, Event.ASSIGNED): State.BUSY,
    (State.IDLE, Event.DIED): State.DEAD,
    (State.BUSY, Event.FINISHED): State.IDLE,
    (State.BUSY, Event.BROKEN): State.RESETTING,
    (State.BUSY, Event.DIED): State.DEAD,
    (State.RESETTING, Event.RESET): State.IDLE,
    (State.RESETTING, Event.ASSIGNED): State.BUSY,
    (State.RESETTING, Event.DIED): State.DEAD,
}


def step(state: State, event: Event) -> State:
    """The state after `event`. Raises AssertionError for what the table does not have: we are wrong."""
    try:
        return NEXT[state, event]
    except KeyError:
        raise AssertionError(f"an environment that is {state.value} cannot be: {event.value}") from None
