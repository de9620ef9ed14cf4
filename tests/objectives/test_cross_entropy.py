"""Cross entropy, by hand."""

import math

import pytest
import torch

from dlheir.objectives import get_objective

LOGITS = torch.tensor([[0.0, math.log(3)], [math.log(4), 0.0]], dtype=torch.float64)
LABELS = torch.tensor([1, 1])


def itself(activations):
    """A classifier whose logits are the activations."""
    return activations


def test_value_by_hand():
    # Softmax gives (1/4, 3/4) and (4/5, 1/5); the labels' are 3/4 and 1/5.
    expected = -(math.log(3 / 4) + math.log(1 / 5)) / 2
    loss = get_objective("cross_entropy", 2, 2)(LOGITS, LABELS, itself)
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_label_smoothing_by_hand():
    # With 0.2 over two classes a label has 0.9 and the other class 0.1.
    first = 0.9 * math.log(3 / 4) + 0.1 * math.log(1 / 4)
    second = 0.9 * math.log(1 / 5) + 0.1 * math.log(4 / 5)
    objective = get_objective("cross_entropy", 2, 2, label_smoothing=0.2)
    loss = objective(LOGITS, LABELS, itself)
    assert loss.item() == pytest.approx(-(first + second) / 2, rel=1e-12)
