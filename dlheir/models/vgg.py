"""The VGG16 trunk with batch norm (Simonyan and Zisserman, 2015)."""

import torch
from torch import nn
from torchvision.models import VGG, VGG16_BN_Weights
from torchvision.models.vgg import cfgs, make_layers

from dlheir.models.backbone import Backbone, register_with_tail


def vgg16_bn() -> nn.Module:
    """Build torchvision's network; its classifier, 9 parameters in 10, takes no memory."""
    features = make_layers(cfgs["D"], batch_norm=True)
    with torch.device("meta"):
        network: nn.Module = VGG(features)
    return network


register_with_tail(
    "vgg16_bn",
    # The last three convolutions; the network pools after them.
    Backbone(vgg16_bn, channels=512, units={"34": 512, "37": 512, "40": 512}, unit_stride=16),
    pretrained=VGG16_BN_Weights.DEFAULT,
)
