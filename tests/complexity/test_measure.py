"""All that a network costs at once, and that measuring it leaves no trace."""

import torch
from torch import nn

from dlheir.complexity.counts import measure
from dlheir.complexity.speed import measure_speed
from dlheir.models import get_model


def test_small_network_by_hand():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    weights, channels, biases, kernels, norms = 3 * 4 * 9, 4, 4, 1, 1
    expected = 9 * weights + 29 * channels + 7 * biases + kernels + 10 * norms + 21
    network.append(nn.Flatten()).append(nn.Linear(4 * 36, 2, bias=False))
    expected += 9 * 4 * 36 * 2 + 1
    complexity = measure(network, image_size=8)
    assert complexity.paper_mflops == expected / 1e6
    assert complexity.macs == 3 * 4 * 9 * 36 + 4 * 36 * 2
    assert complexity.fvcore_macs == complexity.macs + 2 * 4 * 36
    assert complexity.parameters == 3 * 4 * 9 + 4 + 2 * 4 + 4 * 36 * 2
    assert complexity.keras_parameters == complexity.parameters + 2 * 4
    # The picture for the convolution, its output for the norm, the norm's for the linear layer,
    # which needs it flattened, in the same memory; and what comes out.
    assert complexity.activation_bytes == 4 * (3 * 64 + 4 * 36 + 4 * 36 + 2)


def test_more_costs_more():
    costs = [measure(get_model("dlheir_nano", bits), 64) for bits in (12, 24, 48)]
    for name in ("parameters", "keras_parameters", "macs", "fvcore_macs", "activation_bytes"):
        counts = [getattr(cost, name) for cost in costs]
        assert counts == sorted(set(counts))
    small, large = (measure(get_model("dlheir_nano"), size) for size in (64, 128))
    assert small.parameters == large.parameters
    linear = 48 * 100  # the classifier works on one place, everything else on four times as many
    assert large.macs - linear == 4 * (small.macs - linear)
    assert 3.9 * small.activation_bytes < large.activation_bytes < 4 * small.activation_bytes


def test_frozen_parameters_count():
    network = get_model("dlheir_nano")
    whole = measure(network, 32)
    network.features.requires_grad_(False)
    assert measure(network, 32) == whole


def test_measuring_changes_nothing():
    network = get_model("dlheir_nano")
    network.tail.eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    attend = nn.functional.scaled_dot_product_attention
    measure(network, 64)
    assert network.training
    assert not network.tail.training
    assert all(torch.equal(value, network.state_dict()[key]) for key, value in before.items())
    assert nn.functional.scaled_dot_product_attention is attend
    assert torch.backends.mha.get_fastpath_enabled()


def test_during_a_test_as_ever():
    network = get_model("dlheir_nano")
    with torch.inference_mode():
        assert measure(network.half(), 64) == measure(get_model("dlheir_nano"), 64)


def test_speed():
    network = get_model("dlheir_nano", 12)
    speed = measure_speed(network, 32, batch_size=2, repeats=1)
    assert speed.inference_images_per_second > 0
    assert speed.training_images_per_second > 0
    assert (speed.batch_size, speed.repeats) == (2, 1)
