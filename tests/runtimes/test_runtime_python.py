"""Our bootstrap for Python, on every Python there is, started plainly and forked."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import select
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from lambent.runtimes.output import Frame, Frames, Printed
from lambent.runtimes.python.runtime import BOOTSTRAP, FAMILY, PREIMPORTED
from lambent.runtimes.sdk import own_folder, own_supports, sdk_entries


def _pythons() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in FAMILY.candidates():
        if re.fullmatch(r"python3\.\d+", path.name):
            found.setdefault(path.name, str(path))
    return dict(sorted(found.items(), key=lambda item: int(item[0].rpartition(".")[2])))


PYTHONS = _pythons() or {f"python3.{sys.version_info.minor}": sys.executable}
NAMES = list(PYTHONS)
FEW = sorted({NAMES[0], NAMES[len(NAMES) // 2], NAMES[-1]}, key=NAMES.index)
NBSP = "\u00a0"


def _minor(name: str) -> int:
    return int(name.rpartition(".")[2])


async def _start(starter: Any, python: str, handler: str = "app.handler", **more: Any) -> Any:
    env = starter.environment(handler, more.pop("variables", None))
    return await starter.start([PYTHONS[python], "-s", str(BOOTSTRAP)], env, **more)


ECHO = "def handler(event, context):\n    return {'got': event, 'id': context.aws_request_id}\n"


@pytest.mark.parametrize("python", NAMES)
async def test_a_handler_gets_the_event_and_its_result_is_the_answer(api: Any, starter: Any, python: str) -> None:
    starter.write({"app.py": ECHO})
    await _start(starter, python)
    for number in range(3):
        kind, request_id, payload = await api.invoke(b'{"n": %d, "s": "\xc3\xa9"}' % number)
        assert kind == "answered"
        assert json.loads(payload) == {"got": {"n": number, "s": "é"}, "id": request_id}


FORK = """
import importlib.util, os, socket, sys
sys.path.append({sdk!r})
spec = importlib.util.spec_from_file_location("bootstrap", {bootstrap!r})
bootstrap = importlib.util.module_from_spec(spec)
sys.modules["bootstrap"] = bootstrap
spec.loader.exec_module(bootstrap)
bootstrap.ADDRESS = {address!r}
bootstrap.preload()
assert len(os.listdir("/proc/self/task")) == 1, "a thread is left"
channel = socket.socket(fileno={channel})
if os.fork() == 0:
    bootstrap.prewarm()
    bootstrap.main(channel)
channel.close()
os.close({records})
sys.exit(os.waitpid(-1, 0)[1] >> 8)
"""


async def _fork(api: Any, starter: Any, python: str, handler: str, variables: dict[str, str] | None = None) -> Any:
    ours, theirs = socket.socketpair()
    read, records = os.pipe()
    os.set_blocking(read, False)
    sdk = str(own_folder()) if own_supports(_minor(python)) else "/nonexistent"
    script = FORK.format(
        sdk=sdk, bootstrap=str(BOOTSTRAP), address=api.address, channel=theirs.fileno(), records=records
    )
    argv = [PYTHONS[python], "-I", "-S", "-c", script]
    process = await starter.start(argv, {}, framed=False, fds=(theirs.fileno(), records))
    theirs.close()
    os.close(records)
    os.close(process.records)
    process.records = read
    env = {**starter.environment(handler, variables), "_LAMBDA_TELEMETRY_LOG_FD": str(records)}
    with ours:
        ours.sendall(json.dumps({"env": env}).encode() + b"\n")
    return process


@pytest.mark.parametrize("python", NAMES)
async def test_a_forked_runtime_becomes_the_function_it_is_told_to_be(api: Any, starter: Any, python: str) -> None:
    starter.write(
        {
            "app.py": "import os, sys, time, logging\n"
            "def handler(event, context):\n"
            "    logging.getLogger().warning('two\\nlines')\n"
            "    return [os.environ['COLOUR'], 'HOME' in os.environ, os.getcwd(), sys.path[:3], time.tzname[0],\n"
            "            'bootstrap' in sys.modules, os.environ['_X_AMZN_TRACE_ID'][:5]]\n"
        }
    )
    process = await _fork(api, starter, python, "app.handler", {"COLOUR": "blue"})
    kind, request_id, payload = await api.invoke()
    assert kind == "answered"
    folder = str(starter.folder)
    layers = [f"/opt/python/lib/{python}/site-packages", "/opt/python"]
    assert json.loads(payload) == ["blue", False, folder, [folder, *layers], "UTC", False, "Root="]
    (frame,) = process.logged()
    assert frame.level == "WARN"
    assert re.fullmatch(r"\[WARNING\]\t[-0-9T:.]+Z\t" + request_id + "\ttwo\nlines\n", frame.text)


WITH_SDK = [n for n in NAMES if own_supports(_minor(n))]
TOLD = """
import sys
def told(before):
    from botocore.loaders import JSONFileLoader
    import boto3, urllib3
    is_from_memory = "_remember_models" in JSONFileLoader.load_file.__qualname__
    return [before, is_from_memory, urllib3.__file__, boto3.__spec__.loader.__class__.__name__]
