"""The hash layer against values worked out by hand."""

import math

import pytest
import torch

from dlheir.errors import InputError
from dlheir.models import HashLayer


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def saturating_layer():
    """A layer whose sigmoid is 0.9997, which bfloat16 rounds to 1."""
    layer = HashLayer(in_channels=1, bits=1).eval()
    torch.nn.init.constant_(layer.conv.weight, 0)
    torch.nn.init.constant_(layer.conv.bias, 8)
    return layer


@pytest.mark.parametrize("order", ["sigmoid_first", "pool_first"])
def test_value_worked_out_by_hand(order):
    layer = HashLayer(in_channels=1, bits=1, order=order).eval()
    with torch.no_grad():
        layer.conv.weight.fill_(2)
        layer.conv.bias.fill_(-1)
        layer.norm.running_mean.fill_(1)
        layer.norm.running_var.fill_(4)
        layer.norm.weight.fill_(3)
        layer.norm.bias.fill_(0.5)
    features = [0.0, 1.0, 2.0, 3.0]
    normalised = [3 * (2 * x - 1 - 1) / math.sqrt(4 + 1e-5) + 0.5 for x in features]
    expected = {
        "sigmoid_first": sum(sigmoid(x) for x in normalised) / 4,
        "pool_first": sigmoid(sum(normalised) / 4),
    }

    result = layer(torch.tensor(features).view(1, 1, 2, 2))

    assert result.item() == pytest.approx(expected[order], abs=1e-6)


def test_the_paper_pools_after_the_sigmoid():
    assert HashLayer(in_channels=1, bits=1).order == "sigmoid_first"


def test_other_orders_are_refused():
    with pytest.raises(InputError, match="hash_order must be one of sigmoid_first, pool_first"):
        HashLayer(in_channels=1, bits=1, order="max_first")


def test_one_activation_per_bit():
    assert HashLayer(in_channels=5, bits=12)(torch.randn(3, 5, 4, 7)).shape == (3, 12)


def test_autocast_does_not_saturate():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        activations = saturating_layer()(torch.zeros(1, 1, 2, 2))
    assert activations.dtype == torch.float32
    assert activations.item() == pytest.approx(sigmoid(8), abs=1e-5)


def test_autocast_leaves_batch_norm_in_full_precision():
    layer = saturating_layer()
    torch.nn.init.constant_(layer.norm.running_mean, 8)
    torch.nn.init.constant_(layer.norm.bias, 0.3)  # 0.3008 in bfloat16
    with torch.autocast("cpu", dtype=torch.bfloat16):
        activations = layer(torch.zeros(1, 1, 2, 2))
    assert activations.item() == pytest.approx(sigmoid(0.3), abs=1e-6)


def test_half_precision_weights_do_not_saturate():
    activations = saturating_layer().bfloat16()(torch.zeros(1, 1, 2, 2, dtype=torch.bfloat16))
    assert activations.dtype == torch.float32
    assert 0.999 < activations.item() < 1


def test_double_precision_stays():
    activations = HashLayer(2, 3).double()(torch.randn(2, 2, 3, 3, dtype=torch.float64))
    assert activations.dtype == torch.float64
