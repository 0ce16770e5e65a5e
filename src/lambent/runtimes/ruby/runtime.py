"""Ruby runtimes: every Ruby 3.0 and later that the host has."""

from __future__ import annotations

import json
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
from lambent.runtimes.search import on_path, versions_in
from lambent.sandbox.base import Bind, Started

BOOTSTRAP = Path(__file__).parent / "bootstrap" / "bootstrap.rb"
INSIDE = f"{RUNTIME_DIR}/bootstrap.rb"
OLDEST = (3, 0)
MINORS = (2, 3, 4)

_PROBE = """
require "json"
c = RbConfig::CONFIG
puts JSON.generate(
  engine: RUBY_ENGINE, version: RUBY_VERSION, executable: File.realpath(RbConfig.ruby), prefix: c["prefix"],
  abi: [c["ruby_version"]], gems: Gem.default_path, sites: [c["sitedir"], "/usr/local/lib/ruby/gems"])
"""
_READ_AT_START = frozenset({WRAPPER, "GEM_HOME", "GEM_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "OPENSSL_CONF"})
_PREFIXES = (*LOADER_PREFIXES, "RUBY")
needs_plain = booted_too_early_for(_READ_AT_START, _PREFIXES)


class Ruby:
    """The `ruby3.*` runtimes."""

    name = "ruby"
    wanted: Mapping[str, tuple[int, ...]] = {f"ruby3.{minor}": (3, minor) for minor in MINORS}

    def candidates(self) -> list[Path]:
        """rbenv's, those of ruby-install, on the path and in the system's folders."""
        rbenv = Path(os.environ.get("RBENV_ROOT") or Path.home() / ".rbenv")
        found = versions_in(rbenv / "versions", "*/bin", ["ruby"])
        found += versions_in(Path("/opt/rubies"), "*/bin", ["ruby"])
        return found + on_path(["ruby", *(f"ruby3.{minor}" for minor in range(5))])

    def probe(self, executable: Path) -> Interpreter | None:
        """Ask it for its version and its folders."""
        try:
            answer = subprocess.run(
                [str(executable), "-e", _PROBE], capture_output=True, timeout=20, check=True, env={}
            )
            told = json.loads(answer.stdout)
        except (OSError, subprocess.SubprocessError, ValueError):
            return None
        if told.get("engine") != "ruby":
            return None
        details = {key: tuple(told[key]) for key in ("abi", "gems", "sites")}
        interpreter = Interpreter(self.name, Path(told["executable"]), told["version"], Path(told["prefix"]), details)
        return interpreter if interpreter.numbers[:2] >= OLDEST else None

    def runtime(self, name: str, interpreter: Interpreter | None, sdk: Path | None, empty: Path) -> Runtime:
        """Booted ahead and waiting for its environment, or started with it."""
        assert interpreter is not None
        executable = str(interpreter.executable)
        binds = (*_binds(interpreter, empty), Bind(BOOTSTRAP, INSIDE))
        links = {f"{LANG_DIR}/bin/ruby": executable}
        argv = (executable, INSIDE)
        waiting = {
            "AWS_LAMBDA_RUNTIME_API": API_ADDRESS,
            "LANG": COMMON_VARIABLES["LANG"],
            "_LAMBENT_CHANNEL": str(CHANNEL_DESCRIPTOR),
        }
        return managed(
            self,
            "Ruby",
            name,
            interpreter,
            ahead=Started(argv, waiting),
            command=argv,
            binds=binds,
            links=links,
            variables=_variables(name, interpreter),
            needs_plain=needs_plain,
        )


def _binds(interpreter: Interpreter, empty: Path) -> list[Bind]:
    """What must be mounted: a Ruby looks for its library where it was built to be. The host's own gems are covered."""
    prefix = interpreter.prefix
    if not prefix.is_relative_to("/usr"):
        return [Bind(prefix, str(prefix))]
    return [Bind(empty, folder) for folder in interpreter.details["sites"] if Path(folder).is_dir()]


def _variables(name: str, interpreter: Interpreter) -> dict[str, str]:
    (abi,) = interpreter.details["abi"]
    # Where another version stands in, gems were bundled for the one that was asked for; most run on both.
    versions = dict.fromkeys((abi, f"{name.removeprefix('ruby')}.0"))
    gems = [f"/var/task/vendor/bundle/ruby/{version}" for version in versions]
    gems += [f"/opt/ruby/gems/{version}" for version in versions]
    gems += [RUNTIME_DIR, f"{RUNTIME_DIR}/ruby/{abi}"]
    gems += [folder for folder in interpreter.details["gems"] if Path(folder).is_relative_to(interpreter.prefix)]
    return {
        **COMMON_VARIABLES,
        **SHELL_VARIABLES,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{name}",
        "GEM_HOME": RUNTIME_DIR,
        "GEM_PATH": ":".join(gems),
        "RUBYLIB": f"/var/task:{RUNTIME_DIR}/lib:/opt/ruby/lib",
        "_LAMBDA_TELEMETRY_LOG_FD": str(RECORDS_DESCRIPTOR),
    }


FAMILY = Ruby()
