"""DPN, by hand."""

import pytest
import torch
from objective_cases import activations_with, no_classifier

from dlheir.objectives import get_objective


def test_value_by_hand():
    objective = get_objective("dpn", 2, 2, margin=1.5)
    objective.centres = torch.tensor([[1, 0], [0, 0]], dtype=torch.uint8)
    activations = activations_with([[2.0, -1.0], [0.5, 0.25]])
    loss = objective(activations, torch.tensor([0, 1]), no_classifier)
    # Targets (1, -1) and (-1, -1): 2 is beyond the margin, -1 lacks 0.5, the others stand wrong.
    assert loss.item() == pytest.approx((0 + 0.5 + 2 + 1.75) / 4, rel=1e-9)


def test_right_bits_beyond_the_margin_are_left_alone():
    objective = get_objective("dpn", 12, 5)
    targets = 2.0 * objective.centres - 1
    activations = activations_with(1.01 * targets).requires_grad_()
    loss = objective(activations, torch.arange(5), no_classifier)
    loss.backward()
    assert loss == 0
    assert (activations.grad == 0).all()
