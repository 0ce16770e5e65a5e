"""A Runtime API on a loopback port, and runtimes started against it as plain child processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lambent.kit.http_server import Listener, Server
from lambent.kit.log import Log
from lambent.runtimes.api.metadata import Metadata
from lambent.runtimes.api.server import API_LIMITS, RuntimeConnection
from lambent.runtimes.api.session import NextEvent, Session
from lambent.runtimes.output import Frame, Frames, Printed

ARN = "arn:aws:lambda:us-east-1:000000000000:function:thumbs"
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
Told = tuple[Any, ...]


@dataclass
class Heard:
    """A session's listener that writes down what it is told."""

    told: asyncio.Queue[Told] = field(default_factory=asyncio.Queue)
    flow: Any = None

    def runtime_ready(self) -> None:
        self.told.put_nowait(("ready",))

    def answered(self, request_id: str, payload: bytes) -> None:
        self.told.put_nowait(("answered", request_id, payload))

    def failed(self, request_id: str, error_type: str, payload: bytes) -> None:
        self.told.put_nowait(("failed", request_id, error_type, payload))

    def responding(self, request_id: str, content_type: str, flow: Any) -> None:
        self.flow = flow
        self.told.put_nowait(("responding", request_id, content_type))

    def piece(self, request_id: str, piece: bytes) -> None:
        self.told.put_nowait(("piece", request_id, piece))

    def too_large(self, request_id: str, limit: int) -> None:
        self.told.put_nowait(("too_large", request_id))

    def truncated(self, request_id: str) -> None:
        self.told.put_nowait(("truncated", request_id))

    def init_failed(self, error_type: str, payload: bytes) -> None:
        self.told.put_nowait(("init_failed", error_type, payload))


@dataclass
class Api:
    """A served session."""

    session: Session
    heard: Heard
    listener: Listener
    metadata: Metadata
    count: int = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.listener.port}"

    async def next_told(self) -> Told:
        async with asyncio.timeout(30):
            return await self.heard.told.get()

    async def outcome(self) -> Told:
        """What was told last, but for the asking for further events."""
        while (told := await self.next_told())[0] == "ready":
            pass
        return told

    def offer(self, payload: bytes = b"{}", **more: Any) -> str:
        self.count += 1
        request_id = f"00000000-0000-4000-8000-{self.count:012d}"
        now_ms = int(time.time() * 1000)
        given: dict[str, Any] = {
            "trace": TRACE,
            "client_context": None,
            "deadline_ms": now_ms + 3000,
            "arn": ARN,
        } | more
        self.session.offer(NextEvent(request_id=request_id, payload=payload, **given))
        return request_id

    async def invoke(self, payload: bytes = b"{}", **more: Any) -> Told:
        self.offer(payload, **more)
        return await self.outcome()


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    server = Server(Log(level="error"))
    heard = Heard()
    session, metadata = Session(heard), Metadata()
    listener = await server.listen("127.0.0.1", 0, lambda: RuntimeConnection(session, metadata), API_LIMITS)
    yield Api(session, heard, listener, metadata)
    await server.close()


@dataclass
class Process:
    """A runtime's process, its output and its log records."""

    process: asyncio.subprocess.Process
    records: int
    frames: list[Frame] = field(default_factory=list)
    printed: bytes = b""
    """By way of the records pipe, as far as `logged` has read it."""
    reader: Frames = field(default_factory=Frames)

    async def exit_status(self) -> int:
        async with asyncio.timeout(30):
            return await self.process.wait()

    async def output(self) -> str:
        """Everything that it has printed; it must have ended."""
        assert self.process.stdout is not None
        rest = await self.process.stdout.read()
        self.logged()
        return (self.printed + rest).decode()

    async def line(self) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(30):
            return (await self.process.stdout.readline()).decode()

    def logged(self) -> list[Frame]:
        """The records that have been written by now."""
        while True:
            try:
                data = os.read(self.records, 65536)
            except BlockingIOError:
                return self.frames
            if not data:
                return self.frames
            for frame in self.reader.feed(data):
                if isinstance(frame, Printed):
                    self.printed += frame.data
                else:
                    self.frames.append(frame)


class Starter:
    """Starts runtimes; ends them with the test."""

    def __init__(self, api: Api, folder: Path) -> None:
        self.api = api
        self.folder = folder
        self.processes: list[Process] = []

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def environment(self, handler: str, variables: Mapping[str, str] | None = None) -> dict[str, str]:
        return {
            "AWS_LAMBDA_RUNTIME_API": self.api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "thumbs",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/thumbs",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0123",
            "LAMBDA_TASK_ROOT": str(self.folder),
            "TZ": ":UTC",
            "LANG": "en_US.UTF-8",
            "LC_CTYPE": "C.UTF-8",
            "_HANDLER": handler,
            **(variables or {}),
        }

    async def start(
        self, argv: Sequence[str], env: Mapping[str, str], *, framed: bool = True, fds: Sequence[int] = ()
    ) -> Process:
        read, write = os.pipe()
        os.set_blocking(read, False)
        variables = dict(env)
        if framed:
            variables["_LAMBDA_TELEMETRY_LOG_FD"] = str(write)
        process = await asyncio.create_subprocess_exec(
            *argv,
            env=variables,
            pass_fds=(write, *fds),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        os.close(write)
        started = Process(process, read)
        self.processes.append(started)
        return started

    async def end(self) -> None:
        for started in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(started.process.pid, signal.SIGKILL)
            await started.process.communicate()
            os.close(started.records)


@pytest.fixture
async def starter(api: Api, tmp_path: Path) -> AsyncIterator[Starter]:
    folder = tmp_path / "task"
    folder.mkdir()
    starter = Starter(api, folder)
    yield starter
    await starter.end()
