"""Writing a linear projection into a hash layer."""

from typing import cast

import torch
from torch import Tensor, nn

from dlheir.errors import InputError


@torch.no_grad()
def set_projection(hash_layer: nn.Module, directions: Tensor, mean: Tensor) -> None:
    """Make the hash layer's activation the sigmoid of `directions (x - mean)`.

    In eval mode a bit is then 1, its activation at least 0.5, where the projection is at least 0.
    Batch norm is left with running statistics 0 and 1, weight 1 and bias 0.

    Args:
        hash_layer: A `HashLayer` of the order "pool_first".
        directions: (bits, C), scaled so that sigmoids do not saturate.
        mean: (C,).

    Raises:
        InputError: The hash layer averages after the sigmoid.
    """
    if hash_layer.order != "pool_first":
        raise InputError(
            f"hash_order is {hash_layer.order}; an objective in closed form needs pool_first, "
            "so that a bit is the sign of a projection"
        )
    conv, norm = cast(nn.Conv2d, hash_layer.conv), cast(nn.BatchNorm2d, hash_layer.norm)
    set_convolution(conv, directions, -directions @ mean)
    norm.reset_parameters()


@torch.no_grad()
def set_convolution(conv: nn.Conv2d, weight: Tensor, bias: Tensor) -> None:
    """Make a 1x1 convolution compute `weight x + bias` at each place."""
    conv.weight.copy_(weight[:, :, None, None])
    cast(Tensor, conv.bias).copy_(bias)


def unit_scale(projected: Tensor) -> Tensor:
    """The factor that makes the root mean square of projections 1.

    Sigmoids of most pictures then lie between 0.1 and 0.9. All bits have the same factor, which
    keeps the proportions of their margins.

    Args:
        projected: (N, bits).

    Returns:
        Scalar, 1 where all projections are 0.
    """
    size = projected.square().mean().sqrt()
    return torch.where(size > 0, 1 / size, torch.ones_like(size))
