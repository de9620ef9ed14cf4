"""The dictionary attack against hand-made codes and the nearest code."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dlheir.errors import InputError
from dlheir.store.attacks import ClassGuess, dictionary_attack


def test_names_the_class_of_a_code():
    own, own_labels = [[0, 0, 0, 0], [1, 1, 1, 1]], [7, 3]
    stored, labels = [[0, 0, 1, 0], [1, 1, 0, 1], [0, 1, 1, 1]], [7, 3, 7]
    assert dictionary_attack(stored, labels, own, own_labels) == ClassGuess(2 / 3, 2 / 3)


def test_trusts_the_bits_that_a_class_is_sure_of():
    # Class 0 has the first bit always 0, the others as they come; class 1 is always 1000. The
    # stored code is nearer to 1000 (2 bits) than to two of the four of class 0 (1 to 3 bits).
    own = [[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1], [0, 1, 0, 1], *[[1, 0, 0, 0]] * 4]
    guess = dictionary_attack([[0, 1, 0, 0]], [0], own, [0] * 4 + [1] * 4)
    assert guess.accuracy == 1


@given(
    own=arrays("u1", (5, 9), elements=st.integers(0, 1)),
    stored=arrays("u1", (6, 9), elements=st.integers(0, 1)),
)
def test_is_the_nearest_code_with_one_own_picture_a_class(own, stored):
    distances = (stored[:, None] != own).sum(axis=2)
    for label in range(5):
        # Ties may go either way.
        nearest = distances[:, label] == distances.min(axis=1)
        alone = nearest & ((distances == distances.min(axis=1, keepdims=True)).sum(axis=1) == 1)
        accuracy = dictionary_attack(stored, np.full(6, label), own, np.arange(5)).accuracy
        assert alone.sum() <= round(6 * accuracy) <= nearest.sum()


def test_learns_nothing_from_codes_that_say_nothing():
    random = np.random.default_rng(0)
    codes, labels = random.integers(0, 2, (4000, 24)), np.arange(4000) % 10
    guess = dictionary_attack(codes, labels, random.integers(0, 2, (500, 24)), np.arange(500) % 10)
    assert guess.chance == 0.1
    assert guess.accuracy == pytest.approx(0.1, abs=0.02)


def test_chance_is_the_largest_class():
    guess = dictionary_attack([[0], [0], [0], [1]], [1, 1, 2, 3], [[0], [1]], [2, 3])
    assert guess == ClassGuess(accuracy=0.5, chance=0.5)


def test_refuses_codes_of_two_lengths():
    with pytest.raises(InputError, match="stored codes: 3 bits, expected 2"):
        dictionary_attack([[0, 1, 1]], [0], [[0, 1]], [0])
