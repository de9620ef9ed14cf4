"""Networks without numbers, for whatever asks for shapes alone."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def stand_in(network: nn.Module, *, training: bool, device: str = "meta") -> nn.Module:
    """Return a copy of a network with zeros for its weights and statistics.

    They are float32, and every weight asks for its gradient, frozen ones too. On the meta device
    they take no memory, and what is done with them takes no time.

    Args:
        network: stays as it is.
        training: whether the copy is in training mode.
        device: of the copy.
    """
    weights = {id(p): nn.Parameter(_like(p, device)) for p in network.parameters()}
    buffers = {id(b): _like(b, device) for b in network.buffers()}
    # deepcopy takes what the second argument has for the copy already.
    return copy.deepcopy(network, {**weights, **buffers}).train(training)


def _like(tensor: Tensor, device: str) -> Tensor:
    dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
    return torch.zeros(tensor.shape, dtype=dtype, device=device)


@contextmanager
def attention_in_the_open() -> Iterator[None]:
    """Have attention run operator by operator.

    In eval mode `nn.MultiheadAttention` otherwise hands everything to one operator, in which
    counters see no linear layers.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
