"""Python runtimes: every CPython 3.8 and later that the host has."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from lambent.runtimes.base import (
    API_ADDRESS,
    COMMON_VARIABLES,
    LANG_DIR,
    LOADER_PREFIXES,
    RECORDS_DESCRIPTOR,
    RUNTIME_DIR,
    SHELL_VARIABLES,
    WRAPPER,
    Facts,
    Interpreter,
    Runtime,
    managed,
    sets_any,
    ships_libraries,
)
from lambent.runtimes.sdk import sdk_entries
from lambent.runtimes.search import on_path, versions_in
from lambent.sandbox.base import Bind, Forked

BOOTSTRAP = Path(__file__).parent / "bootstrap" / "bootstrap.py"
INSIDE = f"{RUNTIME_DIR}/bootstrap.py"
MINORS = range(8, 15)

_PROBE = """
import json, os, sys, sysconfig
exe = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
base = os.path.realpath(sys.base_prefix)
sites = [os.path.join(base, *p) for p in (
    ("lib", "python%d.%d" % sys.version_info[:2], "site-packages"), ("lib", "python3", "dist-packages"),
    ("local", "lib", "python%d.%d" % sys.version_info[:2], "dist-packages"))]
shared = None
if sysconfig.get_config_var("Py_ENABLE_SHARED"):
    shared = os.path.join(sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME"))
print(json.dumps({
    "implementation": sys.implementation.name, "version": "%d.%d.%d" % sys.version_info[:3],
    "executable": exe, "prefix": base, "path": [p for p in sys.path if p.startswith(base)],
    "sites": [s for s in sites if os.path.isdir(s)],
    "libraries": [shared] if shared and os.path.isfile(shared) else []}))
"""

_READ_AT_START = frozenset({WRAPPER, "SSL_CERT_FILE", "SSL_CERT_DIR", "OPENSSL_CONF"})
# Those that change nothing here: output is unbuffered by lines anyway, and the code is read-only.
_HARMLESS = frozenset({"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"})

_PREIMPORTED = """
    colorsys abc argparse array ast asyncio atexit base64
    bdb binascii bisect bz2 calendar cmd code codecs codeop collections compression concurrent configparser
    contextlib contextvars copy copyreg csv ctypes dataclasses datetime decimal difflib dis email encodings enum
    errno fcntl fnmatch functools fractions genericpath getpass gettext glob grp gzip hashlib heapq hmac html http
    inspect importlib io ipaddress itertools json keyword linecache locale logging lzma math mimetypes mmap
    multiprocessing netrc ntpath numbers opcode operator optparse os pathlib pdb pickle pkgutil platform plistlib
    posixpath pprint pwd pyexpat queue quopri random re reprlib resource runpy secrets select selectors shlex
    shutil signal site socket socketserver sre_compile sre_constants sre_parse ssl stat statistics string
    stringprep struct subprocess sysconfig tarfile tempfile termios textwrap threading time timeit token tokenize
    traceback tracemalloc types typing unicodedata unittest urllib uu uuid warnings weakref xml xmlrpc zipfile
    zipimport zlib zoneinfo annotationlib
"""
PREIMPORTED = frozenset(_PREIMPORTED.split())
"""Top-level modules that may be in memory before a function's code is: its own of the same name would not be seen. The
SDK's are not among them, though they are imported ahead, too: see `Parked` in the bootstrap."""


class Python:
    """The `python3.*` runtimes."""

    name = "python"
    wanted: Mapping[str, tuple[int, ...]] = {f"python3.{minor}": (3, minor) for minor in MINORS}

    def candidates(self) -> list[Path]:
        """pyenv's, uv's, those on the path and in the system's folders."""
        names = [f"python3.{minor}" for minor in MINORS]
        home = Path.home()
        data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
        pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
        found = versions_in(pyenv / "versions", "*/bin", names) + versions_in(data / "uv" / "python", "*/bin", names)
        return found + on_path(names)

    def probe(self, executable: Path) -> Interpreter | None:
        """Ask it for its version and its folders."""
        told = _asked(executable)
        if told is None or told.get("implementation") != "cpython":
            return None
        return Interpreter(
            family=self.name,
            executable=Path(told["executable"]),
            version=told["version"],
            prefix=Path(told["prefix"]),
            details={key: tuple(told[key]) for key in ("path", "sites", "libraries")},
        )

    def runtime(self, name: str, interpreter: Interpreter | None, sdk: Path | None, empty: Path) -> Runtime:
        """Forked from a zygote that has the SDK in memory, or a process of its own."""
        assert interpreter is not None
        inside = _Inside(interpreter)
        modules = tuple(Bind(folder, f"{RUNTIME_DIR}/{folder.name}") for folder in _modules(sdk))
        binds = (*inside.binds(empty), Bind(BOOTSTRAP, INSIDE), *modules)
        path = (*(inside.at(p) for p in interpreter.details["path"]), RUNTIME_DIR)
        waiting = {"AWS_LAMBDA_RUNTIME_API": API_ADDRESS}
        return managed(
            self,
            "Python",
            name,
            interpreter,
            ahead=Forked(interpreter=inside.executable, module=INSIDE, path=path, env=waiting),
            command=(inside.executable, INSIDE),
            binds=binds,
            links=inside.links(),
            variables=_variables(name),
            needs_plain=needs_plain,
        )


def needs_plain(facts: Facts) -> str | None:
    """Why a version cannot be forked from the zygote: it changes what was settled when that began."""
    return (
        sets_any(facts, _READ_AT_START, LOADER_PREFIXES)
        or _sets_python(facts)
        or ships_libraries(facts)
        or _ships_preimported(facts)
    )


def _sets_python(facts: Facts) -> str | None:
    for name in facts.variables:
        if name.startswith("PYTHON") and name not in _HARMLESS:
            return f"it sets {name}"
    return None


def _ships_preimported(facts: Facts) -> str | None:
    for name in facts.task.names:
        if "/" not in name and _module(name) in PREIMPORTED:
            return f"it ships {name}"
    for name in facts.opt.names:
        folder, _, file = name.rpartition("/")
        if folder.startswith("python") and _module(file) in PREIMPORTED:
            return f"it ships {name}"
    return None


def _module(file: str) -> str:
    """The module that a file or folder of that name would be imported as."""
    stem, _, suffix = file.partition(".")
    return stem if suffix in ("", "py", "pyc", "so") or suffix.startswith(("cpython-", "abi3")) else ""


def _variables(name: str) -> dict[str, str]:
    return {
        **COMMON_VARIABLES,
        **SHELL_VARIABLES,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{name}",
        "LC_CTYPE": "C.UTF-8",
        "PYTHONPATH": RUNTIME_DIR,
        "_LAMBDA_TELEMETRY_LOG_FD": str(RECORDS_DESCRIPTOR),
    }


def _modules(sdk: Path | None) -> list[Path]:
    """The SDK's packages and their metadata, without what else may be installed beside them."""
    return [] if sdk is None else sdk_entries(sdk)


class _Inside:
    """Where an interpreter is inside: the system's at its own place, any other one at /var/lang."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._is_system = interpreter.prefix.is_relative_to("/usr")
        self.executable = self.at(str(interpreter.executable))

    def at(self, path: str) -> str:
        """The place of one of its files."""
        prefix = str(self._interpreter.prefix)
        if self._is_system or not path.startswith(prefix):
            return path
        return LANG_DIR + path[len(prefix) :]

    def binds(self, empty: Path) -> tuple[Bind, ...]:
        """What must be mounted. The host's own packages are covered: they are none of the function's business."""
        binds: list[Bind] = []
        if not self._is_system:
            binds.append(Bind(self._interpreter.prefix, LANG_DIR))
            # Its program looks for its library where it was built to be.
            binds += [Bind(Path(file), file) for file in self._interpreter.details["libraries"]]
        binds += [Bind(empty, self.at(folder)) for folder in self._interpreter.details["sites"]]
        return tuple(binds)

    def links(self) -> dict[str, str]:
        """The names in /var/lang that scripts expect."""
        if not self._is_system:
            return {}
        major_minor = ".".join(str(n) for n in self._interpreter.numbers[:2])
        names = ("python", "python3", f"python{major_minor}")
        return {f"{LANG_DIR}/bin/{name}": self.executable for name in names}


def _asked(executable: Path) -> dict[str, str] | None:
    try:
        answer = subprocess.run(
            [str(executable), "-I", "-S", "-c", _PROBE], capture_output=True, timeout=20, check=True, env={}
        )
        told: dict[str, str] = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return told


FAMILY = Python()
