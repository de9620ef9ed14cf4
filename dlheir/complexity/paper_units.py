"""The units of the paper's Table 2: Keras' count of parameters and a profiler's "MFLOPs"."""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def keras_parameters(network: nn.Module) -> int:
    """Return Keras' `count_params()`: running means and variances of batch norms count, too."""
    statistics = sum(2 * norm.num_features for norm in _batch_norms(network))
    return sum(p.numel() for p in network.parameters()) + statistics


def profiler_operations(network: nn.Module) -> int:
    """Return what TensorFlow 1's profiler counts on the paper's training graph.

    Convolutions count nothing there. What is left are the operations of initialisers and of the
    optimiser's update, SGD with Nesterov momentum: F = 9 W + 29 C + 7 b + n_kernels + 10 n_BN + 21
    rounds to six of Table 2's eight entries. Of DLHEIR's other two, 48 bits (158.34) is printed as
    158.25, the entry for 32 bits, and 12 bits (158.14) as 158.13.

    Table 2 says nothing of layers that its networks have not, such as layer norms and position
    embeddings: they count nothing here.
    """
    kernels = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    weights = sum(kernel.weight.numel() for kernel in kernels)
    biases = sum(kernel.bias.numel() for kernel in kernels if kernel.bias is not None)
    norms = _batch_norms(network)
    channels = sum(norm.num_features for norm in norms)
    return 9 * weights + 29 * channels + 7 * biases + len(kernels) + 10 * len(norms) + 21


def _batch_norms(network: nn.Module) -> list[_BatchNorm]:
    return [module for module in network.modules() if isinstance(module, _BatchNorm)]
