"""The platform's log lines, to the letter."""

from __future__ import annotations

import json

import pytest

from lambent.core.invocation import Outcome, Status, exit_cause, runtime_exited, timed_out
from lambent.core.report import (
    ON_DEMAND,
    PROVISIONED,
    Json,
    Text,
    Usage,
    application_line_wanted,
    system_line_wanted,
    timestamp,
)

OK = Outcome(Status.SUCCESS, b"{}")


def test_a_cold_report_has_its_init_duration_and_bills_it() -> None:
    line = Text.report(0, "id", 128, Usage(3.01, 36 * 1048576 - 5, 110.1), OK)
    assert line == (
        "REPORT RequestId: id\tDuration: 3.01 ms\tBilled Duration: 114 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 36 MB\tInit Duration: 110.10 ms\t\n"
    )


def test_a_warm_report_ends_with_a_tab_as_awss_does() -> None:
    line = Text.report(0, "id", 128, Usage(1.0, 1, None), OK)
    assert line.endswith("Billed Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 1 MB\t\n")


def test_a_timeout_is_named_last() -> None:
    line = Text.report(0, "id", 1024, Usage(3000.0, 64 * 1048576), timed_out("id", 3))
    assert line.endswith("\tMax Memory Used: 64 MB\tStatus: timeout\n")


def test_an_exit_is_named_with_its_type() -> None:
    line = Text.report(0, "id", 1024, Usage(5.0, 1), runtime_exited("id", "x"))
    assert line.endswith("\tStatus: error\tError Type: Runtime.ExitError\n")


def test_a_raising_handler_is_no_platform_error() -> None:
    line = Text.report(0, "id", 128, Usage(5.0, 1), Outcome(Status.FAILURE, b"{}", "ValueError"))
    assert "Status" not in line


def test_the_timeout_payload_is_awss() -> None:
    assert json.loads(timed_out("abc", 1).payload) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: abc Error: Task timed out after 1.00 seconds",
    }


@pytest.mark.parametrize(
    ("status", "signal", "cause"),
    [
        (0, None, "Runtime exited without providing a reason"),
        (127, None, "Runtime exited with error: exit status 127"),
        (None, 9, "Runtime exited with error: signal: killed"),
        (None, 11, "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_exits_are_put_in_awss_words(status: int | None, signal: int | None, cause: str) -> None:
    assert exit_cause(status, signal) == cause


def test_json_events_are_telemetry_records() -> None:
    event = json.loads(Json.report(1_700_000_000_000, "id", 128, Usage(3.01, 1048576, 10.0), OK))
    assert event["type"] == "platform.report"
    assert event["time"] == "2023-11-14T22:13:20.000Z"
    assert event["record"]["status"] == "success"
    assert event["record"]["metrics"] == {
        "durationMs": 3.01,
        "billedDurationMs": 14,
        "memorySizeMB": 128,
        "maxMemoryUsedMB": 1,
        "initDurationMs": 10.0,
    }


def test_timestamps_have_milliseconds() -> None:
    assert timestamp(1_700_000_000_007) == "2023-11-14T22:13:20.007Z"


@pytest.mark.parametrize(
    ("level", "line", "wanted"), [(None, "INFO", True), ("WARN", "INFO", False), ("WARN", "WARN", True)]
)
def test_system_lines_pass_their_level(level: str | None, line: str, wanted: bool) -> None:
    assert system_line_wanted(level, line) is wanted


@pytest.mark.parametrize(
    ("level", "line", "wanted"),
    [
        (None, '{"level": "debug", "msg": "x"}\n', False),
        (None, '{"level": "info"}', True),
        ("DEBUG", '{"level": "DEBUG"}', True),
        ("DEBUG", '{"level": "trace"}', False),
        ("WARN", '{"level": "INFO"}', False),
        ("WARN", '{"level": "Warning"}', True),
        ("WARN", '{"level": "critical"}', True),
        ("WARN", '{"message": "no level"}', False),
        ("WARN", '{"level": 5}', False),
        ("INFO", '{"level": "shouting"}', True),
        ("FATAL", "no JSON", True),
        ("FATAL", '{"level": "INFO"', True),
        ("FATAL", '["level"]', True),
    ],
)
def test_printed_lines_are_filtered_by_their_level(level: str | None, line: str, wanted: bool) -> None:
    assert application_line_wanted(level, line) is wanted


def test_an_initialisation_that_nobody_waited_for_is_told_of_without_a_status() -> None:
    line = Text.init_report(0, PROVISIONED, 229.041, "init", "success", None)
    assert line == "INIT_REPORT Init Duration: 229.04 ms\tPhase: init\n"
    line = Text.init_report(0, ON_DEMAND, 229.041, "init", "error", "Runtime.ImportModuleError")
    assert line == (
        "INIT_REPORT Init Duration: 229.04 ms\tPhase: init\tStatus: error\tError Type: Runtime.ImportModuleError\n"
    )
    record = json.loads(Json.init_report(0, PROVISIONED, 229.041, "init", "success", None))["record"]
    assert record == {
        "initializationType": "provisioned-concurrency",
        "phase": "init",
        "status": "success",
        "metrics": {"durationMs": 229.041},
    }
