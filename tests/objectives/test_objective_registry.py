"""The registry of objectives, and what holds of every objective in it."""

import inspect

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from objective_cases import BITS, TRAINED, distances, learned_codes, no_classifier
from torch import nn

from dlheir.errors import InputError
from dlheir.objectives import (
    ClosedForm,
    Objective,
    get_objective,
    list_objectives,
    objective_class,
)

# They know of two pictures only whether their classes are the same.
OF_PAIRS = ["dpsh", "dsh", "hashnet"]


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("cross_entropi", {}, "did you mean cross_entropy"),
        ("nonsense", {}, "there are: cross_entropy"),
        ("cross_entropy", {"margin": 1}, "takes no 'margin'; it takes label_smoothing"),
        ("random_projection", {"margin": 1}, "it takes no options"),
        ("cross_entropy", {"label_smoothing": 1.0}, "label_smoothing is 1.0"),
        ("cross_entropy", {"label_smoothing": "much"}, "label_smoothing is much"),
        ("dsh", {"margin": 0}, "margin is 0; it must be a number above 0"),
        ("dsh", {"quantization_weight": -1}, "quantization_weight is -1"),
        ("dsh", {"similar_weight": 0}, "similar_weight is 0"),
        ("dpsh", {"similar_weight": "all"}, "similar_weight is all"),
        ("dpsh", {"quantization_weight": float("nan")}, "quantization_weight is nan"),
        ("hashnet", {"alpha": True}, "alpha is True"),
        ("hashnet", {"last_beta": 0.5}, "last_beta is 0.5; it must be at least 1"),
        ("greedyhash", {"quantization_weight": "0.1"}, "quantization_weight is 0.1"),
        ("csq", {"quantization_weight": float("inf")}, "quantization_weight is inf"),
        ("dpn", {"margin": -1}, "margin is -1"),
        ("orthohash", {"scale": 0}, "scale is 0"),
        ("orthohash", {"margin": -0.1}, "margin is -0.1"),
        ("itq", {"iterations": 1.5}, "iterations is 1.5"),
        ("predicted_class", {"shrinkage": 0}, "shrinkage is 0"),
        ("predicted_class", {"shrinkage": 1.5}, "shrinkage is 1.5; it must be in"),
    ],
)
def test_what_there_is_not(name, options, expected):
    with pytest.raises(InputError, match=expected) as error:
        get_objective(name, 4, 2, **options)
    assert "\n" not in str(error.value)


def test_names():
    assert list_objectives() == sorted(list_objectives())
    trained = {
        *("cross_entropy", "csq", "dpn", "dpsh", "dsh", "greedyhash", "hashnet", "orthohash")
    }
    assert set(TRAINED) == trained
    assert set(list_objectives()) - trained == {"itq", "predicted_class", "random_projection"}


@pytest.mark.parametrize("name", list_objectives())
def test_what_a_network_is_built_by(name):
    found = objective_class(name)
    assert issubclass(found, Objective) != issubclass(found, ClosedForm)
    assert found.hash_order == ("sigmoid_first" if name == "cross_entropy" else "pool_first")
    assert found.head == ("class_code" if name == "predicted_class" else "hash_layer")
    assert isinstance(get_objective(name, 12, 5), found)
    assert "Source: " in inspect.getdoc(found) or name == "cross_entropy"