"""


@pytest.mark.parametrize("python", [*WITH_SDK[:1], *WITH_SDK[-1:]])
async def test_a_forked_runtime_has_the_sdk_in_memory_but_not_in_sight(api: Any, starter: Any, python: str) -> None:
    code = "import importlib.util, sys\n"
    code += "before = [n for n in ('boto3', 'botocore', 'urllib3', 'six') if n in sys.modules]\n"
    code += "found = importlib.util.find_spec('boto3').origin\nimport boto3\nfrom told import told\n"
    code += "def handler(event, context):\n"
    code += "    assert boto3.DEFAULT_SESSION is None\n"
    code += "    client = boto3.client('s3', region_name='us-east-1')\n"
    code += "    return [*told(before), found == boto3.__file__, client.meta.region_name]\n"
    starter.write({"app.py": code, "told.py": TOLD})
    await _fork(api, starter, python, "app.handler", {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"})
    _, _, payload = await api.invoke()
    urllib3 = str(own_folder() / "urllib3" / "__init__.py")
    assert json.loads(payload) == [[], True, urllib3, "SourceFileLoader", True, "us-east-1"]


URLLIB3 = {"urllib3/__init__.py": "class Retry: pass\n"}
SIX = (own_folder() / "six.py").read_text()


@pytest.mark.parametrize(
    ("code", "files", "expected"),
    [
        pytest.param("import urllib3", URLLIB3, "{folder}/urllib3/__init__.py", id="in-its-folder"),
        pytest.param("import boto3, urllib3", {"six.py": SIX}, "{sdk}/urllib3/__init__.py", id="another-one-of-them"),
        pytest.param(
            "sys.path.insert(0, os.path.dirname(__file__) + '/vendored')\nimport urllib3",
            {f"vendored/{name}": text for name, text in URLLIB3.items()},
            "{folder}/vendored/urllib3/__init__.py",
            id="in-a-folder-that-it-adds",
        ),
        pytest.param(
            "class Hook:\n"
            "    seen = []\n"
            "    def find_spec(self, name, path=None, target=None): self.seen.append(name)\n"
            "sys.meta_path.insert(0, Hook())\nimport botocore.session, urllib3\nassert 'botocore.hooks' in Hook.seen",
            {},
            "{sdk}/urllib3/__init__.py",
            id="with-hooks-of-its-own",
        ),
    ],
)
async def test_a_function_that_brings_a_part_of_the_sdk_gets_its_own(
    api: Any, starter: Any, code: str, files: dict[str, str], expected: str
) -> None:
    handler = "def handler(event, context):\n    return [urllib3.__file__, getattr(load, '__qualname__', '')]\n"
    more = "try:\n    from botocore.loaders import JSONFileLoader\n    load = JSONFileLoader.load_file\n"
    more += "except ImportError:\n    load = None\n"
    starter.write({"app.py": f"import os, sys\n{code}\n{more}{handler}", **files})
    await _fork(api, starter, WITH_SDK[-1], "app.handler", {})
    _, _, payload = await api.invoke()
    place, load = json.loads(payload)
    assert place == expected.format(folder=starter.folder, sdk=own_folder())
    assert "_remember_models" not in load


@pytest.mark.parametrize("python", FEW)
async def test_two_forks_do_not_share_their_randomness(api: Any, starter: Any, python: str, tmp_path: Path) -> None:
    script = """
