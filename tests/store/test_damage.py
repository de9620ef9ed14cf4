"""Stores that a disk has damaged, cut short or had no room for: named, and never wrong bytes."""

import random
import sqlite3
from contextlib import closing

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
    root_after,
    sealed_anew,
)

from dlheir.store import CloudServer, StoreError
from dlheir.store.merkle import root_from_proof

PAGE = 4096
ZEROS = np.zeros((1, 12), np.uint8)
# Several to a page, one to a page, and over several pages.
STORED = [
    *records(20, seed=1, size=300),
    *records(10, seed=2, size=3000),
    *records(10, seed=3, size=9000),
]


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    path = tmp_path_factory.mktemp("intact") / "store.sqlite"
    with create(path) as server:
        put(server, STORED)
        server.put_grant(bytes(32), 1, b"grant")
    return path.read_bytes()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.sqlite"


def overwritten(content, page, replacement):
    return content[: page * PAGE] + replacement + content[(page + 1) * PAGE :]


def damaged_pages(content, page, draw):
    """What a page may become: erased, another one, or with some of its bits or bytes changed."""
    old = content[page * PAGE : (page + 1) * PAGE]
    yield bytes(PAGE)
    yield b"\xff" * PAGE
    yield draw.randbytes(PAGE)
    other = draw.randrange(len(content) // PAGE)
    yield content[other * PAGE : (other + 1) * PAGE]
    for length in (1, 1, 1, 8, 64):
        start = draw.choice([draw.randrange(120), draw.randrange(PAGE - length)])
        yield old[:start] + draw.randbytes(length) + old[start + length :]


def attempt(work):
    """Return what the work does, or the error in one line that it may raise."""
    result = None
    try:
        result = work()
    except StoreError as error:
        result = error
    if isinstance(result, StoreError):
        assert "store.sqlite: " in str(result)
        assert "\n" not in str(result)
    return result


def test_whatever_page_is_damaged_only_right_pictures_or_clear_errors_come(intact, path):
    draw = random.Random(0)
    stored = {record.picture_id: record for record in STORED}
    cases = noticed = 0
    for page in range(len(intact) // PAGE):
        for replacement in damaged_pages(intact, page, draw):
            content = overwritten(intact, page, replacement)
            if content == intact:
                continue
            path.write_bytes(content)
            cases += 1
            server = attempt(lambda: CloudServer(path))
            if isinstance(server, StoreError):
                noticed += 1
                continue
            with server:
                faults = attempt(lambda: list(server.damage()))  # noqa: B023
                right = {
                    picture_id
                    for picture_id, record in stored.items()
                    if comes_right(server, picture_id, record)
                }
                for work in (
                    lambda: server.search({1: ZEROS}, 5),  # noqa: B023
                    server.leaves,
                    lambda: server.prove(ids_of(STORED[:3])),  # noqa: B023
                    lambda: server.grants(bytes(32)),  # noqa: B023
                    lambda: server.key_versions,  # noqa: B023
                    lambda: server.picture_ids,  # noqa: B023
                ):
                    attempt(work)
            assert faults or len(right) == len(stored), (page, replacement.hex())
            noticed += bool(faults)
    assert cases > 300
    assert noticed > 250  # the others changed bytes that hold nothing
    print(f"{cases} damaged pages: {noticed} noticed, the others without effect")


def comes_right(server, picture_id, record):
    """Whether the picture is handed out with a proof; if so, it is the one that was stored."""
    answer = attempt(lambda: next(server.get([picture_id])))
    if isinstance(answer, StoreError):
        return False
    served, proof, root = answer
    assert served.envelope == record.envelope
    if root_from_proof(picture_id, served.leaf.hash, proof) != root.root:
        return False  # as its user finds out
    return served == record


def pages_with_pictures(content):
    """Numbers of the pages that hold envelopes or parts of them."""
    parts = [r.envelope[i : i + 24] for r in STORED for i in range(0, len(r.envelope) - 24, 24)]
    inner = b"\x02\x05"  # pages of SQLite's trees that only lead to others
    for number in range(len(content) // PAGE):
        page = content[number * PAGE : (number + 1) * PAGE]
        if page[0] not in inner and any(part in page for part in parts):
            yield number


def test_pictures_on_a_damaged_page_are_named_and_the_others_stay_readable(intact, path):
    pages, hit = list(pages_with_pictures(intact)), set()
    assert len(pages) > 0.7 * len(intact) / PAGE
    for page in pages:
        path.write_bytes(overwritten(intact, page, bytes(PAGE)))
        with CloudServer(path) as server:
            faults = " ".join(server.damage())
            named = {i for i in ids_of(STORED) if i.hex() in faults}
            unreadable = {r.picture_id for r in STORED if not comes_right(server, r.picture_id, r)}
            assert named == unreadable
            assert 1 <= len(named) <= PAGE / 300  # no more than were on the page
            assert server.search({1: ZEROS}, 100).ids.shape == (1, len(STORED))
            hit |= named
    assert hit == set(ids_of(STORED))


@pytest.fixture
def victim(intact, path):
    """A picture, the first that was stored of those over several pages, damaged in the file."""
    record = STORED[30]
    where = intact.find(record.envelope[5000:5020])
    path.write_bytes(intact[:where] + bytes(20) + intact[where + 20 :])
    return record


def test_a_damaged_picture_is_named_after_those_before_it_were_handed_out(victim, path):
    wanted = [*STORED[:5], victim, *STORED[5:10]]
    with CloudServer(path) as server:
        answers = server.get(ids_of(wanted))
        assert [next(answers).record for _ in range(5)] == STORED[:5]
        with pytest.raises(StoreError, match=f"picture {victim.picture_id.hex()}"):
            next(answers)


def test_a_damaged_picture_can_be_removed_and_added_again(victim, path):
    with CloudServer(path) as server:
        assert len(list(server.damage())) == 1
        remove(server, [victim.picture_id])
        put(server, [victim])
        assert list(server.damage()) == []
        assert held(server)[1] == by_id(STORED)


def rewrite(path, content, change):
    """Write a store, changed as no store would."""
    path.write_bytes(content)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = 1")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL', '')")
        connection.commit()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(change)
        connection.commit()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("DELETE FROM store", "its policy is damaged; bring back a copy"),
        ("UPDATE store SET policy = NULL", "its policy is damaged"),
        ("UPDATE store SET policy = 'text'", "its policy is damaged"),
        ("UPDATE store SET root = NULL", "its root is damaged"),
        ("UPDATE store SET root = x'00'", "its root is damaged"),
        ("UPDATE pictures SET code = NULL", "its table of codes is damaged; bring back a copy"),
        ("UPDATE pictures SET code = x'00'", "its table of codes is damaged"),
        ("UPDATE pictures SET mac = 'text'", "its table of codes is damaged"),
        ("UPDATE pictures SET key_version = NULL", "its table of codes is damaged"),
        ("UPDATE pictures SET key_version = -1", "its table of codes is damaged"),
        ("UPDATE pictures SET key_version = 1 << 32", "its table of codes is damaged"),
    ],
)
def test_rows_that_no_store_writes_are_refused(intact, path, change, what):
    rewrite(path, intact, change)

    def ask():
        with CloudServer(path) as server:
            assert what in " ".join(server.damage())
            server.search({1: ZEROS}, 1)

    with pytest.raises(StoreError, match=rf"store\.sqlite: {what}"):
        ask()


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM envelopes",
        "UPDATE envelopes SET envelope = NULL",
        "UPDATE envelopes SET envelope = 1",
        "UPDATE envelopes SET envelope = 'text'",
        "UPDATE envelopes SET envelope = x'00'",
    ],
)
def test_every_picture_that_is_gone_is_named(intact, path, change):
    rewrite(path, intact, change)
    with CloudServer(path) as server:
        for fault, picture_id in zip(server.damage(), sorted(ids_of(STORED)), strict=True):
            assert fault.startswith(f"{path}: picture {picture_id.hex()} is damaged")


