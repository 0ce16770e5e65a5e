"""Parts of the machinery are killed at the worst moments: the right answer to that caller, nothing to the others, and
the next invocation works. At the end nothing is left of any of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

HERE = Path(__file__).parent
ECHO = "def handler(event, context):\n    return event\n"
PER_SANDBOX = 8


class Census:
    """What the server and its sandboxes consist of."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.parents = [Path(p) for p in json.loads((server.data / "sandboxes" / "groups.json").read_text())]

    def launcher(self) -> int:
        """Its process, when there is one."""
        return next((pid for pid in children(self.server.process.pid) if name_of(pid) == "lambent-sandbox"), 0)

    def zygotes(self) -> list[int]:
        """All that run."""
        return [pid for pid in children(self.launcher()) if name_of(pid) not in ("agent", "")]

    def agents(self) -> list[int]:
        """Of all sandboxes."""
        return [int(each) for each in os.listdir("/proc") if each.isdigit() and self._is_our_agent(int(each))]

    def _is_our_agent(self, pid: int) -> bool:
        with contextlib.suppress(OSError):
            if name_of(pid) == "agent" and name_of(parent_of(pid)) != "agent":  # its forks keep its name
                groups = Path(f"/proc/{pid}/cgroup").read_text()
                return any(f"/{parent.name}/" in groups for parent in self.parents)
        return False

    def sandboxes(self) -> set[str]:
        """Names of control groups."""
        return {entry.name for parent in self.parents for entry in os.scandir(parent) if entry.is_dir()} - {"launcher"}

    def files(self) -> int:
        """Open descriptors of the server."""
        return len(os.listdir(f"/proc/{self.server.process.pid}/fd"))

    def loops(self) -> list[str]:
        """Disks that have a file of this server's."""
        found = []
        for each in Path("/sys/block").glob("loop*/loop/backing_file"):
            with contextlib.suppress(OSError):
                found += [each.parts[3]] * each.read_text().startswith(str(self.server.data))
        return found

    def surplus(self, before: Census.Counts) -> list[str]:
        """What is there beyond what the sandboxes need that wait for a function."""
        sandboxes, agents, files = len(self.sandboxes()), len(self.agents()), self.files()
        allowed = before[1] + PER_SANDBOX * max(0, sandboxes - before[0])
        return [
            *([f"{sandboxes} groups and {agents} agents"] if sandboxes != agents else []),
            *([f"{files} descriptors, {allowed} explained"] if files > allowed else []),
        ]

    Counts = tuple[int, int]

    def counts(self) -> Counts:
        """Sandboxes and descriptors now."""
        return len(self.sandboxes()), self.files()


def children(pid: int) -> list[int]:
    """Of a process."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            found += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    return found


def parent_of(pid: int) -> int:
    """Of a process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def name_of(pid: int) -> str:
    """A process's name; empty when it has ended, be it that nobody has asked for its status yet."""
    try:
        name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition(" (")[2].rpartition(") ")
    except OSError:
        return ""
    return "" if rest[0] in "ZX" else name


@pytest.fixture(scope="module")
def server(tools: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server that can be made to fail. At its end, after all faults, it holds what it needs and leaves nothing."""
    server = tools.Server(tmp_path_factory.mktemp("faulty") / "data", program=(str(HERE / "faulty_server.py"), "serve"))
    server.start()
    server.function("bystander", {"app.py": ECHO})
    assert invoke(server, "bystander", 1) == 1
    census = Census(server)
    tools.wait_for(lambda: len(census.sandboxes()) == len(census.agents()))
    before = census.counts()
    yield server
    aws = server.client("lambda")
    for function in aws.list_functions()["Functions"]:
        aws.delete_function(FunctionName=function["FunctionName"])
    tools.wait_for(lambda: not census.surplus(before), seconds=60)
    everybody = [census.launcher(), *census.zygotes(), *census.agents()]
    assert server.stop() == 0
    tools.wait_for(lambda: not [pid for pid in everybody if name_of(pid)])
    assert not [parent for parent in census.parents if parent.exists()]
    assert str(server.data) not in Path("/proc/self/mountinfo").read_text()
    tools.wait_for(lambda: not census.loops())
    assert sorted(each.name for each in (server.data / "sandboxes").iterdir()) == [
        "disks",
        "groups.json",
        "root",
        "server.lock",
    ]


@pytest.fixture
def bystander(server: Any) -> Iterator[None]:
    """Somebody else's function, invoked again and again while the test goes on: all its answers are right."""
    over = threading.Event()
    wrong: list[Any] = []

    def go_on() -> None:
        n = 0
        while not over.is_set():
            n += 1
            if (answer := invoke(server, "bystander", n)) != n:
                wrong.append(answer)

    thread = threading.Thread(target=go_on)
    thread.start()
    yield
    over.set()
    thread.join()
    assert not wrong


@pytest.fixture
def deploy(server: Any) -> Callable[..., str]:
    def deploy(source: str, **members: Any) -> str:
        name = f"f-{uuid4().hex[:12]}"
        file = "bootstrap" if "Runtime" in members else "app.py"
        server.function(name, {file: source}, **{"Timeout": 20, "MemorySize": 512, **members})
        return name

    return deploy


def invoke(server: Any, name: str, event: Any) -> Any:
    """What the caller gets."""
    return json.loads(server.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))["Payload"].read())


