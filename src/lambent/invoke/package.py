"""Deployment packages: what a zip may hold, and unpacking one safely.

A zip is hostile: names that climb out, links that point outward, devices, and bombs are refused before anything is
written; nothing is ever written through a link.
"""

from __future__ import annotations

import io
import os
import stat
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from lambent.core import limits
from lambent.values import frozen

if TYPE_CHECKING:
    import zipfile  # at run time it is imported where a package is read


class BadPackage(Exception):
    """The package is refused; the text is what the API answers."""


@frozen
class _Entry:
    info: zipfile.ZipInfo
    path: str
    """Relative, normalised."""
    mode: int

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.mode)


UNREADABLE = "Could not unzip uploaded file. Please check your file, then try to upload again."
EMPTY = "Uploaded file must be a non-empty zip"
TOO_LARGE = f"Unzipped size must be smaller than {limits.UNZIPPED} bytes"


def unpack(data: bytes, into: Path) -> None:
    """Unpack the zip in `data` into the empty folder `into`, permissions kept. Raises BadPackage; what was written
    by then is the caller's to remove."""
    import zipfile

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = _check(archive.infolist())
            written = _Writer(archive, into)
            for entry in entries:
                written.add(entry)
            written.finish()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeError, ValueError):
        raise BadPackage(UNREADABLE) from None
    except OSError as error:
        if error.errno in _UNWRITABLE:
            raise BadPackage(UNREADABLE) from None
        raise


@frozen
class Outline:
    """What a package's table of contents says."""

    unzipped: int
    """Bytes of all its files."""
    extensions: tuple[str, ...]
    """Names of the files in its folder `extensions`."""


def outline(data: bytes) -> Outline:
    """Of a package that can be unpacked."""
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        infos = archive.infolist()
    names = ("/".join(part for part in info.filename.split("/") if part not in ("", ".")) for info in infos)
    extensions = [name for name in names if name.startswith("extensions/") and name.count("/") == 1]
    folders = {info.filename.strip("/") for info in infos if info.is_dir()}
    return Outline(
        sum(info.file_size for info in infos),
        tuple(name.removeprefix("extensions/") for name in extensions if name not in folders),
    )


_UNWRITABLE = {17, 20, 21, 22, 36, 40, 84}
"""EEXIST, ENOTDIR, EISDIR, EINVAL, ENAMETOOLONG, ELOOP, EILSEQ: entries that contradict each other, or no names."""


def _check(infos: list[zipfile.ZipInfo]) -> list[_Entry]:
    if not infos:
        raise BadPackage(EMPTY)
    if len(infos) > limits.ZIP_ENTRIES:
        raise BadPackage(TOO_LARGE)
    if sum(info.file_size for info in infos) > limits.UNZIPPED:
        raise BadPackage(TOO_LARGE)
    return [_entry(info) for info in infos]


def _entry(info: zipfile.ZipInfo) -> _Entry:
    if info.flag_bits & 0x1:
        raise BadPackage(UNREADABLE)
    name = info.filename
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise BadPackage(UNREADABLE)
    mode = info.external_attr >> 16
    kind = stat.S_IFMT(mode)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
        raise BadPackage(UNREADABLE)
    return _Entry(info, "/".join(parts), mode)


class _Writer:
    def __init__(self, archive: zipfile.ZipFile, root: Path) -> None:
        self._archive = archive
        self._root = str(root)
        self._folders: dict[str, int | None] = {"": None}
        self._links: dict[str, str] = {}

    def add(self, entry: _Entry) -> None:
        """Write a file, or note a folder or a link for the end."""
        if entry.info.is_dir() or stat.S_ISDIR(entry.mode):
            self._folder(entry.path, entry.mode)
            return
        parent = entry.path.rpartition("/")[0]
        self._folder(parent, None)
        if entry.is_link:
            self._links[entry.path] = os.fsdecode(self._archive.read(entry.info))
            return
        self._links.pop(entry.path, None)
        self._file(entry)

    def finish(self) -> None:
        """Make the links, which could not be written through until now, then the folders' permissions."""
        for path, target in self._links.items():
            if not target or "\0" in target or target.startswith("/"):
                raise BadPackage(UNREADABLE)
            os.symlink(target, self._host(path))
        for path in self._links:
            self._refuse_outward(path)
        for path, mode in self._folders.items():
            if path:
                os.chmod(self._host(path), (mode or 0o755) | 0o700)

    def _file(self, entry: _Entry) -> None:
        # O_NOFOLLOW and O_EXCL: the folder is ours alone, but a name may come twice; the last one counts.
        host = self._host(entry.path)
        if os.path.lexists(host):
            os.unlink(host)
        permissions = stat.S_IMODE(entry.mode) & 0o777 if entry.mode else 0o644
        descriptor = os.open(host, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as out, self._archive.open(entry.info) as source:
            while chunk := source.read(1 << 20):
                out.write(chunk)
            os.fchmod(out.fileno(), permissions)

    def _folder(self, path: str, mode: int | None) -> None:
        if path not in self._folders:
            parent = path.rpartition("/")[0]
            self._folder(parent, None)
            os.mkdir(self._host(path), 0o755)
            self._folders[path] = None
        if mode is not None and path:
            self._folders[path] = stat.S_IMODE(mode) & 0o777 or None

    def _refuse_outward(self, path: str) -> None:
        real = os.path.realpath(self._host(path))
        if real != self._root and not real.startswith(self._root + "/"):
            raise BadPackage(UNREADABLE)

    def _host(self, path: str) -> str:
        return f"{self._root}/{path}"
