"""Functions of every kind through the public API of a server on a machine where no namespace can be made (weak.py)."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from lambent.app import _instance
from lambent.sandbox.namespaces.syscalls import landlock_version

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be weakened"),
    pytest.mark.skipif(landlock_version() == 0, reason="this kernel has no Landlock"),
]

SYSTEM = "/usr/bin:/bin:/usr/local/bin"
PYTHON_NAME = f"python3.{sys.version_info[1]}"
# Where the system has this Python, functions take that one: root's own must first be copied to where others may read.
PREFERRING = ("env", "PYENV_ROOT=/none", f"PATH={SYSTEM}") if shutil.which(PYTHON_NAME, path=SYSTEM) else ()
WEAK = (str(Path(__file__).parent / "weak.py"), *PREFERRING, sys.executable, "-m", "lambent", "serve")

PYTHON = """
import os, tempfile, boto3, layered
def handler(event, context):
    with tempfile.NamedTemporaryFile("w+") as file:
        file.write("kept"); file.flush()
        kept = open(file.name).read()
    return {"me": boto3.client("sts").get_caller_identity()["Arn"], "kept": kept, "layer": layered.name,
            "in_task": os.getcwd() == os.environ["LAMBDA_TASK_ROOT"], "uid": os.getuid(), "set": os.environ["SET"]}
"""

NODE = """
import fs from "node:fs"; import os from "node:os"; import { execSync } from "node:child_process";
export const handler = async () => {
  fs.writeFileSync(`${os.tmpdir()}/kept`, "kept");
  console.log("a line of the log");
  const kept = execSync(`cat ${os.tmpdir()}/kept`).toString();
  return { kept, in_task: process.cwd() === process.env.LAMBDA_TASK_ROOT };
};
"""

CUSTOM = """#!/usr/bin/python3
import json, os, urllib.request
api = "http://%s/2018-06-01/runtime/" % os.environ["AWS_LAMBDA_RUNTIME_API"]
while True:
    with urllib.request.urlopen(api + "invocation/next") as event:
        name, body = event.headers["Lambda-Runtime-Aws-Request-Id"], event.read()
    answer = json.dumps({"got": json.loads(body), "in_task": os.getcwd() == os.environ["LAMBDA_TASK_ROOT"]}).encode()
    urllib.request.urlopen(urllib.request.Request(api + "invocation/%s/response" % name, answer)).close()
"""

SLOW = """
import os, subprocess, time
def handler(event, context):
    if event.get("exit"):
        os._exit(3)
    if event.get("sleep"):
        subprocess.Popen(["sh", "-c", "sleep 1000; exit", event["sleep"]], start_new_session=True)
        time.sleep(60)
    return event
"""


@pytest.fixture(scope="module")
def server(tools: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    server = tools.Server(tmp_path_factory.mktemp("weak") / "data", program=WEAK).start()
    yield server
    server.stop()


def running(mark: str) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found += [folder.name] if mark in (folder / "cmdline").read_text() else []
        except OSError:
            continue
    return found


def invoked(server: Any, name: str, event: object = None) -> Any:
    answer = server.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event or {}))
    return answer.get("FunctionError"), json.loads(answer["Payload"].read())


@pytest.mark.parametrize("plain", [False, True])
def test_a_python_function_finds_its_code_layers_tmp_sdk_and_aws(server, tools, plain):
    name = f"f-{uuid4().hex[:8]}"
    zipped = tools.zipped({"python/layered.py": "name = 'a layer'"})
    layer = server.client("lambda").publish_layer_version(LayerName=name, Content={"ZipFile": zipped})
    variables = {"SET": "/opt is only a text here", **({"PYTHONHASHSEED": "1"} if plain else {})}
    server.function(
        name,
        {"app.py": PYTHON},
        Environment={"Variables": variables},
        Layers=[layer["LayerVersionArn"]],
        Timeout=30,
        Runtime=PYTHON_NAME,
    )
    error, value = invoked(server, name)
    assert error is None, value
    assert value.pop("me").endswith(f"assumed-role/runner/{name}")
    assert value.pop("uid") > 65535
    assert value == {"kept": "kept", "layer": "a layer", "in_task": True, "set": "/opt is only a text here"}


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js on this machine")
@pytest.mark.parametrize("plain", [False, True])
def test_a_node_function_runs(server, plain):
    name = f"f-{uuid4().hex[:8]}"
    environment = {"Variables": {"NODE_OPTIONS": "--no-warnings"} if plain else {}}
    server.function(name, {"app.mjs": NODE}, Runtime="nodejs20.x", Environment=environment, Timeout=30)
    assert invoked(server, name) == (None, {"kept": "kept", "in_task": True})


@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="its program is one for the system's Python")
def test_a_custom_runtime_runs(server):
    name = f"f-{uuid4().hex[:8]}"
    server.function(name, {"bootstrap": CUSTOM}, Runtime="provided.al2023", Timeout=30)
    assert invoked(server, name, {"n": 1}) == (None, {"got": {"n": 1}, "in_task": True})


def test_a_time_out_takes_the_children_along_and_an_exit_is_told(server):
    name, mark = f"f-{uuid4().hex[:8]}", uuid4().hex
    server.function(name, {"app.py": SLOW}, Timeout=2, Runtime=PYTHON_NAME)
    error, value = invoked(server, name, {"sleep": mark})
    assert error == "Unhandled"
    assert "Task timed out after 2.00 seconds" in value["errorMessage"]
    assert invoked(server, name, {"n": 2}) == (None, {"n": 2})
    assert running(mark) == []
    error, value = invoked(server, name, {"exit": True})
    assert value["errorType"] == "Runtime.ExitError"


def test_the_health_says_what_is_lacking(server, tools):
    status, _, body = tools.http(f"{server.endpoint}/_lambent/health")
    told = json.loads(body)
    assert (status, told["isolation"]) == (200, "process-only")
    assert any("Landlock and seccomp alone" in note for note in told["notes"])


def test_a_server_that_was_killed_leaves_no_process_and_its_successor_no_room(tools, tmp_path):
    server = tools.Server(tmp_path / "data", program=WEAK).start()
    mark = uuid4().hex
    server.function("slow", {"app.py": SLOW}, Timeout=30, Runtime=PYTHON_NAME)
    config = server.client("lambda").meta.config.merge(_impatient())
    with pytest.raises(Exception, match=r"[Tt]ime"):
        server.client("lambda", config=config).invoke(FunctionName="slow", Payload=json.dumps({"sleep": mark}))
    tools.wait_for(lambda: running(mark))
    server.kill()
    tools.wait_for(lambda: not running(mark))
    server.start()
    assert invoked(server, "slow", {"n": 1}) == (None, {"n": 1})
    server.stop()
    assert list((tmp_path / "data" / "sandboxes").glob("rooms*")) == []
    assert list(Path("/var/lib/lambent").glob(f"{_instance(tmp_path / 'data')}*")) == []


def _impatient() -> Any:
    from botocore.config import Config

    return Config(retries={"total_max_attempts": 1}, read_timeout=5)