@pytest.mark.parametrize("step", ["before", "while limits are written", "after the mount", "launcher"])
def test_a_sandbox_that_dies_before_it_got_its_function_is_replaced_unnoticed(server, deploy, bystander, step):
    name = deploy(ECHO)
    (server.data / "fault").write_text(step)
    assert invoke(server, name, {"n": step}) == {"n": step}
    assert not (server.data / "fault").exists(), "it has happened"
    assert invoke(server, name, 2) == 2


@pytest.mark.parametrize("step", ["after the message", "during import", "at the first next"])
def test_a_sandbox_that_dies_while_it_starts_costs_its_own_invocation_at_most(server, deploy, bystander, step):
    source = ECHO
    if step == "during import":
        # The next one, on a new disk, finds what the test has changed.
        source = (
            "import os, time\nopen('/tmp/importing', 'w').close()\nif not os.environ.get('GO'): time.sleep(60)\n" + ECHO
        )
    name = deploy(source)
    (server.data / "fault").write_text(step)
    answer = invoke(server, name, {"n": step})
    assert not (server.data / "fault").exists(), "it has happened"
    assert answer == {"n": step} or answer["errorType"] == "Runtime.ExitError", answer
    if step == "during import":
        aws = server.client("lambda")
        aws.update_function_configuration(FunctionName=name, Environment={"Variables": {"GO": "1"}})
        aws.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert invoke(server, name, 2) == 2


def test_zygotes_that_are_killed_are_replaced(server, deploy, bystander, tools):
    census = Census(server)
    killed = census.zygotes()
    assert killed
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    tools.wait_for(lambda: not any(name_of(pid) for pid in killed))
    names = [deploy(ECHO) for _ in range(3)]
    assert [invoke(server, name, n) for n, name in enumerate(names)] == [0, 1, 2]
    # More than waited already, so that new ones have to be made.
    together = deploy("import time\ndef handler(event, context):\n    time.sleep(1)\n    return event\n")
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda n=n: answers.append(invoke(server, together, n))) for n in range(14)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(14))
    assert not set(census.zygotes()) & set(killed)


def test_a_launcher_that_is_killed_is_replaced_and_what_runs_goes_on(server, deploy, bystander, tools):
    name = deploy("n = 0\ndef handler(event, context):\n    global n\n    n += 1\n    return n\n")
    assert invoke(server, name, None) == 1
    killed = Census(server).launcher()
    assert killed
    os.kill(killed, signal.SIGKILL)
    tools.wait_for(lambda: not name_of(killed))
    assert invoke(server, name, None) == 2, "its environment lives on"
    assert invoke(server, deploy(ECHO), "new") == "new"
    assert Census(server).launcher() not in (0, killed)


WAITING = (
    "import os, time\ndef handler(event, context):\n    if event == 'wait':\n        time.sleep(60)\n    return event\n"
)


@pytest.mark.parametrize("victim", ["agent", "runtime"])
def test_who_is_killed_in_the_middle_of_an_invocation_costs_that_one_alone(server, deploy, bystander, tools, victim):
    name = deploy(WAITING)
    census = Census(server)
    answers: list[Any] = []
    caller = threading.Thread(target=lambda: answers.append(invoke(server, name, "wait")))
    caller.start()

    def found() -> int:
        """The agent whose program has this function's code mounted."""
        for pid in census.agents():
            with contextlib.suppress(OSError):
                for program in children(pid):
                    text = Path(f"/proc/{program}/root/var/task/app.py").read_text()
                    if text == WAITING and busy(program):
                        return pid if victim == "agent" else program
        return 0

    pid = tools.wait_for(found)
    os.kill(pid, signal.SIGKILL)
    caller.join()
    assert answers[0]["errorType"] == "Runtime.ExitError", answers
    assert answers[0]["errorMessage"].endswith("Runtime exited with error: signal: killed")
    assert invoke(server, name, "again") == "again"


def busy(pid: int) -> bool:
    """Whether it sleeps in its handler: there it waits for time to pass, and nowhere else."""
    return "nanosleep" in Path(f"/proc/{pid}/wchan").read_text() or Path(f"/proc/{pid}/syscall").read_text().split()[
        0
    ] in ("35", "230", "115", "101")


HALF = r"""#!/bin/bash
exec 5<>/dev/tcp/127.0.0.1/9001
printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n' >&5
while IFS= read -r line <&5; do
  line=${line%$'\r'}
  [ -z "$line" ] && break
  case ${line,,} in
    lambda-runtime-aws-request-id:*) id=${line#*: } ;;
    content-length:*) size=${line#*: } ;;
  esac
done
read -r -N "$size" event <&5
path="/2018-06-01/runtime/invocation/$id/response"
if [ "$event" = '"half"' ]; then
  printf 'POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"half":' "$path" >&5
  kill -9 $$
fi
printf 'POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s' "$path" ${#event} "$event" >&5
read -r line <&5
sleep 60
"""


def test_half_an_answer_is_none(server, deploy, bystander):
    name = deploy(HALF, Runtime="provided.al2023", Handler="any")
    answer = invoke(server, name, "half")
    assert answer["errorType"] == "Runtime.ExitError"
    assert answer["errorMessage"].endswith("signal: killed")
    assert invoke(server, name, "whole") == "whole"
