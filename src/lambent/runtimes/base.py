"""What a runtime is, to those who use one: the sandboxes it waits in, and what decides which of them a function gets.

A language is a folder here with a `runtime.py` that has a FAMILY; catalogue.py finds it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Protocol

from lambent.sandbox.base import Bind, Deferred, Forked, Program, Template
from lambent.values import frozen

API_PORT = 9001
"""Where the Runtime API listens inside a sandbox, on 127.0.0.1."""
API_ADDRESS = f"127.0.0.1:{API_PORT}"
RECORDS_DESCRIPTOR = 4
"""The sandbox's records pipe, which takes framed log records."""
CHANNEL_DESCRIPTOR = 3
TASK = "/var/task"
OPT = "/opt"
RUNTIME_DIR = "/var/runtime"
LANG_DIR = "/var/lang"
TMP = "/tmp"
WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"

_WATCHED = ("", "lib", "python", "python/lib/python*/site-packages")


@frozen
class Contents:
    """The names in an unpacked folder that decide how a function is started; relative, with slashes."""

    names: frozenset[str] = frozenset()
    executables: frozenset[str] = frozenset()
    """Those of `names` that are files which may be executed."""

    @classmethod
    def of(cls, root: Path) -> Contents:
        """Look into `root`: what it holds itself and the few folders where libraries and modules may be."""
        names: set[str] = set()
        executables: set[str] = set()
        for pattern in _WATCHED:
            for folder in root.glob(pattern) if pattern else (root,):
                if folder.is_dir():
                    _list(folder, root, names, executables)
        return cls(frozenset(names), frozenset(executables))

    @classmethod
    def merged(cls, parts: Sequence[Contents]) -> Contents:
        """What folders hold together when later ones cover earlier ones."""
        whole = cls()
        for part in parts:
            executables = (whole.executables - part.names) | part.executables
            whole = cls(whole.names | part.names, executables)
        return whole


def _list(folder: Path, root: Path, names: set[str], executables: set[str]) -> None:
    prefix = folder.relative_to(root)
    with os.scandir(folder) as entries:
        for entry in entries:
            name = str(prefix / entry.name)
            names.add(name)
            if entry.is_file() and entry.stat().st_mode & 0o111:
                executables.add(name)


@frozen
class Facts:
    """What a version brings that its start depends on."""

    variables: Mapping[str, str] = field(default_factory=dict)
    """Those that its configuration sets."""
    task: Contents = field(default_factory=Contents)
    opt: Contents = field(default_factory=Contents)


@frozen
class Runtime:
    """A runtime that this host can offer under an AWS name. Two sandboxes wait for functions of it.

    In the `pooled` one a process has booted already; it learns its environment variables late. In the `plain` one the
    process is started at the assignment with everything in place, which takes longer and is right for everybody.
    """

    name: str
    """AWS's, such as `python3.11`."""
    family: str
    version: str
    """What really runs, such as `3.11.7`."""
    note: str
    """One sentence about that."""
    exact: bool
    """Whether it is the version that the name asks for."""
    pooled: Template
    plain: Template
    variables: Mapping[str, str]
    """The runtime's own environment variables; the function's configuration may set all but the reserved ones."""
    needs_plain: Callable[[Facts], str | None]
    """Why a version cannot be pooled, in a few words; None when it can. Pure."""
    command: Callable[[Facts], tuple[str, ...]]
    """How the process of a plain start is called. Pure."""
    refusal: Callable[[Facts], tuple[str, str] | None]
    """Error type and text of an initialisation that need not even be tried; None when it may be. Pure."""

    def version_arn(self, region: str) -> str:
        """The runtime version's ARN; its hash stands for what really runs."""
        digest = hashlib.sha256(f"{self.name} {self.version}".encode()).hexdigest()
        return f"arn:aws:lambda:{region}::runtime:{digest}"

    def choose(self, facts: Facts) -> Template:
        """The sandbox that a version gets."""
        return self.pooled if self.needs_plain(facts) is None else self.plain

    def environment(self, facts: Facts) -> dict[str, str]:
        """The runtime's own variables for a version, to be laid under those of its configuration."""
        return dict(self.variables)

    def message(self, facts: Facts, env: Mapping[str, str], here: Callable[[str], str] = str) -> dict[str, object]:
        """The assignment's message: what the waiting program is told. `env` is the complete environment, as it is;
        `here` is the sandbox's, for what else names paths."""
        if isinstance(self.choose(facts).program, Deferred):
            return {"argv": [here(each) for each in self.command(facts)], "env": dict(env), "cwd": here(TASK)}
        return {"env": dict(env)}


def wrapped(argv: tuple[str, ...]) -> Callable[[Facts], tuple[str, ...]]:
    """A managed runtime's command: `argv`, called by the function's wrapper script if it names one."""

    def command(facts: Facts) -> tuple[str, ...]:
        wrapper = facts.variables.get(WRAPPER)
        if not wrapper:
            return argv
        # The shell gives status 127 for a wrapper that is missing, as on AWS, and runs scripts without "#!".
        return ("/bin/sh", "-c", 'exec "$@"', "sh", wrapper, *argv)

    return command


