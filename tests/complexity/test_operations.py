"""Multiply-accumulates and parameters: by hand, as published, and by another counter."""

import functools

import pytest
import torch
import torchvision
from torch import nn

from dlheir.complexity.memory import activation_bytes
from dlheir.complexity.operations import fvcore_operations, multiply_accumulates
from dlheir.models import get_model, list_models
from dlheir.models.registry import find_entry

# What fvcore counts besides multiply-accumulates.
NO_PRODUCTS = {"batch_norm", "layer_norm", "group_norm", "adaptive_avg_pool2d"}
# Parts of torchvision's networks that come after the trunk, by their first name. The auxiliary
# classifiers work in training alone: their parameters are published, their operations are not.
HEADS = {"classifier", "fc", "head", "heads"}
AUXILIARY = {"AuxLogits"}
SQUEEZENET_PLACES = 13 * 13  # its classifier is a convolution before the pooling
PUBLISHED = [
    name
    for name in list_models()
    if find_entry(name).default_tail == "none" and find_entry(name).pretrained is not None
]


class Attention(nn.Module):
    """Self-attention over a picture's 8 rows, each a token of 24 numbers."""

    def __init__(self, **options):
        super().__init__()
        self.attention = nn.MultiheadAttention(24, 4, batch_first=True, **options)

    def forward(self, images, need_weights=False):
        tokens = images.permute(0, 2, 1, 3).flatten(2)
        return self.attention(tokens, tokens, tokens, need_weights=need_weights)[0]


class Einsum(nn.Module):
    """A bilinear map of the picture with itself: no layer, but products."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(5, 8))

    def forward(self, images):
        return torch.einsum("bchw,oh->bcow", images, self.weight)


def test_attention_by_hand():
    """Also in eval mode, where torch would run it all as one operator."""
    linear, scores = 4 * 24 * 24 * 8, 2 * 8 * 8 * 24
    for network in (Attention(), Attention().eval()):
        assert multiply_accumulates(network, 1, 3, 8, 8) == linear + scores
        counted = fvcore_operations(network, 1, 3, 8, 8)
        assert counted == {"linear": linear, "scaled_dot_product_attention": scores}
    # Tokens, their q, k and v in one, the heads' output, the output; and for the backward pass
    # the logarithm of each row's sum in each head. No 8 x 8 matrix.
    tokens = 8 * 24
    assert activation_bytes(Attention(), 8) < 4 * (8 * tokens + 4 * 8 * 8)
    assert activation_bytes(Attention(dropout=0.5), 8) > activation_bytes(Attention(), 8)


def test_einsum_by_hand():
    assert multiply_accumulates(Einsum(), 1, 3, 8, 8) == 3 * 8 * 5 * 8


def test_vision_transformer_in_closed_form():
    """ViT-B/16 at 224 px: 196 patches and a class token, 12 layers of width 768, 4 x 768 inside."""
    width, tokens = 768, 197
    patches = 196 * 3 * 16 * 16 * width
    layer = tokens * (4 * width**2 + 2 * 4 * width**2) + 2 * tokens**2 * width
    with torch.device("meta"):
        network = torchvision.models.vit_b_16()
    assert multiply_accumulates(network, 1, 3, 224, 224) == patches + 12 * layer + width * 1000


@functools.cache
def published(name):
    """Of torchvision's own network: its weights' entry, and its modules, on the meta device."""
    weights = find_entry(name).pretrained
    builders = torchvision.models.list_models(module=torchvision.models)
    (builder,) = [n for n in builders if torchvision.models.get_model_weights(n) is type(weights)]
    options = {"init_weights": False} if builder in {"googlenet", "inception_v3"} else {}
    with torch.device("cpu" if "regnet" in builder else "meta"):  # its widths are computed
        return weights, torchvision.models.get_model(builder, **options)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_operations(name):
    """torchvision publishes thousands of 1000 multiply-accumulates of each of its networks."""
    weights, network = published(name)
    (size,) = set(weights.transforms().crop_size)
    trunk = get_model(name, image_size=size - size % find_entry(name).side_multiple)
    macs = multiply_accumulates(nn.Sequential(trunk.features, trunk.tail), 1, 3, size, size)
    for part in HEADS & set(dict(network.named_children())):
        for layer in network.get_submodule(part).modules():
            if isinstance(layer, nn.Linear):
                macs += layer.weight.numel()
            elif isinstance(layer, nn.Conv2d):
                macs += layer.weight.numel() * SQUEEZENET_PLACES
    assert macs / 1e9 == pytest.approx(weights.meta["_ops"], abs=0.0005001)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_parameters(name):
    weights, network = published(name)
    trunk = get_model(name, image_size=224)
    head = sum(
        parameter.numel()
        for part, module in network.named_children()
        if part in HEADS | AUXILIARY
        for parameter in module.parameters()
    )
    trunks = sum(parameter.numel() for parameter in trunk.features.parameters())
    assert trunks + head == weights.meta["num_params"]


@pytest.mark.parametrize("name", ["dlheir_nano", "mobilenet_v3_small", "swin_t", "vit_b_16"])
def test_two_counters_agree(name):
    network = get_model(name, image_size=64)
    counted = fvcore_operations(network, 1, 3, 64, 64)
    products = sum(count for operator, count in counted.items() if operator not in NO_PRODUCTS)
    assert products == multiply_accumulates(network, 1, 3, 64, 64)
