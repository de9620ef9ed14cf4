"""Networks to export, as trained ones are: statistics, thresholds and class codes of their own."""

import site
from pathlib import Path

import torch
from torch import nn

import dlheir
from dlheir.export import golden_levels
from dlheir.models import get_model

SHA256 = "5e" * 32
CASES = {
    "the paper's kind": {"name": "dlheir_nano"},
    "mobilenet": {"name": "mobilenet_v2"},
    "pooled first": {"name": "dlheir_nano", "hash_order": "pool_first", "resize": "letterbox"},
    "class code": {"name": "dlheir_nano", "head": "class_code"},
}


def settled(name="dlheir_nano", bits=24, image_size=64, **settings):
    """Build a network, in eval mode, whose codes differ from picture to picture."""
    torch.manual_seed(0)
    network = get_model(name, bits=bits, num_classes=5, image_size=image_size, **settings)
    images = network.transform.normalize(golden_levels(network.transform))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0  # statistics of these pictures, as after a training
            # A trained block adds little to what comes in. Of random weights, a hundred layers of
            # them multiply what is rounded by a thousand.
            nn.init.constant_(module.weight, 0.3)
    with torch.no_grad():
        network(images)
        if settings.get("head") == "class_code":
            network.hash_layer.centres.random_(0, 2)
        else:
            # Midway between two pictures.
            middle = network.eval().activations(images).quantile(0.5, dim=0)
            network.threshold.copy_(middle)
    return network.eval()


def codes_of(network, levels):
    return network.codes(network.transform.normalize(levels)).numpy()


def names_no_place_of_this_machine(content: bytes) -> bool:
    places = [Path(dlheir.__file__).parent, Path(__file__).parents[1], *site.getsitepackages()]
    return not any(str(place).encode() in content for place in places)
