"""What must hold for every runtime, shown by one function per runtime that tells what it sees of itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambent.runtimes.java.building import SOURCES
from lambent.runtimes.java.runtime import FAMILY as JAVA
from lambent.runtimes.nodejs.runtime import FAMILY as NODEJS
from lambent.runtimes.python.runtime import FAMILY as PYTHON

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

PYTHON_PROBE = """
import os, random, secrets, ssl, sys, tempfile, uuid
MADE = [random.random(), random.Random().random(), uuid.uuid4().hex, secrets.token_hex(), os.urandom(8).hex(),
        ssl.RAND_bytes(8).hex(), random.SystemRandom().random(), next(tempfile._get_candidate_names())]
def read(name):
    with open("/proc/self/" + name) as file:
        return file.read()
def handler(event, context):
    return {"env": dict(os.environ), "made": MADE, "proc": read("environ") + read("cmdline"), "cwd": os.getcwd(),
            "version": "%d.%d" % sys.version_info[:2]}
"""
NODE_PROBE = """
import crypto from "node:crypto";
import { readFileSync } from "node:fs";
const made = [Math.random(), crypto.randomUUID(), crypto.randomBytes(8).toString("hex"), crypto.randomInt(2 ** 40),
              Buffer.from(crypto.webcrypto.getRandomValues(new Uint8Array(8))).toString("hex")];
const read = (name) => readFileSync(`/proc/self/${name}`, "utf8");
export const handler = async () => ({ env: { ...process.env }, made, proc: read("environ") + read("cmdline"),
  cwd: process.cwd(), version: process.versions.node.split(".")[0] });
"""
RUBY_PROBE = """
require "openssl"
require "securerandom"
MADE = [rand, Random.new.rand, Random.new_seed, SecureRandom.uuid, SecureRandom.hex,
        OpenSSL::Random.random_bytes(8).unpack1("H*"), Random.urandom(8).unpack1("H*"), [*1..1000].shuffle.first(8)]
def handler(event:, context:)
  { env: ENV.to_h, made: MADE, proc: File.read("/proc/self/environ") + File.read("/proc/self/cmdline"), cwd: Dir.pwd,
    version: RUBY_VERSION }
end
"""
JAVA_PROBE = """
import java.nio.file.*;
import java.security.SecureRandom;
import java.util.*;
import java.util.concurrent.ThreadLocalRandom;

public class Probe {
    static final List<Object> MADE = new ArrayList<>();
    static {
        MADE.add(Math.random());
        MADE.add(new Random().nextLong());
        MADE.add(ThreadLocalRandom.current().nextLong());
        MADE.add(UUID.randomUUID().toString());
        MADE.add(new SecureRandom().nextLong());
        MADE.add(new SplittableRandom().nextLong());
    }
    public Map<String, Object> handle() throws Exception {
        String proc = Files.readString(Path.of("/proc/self/environ")) + Files.readString(Path.of("/proc/self/cmdline"));
        return Map.of("env", System.getenv(), "made", MADE, "proc", proc,
            "cwd", Path.of("").toAbsolutePath().toString(), "version", String.valueOf(Runtime.version().feature()));
    }
}
"""
SHELL_PROBE = """#!/usr/bin/python3 -IS
import json, os, urllib.request
api = "http://%s/2018-06-01/runtime/" % os.environ["AWS_LAMBDA_RUNTIME_API"]
made = [os.urandom(8).hex()]
def read(name):
    with open("/proc/self/" + name) as file:
        return file.read()
# Not os.environ: Python itself adds to that.
env = dict(each.split("=", 1) for each in read("environ").split("\\0") if each)
seen = {"env": env, "made": made, "proc": read("environ") + read("cmdline"), "cwd": os.getcwd(), "version": ""}
while True:
    with urllib.request.urlopen(api + "invocation/next") as event:
        request_id = event.headers["Lambda-Runtime-Aws-Request-Id"]
        event.read()
    urllib.request.urlopen(api + "invocation/%s/response" % request_id, json.dumps(seen).encode()).read()
