"""The search for linear codes."""

import numpy as np
import pytest

from dlheir.objectives.linear_code import linear_code

# The largest minimum distances there are, from tables of linear codes (codetables.de).
BEST = [(4, 7, 3), (4, 8, 4), (4, 15, 8), (6, 12, 4), (7, 12, 4), (6, 24, 10), (7, 32, 14)]


@pytest.mark.parametrize(("dimension", "bits", "distance"), BEST)
def test_reaches_the_best_distances(dimension, bits, distance):
    codes = linear_code(dimension, bits, np.random.RandomState(0))
    assert codes.shape == (2**dimension, bits)
    assert codes[1:].sum(axis=1).min() == distance


@pytest.mark.parametrize("bits", range(1, 11))
def test_is_linear_and_distinct_for_every_dimension(bits):
    for dimension in range(1, bits + 1):
        codes = linear_code(dimension, bits, np.random.RandomState(0))
        rows = {tuple(row) for row in codes}
        assert len(rows) == 2**dimension
        assert all(tuple(a ^ b) in rows for a in codes[:8] for b in codes)
