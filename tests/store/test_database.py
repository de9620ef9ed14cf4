"""A store's file: how it is made, opened and journalled, and what is refused."""

import os
import shutil
import signal
import sqlite3
import stat
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from unsigned_store import (
    by_id,
    create,
    files_below,
    held,
    put,
    records,
)

import dlheir.store.database as database_module
from dlheir.store import CloudServer, StoreError, StoreInputError
from dlheir.store.database import FORMAT, Database

NOBODY = 65534
ZEROS = np.zeros((1, 12), np.uint8)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.sqlite"


@pytest.fixture
def database(path):
    Database.create(path, b"policy", b"root", None)
    with closing(Database(path)) as database:
        yield database


@pytest.fixture
def network(monkeypatch):
    """As if everything lay on a network file system."""
    monkeypatch.setattr(database_module, "is_network", lambda path: True)


def run_sql(path, *statements):
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


# What is no store


def make_format_1(path):
    """As the version before this one left it, which was never published."""
    run_sql(
        path,
        "PRAGMA application_id = 0x444C4849",
        "PRAGMA user_version = 1",
        "CREATE TABLE store (bits INTEGER NOT NULL)",
        "CREATE TABLE pictures (picture_id BLOB PRIMARY KEY, code BLOB NOT NULL, "
        "envelope BLOB NOT NULL)",
    )


def make_later_format(path):
    create(path).close()
    run_sql(path, f"PRAGMA user_version = {FORMAT + 1}")


@pytest.mark.parametrize(
    ("make", "what"),
    [
        pytest.param(lambda path: path.write_bytes(b""), "is no store", id="empty"),
        pytest.param(lambda path: path.write_bytes(bytes(10_000)), "is no store", id="zeros"),
        pytest.param(
            lambda path: path.write_bytes(np.random.default_rng(0).bytes(10_000)),
            "is no store",
            id="random bytes",
        ),
        pytest.param(lambda path: path.write_text("text\n" * 100), "is no store", id="text"),
        pytest.param(
            lambda path: run_sql(path, "CREATE TABLE store (policy, root, blobs)"),
            "is no store; `dlheir store init` makes one",
            id="another program's",
        ),
        pytest.param(make_format_1, "is a store of format 1, .* seal the pictures", id="format 1"),
        pytest.param(make_later_format, f"is a store of format {FORMAT + 1}", id="later format"),
        pytest.param(lambda path: None, "No such file", id="missing"),
        pytest.param(lambda path: path.mkdir(), "directory", id="folder"),
    ],
)
def test_what_is_no_store_is_refused_and_stays(path, make, what):
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreInputError, match=what) as error:
        CloudServer(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert (path.read_bytes() if path.is_file() else None) == before
    assert files_below(path.parent) == ([path.name] if path.is_file() else [])


# Making one


def test_create_refuses_an_existing_file_and_leaves_it(path):
    path.write_text("mine")
    with pytest.raises(StoreInputError, match="exists already"):
        Database.create(path, b"policy", b"root", None)
    assert path.read_text() == "mine"
    assert files_below(path.parent) == [path.name]


@pytest.mark.parametrize("parent", ["missing", "file"])
def test_create_needs_the_folder(tmp_path, parent):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreInputError, match=f"make the folder {tmp_path / parent} first"):
        Database.create(tmp_path / parent / "store.sqlite", b"policy", b"root", None)
    assert files_below(tmp_path) == ["file"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OSError("the disk went away")])
def test_a_failed_create_leaves_nothing(path, monkeypatch, error):
    def fail(*_):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", fail)
        with pytest.raises((type(error) if isinstance(error, Exception) else error, StoreError)):
            create(path)
    assert files_below(path.parent) == []
    create(path).close()


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def create_and_die_at(name, path):
    setattr(*{"rename": (Path, "replace"), "sync": (os, "fsync")}[name], die)
    create(path)


@pytest.mark.parametrize("step", ["sync", "rename"])
def test_a_killed_create_leaves_no_half_store(path, step):
    process = get_context("fork").Process(target=create_and_die_at, args=(step, path))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not path.exists()
    (left,) = files_below(path.parent)
    # In a container the next process may well have the same number.
    (path.parent / left).rename(path.with_name(f".{path.name}.{os.getpid()}.part"))
    with create(path) as server:
        assert len(server) == 0
    assert files_below(path.parent) == [path.name]


def test_a_log_without_its_file_does_not_get_into_a_new_store(path):
    with create(path) as server:
        put(server, records(5))
        log = path.with_name("store.sqlite-wal").read_bytes()
    path.unlink()
    path.with_name("store.sqlite-wal").write_bytes(log)
    with create(path) as server:
        assert len(server) == 0
        assert server.picture_ids == []


def test_a_new_store_is_on_the_disk_with_its_name(tmp_path, monkeypatch):
    synced = []

    def record(descriptor):
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        synced.append((kind, (tmp_path / "store.sqlite").exists()))

    monkeypatch.setattr(os, "fsync", record)
    create(tmp_path / "store.sqlite").close()
    assert synced == [("file", False), ("folder", True)]


