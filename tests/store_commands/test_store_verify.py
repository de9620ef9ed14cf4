"""`dlheir store verify` names each fault, and its exit code says that there is one."""

import shutil
import sqlite3
from contextlib import closing

import pytest
from desk import damage


@pytest.fixture
def full(desk):
    desk.fill("--blobs", "photos.store/pictures")
    return desk


def verify(desk, *arguments, faults):
    finished = desk.run("verify", desk.store, *arguments, code=1 if faults else 0)
    if faults:
        number = "1 fault" if faults == 1 else f"{faults} faults"
        assert finished.err.endswith(f"{number}, listed above\n")
        assert len(finished.out.splitlines()) == faults
    return finished.out


def change(desk, sql, *values):
    with closing(sqlite3.connect(desk.store / "store.sqlite")) as database:
        assert database.execute(sql, values).rowcount
        database.commit()


def first_id(desk):
    with desk.server() as server:
        return server.picture_ids[0]


def test_every_damaged_picture_has_its_line(desk):
    desk.fill()
    ids = [desk.open(desk.keys).picture_id(f"fish_banded/{n}.png") for n in (2, 4, 6)]
    for picture_id in ids:
        damage(desk.store / "store.sqlite", picture_id)
    for keys in ([], ["--keys", desk.keys]):
        lines = verify(desk, *keys, faults=3)
        for picture_id in ids:
            assert f"picture {picture_id.hex()} is damaged" in lines


def test_changed_code(full):
    """A server without keys sees that the table is wrong; the keys tell which picture it is."""
    picture_id = first_id(full)
    change(
        full, "UPDATE pictures SET code = zeroblob(length(code)) WHERE picture_id = ?", picture_id
    )
    assert "do not agree with the signed root" in verify(full, faults=1)
    lines = verify(full, "--keys", full.keys, faults=3)
    assert "not the one that the owner signed for" in lines
    named = f"picture {picture_id.hex()}: code and sealed picture do not belong together"
    assert named in lines


def test_picture_left_out(full):
    change(full, "DELETE FROM pictures WHERE picture_id = ?", first_id(full))
    assert "do not agree with the signed root" in verify(full, faults=1)
    assert "not the one that the owner signed for" in verify(full, "--keys", full.keys, faults=2)


def test_missing_blob(full):
    blob = next((full.store / "pictures").glob("*/*"))
    blob.unlink()
    for keys in ([], ["--keys", full.keys]):
        assert blob.name in verify(full, *keys, faults=1)


def test_root_that_the_owner_did_not_sign(full):
    """Without keys nobody can tell a signature; with keys one bit is enough."""
    with full.server() as server:
        encoded = bytearray(server.root.encode())
    encoded[-1] ^= 1
    change(full, "UPDATE store SET root = ?", bytes(encoded))
    verify(full, faults=0)
    assert "signature is not the owner's" in verify(full, "--keys", full.keys, faults=1)


def test_key_version_that_nobody_has(full):
    change(full, "UPDATE pictures SET key_version = 9 WHERE picture_id = ?", first_id(full))
    lines = verify(full, "--keys", full.keys, faults=3)
    assert f"picture {first_id(full).hex()}: is under key version 9, which these keys lack" in lines


def test_old_copy(full):
    shutil.copytree(full.store, full.home / "old")
    full.run("remove", full.store, "fish_banded/3.png", "--keys", full.keys)
    shutil.rmtree(full.store)
    (full.home / "old").rename(full.store)
    verify(full, faults=0)
    assert "shows commit 1 although 2 was seen" in verify(full, "--keys", full.keys, faults=1)


@pytest.mark.parametrize("table", ["pictures", "envelopes"])
def test_corrupted_page(desk, table):
    desk.fill()
    store = desk.store / "store.sqlite"
    with closing(sqlite3.connect(store)) as database:
        (page,) = database.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)
        ).fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    content = bytearray(store.read_bytes())
    content[(page - 1) * size : page * size] = bytes(size)
    store.write_bytes(content)
    for keys in ([], ["--keys", desk.keys]):
        finished = desk.run("verify", desk.store, *keys, code=1)
        assert finished.out.count(str(store)) >= 1
        assert "listed above" in finished.err
