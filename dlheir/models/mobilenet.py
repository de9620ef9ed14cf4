"""MobileNet trunks: V2 (Sandler et al., 2018) and V3 (Howard et al., 2019)."""

from torchvision.models import (
    MobileNet_V2_Weights,
    MobileNet_V3_Large_Weights,
    MobileNet_V3_Small_Weights,
    mobilenet_v2,
    mobilenet_v3_large,
    mobilenet_v3_small,
)

from dlheir.models.backbone import Backbone, register_with_tail

# The units are inverted residual blocks already, of expansion 6. The tail replaces the last of them
# and the 1x1 convolution that widens what it returns.
register_with_tail(
    "mobilenet_v2",
    Backbone(mobilenet_v2, channels=1280, units={"15": 160, "16": 160, "17": 160}),
    pretrained=MobileNet_V2_Weights.DEFAULT,
)
register_with_tail(
    "mobilenet_v3_small",
    Backbone(mobilenet_v3_small, channels=576, units={"10": 96, "11": 96}),
    pretrained=MobileNet_V3_Small_Weights.DEFAULT,
)
register_with_tail(
    "mobilenet_v3_large",
    Backbone(mobilenet_v3_large, channels=960, units={"14": 160, "15": 160}),
    pretrained=MobileNet_V3_Large_Weights.DEFAULT,
)
