"""InvokeWithResponseStream, driven by boto3: what a runtime streams by the protocol, and how every answer ends."""

from __future__ import annotations

import base64
import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

BOOTSTRAP = '''#!/usr/bin/python3 -u
"""A custom runtime that streams what its event says, on one socket, by the bytes of HTTP."""
import base64, json, os, socket, time

HOST, PORT = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
API = "/2018-06-01/runtime/invocation"

def ask(head, rest=b""):
    api.sendall(f"{head}\\r\\nHost: x\\r\\n".encode() + (rest or b"\\r\\n"))

def answer():
    head = b""
    while not head.endswith(b"\\r\\n\\r\\n"):
        head += api.recv(1)
    fields = dict(line.split(": ", 1) for line in head.decode().split("\\r\\n")[1:-2])
    body = b""
    while len(body) < int(fields["Content-Length"]):
        body += api.recv(65536)
    return int(head.split()[1]), {name.lower(): value for name, value in fields.items()}, body

def chunk(data):
    api.sendall(b"%x\\r\\n%b\\r\\n" % (len(data), data))

def run(step, *args):
    if step == "text":
        chunk(args[0].encode())
    elif step == "bytes":
        for _ in range(args[1]):
            chunk(b"x" * args[0])
    elif step == "time":
        chunk(f"{time.time():.6f}".encode())
    elif step == "print":
        print(*args)
    elif step == "sleep":
        time.sleep(args[0])
    elif step == "exit":
        os._exit(args[0])
    elif step == "break":
        api.close()
        time.sleep(60)
    elif step == "garbage":
        api.sendall(b"this is no chunk\\r\\n")

api = socket.create_connection((HOST, int(PORT)))
while True:
    ask(f"GET {API}/next HTTP/1.1")
    _, fields, event = answer()
    event = json.loads(event)
    mode = event.get("mode", "streaming")
    ask(f"POST {API}/{fields['lambda-runtime-aws-request-id']}/response HTTP/1.1",
        b"Lambda-Runtime-Function-Response-Mode: %b\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n" % mode.encode())
    try:
        for step in event["steps"]:
            run(*step)
        trailers = ""
        if "error" in event:
            name, text = event["error"]
            trailers = f"Lambda-Runtime-Function-Error-Type: {name}\\r\\n"
            if text is not None:
                encoded = base64.b64encode(text.encode()).decode()
                trailers += f"Lambda-Runtime-Function-Error-Body: {encoded}\\r\\n"
        api.sendall(b"0\\r\\n" + trailers.encode() + b"\\r\\n")
    except ConnectionError:
        pass
    status, fields, body = answer()
    print("acknowledged:", status, body.decode())
    if fields.get("connection") == "close":
        api = socket.create_connection((HOST, int(PORT)))
'''


