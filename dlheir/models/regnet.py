"""The RegNetY-400MF trunk (Radosavovic et al., 2020)."""

import torch
from torch import nn
from torchvision.models import RegNet_Y_400MF_Weights, regnet_y_400mf

from dlheir.models.backbone import Backbone, register_with_tail


def _on_the_cpu() -> nn.Module:
    # torchvision reads the layers' widths from tensors, which have no values on the meta device.
    with torch.device("cpu"):
        network: nn.Module = regnet_y_400mf()
    return network


register_with_tail(
    "regnet_y_400mf",
    Backbone(
        _on_the_cpu,
        channels=440,
        units={f"trunk_output.block4.block4-{i}": 440 for i in range(1, 6)},
    ),
    pretrained=RegNet_Y_400MF_Weights.DEFAULT,
    prefix="",
    replace_last=2,
)
