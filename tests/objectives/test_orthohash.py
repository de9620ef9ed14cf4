"""OrthoHash, by hand."""

import math

import pytest
import torch
from objective_cases import activations_with, no_classifier

from dlheir.objectives import get_objective


def test_value_by_hand():
    objective = get_objective("orthohash", 2, 2)
    objective.centres = torch.tensor([[1, 1], [1, 0]], dtype=torch.uint8)
    activations = activations_with([[3.0, 4.0], [0.0, -2.0]])
    loss = objective(activations, torch.tensor([0, 1]), no_classifier)
    # Cosines with (1, 1) and (1, -1): of (3, 4) 7 / (5 sqrt 2) and -1 / (5 sqrt 2), of (0, -2)
    # -1 / sqrt 2 and 1 / sqrt 2. The label's is made smaller by 0.2, and 8 scales both.
    root = math.sqrt(2)
    first = 8 * (7 / (5 * root) - 0.2 - -1 / (5 * root))
    second = 8 * (1 / root - 0.2 - -1 / root)
    expected = (math.log(1 + math.exp(-first)) + math.log(1 + math.exp(-second))) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-9)


def test_the_outputs_size_does_not_matter():
    objective = get_objective("orthohash", 12, 5)
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(6, 12, generator=generator, dtype=torch.float64)
    labels = torch.arange(6) % 5
    losses = [
        objective(activations_with(scale * outputs), labels, no_classifier).item()
        for scale in (0.01, 1.0, 3.0)
    ]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-9)


def test_orthogonal_targets_by_hand():
    # At its own target a picture has cosine 1 with it and 0 with the 4 others.
    objective = get_objective("orthohash", 12, 5)
    targets = 2.0 * objective.centres - 1
    loss = objective(activations_with(targets), torch.arange(5), no_classifier)
    assert loss.item() == pytest.approx(math.log(1 + 4 * math.exp(-8 * 0.8)), rel=1e-6)
