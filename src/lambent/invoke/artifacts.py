"""Unpacked packages on disk, by content digest: a cache, filled from blobs.

It lives under the machine's boot id: unpacked files are not fsynced, so a folder from before a power cut is not
trusted and is made again.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path

from lambent.invoke.merging import merge
from lambent.invoke.package import unpack
from lambent.kit.ids import uuid4
from lambent.kit.tasks import Tasks
from lambent.store.base import Blobs


class ArtifactMissing(Exception):
    """There is no blob of that digest."""


def merged_name(digests: Sequence[str]) -> str:
    """What the folder is called that several packages are merged in, later ones over earlier ones."""
    return "merged-" + hashlib.sha256(" ".join(digests).encode()).hexdigest()


class Artifacts:
    """Folders with unpacked packages, each made once and never changed."""

    def __init__(self, directory: Path, blobs: Blobs, tasks: Tasks) -> None:
        self._root = directory / _boot_id()
        self._directory = directory
        self._blobs = blobs
        self._tasks = tasks
        self._making: dict[str, asyncio.Task[Path]] = {}
        self._asked_for: set[str] = set()

    def start(self) -> None:
        """Remove what an earlier boot or an interrupted unpacking left."""
        self._root.mkdir(parents=True, exist_ok=True)
        for other in self._directory.iterdir():
            if other != self._root:
                shutil.rmtree(other, ignore_errors=True)
        for unfinished in self._root.glob("*.new-*"):
            _remove(unfinished)

    def ready(self, digest: str) -> Path | None:
        """The folder, if it has been made."""
        path = self._root / digest
        return path if path.is_dir() else None

    async def path(self, digest: str) -> Path:
        """The folder, unpacked now if need be. Raises ArtifactMissing and BadPackage."""
        self._asked_for.add(digest)
        if (path := self.ready(digest)) is not None:
            return path
        if (making := self._making.get(digest)) is None:
            making = self._tasks.start(f"unpack:{digest[:12]}", self._from_blob(digest))
            self._making[digest] = making
            making.add_done_callback(lambda _: self._making.pop(digest, None))
        return await asyncio.shield(making)

    async def merged(self, digests: Sequence[str]) -> Path:
        """One folder with several packages in it, at least one, later ones over earlier ones; made now if need be.
        Raises ArtifactMissing and BadPackage."""
        if len(digests) == 1:
            return await self.path(digests[0])
        name = merged_name(digests)
        self._asked_for.add(name)
        if (path := self.ready(name)) is not None:
            return path
        sources = [await self.path(digest) for digest in digests]
        return await self._tasks.in_thread(self._make, name, partial(merge, sources))

    async def unpack(self, digest: str, data: bytes) -> Path:
        """Unpack `data`, whose digest is `digest`, now. Raises BadPackage."""
        self._asked_for.add(digest)
        if (path := self.ready(digest)) is not None:
            return path
        return await self._tasks.in_thread(self._make, digest, partial(unpack, data))

    async def keep_only(self, names: Collection[str]) -> None:
        """Remove every folder, named by its digest or `merged_name`, that is neither among `names` nor was asked for
        since the last time."""
        kept = self._asked_for.union(names)
        self._asked_for.clear()
        await self._tasks.in_thread(self._remove_others, kept)

    def was_asked_for(self, digest: str) -> bool:
        """Whether somebody wanted it since `keep_only` was last called: its function may be just being made."""
        return digest in self._asked_for

    async def _from_blob(self, digest: str) -> Path:
        data = await self._blobs.get(digest)
        if data is None:
            raise ArtifactMissing(digest)
        return await self._tasks.in_thread(self._make, digest, partial(unpack, data))

    def _make(self, name: str, fill: Callable[[Path], None]) -> Path:
        path = self._root / name
        new = self._root / f"{name}.new-{uuid4()}"
        new.mkdir(mode=0o755)
        try:
            fill(new)
            try:
                os.rename(new, path)
            except OSError:
                if not path.is_dir():  # if somebody else was first, theirs is the same
                    raise
        finally:
            if new.exists():
                _remove(new)
        return path

    def _remove_others(self, names: Collection[str]) -> None:
        for folder in self._root.iterdir():
            if folder.name not in names and ".new-" not in folder.name:
                _remove(folder)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
