"""Our bootstrap for Java, compiled once, started plainly and booted ahead."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lambent.runtimes.base import Contents, Facts, Interpreter
from lambent.runtimes.java.building import Build, digest
from lambent.runtimes.java.runtime import FAMILY, NAMES, needs_plain
from lambent.sandbox.base import Started


def _javas() -> list[Interpreter]:
    found = [FAMILY.probe(path) for path in FAMILY.candidates()]
    return sorted((java for java in found if java is not None), key=lambda java: java.numbers)


JAVAS = _javas()
needs_java = pytest.mark.skipif(not JAVAS, reason="there is no JDK 17 or later here")
every_java = pytest.mark.parametrize("java", JAVAS, ids=[java.version for java in JAVAS])

COMMON = """
package fn;
import com.amazonaws.services.lambda.runtime.*;
import java.io.*;
import java.util.*;
"""
SOURCES = {
    "Echo": "public class Echo implements RequestHandler<Map<String, Object>, Object> {\n"
    " public Object handleRequest(Map<String, Object> event, Context context) {\n"
    "  var answer = new LinkedHashMap<String, Object>();\n"
    '  answer.put("got", event); answer.put("id", context.getAwsRequestId()); return answer; } }',
    "All": "public class All implements RequestHandler<Object, Object> {\n"
    " public Object handleRequest(Object event, Context c) {\n"
    "  return Arrays.asList(c.getAwsRequestId(), c.getInvokedFunctionArn(), c.getLogGroupName(),\n"
    "   c.getLogStreamName(), c.getFunctionName(), c.getFunctionVersion(), c.getMemoryLimitInMB(), c.getTenantId(),\n"
    '   c.getClientContext().getClient().getAppTitle(), c.getClientContext().getCustom().get("a"),\n'
    "   c.getRemainingTimeInMillis() > 0, c.getIdentity().getIdentityId()); } }",
    "Streams": "public class Streams implements RequestStreamHandler {\n"
    " public void handleRequest(InputStream in, OutputStream out, Context c) throws IOException {\n"
    '  out.write("[".getBytes()); in.transferTo(out); out.write("]".getBytes()); } }',
    "Shapes": "public class Shapes {\n"
    " public enum Colour { RED, BLUE }\n"
    " public record Point(int x, double y, List<String> tags) {}\n"
    " public static class Base<T> { private T value; public T getValue() { return value; }\n"
    "  public void setValue(T value) { this.value = value; } }\n"
    " public static class Order extends Base<List<Point>> {\n"
    "  private String name; private boolean paid; private Colour colour; private Map<String, Long> counts;\n"
    "  public String getName() { return name; } public void setName(String name) { this.name = name; }\n"
    "  public boolean isPaid() { return paid; } public void setPaid(boolean paid) { this.paid = paid; }\n"
    "  public Colour getColour() { return colour; } public void setColour(Colour c) { this.colour = c; }\n"
    "  public Map<String, Long> getCounts() { return counts; }\n"
    "  public void setCounts(Map<String, Long> c) { counts = c; }\n"
    "  public String getNone() { return null; } }\n"
    " public Order order(Order order, Context c) {\n"
    "  order.getValue().get(0).tags().add(order.name); return order; }\n"
    " public Point point(Point point) { return point; }\n"
    " public int sum(List<Integer> all) { int n = 0; for (int i : all) n += i; return n; }\n"
    ' public static String hello(String name) { return "hello " + name; }\n'
    " public String none() { return null; }\n"
    " public long id(Context context) { return context.getAwsRequestId().length(); }\n"
    " public void raw(InputStream in, OutputStream out) throws IOException { in.transferTo(out); }\n"
    ' public String large(int size) { return "x".repeat(size); } }',
    "Fails": "public class Fails { static int n;\n"
    " public static class Mine extends RuntimeException { Mine(String m, Throwable t) { super(m, t); } }\n"
    " public String run(String how) { switch (how) {\n"
    '  case "mine": throw new Mine("bad", new IOException("worse"));\n'
    '  case "deep": return run(how);\n'
    '  case "memory": throw new OutOfMemoryError("Java heap space");\n'
    '  case "exit": System.exit(3);\n'
    "  default: return how; } } }",
    "Starts": "public class Starts {\n"
    ' static { if (true) throw new IllegalStateException("no"); } public void run() {} }',
    "Closed": "public class Closed implements RequestHandler<Object, Object> { private Closed() {}\n"
    " public Object handleRequest(Object event, Context context) { return null; } }",
    "Logs": "public class Logs { public void run(Object event, Context context) {\n"
    '  System.out.println("printed \\u00e9"); context.getLogger().log("two\\nlines");\n'
    '  context.getLogger().log("debug", com.amazonaws.services.lambda.runtime.logging.LogLevel.DEBUG); } }',
}


class Compiled:
    """The bootstrap and the functions above, compiled by one Java."""

    def __init__(self, java: Interpreter, folder: Path) -> None:
        (folder / "empty").mkdir(parents=True)
        self.java = java
        self.runtime = FAMILY.runtime("java17", java, None, folder / "empty")
        assert self.runtime.pooled.make is not None
        self.runtime.pooled.make()
        self.lib = next(bind.host for bind in self.runtime.pooled.binds if bind.inside == "/var/runtime/lib")
        self.classes = folder / "classes"
        sources = folder / "sources"
        sources.mkdir()
        for name, text in SOURCES.items():
            (sources / f"{name}.java").write_text(COMMON + text)
        command = [str(java.executable.with_name("javac")), "--release", "17", "-nowarn", "-d", str(self.classes)]
        files = [str(path) for path in sources.iterdir()]
        subprocess.run([*command, "-cp", str(self.lib / "lambent.jar"), *files], check=True)

    def plain(self) -> list[str]:
        """The command of a process that is started for its function."""
        _, *options = self.runtime.command(Facts())
        return [str(self.java.executable), *(each.replace("/var/runtime/lib", str(self.lib)) for each in options)]

    def waiting(self, address: str, channel: int) -> list[str]:
        """The command of one that is booted ahead."""
        program = self.runtime.pooled.program
        assert isinstance(program, Started)
        _, flag, script, *rest = program.argv
        script = script.replace("/var/runtime/lib", str(self.lib)).replace("<&3 3<&-", f"<&{channel}")
        replaced = {"127.0.0.1:9001": address, rest[1]: str(self.java.executable)}
        return ["/bin/bash", flag, script, *(replaced.get(each, each) for each in rest)]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made: dict[str, Compiled] = {}

    def compiled(java: Interpreter = JAVAS[0]) -> Compiled:
        if java.version not in made:
            made[java.version] = Compiled(java, tmp_path_factory.mktemp("java"))
        return made[java.version]

    return compiled


async def _start(starter: Any, compiled: Any, handler: str, java: Interpreter | None = None, **more: Any) -> Any:
    made = compiled(java or JAVAS[0])
    variables = {"LAMBDA_TASK_ROOT": str(made.classes), **more.pop("variables", {})}
    return await starter.start(made.plain(), starter.environment(handler, variables), **more)


@every_java
@needs_java
async def test_a_handler_gets_the_event_and_its_result_is_the_answer(
    api: Any, starter: Any, compiled: Any, java: Interpreter
) -> None:
    await _start(starter, compiled, "fn.Echo", java)
    for number in range(3):
        event = {"n": number, "s": "é\U0001f600\n", "l": [1, 2.5, None, True, 12345678901]}
        kind, request_id, payload = await api.invoke(json.dumps(event).encode())
        assert (kind, json.loads(payload)) == ("answered", {"got": event, "id": request_id})


@every_java
@needs_java
async def test_a_runtime_booted_ahead_becomes_the_function_it_is_told_to_be(
    api: Any, starter: Any, compiled: Any, java: Interpreter, tmp_path: Path
) -> None:
    made = compiled(java)
    ours, theirs = socket.socketpair()
    process = await starter.start(
        made.waiting(api.address, theirs.fileno()), {"TOKEN": "x"}, framed=False, fds=(theirs.fileno(),)
    )
    theirs.close()
    variables = {"LAMBDA_TASK_ROOT": str(made.classes), "COLOUR": "blue"}
    with ours:
        ours.sendall(json.dumps({"env": starter.environment("fn.Echo", variables)}).encode() + b"\n")
    kind, _, payload = await api.invoke(b'{"a":1}')
    assert (kind, json.loads(payload)["got"]) == ("answered", {"a": 1})
    assert process.process.returncode is None


@needs_java
async def test_a_waiting_runtime_ends_when_its_channel_does(api: Any, starter: Any, compiled: Any) -> None:
    ours, theirs = socket.socketpair()
    command = compiled().waiting(api.address, theirs.fileno())
    process = await starter.start(command, {}, framed=False, fds=(theirs.fileno(),))
    theirs.close()
    ours.close()
    assert await process.exit_status() == 0
    assert await process.output() == ""


@needs_java
async def test_the_context_says_everything(api: Any, starter: Any, compiled: Any) -> None:
    await _start(starter, compiled, "fn.All")
    client = '{"client":{"app_title":"shop"},"custom":{"a":"b"}}'
    kind, request_id, payload = await api.invoke(client_context=client)
    assert kind == "answered", payload
    arn = "arn:aws:lambda:us-east-1:000000000000:function:thumbs"
    names = ["/aws/lambda/thumbs", "2026/01/01/[$LATEST]0123", "thumbs", "$LATEST"]
    assert json.loads(payload) == [request_id, arn, *names, 128, None, "shop", "b", True, ""]


ORDER = {
    "name": "n",
    "paid": True,
    "colour": "BLUE",
    "counts": {"a": 5000000000},
    "Value": [{"x": 1, "y": 2, "tags": ["t"], "other": 1}],
    "unknown": {},
}
ORDERED = {
    "name": "n",
    "paid": True,
    "colour": "BLUE",
    "counts": {"a": 5000000000},
    "value": [{"x": 1, "y": 2.0, "tags": ["t", "n"]}],
}
METHODS = [
    ("fn.Streams", {"a": 1}, [{"a": 1}]),
    ("fn.Streams::handleRequest", 1, [1]),
    ("fn.Shapes::order", ORDER, ORDERED),
    ("fn.Shapes::point", {"x": "3"}, {"x": 3, "y": 0.0}),
    ("fn.Shapes::sum", [1, 2, 3], 6),
    ("fn.Shapes::hello", "you", "hello you"),
    ("fn.Shapes::none", {}, None),
    ("fn.Shapes::id", {}, 36),
    ("fn.Shapes::raw", [None], [None]),
]


@needs_java
@pytest.mark.parametrize(("handler", "event", "answer"), METHODS, ids=[method[0] for method in METHODS])
async def test_handlers_of_every_kind(
    api: Any, starter: Any, compiled: Any, handler: str, event: object, answer: object
) -> None:
    await _start(starter, compiled, handler)
    kind, _, payload = await api.invoke(json.dumps(event).encode())
    assert (kind, json.loads(payload)) == ("answered", answer)


INIT_ERRORS = [
    ("fn.Nothing::run", "java.lang.ClassNotFoundException", "Class not found: fn.Nothing"),
    (
        "fn.Shapes::nothing",
        "java.lang.NoSuchMethodException",
        "No public method named nothing with appropriate method signature found on class fn.Shapes",
    ),
    ("fn.Starts::run", "java.lang.IllegalStateException", "no"),
    ("fn.Closed", "java.lang.NoSuchMethodException", "Class fn.Closed has no public zero-argument constructor"),
]


@needs_java
@pytest.mark.parametrize(("handler", "error_type", "message"), INIT_ERRORS)
async def test_what_is_wrong_with_a_class_is_the_initialisation_s_error(
    api: Any, starter: Any, compiled: Any, handler: str, error_type: str, message: str
) -> None:
    process = await _start(starter, compiled, handler)
    kind, named, payload = await api.outcome()
    document = json.loads(payload)
    assert (kind, named) == ("init_failed", error_type)
    assert (document["errorType"], document["errorMessage"]) == (error_type, message)
    assert await process.exit_status() == 1
    (frame,) = process.logged()
    assert frame.text.startswith(f"{message}: {error_type}\n")


@needs_java
async def test_an_error_of_the_handler_is_told_with_its_cause_and_the_runtime_goes_on(
    api: Any, starter: Any, compiled: Any
) -> None:
    process = await _start(starter, compiled, "fn.Fails::run")
    kind, _, named, payload = await api.invoke(b'"mine"')
    assert (kind, named) == ("failed", "fn.Fails$Mine")
    document = json.loads(payload)
    cause = document.pop("cause")
    assert document.pop("stackTrace") == ["fn.Fails.run(Fails.java:9)"]
    assert document == {"errorMessage": "bad", "errorType": "fn.Fails$Mine"}
    assert (cause["errorMessage"], cause["errorType"]) == ("worse", "java.io.IOException")
    (frame,) = process.logged()
    assert frame.text.startswith("bad: fn.Fails$Mine\nfn.Fails$Mine: bad\n\tat fn.Fails.run(Fails.java:9)\n")
    assert "Caused by: java.io.IOException: worse\n" in frame.text
    kind, _, named, _ = await api.invoke(b'"deep"')
    assert (kind, named) == ("failed", "java.lang.StackOverflowError")
    kind, _, named, payload = await api.invoke(b'{"a":1}')
    assert (kind, named) == ("failed", "java.lang.IllegalArgumentException")
    assert (await api.invoke(b'"fine"'))[2] == b'"fine"'


@needs_java
async def test_a_program_ends_when_it_wants_to_or_has_no_memory(api: Any, starter: Any, compiled: Any) -> None:
    process = await _start(starter, compiled, "fn.Fails::run")
    assert (await api.invoke(b'"memory"'))[2] == "java.lang.OutOfMemoryError"
    assert await process.exit_status() == 1


@needs_java
async def test_an_exit_is_the_process_s(api: Any, starter: Any, compiled: Any) -> None:
    process = await _start(starter, compiled, "fn.Fails::run")
    api.offer(b'"exit"')
    assert await process.exit_status() == 3


@needs_java
async def test_an_answer_that_is_too_large_ends_nothing(api: Any, starter: Any, compiled: Any) -> None:
    await _start(starter, compiled, "fn.Shapes::large")
    assert (await api.invoke(b"7000000"))[0] == "too_large"
    kind, _, payload = await api.invoke(b"6000000")
    assert (kind, len(payload)) == ("answered", 6000002)


@needs_java
@pytest.mark.parametrize("is_json", [False, True])
async def test_the_logger_writes_whole_records(api: Any, starter: Any, compiled: Any, is_json: bool) -> None:
    variables = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"} if is_json else {}
    process = await _start(starter, compiled, "fn.Logs::run", variables=variables)
    kind, request_id, _ = await api.invoke()
    assert kind == "answered"
    assert await process.line() == "printed é\n"
    texts = [frame.text for frame in process.logged()]
    if not is_json:
        assert texts == ["two\nlines", "debug"]
        return
    (line,) = map(json.loads, texts)
    assert re.fullmatch(r"[-0-9]+T[0-9:.]+Z", line.pop("timestamp"))
    assert line == {"level": "UNDEFINED", "message": "two\nlines", "AWSRequestId": request_id}


@needs_java
def test_a_build_is_made_once_and_has_an_archive(compiled: Any) -> None:
    made = compiled()
    before = {path.name: path.stat().st_mtime_ns for path in made.lib.iterdir()}
    assert set(before) == {"lambent.jar", "lambent.jsa", "rehearsal"}
    made.runtime.plain.make()
    assert {path.name: path.stat().st_mtime_ns for path in made.lib.iterdir()} == before


def test_a_compiler_that_fails_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    compiler = tmp_path / "javac"
    compiler.write_text("#!/bin/sh\necho no such thing >&2\nexit 1\n")
    compiler.chmod(0o755)
    build = Build(tmp_path / "java", (), tmp_path / "builds" / "one")
    with pytest.raises(OSError, match="no such thing"):
        build.make()
    assert list((tmp_path / "builds").iterdir()) == []


def test_every_name_asks_for_its_version_and_builds_differ_by_what_they_are_made_with() -> None:
    assert FAMILY.wanted["java21"] == (21,)
    assert set(FAMILY.wanted) == set(NAMES)
    assert digest("17") == digest("17") != digest("21")


@needs_java
def test_a_plain_start_has_a_heap_that_its_memory_holds(tmp_path: Path) -> None:
    runtime = FAMILY.runtime("java17", JAVAS[0], None, tmp_path)
    facts = Facts({"JAVA_TOOL_OPTIONS": "-Dx=y"})
    argv = runtime.message(facts, {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"})["argv"]
    assert isinstance(argv, list)
    assert argv[-4:] == ["-Xmx435m", "-cp", "/var/runtime/lib/lambent.jar", "lambent.Main"]
    assert runtime.message(Facts(), {"A": "b"}) == {"env": {"A": "b"}}


def test_what_a_java_reads_at_its_start_needs_one_of_its_own() -> None:
    for name in ("JAVA_TOOL_OPTIONS", "TZ", "LD_PRELOAD", "AWS_LAMBDA_EXEC_WRAPPER"):
        assert needs_plain(Facts({name: "x"})) == f"it sets {name}"
    assert needs_plain(Facts({}, Contents(frozenset({"lib/libx.so"})))) == "it ships lib/libx.so"
    assert needs_plain(Facts({"COLOUR": "blue"}, Contents(frozenset({"lib/x.jar"})))) is None
