"""Linked requests against pairs counted by hand and one by one."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlheir.store.attacks import Repetition, repetition_attack


def test_links_equal_requests():
    # Four requests for a, a, b, c, six pairs, one of them true; b has the code of a.
    found = repetition_attack([[0, 1], [0, 1], [0, 1], [1, 1]], ["a", "a", "b", "c"])
    assert found == Repetition(linked=1, right=pytest.approx(1 / 3), chance=pytest.approx(1 / 6))


def test_links_nothing_where_no_request_looks_like_another():
    assert repetition_attack([[1], [2], [3]], [5, 5, 5]) == Repetition(0, 0, 1)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=30))
def test_counts_pairs(requests):
    observed, queries = np.array(requests).T
    pairs = list(combinations(range(len(requests)), 2))
    linked = {pair for pair in pairs if observed[pair[0]] == observed[pair[1]]}
    true = {pair for pair in pairs if queries[pair[0]] == queries[pair[1]]}
    found = repetition_attack(observed[:, None], queries)
    assert found.linked == pytest.approx(len(linked & true) / len(true) if true else 0)
    assert found.right == pytest.approx(len(linked & true) / len(linked) if linked else 0)
    assert found.chance == pytest.approx(len(true) / len(pairs))
