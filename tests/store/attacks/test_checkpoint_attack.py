"""Codes imagined from a classifier's weights."""

import numpy as np
import pytest

from dlheir.errors import InputError
from dlheir.store.attacks import (
    cluster_matching_attack,
    codes_from_checkpoint,
    dictionary_attack,
)
from dlheir.store.protection import KeyedTransform


def test_bits_follow_the_weights():
    # Log odds are four times the weight over its deviation, here 1: 98.2 % of the bits.
    weights = np.array([[1, -1], [-1, 1]])
    codes, labels = codes_from_checkpoint(weights, np.random.default_rng(0))
    assert codes.shape == (80, 2)
    assert np.bincount(labels).tolist() == [40, 40]
    assert (codes == (weights > 0)[labels]).mean() == pytest.approx(1 / (1 + np.exp(-4)), abs=0.03)


def test_weights_that_say_nothing_give_even_bits():
    codes, _ = codes_from_checkpoint(np.zeros((50, 8)), np.random.default_rng(0))
    assert codes.mean() == pytest.approx(0.5, abs=0.02)


def test_serves_the_other_attacks(clustered):
    codes = clustered(32, classes=40, stored=2000, flips=0.1)
    shares = np.array([codes.stored[codes.labels == label].mean(axis=0) for label in range(40)])
    noise = np.random.default_rng(1).normal(size=shares.shape)
    own, own_labels = codes_from_checkpoint(shares - 0.5 + 0.1 * noise, np.random.default_rng(2))
    transform = KeyedTransform.from_key(b"key", 32)
    found = cluster_matching_attack(own, transform.apply(codes.stored)).transform
    assert np.array_equal(found.apply(codes.stored), transform.apply(codes.stored))
    assert dictionary_attack(codes.stored, codes.labels, own, own_labels).accuracy > 0.95


@pytest.mark.parametrize("weights", [np.zeros(3), np.zeros((0, 4))])
def test_refuses_what_are_no_weights(weights):
    with pytest.raises(InputError, match="expected \\(classes, bits\\)"):
        codes_from_checkpoint(weights, np.random.default_rng(0))
