"""Java runtimes: every JDK 17 and later that the host has. A compiler is needed once, for what runs inside."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from lambent.runtimes.base import (
    API_ADDRESS,
    COMMON_VARIABLES,
    LANG_DIR,
    LOADER_PREFIXES,
    RECORDS_DESCRIPTOR,
    RUNTIME_DIR,
    WRAPPER,
    Facts,
    Interpreter,
    Runtime,
    booted_too_early_for,
    managed,
)
from lambent.runtimes.java.building import ARCHIVE, CLASS_PATH, JAR, MAIN, OLDEST, Build, digest
from lambent.runtimes.search import on_path, versions_in
from lambent.sandbox.base import Bind, Started

LIB_DIR = f"{RUNTIME_DIR}/lib"
NAMES = {"java8.al2": 8, "java11": 11, "java17": 17, "java21": 21, "java25": 25}

# Standard input is the channel: Java opens no descriptor by its number. The class path must be what it was when the
# archive was made. What a Java says of its own while it boots is nobody's log; it joins its outputs afterwards.
_WAIT = f'cd {LIB_DIR} && exec "$@" <&3 3<&- 2>/dev/null'
_COMMON = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Xms16m",
    "-Xshare:auto",
    "-Dfile.encoding=UTF-8",
    "-Dstdout.encoding=UTF-8",
    "-Dstderr.encoding=UTF-8",
    "-Dsun.stdout.encoding=UTF-8",
    "-Dsun.stderr.encoding=UTF-8",
    "-Djava.io.tmpdir=/tmp",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
)
# The heap of a Java that waits cannot be sized for its function: it may take what the largest one gets.
_WAITING = ("-Xmx8704m", "-Duser.dir=/var/task", "-Xlog:disable", "-Xlog:all=off")
HEAP_PERCENT = 85

_READ_AT_START = frozenset(
    {WRAPPER, "CLASSPATH", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "LANG", "LANGUAGE", "TZ"}
)
_PREFIXES = (*LOADER_PREFIXES, "LC_", "JDK_", "_JAVA")
needs_plain = booted_too_early_for(_READ_AT_START, _PREFIXES)


class JavaRuntime(Runtime):
    """A process that is started for its function gets a heap that its memory can hold."""

    __slots__ = ()

    def message(self, facts: Facts, env: Mapping[str, str], here: Callable[[str], str] = str) -> dict[str, object]:
        """As any runtime's; the size comes right after the program's name, where wrapper scripts expect options."""
        told = super().message(facts, env, here)
        memory = env.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
        if isinstance(argv := told.get("argv"), list) and memory.isdecimal():
            at = argv.index(MAIN) - 2
            told["argv"] = [*argv[:at], f"-Xmx{int(memory) * HEAP_PERCENT // 100}m", *argv[at:]]
        return told


class Java:
    """The `java*` runtimes."""

    name = "java"
    wanted: Mapping[str, tuple[int, ...]] = {name: (major,) for name, major in NAMES.items()}

    def candidates(self) -> list[Path]:
        """SDKMAN's, the system's, JAVA_HOME's and those on the path; of all those, the ones with a compiler."""
        found = versions_in(Path.home() / ".sdkman" / "candidates" / "java", "*/bin", ["java"])
        for root in ("/usr/lib/jvm", "/opt/java", "/opt"):
            found += versions_in(Path(root), "*/bin", ["java"])
        if home := os.environ.get("JAVA_HOME"):
            found += versions_in(Path(home), "bin", ["java"])
        every = dict.fromkeys([*found, *on_path(["java"])])
        return [path for path in every if os.access(path.with_name("javac"), os.X_OK)]

    def probe(self, executable: Path) -> Interpreter | None:
        """Ask it for its version and its place."""
        command = [str(executable), "-XshowSettings:properties", "-version"]
        try:
            told = subprocess.run(command, capture_output=True, timeout=20, check=True, env={}, text=True).stderr
        except (OSError, subprocess.SubprocessError, ValueError):
            return None
        version = re.search(r"^\s*java\.version = (\d+(?:\.\d+)*)", told, re.MULTILINE)
        home = re.search(r"^\s*java\.home = (.+)$", told, re.MULTILINE)
        if version is None or home is None:
            return None
        prefix = Path(home.group(1)).resolve()
        interpreter = Interpreter(self.name, executable, version.group(1), prefix, {"etc": _settings(prefix)})
        return interpreter if interpreter.numbers[0] >= OLDEST else None

    def runtime(self, name: str, interpreter: Interpreter | None, sdk: Path | None, empty: Path) -> Runtime:
        """Booted ahead and waiting for its environment, or started with it."""
        assert interpreter is not None
        is_system = interpreter.prefix.is_relative_to("/usr")
        executable = str(interpreter.prefix / "bin" / "java") if is_system else f"{LANG_DIR}/bin/java"
        options = (*_COMMON, *_WAITING, *_native(interpreter.numbers[0]))
        place = empty.parent / "java" / digest(str(interpreter.executable), interpreter.version, *options)
        build = Build(interpreter.executable, options, place)
        binds = [Bind(Path(folder), folder) for folder in interpreter.details["etc"]]
        binds += [] if is_system else [Bind(interpreter.prefix, LANG_DIR)]
        binds.append(Bind(build.folder, LIB_DIR))
        links = {f"{LANG_DIR}/bin/java": executable} if is_system else {}
        waiting = (
            executable,
            *options,
            f"-XX:SharedArchiveFile={ARCHIVE}",
            "-cp",
            CLASS_PATH,
            MAIN,
            "wait",
            API_ADDRESS,
        )
        variables = {key: COMMON_VARIABLES[key] for key in ("LANG", "TZ")}
        return managed(
            self,
            "Java",
            name,
            interpreter,
            ahead=Started(("/bin/sh", "-c", _WAIT, "sh", *waiting), variables),
            command=(executable, *_COMMON, "-cp", f"{LIB_DIR}/{JAR}", MAIN),
            binds=binds,
            links=links,
            variables=_variables(name),
            needs_plain=needs_plain,
            make=build.make,
            kind=JavaRuntime,
        )


def _native(major: int) -> tuple[str, ...]:
    """What lets a Java call the C library, which it does to enter the function's folder."""
    allowed = "--enable-native-access=ALL-UNNAMED"
    if major < 19:
        return ("--add-modules=jdk.incubator.foreign", allowed)
    return ("--enable-preview", allowed) if major < 22 else (allowed,)


def _settings(prefix: Path) -> tuple[str, ...]:
    """The folders below /etc that a distribution's Java keeps its settings in."""
    found: dict[str, None] = {}
    for pattern in ("conf", "conf/*", "conf/*/*", "lib/*.cfg", "lib/*.properties", "lib/security/*"):
        for path in prefix.glob(pattern):
            parts = path.resolve().parts
            if parts[1] == "etc" and parts[2].startswith(("java", "jvm", "openjdk")):
                found["/".join(("", *parts[1:3]))] = None
    return tuple(found)


def _variables(name: str) -> dict[str, str]:
    return {
        **COMMON_VARIABLES,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{name}",
        "_LAMBDA_TELEMETRY_LOG_FD": str(RECORDS_DESCRIPTOR),
    }


FAMILY = Java()