import importlib.util, os, sys
spec = importlib.util.spec_from_file_location("bootstrap", {bootstrap!r})
bootstrap = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bootstrap)
import random, ssl
bootstrap.ADDRESS = {address!r}
random.seed(1); ssl.RAND_bytes(1)
for _ in range(2):
    if os.fork() == 0:
        bootstrap.prewarm()
        print(random.random(), ssl.RAND_bytes(8).hex(), flush=True)
        os._exit(0)
    os.wait()
"""
    text = script.format(bootstrap=str(BOOTSTRAP), address=api.address)
    process = await starter.start([PYTHONS[python], "-I", "-S", "-c", text], {}, framed=False)
    await process.exit_status()
    first, second = (await process.output()).split("\n")[:2]
    assert set(first.split()).isdisjoint(second.split())


@pytest.mark.parametrize("python", NAMES)
def test_what_is_in_memory_before_a_function_is_known(python: str, tmp_path: Path) -> None:
    """A function that ships a module of the same name as one of these must be started plainly."""
    import subprocess

    # As in a sandbox: the SDK without what else is installed beside it.
    for entry in sdk_entries(own_folder()) if own_supports(_minor(python)) else ():
        (tmp_path / entry.name).symlink_to(entry)
    script = (
        f"import sys; sys.path += [{str(BOOTSTRAP.parent)!r}, {str(tmp_path)!r}]; import bootstrap; "
        "bootstrap.preload(); bootstrap._rehearse(); print(*{n.partition('.')[0] for n in sys.modules})"
    )
    done = subprocess.run([PYTHONS[python], "-I", "-S", "-c", script], capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.split() if not name.startswith("_")}
    builtin = set(sys.builtin_module_names) | {"bootstrap", "builtins"}
    assert loaded - builtin - PREIMPORTED == set()


REHEARSED = f"""
import logging, os, sys
sys.path.append({str(BOOTSTRAP.parent)!r})
import bootstrap
rehearse, times = bootstrap._rehearse, []
bootstrap._rehearse = lambda: (times.append(1), rehearse())
bootstrap.preload()
assert len(times) == 1
assert not os.environ and "colorsys" not in sys.modules
assert not logging.getLogger().handlers and logging.getLogger().level == logging.WARNING
assert sorted(map(int, os.listdir("/proc/self/fd")))[:-1] == [0, 1, 2], "a descriptor is left"
"""


@pytest.mark.parametrize("python", NAMES)
def test_the_rehearsal_before_the_forks_leaves_nothing_behind(python: str) -> None:
    import subprocess

    command = [PYTHONS[python], "-I", "-S", "-c", REHEARSED]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stderr


INIT_ERRORS = [
    pytest.param("app", {}, "Runtime.MalformedHandlerName",
                 "Bad handler 'app': not enough values to unpack (expected 2, got 1)", id="no-dot"),
    pytest.param("app.handler", {}, "Runtime.ImportModuleError",
                 "Unable to import module 'app': No module named 'app'", id="no-module"),
    pytest.param("app.handler", {"app.py": "import nothing_like_it\n"}, "Runtime.ImportModuleError",
                 "Unable to import module 'app': No module named 'nothing_like_it'", id="no-import"),
    pytest.param("app.handler", {"app.py": "x = 1\n"}, "Runtime.HandlerNotFound",
                 "Handler 'handler' missing on module 'app'", id="no-function"),
    pytest.param("sys.handler", {}, "Runtime.BuiltInModuleConflict",
                 "Cannot use built-in module sys as a handler module", id="builtin"),
    pytest.param("app.handler", {"app.py": "x = 1 / 0\n"}, "ZeroDivisionError", "division by zero", id="raises"),
]  # fmt: skip


@pytest.mark.parametrize("python", FEW)
@pytest.mark.parametrize(("handler", "files", "error_type", "message"), INIT_ERRORS)
async def test_what_is_wrong_with_a_module_is_the_initialisation_s_error(
    api: Any, starter: Any, python: str, handler: str, files: dict[str, str], error_type: str, message: str
) -> None:
    starter.write(files)
    process = await _start(starter, python, handler)
    kind, named, payload = await api.outcome()
    document = json.loads(payload)
    assert (kind, named) == ("init_failed", error_type)
    assert (document["errorType"], document["errorMessage"]) == (error_type, message)
    assert document.get("requestId") == (None if python == "python3.8" else "")
    assert await process.exit_status() == 1
    (frame,) = process.logged()
    assert frame.text.startswith(f"[ERROR] {error_type}: {message}\nTraceback (most recent call last):\n")


async def test_a_syntax_error_names_file_line_and_text(api: Any, starter: Any) -> None:
    starter.write({"app.py": "def handler(event, context):\n    return (]\n"})
    await _start(starter, NAMES[-1])
    _, named, payload = await api.outcome()
    document = json.loads(payload)
    assert named == document["errorType"] == "Runtime.UserCodeSyntaxError"
    assert document["errorMessage"].startswith("Syntax error in module 'app': ")
    (shown,) = document["stackTrace"]
    assert shown.rstrip("\n") == f'  File "{starter.folder}/app.py" Line 2\n        return (]'


async def test_an_error_while_importing_shows_the_function_s_frames(api: Any, starter: Any) -> None:
    starter.write({"app.py": "def broken():\n    raise RuntimeError('no')\nbroken()\n"})
    await _start(starter, NAMES[-1])
    _, _, payload = await api.outcome()
    trace = json.loads(payload)["stackTrace"]
    assert trace[-1] == f"  File \"{starter.folder}/app.py\", line 2, in broken\n    raise RuntimeError('no')\n"
    assert not any(str(BOOTSTRAP) in line for line in trace)


RAISES = """
class Odd(Exception):
    pass

