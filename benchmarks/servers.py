"""The servers side by side: how each is started as its users start it, asked whether it is ready, and ended by pid."""

from __future__ import annotations

import configparser
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from client import API, BenchError, Connection, Lambda, Target, signed
from machine import Process, is_mounted_below, output, still_running, tree
from shelf import Shelf, Shelved, Stocked

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".venv-peers"
PEER_HOME = PEERS / "ministack"
_READY_S = 60.0
_STOP_S = 20.0
_POLL_S = 0.002
_INSTALL_S = 900
_NOT_A_USERS = ("LAMBENT_", "AWS_", "PYTHON")
"""Settings of whoever measures. PYTHONDONTWRITEBYTECODE alone makes each start compile every module again."""


Project = Callable[[Path, Sequence[Stocked]], Shelf]
"""Writes what a server reads at its start; gives the functions that will be there."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A server that can be measured."""

    name: str
    version: str
    argv: tuple[str, ...]
    """`{port}` and `{data}` are filled in."""
    environ: tuple[tuple[str, str], ...] = ()
    credentials: str | None = None
    """The file in its data directory with the key to sign with; without one any key will do."""
    about: str = ""
    """What the page says of how it was installed."""
    cleans_up: bool = False
    """Whether a second SIGTERM ends it at once, with everything that it has started."""
    project: Project | None = None
    """What it must find in its data directory; None where functions are made through the API."""


def lambent(**settings: str) -> Kind:
    """This checkout's own, with its defaults: enforcing, logging, as isolated as this machine allows.

    `settings` are set by its LAMBENT_ variables.
    """
    version = (output(sys.executable, "-m", "lambent", "version") or "?").split()[-1]
    commit = output("git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=10")
    argv = (sys.executable, "-m", "lambent", "serve", "--data", "{data}", "--port", "{port}")
    environ = tuple((f"LAMBENT_{name.upper()}", text) for name, text in settings.items())
    return Kind("Lambent", f"{version} ({commit})" if commit else version, argv, environ, "credentials", cleans_up=True)


def ministack(*, may_install: bool) -> Kind:
    """The peer with the widest API, with boto3 for its functions, in a virtual environment of its own. Raises
    BenchError."""
    command = PEER_HOME / "bin" / "ministack"
    if not _ministack_version():
        if not may_install:
            raise BenchError("not installed")
        _install("ministack", "boto3")
    version = _ministack_version()
    if not version:
        raise BenchError("not installed")
    environ = (("GATEWAY_PORT", "{port}"), ("BIND_HOST", "127.0.0.1"), ("TMPDIR", "{data}"), ("HOME", "{data}"))
    about = "from PyPI, as installed; boto3 was added for its functions"
    return Kind("MiniStack", version, (str(command),), environ, about=about)


def _ministack_version() -> str | None:
    python = PEER_HOME / "bin" / "python"
    code = "import boto3; from importlib.metadata import version; print(version('ministack'))"
    told = output(str(python), "-c", code) if python.exists() else None
    return told


def _install(*packages: str) -> None:
    print(f"installing {' and '.join(packages)} into {PEER_HOME.relative_to(ROOT)}", file=sys.stderr, flush=True)
    shutil.rmtree(PEER_HOME, ignore_errors=True)
    try:
        for argv in (
            (sys.executable, "-m", "venv", str(PEER_HOME)),
            (str(PEER_HOME / "bin" / "python"), "-m", "pip", "install", "--quiet", "--quiet", *packages),
        ):
            subprocess.run(argv, check=True, timeout=_INSTALL_S, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    except (OSError, subprocess.SubprocessError) as error:
        raise BenchError("not installed") from error


class Server:
    """One server process with its own empty data directory, between `start` and `stop`.

    `stock`: the functions that shall be there from the start, where none can be made through the API.
    """

    def __init__(self, kind: Kind, stock: Sequence[Stocked] = ()) -> None:
        self.kind = kind
        self.name = kind.name
        self.port = _free_port()
        self.data = Path(tempfile.mkdtemp(prefix=f"bench-{kind.name.lower()}-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._shelf = None if kind.project is None else kind.project(self.data, stock)

    def start(self) -> float:
        """Seconds from the launch to the first answered API call. Raises BenchError with the server's last words."""
        filled = {"port": str(self.port), "data": str(self.data)}
        own = {name: text for name, text in os.environ.items() if not name.startswith(_NOT_A_USERS)}
        environ = own | {name: text.format(**filled) for name, text in self.kind.environ}
        argv = [each.format(**filled) for each in self.kind.argv]
        with (self.data / "output").open("wb") as log:
            begin = time.perf_counter()
            self._process = subprocess.Popen(
                argv, env=environ, cwd=self.data, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        while not self._answers():
            if self._process.poll() is not None or time.perf_counter() - begin > _READY_S:
                raise BenchError(f"{self.name} did not start: {self.last_words()}")
            time.sleep(_POLL_S)
        return time.perf_counter() - begin

    @property
    def pid(self) -> int:
        """Of its first process."""
        assert self._process is not None
        return self._process.pid

    def target(self) -> Target:
        """How to talk to it, and as whom. Raises BenchError when there is no key yet."""
        if self.kind.credentials is None:
            return Target(self.port, "test", "test")
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(self.data / self.kind.credentials)
        try:
            section = parser["default"]
            return Target(self.port, section["aws_access_key_id"], section["aws_secret_access_key"])
        except KeyError as error:
            raise BenchError("it has written no key yet") from error

    def client(self) -> Lambda:
        """A client of it. Raises BenchError when there is no key yet."""
        return Lambda(self.target()) if self._shelf is None else Shelved(self.target(), self._shelf)

    def stop(self) -> None:
        """End it and everything that it started; remove its data."""
        if self._process is not None:
            family = tree(self._process.pid)
            try:
                self._process.send_signal(signal.SIGTERM)
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                pass
            finally:
                _kill(family)
                self._process.wait()
                self._process = None
        if is_mounted_below(self.data):
            print(f"{self.data} is left: something is still mounted in it", file=sys.stderr)
        else:
            shutil.rmtree(self.data, ignore_errors=True)

    def terminate(self) -> None:
        """SIGTERM, and wait for its end; `stop` still has to come."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(_STOP_S)

    def abort(self) -> None:
        """End it now, whatever it is doing; `stop` still has to come."""
        if self._process is None:
            return
        if self.kind.cleans_up:
            for _ in range(2):
                self._process.send_signal(signal.SIGTERM)
                time.sleep(_POLL_S)
            return
        self._process.send_signal(signal.SIGSTOP)  # so that it starts nothing meanwhile
        _kill(tree(self._process.pid))

    def last_words(self) -> str:
        """The end of what it printed."""
        text = (self.data / "output").read_text(errors="replace").strip()
        return text[-500:] or "it printed nothing"

    def _answers(self) -> bool:
        """Whether it answers an API call as it should."""
        try:
            target = self.target()
            connection = Connection(target)
            try:
                status = connection.exchange(signed(target, "GET", API).wire()).status
                return status == 200 or self._shelf is not None  # without that API, any answer will do
            finally:
                connection.close()
        except (OSError, BenchError, configparser.Error):
            return False


def _kill(family: list[Process]) -> None:
    """What is left of them, each by its own pid."""
    for process in still_running(family):
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
