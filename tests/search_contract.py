"""What every exact index must do; each engine's tests are a subclass that says how to build one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dlheir.errors import InputError


def random_codes(seed, rows, bits):
    return np.random.default_rng(seed).integers(0, 2, (rows, bits), dtype=np.uint8)


def oracle(queries, database, k):
    distances = (queries[:, None, :] != database[None]).sum(axis=2)
    rows = np.broadcast_to(np.arange(len(database)), distances.shape)
    order = np.lexsort((rows, distances), axis=1)[:, :k]
    return order, np.take_along_axis(distances, order, axis=1)


def assert_answers(found, expected):
    (rows, distances), (expected_rows, expected_distances) = found, expected
    assert rows.dtype == np.int64
    assert distances.dtype == np.int32
    assert np.array_equal(rows, expected_rows)
    assert np.array_equal(distances, expected_distances)


def assert_like_oracle(index, queries, database, k):
    assert_answers(index.search(queries, k), oracle(queries, database, k))


class SearchContract:
    """Needs two fixtures of the module: `bits`, and `build`, which turns codes into an index."""

    @pytest.fixture
    def thousand(self, build, bits):
        database = random_codes(2, 1000, bits)
        return build(database), database

    @pytest.fixture
    def five_codes(self, build, bits):
        database = random_codes(3, 5, bits)[np.random.default_rng(4).integers(0, 5, 3000)]
        return build(database), database

    @pytest.mark.parametrize("k", [1, 7, 100, 999, 1000])
    def test_answers_are_ordered_by_distance_then_row(self, thousand, bits, k):
        assert_like_oracle(thousand[0], random_codes(1, 40, bits), thousand[1], k)

    @pytest.mark.parametrize("k", [1, 20, 350, 2999, 3000])
    def test_k_may_cut_through_a_group_of_ties(self, five_codes, bits, k):
        assert_like_oracle(five_codes[0], random_codes(5, 33, bits), five_codes[1], k)

    def test_pictures_of_one_code_come_in_row_order(self, build, bits):
        index = build(np.zeros((500, bits), np.uint8))
        rows, distances = index.search(np.ones((1, bits), np.uint8), 100)
        assert rows.tolist() == [list(range(100))]
        assert distances.tolist() == [[bits] * 100]

    @given(st.data())
    @settings(max_examples=40, deadline=None)
    def test_anything_is_answered_like_the_oracle(self, build, bits, data):
        sizes = st.tuples(st.integers(0, 40), st.just(bits))
        codes = hnp.arrays(np.uint8, sizes, elements=st.integers(0, 1))
        queries, database = data.draw(codes), data.draw(codes)
        assert_like_oracle(build(database), queries, database, data.draw(st.integers(1, 50)))

    def test_k_beyond_the_database_returns_all_of_it(self, thousand, bits):
        queries = random_codes(0, 3, bits)
        assert_answers(thousand[0].search(queries, 10**6), oracle(queries, thousand[1], 1000))

    def test_an_empty_database_and_no_query_are_fine(self, build, thousand, bits):
        empty = build(np.zeros((0, bits), np.uint8))
        assert (len(empty), empty.bits) == (0, bits)
        assert [a.shape for a in empty.search(random_codes(0, 3, bits), 5)] == [(3, 0)] * 2
        assert [a.shape for a in thousand[0].search(np.zeros((0, bits), int), 2)] == [(0, 2)] * 2

    def test_the_number_of_threads_changes_no_answer(self, thousand, bits):
        queries = random_codes(6, 150, bits)
        alone = thousand[0].search(queries, 50, threads=1)
        for threads in (2, 3, 16):
            assert_answers(thousand[0].search(queries, 50, threads=threads), alone)

    def test_the_index_knows_its_size(self, thousand, bits):
        assert (len(thousand[0]), thousand[0].bits) == (1000, bits)

    def test_wrong_queries_are_refused_in_one_line(self, thousand, bits):
        good = np.zeros((1, bits), np.uint8)
        for queries, k in [
            (good, 0),
            (good + 2, 1),
            (good[0], 1),
            (good[:, :0], 1),
            (np.zeros((1, bits + 1), np.uint8), 1),  # the same bytes once packed
        ]:
            with pytest.raises(InputError) as error:
                thousand[0].search(queries, k)
            assert "\n" not in str(error.value)
