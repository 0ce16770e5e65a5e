"""Our bootstrap for Node.js, started plainly and booted ahead."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from typing import Any

import pytest

from lambent.runtimes.nodejs.runtime import BOOTSTRAP, FAMILY


def _nodes() -> list[str]:
    found: dict[int, str] = {}
    for path in FAMILY.candidates():
        if (interpreter := FAMILY.probe(path)) is not None:
            found.setdefault(interpreter.numbers[0], str(path))
    return [found[major] for major in sorted(found)]


NODES = _nodes()
pytestmark = pytest.mark.skipif(not NODES, reason="there is no Node.js here")
NODE = NODES[-1] if NODES else ""
MAJOR = (
    int(subprocess.run([NODE, "-p", "process.versions.node"], capture_output=True, text=True).stdout.split(".")[0])
    if NODE
    else 0
)
needs_callbacks = pytest.mark.skipif(MAJOR >= 24, reason="callbacks ended with Node.js 22")


async def _start(starter: Any, handler: str = "index.handler", node: str = NODE, **more: Any) -> Any:
    env = starter.environment(handler, more.pop("variables", None))
    return await starter.start([node, str(BOOTSTRAP)], env, **more)


ASYNC = "export const handler = async (event, context) => ({ got: event, id: context.awsRequestId });\n"
COMMON = "exports.handler = async (event, context) => ({ got: event, id: context.awsRequestId });\n"


@pytest.mark.parametrize("node", NODES)
async def test_a_handler_gets_the_event_and_its_result_is_the_answer(api: Any, starter: Any, node: str) -> None:
    starter.write({"index.mjs": ASYNC})
    await _start(starter, node=node)
    for number in range(3):
        kind, request_id, payload = await api.invoke(b'{"n":%d,"s":"\xc3\xa9"}' % number)
        assert kind == "answered"
        assert json.loads(payload) == {"got": {"n": number, "s": "é"}, "id": request_id}


@pytest.mark.parametrize("node", NODES)
async def test_a_runtime_booted_ahead_becomes_the_function_it_is_told_to_be(api: Any, starter: Any, node: str) -> None:
    starter.write(
        {
            "index.js": "const extra = require('extra');\n"
            "exports.handler = async () => [process.env.COLOUR, '_LAMBENT_CHANNEL' in process.env,\n"
            "  process.cwd(), extra,"
            "  new Date(2020, 0, 1).getTimezoneOffset(), process.env._X_AMZN_TRACE_ID.slice(0, 5)];\n",
            "modules/extra.js": "module.exports = 'from NODE_PATH';\n",
        }
    )
    ours, theirs = socket.socketpair()
    ahead = {"AWS_LAMBDA_RUNTIME_API": api.address, "_LAMBENT_CHANNEL": str(theirs.fileno())}
    process = await starter.start([node, str(BOOTSTRAP)], ahead, framed=False, fds=(theirs.fileno(),))
    theirs.close()
    variables = {"COLOUR": "blue", "NODE_PATH": f"{starter.folder}/modules", "TZ": "Asia/Tokyo"}
    env = starter.environment("index.handler", variables)
    with ours:
        ours.sendall(json.dumps({"env": env}).encode() + b"\n")
    kind, _, payload = await api.invoke()
    assert kind == "answered"
    assert json.loads(payload) == ["blue", False, str(starter.folder), "from NODE_PATH", -540, "Root="]
    assert process.process.returncode is None


@pytest.mark.parametrize(
    ("handler", "files"),
    [
        ("index.handler", {"index.js": COMMON}),
        ("index.handler", {"index.cjs": COMMON}),
        ("index.handler", {"index.js": ASYNC, "package.json": '{"type": "module"}'}),
        ("src/index.handler", {"src/index.js": ASYNC, "package.json": '{"type": "module"}'}),
        ("src/index.handler", {"src/index.js": COMMON, "src/package.json": "{}", "package.json": '{"type": "module"}'}),
        ("src/index.handler", {"src/index.mjs": ASYNC}),
        ("index.api.v1.handler", {"index.js": "exports.api = { v1: exports };\n" + COMMON}),
        ("folder.handler", {"folder/index.js": COMMON}),
    ],
)  # fmt: skip
async def test_handlers_are_found(api: Any, starter: Any, handler: str, files: dict[str, str]) -> None:
    starter.write(files)
    await _start(starter, handler)
    kind, *_ = await api.outcome() if api.session.state.value == "InitError" else await api.invoke()
    assert kind == "answered"


INIT_ERRORS = [
    pytest.param("index", {}, "Runtime.MalformedHandlerName", "Bad handler", id="no-dot"),
    pytest.param("../index.handler", {}, "Runtime.MalformedHandlerName",
                 "'../index.handler' is not a valid handler name. Use absolute paths when specifying root directories "
                 "in handler names.", id="dots"),
    pytest.param("index.nope", {"index.mjs": ASYNC}, "Runtime.HandlerNotFound",
                 "index.nope is undefined or not exported", id="no-export"),
    pytest.param("index.handler", {"index.js": "exports.handler = 5"}, "Runtime.HandlerNotFound",
                 "index.handler is not a function", id="no-function"),
    pytest.param("index.handler", {}, "Runtime.ImportModuleError",
                 "Error: Cannot find module 'index'\nRequire stack:\n- {bootstrap}", id="no-module"),
    pytest.param("index.handler", {"index.js": "require('nothing')"}, "Runtime.ImportModuleError",
                 "Error: Cannot find module 'nothing'\nRequire stack:\n- {folder}/index.js\n- {bootstrap}",
                 id="no-require"),
    pytest.param("index.handler", {"index.js": "exports.handler = (;"}, "Runtime.UserCodeSyntaxError",
                 "SyntaxError: Unexpected token ';'", id="syntax"),
    pytest.param("index.handler", {"index.mjs": "export const handler = (;"}, "Runtime.UserCodeSyntaxError",
                 "SyntaxError: Unexpected token ';'", id="syntax-esm"),
    pytest.param("index.handler", {"index.mjs": "throw new TypeError('no');"}, "TypeError", "no", id="raises"),
]  # fmt: skip


@pytest.mark.parametrize(("handler", "files", "error_type", "message"), INIT_ERRORS)
async def test_what_is_wrong_with_a_module_is_the_initialisation_s_error(
    api: Any, starter: Any, handler: str, files: dict[str, str], error_type: str, message: str
) -> None:
    starter.write(files)
    process = await _start(starter, handler)
    kind, named, payload = await api.outcome()
    document = json.loads(payload)
    message = message.replace("{folder}", str(starter.folder)).replace("{bootstrap}", str(BOOTSTRAP))
    assert (kind, named) == ("init_failed", error_type)
    assert list(document) == ["errorType", "errorMessage", "trace"]
    assert (document["errorType"], document["errorMessage"]) == (error_type, message)
    assert document["trace"][0].startswith(f"{error_type}: ")
    assert await process.exit_status() == 129
    (frame,) = process.logged()
    assert re.match(r"[-0-9T:.]+Z\tundefined\tERROR\tUncaught Exception \t\{\"errorType\":", frame.text)


NODE_24 = {"AWS_EXECUTION_ENV": "AWS_Lambda_nodejs24.x"}
CALLBACK = "export const handler = (event, context, callback) => callback(null, 1);\n"


async def test_from_node_24_on_a_callback_handler_is_refused(api: Any, starter: Any) -> None:
    starter.write({"index.mjs": CALLBACK})
    await _start(starter, variables=NODE_24)
    kind, named, payload = await api.outcome()
    assert (kind, named) == ("init_failed", "Runtime.CallbackHandlerDeprecated")
    text = "ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You "
    assert json.loads(payload)["errorMessage"].startswith(text)


async def test_from_node_24_on_what_is_returned_is_the_answer_and_the_context_has_no_callbacks(
    api: Any, starter: Any
) -> None:
    starter.write({"index.mjs": "export default { handler: (event, context) => Object.keys(context).sort() };\n"})
    await _start(starter, variables=NODE_24)
    _, _, payload = await api.invoke()
    assert json.loads(payload) == [
        "awsRequestId", "clientContext", "functionName", "functionVersion", "getRemainingTimeInMillis", "identity",
        "invokedFunctionArn", "logGroupName", "logStreamName", "memoryLimitInMB", "tenantId",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "variables", "warnings"),
    [
        (CALLBACK, {}, 1),
        (CALLBACK, {"AWS_LAMBDA_NODEJS_DISABLE_CALLBACK_WARNING": "1"}, 0),
        ("export const handler = async (event, context, callback) => 1;\n", {}, 0),
        ("export const handler = (event, context) => context.succeed(1);\n", {}, 0),
    ],
)
async def test_until_node_22_a_callback_handler_is_warned_once(
    api: Any, starter: Any, code: str, variables: dict[str, str], warnings: int
) -> None:
    starter.write({"index.mjs": code})
    process = await _start(starter, variables={"AWS_EXECUTION_ENV": "AWS_Lambda_nodejs20.x", **variables})
    for _ in range(2):
        assert (await api.invoke())[2] == b"1"
    frames = [frame for frame in process.logged() if frame.level == "WARN"]
    assert len(frames) == warnings
    for frame in frames:
        assert "\tundefined\tWARN\tAWS Lambda plans to remove support for callback-based function" in frame.text


ANSWERS = [
    pytest.param("async () => undefined", b"null", id="undefined"),
    pytest.param("async () => 'é'", '"é"'.encode(), id="text"),
    pytest.param("() => Promise.resolve([1, {a: null}])", b'[1,{"a":null}]', id="promise"),
    pytest.param("async () => ({statusCode: 200, body: 'Hello world', headers: {}})",
                 b'{"statusCode":200,"body":"Hello world","headers":{}}', id="http"),
    pytest.param("async () => () => 1", b"null", id="function"),
    pytest.param("(e, c, callback) => callback(null, 'now')", b'"now"', id="callback", marks=needs_callbacks),
    pytest.param("(e, c, callback) => { setTimeout(() => callback(null, 'later'), 5) }", b'"later"',
                 id="callback-later", marks=needs_callbacks),
    pytest.param("(e, c) => c.succeed('ok')", b'"ok"', id="succeed", marks=needs_callbacks),
    pytest.param("(e, c) => c.done(null, 'ok')", b'"ok"', id="done", marks=needs_callbacks),
    pytest.param("() => 'ignored'", b"null", id="plain-value", marks=needs_callbacks),
    pytest.param("(e, c, callback) => { callback(null, 1); callback(null, 2) }", b"1", id="twice",
                 marks=needs_callbacks),
]  # fmt: skip


@pytest.mark.parametrize(("handler", "expected"), ANSWERS)
async def test_every_way_of_answering(api: Any, starter: Any, handler: str, expected: bytes) -> None:
    starter.write({"index.mjs": f"export const handler = {handler};\n"})
    await _start(starter)
    for _ in range(2):
        kind, _, payload = await api.invoke()
        assert (kind, payload) == ("answered", expected)


@needs_callbacks
async def test_a_callback_waits_for_the_event_loop_unless_told_not_to(api: Any, starter: Any) -> None:
    code = "let done = false;\nexport const handler = (event, context, callback) => {\n"
    code += "  const before = done; done = false;\n  context.callbackWaitsForEmptyEventLoop = event.waits;\n"
    code += "  setTimeout(() => { done = true; }, 30);\n  callback(null, before);\n};\n"
    starter.write({"index.mjs": code})
    await _start(starter)
    assert (await api.invoke(b'{"waits": true}'))[2] == b"false"
    assert (await api.invoke(b'{"waits": false}'))[2] == b"true", "the first one's timer had run by its answer"
    assert (await api.invoke(b'{"waits": true}'))[2] == b"false", "the second one's had not"


@pytest.mark.parametrize(
    ("handler", "error_type", "message"),
    [
        pytest.param("async () => { throw new RangeError('far') }", "RangeError", "far", id="async"),
        pytest.param("() => { throw new RangeError('far') }", "RangeError", "far", id="sync"),
        pytest.param("async () => { throw 'text' }", "string", "text", id="text"),
        pytest.param("async () => { const a = {}; a.a = a; return a }", "Error", "Unable to stringify response body",
                     id="cycle"),
        pytest.param("(e, c, callback) => callback(new Error('no'))", "Error", "no", id="callback",
                     marks=needs_callbacks),
        pytest.param("(e, c, callback) => callback('no')", "string", "no", id="callback-text", marks=needs_callbacks),
        pytest.param("(e, c) => c.fail(new Error('no'))", "Error", "no", id="fail", marks=needs_callbacks),
        pytest.param("async () => new Promise(() => {})", "Runtime.NodeJsExit", None, id="never-settles"),
    ],
)  # fmt: skip
async def test_every_way_of_failing(api: Any, starter: Any, handler: str, error_type: str, message: str | None) -> None:
    starter.write({"index.mjs": f"export const handler = {handler};\n"})
    process = await _start(starter)
    for _ in range(2):
        kind, request_id, named, payload = await api.invoke()
        document = json.loads(payload)
        assert (kind, named, document["errorType"]) == ("failed", error_type, error_type)
        assert message is None or document["errorMessage"] == message
        assert document["trace"] == [] if error_type == "string" else document["trace"]
    frame = process.logged()[-1]
    assert frame.level == "ERROR"
    assert f"\t{request_id}\tERROR\tInvoke Error \t" in frame.text
    assert frame.text.endswith("}\n")


@needs_callbacks
async def test_a_plain_function_that_never_calls_back_answers_null(api: Any, starter: Any) -> None:
    starter.write({"index.mjs": "export const handler = (event, context, callback) => { setTimeout(() => {}, 5) };\n"})
    await _start(starter)
    assert (await api.invoke())[2] == b"null"


@pytest.mark.parametrize(
    ("code", "error_type", "status"),
    [
        ("setTimeout(() => { throw new TypeError('lost') }); await new Promise(() => setInterval(() => {}, 1000));",
         "TypeError", 129),
        ("Promise.reject(new Error('lost')); await new Promise(() => setInterval(() => {}, 1000));",
         "Runtime.UnhandledPromiseRejection", 128),
    ],
)  # fmt: skip
async def test_what_nobody_catches_ends_invocation_and_process(
    api: Any, starter: Any, code: str, error_type: str, status: int
) -> None:
    starter.write({"index.mjs": f"export const handler = async () => {{ {code} }};\n"})
    process = await _start(starter)
    kind, _, named, payload = await api.invoke()
    assert (kind, named, json.loads(payload)["errorType"]) == ("failed", error_type, error_type)
    assert await process.exit_status() == status


@pytest.mark.parametrize(("code", "status"), [("process.exit(3)", 3), ("process.exit()", 0)])
async def test_a_handler_that_exits_takes_the_process_with_it(api: Any, starter: Any, code: str, status: int) -> None:
    starter.write({"index.mjs": f"export const handler = async () => {code};\n"})
    process = await _start(starter)
    api.offer()
    assert await process.exit_status() == status


async def test_a_module_that_awaits_for_ever_ends_with_node_s_status(api: Any, starter: Any) -> None:
    starter.write({"index.mjs": "await new Promise(() => {});\nexport const handler = async () => 1;\n"})
    process = await _start(starter)
    assert await process.exit_status() == 13


CONTEXT = """
export const handler = async (event, context) => {
  const left = context.getRemainingTimeInMillis();
  return { ...context, left: left > 0 && left <= 3000, callbackWaitsForEmptyEventLoop: undefined };
};
"""


async def test_the_context_has_everything(api: Any, starter: Any) -> None:
    starter.write({"index.mjs": CONTEXT})
    await _start(starter)
    client = '{"client": {"appTitle": "Zoë"}, "Custom": {"a": "1"}}'
    identity = '{"cognitoIdentityId": "i", "cognitoIdentityPoolId": "p"}'
    _, request_id, payload = await api.invoke(client_context=client, cognito_identity=identity, tenant_id="blue")
    assert json.loads(payload) == {
        "functionName": "thumbs", "functionVersion": "$LATEST", "memoryLimitInMB": "128", "awsRequestId": request_id,
        "invokedFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:thumbs",
        "logGroupName": "/aws/lambda/thumbs", "logStreamName": "2026/01/01/[$LATEST]0123", "tenantId": "blue",
        "clientContext": json.loads(client), "identity": json.loads(identity), "left": True,
    }  # fmt: skip


LOGS = """
export const handler = async () => {
  console.log('got %d', 1, {a: 1});
  console.error('two\\nlines');
  console.debug('d'); console.trace('t'); console.warn(new TypeError('w'));
};
"""


async def test_the_console_writes_whole_records_in_lambda_s_format(api: Any, starter: Any) -> None:
    starter.write({"index.mjs": LOGS})
    process = await _start(starter)
    _, request_id, _ = await api.invoke()
    info, error, debug, trace, warn = process.logged()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[0-9:.]+Z\t" + request_id + r"\tINFO\tgot 1 \{ a: 1 \}\n", info.text)
    assert error.text.endswith(f"\t{request_id}\tERROR\ttwo\nlines\n")
    assert [f.level for f in (info, error, debug, trace, warn)] == ["INFO", "ERROR", "DEBUG", "TRACE", "WARN"]
    assert "TypeError: w\n    at " in warn.text


async def test_json_logs_have_lambda_s_keys_and_keep_to_the_level(api: Any, starter: Any) -> None:
    starter.write({"index.mjs": LOGS.replace("{a: 1}", "new RangeError('r')")})
    process = await _start(starter, variables={"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"})
    _, request_id, _ = await api.invoke(tenant_id="blue")
    info, error, warn = (json.loads(frame.text) for frame in process.logged())
    assert list(info)[:5] == ["timestamp", "level", "requestId", "tenantId", "message"]
    assert (info["level"], info["requestId"], info["errorType"], info["errorMessage"]) == (
        "INFO",
        request_id,
        "RangeError",
        "r",
    )
    assert (error["level"], error["message"]) == ("ERROR", "two\nlines")
    assert (warn["message"]["errorType"], warn["message"]["errorMessage"]) == ("TypeError", "w")


async def test_without_a_records_pipe_lines_stay_one_record(api: Any, starter: Any) -> None:
    starter.write({"index.mjs": "export const handler = async () => { console.log('a\\nb') };\n"})
    process = await _start(starter, framed=False)
    await api.invoke()
    assert (await process.line()).endswith("\tINFO\ta\rb\n")


async def test_large_events_and_answers_pass(api: Any, starter: Any) -> None:
    starter.write({"index.mjs": "export const handler = async (event) => event;\n"})
    await _start(starter)
    body = json.dumps("x" * (6 * 1024 * 1024 - 2)).encode()
    assert (await api.invoke(body))[2] == body
    assert (await api.invoke(b"1"))[2] == b"1"


async def test_after_an_answer_that_was_too_large_the_runtime_goes_on(api: Any, starter: Any) -> None:
    starter.write({"index.mjs": "export const handler = async (event) => 'x'.repeat(event);\n"})
    await _start(starter)
    kind, *_ = await api.invoke(b"7000000")
    assert kind == "too_large"
    assert (await api.invoke(b"3"))[2] == b'"xxx"'


async def test_a_subprocess_does_not_inherit_the_records_pipe(api: Any, starter: Any) -> None:
    code = "import { execSync } from 'node:child_process';\n"
    code += "export const handler = async () => execSync('ls /proc/self/fd').toString().split('\\n');\n"
    starter.write({"index.mjs": code})
    read, write = os.pipe()
    # As in a sandbox, it is descriptor 4; Node.js closes the low ones that it finds open.
    become = "import os, sys; os.dup2(int(sys.argv[1]), 4); os.execv(sys.argv[2], sys.argv[2:])"
    argv = [sys.executable, "-c", become, str(write), NODE, str(BOOTSTRAP)]
    variables = {"_LAMBDA_TELEMETRY_LOG_FD": "4"}
    await starter.start(argv, starter.environment("index.handler", variables), framed=False, fds=(write,))
    _, _, payload = await api.invoke()
    os.close(read)
    os.close(write)
    assert "4" not in json.loads(payload)


def test_the_bootstrap_is_valid() -> None:
    node = shutil.which("node") or NODE
    subprocess.run([node, "--check", str(BOOTSTRAP)], check=True)