def test_pictures_whose_rows_are_damaged_are_named(intact, path):
    damaged = sorted(ids_of(STORED))[3:5]
    path.write_bytes(intact)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE pictures SET mac = x'00' WHERE picture_id = ?", damaged[:1])
        connection.execute("DELETE FROM pictures WHERE picture_id = ?", damaged[1:])
    with CloudServer(path) as server:
        _, *lines = server.damage()
    assert sorted(line.split()[1] for line in lines) == [f"{i.hex()}:" for i in damaged]


@pytest.mark.parametrize(
    "change", ["UPDATE pictures SET code = x'ff0f0000'", "DELETE FROM pictures WHERE mac < x'80'"]
)
def test_a_table_that_the_root_does_not_stand_for_is_reported(intact, path, change):
    rewrite(path, intact, change)
    with CloudServer(path) as server:
        (fault,) = server.damage()
    assert fault == f"{path}: codes and hashes do not agree with the signed root"


@pytest.mark.parametrize("change", ["missing", "cut short", "changed"])
def test_a_damaged_file_outside_is_named_with_its_picture(tmp_path, path, change):
    folder = tmp_path / "blobs"
    folder.mkdir()
    stored = records(10)
    with create(path, blobs="blobs") as server:
        put(server, stored)
        victim = stored[4]
        file = folder / next(
            name for name in files_below(folder) if name.endswith(victim.leaf.envelope_hash.hex())
        )
        if change == "missing":
            file.unlink()
        else:
            file.write_bytes(b"" if change == "cut short" else bytes(50))
        (fault,) = server.damage()
        assert fault.startswith(f"picture {victim.picture_id.hex()}: {file}: ")
        for record in stored:
            if record != victim:
                assert next(server.get([record.picture_id])).record == record
        with pytest.raises(StoreError, match=victim.picture_id.hex()):
            next(server.get([victim.picture_id]))


