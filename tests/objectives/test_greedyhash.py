"""GreedyHash: its value by hand, and what its gradient must be."""

import math

import pytest
import torch

from dlheir.objectives import get_objective

OUTPUTS = torch.tensor([[2.0, -0.5], [0.0, -1.0], [-3.0, 0.25]], dtype=torch.float64)
LABELS = torch.tensor([0, 1, 0])
WEIGHT = torch.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=torch.float64)


def classifier(codes):
    return codes @ WEIGHT.T


def test_value_by_hand():
    # Codes (1, 0), (1, 0) as an activation of 1/2 is a 1, (0, 1): logits (1, 0.5), (1, 0.5),
    # (-2, 3).
    entropy = [
        math.log(1 + math.exp(0.5 - 1)),
        math.log(1 + math.exp(1 - 0.5)),
        math.log(1 + math.exp(3 + 2)),
    ]
    cubes = [1**3, 0.5**3, 1**3, 0, 2**3, 0.75**3]
    loss = get_objective("greedyhash", 2, 2, quantization_weight=0.1)(
        OUTPUTS.sigmoid(), LABELS, classifier
    )
    assert loss.item() == pytest.approx(sum(entropy) / 3 + 0.1 * sum(cubes) / 6, rel=1e-9)


def test_the_gradient_passes_the_sign_unchanged():
    # With b = sign(z) = 2 c - 1 the source sets the gradient by z to that by b, half that by c.
    codes = (OUTPUTS >= 0).double().requires_grad_()
    torch.nn.functional.cross_entropy(classifier(codes), LABELS).backward()
    size = OUTPUTS.abs()
    penalty = 3 * (size - 1).abs() * (size - 1) * OUTPUTS.sign() / OUTPUTS.numel()
    outputs = OUTPUTS.clone().requires_grad_()
    objective = get_objective("greedyhash", 2, 2, quantization_weight=0.1)
    objective(outputs.sigmoid(), LABELS, classifier).backward()
    torch.testing.assert_close(outputs.grad, codes.grad / 2 + 0.1 * penalty)


def test_the_classifier_sees_codes_alone():
    seen = []

    def spy(codes):
        seen.append(codes)
        return codes

    objective = get_objective("greedyhash", 2, 2)
    objective(torch.tensor([[0.999, 0.49], [0.5, 0.0]]), torch.tensor([0, 1]), spy)
    assert seen[0].tolist() == [[1, 0], [1, 0]]