class Streamed:
    """A streamed answer, taken to its end."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.head = answer
        self.chunks: list[bytes] = []
        self.complete: dict[str, Any] = {}
        for event in answer["EventStream"]:
            assert not self.complete, "nothing comes after InvokeComplete"
            if "PayloadChunk" in event:
                self.chunks.append(event["PayloadChunk"]["Payload"])
            else:
                (self.complete,) = event.values()
                self.ended = list(event)
        assert self.ended == ["InvokeComplete"]

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def log(self) -> str:
        return base64.b64decode(self.complete["LogResult"]).decode()

    @property
    def error(self) -> Any:
        assert self.complete["ErrorCode"] == "Unhandled"
        return json.loads(self.complete["ErrorDetails"])


@pytest.fixture(scope="module")
def aws(shared_server: Any) -> Any:
    return shared_server.client("lambda")


@pytest.fixture(scope="module")
def streaming(shared_server: Any, aws: Any) -> Iterator[str]:
    """A function that streams what its event says."""
    name = f"stream-{uuid4().hex[:12]}"
    shared_server.function(name, {"bootstrap": BOOTSTRAP}, Runtime="provided.al2023", Handler="x", Timeout=20)
    yield name
    aws.delete_function(FunctionName=name)


Stream = Callable[..., Streamed]


@pytest.fixture
def stream(aws: Any, streaming: str) -> Stream:
    def stream(*steps: Any, name: str = streaming, **members: Any) -> Streamed:
        event = {"steps": steps, **{key: members.pop(key) for key in ("error", "mode") if key in members}}
        answer = aws.invoke_with_response_stream(
            FunctionName=name, LogType="Tail", Payload=json.dumps(event).encode(), **members
        )
        return Streamed(answer)

    return stream


def test_what_a_function_streams_arrives_with_the_head_and_the_end_of_aws(stream: Stream) -> None:
    answer = stream(["text", "one "], ["print", "said meanwhile"], ["text", "two"])
    head = answer.head
    assert (head["StatusCode"], head["ExecutedVersion"]) == (200, "$LATEST")
    assert head["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"
    headers = head["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-trace-id"].startswith("Root=1-")
    assert headers["transfer-encoding"] == "chunked"
    assert answer.body == b"one two"
    assert list(answer.complete) == ["LogResult"]
    assert "said meanwhile" in answer.log
    assert f"REPORT RequestId: {head['ResponseMetadata']['RequestId']}" in answer.log
    assert stream(["text", "again"]).body == b"again"


def test_a_function_is_held_up_by_a_caller_that_does_not_read(aws: Any, streaming: str) -> None:
    steps = [["text", "first"], ["bytes", 65_536, 512], ["time"]]
    answer = aws.invoke_with_response_stream(FunctionName=streaming, Payload=json.dumps({"steps": steps}).encode())
    events = iter(answer["EventStream"])
    assert next(events)["PayloadChunk"]["Payload"].startswith(b"first")
    seen = time.time()
    chunks = [event["PayloadChunk"]["Payload"] for event in events if "PayloadChunk" in event]
    assert sum(map(len, chunks)) > 33_000_000
    assert float(chunks[-1][-17:]) > seen, "the function ended before its caller had read what it can hold up"


def test_the_executed_version_is_told_of_an_alias(aws: Any, stream: Stream, streaming: str) -> None:
    version = aws.publish_version(FunctionName=streaming)["Version"]
    aws.create_alias(FunctionName=streaming, Name="live", FunctionVersion=version)
    assert stream(["text", "x"], Qualifier="live").head["ExecutedVersion"] == version


def test_an_error_in_the_trailers_ends_the_stream(stream: Stream) -> None:
    document = json.dumps({"errorType": "Boom", "errorMessage": "midway", "trace": ["ü"]})
    answer = stream(["text", "part"], error=["Boom", document])
    assert answer.body == b"part"
    assert answer.error == json.loads(document)
    assert stream(error=["Boom", None]).error == {"errorType": "Boom"}


def test_a_plain_invoke_gets_the_whole_streamed_answer(aws: Any, streaming: str) -> None:
    def invoke(**event: Any) -> Any:
        return aws.invoke(FunctionName=streaming, Payload=json.dumps(event).encode())

    answer = invoke(steps=[["text", "one "], ["bytes", 100_000, 10]])
    assert (answer["StatusCode"], answer.get("FunctionError")) == (200, None)
    assert answer["Payload"].read() == b"one " + b"x" * 1_000_000
    answer = invoke(steps=[["text", "part"]], error=["Boom", '{"errorType": "Boom"}'])
    assert (answer["FunctionError"], json.load(answer["Payload"])) == ("Unhandled", {"errorType": "Boom"})
    answer = invoke(steps=[["bytes", 65_536, 97]])
    assert json.load(answer["Payload"]) == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
    assert invoke(steps=[["text", "well again"]])["Payload"].read() == b"well again"


def test_a_process_that_ends_in_the_middle_is_the_streams_error(stream: Stream) -> None:
    answer = stream(["text", "part"], ["exit", 3])
    assert answer.body == b"part"
    assert answer.error["errorType"] == "Runtime.ExitError"
    assert answer.error["errorMessage"].endswith("Error: Runtime exited with error: exit status 3")
    assert stream(["text", "well again"]).body == b"well again"


@pytest.mark.parametrize("step", ["break", "garbage"])
def test_a_connection_that_breaks_in_the_middle_is_the_streams_error(stream: Stream, step: str) -> None:
    answer = stream(["text", "part"], [step])
    assert answer.body == b"part"
    assert answer.error["errorType"] == "Runtime.TruncatedResponse"
    assert stream(["text", "well again"]).body == b"well again"


def test_time_that_is_up_in_the_middle_is_the_streams_error(shared_server: Any, aws: Any, stream: Stream) -> None:
    name = f"stream-{uuid4().hex[:12]}"
    members = {"Runtime": "provided.al2023", "Handler": "x", "Timeout": 2, "MemorySize": 1769}
    shared_server.function(name, {"bootstrap": BOOTSTRAP}, **members)
    answer = stream(["text", "part"], ["sleep", 60], name=name)
    assert answer.body == b"part"
    assert answer.error["errorType"] == "Sandbox.Timedout"
    assert answer.error["errorMessage"].endswith("Error: Task timed out after 2.00 seconds")
    assert "Status: timeout" in answer.log
    assert stream(["text", "well again"], name=name).body == b"well again"
    aws.delete_function(FunctionName=name)


def test_more_than_200_mb_are_cut_off_and_said_to_be_too_large(aws: Any, streaming: str) -> None:
    steps = [["bytes", 1 << 20, 201]]
    answer = aws.invoke_with_response_stream(FunctionName=streaming, Payload=json.dumps({"steps": steps}).encode())
    size, error = 0, None
    for event in answer["EventStream"]:
        if "PayloadChunk" in event:
            size += len(event["PayloadChunk"]["Payload"])
        else:
            error = json.loads(event["InvokeComplete"]["ErrorDetails"])
    assert 199 << 20 < size <= 200 << 20
    assert error == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size (209715200 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }


def test_a_caller_that_leaves_does_not_stop_the_function(
    shared_server: Any, aws: Any, streaming: str, tools: Any
) -> None:
    token = uuid4().hex
    steps = [["bytes", 65_536, 256], ["print", token]]
    answer = aws.invoke_with_response_stream(FunctionName=streaming, Payload=json.dumps({"steps": steps}).encode())
    next(iter(answer["EventStream"]))
    answer["EventStream"].close()
    logs = shared_server.client("logs")
    said = {"logGroupName": f"/aws/lambda/{streaming}", "filterPattern": token}
    tools.wait_for(lambda: logs.filter_log_events(**said)["events"])


def test_a_mode_that_there_is_not_is_refused(stream: Stream) -> None:
    answer = stream(["text", "part"], mode="sideways")
    assert answer.body == b""
    assert answer.error["errorType"] == "Runtime.InvalidResponseModeHeader"
    assert stream(["text", "well again"]).body == b"well again"


def test_a_function_that_does_not_stream_gives_its_answer_as_one_chunk(shared_server: Any, aws: Any) -> None:
    name = f"plain-{uuid4().hex[:12]}"
    shared_server.function(name, {"app.py": "def handler(event, context):\n    return {'x' * n: n for n in event}\n"})

    def ask(payload: bytes) -> Streamed:
        return Streamed(aws.invoke_with_response_stream(FunctionName=name, Payload=payload))

    answer = ask(b"[3]")
    assert (answer.chunks, answer.complete) == ([b'{"xxx": 3}'], {})
    assert len(ask(b"[5000000]").chunks) == 1
    failed = ask(b"7")
    assert failed.chunks == []
    assert failed.error["errorType"] == "TypeError"
    too_large = ask(b"[7000000]")
    assert too_large.error["errorType"] == "Function.ResponseSizeTooLarge"
    assert "(6291556 bytes)" in too_large.error["errorMessage"]
    aws.delete_function(FunctionName=name)


def test_refusals_come_before_the_stream_as_for_invoke(aws: Any, streaming: str) -> None:
    missing = aws.exceptions.ResourceNotFoundException
    with pytest.raises(missing, match=r"Function not found: .*:function:absent:\$LATEST"):
        aws.invoke_with_response_stream(FunctionName="absent")
    with pytest.raises(missing):
        aws.invoke_with_response_stream(FunctionName=streaming, Qualifier="999")
    with pytest.raises(aws.exceptions.InvalidRequestContentException, match="Could not parse request body into json"):
        aws.invoke_with_response_stream(FunctionName=streaming, Payload=b"{")
    dry = aws.invoke_with_response_stream(FunctionName=streaming, InvocationType="DryRun")
    assert dry["StatusCode"] == 204
    aws.put_function_concurrency(FunctionName=streaming, ReservedConcurrentExecutions=0)
    with pytest.raises(aws.exceptions.TooManyRequestsException, match="Rate Exceeded"):
        aws.invoke_with_response_stream(FunctionName=streaming)
    aws.delete_function_concurrency(FunctionName=streaming)


NODE_APP = """
import { pipeline } from "node:stream/promises";
import { Readable } from "node:stream";

