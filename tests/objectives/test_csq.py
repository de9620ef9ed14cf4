"""CSQ, by hand."""

import math

import pytest
import torch
from objective_cases import no_classifier

from dlheir.objectives import get_objective, hash_centres


def test_value_by_hand():
    objective = get_objective("csq", 2, 3, quantization_weight=0.5)
    objective.centres = torch.tensor([[1, 1], [1, 0], [0, 1]], dtype=torch.uint8)
    activations = torch.tensor([[0.9, 0.6], [0.2, 0.5]], dtype=torch.float64)
    loss = objective(activations, torch.tensor([1, 2]), no_classifier)
    # Centres (1, 0) and (0, 1).
    entropy = -(math.log(0.9) + math.log(0.4) + math.log(0.8) + math.log(0.5)) / 4
    # |2 a - 1| - 1 is -0.2, -0.8, -0.4 and -1.
    off = sum(math.log(math.cosh(x)) for x in (0.2, 0.8, 0.4, 1)) / 4
    assert loss.item() == pytest.approx(entropy + 0.5 * off, rel=1e-9)


@pytest.mark.parametrize(("bits", "classes"), [(12, 50), (48, 50), (8, 3)])
def test_the_classes_centres_are_the_smallest_loss(bits, classes):
    objective = get_objective("csq", bits, classes)
    centres = hash_centres(classes, bits)
    labels = torch.arange(classes)
    at_centres = objective(0.98 * centres + 0.01, labels, no_classifier)
    at_others = objective(0.98 * centres.roll(1, 0) + 0.01, labels, no_classifier)
    assert at_centres < 0.02 < at_others


def test_saturated_on_the_wrong_side():
    objective = get_objective("csq", 12, 3)
    wrong = 1 - hash_centres(3, 12).float()
    loss = objective(wrong, torch.arange(3), no_classifier)
    assert loss.item() == pytest.approx(math.log(1e6), rel=0.01)
