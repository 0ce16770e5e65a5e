"""A driver with a guest in its sandboxes that runs what a test tells it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent

import pytest
import pytest_asyncio

from lambent.app import open_driver
from lambent.kit.log import Log
from lambent.sandbox.base import Assignment, Bind, Driver, Exit, Forked, Limits, Program, Sandbox, Template
from lambent.sandbox.namespaces.driver import NamespacesDriver
from lambent.sandbox.namespaces.launching import Launcher, Zygote

HERE = Path(__file__).parent
EMPTY = Path(tempfile.gettempdir()) / "lambent-test-empty"
NEEDS_ROOT = {"full": True, "rootless": False}
MB = 1024 * 1024


def python_template(name: str, module: Path, python: Path | None = None, listen: tuple[int, ...] = (9001,)) -> Template:
    """`module`, forked from the interpreter installed at `python` (or this one), which stays where it is."""
    base = python or Path(sys.base_prefix)
    library = next(each for each in base.glob("lib/python3.*") if (each / "os.py").exists())
    program = Forked(
        interpreter=str(base / "bin" / library.name),
        module=f"/var/runtime/{module.name}",
        path=(str(library), str(library / "lib-dynload")),
        env={"GUEST_CALLS": "127.0.0.1:9001"},
    )
    EMPTY.mkdir(exist_ok=True)
    packages = [each for each in (library / "site-packages", library / "dist-packages") if each.is_dir()]
    covers = [Bind(EMPTY, str(each)) for each in packages]
    binds = (Bind(base, str(base)), *covers, Bind(module, f"/var/runtime/{module.name}"))
    return Template(name, program, binds, {}, listen, listen_late=(4566,))


class Guest:
    """A sandbox that runs what it is told."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.exits: asyncio.Queue[Exit] = asyncio.Queue()
        sandbox.on_exit = self.exits.put_nowait

    async def connect(self) -> dict[str, object]:
        """Take the guest's connection, and read the message that it was assigned."""
        loop = asyncio.get_running_loop()
        connection, _ = await asyncio.wait_for(loop.sock_accept(self.sandbox.listeners[9001]), 60)
        self._reader, self._writer = await asyncio.open_connection(sock=connection, limit=MB)
        answer = await self.answer()
        message = answer["message"]
        assert isinstance(message, dict)
        return message

    async def try_(self, code: str) -> dict[str, object]:
        """Run `code`, with paths and ports as they are inside.

        {"result": its variable `result`} or {"error": name, "errno": number}.
        """
        await self.tell(code)
        return await self.answer()

    async def run(self, code: str) -> object:
        """Run `code` and return its variable `result`; fails when it raises."""
        answer = await self.try_(code)
        assert "result" in answer, answer.get("text")
        return answer["result"]

    async def tell(self, code: str) -> None:
        """Run `code`, whatever becomes of it."""
        self._writer.write(json.dumps(self.sandbox.here(dedent(code))).encode() + b"\n")
        await self._writer.drain()

    async def answer(self, patience_s: float = 60) -> dict[str, object]:
        line = await asyncio.wait_for(self._reader.readline(), patience_s)
        answer = json.loads(line)
        assert isinstance(answer, dict)
        return answer

    async def exit(self) -> Exit:
        """How the program ended."""
        return await asyncio.wait_for(self.exits.get(), 60)

    async def output(self) -> bytes:
        """Something that it wrote to its standard output or error."""
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self.sandbox.output, readable.set)
        await asyncio.wait_for(readable.wait(), 10)
        loop.remove_reader(self.sandbox.output)
        return os.read(self.sandbox.output, 1 << 20)

    async def close(self) -> None:
        if hasattr(self, "_writer"):
            self._writer.close()
        await self.sandbox.close()


async def read_until(fd: int, wanted: bytes) -> bytes:
    """What comes out of a non-blocking pipe, up to and with `wanted`."""
    seen = b""
    async with asyncio.timeout(60):
        while wanted not in seen:
            seen += await _read_some(fd)
    return seen


async def _read_some(fd: int) -> bytes:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(fd, readable.set)
    await readable.wait()
    loop.remove_reader(fd)
    return os.read(fd, 65536)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        for _ in iter(condition, True):
            await asyncio.sleep(0.005)  # what it looks at are processes, which want the core too


async def ended(sandbox: Sandbox) -> Exit:
    """How its program will have ended."""
    exits: asyncio.Queue[Exit] = asyncio.Queue()
    sandbox.on_exit = exits.put_nowait
    return await asyncio.wait_for(exits.get(), 60)


@pytest.fixture
def code_folder(tmp_path: Path) -> Path:
    """A folder that everybody may read, as a function's code must be."""
    tmp_path.chmod(0o755)
    return tmp_path


class Lab:
    """Makes guests."""

    read_until = staticmethod(read_until)
    until = staticmethod(until)
    ended = staticmethod(ended)

    def __init__(self, driver: Driver, state_dir: Path, secrets: Path) -> None:
        self.driver = driver
        self.state_dir = state_dir
        self.secrets = secrets
        self.template = python_template("guest", HERE / "guest.py")
        self.python_template = python_template

    def launcher(self) -> Launcher:
        """The driver's helper, to be mistreated."""
        assert isinstance(self.driver, NamespacesDriver)
        assert self.driver._launching is not None
        return self.driver._launching.result()

    async def zygote(self, template: Template | None = None) -> Zygote:
        """What the driver forks guests from, to be looked at or ended."""
        assert isinstance(self.driver, NamespacesDriver)
        return await self.driver._zygote(template or self.template)

    @asynccontextmanager
    async def guest(
        self,
        mounts: tuple[Bind, ...] = (),
        message: Mapping[str, object] | None = None,
        *,
        template: Template | None = None,
        memory_mb: int = 256,
        tmp_mb: int = 64,
        processes: int = 256,
    ) -> AsyncIterator[Guest]:
        guest = Guest(await self.driver.sandbox(template or self.template))
        try:
            limits = Limits(memory_mb * MB, 1.0, tmp_mb * MB, processes)
            await guest.sandbox.assign(Assignment(mounts, limits, message or {}))
            await guest.connect()
            yield guest
        finally:
            await guest.close()

    @asynccontextmanager
    async def waiting(self, program: Program, listen: tuple[int, ...] = ()) -> AsyncIterator[Sandbox]:
        sandbox = await self.driver.sandbox(Template(f"{program}", program, (), {}, listen))
        try:
            yield sandbox
        finally:
            await sandbox.close()


@asynccontextmanager
async def running_lab(level: str) -> AsyncIterator[Lab]:
    with tempfile.TemporaryDirectory(prefix="lambent-test-") as folder:
        state_dir, secrets = Path(folder) / "state", Path(folder) / "secrets"
        secrets.mkdir(mode=0o755)
        (secrets / "token").write_text("secret")
        driver = open_driver(level, state_dir, f"test{os.getpid()}", Log())
        await driver.start()
        try:
            yield Lab(driver, state_dir, secrets)
        finally:
            await driver.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    """A driver for all tests of a file, `full` unless the file's parameter says otherwise."""
    level = getattr(request, "param", "full")
    if level in NEEDS_ROOT and NEEDS_ROOT[level] != (os.geteuid() == 0):
        pytest.skip("full needs root, and rootless an ordinary user")
    async with running_lab(level) as lab:
        yield lab
