"""Cross entropy, by hand, and the registry of objectives."""

import math

import pytest
import torch

from dlheir.errors import InputError
from dlheir.objectives import get_objective, list_objectives

LOGITS = torch.tensor([[0.0, math.log(3)], [math.log(4), 0.0]], dtype=torch.float64)
LABELS = torch.tensor([1, 1])
ACTIVATIONS = torch.rand(2, 4, dtype=torch.float64)


def test_value_by_hand():
    # Softmax gives (1/4, 3/4) and (4/5, 1/5); the labels' are 3/4 and 1/5.
    expected = -(math.log(3 / 4) + math.log(1 / 5)) / 2
    loss = get_objective("cross_entropy", 4, 2)(LOGITS, ACTIVATIONS, LABELS)
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_label_smoothing_by_hand():
    # With 0.2 over two classes a label has 0.9 and the other class 0.1.
    first = 0.9 * math.log(3 / 4) + 0.1 * math.log(1 / 4)
    second = 0.9 * math.log(1 / 5) + 0.1 * math.log(4 / 5)
    objective = get_objective("cross_entropy", 4, 2, label_smoothing=0.2)
    loss = objective(LOGITS, ACTIVATIONS, LABELS)
    assert loss.item() == pytest.approx(-(first + second) / 2, rel=1e-12)


@pytest.mark.parametrize("name", list_objectives())
def test_gradient(name):
    objective = get_objective(name, bits=4, num_classes=3)
    logits = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    activations = torch.rand(5, 4, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 1, 2, 1, 0])
    assert objective(logits, activations, labels).shape == ()
    assert torch.autograd.gradcheck(lambda *x: objective(*x, labels), (logits, activations))


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("cross_entropi", {}, "did you mean cross_entropy"),
        ("nonsense", {}, "there are: cross_entropy"),
        ("cross_entropy", {"margin": 1}, "takes no 'margin'; it takes label_smoothing"),
        ("cross_entropy", {"label_smoothing": 1.0}, "label_smoothing is 1.0"),
        ("cross_entropy", {"label_smoothing": "much"}, "label_smoothing is much"),
    ],
)
def test_what_there_is_not(name, options, expected):
    with pytest.raises(InputError, match=expected) as error:
        get_objective(name, 4, 2, **options)
    assert "\n" not in str(error.value)


def test_names_are_sorted():
    assert list_objectives() == sorted(list_objectives())
    assert "cross_entropy" in list_objectives()
