"""DSH, by hand and by a double loop."""

import numpy as np
import pytest
import torch
from objective_cases import activations_with, no_classifier

from dlheir.objectives import get_objective

OUTPUTS = [[1.0, -1.0], [1.0, 1.0], [0.0, 2.0]]
LABELS = torch.tensor([0, 0, 1])


@pytest.mark.parametrize(
    ("margin", "weight", "expected"),
    [
        # Squared distances: 4 of the similar pair; 10 and 2 of the others.
        (12, 0, (4 + (12 - 10) + (12 - 2)) / 2 / 3),
        # The default margin is 2 bits = 4, which 10 is beyond.
        (None, 0, (4 + 0 + (4 - 2)) / 2 / 3),
        # Only the third picture is off its code, by 1 in both bits; it is in two of three pairs.
        (None, 0.1, (4 + 0 + (4 - 2)) / 2 / 3 + 0.1 * 2 * (1 + 1) / 3),
    ],
)
def test_value_by_hand(margin, weight, expected):
    objective = get_objective("dsh", 2, 2, margin=margin, quantization_weight=weight)
    loss = objective(activations_with(OUTPUTS), LABELS, no_classifier)
    assert loss.item() == pytest.approx(expected, rel=1e-9)


def test_similar_weight_by_hand():
    # As above; the similar pair counts four times, as if it was there four times among six pairs.
    objective = get_objective("dsh", 2, 2, quantization_weight=0, similar_weight=4)
    loss = objective(activations_with(OUTPUTS), LABELS, no_classifier)
    assert loss.item() == pytest.approx((4 * 4 + 0 + (4 - 2)) / 2 / 6, rel=1e-9)


def test_against_a_double_loop():
    random = np.random.default_rng(0)
    z, labels = random.normal(0, 1.2, (7, 5)), random.integers(0, 3, 7)
    terms = []
    for i in range(7):
        for j in range(i + 1, 7):
            distance = sum((z[i] - z[j]) ** 2)
            similar = labels[i] == labels[j]
            term = distance / 2 if similar else max(10 - distance, 0) / 2
            off = sum(abs(abs(z[i]) - 1)) + sum(abs(abs(z[j]) - 1))
            terms.append(term + 0.01 * off)
    objective = get_objective("dsh", 5, 3)
    loss = objective(activations_with(z), torch.from_numpy(labels), no_classifier)
    assert loss.item() == pytest.approx(np.mean(terms), rel=1e-9)


def test_distant_pairs_of_different_classes_are_left_alone():
    activations = activations_with([[2.0, 2.0], [-2.0, -2.0]]).requires_grad_()
    objective = get_objective("dsh", 2, 2, quantization_weight=0)
    objective(activations, torch.tensor([0, 1]), no_classifier).backward()
    assert (activations.grad == 0).all()
