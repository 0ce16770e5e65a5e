"""Opening the store: the lock, three database files with a writer each, the blobs; and closing it in order."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from lambent.kit.clock import Clock, SystemClock
from lambent.kit.log import Log
from lambent.kit.tasks import Tasks
from lambent.store.base import Store
from lambent.store.sqlite import queues
from lambent.store.sqlite.blobs import FileBlobs
from lambent.store.sqlite.files import Synchronous, locked, open_writing
from lambent.store.sqlite.journals import BACKLOG_BYTES, SqliteJournals
from lambent.store.sqlite.queues import SqliteQueues
from lambent.store.sqlite.reader import Reader
from lambent.store.sqlite.records import SqliteRecords
from lambent.store.sqlite.writer import Insertion, Writer


@contextlib.asynccontextmanager
async def open_store(
    directory: Path, *, log: Log, clock: Clock | None = None, backlog_bytes: int = BACKLOG_BYTES
) -> AsyncIterator[Store]:
    """The store in a data directory, made when there is none; at the end everything is written and closed.

    `backlog_bytes` bounds what journals may hold in memory. Raises StoreUnavailable, also as DataDirectoryInUse
    and DataFromNewerVersion.
    """
    clock = clock if clock is not None else SystemClock()
    with locked(directory) as data:
        async with contextlib.AsyncExitStack() as stack:
            tasks = Tasks(log)
            blobs = FileBlobs(data.blobs, tasks)
            records = SqliteRecords(*_file(stack, data.database("records"), tasks, "FULL"))
            messages = _file(stack, data.database("queues"), tasks, "FULL", insertion=queues.PUT)
            lines = _file(stack, data.database("journals"), tasks, "NORMAL", shrinks=True)
            wal = data.path / "journals.db-wal"
            journals = SqliteJournals(*lines, wal, clock=clock, log=log, tasks=tasks, backlog_bytes=backlog_bytes)
            # At the end the other way round: journals write what they have, reads end, then the files close.
            stack.push_async_callback(tasks.close)
            stack.push_async_callback(journals.close)
            yield Store(records, SqliteQueues(*messages, clock), blobs, journals)


def _file(
    stack: contextlib.AsyncExitStack,
    path: Path,
    tasks: Tasks,
    synchronous: Synchronous,
    *,
    insertion: Insertion | None = None,
    shrinks: bool = False,
) -> tuple[Writer, Reader]:
    """A file's writer and reader. At the end the writer finishes first; SQLite tidies up with the last to close."""
    connection = open_writing(path, synchronous=synchronous, shrinks=shrinks)
    writer = Writer(connection, path.stem, insertion=insertion)
    stack.push_async_callback(writer.close)
    reader = Reader(path, tasks)
    stack.callback(reader.close)
    return writer, reader