def managed(
    family: Family,
    title: str,
    name: str,
    interpreter: Interpreter,
    *,
    ahead: Program,
    command: tuple[str, ...],
    binds: Sequence[Bind],
    links: Mapping[str, str],
    variables: Mapping[str, str],
    needs_plain: Callable[[Facts], str | None],
    make: Callable[[], None] | None = None,
    kind: type[Runtime] | None = None,
) -> Runtime:
    """The runtime `name` on `interpreter`, whose language is called `title`: `ahead` is what waits in the pooled
    sandbox, `command` what is called in the plain one; both have the same `binds`, `links` and `make`."""
    wanted = family.wanted[name]
    exact = interpreter.numbers[: len(wanted)] == wanted
    stem = f"{family.name}-{interpreter.version}"
    way = "forked" if isinstance(ahead, Forked) else "started"
    return (kind or Runtime)(
        name=name,
        family=family.name,
        version=interpreter.version,
        note=described(name, title, interpreter.version, exact),
        exact=exact,
        pooled=Template(f"{stem}-{way}", ahead, tuple(binds), links, (API_PORT,), make),
        plain=Template(f"{stem}-plain", Deferred(), tuple(binds), links, (API_PORT,), make),
        variables=variables,
        needs_plain=needs_plain,
        command=wrapped(command),
        refusal=always_tried,
    )


def always_tried(facts: Facts) -> tuple[str, str] | None:
    """A managed runtime finds out for itself what is wrong with a function."""
    return None


@frozen
class Interpreter:
    """A language's program on this host, as it described itself."""

    family: str
    executable: Path
    version: str
    prefix: Path
    details: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What its family asked it."""

    @property
    def numbers(self) -> tuple[int, ...]:
        """The version, to be compared."""
        return tuple(int(part) for part in self.version.split("."))


class Family(Protocol):
    """A language."""

    name: str
    wanted: Mapping[str, tuple[int, ...]]
    """AWS's runtime names → the beginning of the version they ask for."""

    def candidates(self) -> list[Path]:
        """Files on this host that may be interpreters of it; only looked for, not run."""

    def probe(self, executable: Path) -> Interpreter | None:
        """Run it once and ask it; None when it is not what it seemed to be."""

    def runtime(self, name: str, interpreter: Interpreter | None, sdk: Path | None, empty: Path) -> Runtime:
        """The runtime `name` on `interpreter`. `sdk` holds the AWS SDK's modules; `empty` is a folder without any."""


def described(name: str, title: str, version: str, exact: bool) -> str:
    """A runtime's note."""
    if exact:
        return f"{name} runs on {title} {version}"
    return f"{name} is not on this host: {title} {version} stands in for it"


def ships_libraries(facts: Facts) -> str | None:
    """Whether a version brings shared libraries: the loader looks only where it was told to when the process began."""
    for contents in (facts.task, facts.opt):
        for name in contents.names:
            folder, _, file = name.rpartition("/")
            if ".so" in file and (folder == "lib" or (not folder and file.startswith("lib"))):
                return f"it ships {name}"
    return None


def sets_any(facts: Facts, names: frozenset[str], prefixes: tuple[str, ...]) -> str | None:
    """Whether a version sets a variable that a process reads only when it begins."""
    for name in facts.variables:
        if name in names or name.startswith(prefixes):
            return f"it sets {name}"
    return None


def booted_too_early_for(names: frozenset[str], prefixes: tuple[str, ...]) -> Callable[[Facts], str | None]:
    """Why a version cannot have a process that has booted already, where one reads these variables when it begins."""

    def needs_plain(facts: Facts) -> str | None:
        return sets_any(facts, names, prefixes) or ships_libraries(facts)

    return needs_plain


LOADER_PREFIXES = ("LD_", "GLIBC_", "MALLOC_")
XRAY_HOST, XRAY_PORT = "127.0.0.1", "2000"
"""Where the X-Ray daemon would listen. Nobody does; what the X-Ray SDKs send there by UDP is lost in silence."""
COMMON_VARIABLES: Mapping[str, str] = {
    "AWS_LAMBDA_METADATA_API": API_ADDRESS,
    "AWS_LAMBDA_RUNTIME_API": API_ADDRESS,
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    "AWS_XRAY_DAEMON_ADDRESS": f"{XRAY_HOST}:{XRAY_PORT}",
    "LAMBDA_RUNTIME_DIR": RUNTIME_DIR,
    "LAMBDA_TASK_ROOT": TASK,
    "LANG": "en_US.UTF-8",
    "LD_LIBRARY_PATH": (
        "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
    ),
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "TZ": ":UTC",
    "_AWS_XRAY_DAEMON_ADDRESS": XRAY_HOST,
    "_AWS_XRAY_DAEMON_PORT": XRAY_PORT,
}
"""What every managed runtime's environment has."""
SHELL_VARIABLES: Mapping[str, str] = {"PWD": TASK, "SHLVL": "0"}
"""What those have besides that AWS starts by a shell script: Node.js, Python and Ruby."""