def handler(event, context):
    raise Odd("some error occurred")
"""


@pytest.mark.parametrize("python", FEW)
async def test_an_exception_is_the_answer_s_error_and_a_record(api: Any, starter: Any, python: str) -> None:
    starter.write({"app.py": RAISES})
    process = await _start(starter, python)
    kind, _, named, payload = await api.invoke()
    document = json.loads(payload)
    assert (kind, named) == ("failed", "Odd")
    members = ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert list(document) == [m for m in members if m != "requestId" or python != "python3.8"]
    assert document["stackTrace"] == [
        f'  File "{starter.folder}/app.py", line 6, in handler\n    raise Odd("some error occurred")\n'
    ]
    (frame,) = process.logged()
    assert frame.level == "ERROR"
    assert frame.text == (
        f"[ERROR] Odd: some error occurred\nTraceback (most recent call last):\n"
        f'{NBSP * 2}File "{starter.folder}/app.py", line 6, in handler\n{NBSP * 4}raise Odd("some error occurred")\n'
    )
    kind, *_ = await api.invoke()
    assert kind == "failed", "the runtime goes on"


FAILING = [
    pytest.param("{1, 2}", "Runtime.MarshalError",
                 "Unable to marshal response: Object of type set is not JSON serializable", id="set"),
    pytest.param("{'b': b'x'}", "Runtime.MarshalError",
                 "Unable to marshal response: Object of type bytes is not JSON serializable", id="bytes-inside"),
]  # fmt: skip


@pytest.mark.parametrize(("result", "error_type", "message"), FAILING)
async def test_a_result_that_json_cannot_hold_is_an_error(
    api: Any, starter: Any, result: str, error_type: str, message: str
) -> None:
    starter.write({"app.py": f"def handler(event, context):\n    return {result}\n"})
    await _start(starter, NAMES[-1])
    kind, _, named, payload = await api.invoke()
    document = json.loads(payload)
    assert (kind, named, document["errorMessage"]) == ("failed", error_type, message)
    assert document["stackTrace"] == []


RESULTS = [
    ("None", b"null"),
    ("'é'", None),
    ("[1, 2.5, True, None]", b"[1, 2.5, true, null]"),
    ("(1, (2,))", b"[1, [2]]"),
    ("{'statusCode': 200}", b'{"statusCode": 200}'),
    ("{1: 'a', None: 'b'}", b'{"1": "a", "null": "b"}'),
    ("{'d': [Decimal('1.10'), Decimal('12345678901234567890.123456789')]}",
     b'{"d": [1.10, 12345678901234567890.123456789]}'),
    ("Decimal('NaN')", b"NaN"),
    ("b'raw'", b"raw"),
]  # fmt: skip


@pytest.mark.parametrize("python", FEW)
async def test_results_are_written_as_the_managed_runtime_writes_them(api: Any, starter: Any, python: str) -> None:
    cases = ",\n".join(result for result, _ in RESULTS)
    starter.write(
        {
            "app.py": f"from decimal import Decimal\nRESULTS = [{cases}]\n"
            "def handler(event, context): return RESULTS[event]\n"
        }
    )
    await _start(starter, python)
    for number, (_, expected) in enumerate(RESULTS):
        _, _, payload = await api.invoke(b"%d" % number)
        if expected is None:
            expected = '"é"'.encode() if _minor(python) >= 12 else b'"\\u00e9"'
        assert payload == expected


@pytest.mark.parametrize("python", FEW)
async def test_an_event_that_is_no_json_is_an_error(api: Any, starter: Any, python: str) -> None:
    starter.write({"app.py": ECHO})
    await _start(starter, python)
    kind, _, named, payload = await api.invoke(b"{not json")
    assert (kind, named) == ("failed", "Runtime.UnmarshalError")
    assert json.loads(payload)["errorMessage"].startswith("Unable to unmarshal input: ")


@pytest.mark.parametrize(
    ("handler", "files"),
    [
        ("pkg/app.handler", {"pkg/app.py": ECHO}),
        ("pkg.app.handler", {"pkg/app.py": ECHO}),
        ("pkg.inner.handler", {"pkg/__init__.py": "", "pkg/inner.py": ECHO}),
        ("bootstrap.handler", {"bootstrap.py": ECHO}),
    ],
)
async def test_handlers_are_found_by_slashes_and_dots(api: Any, starter: Any, handler: str, files: Any) -> None:
    starter.write(files)
    await _start(starter, NAMES[-1], handler)
    kind, *_ = await api.invoke()
    assert kind == "answered"


CONTEXT = """
import time
def handler(event, context):
    c, i = context.client_context, context.identity
    return {
        "name": context.function_name, "version": context.function_version, "arn": context.invoked_function_arn,
        "memory": context.memory_limit_in_mb, "id": context.aws_request_id, "group": context.log_group_name,
        "stream": context.log_stream_name, "tenant": context.tenant_id,
        "left": 0 < context.get_remaining_time_in_millis() <= 3000,
        "client": c and [c.client.app_title, c.client.installation_id, c.custom, c.env],
        "identity": [i.cognito_identity_id, i.cognito_identity_pool_id], "repr": repr(context)[:15],
    }
