"""The block that the paper's README describes."""

import pytest
import torch
from torch import nn

from dlheir.models import InvertedResidual


def test_layers_are_the_papers():
    layers = list(InvertedResidual(1472, 512).layers)
    kinds = [type(layer) for layer in layers]
    assert kinds == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU6] * 2 + [nn.Conv2d, nn.BatchNorm2d]
    expand, depthwise, project = layers[0], layers[3], layers[6]
    assert expand.weight.shape == (1472, 1472, 1, 1)
    assert depthwise.weight.shape == (1472, 1, 3, 3)
    assert depthwise.padding == (1, 1)
    assert project.weight.shape == (512, 1472, 1, 1)
    assert expand.bias is depthwise.bias is project.bias is None


def test_expansion_widens_the_depthwise_convolution():
    assert InvertedResidual(4, 6, expansion=3).layers[3].weight.shape == (12, 1, 3, 3)


@pytest.mark.parametrize(("out_channels", "expected"), [(4, 1.0), (6, 0.0)])
def test_input_is_added_only_where_channels_agree(out_channels, expected):
    block = InvertedResidual(4, out_channels).eval()
    nn.init.zeros_(block.layers[6].weight)  # the layers now give zeros
    output = block(torch.ones(1, 4, 5, 5))
    assert output.shape == (1, out_channels, 5, 5)
    assert (output == expected).all()
