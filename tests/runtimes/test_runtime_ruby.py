"""Our bootstrap for Ruby, started plainly and booted ahead."""

from __future__ import annotations

import json
import re
import socket
from typing import Any

import pytest

from lambent.runtimes.base import Contents, Facts
from lambent.runtimes.ruby.runtime import BOOTSTRAP, FAMILY, needs_plain


def _rubies() -> list[str]:
    return [str(path) for path in FAMILY.candidates() if FAMILY.probe(path) is not None]


RUBIES = _rubies()
needs_ruby = pytest.mark.skipif(not RUBIES, reason="there is no Ruby 3 here")
ECHO = "def handler(event:, context:)\n  { got: event, id: context.aws_request_id }\nend\n"


async def _start(starter: Any, handler: str = "app.handler", **more: Any) -> Any:
    env = starter.environment(handler, more.pop("variables", None))
    return await starter.start([RUBIES[-1], str(BOOTSTRAP)], env, **more)


def _ahead(api: Any) -> tuple[dict[str, str], socket.socket, socket.socket]:
    ours, theirs = socket.socketpair()
    return {"AWS_LAMBDA_RUNTIME_API": api.address, "_LAMBENT_CHANNEL": str(theirs.fileno())}, ours, theirs


@needs_ruby
async def test_a_handler_gets_the_event_and_its_result_is_the_answer(api: Any, starter: Any) -> None:
    starter.write({"app.rb": ECHO})
    await _start(starter)
    for number in range(3):
        kind, request_id, payload = await api.invoke(b'{"n":%d,"s":"\xc3\xa9"}' % number)
        assert (kind, json.loads(payload)) == ("answered", {"got": {"n": number, "s": "é"}, "id": request_id})


@needs_ruby
async def test_a_runtime_booted_ahead_becomes_the_function_it_is_told_to_be(api: Any, starter: Any) -> None:
    starter.write(
        {
            "app.rb": "require 'extra'\nrequire 'gemmed'\ndef handler(event:, context:)\n"
            "  [ENV['COLOUR'], ENV.key?('_LAMBENT_CHANNEL'), Dir.pwd, EXTRA, GEMMED, Time.now.utc_offset,\n"
            "   ENV['_X_AMZN_TRACE_ID'][0, 5]]\nend\n",
            "libs/extra.rb": "EXTRA = 'from RUBYLIB'\n",
            "gems/gems/gemmed-1.0/lib/gemmed.rb": "GEMMED = 'from GEM_PATH'\n",
            "gems/specifications/gemmed-1.0.gemspec": "Gem::Specification.new { |s| s.name = 'gemmed'; "
            "s.version = '1.0'; s.summary = 's'; s.authors = ['a']; s.files = ['lib/gemmed.rb'] }\n",
        }
    )
    ahead, ours, theirs = _ahead(api)
    await starter.start([RUBIES[-1], str(BOOTSTRAP)], ahead, framed=False, fds=(theirs.fileno(),))
    theirs.close()
    variables = {
        "COLOUR": "blue",
        "RUBYLIB": f"{starter.folder}/libs",
        "GEM_PATH": f"{starter.folder}/gems",
        "TZ": "Asia/Tokyo",
    }
    with ours:
        ours.sendall(json.dumps({"env": starter.environment("app.handler", variables)}).encode() + b"\n")
    kind, _, payload = await api.invoke()
    assert kind == "answered", payload
    told = ["blue", False, str(starter.folder), "from RUBYLIB", "from GEM_PATH", 9 * 3600, "Root="]
    assert json.loads(payload) == told


@needs_ruby
async def test_the_context_says_everything(api: Any, starter: Any) -> None:
    names = ["aws_request_id", "invoked_function_arn", "log_group_name", "log_stream_name", "function_name"]
    names += ["memory_limit_in_mb", "function_version", "client_context", "tenant_id"]
    fields = ", ".join(f"context.{name}" for name in names)
    starter.write(
        {
            "app.rb": f"def handler(event:, context:)\n  [{fields}, context.deadline_ms.class.name,\n"
            "   context.get_remaining_time_in_millis.between?(1, 3000), context.identity]\nend\n"
        }
    )
    await _start(starter)
    kind, request_id, payload = await api.invoke(client_context='{"custom":{"a":1}}')
    assert kind == "answered", payload
    arn, *rest = json.loads(payload)[1:]
    assert arn == "arn:aws:lambda:us-east-1:000000000000:function:thumbs"
    group, stream = "/aws/lambda/thumbs", "2026/01/01/[$LATEST]0123"
    told = [group, stream, "thumbs", "128", "$LATEST", {"custom": {"a": 1}}, None, "Integer", True, None]
    assert rest == told
    assert json.loads(payload)[0] == request_id


@needs_ruby
@pytest.mark.parametrize(
    ("handler", "files"),
    [
        ("app.App.run", {"app.rb": "class App\n  def self.run(event:, context:) = 1\nend\n"}),
        ("app.Deep::App.run", {"app.rb": "module Deep; class App\n  def self.run(event:, context:) = 1\nend; end\n"}),
        ("src/app.run", {"src/app.rb": "def run(event:, context:) = 1\n"}),
        ("app.run", {"app.rb": "def run(event:, **rest) = 1\n"}),
    ],
)
async def test_handlers_are_found(api: Any, starter: Any, handler: str, files: dict[str, str]) -> None:
    starter.write(files)
    await _start(starter, handler)
    kind, _, payload = await api.invoke()
    assert (kind, payload) == ("answered", b"1")