def test_an_unknown_name_has_no_class():
    with pytest.raises(InputError, match="did you mean hashnet"):
        objective_class("hashnets")


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("name", TRAINED)
def test_every_batch_has_a_finite_loss_and_gradient(name, bits):
    generator = torch.Generator().manual_seed(bits)
    activations = torch.rand(8, bits, generator=generator)
    rounded = activations.round()
    of_each_class, of_one, mixed = torch.arange(8), torch.full((8,), 3), torch.arange(8) % 3
    classifier = nn.Linear(bits, 50)
    for values, labels in [
        (activations, of_each_class),
        (activations, of_one),
        (activations, mixed),
        (activations[:1], mixed[:1]),
        (activations.new_full((8, bits), 0.5), mixed),
        (activations.new_full((8, bits), 0.5), of_each_class),
        (rounded, mixed),
        (rounded, of_each_class),
    ]:
        objective = get_objective(name, bits, 50)
        objective.advance(0.7)
        leaf = values.clone().requires_grad_()
        loss = objective(leaf, labels, classifier)
        assert loss.shape == ()
        assert loss.dtype == torch.float32
        assert loss.isfinite()
        loss.backward()
        assert leaf.grad.isfinite().all()
        if values is activations:
            assert (leaf.grad.abs().sum(dim=1) > 0).all(), "a picture without a gradient"


@pytest.mark.parametrize("name", TRAINED)
def test_the_classifier_is_trained_where_it_is_used(name):
    objective = get_objective(name, 12, 3)
    activations, labels = torch.rand(6, 12, requires_grad=True), torch.arange(6) % 3
    if not objective.uses_classifier:
        objective(activations, labels, no_classifier)
        return
    classifier = nn.Linear(12, 3)
    objective(activations, labels, classifier).backward()
    assert classifier.weight.grad.abs().sum() > 0
    assert classifier.bias.grad.abs().sum() > 0


# The sign of GreedyHash has no derivative; its own test says what its gradient is.
@pytest.mark.parametrize("name", [name for name in TRAINED if name != "greedyhash"])
def test_gradient(name):
    generator = torch.Generator().manual_seed(3)
    draw = {"generator": generator, "dtype": torch.float64}
    activations = torch.rand(5, 4, **draw).mul(0.9).add(0.05).requires_grad_()
    weight = torch.randn(3, 4, **draw).requires_grad_()
    labels = torch.tensor([0, 1, 2, 1, 0])
    objective = get_objective(name, bits=4, num_classes=3)
    objective.advance(0.5)
    assert torch.autograd.gradcheck(
        lambda a, w: objective(a, labels, lambda x: x @ w.T), (activations, weight)
    )


@pytest.mark.parametrize("name", TRAINED)
@settings(deadline=None, max_examples=25)
@given(order=st.permutations(range(7)))
def test_the_order_of_a_batch_does_not_matter(name, order):
    generator = torch.Generator().manual_seed(5)
    activations = torch.rand(7, 12, generator=generator, dtype=torch.float64)
    weight = torch.randn(12, 4, generator=generator, dtype=torch.float64)
    labels = torch.arange(7) % 4
    objective = get_objective(name, 12, 4)
    loss = objective(activations, labels, lambda x: x @ weight)
    turned = objective(activations[order], labels[order], lambda x: x @ weight)
    assert turned.item() == pytest.approx(loss.item(), rel=1e-12)


@pytest.mark.parametrize("name", OF_PAIRS)
@settings(deadline=None, max_examples=25)
@given(flipped=st.lists(st.booleans(), min_size=12, max_size=12), names=st.permutations(range(4)))
def test_pairs_know_neither_a_bits_meaning_nor_a_class_name(name, flipped, names):
    generator = torch.Generator().manual_seed(7)
    activations = torch.rand(9, 12, generator=generator, dtype=torch.float64)
    labels = torch.arange(9) % 4
    objective = get_objective(name, 12, 4)
    loss = objective(activations, labels, no_classifier)
    other = torch.where(torch.tensor(flipped), 1 - activations, activations)
    renamed = torch.tensor(names)[labels]
    assert objective(other, renamed, no_classifier).item() == pytest.approx(loss.item(), rel=1e-9)


@pytest.mark.parametrize("name", TRAINED)
def test_a_linear_layer_learns(name):
    within, between = distances(*learned_codes(name, steps=0))
    assert within > 0.8 * between, "the classes were told apart before"
    within, between = distances(*learned_codes(name, steps=400))
    assert within < 0.5 * between
