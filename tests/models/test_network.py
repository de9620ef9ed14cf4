"""What holds for every network, seen in the smallest; test_zoo.py looks at each."""

import pytest
import torch

from dlheir.models import get_model


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return get_model("dlheir_nano", bits=12, num_classes=7, image_size=64).eval()


@pytest.fixture(scope="module")
def images():
    return torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def test_shapes_at_an_odd_size(network):
    with torch.no_grad():
        images = torch.randn(1, 3, 97, 130)
        activations, logits = network.activations(images), network(images)
    assert activations.shape == (1, 12)
    assert logits.shape == (1, 7)
    assert activations.dtype == torch.float32
    assert ((activations > 0) & (activations < 1)).all()


def test_settings_rebuild_what_is_no_default():
    settings = {"bits": 13, "num_classes": 3, "image_size": 96, "resize": "crop"}
    network = get_model("dlheir_nano", **settings, replace_last=3, head="class_code")
    again = get_model(**network.settings)
    again.load_state_dict(network.state_dict())
    assert again.settings == network.settings
    assert again.transform == network.transform


def test_settings_hold_given_options_as_plain_values():
    settings = get_model("dlheir_nano", bits=12, replace_last=2, resize="letterbox").settings
    assert settings["replace_last"] == 2
    assert settings["resize"] == "letterbox"
    assert settings["tail"] == "inverted_residual"
    assert {type(value) for value in settings.values()} <= {int, str, bool, float}


def test_settings_hold_defaults_too():
    """A checkpoint must not change when a default does."""
    assert get_model("dlheir").settings == {
        "name": "dlheir",
        "bits": 48,
        "num_classes": 100,
        "image_size": 224,
        "tail": "inverted_residual",
        "resize": "warp",
        "hash_order": "sigmoid_first",
        "head": "hash_layer",
        "replace_last": 14,
        "expansion": 1,
        "block_channels": 512,
        "memory_efficient": False,
    }


def test_outputs_come_from_the_parts_in_order(network, images):
    maps = network.features(images)
    activations = network.hash_layer(network.tail(maps))
    assert torch.equal(network.activations_of(maps), activations)
    assert torch.equal(network.activations(images), activations)
    assert torch.equal(network(images), network.classifier(activations))


def test_codes_are_activations_at_or_above_the_threshold(network, images):
    activations = network.activations(images)
    median = activations.median(dim=0).values
    network.threshold.copy_(median)  # one activation of each bit lies on the threshold
    codes = network.codes(images)
    assert codes.dtype == torch.uint8
    assert not codes.requires_grad
    assert torch.equal(codes, (activations >= median).to(torch.uint8))
    assert codes.float().mean() == 0.75  # of 4 pictures the lower median and two above


def test_codes_keep_no_graph(network, images):
    kept = []
    handle = network.hash_layer.register_forward_hook(
        lambda *_: kept.append(torch.is_grad_enabled())
    )
    network.codes(images)
    handle.remove()
    assert kept == [False]


def test_threshold_starts_at_one_half_and_is_saved():
    network = get_model("dlheir_nano", bits=12)
    assert torch.equal(network.state_dict()["threshold"], torch.full((12,), 0.5))
    assert "threshold" not in dict(network.named_parameters())


def test_gradient_reaches_every_parameter(images):
    network = get_model("dlheir_nano", bits=12, num_classes=7)
    network(images).square().sum().backward()
    without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    # Batch norm subtracts the bias of the convolution before it, and its gradient with it.
    assert set(without) <= {"hash_layer.conv.bias"}


def test_activations_under_autocast(network, images):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        activations = network.activations(images)
    assert activations.dtype == torch.float32
    assert ((activations > 0) & (activations < 1)).all()


def test_backbone_and_new_layers_stand_apart(network):
    new = {name.split(".")[0] for name, _ in network.named_parameters()} - {"features"}
    assert new == {"tail", "hash_layer", "classifier"}
