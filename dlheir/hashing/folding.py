"""Batch norms that only hash, made part of the convolutions before them."""

from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models.googlenet import BasicConv2d as GoogLeNetConv2d
from torchvision.models.inception import BasicConv2d as InceptionConv2d
from torchvision.models.resnet import BasicBlock, Bottleneck

from dlheir.models.dense_layer import DenseLayer

# Of modules that say in code what comes after what: convolutions with the batch norm right after.
_PAIRS: dict[type[nn.Module], tuple[tuple[str, str], ...]] = {
    DenseLayer: (("conv1", "norm2"),),
    GoogLeNetConv2d: (("conv", "bn"),),
    InceptionConv2d: (("conv", "bn"),),
    BasicBlock: (("conv1", "bn1"), ("conv2", "bn2")),
    Bottleneck: (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3")),
}


def fold_batch_norms(network: nn.Module) -> None:
    """Fold batch norms into the convolutions whose output they alone take, in place.

    In evaluation a batch norm multiplies each channel by one number and adds another; so can the
    convolution before it. What remains is a pass over the feature maps less for each. Results
    differ by rounding. Batch norms before their convolution (DenseNet's others) stay.

    Args:
        network: in evaluation mode; it can be trained no more.
    """
    for module in network.modules():
        for convolution, norm in _pairs_in(module):
            first, second = getattr(module, convolution), getattr(module, norm)
            # Subclasses may do something else besides.
            if type(first) is nn.Conv2d and type(second) is nn.BatchNorm2d:
                setattr(module, convolution, fuse_conv_bn_eval(first, second))
                setattr(module, norm, nn.Identity())


def _pairs_in(module: nn.Module) -> list[tuple[str, str]]:
    """Names of children of which the second takes what the first makes, and nobody else does."""
    if type(module).forward is nn.Sequential.forward:
        names = [name for name, _ in module.named_children()]
        return list(pairwise(names))
    return list(_PAIRS.get(type(module), ()))
