"""Activations of a set of pictures: each once, in the set's order."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dlheir.collector import ActivationCollector


def collected(*batches, bits=3):
    """Collect batches of numbers; activations and labels follow from the number."""
    collector = ActivationCollector()
    for batch in batches:
        numbers = torch.tensor(batch)
        activations = numbers[:, None] / 100 + torch.arange(bits)
        collector.update(numbers, activations, 7 * numbers)
    return collector.compute()


@given(st.permutations(range(12)), st.lists(st.integers(0, 11), max_size=5))
def test_each_picture_once_in_order(order, repeated):
    found = collected(order[:5], order[5:] + repeated)
    np.testing.assert_array_equal(found.labels, 7 * np.arange(12))
    np.testing.assert_allclose(found.activations[:, 0], np.arange(12) / 100, rtol=1e-6)
    assert found.activations.shape == (12, 3)


def test_missing_picture():
    with pytest.raises(RuntimeError, match="2 pictures were not hashed"):
        collected([0, 1, 4])


def test_half_precision_becomes_single():
    collector = ActivationCollector()
    collector.update(torch.tensor([0]), torch.tensor([[0.5]]).bfloat16(), torch.tensor([1]))
    assert collector.compute().activations.dtype == np.float32


def test_reset_forgets():
    collector = ActivationCollector()
    for label in (1, 2):
        collector.reset()
        collector.update(torch.tensor([0]), torch.tensor([[0.5]]), torch.tensor([label]))
    assert collector.compute().labels.tolist() == [2]
