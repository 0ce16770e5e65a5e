"""A server for hostile functions, twice: as it is, and with exactly those protections off that a test names.

`@pytest.mark.protected_by("filter", "user")` runs a test in two labs. In the protected one its attack must fail; in the
other it must succeed, which shows that it is an attack, and that the protection is what stops it. Several names: each
of them alone is enough to stop it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent

PYTHON = """
def handler(event, context):
    scope = {"event": event, "context": context}
    try:
        exec(event["code"], scope)
    except BaseException as error:
        return {"lost": f"{type(error).__name__}: {error}"}
    return {"won": scope.get("won")}
"""
NODE = """
import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);
const AsyncFunction = (async () => {}).constructor;
export const handler = async (event, context) => {
  try {
    return { won: await new AsyncFunction('event', 'context', 'require', event.code)(event, context, require) ?? null };
  } catch (error) {
    return { lost: String(error) };
  }
};
"""
FEW_FILES = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[1])))
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""
LANGUAGES: dict[str, dict[str, Any]] = {
    "python": {"files": {"app.py": PYTHON}},
    "node": {"files": {"index.mjs": NODE}, "Runtime": "nodejs20.x", "Handler": "index.handler"},
    "native": {"Runtime": "provided.al2023", "Handler": "any"},
}


@dataclass(frozen=True)
class Answer:
    """What an attack ended in: what its function says that it won, or the error of its invocation."""

    won: Any
    lost: str

    def __bool__(self) -> bool:
        return bool(self.won)


class Lab:
    """A server and its hostile functions."""

    def __init__(self, server: Any, off: tuple[str, ...], folder: Path) -> None:
        self.server = server
        self.off = off
        self.folder = folder
        self.aws = server.client("lambda")
        self._binary: Path | None = None
        self._made: set[str] = set()

    @property
    def pid(self) -> int:
        """The server's process."""
        return int(self.server.process.pid)

    def judge(self, answer: object) -> None:
        """Whether the attack ended as it must in this lab."""
        if self.off:
            assert answer, f"without {', '.join(self.off)} the attack must succeed: {answer}"
        else:
            assert not answer, f"the attack succeeded: {answer}"

    def python(self, code: str, **event: Any) -> Answer:
        """Run `code` in a Python function; what it leaves in `won` is the loot."""
        return self.run("python", event | {"code": code})

    def node(self, code: str, **event: Any) -> Answer:
        """Run `code` in a Node.js function; what it returns is the loot."""
        return self.run("node", event | {"code": code})

    def native(self, attack: str, number: int = 0, text: str = "") -> Answer:
        """Run an attack of native.c."""
        answer = self.run("native", {"attack": attack, "number": number, "text": text})
        assert answer.lost != "unknown", f"native.c has no attack {attack}"
        return answer

    def run(self, language: str, event: dict[str, Any], *, name: str = "", memory: int = 1769) -> Answer:
        """Invoke the function of that language, or another one of it called `name`."""
        answer = self.aws.invoke(
            FunctionName=self.function(language, name=name, memory=memory), Payload=json.dumps(event).encode()
        )
        value = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            return Answer(None, f"{value.get('errorType')}: {value.get('errorMessage')}")
        return Answer(value.get("won"), value.get("lost", "unknown" if "unknown" in value else ""))

    def function(self, language: str, *, name: str = "", memory: int = 1769) -> str:
        """The function's name, made when it is first needed."""
        name = name or f"{language}-{memory}"
        if name not in self._made:
            about = dict(LANGUAGES[language])
            files = about.pop("files", None) or {"bootstrap": self._native(), "whoami": self._native()}
            self.server.function(name, files, modes={"whoami": 0o4755}, MemorySize=memory, Timeout=20, **about)
            self._made.add(name)
        return name

    def _native(self) -> bytes:
        if shutil.which("gcc") is None:
            pytest.skip("no gcc on this machine")
        built = Path(tempfile.gettempdir()) / f"lambent-attack-{os.getpid()}"
        if not built.exists():
            command = ["gcc", "-static", "-O1", "-w", "-o", str(built), str(HERE / "native.c")]
            made = subprocess.run(command, capture_output=True, text=True, check=False)
            if made.returncode != 0:
                pytest.skip(f"native.c cannot be compiled here: {made.stderr[-300:]}")
        return built.read_bytes()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "lab" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker("protected_by")
    offs = [(), tuple(sorted(mark.args))] if mark else [()]
    names = ["without " + ", ".join(off) if off else "protected" for off in offs]
    metafunc.parametrize("lab", offs, ids=names, indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one lab follow each other: a server is started once."""
    places = [at for at, item in enumerate(items) if item.path.is_relative_to(HERE)]
    ours = sorted((items[at] for at in places), key=_lab_of)
    for at, item in zip(places, ours, strict=True):
        items[at] = item


def _lab_of(item: pytest.Item) -> tuple[str, ...]:
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("lab", ()) if callspec is not None else ()


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest, tools: Any) -> Iterator[Lab]:
    """A server with the protections off that the test names; () has them all."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    off: tuple[str, ...] = request.param
    # Not below /tmp, which every sandbox has one of its own of.
    folder = Path(tempfile.mkdtemp(prefix="lambent-attack-", dir="/var/tmp"))
    folder.chmod(0o755)
    (folder / "canary").write_text("secret")
    # Few descriptors, so that using them up is soon done.
    files = "2000" if "open_files" in off else "500"
    program = ("-c", FEW_FILES, files, str(HERE / "weakened.py"), ",".join(off), "--")
    os.environ["LAMBENT_CANARY"] = "secret"
    server = tools.Server(folder / "data", "--isolation", "full", program=program)
    try:
        server.start()
    finally:
        del os.environ["LAMBENT_CANARY"]
    try:
        yield Lab(server, off, folder)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> Iterator[None]:
    yield
    (Path(tempfile.gettempdir()) / f"lambent-attack-{os.getpid()}").unlink(missing_ok=True)


Attempt = Callable[..., Answer]
