"""What a training step keeps: by hand, and what autograd says."""

import pytest
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from dlheir.complexity.counts import measure
from dlheir.complexity.memory import activation_bytes
from dlheir.models import get_model


@pytest.mark.parametrize("in_place", [False, True])
def test_relu_keeps_its_output_alone(in_place):
    """A convolution's output is needed by nothing, and in place it is the same memory."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(in_place))
    assert activation_bytes(network, 8) == 4 * (3 * 64 + 4 * 36)


def test_pooling_keeps_input_output_and_indices():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.MaxPool2d(2))
    assert activation_bytes(network, 8) == 4 * (3 * 64 + 4 * 64 + 4 * 16) + 8 * 4 * 16


def saved_bytes(network, pictures, size):
    """What autograd says it saves on the CPU, but for weights; and the logits."""
    images = torch.zeros(pictures, 3, size, size)
    own = {p.untyped_storage().data_ptr() for p in [*network.parameters(), *network.buffers()]}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = network(images)
    return sum(kept.values()) + logits.untyped_storage().nbytes()


@pytest.mark.parametrize(
    "name", ["dlheir_nano", "mobilenet_v3_small", "squeezenet1_1", "swin_t", "vit_b_16"]
)
def test_activations_are_what_autograd_saves(name):
    network = get_model(name, image_size=64)
    on_the_cpu = saved_bytes(network, 3, 64) - saved_bytes(network, 2, 64)
    assert activation_bytes(network, 64) == on_the_cpu


def test_recomputed_layers_keep_less():
    plain, frugal = (get_model("dlheir_nano", memory_efficient=m) for m in (False, True))
    assert measure(plain, 64).macs == measure(frugal, 64).macs
    # A layer's input and its first norm's output go, at 16, 8 and 4 places a side; what the block
    # was given and what each layer but the last one adds (16 channels) stay, as inputs of others.
    gone = 2 * ((16 + 32) * 16**2 + (24 + 40 + 56) * 8**2 + (36 + 52 + 68) * 4**2)
    stay = (16 + 16) * 16**2 + (24 + 2 * 16) * 8**2 + (36 + 2 * 16) * 4**2
    saved = activation_bytes(plain, 64) - activation_bytes(frugal, 64)
    assert saved == 4 * (gone - stay)
