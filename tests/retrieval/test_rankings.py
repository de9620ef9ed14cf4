"""Relevance in the order of a ranking, against a stable sort of plain distances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled_sets import random_set, sets

import dlheir.retrieval.pairs as pairs
from dlheir.retrieval import LabelledCodes, build_index
from dlheir.retrieval.rankings import ranked_relevance


def by_sorting(queries, query_labels, database, labels, depth):
    distances = (np.asarray(queries)[:, None] != np.asarray(database)).sum(axis=2)
    order = np.argsort(distances, axis=1, kind="stable")[:, :depth]
    return np.asarray(labels)[order] == np.asarray(query_labels)[:, None]


# Numbers that are sorted have 8, 16 and 32 bits here; whole words of a code, and parts.
@pytest.mark.parametrize(
    ("bits", "rows"), [(1, 5), (12, 300), (48, 300), (64, 2000), (65, 9), (255, 40), (300, 40)]
)
@pytest.mark.parametrize("depth", [1, 4, 39, 10_000])
def test_agrees_with_a_stable_sort(bits, rows, depth):
    data = random_set(bits, 11, rows, bits, 4)
    found = ranked_relevance(LabelledCodes(*data), depth)
    assert found.dtype == bool
    assert np.array_equal(found, by_sorting(*data, depth))


@given(sets(), st.integers(1, 45), st.integers(1, 80))
@settings(max_examples=80, deadline=None)
def test_ties_stand_by_row_however_the_work_is_divided(data, depth, at_once):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "_PAIRS_AT_ONCE", at_once)
        found = ranked_relevance(LabelledCodes(*data), depth)
    assert np.array_equal(found, by_sorting(*data, depth))


def test_distances_from_none_to_all_bits():
    database = np.array([[1] * 64, [0] * 64, [1] + [0] * 63, [0] * 64])
    codes = LabelledCodes([[0] * 64, [1] * 64], [7, 7], database, [7, 8, 8, 7])
    assert ranked_relevance(codes, 4).tolist() == [
        [False, True, False, True],  # rows 1, 3, 2, 0
        [True, False, False, True],  # rows 0, 2, 1, 3
    ]


def test_it_is_what_the_index_answers():
    queries, query_labels, database, labels = random_set(5, 40, 3000, 12, 5)
    rows, _ = build_index(database).search(queries, 50)
    expected = labels[rows] == query_labels[:, None]
    codes = LabelledCodes(queries, query_labels, database, labels)
    assert np.array_equal(ranked_relevance(codes, 50), expected)
