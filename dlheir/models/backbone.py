"""torchvision's networks as trunks, whole or with their last layers replaced (section 3.3.2)."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from dlheir.models.checks import check_integer
from dlheir.models.inverted_residual import InvertedResidual
from dlheir.models.registry import Builder, register_model
from dlheir.models.trunk import Trunk

# What torchvision calls the layers from the global pooling on.
_HEAD = frozenset({"avgpool", "dropout", "fc", "classifier"})


@dataclass(frozen=True)
class Backbone:
    """Builds the trunk of one torchvision network: its layers before the global pooling.

    Attributes:
        make: builds the network with random weights.
        channels: of the whole network's feature map.
        units: the units (residual blocks, convolutions with what follows them, ...) that the
            inverted residual block can replace, in the network's order: the path of a unit's first
            layer, and the channels that it takes. None of them changes the side of its input.
        stride: pixels of the picture per place of the whole network's feature map.
        unit_stride: the same at the units; another where the network pools once more after them.
    """

    make: Callable[[], nn.Module]
    channels: int
    units: Mapping[str, int]
    stride: int = 32
    unit_stride: int = 32

    def __call__(
        self,
        *,
        tail: str,
        replace_last: int = 1,
        expansion: int = 1,
        block_channels: int = 512,
    ) -> Trunk:
        """Build the trunk.

        Args:
            tail: "none" for the whole network; "inverted_residual" for one inverted residual block
                in place of the last units and all that follows them.
            replace_last: units that the tail replaces, at least 1.
            expansion: expansion of the inverted residual block.
            block_channels: output channels of the inverted residual block.

        Raises:
            InputError: an option is out of range.
        """
        if tail == "none":
            return Trunk(layers_before_pooling(self.make()), self.channels, self.stride)
        check_integer("replace_last", replace_last, low=1, high=len(self.units))
        check_integer("expansion", expansion, low=1)
        check_integer("block_channels", block_channels, low=1)
        features = layers_before_pooling(self.make())
        first_replaced, channels = list(self.units.items())[-replace_last]
        cut(features, first_replaced)
        block = InvertedResidual(channels, block_channels, expansion)
        return Trunk(features, block_channels, self.unit_stride, tail=block)


def register_with_tail(name: str, builder: Builder, **arguments: Any) -> None:
    """Register a builder that takes `tail` as `name`, whole, and as `name_ir`, with the tail.

    Args:
        name: what `get_model` will know the whole network by.
        builder: builds the trunk.
        arguments: of `register_model`, for both.
    """
    register_model(name, **arguments)(builder)
    register_model(f"{name}_ir", tail="inverted_residual", **arguments)(builder)


def layers_before_pooling(network: nn.Module) -> nn.Sequential:
    """Return the layers of a torchvision network up to its global pooling, in order.

    Most networks have them in `features`. Of the others they are the first children, whose order is
    that of the forward pass.
    """
    children = OrderedDict(network.named_children())
    features = children.get("features")
    if isinstance(features, nn.Sequential):
        return features
    for name in _HEAD & children.keys():
        del children[name]
    return nn.Sequential(children)


def cut(layers: nn.Module, path: str) -> None:
    """Remove the layer at `path` and all that come after it.

    Args:
        layers: modules that run in the order in which they are registered.
        path: names of the layer's ancestors and its own, joined by dots.
    """
    name, _, inner = path.partition(".")
    names = [child for child, _ in layers.named_children()]
    position = names.index(name)
    for later in names[position + bool(inner) :]:
        delattr(layers, later)
    if inner:
        cut(layers.get_submodule(name), inner)
