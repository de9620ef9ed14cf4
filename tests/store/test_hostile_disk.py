"""Disks that are read-only, somebody else's or full: clear errors, nothing lost."""

import os
import subprocess
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
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
    remove,
)

import dlheir.store.database as database_module
from dlheir.store import CloudServer, StoreError, StoreInputError

NOBODY = 65534
ZEROS = np.zeros((1, 12), np.uint8)


def remount_read_only(folder):
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)


@pytest.mark.parametrize("on_network", [False, True])
def test_a_read_only_disk_is_searched_and_not_written(disk, on_network, monkeypatch):
    monkeypatch.setattr(database_module, "is_network", lambda path: on_network)
    folder, stored = disk("size=1m"), records(20)
    with create(folder / "store.sqlite") as server:
        put(server, stored)
    remount_read_only(folder)
    with CloudServer(folder / "store.sqlite") as server:
        assert held(server)[1] == by_id(stored)
        assert server.search({1: ZEROS}, 100).ids.shape == (1, 20)
        assert list(server.damage()) == []
        for write in (
            lambda: put(server, records(1, seed=1)),
            lambda: remove(server, server.picture_ids[:1]),
            lambda: server.put_grant(bytes(32), 1, b"grant"),
        ):
            with pytest.raises(StoreError, match="make file and folder writable"):
                write()
    with pytest.raises(StoreInputError, match=r"cannot be created .*Read-only"):
        create(folder / "another.sqlite")
    assert files_below(folder) == ["store.sqlite"]


@pytest.mark.parametrize("log", ["store.sqlite-wal", "store.sqlite-journal"])
def test_a_log_that_cannot_be_played_back_is_not_ignored(disk, log):
    """The file alone would be an older state, or half of one."""
    folder = disk("size=1m")
    create(folder / "store.sqlite").close()
    (folder / log).write_bytes(b"something")
    remount_read_only(folder)
    with pytest.raises(StoreInputError, match=f"was not closed, .* copy it with {log}"):
        CloudServer(folder / "store.sqlite")


def become_nobody():
    if os.geteuid() == 0:  # whom no mode of a file stops
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def search(path):
    with CloudServer(path) as server:
        return server.search({1: ZEROS}, 100).ids.shape


def put_another(path):
    with CloudServer(path) as server:
        put(server, records(1, seed=1))


def make_another(path):
    create(path.with_name("another.sqlite")).close()


@pytest.fixture
def somebody_elses():
    """A store in a folder that others may look into, and a process of another's."""
    with (
        tempfile.TemporaryDirectory() as folder,  # pytest's own are closed to others
        ProcessPoolExecutor(1, get_context("fork"), initializer=become_nobody) as pool,
    ):
        path = Path(folder) / "store.sqlite"
        with create(path) as server:
            put(server, records(20))
        yield path, lambda work: pool.submit(work, path).result()
        path.parent.chmod(0o700)


def test_in_a_folder_that_cannot_be_written_there_is_a_clear_error(somebody_elses):
    path, as_nobody = somebody_elses
    path.chmod(0o444)
    path.parent.chmod(0o555)
    for work in (search, put_another, make_another):
        with pytest.raises(StoreError, match=r"sqlite: .*; .*make .*folder writable") as error:
            as_nobody(work)
        assert "\n" not in str(error.value)
    assert files_below(path.parent) == ["store.sqlite"]


def test_a_file_that_cannot_be_written_is_searched(somebody_elses):
    path, as_nobody = somebody_elses
    path.chmod(0o444)
    path.parent.chmod(0o777)
    assert as_nobody(search) == (1, 20)
    with pytest.raises(StoreError, match="make file and folder writable"):
        as_nobody(put_another)


def test_a_file_that_cannot_be_read_says_so(somebody_elses):
    path, as_nobody = somebody_elses
    path.chmod(0)
    path.parent.chmod(0o755)
    with pytest.raises(StoreInputError, match="Permission denied"):
        as_nobody(search)


# A disk without room


def fill_up(folder):
    with suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return folder / "filler"


def test_a_disk_too_full_for_a_new_store_leaves_no_file(disk):
    folder = disk("size=1m")
    fill_up(folder)
    with pytest.raises(StoreError, match=r"store\.sqlite: cannot be created: .*full; make room"):
        create(folder / "store.sqlite")
    assert files_below(folder) == ["filler"]


def test_a_disk_too_full_to_open_a_store_says_so(disk):
    folder = disk("size=1m")
    with create(folder / "store.sqlite") as server:
        put(server, records(20))
    filler = fill_up(folder)
    with pytest.raises(StoreError, match="the disk is full; make room"):
        CloudServer(folder / "store.sqlite")
    filler.unlink()
    with CloudServer(folder / "store.sqlite") as server:
        assert len(held(server)[1]) == 20


def test_a_commit_that_filled_the_disk_gives_the_room_back(disk):
    folder = disk("size=1m")
    with create(folder / "store.sqlite") as server:
        put(server, records(20, size=1000))
        with pytest.raises(StoreError, match="full; make room and run the same again"):
            put(server, records(100, seed=1, size=50_000))
        assert sum(file.stat().st_size for file in folder.iterdir()) < 200_000
    assert files_below(folder) == ["store.sqlite"]
