"""The engines within the process: contract, files, threads; `search` of users."""

import multiprocessing
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from search_contract import SearchContract, assert_answers, oracle, random_codes

from dlheir.errors import InputError
from dlheir.retrieval import (
    ENGINES,
    BucketIndex,
    FlatIndex,
    IVFIndex,
    build_index,
    choose_engine,
    flat,
    packed_bytes,
    restore_index,
    search,
)
from dlheir.retrieval.index import _pool, in_threads

EXACT = [(FlatIndex, bits) for bits in (1, 12, 16, 24, 32, 48, 64, 100)]
EXACT += [(BucketIndex, bits) for bits in (1, 2, 9, 12, 16)]


@pytest.fixture(scope="module", params=EXACT, ids=lambda it: f"{it[0].engine}-{it[1]}")
def setting(request):
    return request.param


@pytest.fixture(scope="module")
def build(setting):
    return setting[0]


@pytest.fixture(scope="module")
def bits(setting):
    return setting[1]


class TestExactEngines(SearchContract):
    def test_an_index_that_went_through_a_file_answers_the_same(self, thousand, bits, tmp_path):
        through_file = stored_and_restored(thousand[0], tmp_path / "index.npz")
        assert type(through_file) is type(thousand[0])
        assert (len(through_file), through_file.bits) == (1000, bits)
        queries = random_codes(8, 50, bits)
        assert_answers(through_file.search(queries, 70), oracle(queries, thousand[1], 70))

    def test_an_empty_index_goes_through_a_file(self, build, bits, tmp_path):
        empty = build(np.zeros((0, bits), np.uint8))
        assert len(stored_and_restored(empty, tmp_path / "index.npz")) == 0


def stored_and_restored(index, path):
    np.savez(path, **index.to_arrays())
    with np.load(path, allow_pickle=False) as arrays:
        return restore_index(index.engine, dict(arrays), index.bits)


def test_users_search_is_exact():
    queries, database = random_codes(0, 20, 12), random_codes(1, 700, 12)
    assert_answers(search(queries, database, 90), oracle(queries, database, 90))


@pytest.mark.parametrize("bits", [1, 12, 16])
def test_auto_takes_buckets_for_many_short_codes(bits):
    assert choose_engine("auto", bits, 50_000) == "buckets"
    assert type(build_index(np.zeros((50_000, bits), np.uint8))) is BucketIndex


@pytest.mark.parametrize(("bits", "codes"), [(17, 50_000), (48, 50_000), (12, 49_999), (16, 0)])
def test_auto_takes_flat_for_longer_or_fewer_ones(bits, codes):
    assert choose_engine("auto", bits, codes) == "flat"
    assert type(build_index(np.zeros((codes, bits), np.uint8))) is FlatIndex


def test_engines_are_chosen_by_name():
    assert ENGINES == ("auto", "flat", "buckets", "ivf")
    assert type(build_index(np.zeros((3, 12), int), "flat")) is FlatIndex
    assert choose_engine("ivf", 12, 3) == "ivf"
    with pytest.raises(InputError, match="'faiss', expected one of auto, flat, buckets, ivf"):
        build_index(np.zeros((3, 12), int), "faiss")


def test_buckets_refuse_long_codes():
    with pytest.raises(InputError, match="17 bits"):
        build_index(np.zeros((3, 17), int), "buckets")


def test_ivf_is_for_more_than_a_million_codes():
    with pytest.raises(InputError, match="1000000 codes"):
        build_index(np.zeros((1_000_000, 1), np.uint8), "ivf")
    assert type(build_index(np.zeros((1_000_001, 1), np.uint8), "ivf")) is IVFIndex


@pytest.mark.parametrize("bits", [3, 24, 48, 100])
@pytest.mark.parametrize("k", [1, 40, 300])
@pytest.mark.parametrize("lists", ["none", "of one query", "of three queries", "of all queries"])
def test_flat_answers_the_same_from_a_heap_and_from_lists(monkeypatch, bits, k, lists):
    asked = {"none": 0, "of one query": 1, "of three queries": 3, "of all queries": 20}[lists]
    monkeypatch.setattr(flat, "_PLACES", asked * (8 * packed_bytes(bits) + 1) * k)
    queries, database = random_codes(0, 20, bits), random_codes(1, 300, bits)
    assert_answers(FlatIndex(database).search(queries, k), oracle(queries, database, k))


