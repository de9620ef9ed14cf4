"""Sealed pictures outside of the database: they come and go with their rows."""

import numpy as np
import pytest
from unsigned_store import (
    by_id,
    create,
    files_below,
    held,
    ids_of,
    put,
    records,
    remove,
    replace,
    sealed_anew,
)

from dlheir.store import (
    CloudServer,
    StoreError,
)
from dlheir.store.blobs import blob_name

ZEROS = np.zeros((1, 12), np.uint8)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.sqlite"


def test_sealed_pictures_outside_are_files_that_come_and_go_with_their_rows(path):
    folder = path.parent / "blobs"
    folder.mkdir()

    def expected(some):
        names = [blob_name(record.envelope) for record in some]
        return sorted(f"{name[:2]}/{name}" for name in names)

    stored = records(10)
    with create(path, blobs="blobs") as server:
        put(server, stored)
        assert files_below(folder) == expected(stored)
        anew = sealed_anew(stored[:4])
        replace(server, anew)
        assert files_below(folder) == expected(anew + stored[4:])
        remove(server, ids_of(stored[5:]))
        assert files_below(folder) == expected(anew + stored[4:5])
        assert server.sweep() == 0
    assert path.stat().st_size < 100_000


def test_the_folder_of_sealed_pictures_moves_with_the_store(tmp_path):
    before, after = tmp_path / "before", tmp_path / "after"
    (before / "blobs").mkdir(parents=True)
    stored = records(3)
    with create(before / "store.sqlite", blobs="blobs") as server:
        put(server, stored)
    before.rename(after)
    with CloudServer(after / "store.sqlite") as server:
        assert held(server)[1] == by_id(stored)


def test_sweep_removes_what_a_killed_writer_left_and_nothing_else(path):
    folder = path.parent / "blobs"
    folder.mkdir()
    stored = records(10)
    with create(path, blobs="blobs") as server:
        put(server, stored)
        kept = files_below(folder)
        orphan = b"sealed, but its row was never committed"
        server._blobs.put(blob_name(orphan), orphan)
        (folder / kept[0][:2] / f".{'0' * 64}.123.part").write_bytes(b"half of one")
        assert server.sweep() == 1
        assert files_below(folder) == kept
        assert held(server)[1] == by_id(stored)


def test_sweep_has_nothing_to_do_in_the_file_itself(path):
    with create(path) as server:
        put(server, records(10))
        assert server.sweep() == 0
        assert len(held(server)[1]) == 10


def test_what_cannot_be_removed_after_a_commit_is_left_to_sweep(path, monkeypatch):
    (path.parent / "blobs").mkdir()
    stored = records(6)
    with create(path, blobs="blobs") as server:
        put(server, stored)

        def refuse(name):
            raise StoreError("the disk was mounted read-only just now")

        with monkeypatch.context() as patched:
            patched.setattr(server._blobs, "remove", refuse)
            anew = sealed_anew(stored[:2])
            replace(server, anew)  # was committed, so it is done
            remove(server, ids_of(stored[5:]))
        assert held(server)[1] == by_id(anew + stored[2:5])
        assert server.sweep() == 3
        assert list(server.damage()) == []


def test_a_picture_that_is_sealed_anew_meanwhile_is_served_as_it_is_now(path, monkeypatch):
    """The row was read, then its blob outside went: no error, but the new row and the new blob."""
    (path.parent / "blobs").mkdir()
    stored = records(5)
    anew = sealed_anew(stored)
    with create(path, blobs="blobs") as server, CloudServer(path) as other:
        put(server, stored)
        read = server._blobs.get

        def overtaken(name):
            if other.root.sequence == 1:
                replace(other, anew)
            return read(name)

        monkeypatch.setattr(server._blobs, "get", overtaken)
        served = list(server.get(ids_of(stored)))
        assert [answer.record for answer in served] == anew
        assert {answer.root for answer in served} == {other.root}