"""


@dataclass(frozen=True)
class Case:
    """A runtime, the function that tells of it, and the variables that only this runtime has."""

    runtime: str
    handler: str
    files: dict[str, str | bytes]
    variables: dict[str, str]
    version: str | None = None
    """What the function says that runs it, where the exact version is here."""
    absent: frozenset[str] = field(default_factory=frozenset)


SHELL = {"PWD": "/var/task", "SHLVL": "0"}


def _pythons() -> list[Case]:
    found = {
        told.numbers[1] for path in PYTHON.candidates() if (told := PYTHON.probe(path)) and told.numbers[:1] == (3,)
    }
    cases = []
    for minor in sorted(found & set(range(8, 15))):
        name = f"python3.{minor}"
        more = {**SHELL, "AWS_EXECUTION_ENV": f"AWS_Lambda_{name}", "LC_CTYPE": "C.UTF-8", "PYTHONPATH": "/var/runtime"}
        cases.append(Case(name, "app.handler", {"app.py": PYTHON_PROBE}, more, f"3.{minor}"))
    return cases


def _nodes() -> list[Case]:
    found = {told.numbers[0] for path in NODEJS.candidates() if (told := NODEJS.probe(path))}
    cases = []
    for major in sorted(found & {16, 18, 20, 22, 24, 26}):
        path = f"/opt/nodejs/node{major}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules"
        path += ":/var/runtime:/var/task"
        more = {**SHELL, "AWS_EXECUTION_ENV": f"AWS_Lambda_nodejs{major}.x", "NODE_PATH": path}
        cases.append(Case(f"nodejs{major}.x", "app.handler", {"app.mjs": NODE_PROBE}, more, str(major)))
    return cases


def _others() -> list[Case]:
    cases = []
    if shutil.which("ruby"):
        more = {
            **SHELL, "AWS_EXECUTION_ENV": "AWS_Lambda_ruby3.3", "GEM_HOME": "/var/runtime",
            "RUBYLIB": "/var/task:/var/runtime/lib:/opt/ruby/lib",
        }  # fmt: skip
        cases.append(Case("ruby3.3", "app.handler", {"app.rb": RUBY_PROBE}, more))
    for major in sorted({told.numbers[0] for path in JAVA.candidates() if (told := JAVA.probe(path))} & {17, 21, 25}):
        more = {"AWS_EXECUTION_ENV": f"AWS_Lambda_java{major}", "_LAMBDA_TELEMETRY_LOG_FD": "4"}
        cases.append(Case(f"java{major}", "Probe::handle", {}, more, str(major)))
    if Path("/usr/bin/python3").exists():
        more = {
            "LD_LIBRARY_PATH": "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
            "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        }
        absent = frozenset({"_X_AMZN_TRACE_ID"})
        cases.append(Case("provided.al2023", "anything.at::all", {"bootstrap": SHELL_PROBE}, more, absent=absent))
    return cases


CASES = [*_pythons(), *_nodes(), *_others()]
SAID_BY_THIS_SERVER = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}
GIVEN = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_LAMBDA_METADATA_API": "127.0.0.1:9001",
    "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
    "AWS_REGION": "us-east-1",
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "LAMBDA_TASK_ROOT": "/var/task",
    "LANG": "en_US.UTF-8",
    "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "TZ": ":UTC",
    "_AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1",
    "_AWS_XRAY_DAEMON_PORT": "2000",
    "MINE": "é yes",
    **SAID_BY_THIS_SERVER,
}
CHANGING = {
    "AWS_ACCESS_KEY_ID": "ASIA",
    "AWS_SECRET_ACCESS_KEY": "",
    "AWS_SESSION_TOKEN": "",
    "AWS_LAMBDA_LOG_STREAM_NAME": "20",
    "AWS_LAMBDA_METADATA_TOKEN": "",
    "_X_AMZN_TRACE_ID": "Root=1-",
}
"""The beginnings of those whose values differ from environment to environment."""
COMPUTED = frozenset({"GEM_PATH"})


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("probe")
    (folder / "Probe.java").write_text(JAVA_PROBE)
    command = ["javac", "--release", "17", "-nowarn", "-proc:none", "-sourcepath", str(SOURCES), "-d", str(folder)]
    subprocess.run([*command, str(folder / "Probe.java")], check=True)
    return (folder / "Probe.class").read_bytes()


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.runtime)
def told(request: pytest.FixtureRequest, shared_server: Any) -> tuple[Case, list[tuple[str, dict[str, Any]]]]:
    """A case, and what two functions of it tell: each in an environment of its own, of one origin."""
    case: Case = request.param
    aws = shared_server.client("lambda")
    files = case.files or {"Probe.class": request.getfixturevalue("compiled")}
    answers = []
    for number in (1, 2):
        name = f"probe-{case.runtime.replace('.', '-')}-{number}"
        members = {"Runtime": case.runtime, "Handler": case.handler, "Timeout": 30, "MemorySize": 512}
        shared_server.function(name, files, Environment={"Variables": {"MINE": "é yes"}}, **members)
        try:
            answer = aws.invoke(FunctionName=name)
            payload = json.loads(answer["Payload"].read())
            assert "FunctionError" not in answer, payload
        finally:
            aws.delete_function(FunctionName=name)
        answers.append((name, payload))
    return case, answers


def _managed() -> list[Case]:
    """The newest of each language."""
    newest = {case.runtime.rstrip("0123456789.x"): case for case in CASES if not case.runtime.startswith("provided")}
    return list(newest.values())


# As AWS's documentation shows them: what is given are the runtime's program, its options, and its entry at the end.
WRAPPER = """#!/bin/bash
args=("$@")
export WRAPPED="$1" COUNT="$#" JAVA_TOOL_OPTIONS="-Dwrapped=yes"
[[ "$1" == *python* ]] && args=("${args[@]:0:$#-1}" "-X" "importtime" "${args[@]: -1}")
[[ "$1" == *node* ]] && args=("${args[@]:0:1}" "--no-warnings" "${args[@]:1}")
exec "${args[@]}"
"""


@pytest.mark.parametrize("case", _managed(), ids=lambda case: case.runtime)
def test_a_wrapper_script_starts_the_runtime(case: Case, request: pytest.FixtureRequest, shared_server: Any) -> None:
    files = case.files or {"Probe.class": request.getfixturevalue("compiled")}
    members = {"Runtime": case.runtime, "Handler": case.handler, "Timeout": 30, "MemorySize": 512}
    name = f"wrapped-{case.runtime.replace('.', '-')}"
    variables = {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/bootstrap"}  # so called to be executable
    shared_server.function(name, {**files, "bootstrap": WRAPPER}, Environment={"Variables": variables}, **members)
    aws = shared_server.client("lambda")
    try:
        answer = aws.invoke(FunctionName=name)
        told = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, told
        language = case.runtime.rstrip("0123456789.x").removesuffix("js")
        assert language in told["env"]["WRAPPED"]
        assert int(told["env"]["COUNT"]) >= 2
        assert told["env"]["AWS_LAMBDA_EXEC_WRAPPER"] == "/var/task/bootstrap"
        assert told["cwd"] == "/var/task"
    finally:
        aws.delete_function(FunctionName=name)


@pytest.mark.parametrize("case", _managed(), ids=lambda case: case.runtime)
def test_a_wrapper_that_is_missing_ends_the_runtime_with_status_127(
    case: Case, request: pytest.FixtureRequest, shared_server: Any
) -> None:
    files = case.files or {"Probe.class": request.getfixturevalue("compiled")}
    name = f"unwrapped-{case.runtime.replace('.', '-')}"
    variables = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/absent"}
    members = {"Runtime": case.runtime, "Handler": case.handler, "Environment": {"Variables": variables}}
    shared_server.function(name, files, **members)
    aws = shared_server.client("lambda")
    try:
        answer = aws.invoke(FunctionName=name)
        request_id = answer["ResponseMetadata"]["RequestId"]
        assert json.loads(answer["Payload"].read()) == {
            "errorType": "Runtime.ExitError",
            "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: exit status 127",
        }
    finally:
        aws.delete_function(FunctionName=name)


def test_the_environment_is_complete_and_nothing_else(told: Any) -> None:
    case, answers = told
    for name, answer in answers:
        env = {key: value for key, value in answer["env"].items() if key not in COMPUTED}
        expected = {
            **GIVEN,
            **case.variables,
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
            "_HANDLER": case.handler,
        }
        changing = {key: start for key, start in CHANGING.items() if key not in case.absent}
        for key, start in changing.items():
            if case.runtime.startswith("java") and key == "_X_AMZN_TRACE_ID":
                continue  # a system property there
            assert env.pop(key).startswith(start), key
        assert env == expected


def test_the_exact_version_runs_it_in_its_folder(told: Any) -> None:
    case, answers = told
    for _, answer in answers:
        assert answer["cwd"] == "/var/task"
        if case.version is not None:
            assert answer["version"] == case.version


def test_no_random_number_is_shared(told: Any) -> None:
    _, ((_, one), (_, other)) = told
    assert len(one["made"]) == len(other["made"])
    assert not [pair for pair in zip(one["made"], other["made"], strict=True) if pair[0] == pair[1]]


def test_the_process_shows_nothing_of_the_host(told: Any, shared_server: Any) -> None:
    _, answers = told
    secrets = [shared_server.credentials()["aws_secret_access_key"], str(shared_server.data), str(Path.home()) + "/"]
    secrets += [f"{key}={value}" for key, value in os.environ.items() if key not in GIVEN and value]
    for _, answer in answers:
        shown = answer["proc"].split("\0")
        assert not [secret for secret in secrets if any(secret in each for each in shown)]


def test_a_version_that_stands_in_for_another_says_so_and_is_refused_by_strict_servers(
    shared_server: Any, make_server: Any, tools: Any
) -> None:
    here = {case.runtime for case in CASES if case.version is not None}
    name = next((name for name in ("python3.14", "python3.13", "python3.9", "python3.8") if name not in here), None)
    if name is None:
        pytest.skip("every Python is here")
    source = "import sys\ndef handler(event, context):\n    return sys.version_info[:2]\n"
    shared_server.function("stood-in-for", {"app.py": source}, Runtime=name)
    aws = shared_server.client("lambda")
    try:
        answer = aws.invoke(FunctionName="stood-in-for")
        version = ".".join(map(str, json.loads(answer["Payload"].read())))
        logs = shared_server.client("logs")
        said = f"LAMBENT {name} is not on this host: Python {version}."
        group = {"logGroupName": "/aws/lambda/stood-in-for", "filterPattern": "LAMBENT"}
        (event,) = tools.wait_for(lambda: logs.filter_log_events(**group)["events"])
        assert event["message"].startswith(said)
    finally:
        aws.delete_function(FunctionName="stood-in-for")
    strict = make_server("--strict-runtimes").start()
    with pytest.raises(ClientError, match=f"does not have its exact version to run {name} functions with"):
        strict.function("never", {"app.py": source}, Runtime=name)
