"""SimHash: sums of fingerprints, by hand and in general."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dlheir.baselines.simhash import draw_fingerprints, simhash

WEIGHTS = hnp.arrays(np.float64, (4, 6), elements=st.floats(-10, 10))


def fingerprints(seed, features, bits):
    return draw_fingerprints(np.random.default_rng(seed), features, bits)


def test_sums_by_hand():
    """The three features' fingerprints are the rows.

    First picture: 2 (1, 1, -1, -1) + 1 (1, -1, 1, -1) = (3, 1, -1, -3).
    Second: 1 (1, -1, 1, -1) - 3 (-1, -1, 1, 1) = (4, 2, -2, -4).
    Third: 1 (1, 1, -1, -1) + 1 (-1, -1, 1, 1) = 0: above 0 is nothing.
    """
    prints = np.array([[1, 1, -1, -1], [1, -1, 1, -1], [-1, -1, 1, 1]], dtype=np.float64)
    weights = np.array([[2, 1, 0], [0, 1, -3], [1, 0, 1]], dtype=np.float64)
    codes = simhash(weights, prints)
    assert codes.dtype == np.uint8
    assert codes.tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]]


def test_fingerprints_are_signs():
    drawn = fingerprints(0, 50, 40)
    assert drawn.shape == (50, 40)
    assert set(np.unique(drawn)) == {-1.0, 1.0}


def test_nothing_shown_is_a_code_of_zeros():
    assert not simhash(np.zeros((2, 5)), fingerprints(0, 5, 64)).any()


@given(WEIGHTS, st.permutations(range(6)))
def test_the_order_of_features_does_not_matter(weights, order):
    prints = fingerprints(1, 6, 32)
    assert np.array_equal(simhash(weights, prints), simhash(weights[:, order], prints[order]))


@given(WEIGHTS)
def test_a_picture_alone_has_the_code_that_it_has_among_others(weights):
    prints = fingerprints(2, 6, 32)
    together = simhash(weights, prints)
    assert all(
        np.array_equal(simhash(weights[row : row + 1], prints)[0], together[row])
        for row in range(len(weights))
    )


def test_a_picture_and_its_opposite_differ_in_every_bit():
    weights = np.random.default_rng(3).normal(size=(1, 20))
    prints = fingerprints(4, 20, 128)
    assert (simhash(weights, prints) != simhash(-weights, prints)).all()


def test_bits_differ_as_often_as_the_angle_says():
    """Share t / pi of 20,000 bits; its standard deviation is at most 0.0036."""
    prints = fingerprints(5, 400, 20_000)
    first, other = np.random.default_rng(6).normal(size=(2, 400))
    for mixed in (0.2, 1.0, 3.0):
        second = first + mixed * other
        cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
        codes = simhash(np.stack([first, second]), prints)
        share = np.mean(codes[0] != codes[1])
        assert abs(share - np.arccos(cosine) / np.pi) < 0.015
