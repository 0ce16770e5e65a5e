"""AWS's own runtime clients, unchanged, as what a custom runtime starts: in a sandbox, through the API."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

SYSTEM_PYTHON = Path("/usr/bin/python3")
NODE_CLIENT = "LAMBENT_TEST_NODE_CLIENT"
HOW = (
    f"set {NODE_CLIENT} to a folder where `npm install aws-lambda-ric` was run (it takes minutes, and needs make, g++, "
    "cmake, autoconf, automake and libtool)"
)

PYTHON_APP = """
import os
COUNT = [0]
def handler(event, context):
    if "fail" in event:
        raise KeyError(event["fail"])
    if "exit" in event:
        os._exit(event["exit"])
    print("seen", event)
    COUNT[0] += 1
    return {"n": COUNT[0], "event": event, "id": context.aws_request_id, "arn": context.invoked_function_arn,
            "memory": context.memory_limit_in_mb, "left": context.get_remaining_time_in_millis(),
            "custom": context.client_context and context.client_context.custom, "trace": os.environ["_X_AMZN_TRACE_ID"]}
"""
NODE_APP = """
let count = 0;
export const handler = async (event, context) => {
  if ("fail" in event) throw new RangeError(event.fail);
  if ("exit" in event) process.exit(event.exit);
  console.log("seen", event);
  return { n: ++count, event, id: context.awsRequestId, arn: context.invokedFunctionArn,
    memory: context.memoryLimitInMB, left: context.getRemainingTimeInMillis(),
    custom: context.clientContext?.custom ?? null, trace: process.env._X_AMZN_TRACE_ID };
};
"""


@dataclass(frozen=True)
class Client:
    """A function whose runtime is an official client."""

    name: str
    files: dict[str, str | bytes]
    error: tuple[str, str]
    missing: str
    """The error's type when the handler's module is not there."""


def _tree(root: Path, prefix: str, left_out: tuple[str, ...] = ()) -> dict[str, str | bytes]:
    files: dict[str, str | bytes] = {}
    for path in root.rglob("*"):
        inside = path.relative_to(root)
        if path.is_file() and inside.parts[0] not in left_out and "__pycache__" not in inside.parts:
            files[f"{prefix}/{inside}"] = path.read_bytes()
    return files


def _python() -> Client:
    if importlib.util.find_spec("awslambdaric") is None:
        pytest.skip("awslambdaric is not installed")
    asked = [SYSTEM_PYTHON, "-c", "import sys; print(sys.version_info[:2])"]
    if not SYSTEM_PYTHON.exists() or subprocess.check_output(asked, text=True).strip() != str(sys.version_info[:2]):
        pytest.skip("the system's Python is not the one that awslambdaric was installed for")
    files: dict[str, str | bytes] = {"app.py": PYTHON_APP}
    site = Path(str(importlib.util.find_spec("awslambdaric").origin)).parent.parent  # type: ignore[union-attr]
    for package in ("awslambdaric", "simplejson"):
        files |= _tree(site / package, package)
    for module in (*site.glob("runtime_client*.so"), *site.glob("snapshot_restore_py*.py")):
        files[module.name] = module.read_bytes()
    files["bootstrap"] = '#!/bin/sh\nexec /usr/bin/python3 -m awslambdaric "$_HANDLER"\n'
    return Client("python", files, ("KeyError", "'badly'"), "Runtime.ImportModuleError")


def _node() -> Client:
    folder, node = os.environ.get(NODE_CLIENT), shutil.which("node")
    package = Path(folder or "/nowhere") / "node_modules" / "aws-lambda-ric"
    if not package.is_dir():
        pytest.skip(f"no aws-lambda-ric: {HOW}")
    if node is None or not Path(node).resolve().is_relative_to("/usr"):
        pytest.skip("there is no Node.js in the system's folders, where a custom runtime finds it")
    files: dict[str, str | bytes] = {"app.mjs": NODE_APP}
    files |= _tree(package, "node_modules/aws-lambda-ric", ("deps", "src", "build", "node_modules"))
    files |= _tree(package.parent / "@aws", "node_modules/@aws")
    start = "index.mjs" if (package / "index.mjs").exists() else "bin/index.mjs"
    files["bootstrap"] = f'#!/bin/sh\nexec {node} node_modules/aws-lambda-ric/{start} "$_HANDLER"\n'
    return Client("node", files, ("RangeError", "badly"), "Runtime.ImportModuleError")


@pytest.fixture(scope="module", params=[_python, _node], ids=["awslambdaric", "aws-lambda-ric"])
def client(request: pytest.FixtureRequest) -> Client:
    made: Client = request.param()
    return made


@pytest.fixture(scope="module")
def function(client: Client, shared_server: Any) -> Iterator[str]:
    name = f"official-{client.name}"
    members = {"Runtime": "provided.al2023", "Handler": "app.handler", "Timeout": 20, "MemorySize": 512}
    shared_server.function(name, client.files, **members)
    yield name
    shared_server.client("lambda").delete_function(FunctionName=name)


def test_it_takes_events_with_their_context_and_answers(function: str, shared_server: Any) -> None:
    aws = shared_server.client("lambda")
    context = base64.b64encode(b'{"custom":{"a":"1"}}').decode()
    for n in (1, 2):
        event = b'{"a":[1,null,"\xc3\xa9"]}'
        answer = aws.invoke(FunctionName=function, Payload=event, LogType="Tail", ClientContext=context)
        told = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, told
        assert 0 < told.pop("left") <= 20_000
        assert told.pop("trace").startswith("Root=1-")
        assert told == {
            "n": n,
            "event": {"a": [1, None, "é"]},
            "id": answer["ResponseMetadata"]["RequestId"],
            "arn": f"arn:aws:lambda:us-east-1:000000000000:function:{function}",
            "memory": "512",
            "custom": {"a": "1"},
        }
        assert "seen" in base64.b64decode(answer["LogResult"]).decode()


def test_its_errors_are_the_function_s(client: Client, function: str, shared_server: Any) -> None:
    answer = shared_server.client("lambda").invoke(FunctionName=function, Payload=b'{"fail":"badly"}')
    told = json.loads(answer["Payload"].read())
    assert answer["FunctionError"] == "Unhandled"
    assert (told["errorType"], told["errorMessage"]) == client.error


def test_after_an_exit_it_is_started_again(function: str, shared_server: Any) -> None:
    aws = shared_server.client("lambda")
    answer = aws.invoke(FunctionName=function, Payload=b'{"exit":3}')
    assert json.loads(answer["Payload"].read())["errorMessage"].endswith("Runtime exited with error: exit status 3")
    assert json.loads(aws.invoke(FunctionName=function, Payload=b"{}")["Payload"].read())["n"] == 1


def test_six_megabytes_go_in_and_out(function: str, shared_server: Any) -> None:
    event = {"x": "x" * 5_900_000}
    answer = shared_server.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    assert json.loads(answer["Payload"].read())["event"] == event


def test_its_initialisation_error_is_told(client: Client, shared_server: Any) -> None:
    aws = shared_server.client("lambda")
    name = f"official-{client.name}-missing"
    members = {"Runtime": "provided.al2023", "Handler": "missing.handler", "Timeout": 20, "MemorySize": 512}
    shared_server.function(name, client.files, **members)
    try:
        answer = aws.invoke(FunctionName=name)
        assert json.loads(answer["Payload"].read())["errorType"] == client.missing
    finally:
        aws.delete_function(FunctionName=name)
