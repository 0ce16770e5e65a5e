"""The functions that are measured, for every runtime that this machine can build one for."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from client import Code
from machine import output
from servers import ROOT

HERE = Path(__file__).resolve().parent
JAVA_INTERFACES = ROOT / "src" / "lambent" / "runtimes" / "java" / "bootstrap"
PYTHON = f"python3.{sys.version_info.minor}"
_JAVAS = (25, 21, 17)
_BUILD_S = 120


def python(source: str, *, echoes: bool = False) -> Code:
    """A function of one Python file."""
    return Code(PYTHON, (("app.py", source.encode()),), echoes=echoes)


ECHO = python("def handler(event, context):\n    return event\n", echoes=True)
PRINTS = python("def handler(event, context):\n    print('called')\n    return event\n", echoes=True)
BOTO3 = python("import boto3\n\ndef handler(event, context):\n    boto3.__version__\n    return event\n", echoes=True)
STAYS = python(
    """import os
import time

ENVIRONMENT = os.urandom(8).hex()


def handler(event, context):
    began = time.time()
    time.sleep(event["seconds"])
    return [ENVIRONMENT, began, time.time()]
"""
)
"""Sleeps as long as it is told; answers as `volley.Stay`."""


def numbered(number: int) -> Code:
    """Returns its number."""
    return python(f"def handler(event, context):\n    return {number}\n")


@functools.cache
def node_echo() -> Code | None:
    """For the host's Node.js; None without one."""
    version = output("node", "--version") if shutil.which("node") else None
    if version is None:
        return None
    runtime = f"nodejs{version.removeprefix('v').split('.')[0]}.x"
    return Code(runtime, (("app.js", b"exports.handler = async (event) => event;\n"),))


STREAMS = b"""const streams = globalThis.awslambda?.streamifyResponse ?? ((handler) => handler);

exports.handler = streams(async (event, stream) => {
  if (typeof stream?.write !== "function") return "does not stream";
  stream.write("first");
  if (event.pause) await new Promise((resolve) => setTimeout(resolve, event.pause));
  const piece = Buffer.alloc(event.bytes ?? 1, "x");
  for (let count = event.pieces ?? 0; count > 0; count--) {
    if (!stream.write(piece)) await new Promise((resolve) => stream.once("drain", resolve));
  }
  stream.end();
});
"""


@functools.cache
def node_stream() -> Code | None:
    """A handler that streams what its event says, for the host's Node.js; None without one."""
    echo = node_echo()
    return None if echo is None else Code(echo.runtime, (("app.js", STREAMS),), echoes=False)


@functools.cache
def java_echo() -> Code | None:
    """A RequestHandler, compiled by the host's JDK against the interfaces that its runtime brings; None without one."""
    version = re.search(r"(\d+)", output("javac", "-version") or "") if shutil.which("javac") else None
    runtime = next((each for each in _JAVAS if version and int(version[1]) >= each), None)
    if runtime is None:
        return None
    with tempfile.TemporaryDirectory(prefix="bench-java-") as folder:
        source = HERE / "sources" / "App.java"
        command = ["javac", "--release", str(runtime), "-nowarn", "-proc:none", "-implicit:none", "-encoding", "UTF-8"]
        command += ["-sourcepath", str(JAVA_INTERFACES), "-d", folder, str(source)]
        if not _built(command):
            return None
        files = tuple((path.name, path.read_bytes()) for path in sorted(Path(folder).glob("*.class")))
    return Code(f"java{runtime}", files, handler="App::handleRequest")


@functools.cache
def custom_echo() -> tuple[Code, str] | None:
    """A runtime of its own, and what it is written in: C where there is a compiler, else Python; None without both."""
    with tempfile.TemporaryDirectory(prefix="bench-custom-") as folder:
        program = Path(folder) / "bootstrap"
        source = HERE / "sources" / "bootstrap.c"
        if shutil.which("gcc") and _built(["gcc", "-O2", "-static", "-o", str(program), str(source)]):
            return Code("provided.al2023", (("bootstrap", program.read_bytes()),)), "C"
    if Path("/usr/bin/python3").exists():
        script = (HERE / "sources" / "bootstrap.py").read_bytes()
        return Code("provided.al2023", (("bootstrap", script),)), "Python"
    return None


def _built(command: list[str]) -> bool:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_BUILD_S)
    except (OSError, subprocess.SubprocessError) as error:
        detail = getattr(error, "stderr", b"") or b""
        print(f"{command[0]} failed: {error} {detail.decode(errors='replace')[:500]}", file=sys.stderr)
        return False
    return True
