"""The RegNetY-400MF trunk (Radosavovic et al., 2020)."""

from torchvision.models import RegNet_Y_400MF_Weights, regnet_y_400mf

from dlheir.models.backbone import Backbone, register_with_tail

register_with_tail(
    "regnet_y_400mf",
    Backbone(
        regnet_y_400mf,
        channels=440,
        units={f"trunk_output.block4.block4-{i}": 440 for i in range(1, 6)},
    ),
    pretrained=RegNet_Y_400MF_Weights.DEFAULT,
    prefix="",
    replace_last=2,
)
