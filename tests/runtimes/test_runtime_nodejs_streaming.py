"""Handlers that stream, in our bootstrap for Node.js: what they write, how it ends, and who holds up whom."""

from __future__ import annotations

import asyncio
import json
import signal
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
HTTP = "application/vnd.awslambda.http-integration-response"


class Streamed:
    """What was told of one response."""

    def __init__(self, content_type: str | None) -> None:
        self.content_type = content_type
        self.body = b""
        self.end: tuple[object, ...] = ()

    @property
    def error(self) -> Any:
        assert self.end[0] == "failed", self.end
        document = json.loads(self.end[2])  # type: ignore[call-overload]  # a failure brings bytes
        assert document["errorType"] == self.end[1]
        return document


async def taken(api: Any, event: bytes = b"{}", **more: Any) -> Streamed:
    """Invoke, and take all that comes."""
    api.offer(event, **more)
    return await rest(api)


async def rest(api: Any) -> Streamed:
    streamed = Streamed(None)
    pieces: list[bytes] = []
    while True:
        kind, _, *told = await api.outcome()
        if kind == "responding":
            streamed.content_type = told[0]
        elif kind == "piece":
            pieces.append(told[0])
        else:
            streamed.body = b"".join(pieces)
            streamed.end = (kind, *told)
            return streamed


async def start(starter: Any, handler: str, *, node: str = NODE, variables: Any = None, before: str = "") -> Any:
    text = f"""
import {{ pipeline }} from "node:stream/promises";
import {{ Readable, Transform }} from "node:stream";
{before}
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const handler = awslambda.streamifyResponse({handler});
"""
    starter.write({"index.mjs": text})
    return await starter.start([node, str(BOOTSTRAP)], starter.environment("index.handler", variables))


@pytest.mark.parametrize("node", NODES)
async def test_what_is_written_goes_out_and_the_next_event_is_asked_for(api: Any, starter: Any, node: str) -> None:
    await start(
        starter,
        """async (event, stream, context) => {
  stream.setContentType("text/x-mine");
  stream.write("a\\u00e9");
  stream.write(Buffer.from("b"));
  stream.write(new Uint8Array([99]));
  const left = context.getRemainingTimeInMillis() > 0;
  stream.write({ n: event.n, id: context.awsRequestId, done: context.done, left });
  stream.end("!");
}""",
        node=node,
    )
    for n in range(3):
        streamed = await taken(api, b'{"n":%d}' % n)
        assert (streamed.content_type, streamed.end) == ("text/x-mine", ("answered", b""))
        assert streamed.body[:5] == "aébc".encode()
        assert json.loads(streamed.body[5:-1]) == {"n": n, "id": f"00000000-0000-4000-8000-{n + 1:012d}", "left": True}
        assert streamed.body[-1:] == b"!"


async def test_pieces_go_out_before_the_handler_is_done(api: Any, starter: Any) -> None:
    process = await start(
        starter,
        """async (event, stream) => {
  const told = new Promise((resolve) => process.once("SIGUSR2", resolve));
  const keepAlive = setInterval(() => {}, 1000);
  stream.write("first");
  await told;
  clearInterval(keepAlive);
  stream.end("second");
}""",
    )
    api.offer()
    assert (await api.outcome())[0] == "responding"
    assert (await api.outcome())[2] == b"first"
    process.process.send_signal(signal.SIGUSR2)
    assert (await rest(api)).body == b"second"


async def test_a_prelude_goes_before_the_first_write(api: Any, starter: Any) -> None:
    await start(
        starter,
        """async (event, stream) => {
  const metadata = { statusCode: 201, headers: { "x-a": "b" }, cookies: ["c=d"] };
  stream = awslambda.HttpResponseStream.from(stream, metadata);
  stream.write("body");
  stream.end();
}""",
    )
    streamed = await taken(api)
    assert streamed.content_type == HTTP
    prelude, _, body = streamed.body.partition(b"\0" * 8)
    assert json.loads(prelude) == {"statusCode": 201, "headers": {"x-a": "b"}, "cookies": ["c=d"]}
    assert body == b"body"


