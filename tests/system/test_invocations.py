"""Functions run for real, through the public API of a server process: results, errors, logs, limits, isolation."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js on this machine")
NODE = "nodejs20.x"

Run = Callable[..., "Answer"]


class Answer:
    """What an Invoke was answered, with its log."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.status = answer["StatusCode"]
        self.error = answer.get("FunctionError")
        self.version = answer.get("ExecutedVersion")
        self.raw = answer["Payload"].read()
        self.log = base64.b64decode(answer.get("LogResult", "")).decode()
        self.request_id = answer["ResponseMetadata"]["RequestId"]

    @property
    def value(self) -> Any:
        return json.loads(self.raw)


@pytest.fixture(scope="module")
def server(shared_server: Any) -> Any:
    return shared_server


@pytest.fixture(scope="module")
def aws(server: Any) -> Any:
    return server.client("lambda")


@pytest.fixture
def deploy(server: Any, aws: Any) -> Iterator[Callable[..., str]]:
    made: list[str] = []

    def deploy(source: str, *, file: str = "app.py", more: dict[str, str] | None = None, **members: Any) -> str:
        name = f"f-{uuid4().hex[:12]}"
        members = {"Timeout": 10, "MemorySize": 1769, **members}
        server.function(name, {file: source, **(more or {})}, **members)
        made.append(name)
        return name

    yield deploy
    for name in made:
        aws.delete_function(FunctionName=name)


@pytest.fixture
def run(aws: Any) -> Run:
    def run(name: str, event: Any = None, **members: Any) -> Answer:
        payload = {} if event is None else {"Payload": json.dumps(event).encode()}
        return Answer(aws.invoke(FunctionName=name, LogType="Tail", **payload, **members))

    return run


# --- results --------------------------------------------------------------------------------------------------


def test_a_function_is_initialised_once_and_reused(deploy: Any, run: Run) -> None:
    name = deploy("n = 0\ndef handler(event, context):\n    global n\n    n += 1\n    return [n, event]\n")
    assert [run(name, i).value for i in range(4)] == [[1, 0], [2, 1], [3, 2], [4, 3]]


def test_what_runs_in_the_background_stands_still_between_invocations(deploy: Any, run: Run) -> None:
    watch = deploy("""
import threading, time
ticks = [time.monotonic()]
def tick():
    while True:
        ticks.append(time.monotonic())
        time.sleep(0.005)
threading.Thread(target=tick, daemon=True).start()
def handler(event, context):
    now = len(ticks)
    while len(ticks) == now:  # it may be quicker to awake than the thread that counts
        time.sleep(0.001)
    seen, ticks[:] = ticks[:], ticks[-1:]
    return max((b - a for a, b in zip(seen, seen[1:])), default=0)
""")
    wait = deploy("import time\ndef handler(event, context): time.sleep(2)\n")
    run(watch)
    run(wait)
    assert run(watch).value > 1, "of the two seconds in which something else ran, it has seen no second"


def test_invocations_at_once_run_in_environments_of_their_own(deploy: Any, run: Run) -> None:
    name = deploy("import time, uuid\nme = uuid.uuid4().hex\ndef handler(e, c):\n    time.sleep(5)\n    return me\n")
    with ThreadPoolExecutor(8) as threads:
        assert len({answer.value for answer in threads.map(lambda _: run(name), range(8))}) == 8


def test_an_event_that_is_missing_is_an_empty_object_and_no_result_is_null(deploy: Any, run: Run) -> None:
    name = deploy("def handler(event, context):\n    assert event == {}, event\n")
    answer = run(name)
    assert (answer.status, answer.error, answer.raw, answer.version) == (200, None, b"null", "$LATEST")


