"""How many environments become ready at once."""

from __future__ import annotations

from lambent.invoke.starts import LONGEST_S, Starts
from lambent.kit.clock import FakeClock


def test_there_is_room_for_as_many_starts_as_there_are_cores() -> None:
    starts = Starts(FakeClock(), 2)
    starts.begin("a")
    assert starts.has_room
    starts.begin("b")
    assert not starts.has_room
    starts.end("a")
    assert starts.has_room


def test_who_waits_is_called_once_when_there_is_room() -> None:
    starts = Starts(FakeClock(), 1)
    calls: list[str] = []

    def call() -> None:
        calls.append("called")

    starts.begin("a")
    starts.call_when_room(call)
    starts.call_when_room(call)
    starts.end("somebody else")
    assert calls == []
    starts.end("a")
    assert calls == ["called"]
    starts.begin("b")
    starts.call_when_room(call)
    starts.forget(call)
    starts.end("b")
    assert calls == ["called"]


def test_a_start_that_takes_long_holds_up_nobody() -> None:
    clock = FakeClock()
    starts = Starts(clock, 1)
    starts.begin("a")
    clock.advance(LONGEST_S)
    assert starts.has_room
    starts.begin("b")
    starts.end("a")
    assert not starts.has_room
