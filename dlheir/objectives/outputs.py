"""What the hash layer put into its sigmoid."""

import torch
from torch import Tensor

# In float32 a sigmoid rounds to 1 from about 17 on; up to 14 its logit is right to two digits.
_NEAREST = 1e-6


def unbounded(activations: Tensor) -> Tensor:
    """The output `z = log(a / (1 - a))` whose sigmoid an activation `a` is.

    For the order "pool_first" these are the pooled responses themselves; for "sigmoid_first" they
    only have the activations' order and sign.

    Args:
        activations: In [0, 1].

    Returns:
        The same shape, in -13.9 ... 13.9. At both ends the gradient is zero.
    """
    return torch.logit(activations, eps=_NEAREST)
