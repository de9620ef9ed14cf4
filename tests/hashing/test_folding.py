"""Folded batch norms: the same values with fewer layers."""

import pytest
import torch
from torch import nn

from dlheir.hashing.folding import fold_batch_norms
from dlheir.models import get_model


@pytest.mark.parametrize("name", ["dlheir_nano", "mobilenet_v2", "resnet18", "resnet50_ir"])
def test_values_stay_and_norms_go(name):
    torch.manual_seed(0)
    network = get_model(name, bits=12, num_classes=3, image_size=64)
    images = torch.randn(4, 3, 64, 64)
    with torch.no_grad():
        network.train()(images)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
        plain = network.eval().activations(images)
        before = sum(isinstance(m, nn.BatchNorm2d) for m in network.modules())
        fold_batch_norms(network.features)
        fold_batch_norms(network.tail)
        after = sum(isinstance(m, nn.BatchNorm2d) for m in network.modules())
        torch.testing.assert_close(network.activations(images), plain, rtol=0, atol=1e-5)
    assert after < before / 2 + 4