def test_a_store_cut_short_anywhere_hands_out_no_wrong_bytes(intact, path):
    lengths = [*range(0, len(intact), PAGE), 50, 99, 100, 1000, len(intact) - 1]
    for length in lengths:
        path.write_bytes(intact[:length])
        server = attempt(lambda: CloudServer(path))
        if isinstance(server, StoreError):
            continue
        with server:
            assert attempt(lambda: list(server.damage()))  # noqa: B023
            for record in STORED:
                comes_right(server, record.picture_id, record)


# A disk without room


@pytest.mark.parametrize("outside", [False, True])
@pytest.mark.parametrize("write", ["put", "replace"])
def test_on_a_full_disk_what_was_stored_stays_and_the_store_goes_on(disk, outside, write):
    folder = disk("size=2m")
    (folder / "blobs").mkdir()
    stored = records(20, size=1000)
    filler = folder / "filler"
    filler.write_bytes(bytes(1_500_000))
    with create(folder / "store.sqlite", blobs="blobs" if outside else None) as server:
        put(server, stored)
        before = held(server)
        if write == "put":
            new = records(20, seed=1, size=50_000)
            afterwards, attempt_it = by_id(stored + new), lambda: put(server, new)
        else:
            new = sealed_anew(stored, size=50_000)
            afterwards, attempt_it = by_id(new), lambda: replace(server, new)
        for _ in range(2):
            with pytest.raises(StoreError, match=r"full|No space left") as error:
                attempt_it()
            assert str(folder) in str(error.value)
            assert held(server) == before
            assert list(server.damage()) == []
            assert server.sweep() == 0
        put(server, records(1, seed=2))  # what fits is still taken
        remove(server, ids_of(records(1, seed=2)))
    if not outside:
        assert files_below(folder) == ["filler", "store.sqlite"]
    filler.write_bytes(b"")
    if not outside:  # the log and the file, each with all of it
        new = new[:8]
        afterwards = by_id(stored + new if write == "put" else new + stored[8:])
    with CloudServer(folder / "store.sqlite") as server:
        assert held(server)[1] == before[1]
        root = root_after(server, put=new)
        (server.put if write == "put" else server.replace)(new, root)
        assert held(server)[1] == afterwards
        assert list(server.damage()) == []
