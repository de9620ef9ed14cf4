"""Folded batch norms: the same values with fewer layers."""

import copy

import pytest
import torch
from torch import nn

from dlheir.hashing.folding import fold_batch_norms
from dlheir.models import get_model


class TwiceTheNorm(nn.BatchNorm2d):
    def forward(self, maps):
        return 2 * super().forward(maps)


class TwiceTheConvolution(nn.Conv2d):
    def forward(self, maps):
        return 2 * super().forward(maps)


class Skipping(nn.Sequential):
    """What its layers are in a row is not what it does."""

    def forward(self, maps):
        return maps + self[1](maps)


def convolution(kind=nn.Conv2d):
    return kind(4, 4, 3, padding=1, bias=True)


def norms_in(network):
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def with_statistics(network, images):
    """Give batch norms numbers that all differ from those they start with."""
    with torch.no_grad():
        network.train()(images)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
    return network.eval()


@pytest.mark.parametrize(
    ("name", "left"),
    [
        # Those before a convolution: of 2 + 3 + 3 dense layers and 2 transitions.
        ("dlheir_nano", 10),
        ("mobilenet_v2", 0),
        ("resnet18", 0),
        ("resnet50_ir", 0),
        ("googlenet", 0),
        ("inception_v3", 0),
    ],
)
def test_values_stay_and_norms_go(name, left):
    torch.manual_seed(0)
    images = torch.randn(4, 3, 80, 80)
    network = with_statistics(get_model(name, bits=12, num_classes=3, image_size=80), images)
    with torch.no_grad():
        plain = network.activations(images)
        fold_batch_norms(network.features)
        fold_batch_norms(network.tail)
        torch.testing.assert_close(network.activations(images), plain, rtol=0, atol=1e-5)
    assert norms_in(network.features) + norms_in(network.tail) == left


@pytest.mark.parametrize(
    ("layers", "left"),
    [
        (nn.Sequential(convolution(), nn.BatchNorm2d(4)), 0),
        (nn.Sequential(convolution(), nn.BatchNorm2d(4, eps=0.5)), 0),
        (nn.Sequential(convolution(), nn.ReLU(), nn.BatchNorm2d(4)), 1),
        (nn.Sequential(nn.BatchNorm2d(4), convolution()), 1),
        (nn.Sequential(convolution(), TwiceTheNorm(4)), 1),
        (nn.Sequential(convolution(TwiceTheConvolution), nn.BatchNorm2d(4)), 1),
        (Skipping(convolution(), nn.BatchNorm2d(4)), 1),
    ],
    ids=["bias", "epsilon", "apart", "before", "another norm", "another convolution", "skipping"],
)
def test_only_what_follows_a_convolution_is_folded(layers, left):
    torch.manual_seed(0)
    images = torch.randn(8, 4, 6, 6)
    network = with_statistics(copy.deepcopy(layers), images)
    plain = network(images)
    fold_batch_norms(network)
    torch.testing.assert_close(network(images), plain)
    assert norms_in(network) == left


def test_what_still_learns_is_not_folded():
    network = nn.Sequential(convolution(), nn.BatchNorm2d(4)).train()
    with pytest.raises(AssertionError, match="only for eval"):
        fold_batch_norms(network)
    assert norms_in(network) == 1
