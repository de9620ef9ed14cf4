"""Pre-filter tables: who shares a bucket, and what the server sees of it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlheir.baselines.lsh import BucketKey, BucketTables


def draw(seed=0, tables=4, hashes=2, width=10.0, dimensions=5):
    return BucketKey.draw(dimensions, tables, hashes, width, np.random.default_rng(seed))


def cells(key, vector):
    """Hash functions one by one: floor((a.v + b) / w)."""
    functions = key.directions.shape[1]
    return [
        math.floor((float(vector @ key.directions[:, i]) + key.offsets[i]) / key.width)
        for i in range(functions)
    ]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 5), st.integers(1, 3))
def test_candidates_are_those_that_share_a_bucket(seed, tables, hashes):
    random = np.random.default_rng(seed)
    key = draw(seed, tables, hashes)
    vectors = random.normal(size=(40, 5)) * 10
    query = vectors[0] + random.normal(size=5)
    expected = []
    for row, vector in enumerate(vectors):
        theirs, its = (np.reshape(cells(key, v), (tables, hashes)) for v in (vector, query))
        if (theirs == its).all(axis=1).any():
            expected.append(row)
    served = BucketTables(key.buckets(vectors))
    assert served.candidates(key.buckets(query[None])[0]).tolist() == expected


def test_a_vector_finds_itself():
    vectors = np.random.default_rng(1).normal(size=(30, 5)) * 1000
    key = draw(1)
    served = BucketTables(key.buckets(vectors))
    for row, names in enumerate(key.buckets(vectors)):
        assert row in served.candidates(names)


def test_a_query_from_elsewhere_finds_nothing():
    key = draw(2)
    served = BucketTables(key.buckets(np.zeros((3, 5))))
    assert served.candidates(key.buckets(np.full((1, 5), 1e6))[0]).tolist() == []


def test_share_of_common_cells_is_that_of_the_paper():
    """Datar et al.: 1 - 2 N(-w/c) - 2 / (sqrt(2 pi) w/c) (1 - exp(-(w/c)^2 / 2)) at distance c."""
    key = draw(3, tables=20_000, hashes=1, width=10.0)
    first, second = key.buckets(np.array([[0.0] * 5, [5.0, 0, 0, 0, 0]]))
    share = np.mean([one == other for one, other in zip(first, second, strict=True)])
    ratio = 2.0
    normal = 0.5 * math.erfc(ratio / math.sqrt(2))
    tail = 2 / (math.sqrt(2 * math.pi) * ratio) * (1 - math.exp(-(ratio**2) / 2))
    assert share == pytest.approx(1 - 2 * normal - tail, abs=0.015)


def test_names_say_nothing_without_the_key():
    key = draw(4)
    (names,) = key.buckets(np.ones((1, 5)))
    assert {len(name) for name in names} == {16}
    assert len(set(names)) == len(names)
    # Same functions, another secret: other names.
    other = BucketKey(key.directions, key.offsets, key.width, key.tables, b"other")
    assert not set(names) & set(other.buckets(np.ones((1, 5)))[0])


def test_the_same_cell_in_two_tables_has_two_names():
    """Otherwise a table's bucket would be found through another's."""
    key = draw(5, tables=6, hashes=1, width=1e9)
    (names,) = key.buckets(np.zeros((1, 5)))
    assert cells(key, np.zeros(5)) == [0] * 6
    assert len(set(names)) == 6