def test_a_dry_run_checks_and_runs_nothing(deploy: Any, aws: Any) -> None:
    name = deploy("raise SystemExit('must not run')")
    answer = aws.invoke(FunctionName=name, InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert answer["Payload"].read() == b""


def test_six_megabytes_go_in_and_out(deploy: Any, run: Run) -> None:
    name = deploy("def handler(event, context):\n    return event\n")
    event = "x" * (6 * 1024 * 1024 - 2)
    assert run(name, event).value == event


def test_a_response_over_six_megabytes_is_a_function_error(deploy: Any, run: Run) -> None:
    name = deploy("def handler(event, context):\n    return 'x' * event\n")
    answer = run(name, 6 * 1024 * 1024 + 200)
    assert answer.error == "Unhandled"
    assert answer.value == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
    assert run(name, 3).value == "xxx"


def test_the_context_tells_about_the_invocation(deploy: Any, run: Run, aws: Any) -> None:
    name = deploy(
        "def handler(e, c):\n"
        "    return [c.function_name, c.function_version, c.invoked_function_arn, c.memory_limit_in_mb,\n"
        "        c.aws_request_id, c.log_group_name, c.log_stream_name, c.get_remaining_time_in_millis()]\n",
        MemorySize=256,
        Timeout=9,
    )
    answer = run(name)
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    assert answer.value[:6] == [name, "$LATEST", arn, "256", answer.request_id, f"/aws/lambda/{name}"]
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", answer.value[6])
    assert 0 < answer.value[7] <= 9000
    assert run(name, Qualifier="$LATEST").value[2] == f"{arn}:$LATEST"


def test_the_client_context_arrives(deploy: Any, run: Run) -> None:
    name = deploy("def handler(e, c):\n    return [c.client_context.custom, c.client_context.client.app_title]\n")
    context = base64.b64encode(json.dumps({"custom": {"a": "1"}, "client": {"app_title": "t"}}).encode()).decode()
    assert run(name, ClientContext=context).value == [{"a": "1"}, "t"]


def test_a_trace_is_continued(deploy: Any, server: Any, aws: Any) -> None:
    name = deploy("import os\ndef handler(e, c):\n    return os.environ['_X_AMZN_TRACE_ID']\n")
    root = "Root=1-5759e988-bd862e3fe1be46a994272793"
    given = f"{root};Parent=53995c3f42cd8ad8;Sampled=1"

    def add_trace(request: Any, **_: Any) -> None:
        request.headers["X-Amzn-Trace-Id"] = given

    aws.meta.events.register_first("before-sign.lambda.Invoke", add_trace)
    try:
        answer = aws.invoke(FunctionName=name)
    finally:
        aws.meta.events.unregister("before-sign.lambda.Invoke", add_trace)
    seen, _, lineage = json.load(answer["Payload"]).rpartition(";")
    assert seen == given
    assert re.fullmatch(r"Lineage=1:[0-9a-f]{8}:0", lineage)
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-trace-id"] == root
    fresh = aws.invoke(FunctionName=name)
    assert json.load(fresh["Payload"]).startswith(fresh["ResponseMetadata"]["HTTPHeaders"]["x-amzn-trace-id"] + ";")


@pytest.mark.parametrize("member", ["TenantId", "DurableExecutionName"])
def test_parameters_for_other_kinds_of_functions_are_refused(deploy: Any, aws: Any, member: str) -> None:
    name = deploy("def handler(e, c):\n    return 1\n")
    with pytest.raises(ClientError, match=f"{member} is not allowed") as refused:
        aws.invoke(FunctionName=name, **{member: "x"})
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"


def test_predefined_variables_are_there_and_the_functions_own(deploy: Any, run: Run) -> None:
    name = deploy(
        "import os\ndef handler(e, c):\n    return dict(os.environ)\n",
        Environment={"Variables": {"MINE": "yes", "TZ": "Europe/Berlin"}},
    )
    env = run(name).value
    assert env["MINE"] == "yes"
    assert env["TZ"] == "Europe/Berlin"
    assert env["_HANDLER"] == "app.handler"
    assert env["AWS_REGION"] == env["AWS_DEFAULT_REGION"] == "us-east-1"
    assert env["AWS_LAMBDA_FUNCTION_NAME"] == name
    assert env["AWS_LAMBDA_FUNCTION_VERSION"] == "$LATEST"
    assert env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "1769"
    assert env["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"
    assert env["AWS_LAMBDA_LOG_GROUP_NAME"] == f"/aws/lambda/{name}"
    assert env["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.11"
    assert env["LAMBDA_TASK_ROOT"] == "/var/task"
    assert env["LAMBDA_RUNTIME_DIR"] == "/var/runtime"
    assert env["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert env["AWS_SESSION_TOKEN"]
    assert not [key for key in env if key.startswith(("LAMBENT", "PIP", "HOME", "SSH"))]


def test_a_function_may_ask_where_it_runs(deploy: Any, run: Run) -> None:
    source = "import json, os, urllib.request\ndef handler(e, c):\n"
    source += (
        "    url = 'http://' + os.environ['AWS_LAMBDA_METADATA_API'] + '/2026-01-15/metadata/execution-environment'\n"
    )
    source += "    token = {'Authorization': 'Bearer ' + os.environ['AWS_LAMBDA_METADATA_TOKEN']}\n"
    source += "    return json.load(urllib.request.urlopen(urllib.request.Request(url, headers=token)))\n"
    assert run(deploy(source)).value == {"AvailabilityZoneID": "use1-az1"}


def test_a_functions_boto3_works_with_no_keys_and_no_configuration(deploy: Any, run: Run) -> None:
    name = deploy(
        "import boto3\n"
        "def handler(e, c):\n"
        "    me = boto3.client('sts').get_caller_identity()['Arn']\n"
        "    return [me, boto3.client('lambda').get_function_configuration(FunctionName=c.function_name)['Runtime']]\n"
    )
    assert run(name).value == [f"arn:aws:sts::000000000000:assumed-role/runner/{name}", "python3.11"]


# --- Node.js and custom runtimes ------------------------------------------------------------------------------


@needs_node
@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("index.mjs", "export const handler = async (event, context) => ({ event, id: context.awsRequestId });"),
        ("index.js", "exports.handler = async (event, context) => ({ event, id: context.awsRequestId });"),
        ("index.js", "exports.handler = (event, context, done) => done(null, { event, id: context.awsRequestId });"),
        (
            "index.cjs",
            "exports.handler = (event, context) => { context.succeed({ event, id: context.awsRequestId }) };",
        ),
    ],
    ids=["module", "commonjs", "callback", "succeed"],
)
def test_every_form_of_a_node_handler_runs(deploy: Any, run: Run, file: str, source: str) -> None:
    name = deploy(source, file=file, Runtime=NODE, Handler="index.handler")
    for event in ({"a": 1}, [2]):
        answer = run(name, event)
        assert answer.value == {"event": event, "id": answer.request_id}


@needs_node
def test_a_callback_waits_for_the_event_loop_unless_told_not_to(deploy: Any, run: Run) -> None:
    source = (
        "exports.handler = (event, context, done) => {\n"
        "  context.callbackWaitsForEmptyEventLoop = event.wait;\n"
        "  const began = Date.now();\n"
        "  setTimeout(() => console.log('the loop is empty'), 1000);\n"
        "  done(null, began);\n"
        "};\n"
    )
    name = deploy(source, file="index.js", Runtime=NODE, Handler="index.handler")
    assert "the loop is empty" in run(name, {"wait": True}).log
    assert "the loop is empty" not in run(name, {"wait": False}).log


@needs_node
def test_console_lines_have_awss_form_and_keep_their_newlines(deploy: Any, run: Run, server: Any) -> None:
    source = "exports.handler = async () => { console.log('one\\ntwo'); console.error('bad %d', 7); };"
    name = deploy(source, file="index.js", Runtime=NODE, Handler="index.handler")
    answer = run(name)
    events = server.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    messages = [event["message"] for event in events]
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert any(re.fullmatch(rf"{stamp}\t{answer.request_id}\tINFO\tone\ntwo\n?", text) for text in messages)
    assert any(re.fullmatch(rf"{stamp}\t{answer.request_id}\tERROR\tbad 7\n?", text) for text in messages)


BOOTSTRAP = """#!/bin/bash
set -e
api="127.0.0.1/9001"
while true; do
  exec 5<>/dev/tcp/$api
  printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' >&5
  size=0
  while IFS= read -r line <&5; do
    line=${line%$'\\r'}
    [ -z "$line" ] && break
    case ${line,,} in
      lambda-runtime-aws-request-id:*) id=${line#*: } ;;
      content-length:*) size=${line#*: } ;;
    esac
  done
  read -r -N "$size" event <&5
  echo "custom runtime got $event"
  body="{\\"custom\\":$event}"
  printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\\r\\nHost: x\\r\\n' "$id" >&5
  printf 'Connection: close\\r\\nContent-Length: %d\\r\\n\\r\\n%s' ${#body} "$body" >&5
  cat <&5 >/dev/null
  exec 5>&-
done
"""


def test_a_custom_runtime_speaks_the_runtime_api(deploy: Any, run: Run) -> None:
    name = deploy(BOOTSTRAP, file="bootstrap", Runtime="provided.al2023", Handler="any")
    assert run(name, 1).value == {"custom": 1}
    answer = run(name, {"b": 2})
    assert answer.value == {"custom": {"b": 2}}
    assert 'custom runtime got {"b": 2}' in answer.log


def test_a_custom_runtime_without_bootstrap_says_so(deploy: Any, run: Run) -> None:
    name = deploy("x", file="readme.txt", Runtime="provided.al2023", Handler="any")
    answer = run(name)
    assert answer.error == "Unhandled"
    assert answer.value["errorType"] == "Runtime.InvalidEntrypoint"
    assert "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]" in answer.value["errorMessage"]


@pytest.mark.parametrize(
    ("bootstrap", "text"),
    [
        ("\x7fELF is not all it takes", "exec format error"),
        ("#!/bin/nothing-here\n", "no such file or directory"),
    ],
)
def test_a_bootstrap_that_is_no_program_is_an_invalid_entry_point(
    deploy: Any, run: Run, bootstrap: str, text: str
) -> None:
    name = deploy(bootstrap, file="bootstrap", Runtime="provided.al2023", Handler="x")
    answer = run(name)
    assert answer.value == {
        "errorType": "Runtime.InvalidEntrypoint",
        "errorMessage": f"RequestId: {answer.request_id} Error: fork/exec /var/task/bootstrap: {text}",
    }
    assert "Error Type: Runtime.InvalidEntrypoint" in answer.log


# --- errors ---------------------------------------------------------------------------------------------------


def test_a_python_error_has_type_text_and_stack(deploy: Any, run: Run) -> None:
    name = deploy("class Mine(Exception): pass\ndef handler(e, c):\n    raise Mine('went wrong')\n")
    answer = run(name)
    assert (answer.status, answer.error) == (200, "Unhandled")
    assert list(answer.value) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert answer.value["errorMessage"] == "went wrong"
    assert answer.value["errorType"] == "Mine"
    assert answer.value["requestId"] == answer.request_id
    assert answer.value["stackTrace"] == [
        "  File \"/var/task/app.py\", line 3, in handler\n    raise Mine('went wrong')\n"
    ]
    assert "[ERROR] Mine: went wrong" in answer.log
    assert run(name).error == "Unhandled"


@pytest.mark.parametrize(
    ("source", "handler", "kind", "text"),
    [
        ("x = 1", "app.nope", "Runtime.HandlerNotFound", "Handler 'nope' missing on module 'app'"),
        (
            "x = 1",
            "other.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'other': No module named 'other'",
        ),
        ("import nothing_like_it", "app.handler", "Runtime.ImportModuleError", "No module named 'nothing_like_it'"),
        ("def handler(:", "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
        ("raise ValueError('at import')", "app.handler", "ValueError", "at import"),
        ("x = 1", "app", "Runtime.MalformedHandlerName", "Bad handler 'app'"),
        ("import sys\nsys.exit(3)", "app.handler", "Runtime.ExitError", "exit status 3"),
    ],
)
def test_what_fails_at_init_is_told_to_the_caller(
    deploy: Any, run: Run, source: str, handler: str, kind: str, text: str
) -> None:
    answer = run(deploy(source, Handler=handler))
    assert answer.error == "Unhandled"
    assert answer.value["errorType"] == kind
    assert text in answer.value["errorMessage"]
    assert f"Status: error\tError Type: {kind}" in answer.log


@needs_node
@pytest.mark.parametrize(
    ("source", "kind", "text"),
    [
        ("exports.handler = async () => { throw new RangeError('out') }", "RangeError", "out"),
        ("exports.handler = (e, c, done) => done(new TypeError('no'))", "TypeError", "no"),
        ("exports.other = 1", "Runtime.HandlerNotFound", "index.handler is undefined or not exported"),
        ("require('missing-package')", "Runtime.ImportModuleError", "Cannot find module 'missing-package'"),
        ("exports.handler = (", "Runtime.UserCodeSyntaxError", "SyntaxError"),
        (
            "exports.handler = () => new Promise(r => { Promise.reject(new Error('lost')); setTimeout(r, 3000) })",
            "Runtime.UnhandledPromiseRejection",
            "lost",
        ),
        ("exports.handler = async () => process.exit(4)", "Runtime.ExitError", "exit status 4"),
    ],
)
def test_node_errors_are_told_as_aws_tells_them(deploy: Any, run: Run, source: str, kind: str, text: str) -> None:
    answer = run(deploy(source, file="index.js", Runtime=NODE, Handler="index.handler"))
    assert answer.error == "Unhandled"
    assert answer.value["errorType"] == kind
    assert text in answer.value["errorMessage"]


def test_a_timeout_ends_the_invocation_and_its_children_and_keeps_tmp(deploy: Any, run: Run) -> None:
    source = (
        "import os, subprocess, time\nstate = []\n"
        "def handler(event, context):\n"
        "    if event == 'hang':\n"
        "        state.append(1)\n"
        "        open('/tmp/kept', 'w').write('x')\n"
        "        subprocess.Popen(['sleep', '1000'])\n"
        "        time.sleep(1000)\n"
        "    processes = [p for p in os.listdir('/proc') if p.isdigit() and p != '1']\n"
        "    commands = [open(f'/proc/{p}/comm').read().strip() for p in processes]\n"
        "    return [os.path.exists('/tmp/kept'), state, 'sleep' in commands]\n"
    )
    name = deploy(source, Timeout=2)
    answer = run(name, "hang")
    assert answer.error == "Unhandled"
    assert answer.value == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {answer.request_id} Error: Task timed out after 2.00 seconds",
    }
    assert f"{answer.request_id} Task timed out after 2.00 seconds\n\n" in answer.log
    assert "Duration: 2000.00 ms" in answer.log
    assert answer.log.rstrip("\n").endswith("Status: timeout")
    assert run(name, "look").value == [True, [], False]


def test_tmp_is_as_large_as_configured_and_is_not_the_functions_memory(
    server: Any, tools: Any, deploy: Any, run: Run, aws: Any
) -> None:
    if "Files in /tmp are kept in memory" in str(tools.http(f"{server.endpoint}/_lambent/health")):
        pytest.skip("no disks can be made here")
    source = (
        "import os\nblock = bytes(range(256)) * 4096\n"
        "def handler(event, context):\n"
        "    with open('/tmp/big', 'ab', 0) as file:\n"
        "        try:\n"
        "            for _ in range(event):\n"
        "                file.write(block)\n"
        "        except OSError as error:\n"
        "            return error.errno\n"
        "    return os.stat('/tmp/big').st_size >> 20\n"
    )
    name = deploy(source, MemorySize=128, Timeout=60)
    assert run(name, 200).value == 200
    assert run(name, 300).value == 500
    assert run(name, 50).value == 28, "no space left on device"
    aws.update_function_configuration(FunctionName=name, EphemeralStorage={"Size": 600})
    aws.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert run(name, 560).value == 560, "a new environment has a new, empty one"


def test_a_runtime_that_exits_is_started_again(deploy: Any, run: Run) -> None:
    name = deploy(
        "import os\ndef handler(event, context):\n    if event:\n        os._exit(event)\n    return 'well'\n"
    )
    answer = run(name, 7)
    assert answer.value == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {answer.request_id} Error: Runtime exited with error: exit status 7",
    }
    assert run(name, 0).value == "well"


def test_memory_beyond_the_limit_kills_and_is_reported(deploy: Any, run: Run) -> None:
    name = deploy("def handler(event, context):\n    return len(bytearray(event << 20))\n", MemorySize=192)
    answer = run(name, 500)
    assert answer.value["errorType"] == "Runtime.ExitError"
    assert answer.value["errorMessage"].endswith("Runtime exited with error: signal: killed")
    assert "Error Type: Runtime.OutOfMemory" in answer.log
    assert run(name, 10).value == 10 << 20


# --- logs -----------------------------------------------------------------------------------------------------


def test_the_log_has_awss_lines_in_order(deploy: Any, run: Run, server: Any) -> None:
    name = deploy("def handler(event, context):\n    print('said', event)\n", MemorySize=1769)
    cold, warm = run(name, 1), run(name, 2)
    pattern = (
        r"START RequestId: {id} Version: \$LATEST\nsaid {n}\nEND RequestId: {id}\n"
        r"REPORT RequestId: {id}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 1769 MB\t"
        r"Max Memory Used: \d+ MB\t{init}\n"
    )
    init = r"Init Duration: \d+\.\d\d ms\t"
    assert re.fullmatch(pattern.format(id=cold.request_id, n=1, init=init), cold.log)
    assert re.fullmatch(pattern.format(id=warm.request_id, n=2, init=""), warm.log)
    logs = server.client("logs")
    streams = logs.describe_log_streams(logGroupName=f"/aws/lambda/{name}")["logStreams"]
    assert len(streams) == 1
    events = logs.get_log_events(
        logGroupName=f"/aws/lambda/{name}", logStreamName=streams[0]["logStreamName"], startFromHead=True
    )["events"]
    kinds = [event["message"].split()[0] for event in events]
    assert kinds == ["INIT_START", "START", "said", "END", "REPORT", "START", "said", "END", "REPORT"]


def test_the_json_format_makes_json_of_every_line(deploy: Any, run: Run) -> None:
    name = deploy(
        "import logging\ndef handler(e, c):\n    logging.info('for the record')\n    logging.debug('hidden')\n",
        LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "INFO"},
    )
    lines = [json.loads(line) for line in run(name).log.splitlines()]
    assert [line.get("type", line.get("message")) for line in lines] == [
        "platform.start",
        "for the record",
        "platform.report",
    ]
    assert lines[1]["level"] == "INFO"
    assert lines[2]["record"]["status"] == "success"


