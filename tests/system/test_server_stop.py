"""SIGTERM: running invocations finish, nothing new begins; a second signal does not wait."""

from __future__ import annotations

import json
import os
import signal
import threading
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

SLOW = """
import time, boto3
def handler(event, context):
    print("began")
    time.sleep(event["s"])
    return boto3.client("sts").get_caller_identity()["Account"]
"""


def begun(server: Any, tools: Any, seconds: float, name: str) -> tuple[threading.Thread, list[Any]]:
    """An invocation that has begun to run, in a thread, and where its answer will be."""
    answers: list[Any] = []

    def call() -> None:
        try:
            answer = server.client("lambda").invoke(FunctionName=name, Payload=json.dumps({"s": seconds}).encode())
            answers.append(json.load(answer["Payload"]))
        except (BotoCoreError, ClientError, OSError) as error:
            answers.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    logs = server.client("logs")
    group = f"/aws/lambda/{name}"
    tools.wait_for(lambda: group in str(logs.describe_log_groups()["logGroups"]))
    tools.wait_for(lambda: "began" in str(logs.filter_log_events(logGroupName=group)["events"]))
    return thread, answers


def test_a_running_invocation_finishes_and_can_still_call_aws(make_server: Any, tools: Any) -> None:
    server = make_server().start()
    server.function("slow", {"app.py": SLOW}, Timeout=30, MemorySize=1769)
    thread, answers = begun(server, tools, 2, "slow")
    assert server.stop() == 0
    thread.join()
    assert answers == ["000000000000"]


def test_a_second_signal_ends_it_at_once(make_server: Any, tools: Any) -> None:
    server = make_server().start()
    server.function("slow", {"app.py": SLOW}, Timeout=300)
    thread, answers = begun(server, tools, 250, "slow")
    server.process.send_signal(signal.SIGTERM)
    tools.wait_for(lambda: "stopping" in server.log.read_text())
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(timeout=60)
    thread.join()
    assert isinstance(answers[0], Exception)