@needs_ruby
@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("nil", b"null"),
        ("'\u00e9'", '"é"'.encode()),
        ("[1.5, true, {a: :b}]", b'[1.5,true,{"a":"b"}]'),
        ("StringIO.new('raw')", b"raw"),
    ],
)
async def test_results_become_json(api: Any, starter: Any, expression: str, answer: bytes) -> None:
    starter.write({"app.rb": f"def handler(event:, context:)\n  {expression}\nend\n"})
    await _start(starter)
    kind, _, payload = await api.invoke()
    assert (kind, payload) == ("answered", answer)


INIT_ERRORS = [
    pytest.param("app", {}, "Init<ArgumentError>", "Invalid handler app, must be of form", id="no-method"),
    pytest.param("app.handler", {}, "Init<LoadError>", "cannot load such file -- app", id="no-file"),
    pytest.param("app.handler", {"app.rb": "raise 'no'"}, "Init<RuntimeError>", "no", id="raises"),
    pytest.param("app.handler", {"app.rb": "def handler("}, "Init<SyntaxError>", "", id="syntax"),
]


@needs_ruby
@pytest.mark.parametrize(("handler", "files", "error_type", "message"), INIT_ERRORS)
async def test_what_is_wrong_with_a_file_is_the_initialisation_s_error(
    api: Any, starter: Any, handler: str, files: dict[str, str], error_type: str, message: str
) -> None:
    starter.write(files)
    process = await _start(starter, handler)
    kind, _, payload = await api.outcome()
    document = json.loads(payload)
    assert kind == "init_failed"
    assert list(document) == ["errorMessage", "errorType", "stackTrace"]
    assert document["errorType"] == error_type
    assert document["errorMessage"].startswith(message)
    assert await process.exit_status() != 0
    (frame,) = process.logged()
    assert frame.text.startswith(f"Init error when loading handler {handler}\n{{")


@needs_ruby
async def test_an_error_of_the_handler_is_told_and_the_runtime_goes_on(api: Any, starter: Any) -> None:
    starter.write(
        {
            "app.rb": "class Mine < StandardError; end\n"
            "def inner(event)\n  raise Mine, 'bad' if event['bad']\n  1\nend\n"
            "def handler(event:, context:)\n  inner(event)\nend\n"
        }
    )
    process = await _start(starter)
    kind, _, named, payload = await api.invoke(b'{"bad":true}')
    document = json.loads(payload)
    assert (kind, named) == ("failed", "Function<UserException>")
    assert (document["errorType"], document["errorMessage"]) == ("Function<Mine>", "bad")
    assert [re.sub(r":in .*", "", line) for line in document["stackTrace"]] == [
        f"{starter.folder}/app.rb:3",
        f"{starter.folder}/app.rb:7",
    ]
    (frame,) = process.logged()
    assert frame.text.startswith("Error raised from handler method\n{")
    assert (await api.invoke())[0] == "answered"


@needs_ruby
@pytest.mark.parametrize("cause", ["exit 3", "raise NoMemoryError"])
async def test_what_ends_a_program_ends_it_after_the_answer(api: Any, starter: Any, cause: str) -> None:
    starter.write({"app.rb": f"def handler(event:, context:)\n  {cause}\nend\n"})
    process = await _start(starter)
    kind, *_ = await api.invoke()
    assert kind == "failed"
    assert await process.exit_status() == 255


@needs_ruby
async def test_an_answer_that_is_too_large_ends_nothing(api: Any, starter: Any) -> None:
    starter.write({"app.rb": "def handler(event:, context:)\n  'x' * event\nend\n"})
    await _start(starter)
    assert (await api.invoke(b"7000000"))[0] == "too_large"
    kind, _, payload = await api.invoke(b"6000000")
    assert (kind, len(payload)) == ("answered", 6000002)


@needs_ruby
async def test_a_logger_writes_whole_records_with_the_request_s_id(api: Any, starter: Any) -> None:
    starter.write(
        {
            "app.rb": "require 'logger'\nLOG = Logger.new($stdout)\ndef handler(event:, context:)\n"
            "  LOG.warn(\"two\\nlines\")\n  puts 'printed'\nend\n"
        }
    )
    process = await _start(starter)
    _, request_id, _ = await api.invoke()
    (frame,) = process.logged()
    assert re.fullmatch(rf"W, \[[-0-9T:. ]+#\d+\]  WARN {request_id} -- : two\nlines\n?", frame.text)
    assert await process.line() == "printed\n"


@needs_ruby
async def test_a_waiting_runtime_ends_when_its_channel_does(api: Any, starter: Any) -> None:
    ahead, ours, theirs = _ahead(api)
    process = await starter.start([RUBIES[-1], str(BOOTSTRAP)], ahead, framed=False, fds=(theirs.fileno(),))
    theirs.close()
    ours.close()
    assert await process.exit_status() == 0


def test_what_a_ruby_reads_at_its_start_needs_one_of_its_own() -> None:
    for name in ("RUBYOPT", "RUBYLIB", "GEM_PATH", "LD_PRELOAD", "AWS_LAMBDA_EXEC_WRAPPER"):
        assert needs_plain(Facts({name: "x"})) == f"it sets {name}"
    assert needs_plain(Facts({}, Contents(frozenset({"lib/libx.so"})))) == "it ships lib/libx.so"
    assert needs_plain(Facts({"COLOUR": "blue"})) is None
