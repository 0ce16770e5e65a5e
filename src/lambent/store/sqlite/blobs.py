"""Blobs as files named by their digest. A file with its final name is whole: it was renamed after its fsync."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from lambent.kit.ids import uuid4
from lambent.kit.tasks import Tasks
from lambent.store.base import StoreUnavailable
from lambent.store.sqlite.files import sync_folder

_DIGEST = re.compile(r"[0-9a-f]{64}")
_INCOMING = "incoming"


class FileBlobs:
    """`Blobs` (store/base.py) in one folder: `ab/<digest>`, where ab are the digest's first two letters."""

    def __init__(self, folder: Path, tasks: Tasks) -> None:
        """Make the folder if there is none, and remove what an earlier process left unfinished."""
        self._folder = folder
        self._tasks = tasks
        try:
            _prepare(folder)
        except OSError as error:
            raise StoreUnavailable(f"{folder}: {error.strerror}") from error

    async def put(self, data: bytes) -> str:
        return await self._tasks.in_thread(self._put, data)

    async def get(self, digest: str) -> bytes | None:
        return await self._tasks.in_thread(self._get, digest)

    async def path(self, digest: str) -> Path | None:
        path = self._place(digest)
        return path if path is not None and path.is_file() else None

    async def delete(self, digest: str) -> None:
        await self._tasks.in_thread(self._delete, digest)

    async def digests(self) -> AsyncIterator[str]:
        for name in await self._tasks.in_thread(_names, self._folder):
            if len(name) == 2:
                for digest in await self._tasks.in_thread(_names, self._folder / name):
                    yield digest

    def _put(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        place = self._folder / digest[:2] / digest
        incoming = self._folder / _INCOMING / uuid4()
        try:
            if not place.is_file():
                _write(incoming, data)
                place.parent.mkdir(mode=0o700, exist_ok=True)
                incoming.replace(place)
            # Also for a blob that was there: whoever put it may not have come so far yet.
            sync_folder(self._folder)
            sync_folder(place.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                incoming.unlink()
            raise StoreUnavailable(f"blobs: {error.strerror}") from error
        return digest

    def _get(self, digest: str) -> bytes | None:
        place = self._place(digest)
        try:
            return place.read_bytes() if place is not None else None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreUnavailable(f"blobs: {error.strerror}") from error

    def _delete(self, digest: str) -> None:
        place = self._place(digest)
        try:
            if place is not None:
                place.unlink(missing_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"blobs: {error.strerror}") from error

    def _place(self, digest: str) -> Path | None:
        """Where the blob is if there is one; None for what is no digest, above all for a path."""
        return self._folder / digest[:2] / digest if _DIGEST.fullmatch(digest) else None


def _prepare(folder: Path) -> None:
    incoming = folder / _INCOMING
    folder.mkdir(mode=0o700, exist_ok=True)
    incoming.mkdir(mode=0o700, exist_ok=True)
    for unfinished in incoming.iterdir():
        unfinished.unlink()


def _write(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(fd, left) :]
        os.fsync(fd)
    finally:
        os.close(fd)


def _names(folder: Path) -> Sequence[str]:
    try:
        return os.listdir(folder)
    except OSError as error:
        raise StoreUnavailable(f"blobs: {error.strerror}") from error
