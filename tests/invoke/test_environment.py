"""One environment: what its callers are told, and what its log says, whatever its runtime does."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from lambent.core.invocation import Status
from lambent.core.lifecycle import State

INIT = "INIT_START Runtime Version: python:3.11.7\tRuntime Version ARN: "
START = "START RequestId: id-1 Version: $LATEST\n"
END = "END RequestId: id-1\n"


def report(duration: str, billed: int, *more: str, request: str = "id-1") -> str:
    fields = (f"REPORT RequestId: {request}", f"Duration: {duration} ms", f"Billed Duration: {billed} ms")
    return "\t".join((*fields, "Memory Size: 128 MB", "Max Memory Used: 40 MB", *more)) + "\n"


def document(payload: bytes) -> dict[str, str]:
    return dict(json.loads(payload))


# --- what goes well -------------------------------------------------------------------------------------------


async def test_a_cold_start_runs_the_invocation_that_it_began_with(world: Any) -> None:
    start = await world.started()
    await world.passes(0.25)
    assert start.runtime.next() is None
    assert start.environment.state is State.BUSY
    event = start.runtime.events[0]
    assert (event.request_id, event.arn, event.payload, event.trace) == (
        "id-1",
        "arn:aws:lambda:us-east-1:000000000000:function:thumbs",
        b"{}",
        "Root=1",
    )
    assert event.deadline_ms == 1_700_000_000_250 + 3000
    await world.passes(1)
    start.runtime.responds(b'{"a":1}')
    result = start.told.only
    assert (result.outcome.status, result.outcome.payload) == (Status.SUCCESS, b'{"a":1}')
    assert (result.version, result.tail) == ("$LATEST", None)
    assert start.owner.told == ["idle"]
    first, *lines = start.texts()
    assert first.startswith(INIT)
    assert lines == [START, END, report("1000.00", 1250, "Init Duration: 250.00 ms", "")]


async def test_a_warm_invocation_has_no_init_duration(world: Any) -> None:
    start = (await world.started()).answered()
    told = start.run()
    await world.passes(0.002)
    start.runtime.responds()
    assert told.only.outcome.payload == b'"ok"'
    assert start.texts() == [
        "START RequestId: id-2 Version: $LATEST\n",
        "END RequestId: id-2\n",
        report("2.00", 2, "", request="id-2"),
    ]


async def test_the_start_of_a_long_invocation_is_in_the_log_while_it_runs(world: Any) -> None:
    start = (await world.started()).answered()
    told = start.run()
    await world.passes(1)
    assert start.texts() == ["START RequestId: id-2 Version: $LATEST\n"]
    (entries,) = world.sink.streams.values()
    assert entries[0][0] == 1_700_000_000_000
    start.runtime.responds()
    assert told.only.outcome.payload == b'"ok"'
    assert start.texts()[1:] == ["END RequestId: id-2\n", report("1000.00", 1000, "", request="id-2")]


async def test_what_a_short_invocation_logs_is_written_together(world: Any) -> None:
    start = (await world.started()).answered()
    writes: list[int] = []
    start.environment._transcript._log.write = lambda entries: writes.append(len(entries))
    start.run()
    start.runtime.responds()
    assert writes == [3]


async def test_an_event_waits_for_a_runtime_that_has_not_asked_yet(world: Any) -> None:
    start = await world.started()
    start.runtime.next()
    start.runtime.responds()
    told = start.run()
    assert len(start.runtime.events) == 1
    start.runtime.next()
    start.runtime.responds(b'"second"')
    assert told.only.outcome.payload == b'"second"'


async def test_an_environment_is_idle_before_its_caller_hears(world: Any) -> None:
    start = (await world.started()).answered()
    seen: list[str] = []
    start.environment.run(world.invocation(), lambda result: seen.extend(start.owner.told))
    start.runtime.responds()
    assert seen == ["idle"]


async def test_a_handler_s_error_is_the_caller_s_and_costs_nothing(world: Any) -> None:
    start = (await world.started()).answered()
    told = start.run()
    start.runtime.fails("ValueError", b'{"errorType":"ValueError"}')
    assert (told.only.outcome.status, told.only.outcome.payload) == (Status.FAILURE, b'{"errorType":"ValueError"}')
    assert start.owner.told == ["idle"]
    assert start.texts()[-1] == report("0.00", 0, "", request="id-2")


async def test_a_response_that_is_too_large_is_an_error(world: Any) -> None:
    start = (await world.started()).answered()
    told = start.run()
    start.runtime.responds_too_largely()
    assert document(told.only.outcome.payload)["errorType"] == "Function.ResponseSizeTooLarge"
    assert start.owner.told == ["idle"]
    assert start.texts()[-1].endswith("\tStatus: error\tError Type: Function.ResponseSizeTooLarge\n")


async def test_the_cpu_is_limited_once_the_runtime_has_begun(world: Any) -> None:
    start = await world.started()
    assert start.sandbox.slowed == 0
    start.runtime.next()
    assert start.sandbox.slowed == 1
    start.runtime.responds()
    start.runtime.next()
    assert start.sandbox.slowed == 1


# --- logs -----------------------------------------------------------------------------------------------------


async def test_what_was_printed_before_the_answer_stands_before_the_end(world: Any) -> None:
    start = (await world.started()).answered()
    start.run()
    start.sandbox.prints("one\ntwo\nno newline")
    start.sandbox.logs("a record\nof two lines")
    start.runtime.responds()
    first, *lines, end, last = start.texts()
    assert sorted(lines) == ["a record\nof two lines", "no newline", "one\n", "two\n"]
    assert (first[:5], end[:3], last[:6]) == ("START", "END", "REPORT")
    await world.quiet()
    assert len(start.texts()) == 7


async def test_lines_arrive_while_the_function_still_runs(world: Any) -> None:
    start = (await world.started()).answered()
    start.run()
    start.sandbox.prints("begun\nnot yet ")
    await world.quiet()
    assert start.texts()[1:] == ["begun\n"]
    start.sandbox.prints("whole\n")
    await world.quiet()
    assert start.texts()[1:] == ["begun\n", "not yet whole\n"]


async def test_a_flood_of_lines_is_taken_in_by_and_by_and_all_of_it_before_the_end(world: Any) -> None:
    start = (await world.started()).answered()
    start.run()
    start.sandbox.prints("\n" * 60_000)
    await world.quiet()
    assert start.texts().count("\n") == 16_384, "one turn's, and no more for a while"
    start.sandbox.prints("late\n")
    await world.quiet()
    assert "late\n" not in start.texts()
    start.runtime.responds()
    *_, late, end, _ = start.texts()
    assert start.texts().count("\n") == 60_000
    assert (late, end[:3]) == ("late\n", "END")


async def test_a_flood_that_has_ended_is_taken_in_without_being_asked(world: Any) -> None:
    start = (await world.started()).answered()
    start.run()
    start.sandbox.prints("\n" * 20_000)
    async with asyncio.timeout(30):
        while start.texts().count("\n") < 20_000:  # noqa: ASYNC110  the log announces nothing
            await asyncio.sleep(0.01)


async def test_more_than_a_pipe_holds_is_read_as_it_comes(world: Any) -> None:
    start = (await world.started()).answered()
    start.run()
    for _ in range(20):
        start.sandbox.prints(("x" * 1023 + "\n") * 60)
        await world.quiet()
    start.runtime.responds()
    assert start.texts().count("x" * 1023 + "\n") == 1200


async def test_a_record_has_the_time_that_its_writer_says_if_that_can_be(world: Any) -> None:
    start = (await world.started()).answered()
    start.run()
    await world.passes(2)
    now_ms = 1_700_000_002_000
    start.sandbox.logs("a while ago", now_ms - 1500)
    start.sandbox.logs("tomorrow", now_ms + 86_400_000)
    start.sandbox.logs("long ago", 0)
    start.runtime.responds()
    (entries,) = world.sink.streams.values()
    times = {text: at for at, text in entries}
    assert times["a while ago"] == now_ms - 1500
    assert times["tomorrow"] == times["long ago"] == now_ms


async def test_what_is_printed_among_the_records_stays_in_its_place(world: Any) -> None:
    start = (await world.started()).answered()
    start.run()
    for text, kind in ("a\nb", 0xA55A0042), ("record", 0xA55A0003), ("c\nd\n", 0xA55A0042), ("last", 0xA55A0003):
        start.sandbox.logs(text, kind=kind)
    start.runtime.responds()
    texts = start.texts()
    assert texts[texts.index("a\n") :][:5] == ["a\n", "record", "bc\n", "d\n", "last"]


async def test_the_tail_is_the_invocation_s_own_last_four_kilobytes(world: Any) -> None:
    start = (await world.started()).answered()
    start.sandbox.prints("before\n")
    await world.quiet()
    told = start.run(tail=True)
    start.sandbox.prints("hello\n")
    start.sandbox.logs("a record without a newline")
    start.runtime.responds()
    lines = told.only.tail.decode().splitlines()
    assert lines[0].startswith("START RequestId: id-2")
    assert sorted(lines[1:3]) == ["a record without a newline", "hello"]
    assert (lines[3][:3], lines[4][:6], len(lines)) == ("END", "REPORT", 5)

    told = start.run(tail=True)
    start.runtime.next()
    for _ in range(50):
        start.sandbox.prints("é" * 5000 + "\n")
        await world.quiet()
    start.runtime.responds()
    assert len(told.only.tail) == 4096
    assert told.only.tail.decode(errors="replace").splitlines()[-1].startswith("REPORT")


async def test_no_tail_for_those_who_did_not_ask(world: Any) -> None:
    start = (await world.started(tail=True)).answered()
    assert start.told.only.tail is not None
    told = start.run()
    start.runtime.responds()
    assert told.only.tail is None


async def test_text_that_cannot_be_encoded_harms_nobody(world: Any) -> None:
    start = await world.started(tail=True)
    start.runtime.cannot_begin("\ud800")
    start.environment.restarted()
    start.runtime.cannot_begin("\ud800")
    assert start.told.only.outcome.status is Status.ERROR
    assert b"REPORT" in start.told.only.tail


async def test_the_json_format_has_events_for_lines(world: Any) -> None:
    start = await world.started(logging={"format": "JSON"})
    await world.passes(0.5)
    start.runtime.next()
    start.sandbox.prints("printed\n")
    await world.passes(0.25)
    start.runtime.responds()
    initialised, started, printed, ended = start.texts()
    assert printed == "printed\n"
    assert [json.loads(text)["type"] for text in (initialised, started, ended)] == [
        "platform.initStart",
        "platform.start",
        "platform.report",
    ]
    assert json.loads(started) == {
        "time": "2023-11-14T22:13:20.500Z",
        "type": "platform.start",
        "record": {"requestId": "id-1", "version": "$LATEST"},
    }
    record = json.loads(ended)["record"]
    assert (record["requestId"], record["status"]) == ("id-1", "success")
    assert record["metrics"] == {
        "durationMs": 250.0,
        "billedDurationMs": 750,
        "memorySizeMB": 128,
        "maxMemoryUsedMB": 40,
        "initDurationMs": 500.0,
    }


@pytest.mark.parametrize(("level", "wanted"), [(None, True), ("DEBUG", True), ("INFO", True), ("WARN", False)])
async def test_the_system_log_level_holds_back_what_went_well(world: Any, level: str | None, wanted: bool) -> None:
    start = await world.started(logging={"format": "JSON", "system_level": level})
    start.runtime.next()
    start.sandbox.prints("printed\n")
    start.runtime.responds()
    assert "printed\n" in start.texts()
    assert len(start.texts()) == (4 if wanted else 1)


async def test_the_system_log_level_does_not_hold_back_a_failure(world: Any) -> None:
    start = await world.started(logging={"format": "JSON", "system_level": "WARN"})
    start.runtime.next()
    start.runtime.fails()
    (line,) = start.texts()
    assert json.loads(line)["record"]["status"] == "failure"


async def test_the_log_says_when_another_version_stands_in(world: Any) -> None:
    world.stands_in()
    start = await world.started()
    assert start.texts()[1] == "LAMBENT python3.11 is not on this host: Python 3.12.1 stands in for it\n"


# --- initialisation that fails --------------------------------------------------------------------------------


async def test_a_failed_init_is_tried_once_more_and_then_told(world: Any) -> None:
    start = await world.started()
    await world.passes(0.1)
    start.runtime.cannot_begin()
    assert (start.owner.told, list(start.told)) == (["reset"], [])
    start.environment.restarted()
    await world.passes(0.2)
    start.runtime.cannot_begin()
    outcome = start.told.only.outcome
    assert (outcome.status, outcome.payload) == (Status.ERROR, b'{"errorMessage":"no module"}')
    assert start.owner.told == ["reset", "dead"]
    why = "Status: error\tError Type: Runtime.ImportModuleError"
    assert start.texts()[1:] == [
        f"INIT_REPORT Init Duration: 100.00 ms\tPhase: init\t{why}\n",
        START,
        f"INIT_REPORT Init Duration: 200.00 ms\tPhase: invoke\t{why}\n",
        END,
        report("200.00", 200, why),
    ]


async def test_the_second_init_may_succeed_and_counts_as_duration(world: Any) -> None:
    start = await world.started(tail=True)
    start.runtime.cannot_begin()
    start.environment.restarted()
    await world.passes(0.5)
    start.runtime.next()
    assert start.runtime.events[0].deadline_ms == 1_700_000_000_500 + 2500
    await world.passes(0.25)
    start.runtime.responds()
    assert start.told.only.outcome.payload == b'"ok"'
    assert start.texts()[-1] == report("750.00", 750, "")
    assert start.told.only.tail.decode() == "".join(start.texts()[2:])
    assert start.owner.told == ["reset", "idle"]


async def test_the_invocation_s_time_covers_the_second_init(world: Any) -> None:
    start = await world.started()
    start.runtime.cannot_begin()
    start.environment.restarted()
    await world.passes(2)
    start.runtime.next()
    await world.passes(1.5)
    assert document(start.told.only.outcome.payload)["errorMessage"] == (
        "RequestId: id-1 Error: Task timed out after 3.00 seconds"
    )
    assert start.texts()[-1] == report("3000.00", 3000, "Status: timeout")


async def test_an_exit_during_init_is_told_with_its_status(world: Any) -> None:
    start = await world.started()
    start.sandbox.exits(3)
    start.environment.restarted()
    start.sandbox.prints("last words\n")
    start.sandbox.exits(4)
    assert document(start.told.only.outcome.payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": "RequestId: id-1 Error: Runtime exited with error: exit status 4",
    }
    assert start.texts()[3] == "last words\n"
    assert start.owner.told == ["reset", "dead"]


async def test_an_init_has_ten_seconds_and_then_the_invocation_s_time(world: Any) -> None:
    start = await world.started(timeout_s=5)
    await world.passes(9.9)
    assert start.owner.told == []
    await world.passes(0.2)
    assert start.owner.told == ["reset"]
    start.environment.restarted()
    await world.passes(5)
    assert start.told.only.outcome.status is Status.TIMEOUT
    assert start.owner.told == ["reset", "dead"]
    _, init, started, line, end, last = start.texts()
    assert init == "INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout\n"
    assert (started, end) == (START, END)
    assert line == "2023-11-14T22:13:35.000Z id-1 Task timed out after 5.00 seconds\n\n"
    assert last == report("5000.00", 5000, "Status: timeout")


async def test_a_runtime_that_is_known_not_to_start_is_refused_in_its_own_words(world: Any) -> None:
    world.refuses("Runtime.InvalidEntrypoint", "Couldn't find valid bootstrap(s): [/var/task/bootstrap]")
    start = await world.started()
    start.sandbox.exits(127)
    start.environment.restarted()
    start.sandbox.exits(127)
    assert document(start.told.only.outcome.payload) == {
        "errorType": "Runtime.InvalidEntrypoint",
        "errorMessage": "RequestId: id-1 Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap]",
    }
    assert start.texts()[-1].endswith("Error Type: Runtime.InvalidEntrypoint\n")


async def test_a_program_that_cannot_be_executed_is_an_invalid_entry_point(world: Any) -> None:
    start = await world.started()
    start.sandbox.exits(126, unstarted="/var/task/bootstrap: Exec format error")
    start.environment.restarted()
    start.sandbox.exits(126, unstarted="/var/task/bootstrap: Exec format error")
    assert document(start.told.only.outcome.payload) == {
        "errorType": "Runtime.InvalidEntrypoint",
        "errorMessage": "RequestId: id-1 Error: fork/exec /var/task/bootstrap: exec format error",
    }


async def test_the_old_runtime_s_exit_after_its_init_error_is_not_the_second_failure(world: Any) -> None:
    start = await world.started()
    start.runtime.cannot_begin()
    start.sandbox.exits(1)  # as runtimes do once they have said why
    assert list(start.told) == []
    start.environment.restarted()
    start.runtime.next()
    start.runtime.responds()
    assert start.told.only.outcome.status is Status.SUCCESS


async def test_a_sandbox_that_cannot_restart_leaves_the_failed_init_as_the_outcome(world: Any) -> None:
    start = await world.started()
    start.sandbox.exits(None, 9, out_of_memory=True)
    assert start.environment.not_restarted() is None
    assert document(start.told.only.outcome.payload)["errorType"] == "Runtime.ExitError"
    assert start.texts()[-1].endswith("Error Type: Runtime.OutOfMemory\n")
    assert start.owner.told == ["reset", "dead"]


# --- invocations that break the runtime -----------------------------------------------------------------------


async def test_a_timeout_resets_the_runtime(world: Any) -> None:
    start = (await world.started(timeout_s=2)).answered()
    told = start.run()
    start.sandbox.prints("working\n")
    await world.passes(2)
    outcome = told.only.outcome
    assert outcome.status is Status.TIMEOUT
    assert document(outcome.payload) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: id-2 Error: Task timed out after 2.00 seconds",
    }
    assert start.texts()[1:] == [
        "working\n",
        "2023-11-14T22:13:22.000Z id-2 Task timed out after 2.00 seconds\n\n",
        "END RequestId: id-2\n",
        report("2000.00", 2000, "Status: timeout", request="id-2"),
    ]
    assert start.owner.told == ["reset", "idle"]
    assert start.environment.state is State.RESETTING


async def test_an_answer_that_is_there_when_its_time_is_over_counts(world: Any) -> None:
    start = (await world.started(timeout_s=2)).answered()
    told = start.run()
    loop = asyncio.get_running_loop()
    loop.call_later(2, loop.call_soon, start.runtime.responds)  # read right after the timer was met
    await world.passes(3)
    assert told.only.outcome.status is Status.SUCCESS
    assert start.environment.state is State.IDLE


async def test_a_timeout_that_is_noticed_late_lasts_no_longer_than_it_may(world: Any) -> None:
    start = (await world.started()).answered()
    told = start.run()
    await world.passes(1)
    world.clock.ahead_s = 0.25
    await world.passes(2)
    assert told.only.outcome.status is Status.TIMEOUT
    assert start.texts()[-1] == report("3000.00", 3000, "Status: timeout", request="id-2")


async def test_an_answer_that_comes_after_the_timeout_is_refused(world: Any) -> None:
    start = (await world.started()).answered()
    old = start.runtime.door.session
    start.run()
    await world.passes(3)
    start.environment.restarted()
    told = start.run()
    assert old.respond("id-2", b"late").status == 403
    assert start.runtime.responds(b"late", "id-2").status == 400
    assert list(told) == []
    start.runtime.next()
    start.runtime.responds(b'"in time"')
    assert told.only.outcome.payload == b'"in time"'


async def test_the_next_invocation_waits_for_the_runtime_that_is_started_again(world: Any) -> None:
    start = (await world.started()).answered()
    start.run()
    await world.passes(3)
    told = start.run()
    assert start.environment.state is State.BUSY
    start.environment.restarted()
    assert start.environment.state is State.BUSY
    start.runtime.next()
    assert start.runtime.events[-1].request_id == "id-3"
    start.runtime.responds()
    assert told.only.outcome.status is Status.SUCCESS


async def test_the_time_in_which_a_sandbox_is_started_again_is_not_the_functions(world: Any) -> None:
    start = (await world.started()).answered()
    start.run()
    await world.passes(3)
    told = start.run()
    await world.passes(2)
    start.environment.restarted()
    start.runtime.next()
    assert start.runtime.events[-1].deadline_ms == world.clock.now() * 1000 + 3000
    await world.passes(2)
    start.runtime.responds()
    assert told.only.outcome.status is Status.SUCCESS
    assert told.only.took_s == pytest.approx(2)


async def test_the_runtime_that_is_being_ended_does_not_get_the_next_invocation(world: Any) -> None:
    start = (await world.started()).answered()
    start.run()
    await world.passes(3)
    told = start.run()
    start.runtime.next()  # on a new connection, while it is not yet killed
    assert [event.request_id for event in start.runtime.events] == ["id-1", "id-2"]
    start.sandbox.exits(1)
    assert list(told) == []
    start.runtime.door.session.withdraw(start.runtime.events.append)
    start.environment.restarted()
    start.runtime.next()
    start.runtime.responds()
    assert told.only.outcome.payload == b'"ok"'


async def test_time_runs_out_also_while_the_runtime_is_started_again(world: Any) -> None:
    start = (await world.started()).answered()
    start.run()
    await world.passes(3)
    told = start.run()
    await world.passes(3)
    assert told.only.outcome.status is Status.TIMEOUT
    third = start.run()
    start.environment.restarted()
    start.runtime.next()
    assert start.runtime.events[-1].request_id == "id-4"
    start.runtime.responds()
    assert third.only.outcome.status is Status.SUCCESS


@pytest.mark.parametrize(
    ("exit", "message"),
    [
        ((1, None), "Runtime exited with error: exit status 1"),
        ((None, 11), "Runtime exited with error: signal: segmentation fault"),
        ((0, None), "Runtime exited without providing a reason"),
    ],
)
async def test_an_exit_while_busy_is_told_and_resets_the_runtime(world: Any, exit: Any, message: str) -> None:
    start = (await world.started()).answered()
    told = start.run()
    start.sandbox.prints("last words")
    start.sandbox.exits(*exit)
    assert document(told.only.outcome.payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: id-2 Error: {message}",
    }
    assert start.owner.told == ["reset", "idle"]
    assert start.texts()[1:3] == ["last words", f"RequestId: id-2 Error: {message}\nRuntime.ExitError\n"]
    assert start.texts()[-1] == report("0.00", 0, "Status: error\tError Type: Runtime.ExitError", request="id-2")


async def test_out_of_memory_is_named_in_the_report_only(world: Any) -> None:
    start = (await world.started()).answered()
    start.sandbox.memory = 163 * 1024 * 1024
    told = start.run()
    start.sandbox.exits(None, 9, out_of_memory=True)
    assert document(told.only.outcome.payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": "RequestId: id-2 Error: Runtime exited with error: signal: killed",
    }
    assert start.texts()[-1].endswith("Max Memory Used: 128 MB\tStatus: error\tError Type: Runtime.OutOfMemory\n")


async def test_an_init_error_after_a_reset_is_the_next_invocation_s(world: Any) -> None:
    start = (await world.started()).answered()
    start.run()
    start.sandbox.exits(1)
    start.environment.restarted()
    told = start.run()
    start.forget()
    await world.passes(0.5)
    start.runtime.cannot_begin()
    assert told.only.outcome.payload == b'{"errorMessage":"no module"}'
    assert start.owner.told == ["reset", "idle"]
    why = "Status: error\tError Type: Runtime.ImportModuleError"
    assert start.texts() == [
        "START RequestId: id-3 Version: $LATEST\n",
        f"INIT_REPORT Init Duration: 500.00 ms\tPhase: invoke\t{why}\n",
        "END RequestId: id-3\n",
        report("500.00", 500, why, request="id-3"),
    ]


# --- ends -----------------------------------------------------------------------------------------------------


async def test_an_exit_while_idle_ends_the_environment(world: Any) -> None:
    start = (await world.started()).answered()
    start.sandbox.prints("unasked\n")
    start.sandbox.exits(1)
    assert start.environment.state is State.DEAD
    assert start.owner.told == ["dead"]
    assert start.texts() == ["unasked\n"]


async def test_an_idle_runtime_that_cannot_be_started_again_ends_the_environment(world: Any) -> None:
    start = (await world.started()).answered()
    start.run()
    start.sandbox.exits(1)
    start.environment.restarted()
    start.forget()
    start.runtime.cannot_begin()
    assert start.owner.told == ["dead"]


async def test_the_dead_hear_nothing(world: Any) -> None:
    start = (await world.started()).answered()
    start.environment.retire()
    start.environment.retire()
    assert start.owner.told == ["dead"]
    assert start.sandbox.on_exit is None
    start.environment.restarted()
    assert start.environment.state is State.DEAD
    assert start.environment.forsake() is None
    assert start.owner.told == ["dead"]


async def test_what_is_forsaken_before_its_runtime_took_it_is_handed_back(world: Any) -> None:
    start = await world.started()
    invocation, done = start.environment.forsake()
    assert (invocation.id, done) == ("id-1", start.told.heard)
    assert start.owner.told == ["dead"]
    start.forget()
    await world.passes(20)
    assert (list(start.told), start.texts(), start.owner.told) == ([], [], [])

    second = (await world.started()).answered()
    second.run()
    await world.passes(3)
    told = second.run()
    invocation, done = second.environment.not_restarted()
    assert (invocation.id, done) == ("id-4", told.heard)
    assert not [text for text in second.texts() if "id-4" in text]
    second.forget()
    await world.passes(20)
    assert (list(told), second.texts(), second.owner.told) == ([], [], [])


async def test_death_leaves_no_reader_and_no_timer(world: Any) -> None:
    loop = asyncio.get_running_loop()
    for end in (
        lambda start: start.environment.retire(),
        lambda start: start.sandbox.exits(0),
        lambda start: start.environment.forsake(),
    ):
        start = (await world.started()).answered()
        end(start)
        assert loop.remove_reader(start.sandbox.output) is False
        assert loop.remove_reader(start.sandbox.records) is False
        assert start.environment._timer is None


async def test_a_pipe_whose_writers_are_gone_does_not_spin(world: Any) -> None:
    start = (await world.started()).answered()
    start.sandbox.prints("the last line\n")
    start.sandbox.hang_up()
    await world.quiet()
    assert "the last line\n" in start.texts()
    loop = asyncio.get_running_loop()
    assert loop.remove_reader(start.sandbox.output) is False
    assert loop.remove_reader(start.sandbox.records) is False
    start.environment.retire()


async def test_a_runtime_may_be_quicker_than_the_news_of_its_start(world: Any) -> None:
    first = await world.started()
    first.runtime.cannot_begin()
    first.runtime.next()
    assert first.environment.state is State.STARTING
    first.environment.restarted()
    first.runtime.responds()
    assert first.told.only.outcome.payload == b'"ok"'

    second = (await world.started()).answered()
    second.run()
    await world.passes(3)
    told = second.run()
    second.runtime.next()
    second.environment.restarted()
    assert second.sandbox.slowed == 2
    second.runtime.responds()
    assert told.only.outcome.payload == b'"ok"'
