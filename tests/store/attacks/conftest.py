"""Codes as a trained network makes them: classes around codes of their own."""

from typing import NamedTuple

import numpy as np
import pytest


class Codes(NamedTuple):
    stored: np.ndarray
    labels: np.ndarray
    own: np.ndarray
    own_labels: np.ndarray


@pytest.fixture(scope="session")
def clustered():
    """Make codes whose bits differ from their class's own with probability `flips`."""

    def make(bits=48, classes=20, stored=1000, own=400, flips=0.1, seed=0):
        random = np.random.default_rng(seed)
        centres = random.integers(0, 2, (classes, bits))

        def pictures(count):
            labels = np.arange(count) % classes
            return (centres[labels] ^ (random.random((count, bits)) < flips)).astype("u1"), labels

        return Codes(*pictures(stored), *pictures(own))

    return make
