"""The MobileNetV2 trunk (Sandler et al., 2018)."""

from torch import nn
from torchvision.models import MobileNet_V2_Weights
from torchvision.models.mobilenetv2 import InvertedResidual
from torchvision.ops import Conv2dNormActivation

from dlheir.models.registry import register_model
from dlheir.models.trunk import Trunk

STEM_CHANNELS = 32
LAST_CHANNELS = 1280
# expansion, output channels, blocks, stride of the first block: Table 2 of Sandler et al.
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


@register_model("mobilenet_v2", pretrained=MobileNet_V2_Weights.DEFAULT)
def mobilenet_v2() -> Trunk:
    """Build torchvision's `features` from its own blocks, without the classifier."""
    channels = STEM_CHANNELS
    features = nn.Sequential(Conv2dNormActivation(3, channels, stride=2, activation_layer=nn.ReLU6))
    for expansion, out_channels, blocks, first_stride in STAGES:
        for number in range(blocks):
            stride = first_stride if number == 0 else 1
            features.append(InvertedResidual(channels, out_channels, stride, expansion))
            channels = out_channels
    features.append(
        Conv2dNormActivation(channels, LAST_CHANNELS, kernel_size=1, activation_layer=nn.ReLU6)
    )
    _initialise(features)
    return Trunk(features, LAST_CHANNELS)


def _initialise(features: nn.Module) -> None:
    """Initialise as torchvision's MobileNetV2 does."""
    for module in features.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
