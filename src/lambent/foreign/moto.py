"""The embedded moto: started by the first request for a service that nobody else has, ended with us.

What it holds is in its memory alone: it is gone when moto or Lambent ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import socket
import sys
from collections import deque
from importlib.util import find_spec
from pathlib import Path

from lambent.foreign.moto_child import TOKEN_HEADER
from lambent.kit.http_client import Client, Origin
from lambent.kit.ids import uuid4
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks

START_S = 60.0
"""It takes half a second; a loaded machine may take longer."""
_BACKLOG = 1_024
_REMEMBERED = 20


class MotoFailed(Exception):
    """It does not start; the text says why."""


def is_installed() -> bool:
    """Whether moto, and what its server needs, is installed."""
    return find_spec("moto") is not None and find_spec("flask_cors") is not None


def installed_version() -> str:
    """moto's version, if it is installed."""
    from importlib.metadata import version  # a megabyte that a server without moto need not have

    return version("moto")


class Moto:
    """The child process."""

    def __init__(self, directory: Path, client: Client, tasks: Tasks, log: Log) -> None:
        """`client`: whose connections to it end when it does."""
        self._directory = directory
        self._client = client
        self._tasks = tasks
        self._log = log
        self._token = secrets.token_hex(32)
        self._socket: socket.socket | None = None
        self._folder = -1  # a descriptor: the folder's own path may be too long for a socket's
        self._process: asyncio.subprocess.Process | None = None
        self._starting: asyncio.Task[None] | None = None
        self._is_closing = False
        self.generation = ""
        """Another one each time it starts, empty before: what belonged to the one before is gone."""

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return self._process.pid if self._process is not None else None

    @property
    def headers(self) -> dict[bytes, bytes]:
        """What a request to it must have."""
        return {TOKEN_HEADER.encode(): self._token.encode()}

    async def origin(self) -> Origin:
        """Where it listens, when it does. Raises MotoFailed."""
        if self._process is None:
            if self._starting is None:
                self._starting = self._tasks.start("moto", self._start())
                self._starting.add_done_callback(self._started)
            await asyncio.shield(self._starting)
        return self._origin

    @property
    def _origin(self) -> Origin:
        return Origin("moto", 80, socket=f"/proc/self/fd/{self._folder}/socket")

    async def close(self) -> None:
        """End it."""
        self._is_closing = True
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        if self._socket is not None:
            self._socket.close()
            os.close(self._folder)
        if self._directory.exists():
            await self._tasks.in_thread(shutil.rmtree, self._directory, True)

    def _started(self, task: asyncio.Task[None]) -> None:
        self._starting = None
        if not task.cancelled():
            task.exception()  # whoever waits has it

    async def _start(self) -> None:
        if self._socket is None:
            self._listen()
        assert self._socket is not None
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "lambent.foreign.moto_child",
            str(self._socket.fileno()),
            str(self._directory / "root"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=(self._socket.fileno(),),
            env=self._environment(),
        )
        assert process.stdin is not None
        assert process.stdout is not None
        last: deque[str] = deque(maxlen=_REMEMBERED)
        listening = self._tasks.start("moto's log", self._follow(process, last))
        process.stdin.write(self._token.encode() + b"\n")
        try:
            async with asyncio.timeout(START_S):
                line = (await process.stdout.readline()).decode().strip()
        except TimeoutError:
            line = ""
        if not line.startswith("ready"):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await listening
            raise MotoFailed("; ".join(text for text in last if text)[-500:] or "it said nothing")
        self._process = process
        self.generation = uuid4()
        self._log.warning(
            "moto_started",
            version=installed_version(),
            pid=process.pid,
            state="in memory only: what is kept in it is lost when Lambent stops",
        )
        for remark in line.split("; ")[1:]:
            self._log.warning("moto_is_less_fenced_in", because=remark)
        self._tasks.start("moto's end", self._watch(process))

    def _listen(self) -> None:
        shutil.rmtree(self._directory, ignore_errors=True)  # of one that was killed
        self._directory.mkdir(mode=0o700, parents=True)
        for folder in ("tmp", "root"):
            (self._directory / folder).mkdir()
        self._folder = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(f"/proc/self/fd/{self._folder}/socket")
        self._socket.listen(_BACKLOG)

    def _environment(self) -> dict[str, str]:
        """Nothing of ours, and what moto must not do: reach Docker, or ask other accounts' buckets."""
        temporary = str(self._directory / "tmp")
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG", "TZ") if name in os.environ}
        return {
            **kept,
            "HOME": temporary,
            "TMPDIR": temporary,
            "PYTHONDONTWRITEBYTECODE": "1",
            "DOCKER_HOST": "unix:///nonexistent",
            "MOTO_S3_ALLOW_CROSSACCOUNT_ACCESS": "false",
            "S3_IGNORE_SUBDOMAIN_BUCKETNAME": "true",
        }

    async def _follow(self, process: asyncio.subprocess.Process, last: deque[str]) -> None:
        """What it complains of goes to our log, at the level for whoever looks for a fault."""
        assert process.stderr is not None
        while line := await process.stderr.readline():
            text = line.decode(errors="replace").rstrip()
            last.append(text)
            self._log.debug("moto", line=text)

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        status = await process.wait()
        self._process = None
        if self._is_closing:
            return
        self._client.drop(self._origin)  # the socket that they wait at is ours, and stays
        self._log.warning(
            "moto_ended", status=status, state="what was kept in it is lost; the next request starts it anew"
        )