async def test_a_pipeline_is_held_up_by_who_does_not_take_it(api: Any, starter: Any) -> None:
    process = await start(
        starter,
        """async (event, stream) => {
  let made = 0;
  const source = Readable.from((function* () {
    for (; made < 400; made++) yield Buffer.alloc(65536, made);
  })());
  const watch = setInterval(() => process.stdout.write(`${made}\\n`), 20);
  await pipeline(source, stream);
  clearInterval(watch);
}""",
    )
    api.offer(response_limit=1 << 27)
    assert (await api.outcome())[0] == "responding"
    api.heard.flow.pause()
    counts: list[int] = []
    while len(counts) < 5 or counts[-1] != counts[-5]:
        counts.append(int(await process.line()))
    assert counts[-1] < 400, "all was made while nobody took it"
    api.heard.flow.resume()
    assert len((await rest(api)).body) == 400 * 65_536


async def test_an_error_before_the_first_write_is_the_stream_s(api: Any, starter: Any) -> None:
    process = await start(starter, "async (event, stream) => { throw new RangeError('early'); }")
    streamed = await taken(api)
    assert streamed.body == b""
    assert (streamed.error["errorType"], streamed.error["errorMessage"]) == ("RangeError", "early")
    assert streamed.error["trace"][0] == "RangeError: early"
    assert "Invoke Error" in process.logged()[0].text


@pytest.mark.parametrize(
    "code",
    [
        "stream.write('part'); throw new RangeError('midway');",
        "await pipeline(Readable.from((function* () { yield 'part'; throw new RangeError('midway'); })()), stream);",
    ],
    ids=["write", "pipeline"],
)
async def test_an_error_midway_comes_after_what_is_written(api: Any, starter: Any, code: str) -> None:
    await start(starter, f"async (event, stream) => {{ {code} }}")
    for _ in range(2):
        streamed = await taken(api)
        assert streamed.body == b"part"
        assert (streamed.error["errorType"], streamed.error["errorMessage"]) == ("RangeError", "midway")


async def test_an_error_of_any_size_ends_the_stream(api: Any, starter: Any) -> None:
    quiet = {"AWS_LAMBDA_LOG_LEVEL": "FATAL"}  # nobody reads the log here
    await start(starter, "async (event, stream) => { throw new Error('é'.repeat(3_000_000)); }", variables=quiet)
    error = (await taken(api)).error
    assert error["errorMessage"] == "é" * 65_536


async def test_an_error_after_the_end_is_logged_and_changes_nothing(api: Any, starter: Any) -> None:
    process = await start(starter, "async (event, stream) => { stream.end('all'); throw new Error('late'); }")
    for _ in range(2):
        streamed = await taken(api)
        assert (streamed.body, streamed.end) == (b"all", ("answered", b""))
    assert "late" in process.logged()[0].text


async def test_what_is_left_uncaught_midway_ends_the_stream_and_the_process(api: Any, starter: Any) -> None:
    process = await start(
        starter,
        """async (event, stream) => {
  stream.write("part");
  setTimeout(() => { throw new TypeError("lost"); });
  await sleep(60000);
}""",
    )
    streamed = await taken(api)
    assert (streamed.body, streamed.error["errorType"]) == (b"part", "TypeError")
    assert await process.exit_status() == 129


async def test_what_is_left_uncaught_before_the_first_write_is_an_error(api: Any, starter: Any) -> None:
    process = await start(starter, "async () => { Promise.reject(new Error('lost')); await sleep(60000); }")
    streamed = await taken(api)
    assert streamed.error["errorType"] == "Runtime.UnhandledPromiseRejection"
    assert await process.exit_status() == 128


async def test_handlers_must_give_a_promise(api: Any, starter: Any) -> None:
    await start(starter, "(event, stream) => { stream.write('x'); }")
    streamed = await taken(api)
    assert streamed.error["errorMessage"] == "Streaming does not support non-async handlers."


