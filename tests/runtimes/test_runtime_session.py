"""The rendezvous of event and runtime: every act in every state."""

from __future__ import annotations

import itertools

import pytest

from lambent.runtimes.api.session import NEXT, Act, NextEvent, Refusal, Session, State

EVENT = NextEvent("id-1", 1, "arn", "", None, b"{}")


class Heard:
    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def runtime_ready(self) -> None:
        self.told.append(("ready",))

    def answered(self, request_id: str, payload: bytes) -> None:
        self.told.append(("answered", request_id, payload))

    def failed(self, request_id: str, error_type: str, payload: bytes) -> None:
        self.told.append(("failed", request_id, error_type, payload))

    def too_large(self, request_id: str) -> None:
        self.told.append(("too_large", request_id))

    def init_failed(self, error_type: str, payload: bytes) -> None:
        self.told.append(("init_failed", error_type, payload))


def _session(state: State) -> tuple[Session, Heard]:
    """A session that went to `state` by what a runtime does."""
    heard = Heard()
    session = Session(heard)
    if state is State.INIT_FAILED:
        session.init_error("T", b"")
    elif state is not State.STARTED and state is not State.CLOSED:
        session.next(lambda event: None)
        if state is not State.READY:
            session.offer(EVENT)
            if state is State.ANSWERED:
                session.respond("id-1", b"")
        else:
            session._take = None  # whoever asked is gone
    elif state is State.CLOSED:
        session.close()
    assert session.state is state
    heard.told.clear()
    return session, heard


def _act(session: Session, act: Act) -> Refusal | None:
    if act is Act.NEXT:
        return session.next(lambda event: None)
    if act is Act.RESPONSE:
        return session.respond("id-1", b"1")
    if act is Act.ERROR:
        return session.error("id-1", "T", b"1")
    return session.init_error("T", b"1")


ACTS = (Act.NEXT, Act.RESPONSE, Act.ERROR, Act.INIT_ERROR)


@pytest.mark.parametrize(("state", "act"), list(itertools.product(State, ACTS)))
def test_what_the_table_lacks_is_refused_and_changes_nothing(state: State, act: Act) -> None:
    session, heard = _session(state)
    refusal = _act(session, act)
    if (state, act) in NEXT:
        assert refusal is None
        assert session.state is NEXT[state, act]
        assert len(heard.told) == 1
        return
    assert refusal is not None
    assert (session.state, heard.told) == (state, [])
    if act in (Act.RESPONSE, Act.ERROR) and state is not State.ANSWERED:
        assert refusal == Refusal(400, "InvalidRequestID", "Invalid request ID")
    else:
        assert (refusal.status, refusal.error_type) == (403, "InvalidStateTransition")
        assert refusal.message == (
            f"State transition from {state.value} to {act.value} failed for runtime. "
            "Error: State transition is not allowed"
        )


def test_an_event_waits_for_the_runtime() -> None:
    session, heard = Session(heard := Heard()), heard
    taken: list[NextEvent] = []
    session.offer(EVENT)
    assert session.next(taken.append) is None
    assert taken == [EVENT]
    assert session.state is State.RUNNING


def test_the_runtime_waits_for_an_event() -> None:
    session = Session(Heard())
    taken: list[NextEvent] = []
    session.next(taken.append)
    assert taken == []
    session.offer(EVENT)
    assert taken == [EVENT]


def test_an_event_may_be_offered_while_the_listener_hears_that_the_runtime_is_ready() -> None:
    class Eager(Heard):
        def runtime_ready(self) -> None:
            session.offer(EVENT)

    session = Session(Eager())
    taken: list[NextEvent] = []
    session.next(taken.append)
    assert taken == [EVENT]


def test_the_next_event_may_be_offered_while_the_listener_hears_an_answer() -> None:
    class Busy(Heard):
        def answered(self, request_id: str, payload: bytes) -> None:
            session.offer(EVENT._replace(request_id="id-2"))

    session = Session(Busy())
    taken: list[NextEvent] = []
    session.next(taken.append)
    session.offer(EVENT)
    assert session.respond("id-1", b"") is None
    assert len(taken) == 1
    session.next(taken.append)
    assert [event.request_id for event in taken] == ["id-1", "id-2"]


def test_another_event_s_id_is_refused() -> None:
    session, heard = _session(State.RUNNING)
    assert session.respond("id-0", b"") == session.error("id-0", "T", b"") == session.respond_too_large("id-0")
    assert heard.told == []
    assert session.respond("id-1", b"r") is None
    assert heard.told == [("answered", "id-1", b"r")]


def test_two_cannot_wait_at_once_but_one_may_come_back() -> None:
    session = Session(Heard())
    first: list[NextEvent] = []
    second: list[NextEvent] = []
    take = first.append
    session.next(take)
    refusal = session.next(second.append)
    assert refusal is not None
    assert refusal.status == 403
    session.withdraw(take)
    session.offer(EVENT)
    assert session.next(second.append) is None
    assert (first, second) == ([], [EVENT])


def test_an_answer_that_is_too_large_ends_the_event() -> None:
    session, heard = _session(State.RUNNING)
    assert session.respond_too_large("id-1") is None
    assert heard.told == [("too_large", "id-1")]
    assert session.state is State.ANSWERED
