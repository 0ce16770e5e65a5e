"""The rendezvous of event and runtime: every act in every state."""

from __future__ import annotations

import itertools

import pytest

from lambent.kit.http_stream import Incoming
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

    def responding(self, request_id: str, content_type: str, flow: object) -> None:
        self.told.append(("responding", request_id, content_type))

    def piece(self, request_id: str, piece: bytes) -> None:
        self.told.append(("piece", request_id, piece))

    def too_large(self, request_id: str, limit: int) -> None:
        self.told.append(("too_large", request_id, limit))

    def truncated(self, request_id: str) -> None:
        self.told.append(("truncated", request_id))

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
            elif state is State.RESPONDING:
                session.begin_response("id-1", "text/plain", Incoming())
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
    if act is Act.BEGIN:
        return session.begin_response("id-1", "text/plain", Incoming())
    return session.init_error("T", b"1")


ACTS = (Act.NEXT, Act.RESPONSE, Act.ERROR, Act.BEGIN, Act.INIT_ERROR)


NAMES = {Act.BEGIN: "InvocationResponse"}


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
    if act in (Act.RESPONSE, Act.ERROR, Act.BEGIN) and state not in (State.ANSWERED, State.RESPONDING):
        assert refusal == Refusal(400, "InvalidRequestID", "Invalid request ID")
    else:
        assert (refusal.status, refusal.error_type) == (403, "InvalidStateTransition")
        assert refusal.message == (
            f"State transition from {state.value} to {NAMES.get(act, act.value)} failed for runtime. "
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
    assert session.respond("id-0", b"") == session.error("id-0", "T", b"") == session.respond_too_large("id-0", 5)
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
    assert session.respond_too_large("id-1", 5) is None
    assert heard.told == [("too_large", "id-1", 5)]
    assert session.state is State.ANSWERED


def test_a_streamed_answer_ends_once_whole_or_by_an_error() -> None:
    for error_type, told in ((None, ("answered", "id-1", b"")), ("T", ("failed", "id-1", "T", b"doc"))):
        session, heard = _session(State.RESPONDING)
        session.piece("id-1", b"a")
        session.end_response("id-1", error_type, b"doc")
        assert heard.told == [("piece", "id-1", b"a"), told]
        assert session.state is State.ANSWERED
        session.end_response("id-1", None, b"")
        session.break_response("id-1")
        session.piece("id-1", b"late")
        assert heard.told == [("piece", "id-1", b"a"), told]


def test_a_streamed_answer_that_breaks_off_or_is_too_large_ends_too() -> None:
    for limit, told in ((None, ("truncated", "id-1")), (7, ("too_large", "id-1", 7))):
        session, heard = _session(State.RESPONDING)
        session.break_response("id-1", limit)
        assert (heard.told, session.state) == ([told], State.ANSWERED)


def test_a_closed_session_hears_nothing_more_of_what_is_streamed() -> None:
    session, heard = _session(State.RESPONDING)
    session.close()
    session.piece("id-1", b"a")
    session.end_response("id-1", None, b"")
    session.break_response("id-1")
    assert (heard.told, session.state) == ([], State.CLOSED)


def test_an_answer_in_a_mode_that_there_is_not_is_a_failure_and_refused() -> None:
    session, heard = _session(State.RUNNING)
    refusal = session.mode_unknown("id-1")
    assert refusal == Refusal(400, "InvalidFunctionResponseMode", "Invalid function response mode")
    assert heard.told[0][:3] == ("failed", "id-1", "Runtime.InvalidResponseModeHeader")
    assert session.mode_unknown("other").error_type == "InvalidRequestID"
