"""Node.js runtimes: every Node.js 16 and later that the host has, or that was added for us (added.py)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from lambent.runtimes.base import (
    API_ADDRESS,
    CHANNEL_DESCRIPTOR,
    COMMON_VARIABLES,
    LANG_DIR,
    LOADER_PREFIXES,
    RECORDS_DESCRIPTOR,
    RUNTIME_DIR,
    SHELL_VARIABLES,
    WRAPPER,
    Interpreter,
    Runtime,
    booted_too_early_for,
    managed,
)
from lambent.runtimes.search import added_root, on_path, versions_in
from lambent.sandbox.base import Bind, Started

BOOTSTRAP = Path(__file__).parent / "bootstrap" / "index.mjs"
PARTS = tuple(BOOTSTRAP.with_name(name) for name in ("fault.mjs", "streaming.mjs", "rehearsal.cjs", "rehearsal.mjs"))
"""What a process that boots ahead loads in place of a function's module."""
INSIDE = f"{RUNTIME_DIR}/{BOOTSTRAP.name}"
OLDEST = 16

_PROBE = "console.log(process.versions.node + '\\n' + process.execPath)"
_READ_AT_START = frozenset(
    {
        WRAPPER,
        "NODE_COMPILE_CACHE",
        "NODE_DEBUG",
        "NODE_DEBUG_NATIVE",
        "NODE_DISABLE_COLORS",
        "NODE_DISABLE_COMPILE_CACHE",
        "NODE_EXTRA_CA_CERTS",
        "NODE_ICU_DATA",
        "NODE_NO_WARNINGS",
        "NODE_OPTIONS",
        "NODE_PENDING_DEPRECATION",
        "NODE_PRESERVE_SYMLINKS",
        "NODE_PRESERVE_SYMLINKS_MAIN",
        "NODE_REDIRECT_WARNINGS",
        "NODE_USE_ENV_PROXY",
        "NODE_USE_SYSTEM_CA",
        "NODE_V8_COVERAGE",
        "OPENSSL_CONF",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
    }
)
_PREFIXES = (*LOADER_PREFIXES, "UV_", "ICU_")
needs_plain = booted_too_early_for(_READ_AT_START, _PREFIXES)


class Nodejs:
    """The `nodejs*.x` runtimes."""

    name = "nodejs"
    wanted: Mapping[str, tuple[int, ...]] = {f"nodejs{major}.x": (major,) for major in (16, 18, 20, 22, 24, 26)}

    def candidates(self) -> list[Path]:
        """Those that were added for us, nvm's, fnm's, those on the path and in the system's folders."""
        home = Path.home()
        data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
        nvm = Path(os.environ.get("NVM_DIR") or home / ".nvm")
        found = versions_in(added_root(), "nodejs*/bin", ["node"])
        found += versions_in(nvm / "versions" / "node", "*/bin", ["node"])
        found += versions_in(data / "fnm" / "node-versions", "*/installation/bin", ["node"])
        return found + on_path(["node", "nodejs"])

    def probe(self, executable: Path) -> Interpreter | None:
        """Ask it for its version."""
        try:
            answer = subprocess.run(
                [str(executable), "-e", _PROBE], capture_output=True, timeout=20, check=True, env={}, text=True
            )
            version, place = answer.stdout.strip().split("\n")
            interpreter = Interpreter(self.name, Path(place), version, Path(place).parent.parent)
        except (OSError, subprocess.SubprocessError, ValueError):
            return None
        return interpreter if interpreter.numbers[0] >= OLDEST else None

    def runtime(self, name: str, interpreter: Interpreter | None, sdk: Path | None, empty: Path) -> Runtime:
        """Booted ahead and waiting for its environment, or started with it."""
        assert interpreter is not None
        is_system = interpreter.prefix.is_relative_to("/usr")
        executable = str(interpreter.executable) if is_system else f"{LANG_DIR}/bin/{interpreter.executable.name}"
        binds = [] if is_system else [Bind(interpreter.prefix, LANG_DIR)]
        binds += [Bind(file, f"{RUNTIME_DIR}/{file.name}") for file in (BOOTSTRAP, *PARTS)]
        # Modules look for packages in /node_modules last: that is how `import` finds the SDK, which ignores NODE_PATH.
        links = {"/node_modules": f"{RUNTIME_DIR}/node_modules"}
        if is_system:
            links[f"{LANG_DIR}/bin/node"] = executable
        if sdk is not None:
            binds.append(Bind(sdk, f"{RUNTIME_DIR}/node_modules"))
        argv = (executable, INSIDE)
        waiting = {"AWS_LAMBDA_RUNTIME_API": API_ADDRESS, "_LAMBENT_CHANNEL": str(CHANNEL_DESCRIPTOR)}
        return managed(
            self,
            "Node.js",
            name,
            interpreter,
            ahead=Started(argv, waiting),
            command=argv,
            binds=binds,
            links=links,
            variables=_variables(name, self.wanted[name], interpreter),
            needs_plain=needs_plain,
        )


def _variables(name: str, wanted: tuple[int, ...], interpreter: Interpreter) -> dict[str, str]:
    # Where another version stands in, layers were made for the one that was asked for.
    majors = dict.fromkeys((*wanted, interpreter.numbers[0]))
    folders = (*(f"/opt/nodejs/node{major}/node_modules" for major in majors), "/opt/nodejs/node_modules")
    return {
        **COMMON_VARIABLES,
        **SHELL_VARIABLES,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{name}",
        "NODE_PATH": ":".join((*folders, f"{RUNTIME_DIR}/node_modules", RUNTIME_DIR, "/var/task")),
        "_LAMBDA_TELEMETRY_LOG_FD": str(RECORDS_DESCRIPTOR),
    }


FAMILY = Nodejs()