"""


@pytest.mark.parametrize("python", FEW)
async def test_the_context_has_everything(api: Any, starter: Any, python: str) -> None:
    starter.write({"app.py": CONTEXT})
    await _start(starter, python)
    client = '{"client": {"app_title": "Zoë"}, "custom": {"a": "1"}, "env": {"locale": "de"}}'
    identity = '{"cognitoIdentityId": "i", "cognitoIdentityPoolId": "p"}'
    _, request_id, payload = await api.invoke(client_context=client, cognito_identity=identity, tenant_id="blue")
    assert json.loads(payload) == {
        "name": "thumbs", "version": "$LATEST", "arn": "arn:aws:lambda:us-east-1:000000000000:function:thumbs",
        "memory": "128", "id": request_id, "group": "/aws/lambda/thumbs", "stream": "2026/01/01/[$LATEST]0123",
        "tenant": "blue", "left": True, "client": ["Zoë", None, {"a": "1"}, {"locale": "de"}],
        "identity": ["i", "p"], "repr": "LambdaContext([",
    }  # fmt: skip
    _, _, payload = await api.invoke()
    document = json.loads(payload)
    assert (document["client"], document["identity"], document["tenant"]) == (None, [None, None], None)


async def test_a_client_context_that_is_no_json_is_an_error(api: Any, starter: Any) -> None:
    starter.write({"app.py": ECHO})
    await _start(starter, NAMES[-1])
    kind, _, named, payload = await api.invoke(client_context="{oops")
    assert (kind, named) == ("failed", "Runtime.LambdaContextUnmarshalError")
    assert json.loads(payload)["errorMessage"].startswith("Unable to parse Client Context JSON: ")


async def test_the_trace_variable_follows_the_event(api: Any, starter: Any) -> None:
    starter.write({"app.py": "import os\ndef handler(e, c): return os.environ.get('_X_AMZN_TRACE_ID')\n"})
    await _start(starter, NAMES[-1])
    assert json.loads((await api.invoke(trace="Root=1-2-3"))[2]) == "Root=1-2-3"
    assert json.loads((await api.invoke(trace=""))[2]) is None


LOGS = """
import logging
log = logging.getLogger("shop")
logging.getLogger().setLevel(logging.INFO)
def handler(event, context):
    log.info("got %s", 1)
    log.debug("hidden")
    context.log("as it is")
    print("printed", end="")
    try:
        raise KeyError("k")
    except KeyError:
        log.exception("caught", extra={"basket": 7})
