"""The data directory: who may use it, what is in it, and how its files come up to date."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from lambent.store.base import Put, Store, StoreUnavailable
from lambent.store.sqlite.files import DataDirectoryInUse, DataFromNewerVersion, locked, migrate

Open = Callable[..., AbstractAsyncContextManager[Store]]


async def test_the_data_directory_and_all_in_it_are_for_the_owner_alone(opening: Open, directory: Path) -> None:
    async with opening() as store:
        await store.records.write(Put("k", b"v"))
        await store.queues.put("q", b"m")
        store.journals.append("j", [(1, "x")])
        await store.journals.flush()
        await store.blobs.put(b"blob")
        modes = {path: path.stat().st_mode & 0o777 for path in [directory, *directory.rglob("*")]}
    assert {path.name for path in modes} >= {"records.db", "records.db-wal", "queues.db", "journals.db", "lock"}
    assert {path: mode for path, mode in modes.items() if mode & 0o077} == {}


async def test_a_directory_that_exists_keeps_its_mode(opening: Open, directory: Path) -> None:
    directory.mkdir(mode=0o755)
    directory.chmod(0o755)
    async with opening():
        assert directory.stat().st_mode & 0o777 == 0o755


def test_a_second_process_is_told_who_uses_the_directory(directory: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from lambent.store.sqlite.files import DataDirectoryInUse, locked
try:
    with locked(Path({str(directory)!r})):
        print("had it")
except DataDirectoryInUse as error:
    print(error)
"""
    with locked(directory):
        refused = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    taken = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert refused.stdout.strip() == f"{directory}: data directory in use by process {os.getpid()}"
    assert taken.stdout.strip() == "had it"


async def test_a_directory_is_not_opened_twice_by_one_process_either(opening: Open) -> None:
    async with opening():
        with pytest.raises(DataDirectoryInUse):
            async with opening():
                raise AssertionError("opened twice")
    async with opening():
        pass


async def test_a_path_that_is_no_directory_is_refused(opening: Open, directory: Path) -> None:
    directory.write_text("a file")
    with pytest.raises(StoreUnavailable, match="cannot be used as data directory"):
        async with opening():
            raise AssertionError("opened")


async def test_data_of_a_newer_version_is_refused_and_left_alone(opening: Open, directory: Path) -> None:
    async with opening():
        pass
    with sqlite3.connect(directory / "queues.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = (directory / "queues.db").read_bytes()
    with pytest.raises(DataFromNewerVersion, match=r"queues\.db: written by a newer version \(format 99"):
        async with opening():
            raise AssertionError("opened")
    assert (directory / "queues.db").read_bytes() == before
    with locked(directory):
        pass


async def test_a_file_that_is_no_database_is_named(opening: Open, directory: Path) -> None:
    directory.mkdir()
    (directory / "records.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreUnavailable, match=r"records\.db: file is not a database"):
        async with opening():
            raise AssertionError("opened")


def test_migrations_run_once_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    scripts = tmp_path / "migrations"
    scripts.mkdir()
    (scripts / "0001_first.sql").write_text("CREATE TABLE t (x); INSERT INTO t VALUES (1);")
    connection = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
    migrate(connection, tmp_path / "t.db", scripts)
    (scripts / "0002_second.sql").write_text("INSERT INTO t VALUES (2);")
    (scripts / "0010_third.sql").write_text("INSERT INTO t VALUES (3);")
    migrate(connection, tmp_path / "t.db", scripts)
    migrate(connection, tmp_path / "t.db", scripts)
    assert connection.execute("SELECT x FROM t").fetchall() == [(1,), (2,), (3,)]
    assert connection.execute("PRAGMA user_version").fetchone() == (10,)
    connection.close()


def test_a_migration_that_fails_changes_nothing_and_is_tried_again(tmp_path: Path) -> None:
    scripts = tmp_path / "migrations"
    scripts.mkdir()
    (scripts / "0001_first.sql").write_text("CREATE TABLE t (x);")
    (scripts / "0002_wrong.sql").write_text("INSERT INTO t VALUES (1); INSERT INTO nowhere VALUES (1);")
    connection = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrate(connection, tmp_path / "t.db", scripts)
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    (scripts / "0002_wrong.sql").write_text("INSERT INTO t VALUES (1);")
    migrate(connection, tmp_path / "t.db", scripts)
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (1,)
    connection.close()


async def test_unfinished_blobs_of_an_earlier_process_are_removed(opening: Open, directory: Path) -> None:
    async with opening() as store:
        digest = await store.blobs.put(b"whole")
    (directory / "blobs" / "incoming" / "half").write_bytes(b"hal")
    async with opening() as store:
        assert list((directory / "blobs" / "incoming").iterdir()) == []
        assert [each async for each in store.blobs.digests()] == [digest]


async def test_a_closed_store_says_so(opening: Open) -> None:
    async with opening() as store:
        await store.queues.put("q", b"m")
    with pytest.raises(StoreUnavailable):
        await store.records.get("k")
    with pytest.raises(StoreUnavailable):
        await store.records.list("", limit=1000)
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.records.write(Put("k", b""))
    with pytest.raises(StoreUnavailable):
        await store.queues.lease("q", limit=1, for_s=1)
    store.journals.append("j", [(1, "x"), (2, "y")])
    assert store.journals.dropped == 2
