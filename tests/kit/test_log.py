"""The program's own log."""

from __future__ import annotations

import io

import pytest

from lambent.kit.log import Log


class Full(io.StringIO):
    """A file on a full disk."""

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


def test_a_line_has_a_time_a_level_an_event_and_its_keys() -> None:
    said = io.StringIO()
    Log(stream=said).warning("disk_full", path="/a b", free=0)
    assert said.getvalue().partition("Z ")[2] == "warning disk_full path='/a b' free=0\n"


def test_an_error_is_followed_by_its_traceback() -> None:
    said = io.StringIO()
    try:
        raise ValueError("the reason")
    except ValueError as error:
        Log(stream=said).error("it_failed", error=error)
    assert "error it_failed\nTraceback" in said.getvalue()
    assert said.getvalue().endswith("ValueError: the reason\n")


@pytest.mark.parametrize("error", [None, ValueError("x")])
def test_a_log_that_cannot_be_written_stops_nobody(error: ValueError | None) -> None:
    log = Log(stream=Full())
    log.info("it_goes_on")
    log.error("it_goes_on", error=error)