"""


@pytest.mark.parametrize("python", FEW)
async def test_logging_writes_whole_records_in_lambda_s_format(api: Any, starter: Any, python: str) -> None:
    starter.write({"app.py": LOGS})
    process = await _start(starter, python)
    _, request_id, _ = await api.invoke()
    info, raw, caught = process.logged()
    assert re.fullmatch(r"\[INFO\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t" + request_id + "\tgot 1\n", info.text)
    assert (info.level, caught.level, raw.text) == ("INFO", "ERROR", "as it is")
    assert caught.text.startswith("[ERROR]\t")
    assert "caught\nTraceback (most recent call last):\n" in caught.text
    assert process.printed.startswith(b"printed"), "output is written before the answer"


PRINTS = """
import logging, os, subprocess, sys
def handler(event, context):
    if event == "elsewhere":
        kept, other = os.dup(1), os.open(os.environ["ELSEWHERE"], os.O_WRONLY | os.O_CREAT)
        os.dup2(other, 1)
        print("to the file")
        os.dup2(kept, 1)
        print("to the log")
        return sys.stdout.fileno(), sys.stderr.fileno(), sys.stdout.isatty(), sys.stdout.encoding, sys.stdout.name
    if event == "direct":
        os.write(1, b"direct\\n")
        subprocess.run(["echo", "child"], check=True)
        subprocess.run(["echo", "child with stdout"], stdout=sys.stdout, check=True)
        return
    for n in range(3):
        print("out", n)
        logging.getLogger().error("logged %d", n)
        print("é" * 5000, file=sys.stderr)
    raise KeyError("last")
