"""`lambent invoke`: what it sends, what it prints, how it ends; against a client that answers from a table."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import click
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from click.testing import CliRunner, Result

from lambent.cli import invoke as command
from lambent.cli.access import Access
from lambent.cli.main import lambent


class Client:
    """Answers one call."""

    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self.answer = answer
        self.request: dict[str, Any] = {}

    def invoke(self, **request: Any) -> dict[str, Any]:
        self.request = request
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    invoke_with_response_stream = invoke


def _answer(result: bytes, *, log: str = "", status: int = 200, error: str | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = {"StatusCode": status, "Payload": io.BytesIO(result)}
    if log:
        answer["LogResult"] = base64.b64encode(log.encode()).decode()
    if error:
        answer["FunctionError"] = error
    return answer


def _run(monkeypatch: pytest.MonkeyPatch, client: Client, *arguments: str, stdin: str = "") -> Result:
    monkeypatch.setattr(command, "connect", lambda access, service: client)
    monkeypatch.setattr(command, "access_for", lambda data: Access("http://127.0.0.1:4566", "r", "k", "s"))
    return CliRunner().invoke(lambent, ["invoke", *arguments], input=stdin)


def test_the_result_goes_to_standard_output_and_the_log_to_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(_answer(b'{"n":1}', log="START RequestId: 1\nhello\n"))
    done = _run(monkeypatch, client, "f", "-e", '{"a": 1}')
    assert (done.exit_code, done.stdout, done.stderr) == (0, '{\n  "n": 1\n}\n', "START RequestId: 1\nhello\n")
    assert client.request == {
        "FunctionName": "f",
        "InvocationType": "RequestResponse",
        "Payload": b'{"a": 1}',
        "LogType": "Tail",
    }


def test_a_function_that_fails_ends_the_command_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    done = _run(monkeypatch, Client(_answer(b'{"errorType":"E"}', error="Unhandled")), "f")
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {"errorType": "E"}
    assert "the function failed (Unhandled)" in done.stderr


def test_raw_is_the_result_byte_for_byte_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(_answer(b'{"n":1.0, "n":2}\xff', error="Unhandled"))
    done = _run(monkeypatch, client, "f", "--raw")
    assert (done.exit_code, done.stdout_bytes, done.stderr) == (1, b'{"n":1.0, "n":2}\xff', "")
    assert "LogType" not in client.request


def test_a_result_that_is_no_json_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run(monkeypatch, Client(_answer(b"<html>")), "f").stdout == "<html>\n"


@pytest.mark.parametrize(
    ("kind", "status", "said"), [("Event", 202, "accepted"), ("dryrun", 204, "would be let through")]
)
def test_an_answer_without_a_result_is_said_in_words(
    monkeypatch: pytest.MonkeyPatch, kind: str, status: int, said: str
) -> None:
    client = Client(_answer(b"", status=status))
    done = _run(monkeypatch, client, "f", "--type", kind, "--qualifier", "live")
    assert (done.exit_code, done.stdout) == (0, "")
    assert said in done.stderr
    assert client.request["Qualifier"] == "live"
    assert "LogType" not in client.request


def test_what_the_server_refuses_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = ClientError(
        {"Error": {"Code": "ResourceNotFoundException", "Message": "Function not\nfound: f"}}, "Invoke"
    )
    done = _run(monkeypatch, Client(refused), "f")
    assert (done.exit_code, done.stderr) == (3, "Error: ResourceNotFoundException: Function not found: f\n")


def test_a_server_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    done = _run(monkeypatch, Client(EndpointConnectionError(endpoint_url="http://127.0.0.1:4566/…")), "f")
    assert done.exit_code == 3
    assert done.stderr == "Error: cannot reach http://127.0.0.1:4566: is `lambent serve` running?\n"


def test_an_event_comes_from_a_file_or_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "event.json").write_bytes(b'{"from":"file"}')
    client = Client(_answer(b"null"))
    _run(monkeypatch, client, "f", "-e", str(tmp_path / "event.json"))
    assert client.request["Payload"] == b'{"from":"file"}'
    client = Client(_answer(b"null"))
    _run(monkeypatch, client, "f", "-e", "-", stdin='{"from":"stdin"}')
    assert client.request["Payload"] == b'{"from":"stdin"}'


@pytest.mark.parametrize("event", ['{"a": 1}', "[1]", '"text"', "12", "null", '{"long": "' + "x" * 5000 + '"}'])
def test_json_may_stand_on_the_command_line(event: str) -> None:
    assert command.payload(event) == event.encode()


@pytest.mark.parametrize("event", ["no-such-file.json", "{broken", "", "a\0b", "/"])
def test_what_is_neither_file_nor_json_is_wrong_usage(event: str) -> None:
    with pytest.raises(click.BadParameter):
        command.payload(event)


def test_no_event_is_an_empty_body() -> None:
    assert command.payload(None) == b""


def _streamed(*pieces: bytes, **end: str) -> dict[str, Any]:
    chunks: list[dict[str, Any]] = [{"PayloadChunk": {"Payload": piece}} for piece in pieces]
    return {"StatusCode": 200, "EventStream": [*chunks, {"InvokeComplete": end}]}


def test_a_stream_is_printed_byte_for_byte_and_its_log_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(_streamed(b"one \xff", b"two", LogResult=base64.b64encode(b"hello\n").decode()))
    done = _run(monkeypatch, client, "f", "--stream")
    assert (done.exit_code, done.stdout_bytes, done.stderr) == (0, b"one \xfftwo", "hello\n")
    assert client.request["LogType"] == "Tail"


def test_a_stream_that_ends_by_an_error_says_so_and_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(_streamed(b"half", ErrorCode="Unhandled", ErrorDetails='{"errorType":"E"}'))
    done = _run(monkeypatch, client, "f", "--stream", "--raw")
    assert (done.exit_code, done.stdout_bytes) == (1, b"half")
    assert "the function failed (Unhandled)" in done.stderr
    assert '"errorType": "E"' in done.stderr


def test_a_dry_run_of_a_stream_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    done = _run(monkeypatch, Client({"StatusCode": 204}), "f", "--stream", "--type", "DryRun")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "would be let through" in done.stderr
