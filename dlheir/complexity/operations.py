"""Multiply-accumulates of one picture, by torch's counter and by fvcore."""

import math
import warnings
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from dlheir.complexity.stand_in import attention_in_the_open, stand_in

with warnings.catch_warnings():  # fvcore scripts a function on import, which torch 2.15 deprecates
    warnings.simplefilter("ignore", FutureWarning)
    from fvcore.nn import FlopCountAnalysis
    from fvcore.nn.jit_handles import get_shape


def multiply_accumulates(network: nn.Module, *shape: int) -> int:
    """Count the multiply-accumulates of convolutions, linear layers and attention's products.

    Torch counts them where all that multiplies has become a convolution or a matrix product
    (einsum and fused attention, too), each multiply-accumulate as 2.

    Args:
        network: stays as it is.
        shape: of its input, (1, 3, S, S) for a whole network and one picture.
    """
    counter = FlopCounterMode(display=False)
    with torch.inference_mode(False), torch.no_grad(), attention_in_the_open():
        network = stand_in(network, training=False)
        with counter:
            network(torch.zeros(shape, device="meta"))
    return int(counter.get_total_flops()) // 2


def fvcore_operations(network: nn.Module, *shape: int) -> dict[str, int]:
    """Return fvcore's counts by operator; its unit is a MAC, whatever its name says.

    Args:
        network: stays as it is.
        shape: of its input, (1, 3, S, S) for a whole network and one picture.
    """
    with torch.inference_mode(False), torch.no_grad(), attention_in_the_open():
        traced = stand_in(network, training=False, device="cpu")  # meta tensors cannot be traced
        analysis = FlopCountAnalysis(traced, torch.zeros(shape))
        analysis.set_op_handle("aten::scaled_dot_product_attention", _attention_products)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        return {name: int(count) for name, count in analysis.by_operator().items()}


def _attention_products(inputs: list[Any], _: list[Any]) -> int:
    """Count what fvcore does not know: Q K^T, (L, E) x (E, S), and A V, (L, S) x (S, V)."""
    query, key, value = (get_shape(tensor) for tensor in inputs[:3])
    return int(math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1]))