def test_flat_takes_a_heap_for_few_of_many(monkeypatch):
    variants, nearest = [], flat.faiss.knn_hamming
    monkeypatch.setattr(
        flat.faiss, "knn_hamming", lambda *given: (variants.append(given[3]), nearest(*given))[1]
    )
    index, query = FlatIndex(random_codes(0, 3000, 24)), random_codes(1, 1, 24)
    for k in (2, 3, 3000):
        index.search(query, k)
    monkeypatch.setattr(flat, "_PLACES", 33 * 3000 - 1)  # so that memory stays bounded
    index.search(query, 3000)
    assert variants == ["hc", "mc", "mc", "hc"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("codes", [np.zeros(12, int), np.full((2, 12), 255), np.zeros((2, 12))])
def test_what_is_no_codes_is_refused(engine, codes):
    with pytest.raises(InputError, match="codes"):
        build_index(codes, engine)


@pytest.mark.parametrize("kind", [FlatIndex, BucketIndex, IVFIndex])
def test_arrays_of_another_index_are_refused(kind):
    engine, arrays = kind.engine, kind(random_codes(0, 90, 12)).to_arrays()
    for name, array in arrays.items():
        for wrong in (None, array.astype(float), array[None], array[0]):
            with pytest.raises(InputError, match="build it again"):
                restore_index(engine, arrays | {name: wrong}, 12)
        with pytest.raises(InputError, match="build it again"):
            restore_index(engine, {other: arrays[other] for other in arrays.keys() - {name}}, 12)
    with pytest.raises(InputError, match="build it again"):
        restore_index("another", arrays, 12)
    assert len(restore_index(engine, arrays, 12)) == 90


@pytest.mark.parametrize("kind", [FlatIndex, IVFIndex])
def test_arrays_of_another_width_are_refused(kind):
    arrays = kind(random_codes(0, 90, 32)).to_arrays()
    with pytest.raises(InputError, match="build it again"):
        restore_index(kind.engine, arrays, 33)


def test_buckets_of_another_number_of_bits_are_refused():
    with pytest.raises(InputError, match="build it again"):
        restore_index("buckets", BucketIndex(random_codes(0, 90, 12)).to_arrays(), 11)


ONE_OPENMP_THREAD = """
import threading, faiss, numpy as np
from dlheir.retrieval import FlatIndex, IVFIndex, flat

seen, together = [], None

def spied(function):
    def call(*arguments):
        together.wait(timeout=60)  # so that no thread does the work of two
        seen.append((threading.current_thread().name, faiss.omp_get_max_threads()))
        return function(*arguments)
    return call

flat.faiss.knn_hamming = spied(faiss.knn_hamming)
ivf = IVFIndex(np.zeros((10, 12), np.uint8))
ivf._index.search = spied(ivf._index.search)
faiss.omp_set_num_threads(3)
for index in (FlatIndex(np.zeros((10, 12), np.uint8)), ivf):
    for queries, calls in ((64, 2), (1, 1)):  # divided among threads, and here
        seen.clear()
        together = threading.Barrier(calls)
        index.search(np.zeros((queries, 12), np.uint8), 5, threads=2)
        assert [number for _, number in seen] == [1] * calls, seen
        assert sum(name == "MainThread" for name, _ in seen) == 1, seen
        assert faiss.omp_get_max_threads() == 3
"""


def test_each_faiss_call_has_one_openmp_thread_and_the_users_own_number_stays():
    # A process of its own, because OpenMP reads the number for new threads once, at its start.
    environment = {**os.environ, "OMP_NUM_THREADS": "4"}
    subprocess.run([sys.executable, "-c", ONE_OPENMP_THREAD], env=environment, check=True)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("queries", [1, 5])
def test_codes_divided_among_threads_are_searched_as_one(monkeypatch, threads, queries):
    # 100 codes of 3 bits: ties within shares and over their borders.
    monkeypatch.setattr("dlheir.retrieval.flat._SMALLEST_SHARE", 10)
    database, asked = random_codes(8, 100, 3), random_codes(9, queries, 3)
    for k in (1, 9, 10, 37, 100):
        found = FlatIndex(database).search(asked, k, threads)
        assert_answers(found, oracle(asked, database, k))


def test_threads_that_have_not_begun_are_not_waited_for():
    blocked = threading.Event()
    busy = [_pool(3, os.getpid()).submit(blocked.wait, 60) for _ in range(3)]
    try:
        assert in_threads(lambda number: 2 * number, range(5), 3) == [0, 2, 4, 6, 8]
        assert not any(thread.done() for thread in busy)
    finally:
        blocked.set()


def test_what_one_thread_raises_reaches_the_caller():
    def work(number):
        if number == 40:
            raise ValueError("forty")
        return number

    with pytest.raises(ValueError, match="forty"):
        in_threads(work, range(100), 4)
    assert in_threads(work, range(5), 4) == [0, 1, 2, 3, 4]


def test_a_forked_process_searches_with_threads_of_its_own():
    index, asked = FlatIndex(random_codes(8, 100, 12)), random_codes(9, 70, 12)
    expected = index.search(asked, 5, threads=2)  # starts the threads that a fork does not get
    with multiprocessing.get_context("fork").Pool(1) as pool:
        found = pool.apply_async(index.search, (asked, 5, 2)).get(timeout=60)
    assert_answers(found, expected)
