"""Equations (1) to (6) of the paper, for the blocks that replace a network's last layers."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from dlheir.complexity.operations import fvcore_operations, multiply_accumulates
from dlheir.complexity.stand_in import stand_in
from dlheir.errors import InputError
from dlheir.models import HashingNetwork, get_model, list_models
from dlheir.models.registry import find_entry


@dataclass(frozen=True)
class Separable:
    """A depthwise separable convolution in the symbols of the paper's section 3.3.2.

    A k x k convolution of each channel by itself, then a 1x1 convolution over the channels. Costs
    are multiply-accumulates for one picture; biases and batch norms do not count.

    Attributes:
        k: side of the kernel.
        c_in: channels of the input.
        c_out: channels of the output.
        w_in: width of the input in places.
        h_in: height of the input in places.
        w_out: width of the output in places.
        h_out: height of the output in places.
    """

    k: int
    c_in: int
    c_out: int
    w_in: int
    h_in: int
    w_out: int
    h_out: int

    @property
    def cd(self) -> int:
        """Cost, eq. (1). Its first part has as many places as the input: the stride is 1."""
        depthwise = self.k * self.k * self.c_in * self.w_in * self.h_in
        return depthwise + self.c_in * self.w_out * self.h_out * self.c_out

    @property
    def pd(self) -> int:
        """Parameters, eq. (2)."""
        return self.k * self.k * self.c_in + self.c_in * self.c_out

    @property
    def cs(self) -> int:
        """Cost of a standard convolution between the same maps, eq. (3)."""
        return self.k * self.k * self.c_in * self.c_out * self.h_out * self.w_out

    @property
    def ps(self) -> int:
        """Parameters of this standard convolution, eq. (4)."""
        return self.k * self.k * self.c_in * self.c_out

    @property
    def rc(self) -> float:
        """Ratio of the costs cd / cs, eq. (5)."""
        return self.cd / self.cs

    @property
    def rp(self) -> float:
        """Ratio of the parameters pd / ps, eq. (6)."""
        return self.pd / self.ps

    @property
    def ratio(self) -> float:
        """The right side of both (5) and (6), 1 / Cout + 1 / k^2.

        (6) always holds, (5) where Win Hin = Wout Hout. The paper's text calls them (4) and (5).
        """
        return 1 / self.c_out + 1 / self.k**2

    def as_dict(self) -> dict[str, int | float]:
        """Return the shape and both sides of the equations by name."""
        names = ("cd", "pd", "cs", "ps", "rc", "rp", "ratio")
        return asdict(self) | {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Replacement:
    """What stands in place of a network's last layers, for one picture of one size.

    Attributes:
        model: the network's name.
        image_size: side of the picture in pixels.
        separable: the depthwise separable convolution in the block.
        counted: the left sides of equations (1) to (4) of the layers themselves: costs by fvcore,
            parameters by torch, those of the standard convolution from one that was built for it.
        block: MACs and parameters of the whole block, with its expansion and its batch norms.
        replaced: MACs and parameters of the layers that it replaces.
    """

    model: str
    image_size: int
    separable: Separable
    counted: dict[str, int]
    block: dict[str, int]
    replaced: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, as JSON has it."""
        return asdict(self) | {"separable": self.separable.as_dict()}


def networks_with_a_block() -> list[str]:
    """Return the models whose last layers an inverted residual block replaces, sorted."""
    return [name for name in list_models() if find_entry(name).default_tail != "none"]


def describe_replacement(name: str, image_size: int) -> Replacement:
    """Count the block that replaces a network's last layers, and what it replaces.

    Args:
        name: of a model.
        image_size: the side S in pixels.

    Raises:
        InputError: the model has no such block, or takes no pictures of this size.
    """
    if find_entry(name).default_tail == "none":
        raise InputError(
            f"model {name!r} keeps its last layers, so that equations (1) to (6) say nothing of "
            f"it; choose one of {', '.join(networks_with_a_block())}"
        )
    network = get_model(name, image_size=image_size)
    whole = get_model(name, image_size=image_size, tail="none")
    depthwise, pointwise = _separable_layers(network.tail)
    block, first, second = _shapes(network, (network.tail, depthwise, pointwise), image_size)
    separable = Separable(depthwise.kernel_size[0], *_places(first.inputs, second.outputs))
    standard = _standard_layer(depthwise, pointwise)
    block_macs = _convolution_macs(network.tail, block.inputs)
    kept_macs = _trunk_macs(network, image_size) - block_macs
    return Replacement(
        model=name,
        image_size=image_size,
        separable=separable,
        counted={
            "cd": _convolution_macs(depthwise, first.inputs)
            + _convolution_macs(pointwise, second.inputs),
            "pd": _parameters(depthwise) + _parameters(pointwise),
            "cs": _convolution_macs(standard, first.inputs),
            "ps": _parameters(standard),
        },
        block={"macs": block_macs, "parameters": _parameters(network.tail)},
        replaced={
            "macs": _trunk_macs(whole, image_size) - kept_macs,
            "parameters": _parameters(whole.features) - _parameters(network.features),
        },
    )


@dataclass(frozen=True)
class _Shapes:
    """Shapes of what a layer takes and returns, (1, C, h, w)."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def _separable_layers(block: nn.Module) -> tuple[nn.Conv2d, nn.Conv2d]:
    """Return the depthwise convolution of a block and the 1x1 convolution after it."""
    convolutions = [module for module in block.modules() if isinstance(module, nn.Conv2d)]
    for first, second in pairwise(convolutions):
        if first.groups == first.in_channels and second.kernel_size == (1, 1):
            return first, second
    raise ValueError("the block holds no depthwise separable convolution")


def _standard_layer(depthwise: nn.Conv2d, pointwise: nn.Conv2d) -> nn.Conv2d:
    """Return the standard convolution that makes the same map of the same map as both together."""
    side = depthwise.kernel_size[0]
    stride = depthwise.stride[0]
    channels = depthwise.in_channels, pointwise.out_channels
    return nn.Conv2d(*channels, side, stride=stride, padding=side // 2, bias=False)


def _shapes(network: HashingNetwork, layers: Sequence[nn.Module], image_size: int) -> list[_Shapes]:
    """Return the shapes at some layers of a network for one picture."""
    names = {module: name for name, module in network.named_modules()}
    hooked = stand_in(network, training=False)
    found: dict[str, _Shapes] = {}
    for name in (names[layer] for layer in layers):

        def note(_: nn.Module, inputs: Any, output: Any, name: str = name) -> None:
            found[name] = _Shapes(tuple(inputs[0].shape), tuple(output.shape))

        hooked.get_submodule(name).register_forward_hook(note)
    hooked(torch.zeros(1, 3, image_size, image_size, device="meta"))
    return [found[names[layer]] for layer in layers]


def _places(inputs: tuple[int, ...], outputs: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shapes of two maps in the order of `Separable`."""
    _, c_in, h_in, w_in = inputs
    _, c_out, h_out, w_out = outputs
    return c_in, c_out, w_in, h_in, w_out, h_out


def _convolution_macs(layers: nn.Module, shape: tuple[int, ...]) -> int:
    return fvcore_operations(layers, *shape)["conv"]


def _parameters(layers: nn.Module) -> int:
    return sum(parameter.numel() for parameter in layers.parameters())


def _trunk_macs(network: HashingNetwork, image_size: int) -> int:
    trunk = nn.Sequential(network.features, network.tail)
    return multiply_accumulates(trunk, 1, 3, image_size, image_size)
