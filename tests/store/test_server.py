"""The cloud server: order of answers, atomic uploads, what is refused, what stays on the disk."""

import os
import secrets
import sqlite3
import subprocess
import sys

import numpy as np
import pytest

import dlheir.store.server as server_module
from dlheir.errors import InputError
from dlheir.retrieval import pack
from dlheir.store import CloudServer, Record, StoreError, StoreInputError


def random_codes(seed, rows, bits):
    return np.random.default_rng(seed).integers(0, 2, (rows, bits), dtype=np.uint8)


def records_of(codes, size=50):
    return [
        Record(secrets.token_bytes(16), packed.tobytes(), os.urandom(size))
        for packed in pack(codes)
    ]


def names_in(folder):
    return [path.name for path in folder.iterdir()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.sqlite"


@pytest.fixture
def server(path):
    with CloudServer.create(path, 12) as server:
        yield server


@pytest.mark.parametrize("bits", [3, 12, 48, 100])
@pytest.mark.parametrize("k", [1, 10, 150, 1000])
def test_answers_come_by_distance_then_id(path, bits, k):
    codes, queries = random_codes(1, 150, bits), random_codes(2, 9, bits)
    records = records_of(codes)
    with CloudServer.create(path, bits) as server:
        server.put(records[:70])
        server.put(records[70:])
        ids, distances = server.search(queries, k)
    ranked = [
        sorted(
            (int((query != code).sum()), record.picture_id)
            for code, record in zip(codes, records, strict=True)
        )[:k]
        for query in queries
    ]
    assert ids.tolist() == [[picture_id for _, picture_id in row] for row in ranked]
    assert distances.tolist() == [[distance for distance, _ in row] for row in ranked]


def test_ids_that_end_in_zero_bytes_stay_whole(server):
    picture_id = b"\x01" + bytes(15)
    server.put([Record(picture_id, pack(random_codes(0, 1, 12))[0].tobytes(), b"e")])
    ids, _ = server.search(random_codes(0, 1, 12), 1)
    assert ids.tolist() == [[picture_id]]


def test_picture_ids_stand_in_ranking_order(server):
    records = records_of(np.zeros((40, 12), np.uint8))
    server.put(records)
    assert server.picture_ids == sorted(record.picture_id for record in records)
    assert server.search(np.zeros((1, 12), int), 40)[0][0].tolist() == server.picture_ids


def test_get_returns_envelopes_in_the_order_asked_for(server):
    records = records_of(random_codes(0, 3000, 12), size=3)  # beyond SQLite's old limit of 999
    server.put(records)
    wanted = records[::-1] + records[:5]  # repeats are fine
    envelopes = server.get(record.picture_id for record in wanted)
    assert list(envelopes) == [record.envelope for record in wanted]


def test_an_unknown_id_is_named(server):
    records = records_of(random_codes(0, 1, 12))
    server.put(records)
    answers = server.get([records[0].picture_id, b"\xab" * 16])
    assert next(answers) == records[0].envelope
    with pytest.raises(StoreInputError, match="ab" * 16):
        next(answers)


def test_the_index_follows_every_upload(server):
    assert server.search(np.zeros((2, 12), int), 5)[0].shape == (2, 0)
    for round_ in range(1, 4):
        server.put(records_of(random_codes(round_, 10, 12)))
        assert len(server) == 10 * round_
        assert server.search(np.zeros((2, 12), int), 100)[0].shape == (2, 10 * round_)


def test_the_index_follows_uploads_through_another_connection(server, path):
    server.put(records_of(random_codes(0, 5, 12)))
    server.search(np.zeros((1, 12), int), 1)
    with CloudServer(path) as other:
        other.put(records_of(random_codes(1, 5, 12)))
    assert server.search(np.zeros((1, 12), int), 100)[0].shape == (1, 10)


def test_the_index_is_built_once_between_uploads(server, monkeypatch):
    built = []
    index = server_module.HammingIndex
    monkeypatch.setattr(
        server_module, "HammingIndex", lambda codes: built.append(1) or index(codes)
    )
    server.put(records_of(random_codes(0, 5, 12)))
    for _ in range(3):
        server.search(np.zeros((1, 12), int), 1)
    assert len(built) == 1


def test_a_store_reopened_gives_the_same_answers(path):
    queries, records = random_codes(1, 6, 48), records_of(random_codes(0, 100, 48))
    with CloudServer.create(path, 48) as server:
        server.put(records)
        before = [array.tolist() for array in server.search(queries, 20)]
    with CloudServer(path) as server:
        assert (server.bits, len(server)) == (48, 100)
        assert [array.tolist() for array in server.search(queries, 20)] == before
        assert list(server.get([records[7].picture_id])) == [records[7].envelope]


def test_after_close_the_folder_holds_the_one_file(path):
    with CloudServer.create(path, 12) as server:
        server.put(records_of(random_codes(0, 50, 12)))
        server.search(random_codes(1, 1, 12), 3)
        open_answers = server.get(server.picture_ids)
        next(open_answers)
    assert names_in(path.parent) == ["store.sqlite"]
    server.close()
    with pytest.raises(StoreError, match="closed"):
        next(open_answers)


def test_an_upload_whose_source_fails_leaves_nothing(server):
    server.put(records_of(random_codes(0, 5, 12)))
    before = server.picture_ids

    def source():
        yield from records_of(random_codes(1, 300, 12))
        raise RuntimeError("the camera fell")

    with pytest.raises(RuntimeError, match="camera"):
        server.put(source())
    assert server.picture_ids == before
    server.put(records_of(random_codes(2, 5, 12)))  # and the server goes on
    assert len(server) == 10


def test_an_upload_is_not_seen_before_it_is_complete(server, path):
    with CloudServer(path) as other:

        def source():
            yield from records_of(random_codes(0, 5, 12))
            assert len(other) == 0

        server.put(source())
        assert len(other) == 5


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (lambda first: first, "already"),
        (lambda first: first._replace(picture_id=b"short"), "5 bytes"),
        (lambda first: Record(bytes(16), bytes(8), b""), "12 bits"),  # a code of 48 bits
        (lambda first: Record(bytes(16), bytes([0, 1, 0, 0]), b""), "12 bits"),  # of 16 bits
    ],
)
def test_a_wrong_record_is_refused_with_its_whole_upload(server, wrong, what):
    first, *others = records_of(random_codes(0, 4, 12))
    server.put([first])
    with pytest.raises(StoreInputError, match=what):
        server.put([*others, wrong(first)])
    assert server.picture_ids == [first.picture_id]
    assert list(server.get([first.picture_id])) == [first.envelope]


