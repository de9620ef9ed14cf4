"""Hadamard matrices and conference matrix codes."""

import numpy as np
import pytest

from dlheir.objectives.hadamard import conference_codes, hadamard

# 92 needs Williamson's construction.
ORDERS = [1, 2, *range(4, 92, 4), 100, 128, 148, 512, 1000]


@pytest.mark.parametrize("order", ORDERS)
def test_rows_are_orthogonal(order):
    matrix = hadamard(order)
    assert matrix.shape == (order, order)
    assert np.isin(matrix, (-1, 1)).all()
    assert (matrix @ matrix.T == order * np.eye(order)).all()
    assert (matrix[0] == 1).all()
    assert (matrix[:, 0] == 1).all()


@pytest.mark.parametrize("order", [0, 3, 6, 10, 92, 102])
def test_where_there_is_none(order):
    assert hadamard(order) is None


@pytest.mark.parametrize("length", [5, 9, 13, 17, 25, 29, 49])
def test_conference_codes_are_far_apart(length):
    codes = conference_codes(length)
    assert codes.shape == (2 * length + 2, length)
    assert np.isin(codes, (-1, 1)).all()
    distances = (codes[:, None] != codes).sum(axis=2)
    assert distances[~np.eye(len(codes), dtype=bool)].min() == (length - 1) / 2


@pytest.mark.parametrize("length", [1, 3, 7, 21, 33, 45, 27])
def test_lengths_without_a_conference_code(length):
    assert conference_codes(length) is None
