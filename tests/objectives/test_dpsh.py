"""DPSH, by hand and by a double loop."""

import math

import numpy as np
import pytest
import torch
from objective_cases import activations_with, no_classifier

from dlheir.objectives import get_objective


def test_value_by_hand():
    # Half inner products: 0 of the similar pair; -1 and 1 of the others.
    likelihood = (math.log(2) + math.log(1 + math.exp(-1)) + math.log(1 + math.e)) / 3
    # Of 6 bits the third picture's two are 1 off their signs.
    quantization = 2 / 6
    activations = activations_with([[1.0, -1.0], [1.0, 1.0], [0.0, 2.0]])
    objective = get_objective("dpsh", 2, 2, quantization_weight=0.5)
    loss = objective(activations, torch.tensor([0, 0, 1]), no_classifier)
    assert loss.item() == pytest.approx(likelihood + 0.5 * quantization, rel=1e-9)


def test_similar_weight_by_hand():
    # As above; the similar pair counts four times, as if it was there four times among six pairs.
    likelihood = (4 * math.log(2) + math.log(1 + math.exp(-1)) + math.log(1 + math.e)) / 6
    activations = activations_with([[1.0, -1.0], [1.0, 1.0], [0.0, 2.0]])
    objective = get_objective("dpsh", 2, 2, quantization_weight=0, similar_weight=4)
    loss = objective(activations, torch.tensor([0, 0, 1]), no_classifier)
    assert loss.item() == pytest.approx(likelihood, rel=1e-9)


def test_against_a_double_loop():
    random = np.random.default_rng(1)
    z, labels = random.normal(0, 1.5, (7, 5)), random.integers(0, 3, 7)
    terms = []
    for i in range(7):
        for j in range(i + 1, 7):
            probability = 1 / (1 + np.exp(-z[i] @ z[j] / 2))
            similar = labels[i] == labels[j]
            terms.append(-np.log(probability if similar else 1 - probability))
    expected = np.mean(terms) + 0.1 * np.mean((np.sign(z) - z) ** 2)
    objective = get_objective("dpsh", 5, 3)
    loss = objective(activations_with(z), torch.from_numpy(labels), no_classifier)
    assert loss.item() == pytest.approx(expected, rel=1e-9)


def test_long_codes_do_not_overflow():
    activations = torch.cat([torch.ones(2, 1000), torch.zeros(1, 1000)])
    loss = get_objective("dpsh", 1000, 2, quantization_weight=0)(
        activations, torch.tensor([0, 1, 1]), no_classifier
    )
    # One pair is alike though its classes differ, one is opposite though they are the same.
    assert loss.item() == pytest.approx(2 / 3 * 500 * math.log(1e6) ** 2, rel=0.01)
