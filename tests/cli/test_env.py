"""What `lambent env` prints, read back by a real shell."""

from __future__ import annotations

import subprocess
from pathlib import Path

from click.testing import CliRunner

from lambent.cli.access import Access
from lambent.cli.env import exports
from lambent.cli.main import lambent

AWKWARD = "a'b\"c$(touch /nowhere)`d` \\ !e"


def _seen_by_a_shell(script: str) -> dict[str, str]:
    begun = {"PATH": "/usr/bin:/bin", "AWS_SESSION_TOKEN": "old", "AWS_PROFILE": "work"}
    done = subprocess.run(
        ["sh", "-c", 'eval "$1"; exec env -0', "-", script], env=begun, capture_output=True, check=True
    )
    assert done.stderr == b""
    return dict(pair.split("=", 1) for pair in done.stdout.decode().split("\0") if pair)


def test_a_shell_gets_exactly_the_values_however_awkward() -> None:
    seen = _seen_by_a_shell(exports(Access(f"http://h/{AWKWARD}", "eu-west-1", "AKIA", AWKWARD)))
    assert seen["AWS_ENDPOINT_URL"] == f"http://h/{AWKWARD}"
    assert seen["AWS_REGION"] == seen["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert seen["AWS_ACCESS_KEY_ID"] == "AKIA"
    assert seen["AWS_SECRET_ACCESS_KEY"] == AWKWARD


def test_a_session_or_profile_of_before_is_not_mixed_with_our_keys() -> None:
    seen = _seen_by_a_shell(exports(Access("http://h", "r", "k", "s")))
    assert "AWS_SESSION_TOKEN" not in seen
    assert "AWS_PROFILE" not in seen


def test_without_a_server_nothing_is_printed_for_the_shell(tmp_path: Path) -> None:
    done = CliRunner().invoke(lambent, ["env", "--data", str(tmp_path)])
    assert done.exit_code == 3
    assert done.stdout == ""
    assert "start `lambent serve`" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_data_directory_may_come_from_the_environment(tmp_path: Path) -> None:
    done = CliRunner().invoke(lambent, ["env"], env={"LAMBENT_DATA": str(tmp_path / "there")})
    assert str(tmp_path / "there") in done.stderr
