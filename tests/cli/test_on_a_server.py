"""The commands against a server that runs: what a user types in the first five minutes, and how the server ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

APP = """
import time

def handler(event, context):
    print("got", event["n"])
    time.sleep(event.get("sleep", 0))
    if event["n"] == 0:
        raise ValueError("no zeros")
    return {"n": event["n"]}
"""
DEMO = Path(__file__).resolve().parents[2] / "tools" / "demo.py"


def lambent(*arguments: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """One command, in an environment that says nothing of any AWS."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [sys.executable, "-m", "lambent", *arguments]
    return subprocess.run(
        command, env=kept | environ, input=stdin, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module")
def server(shared_server: Any) -> Iterator[Any]:
    shared_server.function("cli-f", {"app.py": APP}, Timeout=10)
    yield shared_server
    shared_server.client("lambda").delete_function(FunctionName="cli-f")


@pytest.fixture
def data(server: Any) -> list[str]:
    return ["--data", str(server.data)]


# -- clients -------------------------------------------------------------------------------------------------------


def test_env_lets_any_sdk_in(server: Any, data: list[str]) -> None:
    script = (
        "import boto3; print(boto3.client('sts').get_caller_identity()['Arn']);"
        "print(boto3.client('lambda').get_function_configuration(FunctionName='cli-f')['State'])"
    )
    shell = 'eval "$1"; exec "$2" -c "$3"'
    exports = lambent("env", *data).stdout
    done = subprocess.run(["sh", "-c", shell, "-", exports, sys.executable, script], capture_output=True, text=True)
    assert done.stdout == "arn:aws:iam::000000000000:root\nActive\n", done.stderr


def test_invoke_prints_the_result_and_the_log(server: Any, data: list[str]) -> None:
    done = lambent("invoke", "cli-f", "-e", '{"n": 7}', *data)
    assert (done.returncode, done.stdout) == (0, '{\n  "n": 7\n}\n')
    assert "\ngot 7\n" in done.stderr
    assert "REPORT RequestId: " in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_invoke_takes_the_event_from_standard_input(server: Any, data: list[str]) -> None:
    assert lambent("invoke", "cli-f", "-e", "-", "--raw", *data, stdin='{"n": 8}').stdout == '{"n": 8}'


def test_a_function_that_fails_ends_invoke_with_1(server: Any, data: list[str]) -> None:
    done = lambent("invoke", "cli-f", "-e", '{"n": 0}', *data)
    assert done.returncode == 1
    assert json.loads(done.stdout)["errorType"] == "ValueError"
    assert "the function failed (Unhandled)" in done.stderr


def test_a_function_that_is_not_there_is_one_line(server: Any, data: list[str]) -> None:
    for command in ("invoke", "logs"):
        done = lambent(command, "nobody", *data)
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.startswith("Error: ResourceNotFoundException: ")
        assert done.stderr.count("\n") == 1


def test_keys_that_are_not_the_servers_are_refused(server: Any) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKIAWRONG", "AWS_SECRET_ACCESS_KEY": "wrong"}
    done = lambent("invoke", "cli-f", AWS_ENDPOINT_URL=server.endpoint, **keys)
    assert done.returncode == 3
    assert done.stderr.startswith("Error: UnrecognizedClientException: ")


def test_logs_finds_what_was_printed_and_filters_it(server: Any, data: list[str]) -> None:
    for n in ("41", "42"):
        lambent("invoke", "cli-f", "-e", f'{{"n": {n}}}', *data)
    everything = lambent("logs", "cli-f", *data)
    assert everything.returncode == 0, everything.stderr
    assert re.search(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z got 41$", everything.stdout, re.MULTILINE)
    filtered = lambent("logs", "cli-f", "--filter", '"got 42"', *data).stdout.splitlines()
    assert filtered
    assert all(line.endswith(" got 42") for line in filtered)


def test_a_follower_prints_what_is_logged_while_it_waits(server: Any, data: list[str]) -> None:
    lambent("invoke", "cli-f", "-e", '{"n": 4710}', *data)
    command = [sys.executable, "-u", "-m", "lambent", "logs", "cli-f", "--tail", "--since", "5m", *data]
    # Whoever runs the tests in the background may have had Ctrl-C ignored, which is passed on.
    options: dict[str, Any] = {"text": True, "preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as follower:
        assert follower.stdout is not None
        guard = threading.Timer(60, follower.kill)
        guard.start()
        assert any(line.endswith(" got 4710\n") for line in follower.stdout), "it has looked once"
        lambent("invoke", "cli-f", "-e", '{"n": 4711}', *data)
        assert any(line.endswith(" got 4711\n") for line in follower.stdout)
        guard.cancel()
        follower.send_signal(signal.SIGINT)
        assert follower.wait(timeout=60) == 130


# -- the server ----------------------------------------------------------------------------------------------------


def test_ready_is_one_line_that_says_how(make_server: Callable[..., Any]) -> None:
    server = make_server()
    command = [sys.executable, "-m", "lambent", "serve", "--port", str(server.port), "--data", str(server.data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=60)
    assert re.fullmatch(
        rf"Lambent {re.escape(version('lambent'))} ready on {server.endpoint} "
        rf"\(isolation: [a-z-]+, data: {re.escape(str(server.data))}, trust: enforce\)\n",
        line,
    )
    assert rest == ""
    assert process.returncode == 0


def test_dev_warns_and_takes_localstacks_keys(make_server: Callable[..., Any]) -> None:
    server = make_server("--dev").start()
    done = lambent(
        "invoke", "nobody", AWS_ENDPOINT_URL=server.endpoint, AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test"
    )
    assert done.stderr.startswith("Error: ResourceNotFoundException: ")
    assert "WARNING: --dev" in server.log.read_text()


def test_dev_is_refused_where_others_could_reach_it(tmp_path: Path) -> None:
    done = lambent("serve", "--dev", "--host", "0.0.0.0", "--data", str(tmp_path / "d"))
    assert (done.returncode, done.stdout) == (3, "")
    assert "loopback" in done.stderr


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = lambent("serve", "--port", str(port), "--data", str(tmp_path / "d"))
    assert (done.returncode, done.stdout) == (3, "")
    assert f"port {port} of 127.0.0.1 is in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_data_directory_that_is_in_use_is_named(server: Any, data: list[str]) -> None:
    done = lambent("serve", "--port", "0", *data)
    assert (done.returncode, done.stdout) == (3, "")
    assert f"{server.data}: data directory in use" in done.stderr


def test_a_data_directory_that_cannot_be_made_is_named() -> None:
    done = lambent("serve", "--port", "0", "--data", "/proc/nothing/here")
    assert (done.returncode, done.stdout) == (3, "")
    assert "/proc/nothing" in done.stderr
    assert "Traceback" not in done.stderr


def _sleeping(server: Any, tools: Any, seconds: float) -> tuple[threading.Thread, dict[str, Any]]:
    """An invocation that runs (it has printed its first line), and where its answer will be."""
    server.function("sleeper", {"app.py": APP}, Timeout=60)
    answer: dict[str, Any] = {}

    def call() -> None:
        try:
            payload = json.dumps({"n": 1, "sleep": seconds})
            answer["result"] = server.client("lambda").invoke(FunctionName="sleeper", Payload=payload)["Payload"].read()
        except Exception as error:
            answer["error"] = error

    thread = threading.Thread(target=call)
    thread.start()
    logs = server.client("logs")

    def begun() -> bool:
        try:
            events = logs.filter_log_events(logGroupName="/aws/lambda/sleeper", filterPattern='"got 1"')["events"]
        except logs.exceptions.ResourceNotFoundException:
            return False
        return bool(events)

    tools.wait_for(begun)
    return thread, answer


def test_a_stop_lets_running_invocations_finish(make_server: Callable[..., Any], tools: Any) -> None:
    server = make_server().start()
    thread, answer = _sleeping(server, tools, 1.5)
    assert server.stop() == 0
    thread.join()
    assert answer == {"result": b'{"n": 1}'}


def test_a_second_signal_ends_at_once(make_server: Callable[..., Any], tools: Any) -> None:
    server = make_server().start()
    thread, answer = _sleeping(server, tools, 50)
    server.process.send_signal(signal.SIGTERM)
    tools.wait_for(lambda: "stopping" in server.log.read_text())
    server.process.send_signal(signal.SIGINT)
    server.process.wait(timeout=60)
    thread.join()
    assert "error" in answer


def test_after_a_restart_the_same_key_still_opens(make_server: Callable[..., Any]) -> None:
    server = make_server().start()
    before = lambent("env", "--data", str(server.data)).stdout
    server.stop()
    done = lambent("invoke", "f", "--data", str(server.data))
    assert done.returncode == 3
    assert done.stderr == f"Error: cannot reach {server.endpoint}: is `lambent serve` running?\n"
    server.start()
    assert lambent("env", "--data", str(server.data)).stdout == before
    assert "ResourceNotFoundException" in lambent("invoke", "f", "--data", str(server.data)).stderr


# -- make run, doctor ----------------------------------------------------------------------------------------------


def test_the_demonstration_deploys_and_updates_every_example(tools: Any, tmp_path: Path) -> None:
    for _ in ("created", "updated"):
        with tools.reserved_port() as place:
            port = str(place.getsockname()[1])
            command = [sys.executable, str(DEMO), "--once", "--port", port, "--data", str(tmp_path / "data")]
            done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        for folder in (file.parent for file in (DEMO.parents[1] / "examples").glob("*/example.json")):
            part = done.stdout.split(f"\n{folder.name}  (")[1].split("\n\n")[0]
            assert "left out: " in part or ("REPORT RequestId" in part and "Hello world" in part)


def test_the_demonstration_says_what_the_server_says_when_it_cannot_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, str(DEMO), "--once", "--port", port, "--data", str(tmp_path / "data")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert f"port {port} of 127.0.0.1 is in use" in done.stderr


def test_doctor_names_the_level_the_runtimes_and_what_is_missing(tmp_path: Path) -> None:
    done = lambent("doctor", "--data", str(tmp_path / "data"))
    assert re.search(r"^isolation +(full|rootless|process-only)", done.stdout, re.MULTILINE), done.stderr
    assert re.search(r"^python3\.\d+ +(exact|nearest) ", done.stdout, re.MULTILINE)
    assert re.search(r"^provided\.al2023 +exact ", done.stdout, re.MULTILINE)
    assert "not offered by this version of Lambent" in done.stdout
    assert (done.returncode, done.stderr) == (0, "")
