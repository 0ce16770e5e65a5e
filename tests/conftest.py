"""A real server process for the tests that want one: started, killed and started again as a user's would be."""

from __future__ import annotations

import configparser
import io
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# The same examples on every run, and no limit to the time that a busy machine takes over them. New ones are looked for
# by make test ARGS="--hypothesis-profile=searching".
settings.register_profile("searching", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", settings.get_profile("searching"), derandomize=True)
settings.load_profile("steady")

TESTS = Path(__file__).parent
SHARING = ("tests/attack", "tests/foreign")
"""Folders whose files share servers."""
LONGEST = ("attack", "foreign", "compat/test_clients.py", "benchmarks", "system")
"""What the workers begin with, so that they end together."""
TRUST = """{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},
"Action":"sts:AssumeRole"}]}"""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file's tests run on one worker, which makes their server once; so do those of folders that share servers."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            folder = file.rpartition("/")[0]
            return folder if folder.endswith(SHARING) else file

    config.option.loadscopereorder = False  # by the number of tests, which says little of how long they take
    return ByFile(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    file = item.path.relative_to(TESTS).as_posix()
    return next((at for at, begin in enumerate(LONGEST) if file.startswith(begin)), len(LONGEST))


@cache
def _aws_session() -> Any:
    """One for all: it remembers the models, which take longer to read than all the rest."""
    import boto3

    return boto3.session.Session()


class Server:
    """`lambent serve` on its own data directory and a port of its own."""

    def __init__(self, data: Path, *flags: str, program: tuple[str, ...] = ("-m", "lambent", "serve")) -> None:
        self.data = data
        self._program = program
        # Held, so that nobody else is given the port before this server listens on it, or while it is down.
        self._place = reserved_port()
        self.port = int(self._place.getsockname()[1])
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._flags = flags
        self.process: subprocess.Popen[str] | None = None
        self.log = data.parent / f"{data.name}.log"

    def start(self) -> Server:
        """Return when it is ready; fail with its output when it does not get so far."""
        argv = [sys.executable, *self._program, "--port", str(self.port), "--data", str(self.data)]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*argv, *self._flags], stdout=subprocess.PIPE, stderr=log, text=True, stdin=subprocess.DEVNULL
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "ready" in line, f"{line}\n{self.log.read_text()[-4000:]}"
        return self

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; its exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    @property
    def is_dev(self) -> bool:
        return "--dev" in self._flags

    def credentials(self) -> dict[str, str]:
        """The administrator's key, or LocalStack's with --dev."""
        if self.is_dev:
            return {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        parser = configparser.ConfigParser()
        parser.read(self.data / "credentials")
        section = parser["default"]
        return {name: section[name] for name in ("aws_access_key_id", "aws_secret_access_key")}

    def client(self, service: str, **keys: Any) -> Any:
        """An unmodified boto3 client."""
        from botocore.config import Config

        config = keys.pop("config", Config(retries={"total_max_attempts": 1}, read_timeout=60))
        options = {"region_name": "us-east-1", **self.credentials(), **keys}
        return _aws_session().client(service, endpoint_url=self.endpoint, config=config, **options)

    def environment(self) -> dict[str, str]:
        """Environment variables for a command-line client."""
        keys = self.credentials()
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.data.parent),
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": keys["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": keys["aws_secret_access_key"],
            "AWS_PAGER": "",
        }

    def role(self, name: str = "runner") -> str:
        """The ARN of a role that Lambda may assume, made if need be."""
        iam = self.client("iam")
        try:
            return iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        except iam.exceptions.EntityAlreadyExistsException:
            return iam.get_role(RoleName=name)["Role"]["Arn"]

    def function(
        self, name: str, files: dict[str, str | bytes], *, modes: dict[str, int] | None = None, **members: Any
    ) -> dict[str, Any]:
        """Create a function from files and wait until it is active; its time is enough for a busy machine, unless it
        says otherwise (None is AWS's default). `modes`: permissions of some of the files."""
        aws = self.client("lambda")
        members = {"Runtime": "python3.11", "Handler": "app.handler", "Role": self.role(), "Timeout": 20, **members}
        given = {name: value for name, value in members.items() if value is not None}
        created = aws.create_function(FunctionName=name, Code={"ZipFile": zipped(files, modes=modes)}, **given)
        wait_for(lambda: aws.get_function_configuration(FunctionName=name)["State"] != "Pending")
        return created


def zipped(files: dict[str, str | bytes], mode: int = 0o644, modes: dict[str, int] | None = None) -> bytes:
    """A deployment package; files whose name is `bootstrap` are executable. `modes`: permissions of some of them."""
    permissions = {"bootstrap": 0o755, **(modes or {})}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o100000 | permissions.get(name, mode)) << 16
            archive.writestr(info, content)
    return out.getvalue()


def reserved_port() -> socket.socket:
    """Bound to a port that the kernel gives nobody who takes any, and that can be listened on by whoever names it."""
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    place.bind(("127.0.0.1", 0))
    return place


def wait_for(
    condition: Callable[[], Any], seconds: float = 30.0, told: Callable[[], str] = lambda: "it did not happen in time"
) -> Any:
    """Poll until `condition` is true; its value. For what another process does, which nothing announces here. `told`:
    what to say when it takes longer."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, told()
        time.sleep(0.02)
    return value


def http(url: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
    """(status, headers, body) of a plain request."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


class Tools:
    """What tests need beside fixtures, without importing this file."""

    zipped = staticmethod(zipped)
    wait_for = staticmethod(wait_for)
    reserved_port = staticmethod(reserved_port)
    http = staticmethod(http)
    Server = Server
    TRUST = TRUST


@pytest.fixture(scope="session")
def tools() -> type[Tools]:
    return Tools


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Servers of one test; those still running at its end are stopped."""
    made: list[Server] = []

    def make(*flags: str, data: Path | None = None) -> Server:
        server = Server(data or tmp_path / f"data{len(made)}", *flags)
        made.append(server)
        return server

    yield make
    for server in made:
        if server.process is not None and server.process.poll() is None:
            server.stop()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One enforcing server for the tests that leave it as they found it."""
    server = Server(tmp_path_factory.mktemp("shared") / "data", "--async-retry-delays", "0.2,0.4").start()
    yield server
    server.stop()
