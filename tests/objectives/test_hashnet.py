"""HashNet, by hand and by a double loop."""

import math

import numpy as np
import pytest
import torch
from objective_cases import activations_with, no_classifier

from dlheir.objectives import get_objective

# At beta = 1 these become (1/2, -1/2), (1/2, 1/2), (0, 1/2).
OUTPUTS = np.arctanh([[0.5, -0.5], [0.5, 0.5], [0.0, 0.5]])
LABELS = torch.tensor([0, 0, 1])


def test_value_by_hand():
    # Scaled inner products: 0 of the one similar pair; -1/2 and 1/2 of the two others. All three
    # pairs over the one weigh it 3, over the two weigh each 3/2; the mean divides by 3.
    different = (math.log(1 + math.exp(-0.5)) + math.log(1 + math.exp(0.5))) / 2
    loss = get_objective("hashnet", 2, 2, alpha=2)(activations_with(OUTPUTS), LABELS, no_classifier)
    assert loss.item() == pytest.approx(math.log(2) + different, rel=1e-9)


@pytest.mark.parametrize(
    ("progress", "beta"), [(0, 1), (0.5, math.sqrt(26)), (1 - 1e-9, math.sqrt(51))]
)
def test_against_a_double_loop(progress, beta):
    random = np.random.default_rng(2)
    z, labels = random.normal(0, 0.5, (7, 5)), random.integers(0, 3, 7)
    h = np.tanh(beta * z)
    pairs = [(i, j) for i in range(7) for j in range(i + 1, 7)]
    similar = sum(labels[i] == labels[j] for i, j in pairs)
    loss = 0.0
    for i, j in pairs:
        s = labels[i] == labels[j]
        weight = len(pairs) / (similar if s else len(pairs) - similar)
        product = 10 / 5 * h[i] @ h[j]
        loss += weight * (np.log(1 + np.exp(product)) - s * product) / len(pairs)
    objective = get_objective("hashnet", 5, 3)
    objective.advance(progress)
    found = objective(activations_with(z), torch.from_numpy(labels), no_classifier)
    assert found.item() == pytest.approx(loss, rel=1e-6)


def test_copies_of_a_class_do_not_outweigh_a_similar_pair():
    # Ten more pictures of a third class at one place: as before, the similar ones are alike.
    objective = get_objective("hashnet", 2, 3, alpha=2)
    far = np.arctanh([[0.5, -0.5]])
    few = objective(activations_with(np.concatenate([far, far])), torch.tensor([0, 0]), None)
    many = objective(
        activations_with(np.repeat(far, 12, axis=0)), torch.tensor([0, 0] + [1] * 10), None
    )
    # <h, h> = 1/2: log(1 + e^-1) of similar, log(1 + e) of dissimilar pairs, however many.
    assert few.item() == pytest.approx(math.log(1 + math.exp(-1)), rel=1e-9)
    expected = math.log(1 + math.exp(-1)) + math.log(1 + math.e)
    assert many.item() == pytest.approx(expected, rel=1e-9)


def test_resumed_training_finds_the_same_beta():
    first, resumed = get_objective("hashnet", 4, 2), get_objective("hashnet", 4, 2)
    for progress in (0.0, 0.25, 0.5):
        first.advance(progress)
    resumed.advance(0.5)
    assert first.beta == resumed.beta
    first.advance(0.75)
    assert first.beta > resumed.beta
