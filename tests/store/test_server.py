"""The cloud server: what it finds, hands out, refuses and leaves in its folder."""

import numpy as np
import pytest
from unsigned_store import (
    by_id,
    create,
    files_below,
    held,
    ids_of,
    policy,
    put,
    random_codes,
    records,
    records_of,
    remove,
    replace,
    root_after,
    sealed_anew,
)

from dlheir.errors import InputError
from dlheir.store import (
    CloudServer,
    ConflictError,
    Record,
    SignedRoot,
    StoreError,
    StoreInputError,
    search_engine,
)
from dlheir.store.errors import StaleTrapdoorError
from dlheir.store.merkle import EMPTY_ROOT, MerkleTree, root_from_proof

ZEROS = np.zeros((1, 12), np.uint8)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.sqlite"


@pytest.fixture
def server(path):
    with create(path) as server:
        yield server


@pytest.fixture(params=["inside", "outside"])
def either(request, path):
    """A store with the sealed pictures in its file, and one with them in a folder."""
    (path.parent / "blobs").mkdir()
    with create(path, blobs=None if request.param == "inside" else "blobs") as server:
        yield server


# What it finds


@pytest.mark.parametrize("bits", [3, 12, 48, 100])
@pytest.mark.parametrize("k", [1, 10, 150, 1000])
def test_answers_come_by_distance_then_id_whatever_the_key_version(path, bits, k):
    codes = random_codes(1, 150, bits)
    trapdoors = {version: random_codes(version, 9, bits) for version in (2, 7)}
    stored = records_of(codes[:70], 1, 2) + records_of(codes[70:], 2, 7)
    with create(path, bits) as server:
        put(server, stored[40:])
        put(server, stored[:40])
        found = server.search(trapdoors, k)
        assert found.root == server.root
    for query in range(9):
        ranked = sorted(
            (int((trapdoors[record.key_version][query] != code).sum()), record.picture_id)
            for code, record in zip(codes, stored, strict=True)
        )[:k]
        assert found.ids[query].tolist() == [picture_id for _, picture_id in ranked]
        assert found.distances[query].tolist() == [distance for distance, _ in ranked]


def test_ids_that_end_in_zero_bytes_stay_whole(server):
    (record,) = records(1)
    record = record._replace(picture_id=b"\x01" + bytes(15))
    put(server, [record])
    assert server.search({1: ZEROS}, 1).ids.tolist() == [[record.picture_id]]


def test_picture_ids_stand_in_ranking_order(server):
    put(server, records_of(np.zeros((40, 12), np.uint8)))
    assert server.picture_ids == sorted(server.picture_ids)
    assert server.search({1: ZEROS}, 40).ids[0].tolist() == server.picture_ids


def test_the_index_follows_every_write_whoever_made_it(server, path):
    first, second = records(5, seed=1), records(4, seed=2)

    def found():
        return set(server.search({1: ZEROS, 2: ZEROS}, 100).ids[0])

    assert found() == set()
    with CloudServer(path) as other:
        for writer in (server, other):
            put(writer, first)
            assert found() == set(ids_of(first))
            put(writer, second)
            assert found() == set(ids_of(first + second))
            replace(writer, sealed_anew(first[:2]))
            assert found() == set(ids_of(first + second))
            assert server.key_versions == {1: 7, 2: 2}
            remove(writer, ids_of(first + second))
            assert found() == set()


def test_the_index_is_built_once_between_writes(server, monkeypatch):
    built = []
    build = search_engine.build_index
    monkeypatch.setattr(
        search_engine, "build_index", lambda *given: built.append(1) or build(*given)
    )
    put(server, records(5))
    for _ in range(3):
        server.search({1: ZEROS}, 1)
    server.put_grant(bytes(32), 1, b"grant")
    server.search({1: ZEROS}, 1)
    assert len(built) == 1


def test_an_empty_store_answers_with_nothing(server):
    found = server.search({1: random_codes(0, 3)}, 5)
    assert found.ids.shape == found.distances.shape == (3, 0)
    assert server.key_versions == {}
    assert server.leaves() == (server.root, [])


def test_a_trapdoor_is_needed_for_every_live_key_version(server):
    stored = records(6)
    put(server, stored)
    replace(server, sealed_anew(stored[:2]))
    with pytest.raises(StaleTrapdoorError, match="version 1"):
        server.search({2: ZEROS, 3: ZEROS}, 1)
    assert server.search({1: ZEROS, 2: ZEROS, 3: ZEROS}, 10).ids.shape == (1, 6)
    remove(server, ids_of(stored[2:]))
    assert server.search({2: ZEROS}, 10).ids.shape == (1, 2)