async def test_a_stream_that_is_destroyed_is_not_finished(api: Any, starter: Any) -> None:
    await start(starter, "async (event, stream) => { stream.write('x'); await sleep(1); stream.destroy(); }")
    streamed = await taken(api)
    assert streamed.body == b"x"
    assert streamed.error["errorMessage"] == "Response stream is not finished."


async def test_a_stream_that_is_never_ended_is_waited_for(api: Any, starter: Any) -> None:
    process = await start(starter, "async (event, stream) => { stream.write('x'); }")
    api.offer()
    assert (await api.outcome())[0] == "responding"
    assert (await api.outcome())[2] == b"x"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await api.outcome()
    assert process.process.returncode is None


async def test_what_a_handler_does_not_wait_for_is_waited_for(api: Any, starter: Any) -> None:
    await start(starter, "async (event, stream) => { pipeline(Readable.from(['a', 'b']), stream); return 'ignored'; }")
    assert (await taken(api)).body == b"ab"


async def test_the_content_type_cannot_be_set_too_late_nor_forge_headers(api: Any, starter: Any) -> None:
    await start(
        starter,
        """async (event, stream) => {
  let forged;
  try { stream.setContentType("a\\r\\nb: c"); } catch (error) { forged = error.code; }
  stream.write(forged);
  stream.setContentType("text/html");
}""",
    )
    streamed = await taken(api)
    assert (streamed.content_type, streamed.body) == ("application/octet-stream", b"ERR_INVALID_CHAR")
    assert streamed.error["errorType"] == "Runtime.InvalidStreamingOperation"
    assert streamed.error["errorMessage"] == "Cannot set content-type, too late."


async def test_a_response_that_is_refused_fails_what_writes_it_and_ends_nothing(api: Any, starter: Any) -> None:
    await start(
        starter,
        """async (event, stream) => {
  if (event.small) return void stream.end("small");
  await pipeline(Readable.from((function* () { for (let n = 0; n < 1000; n++) yield Buffer.alloc(65536); })()), stream);
}""",
    )
    for _ in range(2):
        streamed = await taken(api)
        assert streamed.end == ("too_large",)
        assert (await taken(api, b'{"small":1}')).body == b"small"


async def test_an_empty_response_is_one(api: Any, starter: Any) -> None:
    await start(starter, "async (event, stream) => { stream.end(); }")
    streamed = await taken(api)
    assert (streamed.body, streamed.end) == (b"", ("answered", b""))


async def test_other_marks_of_a_handler_are_refused_at_the_start(api: Any, starter: Any) -> None:
    starter.write({"index.mjs": "export const handler = async () => {};\n"
                   "handler[Symbol.for('aws.lambda.runtime.handler.streaming')] = 'request';\n"})  # fmt: skip
    await starter.start([NODE, str(BOOTSTRAP)], starter.environment("index.handler"))
    kind, error_type, payload = await api.outcome()
    assert (kind, error_type) == ("init_failed", "Runtime.MalformedStreamingHandler")
    assert json.loads(payload)["errorMessage"] == "Only response streaming is supported."


async def test_the_global_object_is_left_out_where_it_is_not_wanted(api: Any, starter: Any) -> None:
    starter.write({"index.mjs": "export const handler = async () => typeof awslambda;\n"})
    env = starter.environment("index.handler", {"AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA": "1"})
    await starter.start([NODE, str(BOOTSTRAP)], env)
    assert (await api.invoke())[2] == b'"undefined"'


async def test_three_parameters_are_no_callback_for_who_streams(api: Any, starter: Any) -> None:
    variables = {"AWS_EXECUTION_ENV": "AWS_Lambda_nodejs24.x"}
    process = await start(starter, "async (event, stream, context) => { stream.end('x'); }", variables=variables)
    assert (await taken(api)).body == b"x"
    assert process.logged() == []


async def test_the_high_water_mark_is_what_the_handler_asks_for(api: Any, starter: Any) -> None:
    await start(
        starter, "async (event, stream) => { stream.end(String(stream.writableHighWaterMark)); }, { highWaterMark: 77 }"
    )
    assert (await taken(api)).body == b"77"
