"""The index against an oracle that sorts everything by (distance, row)."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dlheir.errors import InputError
from dlheir.retrieval import HammingIndex, search


def oracle(queries, database, k):
    distances = (queries[:, None, :] != database[None]).sum(axis=2)
    rows = np.broadcast_to(np.arange(len(database)), distances.shape)
    order = np.lexsort((rows, distances), axis=1)[:, :k]
    return order, np.take_along_axis(distances, order, axis=1)


def assert_like_oracle(queries, database, k):
    rows, distances = search(queries, database, k)
    expected_rows, expected_distances = oracle(queries, database, k)
    assert rows.dtype == np.int64
    assert distances.dtype == np.int32
    assert np.array_equal(rows, expected_rows)
    assert np.array_equal(distances, expected_distances)


def random_codes(seed, rows, bits):
    return np.random.default_rng(seed).integers(0, 2, (rows, bits), dtype=np.uint8)


@pytest.mark.parametrize("bits", [1, 12, 24, 32, 48, 64, 100])
@pytest.mark.parametrize("k", [1, 7, 100, 999])
def test_search_orders_by_distance_then_row(bits, k):
    assert_like_oracle(random_codes(1, 40, bits), random_codes(2, 1000, bits), k)


@pytest.mark.parametrize("k", [1, 20, 350, 2999, 3000])
def test_k_may_cut_through_a_group_of_ties(k):
    few_codes = random_codes(3, 5, 12)
    database = few_codes[np.random.default_rng(4).integers(0, 5, 3000)]
    assert_like_oracle(random_codes(5, 33, 12), database, k)


def test_all_the_same_code_come_in_row_order():
    rows, distances = search(np.zeros((1, 12), int), np.zeros((500, 12), int), 100)
    assert rows.tolist() == [list(range(100))]
    assert not distances.any()


@given(st.data())
@settings(max_examples=60)
def test_search_agrees_with_the_oracle_on_anything(data):
    bits = data.draw(st.integers(1, 70))
    codes = hnp.arrays(
        np.uint8, st.tuples(st.integers(1, 40), st.just(bits)), elements=st.integers(0, 1)
    )
    assert_like_oracle(data.draw(codes), data.draw(codes), data.draw(st.integers(1, 50)))


def test_k_beyond_the_database_returns_all_of_it():
    rows, distances = search(random_codes(0, 3, 24), random_codes(1, 10, 24), 1_000_000)
    assert rows.shape == distances.shape == (3, 10)


def test_an_empty_database_and_no_query_are_fine():
    assert search(random_codes(0, 3, 24), np.zeros((0, 24), np.uint8), 5)[0].shape == (3, 0)
    assert search(np.zeros((0, 24), np.uint8), random_codes(0, 3, 24), 2)[1].shape == (0, 2)


def test_the_number_of_threads_changes_no_answer():
    queries, index = random_codes(6, 333, 12), HammingIndex(random_codes(7, 2000, 12))
    alone = index.search(queries, 50, threads=1)
    for threads in (2, 3, 16):
        divided = index.search(queries, 50, threads=threads)
        assert np.array_equal(alone[0], divided[0])
        assert np.array_equal(alone[1], divided[1])


ONE_OPENMP_THREAD = """
import threading, faiss, numpy as np
from dlheir.retrieval import HammingIndex

index, seen = HammingIndex(np.zeros((10, 12), np.uint8)), []
inner = index._index

class Spy:
    ntotal = 10

    def search(self, queries, k):
        seen.append((threading.current_thread().name, faiss.omp_get_max_threads()))
        return inner.search(queries, k)

index._index = Spy()
faiss.omp_set_num_threads(3)
index.search(np.zeros((100, 12), np.uint8), 5, threads=2)
assert [number for _, number in seen] == [1, 1], seen
assert "MainThread" not in dict(seen), seen
assert faiss.omp_get_max_threads() == 3
"""


def test_each_faiss_call_has_one_openmp_thread_and_the_users_own_number_stays():
    # A process of its own, because OpenMP reads the number for new threads once, at its start.
    environment = {**os.environ, "OMP_NUM_THREADS": "4"}
    subprocess.run([sys.executable, "-c", ONE_OPENMP_THREAD], env=environment, check=True)


def test_the_index_knows_its_size():
    index = HammingIndex(random_codes(0, 10, 48))
    assert (len(index), index.bits) == (10, 48)


@pytest.mark.parametrize(
    ("queries", "database", "k"),
    [
        (np.zeros((1, 24), int), np.zeros((1, 48), int), 1),
        (np.zeros((1, 12), int), np.zeros((1, 24), int), 1),  # the same once packed
        (np.zeros((1, 12), int), np.zeros((1, 12), int), 0),
        (np.full((1, 12), 255), np.zeros((1, 12), int), 1),
        (np.zeros((1, 12), int), np.zeros(12, int), 1),
    ],
)
def test_wrong_input_is_refused_in_one_line(queries, database, k):
    with pytest.raises(InputError) as error:
        search(queries, database, k)
    assert "\n" not in str(error.value)