def test_json_lines_that_a_function_prints_are_filtered_by_their_level(deploy: Any, run: Run) -> None:
    source = "import json\ndef handler(e, c):\n    for level in ('DEBUG', 'INFO', 'ERROR'):\n"
    source += "        print(json.dumps({'level': level, 'message': 'said ' + level}))\n    print('said plainly')\n"
    logging = {"LogFormat": "JSON", "ApplicationLogLevel": "WARN"}
    log = run(deploy(source, LoggingConfig=logging)).log
    assert "said ERROR" in log
    assert "said plainly" in log
    assert "said DEBUG" not in log
    assert "said INFO" not in log


def test_only_the_last_4_kb_of_a_log_are_returned(deploy: Any, run: Run) -> None:
    name = deploy("def handler(event, context):\n    for i in range(1000):\n        print('line', i)\n")
    log = run(name).log
    assert len(log.encode()) == 4096
    assert "line 999\n" in log
    assert "REPORT" in log


# --- what is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (
            b"{broken",
            "Could not parse request body into json: Could not parse payload into json: Unexpected character ('b' "
            "(code 98)): was expecting double-quote to start field name\n at [Source: REDACTED "
            "(`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 2]",
        ),
        (b"\x99", "Could not parse request body into json"),
        (b'{"a":', "Unexpected end-of-input"),
        (b"NaN", "Non-standard token 'NaN'"),
        (b"x" * 70_000, "Could not parse payload into json: Unexpected character"),
    ],
)
def test_a_payload_that_is_no_json_is_refused(deploy: Any, aws: Any, payload: bytes, text: str) -> None:
    name = deploy("def handler(e, c):\n    return 1\n")
    with pytest.raises(ClientError) as refused:
        aws.invoke(FunctionName=name, Payload=payload)
    assert refused.value.response["Error"]["Code"] == "InvalidRequestContentException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert text in refused.value.response["Error"]["Message"]


def test_a_payload_over_six_megabytes_is_refused_as_aws_does(deploy: Any, aws: Any) -> None:
    name = deploy("def handler(e, c):\n    return 1\n")
    with pytest.raises(ClientError) as refused:
        aws.invoke(FunctionName=name, Payload=b'"' + b"x" * (6 * 1024 * 1024) + b'"')
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert refused.value.response["Error"]["Code"] == "RequestEntityTooLargeException"
    assert refused.value.response["Error"]["Message"] == (
        "Request must be smaller than 6291456 bytes for the InvokeFunction operation"
    )


def test_a_body_that_is_cut_off_runs_nothing(deploy: Any, server: Any, run: Run) -> None:
    name = deploy("n = 0\ndef handler(e, c):\n    global n\n    n += 1\n    return n\n")
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        head = f"POST /2015-03-31/functions/{name}/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
        client.sendall(head.encode() + b"{")
        client.shutdown(socket.SHUT_WR)
        while client.recv(4096):
            pass
    assert run(name).value == 1