@pytest.mark.parametrize(
    ("trapdoors", "k", "what"),
    [
        ({1: random_codes(0, 1, 24)}, 1, "trapdoors of 24 bits, the store's have 12"),
        ({1: ZEROS, 2: random_codes(0, 1, 13)}, 1, "trapdoors of 13 bits"),
        ({1: ZEROS, 2: random_codes(0, 2)}, 1, "other numbers of trapdoors"),
        ({1: ZEROS + 2}, 1, "trapdoors"),
        ({1: ZEROS}, 0, "k: 0"),
    ],
)
def test_what_is_no_question_is_refused(server, trapdoors, k, what):
    for _ in ("an empty store", "a filled one"):
        with pytest.raises(InputError, match=what):
            server.search(trapdoors, k)
        put(server, records(3, seed=len(server)))


def test_sealed_codes_are_not_searched(path):
    with create(path, mode="client") as server:
        assert server.policy.stored_code_bytes == 16 + 4
        with pytest.raises(StoreInputError, match="codes are sealed"):
            server.search({1: ZEROS}, 1)


# What it hands out


def test_get_returns_records_in_the_order_asked_for(either):
    stored = records(100, size=5)
    put(either, stored)
    wanted = stored[::-1] + stored[:5]  # repeats are fine
    assert [served.record for served in either.get(ids_of(wanted))] == wanted


def test_every_picture_comes_with_a_proof_of_membership(server):
    stored = records(100)
    put(server, stored)
    replace(server, sealed_anew(stored[50:]))
    remove(server, ids_of(stored[:10]))
    served = list(server.get(server.picture_ids))
    proven = server.prove(server.picture_ids)
    assert len(served) == len(proven) == 90
    for (record, *proof_and_root), (leaf, *same) in zip(served, proven, strict=True):
        assert record.leaf == leaf
        assert proof_and_root == same
        proof, root = same
        assert root == server.root
        assert root_from_proof(leaf.picture_id, leaf.hash, proof) == root.root


def test_leaves_are_the_whole_table_under_its_root(server):
    stored = records(100)
    put(server, stored)
    root, leaves = server.leaves()
    assert root == server.root
    assert leaves == [record.leaf for record in by_id(stored)]
    assert MerkleTree(leaves).root == root.root
    assert len(server) == root.count == 100


def test_an_unknown_id_is_named_on_reaching_it(either):
    stored = records(50)
    put(either, stored)
    unknown = b"\xab" * 16
    answers = either.get([*ids_of(stored), unknown])
    assert [next(answers).record for _ in stored] == stored
    for refused in (
        lambda: next(answers),
        lambda: either.prove([unknown]),
        lambda: either.remove([unknown], either.root),
        lambda: either.replace([stored[0]._replace(picture_id=unknown)], either.root),
    ):
        with pytest.raises(StoreInputError, match=f"holds no picture {unknown.hex()}"):
            refused()


def test_a_store_reopened_is_the_same(either, path):
    queries, stored = random_codes(1, 6), records(100)
    put(either, stored)
    replace(either, sealed_anew(stored[:30]))
    before = held(either)
    found = either.search({1: queries, 2: queries}, 20)
    either.close()
    with CloudServer(path) as server:
        assert server.policy == policy()
        assert held(server) == before
        again = server.search({1: queries, 2: queries}, 20)
        assert again.ids.tolist() == found.ids.tolist()
        assert again.distances.tolist() == found.distances.tolist()
        assert list(server.damage()) == []


def test_an_intact_store_has_no_damage(either):
    put(either, records(40))
    checked = []
    assert list(either.damage(checked.append)) == []
    assert checked == [1] * 40


# What it refuses


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (lambda first, new: first, "holds picture [0-9a-f]{32} already"),
        (lambda first, new: new._replace(picture_id=first.picture_id), "already"),
        (lambda first, new: new._replace(picture_id=b"short"), "5, 4, 32.*12 bits in mode plain"),
        (lambda first, new: new._replace(mac=bytes(31)), "16, 4, 31"),
        (lambda first, new: new._replace(code=bytes(8)), "16, 8, 32"),
    ],
)
def test_a_wrong_record_is_refused_with_its_whole_batch(either, wrong, what):
    first, new, *others = records(5)
    put(either, [first])
    before, files = held(either), files_below(either.path.parent)
    bad = wrong(first, new)
    for position in range(len(others) + 1):
        batch = [*others[:position], bad, *others[position:]]
        # A root for what is refused; such a tree cannot even be made of a short id.
        root = root_after(either, put=others)
        with pytest.raises(StoreInputError, match=what) as error:
            either.put(batch, root)
        assert str(either.path) in str(error.value)
    assert held(either) == before
    assert files_below(either.path.parent) == files
    put(either, others)
    assert len(either) == 4