# Journals


def pragmas(database):
    return [
        database.one(f"PRAGMA {name}")[0]
        for name in ("journal_mode", "synchronous", "wal_autocheckpoint")
    ]


def test_on_a_local_disk_the_log_is_synced_with_every_commit(database):
    full = 2
    assert pragmas(database) == ["wal", full, 1]


def test_on_a_network_the_journal_is_undone_only_when_the_folder_is_synced(network, database):
    extra = 3
    assert pragmas(database)[:2] == ["delete", extra]
    assert files_below(database.path.parent) == ["store.sqlite"]


def test_without_shared_memory_the_store_is_not_opened(path, monkeypatch):
    Database.create(path, b"policy", b"root", None)
    connect = sqlite3.connect
    monkeypatch.setattr(
        database_module.sqlite3,
        "connect",
        lambda url, **options: connect(f"{url}&vfs=unix-dotfile", **options),
    )
    with pytest.raises(StoreError, match=r"store\.sqlite: the file system has no WAL journal"):
        Database(path)


def test_a_store_that_moves_between_disks_and_networks_keeps_everything(path, monkeypatch):
    stored = records(12)
    create(path).close()
    for number, network in enumerate([True, False, True, False]):
        monkeypatch.setattr(database_module, "is_network", lambda path, is_so=network: is_so)
        with CloudServer(path) as server:
            put(server, stored[3 * number : 3 * number + 3])
            assert pragmas(server._database)[0] == ("delete" if network else "wal")
        assert files_below(path.parent) == [path.name]
    with CloudServer(path) as server:
        assert held(server)[1] == by_id(stored)


@pytest.mark.parametrize("on_network", [False, True])
def test_what_a_killed_writer_left_in_the_journal_is_settled(tmp_path, on_network, monkeypatch):
    """Files as they lie at a kill: after one commit, and in the middle of the next."""
    monkeypatch.setattr(database_module, "is_network", lambda path: on_network)
    stored, path = records(20, size=3000), tmp_path / "store.sqlite"
    copies = [tmp_path / "committed", tmp_path / "in the middle"]
    with create(path) as server:
        put(server, stored[:10])
        server._database.execute("PRAGMA cache_spill = 1")  # SQLite writes before the commit
        server._database.execute("PRAGMA cache_size = 1")

        def copy(name):
            copies[name].mkdir()
            for file in tmp_path.glob("store.sqlite*"):
                shutil.copy(file, copies[name])

        def at_the_end(sql):
            if sql.startswith("UPDATE store"):
                copy(1)

        copy(0)
        server._database._connection.set_trace_callback(at_the_end)
        put(server, stored[10:])
        server._database._connection.set_trace_callback(None)
    assert len(files_below(copies[1])) == (2 if on_network else 3)
    for folder in copies:
        with CloudServer(folder / "store.sqlite") as server:
            assert held(server)[1] == by_id(stored[:10])
            assert list(server.damage()) == []
        assert files_below(folder) == ["store.sqlite"]


# Transactions


def test_a_transaction_is_kept_whole_or_not_at_all(database):
    def change_and_fail():
        with database.writing():
            database.execute("UPDATE store SET root = x'01'")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        change_and_fail()
    assert database.one("SELECT root FROM store") == (b"root",)
    with database.writing():
        database.execute("UPDATE store SET root = x'02'")
    with closing(Database(database.path)) as other:
        assert other.one("SELECT root FROM store") == (b"\x02",)


def test_a_snapshot_stays_what_it_was(database):
    with closing(Database(database.path)) as other, database.snapshot():
        assert database.all("SELECT root FROM store") == [(b"root",)]
        with other.writing():
            other.execute("UPDATE store SET root = x'01'")
        assert database.one("SELECT root FROM store") == (b"root",)
    assert database.one("SELECT root FROM store") == (b"\x01",)


def test_a_second_writer_waits_then_says_so(database, monkeypatch):
    monkeypatch.setattr(database_module, "_PATIENCE", 0.01)
    with closing(Database(database.path)) as other, database.writing():
        with pytest.raises(StoreError, match="another program writes to it; try again"):
            other.writing().__enter__()
        assert other.one("SELECT root FROM store") == (b"root",)  # readers do not wait


def test_errors_are_one_line_that_names_the_file(database):
    for use in (
        lambda: database.execute("SELECT nonsense"),
        lambda: database.all("SELECT * FROM missing"),
        lambda: database.one("INSERT INTO store VALUES (NULL, NULL, NULL)"),
    ):
        with pytest.raises(StoreError) as error:
            use()
        assert str(error.value).startswith(f"{database.path}: ")
        assert "\n" not in str(error.value)


def test_after_close_nothing_works_and_closing_again_does_nothing(database):
    database.close()
    database.close()
    for use in (database.writing, database.snapshot):
        with pytest.raises(StoreError, match="closed"), use():
            pass
