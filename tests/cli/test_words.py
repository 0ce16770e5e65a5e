"""What the server says when it is ready, how lines and results look, and the SDK list."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from lambent import __version__
from lambent.app import Running
from lambent.cli import paint, sdk
from lambent.cli.main import lambent
from lambent.cli.serve import announce, ready_line, scarcity, warnings
from lambent.config import Settings
from lambent.runtimes.sdk import Installed, SdkFailed


def _running(isolation: str = "full", *notes: str, dev: bool = False) -> Running:
    return Running("http://127.0.0.1:4566", Settings(data=Path("/d"), dev=dev), isolation, notes)


def test_the_ready_line_says_address_isolation_data_and_trust() -> None:
    state = "isolation: full, data: /d, trust: enforce"
    assert ready_line(_running()) == f"Lambent {__version__} ready on http://127.0.0.1:4566 ({state})"
    assert "trust: dev)" in ready_line(_running(dev=True))


def test_nothing_is_said_of_a_server_at_its_strongest() -> None:
    assert warnings(_running()) == []


def test_weaker_isolation_is_said_loudly_with_every_lack() -> None:
    lines = warnings(_running("rootless", "One uid.", "No limits."))
    assert lines[0].startswith("WARNING: isolation is only rootless")
    assert [line.strip() for line in lines[1:]] == ["One uid.", "No limits."]


def test_too_few_descriptors_for_the_concurrency_are_a_warning() -> None:
    assert scarcity(20_000, 1_000) is None
    told = scarcity(1_024, 1_000)
    assert told is not None
    assert "1,024 file descriptors" in told
    assert "about 170 invocations" in told


def test_warnings_go_to_standard_error_and_the_ready_line_alone_to_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    announce(_running("rootless", dev=True))
    out, err = capsys.readouterr()
    assert out == ready_line(_running("rootless", dev=True)) + "\n"
    assert "WARNING: --dev" in err
    assert "WARNING: isolation" in err


@pytest.mark.parametrize(
    ("line", "colour"),
    [
        ("[ERROR] ValueError: x", "\x1b[31m"),
        ("2026-01-01T00:00:00.000Z\tid\tERROR\tx", "\x1b[31m"),
        ("2026-01-01T00:00:00.000Z id Task timed out after 3.00 seconds", "\x1b[31m"),
        ("REPORT RequestId: 1\tStatus: timeout", "\x1b[31m"),
        ("[WARNING]\t2026", "\x1b[33m"),
        ("REPORT RequestId: 1", "\x1b[36m"),
        ("START RequestId: 1", "\x1b[2m"),
        ("INIT_START Runtime Version: x", "\x1b[2m"),
    ],
)
def test_a_line_is_coloured_by_what_it_is(line: str, colour: str) -> None:
    assert paint.log_line(line).startswith(colour)


def test_what_a_function_prints_is_left_alone() -> None:
    assert paint.log_line("START of something\ttabs kept") == "START of something\ttabs kept"


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        (b'{"a":"\xc3\xa9","n":12345678901234567890}', '{\n  "a": "é",\n  "n": 12345678901234567890\n}'),
        (b"null", "null"),
        (b"", ""),
        (b"plain", "plain"),
        (b"\xff", "�"),
    ],
)
def test_a_result_is_laid_out_without_changing_it(payload: bytes, shown: str) -> None:
    assert paint.pretty(payload) == shown


class Sdks:
    """Two targets have an SDK; installing fails as it is told."""

    root = Path("/sdk")
    failure: Exception | None = None

    def installed(self, targets: object) -> list[Installed]:
        return [Installed("python3.12", "boto3", "1.2.3", Path("/site"))]

    def install(self, target: str, executable: object) -> Installed:
        if self.failure is not None:
            raise self.failure
        return Installed(target, "@aws-sdk/client-s3", "3.1.0", Path("/sdk/nodejs"))


def test_sdk_list_names_what_is_there_and_how_to_get_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdk, "Sdk", Sdks)
    lines = CliRunner().invoke(lambent, ["sdk", "list"]).stdout.splitlines()
    assert "python3.12  boto3 1.2.3  (/site)" in lines
    assert "nodejs      none; get it with: lambent sdk add nodejs" in lines
    assert len(lines) == len(sdk.TARGETS)


def test_sdk_add_says_what_it_got(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdk, "Sdk", Sdks)
    done = CliRunner().invoke(lambent, ["sdk", "add", "nodejs"])
    assert (done.exit_code, done.stdout) == (0, "@aws-sdk/client-s3 3.1.0 is in /sdk/nodejs\n")


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (SdkFailed("npm is not on this host."), "Error: npm is not on this host.\n"),
        (PermissionError(13, "Permission denied", "/sdk"), "Error: cannot write to /sdk: Permission denied\n"),
    ],
)
def test_an_sdk_that_cannot_be_had_is_one_line(monkeypatch: pytest.MonkeyPatch, failure: Exception, said: str) -> None:
    monkeypatch.setattr(Sdks, "failure", failure)
    monkeypatch.setattr(sdk, "Sdk", Sdks)
    done = CliRunner().invoke(lambent, ["sdk", "add", "nodejs"])
    assert done.exit_code == 3
    assert done.stderr.endswith(said)