def test_the_same_picture_twice_in_a_batch_is_refused(either):
    first, second = records(2)
    with pytest.raises(StoreInputError, match="already"):
        put(either, [first, second, first])
    put(either, [first])
    with pytest.raises(StoreError):
        replace(either, sealed_anew([first]) + sealed_anew([first], seed=2))
    assert held(either)[1] == [first]
    assert list(either.damage()) == []


def test_replaced_by_itself_a_picture_stays(either):
    stored = records(3)
    put(either, stored)
    replace(either, stored)
    assert held(either)[1] == by_id(stored)


@pytest.mark.parametrize("sequence", [0, 1, 3])
def test_a_root_that_is_not_the_next_is_a_conflict(either, sequence):
    stored = records(2)
    put(either, stored[:1])
    before = held(either)
    right = root_after(either, put=stored)
    wrong = SignedRoot(right.store_id, sequence, right.count, right.root, right.signature)
    foreign = SignedRoot(bytes(16), right.sequence, right.count, right.root, right.signature)
    for root in (wrong, foreign):
        for write in (
            lambda root=root: either.put(stored[1:], root),
            lambda root=root: either.replace(sealed_anew(stored[:1]), root),
            lambda root=root: either.remove(ids_of(stored[:1]), root),
        ):
            with pytest.raises(ConflictError, match="has been written to"):
                write()
    assert held(either) == before
    assert either.sweep() == 0


# Grants


def test_grants_are_kept_by_user_oldest_key_version_first(server, path):
    ada, ben = b"a" * 32, b"b" * 32
    root = server.root
    server.put_grant(ada, 300, b"z")
    server.put_grant(ada, 2, b"y")
    server.put_grant(ben, 2, b"x")
    server.put_grant(ada, 300, b"w")  # in place of the first
    with CloudServer(path) as other:
        assert other.grants(ada) == [b"y", b"w"]
        assert other.grants(ben) == [b"x"]
        assert other.grants(bytes(32)) == []
        other.remove_grants(ada)
    assert server.grants(ada) == []
    assert server.grants(ben) == [b"x"]
    assert server.root == root


# Its folder


def test_after_close_the_folder_holds_the_one_file(path):
    with create(path) as server:
        put(server, records(50))
        server.search({1: ZEROS}, 3)
        open_answers = server.get(server.picture_ids)
        next(open_answers)
    assert files_below(path.parent) == ["store.sqlite"]
    server.close()
    with pytest.raises(StoreError, match="closed") as error:
        list(open_answers)
    assert str(path) in str(error.value)


def test_a_path_with_marks_of_a_url_is_a_path(tmp_path):
    path = tmp_path / "50%20?mode=memory#x.sqlite"
    with create(path) as server:
        put(server, records(2))
    assert files_below(tmp_path) == [path.name]
    with CloudServer(path) as server:
        assert len(server) == 2


def test_create_refuses_before_it_writes(path):
    empty = SignedRoot(policy().store_id, 0, 0, EMPTY_ROOT, bytes(64))
    with pytest.raises(StoreInputError, match="nowhere: is no folder"):
        create(path, blobs="nowhere")
    with pytest.raises(StoreInputError, match="nosuch://: cannot be opened"):
        create(path, blobs="nosuch://secret@host")
    assert files_below(path.parent) == []
    path.write_text("mine")
    with pytest.raises(StoreInputError, match="exists already"):
        CloudServer.create(path, policy(), empty)
    assert path.read_text() == "mine"


def test_a_new_store_holds_what_it_was_made_with(either):
    assert either.policy == policy()
    assert either.root == SignedRoot(policy().store_id, 0, 0, EMPTY_ROOT, bytes(64))
    assert len(either) == 0
    assert either.picture_ids == []
    assert list(either.damage()) == []


def test_a_record_is_stored_byte_for_byte(either):
    record = Record(bytes(16), 2**32 - 1, b"\xff\x0f\0\0", bytes(32), b"")
    put(either, [record])
    assert held(either)[1] == [record]
