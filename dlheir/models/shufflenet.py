"""ShuffleNetV2 trunks (Ma et al., 2018), half as wide and as wide as the paper's 1x."""

from torchvision.models import (
    ShuffleNet_V2_X0_5_Weights,
    ShuffleNet_V2_X1_0_Weights,
    shufflenet_v2_x0_5,
    shufflenet_v2_x1_0,
)

from dlheir.models.backbone import Backbone, register_with_tail

# The tail replaces the 1x1 convolution after the units, too.
register_with_tail(
    "shufflenet_v2_x0_5",
    Backbone(shufflenet_v2_x0_5, channels=1024, units={f"stage4.{i}": 192 for i in (1, 2, 3)}),
    pretrained=ShuffleNet_V2_X0_5_Weights.DEFAULT,
    prefix="",
    replace_last=2,
)
register_with_tail(
    "shufflenet_v2_x1_0",
    Backbone(shufflenet_v2_x1_0, channels=1024, units={f"stage4.{i}": 464 for i in (1, 2, 3)}),
    pretrained=ShuffleNet_V2_X1_0_Weights.DEFAULT,
    prefix="",
    replace_last=2,
)
