"""The data directory: its lock, its layout, and how its database files are opened and brought up to date."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from lambent.store.base import StoreUnavailable
from lambent.values import frozen

Synchronous = Literal["FULL", "NORMAL"]

_MIGRATIONS = Path(__file__).with_name("migrations")
_BUSY_S = 5.0
_STATEMENTS = 256
_WAL_KEPT_BYTES = 64 << 20


class DataDirectoryInUse(StoreUnavailable):
    """Another process has the data directory; `pid` is None when it could not be told."""

    def __init__(self, path: Path, pid: int | None) -> None:
        super().__init__(f"{path}: data directory in use by process {pid if pid is not None else 'unknown'}")
        self.path, self.pid = path, pid


class DataFromNewerVersion(StoreUnavailable):
    """A file was written by a later version of the program, and would be damaged by this one."""

    def __init__(self, path: Path, found: int, known: int) -> None:
        super().__init__(f"{path}: written by a newer version (format {found}; this version knows {known})")
        self.path, self.found, self.known = path, found, known


@frozen
class DataDirectory:
    """Where the store keeps what."""

    path: Path

    @property
    def lock(self) -> Path:
        """Held by the process that has the directory open, with its id inside."""
        return self.path / "lock"

    @property
    def blobs(self) -> Path:
        """The folder of blobs."""
        return self.path / "blobs"

    def database(self, name: str) -> Path:
        """The database file of that name."""
        return self.path / f"{name}.db"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[DataDirectory]:
    """Make the data directory if there is none, and hold its lock.

    A directory that exists keeps its mode; what the store puts into it is readable by the owner alone.
    Raises DataDirectoryInUse, and StoreUnavailable when the directory cannot be written.
    """
    directory = DataDirectory(path.absolute())
    try:
        if not directory.path.is_dir():
            directory.path.mkdir(mode=0o700, parents=True)
            sync_folder(directory.path.parent)
        lock = os.open(directory.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StoreUnavailable(f"{directory.path}: cannot be used as data directory: {error.strerror}") from error
    try:
        _take(lock, directory)
        yield directory
    finally:
        os.close(lock)


def sync_folder(folder: Path) -> None:
    """Make the names in the folder durable. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _take(lock: int, directory: DataDirectory) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 20, 0).strip()
        raise DataDirectoryInUse(directory.path, int(holder) if holder.isdigit() else None) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, b"%d\n" % os.getpid(), 0)


def open_writing(path: Path, *, synchronous: Synchronous, shrinks: bool = False) -> sqlite3.Connection:
    """The one connection that writes to a database file, made and migrated when needed.

    With FULL a commit survives a loss of power, with NORMAL the death of the process. A file that `shrinks` can give
    pages back to the disk (PRAGMA incremental_vacuum), which costs a little on each growth.
    Raises DataFromNewerVersion, and StoreUnavailable when the file cannot be used.
    """
    try:
        # SQLite gives a file's helpers (-wal, -shm) the mode of the file.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = _connect(path)
    except (OSError, sqlite3.Error) as error:
        raise StoreUnavailable(f"{path}: {error}") from error
    try:
        if shrinks:
            # Counts only before the first table is made: a file keeps what it was made with.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}")
        migrate(connection, path, _MIGRATIONS / path.stem)
    except sqlite3.Error as error:
        connection.close()
        raise StoreUnavailable(f"{path}: {error}") from error
    except StoreUnavailable:
        connection.close()
        raise
    return connection


def open_reading(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. Raises StoreUnavailable."""
    try:
        connection = _connect(path)
        connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{path}: {error}") from error
    return connection


def migrate(connection: sqlite3.Connection, path: Path, migrations: Path) -> None:
    """Run the `NNNN_name.sql` of the folder that the file has not seen, each in a transaction of its own.

    The number of the last one is kept in the file. Raises DataFromNewerVersion.
    """
    scripts = {int(script.name[:4]): script for script in migrations.glob("[0-9][0-9][0-9][0-9]_*.sql")}
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > max(scripts):
        raise DataFromNewerVersion(path, found, max(scripts))
    for number in sorted(number for number in scripts if number > found):
        script = scripts[number].read_text(encoding="utf-8")
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _connect(path: Path) -> sqlite3.Connection:
    # Connections are opened by one thread and used by another, never by two at once.
    return sqlite3.connect(
        path,
        timeout=_BUSY_S,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_STATEMENTS,
    )
