"""Secure kNN orders as plain distances do; and what breaks it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dlheir.baselines.secure_knn import SecureKNN, VectorIndex
from dlheir.baselines.secure_knn_attack import recover_queries, recover_vectors

DIMENSIONS = 6
LARGEST = 255 * DIMENSIONS**0.5
VECTORS = arrays(
    np.int64,
    st.tuples(st.integers(1, 25), st.just(DIMENSIONS)),
    # Few different values: many equal vectors and equal distances.
    elements=st.sampled_from([0, 1, 254, 255]) | st.integers(-255, 255),
)


def plain_order(vectors, query):
    distances = ((vectors - query) ** 2).sum(axis=1)
    return np.lexsort((np.arange(len(vectors)), distances)), distances


def encrypted(vectors, seed, unit=LARGEST):
    random = np.random.default_rng(seed)
    key = SecureKNN.draw(vectors.shape[1], unit, random)
    return key, VectorIndex(key.protect(vectors, random)), random


@settings(max_examples=200, deadline=None)
@given(VECTORS, st.integers(0, 2**32), st.data())
def test_order_is_the_plain_one(vectors, seed, data):
    key, index, random = encrypted(vectors, seed)
    query = vectors[data.draw(st.integers(0, len(vectors) - 1))] + data.draw(st.integers(-2, 2))
    trapdoor = key.trapdoors(query[None], random)[0]
    expected, distances = plain_order(vectors, query)
    for k in range(1, len(vectors) + 2):
        rows, scores = index.search(trapdoor, k)
        assert rows.tolist() == expected[:k].tolist()
        # Equal distances have equal scores, others others.
        assert np.array_equal(np.diff(scores) > 0, np.diff(distances[rows]) > 0)


@settings(max_examples=100, deadline=None)
@given(VECTORS, st.integers(0, 2**32), st.integers(1, 30), st.data())
def test_order_among_candidates_is_the_plain_one(vectors, seed, k, data):
    key, index, random = encrypted(vectors, seed)
    some = np.array(sorted(data.draw(st.sets(st.integers(0, len(vectors) - 1)))), np.int64)
    query = np.arange(DIMENSIONS)
    expected, _ = plain_order(vectors[some], query)
    rows, scores = index.search(key.trapdoors(query[None], random)[0], k, some)
    assert rows.tolist() == some[expected][:k].tolist()
    assert len(scores) == len(rows) == min(k, len(some))


@pytest.mark.parametrize("dimensions", [64, 256])
def test_neighbours_at_descriptors_sizes_are_told_apart(dimensions):
    """The least difference that two descriptors can have, among the greatest of them."""
    vectors = np.full((dimensions + 1, dimensions), 255)
    vectors[np.arange(1, dimensions + 1), np.arange(dimensions)] -= 1
    vectors = np.concatenate([vectors[::-1], vectors])
    key, index, random = encrypted(vectors, 0, unit=255 * dimensions**0.5)
    query = np.full((1, dimensions), 255)
    rows, _ = index.search(key.trapdoors(query, random)[0], len(vectors))
    assert rows.tolist() == plain_order(vectors, query[0])[0].tolist()


def test_trapdoors_of_the_same_query_differ():
    key, index, random = encrypted(np.eye(DIMENSIONS), 0)
    queries = np.tile(np.arange(DIMENSIONS), (2, 1))
    first, second = key.trapdoors(queries, random)
    # Not by a factor either; but their scores do, by r of the one over r of the other.
    assert len(np.unique(np.round(second / first, 6))) > DIMENSIONS
    factors = index.scores(second) / index.scores(first)
    assert np.allclose(factors, factors[0])
    assert not np.isclose(factors[0], 1)
    again = key.protect(np.ones((2, DIMENSIONS)), random)
    assert not np.allclose(again[0], again[1])


def test_matrices_are_well_conditioned_and_inverted():
    key, _, _ = encrypted(np.zeros((1, 100)), 1)
    for matrix, inverse in zip(key.matrices, key.inverses, strict=True):
        assert np.linalg.cond(matrix) <= 4 + 1e-9
        assert np.allclose(matrix @ inverse, np.eye(101), atol=1e-12)


def test_both_are_split_somewhere():
    """Where vectors are split, their two halves differ; elsewhere queries' halves do."""
    key, _, random = encrypted(np.zeros((1, 40)), 2)
    size = 41
    for hidden, matrices, split in [
        (key.protect(np.ones((1, 40)), random), key.inverses, key.split),
        (key.trapdoors(np.ones((1, 40)), random), key.matrices.transpose(0, 2, 1), ~key.split),
    ]:
        halves = [hidden[0, :size] @ matrices[0], hidden[0, size:] @ matrices[1]]
        assert split.any()
        assert np.array_equal(~np.isclose(halves[0], halves[1], atol=1e-9), split)


def test_known_vectors_give_all_others_away():
    """The attack: scores and d + 1 plain vectors suffice, whatever the key."""
    d, others = 64, 300
    random = np.random.default_rng(3)
    vectors = random.integers(0, 256, (d + 1 + others, d))
    queries = random.integers(0, 256, (d + 1, d))
    key, index, draws = encrypted(vectors, 4, unit=255 * d**0.5)
    scores = np.stack([index.scores(trapdoor) for trapdoor in key.trapdoors(queries, draws)])
    known = vectors[: d + 1]

    extended = recover_queries(known, scores[:, : d + 1])
    found = -extended[:, :-1] / (2 * extended[:, -1:])
    assert np.array_equal(np.rint(found), queries)

    stolen = recover_vectors(extended, scores[:, d + 1 :])
    assert np.array_equal(np.rint(stolen), vectors[d + 1 :])


def test_fewer_known_vectors_do_not_suffice():
    d = 64
    random = np.random.default_rng(5)
    vectors = random.integers(0, 256, (d, d))
    query = random.integers(0, 256, (1, d))
    key, index, draws = encrypted(vectors, 6, unit=255 * d**0.5)
    extended = recover_queries(vectors, index.scores(key.trapdoors(query, draws)[0])[None])
    assert not np.array_equal(np.rint(-extended[:, :-1] / (2 * extended[:, -1:])), query)
