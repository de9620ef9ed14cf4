"""Pairs fetched together against pairs counted by hand and one by one."""

from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlheir.store.attacks import CoFetching, co_fetching_attack


def test_counts_each_pair_once():
    # Fetched together: 01 (twice), 02, 12, 23. Of one class: 01, 23. Picture 4 is never fetched.
    found = co_fetching_attack([[0, 1], [1, 0], [2, 3], [0, 2], [1, 2]], [0, 0, 1, 1, 1])
    assert found == CoFetching(precision=2 / 4, recall=2 / 2, chance=pytest.approx(2 / 6))


@given(
    st.lists(
        st.lists(st.integers(0, 9), min_size=3, max_size=3, unique=True), min_size=1, max_size=8
    ),
    st.lists(st.integers(0, 2), min_size=10, max_size=10),
)
def test_counts_pairs(requests, labels):
    together = {frozenset(pair) for row in requests for pair in combinations(row, 2)}
    pairs = {frozenset(pair) for pair in combinations(sorted(set(chain(*requests))), 2)}
    alike = {pair for pair in pairs if len({labels[picture] for picture in pair}) == 1}
    found = co_fetching_attack(requests, labels)
    assert found.precision == pytest.approx(len(together & alike) / len(together))
    assert found.recall == pytest.approx(len(together & alike) / len(alike) if alike else 0)
    assert found.chance == pytest.approx(len(alike) / len(pairs))


def test_learns_nothing_from_fetches_that_say_nothing():
    random = np.random.default_rng(0)
    requests = np.array([random.permutation(500)[:10] for _ in range(200)])
    found = co_fetching_attack(requests, random.integers(0, 5, 500))
    assert found.precision == pytest.approx(found.chance, abs=0.02)
