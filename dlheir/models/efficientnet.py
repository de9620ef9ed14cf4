"""EfficientNet trunks: B0 (Tan and Le, 2019) and V2-S (Tan and Le, 2021)."""

from torchvision.models import (
    EfficientNet_B0_Weights,
    EfficientNet_V2_S_Weights,
    efficientnet_b0,
    efficientnet_v2_s,
)

from dlheir.models.backbone import Backbone, register_with_tail

# The units are inverted residual blocks already, of expansion 6 and with squeeze and excitation.
# The tail replaces the 1x1 convolution after them, too.
register_with_tail(
    "efficientnet_b0",
    Backbone(
        efficientnet_b0, channels=1280, units={"6.1": 192, "6.2": 192, "6.3": 192, "7.0": 192}
    ),
    pretrained=EfficientNet_B0_Weights.DEFAULT,
    licence="BSD-3-Clause (torchvision), converted from timm's (Apache-2.0)",
    replace_last=2,
)
register_with_tail(
    "efficientnet_v2_s",
    Backbone(efficientnet_v2_s, channels=1280, units={f"6.{i}": 256 for i in range(1, 15)}),
    pretrained=EfficientNet_V2_S_Weights.DEFAULT,
    replace_last=6,
)
