"""kill -9 of the server at any moment: what was answered is there, nothing is half done, nothing is left behind."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import threading
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

ROUNDS = 4
SOURCE = "import os\ndef handler(event, context):\n    print('line', event)\n    return {text!r}\n"


class Writer(threading.Thread):
    """Creates, updates and invokes without end, and remembers what was answered."""

    def __init__(self, server: Any, tools: Any, number: int, ran: dict[str, str]) -> None:
        super().__init__()
        self._aws = server.client("lambda")
        self._tools = tools
        self._role = server.role()
        self._number = number
        self.answered = ran
        self.trouble: list[str] = []
        self._asked: dict[str, str] = {}
        """Sent, and perhaps not answered: may or may not be there."""
        self.unsure: dict[str, str] = {}

    def run(self) -> None:
        try:
            for step in range(10_000):
                self._step(step)
        except (BotoCoreError, OSError):
            self.unsure = self._asked
        except ClientError as error:
            self.trouble.append(str(error))

    def _step(self, step: int) -> None:
        name = f"f-{self._number}-{step % 5}"
        text = f"{self._number}.{step}"
        zipped = self._tools.zipped({"app.py": SOURCE.format(text=text)})
        self._asked = {name: text}
        if name in self.answered:
            self._aws.get_waiter("function_updated_v2").wait(FunctionName=name)
            self._aws.update_function_code(FunctionName=name, ZipFile=zipped)
        else:
            self._aws.create_function(
                FunctionName=name,
                Runtime="python3.11",
                Handler="app.handler",
                Role=self._role,
                Code={"ZipFile": zipped},
                Timeout=20,
            )
        self.answered[name] = text
        self._asked = {}
        self._aws.get_waiter("function_active_v2").wait(FunctionName=name)
        self._aws.invoke(FunctionName=name, Payload=json.dumps(text).encode())


def test_every_answered_change_survives_kill_9_at_any_moment(make_server: Any, tools: Any) -> None:
    server = make_server().start()
    answered: list[dict[str, str]] = [{}, {}]
    generator = random.Random(20)
    for _ in range(ROUNDS):
        writers = [Writer(server, tools, number, ran) for number, ran in enumerate(answered)]
        for writer in writers:
            writer.start()
        threading.Event().wait(0.3 + generator.random() * 1.5)  # any moment will do
        server.kill()
        for writer in writers:
            writer.join()
        assert [writer.trouble for writer in writers] == [[], []]
        server.start()
        check_functions(server, tools, writers)
    assert sum(len(ran) for ran in answered) >= 4, "the writers did not get far enough to prove anything"
    assert server.stop() == 0


def check_functions(server: Any, tools: Any, writers: list[Writer]) -> None:
    """Each function is whole: active, with the code of the last answered change or of the one that was under way."""
    aws = server.client("lambda")
    for writer in writers:
        for name, text in writer.answered.items():
            tools.wait_for(lambda name=name: is_settled(aws.get_function_configuration(FunctionName=name)))
            result = json.load(aws.invoke(FunctionName=name)["Payload"])
            assert result in (text, writer.unsure.get(name)), name
            writer.answered[name] = result
        for name in writer.unsure.keys() - writer.answered.keys():
            try:
                tools.wait_for(lambda name=name: is_settled(aws.get_function_configuration(FunctionName=name)))
            except aws.exceptions.ResourceNotFoundException:
                continue
            writer.answered[name] = json.load(aws.invoke(FunctionName=name)["Payload"])
            assert writer.answered[name] == writer.unsure[name]


def is_settled(configuration: dict[str, Any]) -> bool:
    return configuration["State"] == "Active" and configuration.get("LastUpdateStatus") != "InProgress"


def test_nothing_of_a_killed_server_is_left_when_its_successor_runs(make_server: Any, tools: Any) -> None:
    server = make_server().start()
    server.function("sleeper", {"app.py": "import time\ndef handler(e, c):\n    time.sleep(60)\n"}, Timeout=60)
    caller = threading.Thread(target=invoked_in_vain, args=(server,))
    caller.start()
    tools.wait_for(lambda: "sleeper" in json.dumps(started_groups(server)))
    before = {(pid, at) for pid, at in processes(server) if at}
    assert len(before) > 3, "the dead server left nothing that a successor could clean up: the test proves nothing"
    server.kill()
    caller.join()
    server.start()
    tools.wait_for(lambda: not any(born(pid) == at for pid, at in before))
    assert processes(server).isdisjoint(before)
    assert server.stop() == 0
    assert groups(server) == []


def invoked_in_vain(server: Any) -> None:
    try:
        server.client("lambda").invoke(FunctionName="sleeper")
    except (BotoCoreError, ClientError, OSError):
        pass


def started_groups(server: Any) -> list[str]:
    logs = server.client("logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    return [
        group
        for group in groups
        if any("START" in event["message"] for event in logs.filter_log_events(logGroupName=group)["events"])
    ]


def groups(server: Any) -> list[Path]:
    """The control groups of the servers on this data directory."""
    instance = hashlib.sha256(os.fsencode(server.data.resolve())).hexdigest()[:12]
    return [Path(folder) for folder, _, _ in os.walk("/sys/fs/cgroup") if f"lambent-{instance}" in folder]


def processes(server: Any) -> set[tuple[int, str]]:
    """Who is in them, and since when: numbers are given again."""
    found: set[tuple[int, str]] = set()
    for group in groups(server):
        with contextlib.suppress(OSError):  # it is gone meanwhile
            found |= {(int(pid), born(int(pid))) for pid in (group / "cgroup.procs").read_text().split()}
    return found


def born(pid: int) -> str:
    """When a process was started, in the kernel's ticks; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""
