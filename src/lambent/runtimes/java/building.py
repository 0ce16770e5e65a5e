"""Makes what runs inside from its sources: a jar, compiled once per Java, and an archive of its classes.

The archive lets a Java start in less time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import zipfile  # at run time it is imported when something is built: a server that starts only asks for the digest

SOURCES = Path(__file__).parent / "bootstrap"
JAR = "lambent.jar"
CLASS_PATH = f"/proc/self/cwd/{JAR}"
"""The jar for a Java that is started in its folder: an archive counts only for the class path it was made with."""
ARCHIVE = "lambent.jsa"
MAIN = "lambent.Main"
REHEARSED = "rehearsal"
"""The folder of a function that is only rehearsed with: a class, and a jar in its `lib`."""
OLDEST = 17
"""The oldest Java that can run what is compiled."""

_COMPILE_S = 300


def digest(*about: str) -> str:
    """What tells one build from another: the sources and `about`."""
    total = hashlib.sha256("\0".join(about).encode())
    for source in _sources():
        total.update(str(source.relative_to(SOURCES)).encode() + b"\0" + source.read_bytes() + b"\0")
    return total.hexdigest()[:24]


def _sources() -> list[Path]:
    return sorted(SOURCES.rglob("*.java"))


class Build:
    """The folder with what one Java runs. It exists when it is complete."""

    def __init__(self, java: Path, options: Sequence[str], folder: Path) -> None:
        self.folder = folder
        self._java = java
        self._options = tuple(options)
        self._lock = threading.Lock()

    def make(self) -> None:
        """Compile, unless that has been done: a few seconds. Raises OSError with the compiler's words."""
        with self._lock:
            if self.folder.is_dir():
                return
            new = self.folder.with_name(f".{self.folder.name}.new-{os.getpid()}")
            shutil.rmtree(new, ignore_errors=True)
            try:
                _compile(self._java.with_name("javac"), new)
                self._archive(new)
                new.chmod(0o755)
                os.rename(new, self.folder)
            finally:
                shutil.rmtree(new, ignore_errors=True)

    def _archive(self, folder: Path) -> None:
        """Without an archive everything works, only slower: whatever this Java says against it is no matter."""
        command = [
            str(self._java),
            *self._options,
            f"-XX:ArchiveClassesAtExit={ARCHIVE}",
            "-cp",
            CLASS_PATH,
            MAIN,
            "rehearse",
        ]
        try:
            subprocess.run(
                command, cwd=folder, capture_output=True, timeout=_COMPILE_S, check=True, umask=0o022, env={}
            )
            (folder / ARCHIVE).chmod(0o644)
        except (OSError, subprocess.SubprocessError):
            (folder / ARCHIVE).unlink(missing_ok=True)


def _compile(javac: Path, folder: Path) -> None:
    classes = folder / "classes"
    classes.mkdir(parents=True)
    quick = ["-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC"]
    # Texts are put together by plain calls: otherwise Java makes classes for that when it first comes to each place.
    plain = "-XDstringConcat=inline"
    command = [
        str(javac),
        *quick,
        plain,
        "--release",
        str(OLDEST),
        "-proc:none",
        "-nowarn",
        "-encoding",
        "UTF-8",
        "-d",
        str(classes),
    ]
    try:
        done = subprocess.run(
            [*command, *map(str, _sources())], capture_output=True, text=True, timeout=_COMPILE_S, check=False, env={}
        )
    except subprocess.SubprocessError as error:
        raise OSError(f"Java's bootstrap was not compiled: {error}") from error
    if done.returncode != 0:
        raise OSError(f"Java's bootstrap was not compiled: {done.stderr.strip()[-2000:]}")
    _rehearsed(classes / "rehearsed", folder / REHEARSED)
    _jar(folder / JAR, classes)
    shutil.rmtree(classes)


def _rehearsed(classes: Path, folder: Path) -> None:
    import zipfile

    (folder / "lib").mkdir(parents=True)
    with zipfile.ZipFile(folder / "lib" / "rehearsed.jar", "w") as jar:
        _add(jar, classes / "Part.class", "rehearsed/Part.class")
    (folder / "rehearsed").mkdir()
    shutil.move(classes / "Function.class", folder / "rehearsed")
    shutil.rmtree(classes)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _jar(place: Path, classes: Path) -> None:
    import zipfile

    with zipfile.ZipFile(place, "w") as jar:
        for file in sorted(classes.rglob("*.class")):
            _add(jar, file, str(file.relative_to(classes)))
    place.chmod(0o644)


def _add(jar: zipfile.ZipFile, file: Path, name: str) -> None:
    import zipfile

    jar.writestr(zipfile.ZipInfo(name), file.read_bytes())