def test_trapdoors_of_another_length_are_refused(server):
    with pytest.raises(StoreInputError, match="trapdoors of 24 bits, the store's have 12"):
        server.search(random_codes(0, 1, 24), 1)
    with pytest.raises(InputError, match="k: 0"):
        server.search(random_codes(0, 1, 12), 0)


def run_sql(path, sql):
    connection = sqlite3.connect(path)
    connection.execute(sql)
    connection.commit()
    connection.close()


def make_database_of_another_program(path):
    run_sql(path, "CREATE TABLE store (bits INTEGER)")
    run_sql(path, "PRAGMA user_version = 1")


def make_store_of_a_later_format(path):
    CloudServer.create(path, 12).close()
    run_sql(path, "PRAGMA user_version = 2")


@pytest.mark.parametrize(
    ("make", "what"),
    [
        pytest.param(lambda path: path.write_bytes(b""), "is no store", id="empty"),
        pytest.param(
            lambda path: path.write_bytes(np.random.default_rng(0).bytes(10_000)),
            "is no store",
            id="random bytes",
        ),
        pytest.param(lambda path: path.write_text("text\n" * 100), "is no store", id="text"),
        pytest.param(make_database_of_another_program, "is no store", id="another program's"),
        pytest.param(make_store_of_a_later_format, "another format", id="later format"),
        pytest.param(lambda path: None, "No such file", id="missing"),
        pytest.param(lambda path: path.mkdir(), "directory", id="folder"),
    ],
)
def test_what_is_no_store_is_refused(path, make, what):
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreInputError, match=what) as error:
        CloudServer(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_store_cut_short_is_a_clear_error(path):
    with CloudServer.create(path, 12) as server:
        server.put(records_of(random_codes(0, 500, 12), size=500))
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(StoreError, match="malformed") as error:
        CloudServer(path)
    assert str(path) in str(error.value)


def test_a_damaged_page_is_a_clear_error(path):
    with CloudServer.create(path, 12) as server:
        server.put(records_of(random_codes(0, 500, 12), size=500))
    damaged = bytearray(path.read_bytes())
    damaged[3 * 4096 :] = bytes(len(damaged) - 3 * 4096)
    path.write_bytes(damaged)
    with CloudServer(path) as server, pytest.raises(StoreError, match="malformed") as error:
        server.search(random_codes(0, 1, 12), 5)
    assert str(path) in str(error.value)


def test_create_refuses_an_existing_file_and_leaves_it(path):
    path.write_text("mine")
    with pytest.raises(StoreInputError, match="exists already"):
        CloudServer.create(path, 12)
    assert path.read_text() == "mine"


def test_create_refuses_what_cannot_be_a_store(path):
    with pytest.raises(StoreInputError, match="cannot be created"):
        CloudServer.create(path.parent / "missing" / "store.sqlite", 12)
    with pytest.raises(InputError, match="bits"):
        CloudServer.create(path, 0)
    assert not path.exists()


def test_a_path_with_marks_of_a_url_is_a_path(tmp_path):
    path = tmp_path / "50%20?mode=memory#x.sqlite"
    with CloudServer.create(path, 12) as server:
        server.put(records_of(random_codes(0, 2, 12)))
    assert names_in(tmp_path) == [path.name]
    with CloudServer(path) as server:
        assert len(server) == 2


def test_commits_are_synced(server):
    # 3 is EXTRA: FULL, and the folder too.
    assert server._connection.execute("PRAGMA synchronous").fetchone() == (3,)


@pytest.fixture
def small_disk(disk):
    return disk("size=1m")


def test_a_full_disk_is_a_clear_error_and_what_was_stored_stays(small_disk):
    path = small_disk / "store.sqlite"
    kept = records_of(random_codes(0, 20, 12), size=1000)
    with CloudServer.create(path, 12) as server:
        server.put(kept)
        with pytest.raises(StoreError, match="full") as error:
            server.put(records_of(random_codes(1, 100, 12), size=50_000))
        assert str(path) in str(error.value)
        assert len(server) == 20
    assert names_in(small_disk) == ["store.sqlite"]
    with CloudServer(path) as server:
        assert server.picture_ids == sorted(record.picture_id for record in kept)
        ids = [record.picture_id for record in kept]
        assert list(server.get(ids)) == [record.envelope for record in kept]
        server.put(records_of(random_codes(2, 5, 12)))
        assert server.search(random_codes(0, 1, 12), 100)[0].shape == (1, 25)


def test_a_disk_too_full_for_a_new_store_leaves_no_file(small_disk):
    with pytest.raises(OSError, match="space"):
        (small_disk / "filler").write_bytes(bytes(2**21))
    with pytest.raises(StoreError, match=r"store\.sqlite"):
        CloudServer.create(small_disk / "store.sqlite", 12)
    assert names_in(small_disk) == ["filler"]


def test_the_server_imports_no_cryptography_and_no_torch():
    script = (
        "import dlheir.store.server, sys; bad = ('Crypto', 'torch', 'lightning', "
        "'pytorch_lightning', 'dlheir.store.envelope', 'dlheir.store.keys'); "
        "assert not [m for m in sys.modules if m.startswith(bad)]"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