"""


async def _frames(process: Any) -> list[Frame | Printed]:
    """Everything in the records pipe, in order."""
    reader, found = Frames(), []
    with contextlib.suppress(BlockingIOError):
        while data := os.read(process.records, 65536):
            found += reader.feed(data)
    return found


@pytest.mark.parametrize("python", FEW)
@pytest.mark.parametrize("is_forked", [False, True])
async def test_what_is_printed_and_what_is_logged_keep_their_order(
    api: Any, starter: Any, python: str, is_forked: bool
) -> None:
    starter.write({"app.py": PRINTS})
    await (_fork(api, starter, python, "app.handler") if is_forked else _start(starter, python))
    process = starter.processes[-1]
    await api.invoke(b"1")
    text = "".join(
        frame.data.decode() if isinstance(frame, Printed) else frame.text.split("\n")[0] + "\n"
        for frame in await _frames(process)
    )
    said = [line.rsplit("\t")[-1][:12] for line in text.splitlines()]
    assert said == [*(each for n in range(3) for each in (f"out {n}", f"logged {n}", "é" * 12)), "[ERROR] KeyE"]


async def test_output_goes_where_its_descriptor_leads(api: Any, starter: Any, tmp_path: Path) -> None:
    starter.write({"app.py": PRINTS})
    process = await _start(starter, NAMES[-1], variables={"ELSEWHERE": str(tmp_path / "elsewhere")})
    _, _, payload = await api.invoke(b'"elsewhere"')
    assert json.loads(payload) == [1, 2, False, "utf-8", "<stdout>"]
    assert (tmp_path / "elsewhere").read_text() == "to the file\n"
    process.logged()
    assert process.printed == b"to the log\n"
    await api.invoke(b'"direct"')
    assert await process.process.stdout.readexactly(len(b"direct\nchild\nchild with stdout\n"))


@pytest.mark.parametrize("python", FEW)
async def test_json_logs_have_lambda_s_keys(api: Any, starter: Any, python: str) -> None:
    starter.write({"app.py": LOGS.replace("logging.getLogger().setLevel(logging.INFO)", "")})
    variables = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}
    process = await _start(starter, python, variables=variables)
    _, request_id, _ = await api.invoke()
    info, _, caught = (frame.text for frame in process.logged())
    first = json.loads(info)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first.pop("timestamp"))
    assert first == {"level": "INFO", "message": "got 1", "logger": "shop", "requestId": request_id}
    second = json.loads(caught)
    assert (second["errorType"], second["errorMessage"], second["basket"]) == ("KeyError", "'k'", 7)
    assert second["location"].endswith("app.py:handler:13")
    assert isinstance(second["stackTrace"], list)


async def test_json_faults_have_their_own_keys(api: Any, starter: Any) -> None:
    starter.write({"app.py": RAISES})
    process = await _start(starter, NAMES[-1], variables={"AWS_LAMBDA_LOG_FORMAT": "JSON"})
    _, request_id, *_ = await api.invoke()
    (frame,) = process.logged()
    fault = json.loads(frame.text)
    assert (fault["log_level"], fault["errorType"], fault["requestId"]) == ("ERROR", "Odd", request_id)


async def test_records_larger_than_a_log_event_come_in_pieces(api: Any, starter: Any) -> None:
    code = "import logging\ndef handler(e, c): logging.getLogger().error('x' * 300_000)\n"
    starter.write({"app.py": code})
    process = await _start(starter, NAMES[-1])
    read = asyncio.get_running_loop().run_in_executor(None, _read_at_least, process, 2)
    await api.invoke()
    await read
    texts = [frame.text for frame in process.logged()]
    assert len(texts) == 2
    assert "".join(texts).endswith("x" * 300_000 + "\n")


def _read_at_least(process: Any, count: int) -> None:
    """A pipe holds less than these records: somebody must read while they are written."""
    while len(process.logged()) < count:
        select.select([process.records], [], [], 30)


async def test_a_subprocess_does_not_inherit_the_records_pipe(api: Any, starter: Any) -> None:
    code = "import os, subprocess\ndef handler(e, c): return subprocess.getoutput('ls /proc/self/fd').split()\n"
    starter.write({"app.py": code})
    await _start(starter, NAMES[-1])
    _, _, payload = await api.invoke()
    assert set(json.loads(payload)) <= {"0", "1", "2", "3"}, "3 is ls's own"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("import sys; sys.exit(3)", 3),
        ("import sys; sys.exit()", 0),
        ("import os; os._exit(7)", 7),
        ("raise KeyboardInterrupt", 1),
    ],
)
@pytest.mark.parametrize("is_forked", [False, True])
async def test_a_handler_that_exits_takes_the_process_with_it(
    api: Any, starter: Any, code: str, status: int, is_forked: bool
) -> None:
    starter.write({"app.py": f"def handler(event, context):\n    print('last words', end='')\n    {code}\n"})
    python = NAMES[-1]
    process = await (_fork(api, starter, python, "app.handler") if is_forked else _start(starter, python))
    api.offer()
    ended = await process.exit_status()
    assert ended == status or (not is_forked and code == "raise KeyboardInterrupt" and ended == -2)
    if "_exit" not in code:
        assert "last words" in await process.output()


@pytest.mark.parametrize("python", FEW)
async def test_large_events_and_answers_pass(api: Any, starter: Any, python: str) -> None:
    starter.write({"app.py": "def handler(event, context):\n    return event\n"})
    await _start(starter, python)
    body = json.dumps("x" * (6 * 1024 * 1024 - 2)).encode()
    _, _, payload = await api.invoke(body)
    assert payload == body
    assert (await api.invoke(b"1"))[2] == b"1"


async def test_after_an_answer_that_was_too_large_the_runtime_goes_on(api: Any, starter: Any) -> None:
    starter.write({"app.py": "def handler(event, context):\n    return 'x' * event\n"})
    await _start(starter, NAMES[-1])
    kind, *_ = await api.invoke(b"7000000")
    assert kind == "too_large"
    assert (await api.invoke(b"3"))[2] == b'"xxx"'


async def test_modules_of_layers_are_found_after_the_function_sown_folder() -> None:
    import importlib.util

    spec = importlib.util.spec_from_file_location("lambent_bootstrap_under_test", BOOTSTRAP)
    assert spec is not None
    assert spec.loader is not None
    bootstrap = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bootstrap)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = bootstrap.search_path(["/var/runtime", "/lib.zip", "/lib", "/opt/python"], "/var/task", "/var/runtime")
    layers = [f"/opt/python/lib/python{version}/site-packages", "/opt/python"]
    assert found == ["/var/task", *layers, "/lib.zip", "/lib", "/var/runtime"]
    stands_in = bootstrap.search_path(["/lib"], "/var/task", "/var/runtime", "AWS_Lambda_python3.99")
    assert stands_in == [
        "/var/task", "/opt/python/lib/python3.99/site-packages", *layers, "/lib", "/var/runtime"
    ]  # fmt: skip
