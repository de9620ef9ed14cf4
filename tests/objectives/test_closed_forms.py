"""What holds of every objective that is solved, and random projection."""

import pytest
import torch
from objective_cases import BITS, CLOSED, distances

from dlheir.errors import InputError
from dlheir.models.class_code import ClassCode
from dlheir.models.hash_layer import HashLayer
from dlheir.objectives import get_objective, objective_class

PROJECTIONS = [name for name in CLOSED if objective_class(name).head == "hash_layer"]


def clusters(count=120, channels=60, classes=6, seed=0):
    """Features far from the origin, of classes that are apart."""
    generator = torch.Generator().manual_seed(seed)
    centres = 2 * torch.randn(classes, channels, generator=generator)
    labels = torch.arange(count) % classes
    noise = torch.randn(count, channels, generator=generator)
    return 5 + centres[labels] + 0.3 * noise, labels


def solved(name, bits, features, labels, seed=0, **options):
    """The layer that an objective has set, in eval mode."""
    classes = int(labels.max()) + 1
    objective = get_objective(name, bits, classes, **options)
    if objective.head == "class_code":
        layer = ClassCode(features.shape[1], bits, classes)
    else:
        layer = HashLayer(features.shape[1], bits, objective.hash_order)
        # Whatever stood there before.
        torch.nn.init.normal_(layer.norm.running_mean)
        torch.nn.init.constant_(layer.norm.running_var, 3.0)
        torch.nn.init.normal_(layer.norm.weight)
    objective.solve(features, labels, layer, torch.Generator().manual_seed(seed))
    return layer.eval()


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("name", CLOSED)
def test_classes_that_are_apart_get_codes_that_are(name, bits):
    features, labels = clusters()
    layer = solved(name, bits, features, labels)
    activations = layer(features[:, :, None, None])
    assert activations.shape == (120, bits)
    within, between = distances(activations >= 0.5, labels)
    assert within < 0.3 * between


@pytest.mark.parametrize("name", CLOSED)
def test_the_same_generator_gives_the_same_layer(name):
    features, labels = clusters()
    first, again = (solved(name, 12, features, labels).state_dict() for _ in range(2))
    assert all(torch.equal(first[key], again[key]) for key in first)


@pytest.mark.parametrize("name", PROJECTIONS)
def test_labels_are_not_used(name):
    features, labels = clusters()
    first = solved(name, 12, features, labels).state_dict()
    other = solved(name, 12, features, labels.flip(0)).state_dict()
    assert all(torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize("name", PROJECTIONS)
def test_sigmoids_do_not_saturate(name):
    features, labels = clusters()
    layer = solved(name, 24, 1000 * features, labels)
    activations = layer(1000 * features[:, :, None, None]).detach()
    assert 0.1 < activations.quantile(0.05) < 0.3
    assert 0.7 < activations.quantile(0.95) < 0.9
    assert activations.logit().square().mean().sqrt() == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("name", CLOSED)
def test_places_are_averaged_before_they_count(name):
    features, labels = clusters()
    layer = solved(name, 12, features, labels)
    maps = features[:, :, None, None] + torch.tensor([[3.0, -1.0], [-4.0, 2.0]])
    torch.testing.assert_close(layer(maps), layer(features[:, :, None, None]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", PROJECTIONS)
def test_pictures_that_are_all_alike(name):
    layer = solved(name, 8, torch.ones(5, 10), torch.zeros(5, dtype=torch.int64))
    assert layer(torch.ones(1, 10, 1, 1)).isfinite().all()


@pytest.mark.parametrize("name", PROJECTIONS)
def test_an_average_after_the_sigmoid_is_refused(name):
    features, labels = clusters()
    layer = HashLayer(60, 12, "sigmoid_first")
    with pytest.raises(InputError, match="hash_order is sigmoid_first") as error:
        get_objective(name, 12, 6).solve(features, labels, layer, torch.Generator())
    assert "\n" not in str(error.value)


def test_random_projection_is_the_sign_of_a_projection_of_what_is_off_the_mean():
    features, labels = clusters()
    layer = solved("random_projection", 24, features, labels)
    directions = layer.conv.weight[:, :, 0, 0].double()
    projected = (features.double() - features.double().mean(dim=0)) @ directions.T
    bits = layer(features[:, :, None, None]) >= 0.5
    # Rounding decides where a projection is next to nothing.
    clear = projected.abs() > 1e-5
    assert clear.double().mean() > 0.99
    assert torch.equal(bits[clear], (projected >= 0)[clear])
    other = solved("random_projection", 24, features, labels, seed=1)
    assert not torch.equal(other.conv.weight, layer.conv.weight)


def test_random_projection_has_an_angles_share_of_different_bits():
    # Two pictures on opposite sides of the mean differ in all bits, at a right angle in half.
    corners = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    layer = solved("random_projection", 1000, corners + 7, torch.arange(4))
    bits = layer((corners + 7)[:, :, None, None]) >= 0.5
    assert (bits[0] != bits[2]).double().mean() > 0.99
    assert (bits[0] != bits[1]).double().mean() == pytest.approx(0.5, abs=0.06)
