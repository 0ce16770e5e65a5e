"""The peer serverless-offline, by npm: the one that starts and answers fastest of those that run without Docker.

osls is the free continuation of serverless 3, which the plugin needs; serverless 4 asks for a login.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from client import BenchError, Code
from servers import PEER_HOME, PEERS, ROOT, Kind
from shelf import Shelf, Stocked

NAME = "serverless-offline"
HOME = PEERS / NAME
PLUGIN, FRAMEWORK = "14.8.2", "4.3.1"
_INSTALL_S = 600
_RUNTIMES = ("python", "nodejs")
"""What it runs by itself: for the others it wants programs that it does not bring."""


def serverless_offline(*, may_install: bool) -> Kind:
    """Raises BenchError when it is not there and cannot be installed."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise BenchError("not installed: there is no npm")
    if _installed() != PLUGIN:
        if not may_install:
            raise BenchError("not installed")
        _install()
    if _installed() != PLUGIN:
        raise BenchError("not installed")
    command = (str(HOME / "node_modules" / ".bin" / "osls"), "offline", "start", "--noSponsor")
    argv = (*command, "--host", "127.0.0.1", "--lambdaPort", "{port}")
    environ = [("HOME", "{data}"), ("SLS_TELEMETRY_DISABLED", "1"), ("SLS_NOTIFICATIONS_MODE", "off")]
    if (PEER_HOME / "bin" / "python").exists():
        environ.append(("VIRTUAL_ENV", str(PEER_HOME)))
    about = f"with osls {FRAMEWORK} by npm; its functions are written into its serverless.yml"
    return Kind(NAME, PLUGIN, argv, tuple(environ), about=about, project=project)


def _installed() -> str | None:
    try:
        package = HOME / "node_modules" / NAME / "package.json"
        return str(json.loads(package.read_text())["version"]) if (HOME / "node_modules" / "osls").is_dir() else None
    except (OSError, ValueError, KeyError):
        return None


def _install() -> None:
    print(f"installing {NAME} into {HOME.relative_to(ROOT)}", file=sys.stderr, flush=True)
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    (HOME / "package.json").write_text('{"private": true}\n')
    # The plugin names serverless 4 as its peer, which npm would install beside osls.
    argv = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--legacy-peer-deps", "--save-exact"]
    argv += [f"{NAME}@{PLUGIN}", f"osls@{FRAMEWORK}"]
    try:
        subprocess.run(
            argv, check=True, timeout=_INSTALL_S, cwd=HOME, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise BenchError("not installed") from error


def project(folder: Path, stock: Sequence[Stocked]) -> Shelf:
    """Write a project with these functions."""
    functions: dict[str, object] = {}
    names: dict[tuple[Code, int], list[str]] = {}
    for number, each in enumerate(stock):
        if not each.code.runtime.startswith(_RUNTIMES):
            continue
        place = f"code{number}"
        for file, content in each.code.files:
            (folder / place).mkdir(exist_ok=True)
            (folder / place / file).write_bytes(content)
        for index in range(each.count):
            name = f"bench-{number}-{index}"
            names.setdefault((each.code, each.memory_mb), []).append(name)
            functions[name] = {
                "name": name,
                "handler": f"{place}/{each.code.handler}",
                "runtime": each.code.runtime,
                "memorySize": each.memory_mb,
                "timeout": 60,
            }
    told = {
        "service": "bench",
        "frameworkVersion": "*",
        "provider": {"name": "aws", "runtime": "nodejs20.x"},
        "plugins": [NAME],
        "functions": functions,
    }
    (folder / "serverless.yml").write_text(json.dumps(told))  # JSON is YAML
    (folder / "node_modules").symlink_to(HOME / "node_modules")
    return Shelf(names)
