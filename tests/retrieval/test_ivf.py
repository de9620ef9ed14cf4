"""The approximate engine: order and shape of what it returns, and its recall."""

from types import SimpleNamespace

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_contract import assert_answers, oracle, random_codes

from dlheir.errors import InputError
from dlheir.retrieval import IVFIndex, pack, restore_index


@pytest.fixture(scope="module")
def database():
    return random_codes(0, 5000, 48)


@pytest.fixture(scope="module")
def index(database):
    return IVFIndex(database, probes=4)


@pytest.mark.parametrize("k", [1, 20, 100, 3000, 5000])
def test_what_is_returned_is_ordered_by_distance_then_row(database, index, k):
    queries = random_codes(1, 60, 48)
    rows, distances = index.search(queries, k)
    assert rows.shape == distances.shape == (60, k)
    assert (rows.dtype, distances.dtype) == (np.int64, np.int32)
    for query, found, at in zip(queries, rows, distances, strict=True):
        assert np.array_equal(at, (database[found] != query).sum(axis=1))
        assert len(np.unique(found)) == k
        assert np.array_equal(np.lexsort((found, at)), np.arange(k))


def test_ties_come_in_row_order_in_whatever_order_faiss_met_them(monkeypatch):
    codes = np.repeat(random_codes(2, 3, 24), 100, axis=0)
    index = IVFIndex(codes, probes=10**6)
    inner = index._index.search

    def shuffled(queries, k):
        order = np.random.default_rng(3).permutation(k)
        distances, rows = inner(queries, k)
        return distances[:, order], rows[:, order]

    monkeypatch.setattr(index, "_index", SimpleNamespace(search=shuffled, ntotal=300))
    queries = random_codes(4, 40, 24)
    assert_answers(index.search(queries, 300), oracle(queries, codes, 300))


def test_queries_whose_lists_hold_too_few_are_answered_exactly(database, index):
    queries = random_codes(1, 60, 48)
    missed = index._index.search(pack(queries), 300)[1][:, -1] < 0
    assert missed.any()
    assert not missed.all()  # 300 answers are in the four lists of some queries, not of others
    _, distances = index.search(queries, 300)
    assert np.array_equal(distances[missed], oracle(queries, database, 300)[1][missed])


@pytest.mark.parametrize(("rows", "k", "probes"), [(5000, 10, 1), (5000, 100, 4), (300, 400, 2)])
def test_recall_is_the_share_of_answers_within_the_true_kth_distance(rows, k, probes):
    queries, database = random_codes(5, 150, 32), random_codes(6, rows, 32)
    index = IVFIndex(database, probes=probes)
    found, _ = index.search(queries, k)
    shares = []
    for query, answers in zip(queries, found, strict=True):
        to_all = (database != query).sum(axis=1)
        near_enough = np.flatnonzero(to_all <= np.sort(to_all)[min(k, rows) - 1])
        shares.append(len(np.intersect1d(answers, near_enough)) / min(k, rows))
    assert index.recall(queries, k) == pytest.approx(np.mean(shares))
    assert k > rows or 0.05 < np.mean(shares) < 0.95


def test_recall_counts_ties_at_the_kth_distance_as_found():
    assert IVFIndex(np.zeros((500, 12), int), probes=1).recall(np.ones((1, 12), int), 7) == 1


class Spy(IVFIndex):
    def search(self, query_codes, k):
        self.asked = query_codes
        return super().search(query_codes, k)


@pytest.mark.parametrize(("queries", "step"), [(1, 1), (200, 1), (201, 2), (450, 3)])
def test_recall_asks_at_most_200_queries_evenly(queries, step):
    codes, spy = random_codes(7, queries, 48), Spy(random_codes(8, 100, 48))
    spy.recall(codes, 3)
    assert np.array_equal(spy.asked, codes[::step])


def test_more_probes_find_more(database):
    queries = random_codes(1, 100, 48)
    few, many = (IVFIndex(database, probes=probes).recall(queries, 50) for probes in (1, 30))
    assert few < many


def test_all_lists_are_exact(database):
    queries = random_codes(1, 100, 48)
    index = IVFIndex(database, probes=10**6)
    assert index.probes == index.lists == 71
    assert index.recall(queries, 50) == 1
    assert np.array_equal(index.search(queries, 50)[1], oracle(queries, database, 50)[1])


def test_the_number_of_lists_is_the_square_root_of_the_codes():
    assert IVFIndex(random_codes(0, 10_000, 12)).lists == 100


def test_an_index_that_went_through_a_file_answers_the_same(index, tmp_path):
    np.savez(tmp_path / "index.npz", **index.to_arrays())
    with np.load(tmp_path / "index.npz", allow_pickle=False) as arrays:
        restored = restore_index("ivf", arrays, 48)
    assert type(restored) is IVFIndex
    assert (len(restored), restored.bits, restored.probes) == (5000, 48, 4)
    queries = random_codes(1, 60, 48)
    for k in (20, 3000):
        assert_answers(restored.search(queries, k), index.search(queries, k))
    assert restored.recall(queries, 20) == index.recall(queries, 20)


FLAT = faiss.serialize_index_binary(faiss.IndexBinaryFlat(32)).tobytes()


@pytest.mark.parametrize("stored", [b"", b"IBwF", b"not faiss at all", FLAT])
def test_bytes_of_something_else_are_refused(stored):
    with pytest.raises(InputError, match="build it again"):
        restore_index("ivf", {"ivf": np.frombuffer(stored, np.uint8)}, 12)


@given(st.integers(0, 30), st.integers(0, 5), st.integers(1, 40), st.integers(1, 70))
@settings(max_examples=60, deadline=None)
def test_any_size_has_its_shape(rows, queries, k, bits):
    index = IVFIndex(random_codes(0, rows, bits))
    assert (len(index), index.bits) == (rows, bits)
    answers = index.search(random_codes(1, queries, bits), k)
    assert [array.shape for array in answers] == [(queries, min(k, rows))] * 2
    assert 0 <= index.recall(random_codes(1, queries, bits), k) <= 1


def test_wrong_input_is_refused():
    with pytest.raises(InputError, match="probes: 0"):
        IVFIndex(np.zeros((3, 12), int), probes=0)
    index = IVFIndex(np.zeros((3, 12), int))
    for ask in (index.search, index.recall):
        with pytest.raises(InputError, match="24 bits, expected 12"):
            ask(np.zeros((1, 24), int), 1)
        with pytest.raises(InputError, match="k: 0"):
            ask(np.zeros((1, 12), int), 0)