export const handler = awslambda.streamifyResponse(async (event, stream, context) => {
  if (event.http) stream = awslambda.HttpResponseStream.from(stream, { statusCode: 418, headers: { "x-tea": "pot" } });
  stream.write(JSON.stringify(event));
  if (event.fail) throw new RangeError("midway");
  if (event.exit) process.exit(7);
  const pieces = function* () {
    for (let n = 0; n < (event.size ?? 0); n++) yield Buffer.alloc(65536, 120);
  };
  await pipeline(Readable.from(pieces()), stream);
});
"""


@pytest.fixture(scope="module")
def node(shared_server: Any, aws: Any) -> Iterator[str]:
    if shutil.which("node") is None:
        pytest.skip("no Node.js on this machine")
    name = f"stream-{uuid4().hex[:12]}"
    members = {"Runtime": "nodejs20.x", "Handler": "index.handler", "Timeout": 20, "MemorySize": 512}
    shared_server.function(name, {"index.mjs": NODE_APP}, **members)
    yield name
    aws.delete_function(FunctionName=name)


def test_a_node_handler_streams(aws: Any, node: str) -> None:
    def ask(**event: Any) -> Streamed:
        payload = json.dumps(event, separators=(",", ":")).encode()
        return Streamed(aws.invoke_with_response_stream(FunctionName=node, Payload=payload, LogType="Tail"))

    for size in (0, 1, 300):
        answer = ask(size=size)
        assert answer.body == b'{"size":%d}' % size + b"x" * 65_536 * size
        assert list(answer.complete) == ["LogResult"]
    answer = ask(http=True)
    assert answer.body == b'{"statusCode":418,"headers":{"x-tea":"pot"}}' + b"\0" * 8 + b'{"http":true}'
    answer = ask(fail=True)
    assert (answer.body, answer.error["errorType"]) == (b'{"fail":true}', "RangeError")
    assert "Invoke Error" in answer.log
    answer = ask(exit=True)
    assert (answer.body, answer.error["errorType"]) == (b'{"exit":true}', "Runtime.ExitError")
    assert aws.invoke(FunctionName=node, Payload=b'{"size":1}')["Payload"].read() == b'{"size":1}' + b"x" * 65_536


def test_a_server_that_is_told_to_stop_lets_a_stream_come_to_its_end(make_server: Any, tools: Any) -> None:
    server = make_server("--dev").start()
    server.function("s", {"bootstrap": BOOTSTRAP}, Runtime="provided.al2023", Handler="x", Timeout=20)
    steps = [["text", "first"], ["bytes", 65_536, 64], ["text", "last"]]
    aws = server.client("lambda")
    events = iter(
        aws.invoke_with_response_stream(FunctionName="s", Payload=json.dumps({"steps": steps}).encode())["EventStream"]
    )
    first = next(events)["PayloadChunk"]["Payload"]
    assert server.process is not None
    server.process.send_signal(signal.SIGTERM)
    rest = list(events)
    body = first + b"".join(event["PayloadChunk"]["Payload"] for event in rest[:-1])
    assert body == b"first" + b"x" * 65_536 * 64 + b"last"
    assert rest[-1] == {"InvokeComplete": {}}
    assert server.stop() == 0


SHELL = """#!/bin/sh
API="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
MODE="Lambda-Runtime-Function-Response-Mode: streaming"
while :; do
  curl -sS -D /tmp/headers -o /tmp/event "$API/next"
  ID=$(sed -n 's/^lambda-runtime-aws-request-id: *//Ip' /tmp/headers | tr -d '\\r')
  { echo one; echo two; cat /tmp/event; } | curl -sS -X POST -H "$MODE" -T - "$API/$ID/response"
done
"""


@pytest.mark.skipif(not Path("/usr/bin/curl").exists(), reason="no curl on this machine")
def test_a_shell_script_streams_by_curl(shared_server: Any, aws: Any) -> None:
    name = f"stream-{uuid4().hex[:12]}"
    shared_server.function(name, {"bootstrap": SHELL}, Runtime="provided.al2023", Handler="x", Timeout=20)
    for number in range(2):
        answer = aws.invoke_with_response_stream(FunctionName=name, Payload=b"%d" % number)
        assert Streamed(answer).body == b"one\ntwo\n%d" % number
    aws.delete_function(FunctionName=name)
