"""DenseNet trunks (Huang et al., 2017), whole or with the last layers replaced (section 3.3.2)."""

from dataclasses import dataclass

from torch import nn
from torchvision.models import (
    DenseNet121_Weights,
    DenseNet161_Weights,
    DenseNet169_Weights,
    DenseNet201_Weights,
)
from torchvision.models.densenet import _DenseBlock, _Transition

from dlheir.errors import InputError
from dlheir.models.backbone import register_with_tail
from dlheir.models.checks import check_integer
from dlheir.models.dense_layer import DenseLayer
from dlheir.models.inverted_residual import InvertedResidual
from dlheir.models.registry import register_model
from dlheir.models.trunk import Trunk

BOTTLENECK = 4  # torchvision's bn_size: bottleneck channels as a multiple of the growth rate


@dataclass(frozen=True)
class DenseNetBuilder:
    """Builds the trunk of one DenseNet from torchvision's own blocks.

    Layers are named as torchvision names them, so that its state dicts load. Layers that the
    replacement removes are never created.

    Attributes:
        growth_rate: channels that a dense layer adds.
        blocks: number of dense layers of each dense block.
        stem_channels: channels of the first convolution.
    """

    growth_rate: int
    blocks: tuple[int, ...]
    stem_channels: int

    def __call__(
        self,
        *,
        tail: str,
        replace_last: int = 14,
        expansion: int = 1,
        block_channels: int = 512,
        memory_efficient: bool = False,
    ) -> Trunk:
        """Build the trunk.

        Args:
            tail: "none" for the whole network up to the ReLU after `norm5`; "inverted_residual" for
                one inverted residual block in place of the last dense layers and `norm5`.
            replace_last: dense layers of the last block that the tail replaces; 0 keeps them all.
            expansion: expansion of the inverted residual block.
            block_channels: output channels of the inverted residual block.
            memory_efficient: recompute bottlenecks in the backward pass: about half the memory for
                a longer step, and the same network.

        Raises:
            InputError: an option is out of range.
        """
        if not isinstance(memory_efficient, bool):
            raise InputError(f"memory_efficient must be true or false, not {memory_efficient!r}")
        if tail == "none":
            features, channels = self._features(self.blocks, memory_efficient)
            features.add_module("norm5", nn.BatchNorm2d(channels))
            features.add_module("relu5", nn.ReLU(inplace=True))
            return Trunk(features, channels, self._stride)
        *first, last = self.blocks
        check_integer("replace_last", replace_last, low=0, high=last)
        check_integer("expansion", expansion, low=1)
        check_integer("block_channels", block_channels, low=1)
        features, channels = self._features((*first, last - replace_last), memory_efficient)
        block = InvertedResidual(channels, block_channels, expansion)
        return Trunk(features, block_channels, self._stride, tail=block)

    @property
    def _stride(self) -> int:
        # The stem divides the side by 4, each transition between blocks by 2.
        return 4 << (len(self.blocks) - 1)

    def _features(
        self, blocks: tuple[int, ...], memory_efficient: bool
    ) -> tuple[nn.Sequential, int]:
        """Return torchvision's `features` up to the last dense block, and its channels."""
        channels = self.stem_channels
        features = _stem(channels)
        for number, layers in enumerate(blocks, start=1):
            block = _DenseBlock(0, channels, BOTTLENECK, self.growth_rate, 0.0)
            for layer in range(1, layers + 1):
                dense = DenseLayer(channels, self.growth_rate, BOTTLENECK, 0.0, memory_efficient)
                block.add_module(f"denselayer{layer}", dense)
                channels += self.growth_rate
            features.add_module(f"denseblock{number}", block)
            if number < len(blocks):
                features.add_module(f"transition{number}", _Transition(channels, channels // 2))
                channels //= 2
        _initialise(features)
        return features, channels


def _stem(channels: int) -> nn.Sequential:
    stem = nn.Sequential()
    stem.add_module("conv0", nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False))
    stem.add_module("norm0", nn.BatchNorm2d(channels))
    stem.add_module("relu0", nn.ReLU(inplace=True))
    stem.add_module("pool0", nn.MaxPool2d(3, stride=2, padding=1))
    return stem


def _initialise(features: nn.Module) -> None:
    """Initialise as torchvision's DenseNet does; batch norms start at 1 and 0 by themselves."""
    for module in features.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)


densenet121 = DenseNetBuilder(growth_rate=32, blocks=(6, 12, 24, 16), stem_channels=64)
densenet161 = DenseNetBuilder(growth_rate=48, blocks=(6, 12, 36, 24), stem_channels=96)
densenet169 = DenseNetBuilder(growth_rate=32, blocks=(6, 12, 32, 32), stem_channels=64)
densenet201 = DenseNetBuilder(growth_rate=32, blocks=(6, 12, 48, 32), stem_channels=64)

# The paper's network; there is no densenet201_ir beside it.
register_model("densenet201", pretrained=DenseNet201_Weights.DEFAULT)(densenet201)
register_model("dlheir", tail="inverted_residual", pretrained=DenseNet201_Weights.DEFAULT)(
    densenet201
)

# A similar share of the last block in the others: 7 layers of densenet121 would save nothing.
register_with_tail(
    "densenet121", densenet121, pretrained=DenseNet121_Weights.DEFAULT, replace_last=8
)
register_with_tail(
    "densenet161", densenet161, pretrained=DenseNet161_Weights.DEFAULT, replace_last=10
)
register_with_tail(
    "densenet169", densenet169, pretrained=DenseNet169_Weights.DEFAULT, replace_last=14
)

# Small enough to train on a laptop: the quickstart and the tests.
densenet_nano = DenseNetBuilder(growth_rate=16, blocks=(2, 3, 4), stem_channels=16)
register_model("dlheir_nano", tail="inverted_residual", replace_last=1, block_channels=96)(
    densenet_nano
)
